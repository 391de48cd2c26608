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
}


def statements(**other: str) -> list[str]:
    """Return the statements that a session begins with; `other` are settings in the place of these."""
    return [*(f"SET {name} = {value}" for name, value in (SETTINGS | other).items()), keepalive.statement()]


def prepare(connection: psycopg.Connection) -> None:
    """Set what a session begins with."""
    for statement in statements():
        connection.execute(statement.encode())
    connection.commit()
