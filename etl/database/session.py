"""What every session with PostgreSQL begins with: set, and not inherited from role, database, client or pooler."""

import psycopg

from etl.database import keepalive

LONGEST_LOCK_WAIT = 60

# By statement: connection poolers refuse settings among the options of a connection.
SETTINGS = {
    # Nobody but a superuser can create there, so that no name means what somebody else has made.
    "search_path": "pg_catalog, pg_temp",
    "client_encoding": "'UTF8'",
    "DateStyle": "'ISO, YMD'",
    "IntervalStyle": "'postgres'",
    "TimeZone": "'UTC'",
    "lock_timeout": f"'{LONGEST_LOCK_WAIT}s'",
    # What waits for an advisory lock has to see, when it gets it, what its holder has written.
    "default_transaction_isolation": "'read committed'",
}
NOT_ENDED_WHEN_LONG = """
    SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout')
"""


def statements(**other: str) -> list[str]:
    """Return the statements that a session begins with; `other` are settings in the place of these."""
    return [*(f"SET {name} = {value}" for name, value in (SETTINGS | other).items()), keepalive.statement()]


def prepare(connection: psycopg.Connection) -> None:
    """Set what a session begins with."""
    for statement in statements():
        connection.execute(statement.encode())
    connection.commit()


def lift_limits(connection: psycopg.Connection) -> None:
    """Let the statements of this transaction take their time: what is computed of all rows takes minutes."""
    connection.execute(NOT_ENDED_WHEN_LONG.encode())


def prepare_transaction(connection: psycopg.Connection) -> None:
    """Set the search_path of this transaction to that of the session, which a migration may have changed."""
    connection.execute(f"SET LOCAL search_path = {SETTINGS['search_path']}".encode())
