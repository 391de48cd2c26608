"""What every session with PostgreSQL begins with: set, and not inherited from role, database, client or pooler."""

from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

from etl.database import keepalive

LONGEST_LOCK_WAIT = 60

# By statement: connection poolers refuse settings among the options of a connection. All of these a role or a database
# may have been given (ALTER ROLE ... SET), and a client by its environment (PGCLIENTENCODING, PGDATESTYLE, PGTZ).
SETTINGS = {
    # First, as it changes how the others are kept; names are written as they are.
    "quote_all_identifiers": "off",
    # Nobody but a superuser can create there, so that no name means what somebody else has made. Where pg_temp is not
    # named, it is looked into first.
    "search_path": "pg_catalog, pg_temp",
    "client_encoding": "'UTF8'",
    "DateStyle": "'ISO, YMD'",
    "IntervalStyle": "'postgres'",
    "TimeZone": "'UTC'",
    "lock_timeout": f"'{LONGEST_LOCK_WAIT}s'",
    # Each statement sees what others have committed; what the merges count rests on it, and so do the ledger's.
    "default_transaction_isolation": "'read committed'",
    # Rows that a policy hides would be missing without a word; so it is an error.
    "row_security": "off",
    # How literals are read: a backslash is one, and NULL in an array is no text of four letters.
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Numbers are written with all their digits.
    "extra_float_digits": "1",
}
NOT_ENDED_WHEN_LONG = """
    SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout')
"""


def statements(**other: str) -> bytes:
    """Return what a session begins with, as one request; `other` are settings in the place of these."""
    settings = (f"SET {name} = {value}" for name, value in (SETTINGS | other).items())
    return "; ".join([*settings, keepalive.statement()]).encode()


class WithinRange(Loader):
    """Reads a time as psycopg does, and one that Python has no date for as the first or the last that it has.

    Such a time (infinity, before Christ, after the year 9999) is none of the vendor's, and must not end every run that
    reads it.
    """

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        super().__init__(oid, context)
        kind = psycopg.adapters.get_loader(oid, Format.TEXT) or TimestamptzLoader
        self._loader = kind(oid, context)

    def load(self, data: Buffer) -> Any:
        """Return an aware datetime."""
        try:
            return self._loader.load(data)
        except psycopg.DataError:
            is_early = bytes(data).startswith(b"-") or bytes(data).endswith(b"BC")
            return (datetime.min if is_early else datetime.max).replace(tzinfo=UTC)


def prepare(connection: psycopg.Connection) -> None:
    """Set what a session begins with."""
    # Several statements at once cannot be prepared, whatever prepare_threshold says.
    connection.execute(statements(), prepare=False)
    connection.commit()
    connection.adapters.register_loader("timestamptz", WithinRange)


def lift_limits(connection: psycopg.Connection) -> None:
    """Let the statements of this transaction take their time: what is computed of all rows takes minutes."""
    connection.execute(NOT_ENDED_WHEN_LONG.encode())
