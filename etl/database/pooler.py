"""Whether a connection is a session of PostgreSQL's own: a pooler may hand each transaction to another one.

The lock of a run would then lie on a session that belongs to nobody, and two runs of an account go on at once; and what
`session` sets would be set for strangers. So it is found out before anything is set, by statements that leave nothing
behind. What a pooler calls itself does not matter: some keep a session once a lock is asked for.
"""

import secrets
import select
from collections.abc import Callable
from typing import Any, cast

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.engine.interfaces import Dialect

from etl.errors import DatabaseError, NoSession

SECONDS_FOR_A_SECOND = 10
BITS_OF_A_KEY = 60
# Of two connections, which one asks: a pooler gives out the session that was used last, or the one that was not for
# longest, and in this order neither looks as if each connection had its own.
ORDER = (0, 1, 1, 0, 0, 1)
# A session of a pooler may be another client's of before, with what that has left: locks, tables, statements.
CLEAR = b"DISCARD ALL"

Connection = psycopg.Connection[Any]


def watch(engine: Engine, place: str) -> None:
    """Have an engine's first connection looked at, before it is used, whether it is a session.

    place: names the database in errors. Where it is none, opening a connection raises NoSession.
    """
    is_direct: bool | None = None

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Dialect, _: object, arguments: list[Any], parameters: dict[str, Any]) -> Connection:
        nonlocal is_direct

        def another() -> Connection:
            return cast("Connection", dialect.connect(*arguments, **parameters))

        connection = another()
        connection.autocommit = True
        try:
            if is_direct is None:
                is_direct = require_session(connection, another, place)
            if not is_direct:
                connection.execute(CLEAR)
        except BaseException:
            connection.close()
            raise
        connection.autocommit = False
        return connection


def require_session(connection: Connection, another: Callable[[], Connection], place: str) -> bool:
    """Raise NoSession unless a new connection is a session; return whether PostgreSQL itself let it in.

    Raise DatabaseError where a pooler gives no second connection. Both are used outside of transactions.
    Two short questions where PostgreSQL itself answers. Else they are asked by two connections in turn.
    """
    if _is_direct(connection):
        return True
    with another() as second:
        second.autocommit = True
        if not _answers(second):
            raise DatabaseError(
                f"The connection pooler at {place} gave no second connection within {SECONDS_FOR_A_SECOND} seconds:"
                " a run has several at once. Let its pool have more of them, or DATABASE_URL lead to PostgreSQL itself."
            )
        if not (_keep_theirs(connection, second) and _shows_locks(connection, second)):
            raise NoSession(f"{said(place)} {NoSession.advice}")
    return False


def said(place: str) -> str:
    """Say of a database that what leads to it are no sessions."""
    return (
        f"PostgreSQL at {place} is reached through a connection pooler in transaction or statement mode, which hands"
        " each transaction to another session: two runs of an account could go on at once."
    )


def _is_direct(connection: Connection) -> bool:
    """Return whether the session that answers is the one that let us in: poolers name one of their own making."""
    return {_ask(connection), _ask(connection)} == {connection.info.backend_pid}


def _ask(connection: Connection) -> int:
    """Return by which session a statement is answered.

    It takes a lock for itself alone, as poolers that look at what is asked then keep the session.
    """
    key = secrets.randbits(BITS_OF_A_KEY)
    asked = f"SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_try_advisory_xact_lock({key}::pg_catalog.int8)"
    return int(connection.execute(asked.encode(), prepare=False).fetchall()[0][0])


def _answers(connection: Connection) -> bool:
    """Return whether a connection is answered in time: a pooler may have let it in, and have no session for it."""
    wire = connection.pgconn
    wire.send_query(b"SELECT 1")
    if not select.select([wire.socket], [], [], SECONDS_FOR_A_SECOND)[0]:
        return False
    while wire.get_result() is not None:
        pass
    return True


def _keep_theirs(first: Connection, second: Connection) -> bool:
    """Return whether each of two connections is answered by one session, and by another one than the other."""
    met: tuple[set[int], set[int]] = set(), set()
    for which in ORDER:
        met[which].add(_ask((first, second)[which]))
        if len(met[which]) > 1 or met[0] & met[1]:
            return False
    return True


def _shows_locks(first: Connection, second: Connection) -> bool:
    """Return whether a lock of one connection is seen by the other, as that of the session that answers the first.

    The first has a transaction open meanwhile, in which its lock ends; and afterwards it has to be the same session.
    """
    key, before = secrets.randbits(BITS_OF_A_KEY), _ask(first)
    with first.transaction():
        first.execute(f"SELECT pg_catalog.pg_advisory_xact_lock({key}::pg_catalog.int8)".encode(), prepare=False)
        locks = second.execute(
            b"SELECT pid, classid::pg_catalog.int8, objid::pg_catalog.int8 FROM pg_catalog.pg_locks"
            b" WHERE locktype OPERATOR(pg_catalog.=) 'advisory'",
            prepare=False,
        ).fetchall()
        _ask(second)
    holders = {pid for pid, high, low in locks if (high << 32) | low == key}
    return holders == {before} == {_ask(first)}
