"""What every session with PostgreSQL begins with: set, and not inherited from role, database, client or pooler."""

import psycopg

LONGEST_LOCK_WAIT = 60

# By statement: connection poolers refuse settings among the options of a connection. All of these a role or a database
# may have been given (ALTER ROLE ... SET), and a client by its environment (PGCLIENTENCODING, PGDATESTYLE, PGTZ).
SETTINGS = {
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
    # How values are written: numbers with all their digits, names as they are.
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
}


def statements(**other: str) -> bytes:
    """Return what a session begins with, as one request; `other` are settings in the place of these."""
    return "; ".join(f"SET {name} = {value}" for name, value in (SETTINGS | other).items()).encode()


def prepare(connection: psycopg.Connection) -> None:
    """Set what a session begins with."""
    # Several statements at once cannot be prepared, whatever prepare_threshold says.
    connection.execute(statements(), prepare=False)
    connection.commit()
