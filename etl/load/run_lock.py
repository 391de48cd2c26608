"""The lock that lets one run of an account in at a time: PostgreSQL's own, which goes with its holder's session.

A run that the journal has as running goes on only while this lock is held: else it was killed.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Function,
    Text,
    and_,
    case,
    cast,
    column,
    exists,
    func,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute

from etl.database.bookkeeping import SyncRun
from etl.database.engine import transaction, translated, where
from etl.database.migrate import require_revision
from etl.errors import AnotherRun, DatabaseError, NoSession
from etl.exit_codes import Outcome
from etl.load import killed_runs

# The session of a lock is never silent for longer, whatever the run waits for; one that is silent for LONGEST_SILENCE
# is ended by PostgreSQL itself: its holder is gone, though a proxy or a dead network keeps its connection open.
SECONDS_BETWEEN_TOUCHES, SECONDS_BETWEEN_LOOKS = 20, 1
LONGEST_SILENCE = "3min"
# One that has just taken the lock writes its run down at once; one that was killed loses it in a moment.
SECONDS_TO_BEGIN, SECONDS_BETWEEN_TRIES, SECONDS_TO_LET_GO = 5, 0.2, 3
# What PostgreSQL shows of a session's last statement to others than its own role.
HIDDEN = {None, "", "<insufficient privilege>", "<command string not enabled>"}

Wait = Callable[[float], None]
WhenLost = Callable[[DatabaseError], None]
Account = ColumnElement[int] | InstrumentedAttribute[int]

_ACTIVITY = table("pg_stat_activity", column("pid"), column("usesysid"))
_LOCKS = table("pg_locks", *map(column, ("pid", "locktype", "database", "classid", "objid", "objsubid", "granted")))
_HOLDER = """
    SELECT lock.pid, has_table_privilege(session.usesysid, 'helpdesk.sync_runs', 'INSERT') AS may_run,
        session.application_name, session.backend_start, session.query,
        coalesce(host(session.client_addr), 'this machine') AS came_from
    FROM pg_locks AS lock LEFT JOIN pg_stat_activity AS session ON session.pid = lock.pid WHERE lock.pid = :pid LIMIT 1
"""


def lock_key(account_id: Account) -> Function[int]:
    """Return the number of the account's advisory lock."""
    return func.hashtextextended(literal("etl sync ") + cast(account_id, Text), 0)


def is_held(account_id: Account) -> ColumnElement[bool]:
    """Return whether an account's lock is held, as a condition; `bi.sync_health` has the same one.

    Anybody may take it, a reader of the views, too: that of who cannot write a run down is none.
    """
    may_run = func.has_table_privilege(_ACTIVITY.c.usesysid, literal("helpdesk.sync_runs"), literal("INSERT"))
    return exists().select_from(_LOCKS).where(_of(account_id), _ACTIVITY.c.pid == _LOCKS.c.pid, may_run)


def goes_on() -> ColumnElement[bool]:
    """Return whether a row of sync_runs is of a run that goes on, as a condition: none was, whose lock is not held."""
    return and_(SyncRun.outcome == Outcome.RUNNING, is_held(SyncRun.account_id))


def outcome() -> ColumnElement[str]:
    """Return how a row of sync_runs ended, as an expression: interrupted where it was killed, and could not say so."""
    was_killed = and_(SyncRun.outcome == Outcome.RUNNING, ~is_held(SyncRun.account_id))
    return case((was_killed, literal(Outcome.INTERRUPTED.value, Text)), else_=SyncRun.outcome)


def _of(account_id: Account) -> ColumnElement[bool]:
    ours = select(text("oid")).select_from(text("pg_database")).where(text("datname = current_database()"))
    number: ColumnElement[int] = literal_column("(pg_locks.classid::bigint << 32) | pg_locks.objid::bigint")
    return and_(
        _LOCKS.c.locktype == literal("advisory"),
        _LOCKS.c.objsubid == literal(1),
        _LOCKS.c.granted,
        _LOCKS.c.database == ours.scalar_subquery(),
        number == lock_key(account_id),
    )


class RunLock:
    """The lock of an account that this process holds, by a session of its own, which is never silent for long.

    when_lost: called, by another thread, when it is found out to be lost.
    """

    def __init__(self, engine: Engine, account_id: int, when_lost: WhenLost) -> None:
        self._when_lost = when_lost
        self._engine, self._account_id = engine, literal(account_id, BigInteger)
        self._lost, self._seen_at = "", 0.0
        self._alone = threading.Lock()  # a connection is for one thread at a time
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._touch, name="etl-lock", daemon=True)
        # Whoever finds the lock taken sees by it that its holder is alive: it is in each statement of the session.
        self._mark = text(f"/* lock of account {account_id} */")
        with translated(engine):
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def take(self) -> int | None:
        """Try to take the lock; return None when it was taken, else the session that has it, 0 when that has gone."""
        with self._alone, translated(self._engine):
            self._connection.execute(select(func.set_config("idle_session_timeout", LONGEST_SILENCE, False)))
            asked = select(func.pg_try_advisory_lock(lock_key(self._account_id)), func.pg_backend_pid())
            is_taken, own = self._connection.execute(asked.prefix_with(self._mark)).one()
            if not is_taken:
                return next(iter(self._holders(self._connection)), 0)
        self._begin(own)
        return None

    def _holders(self, connection: Connection) -> list[int]:
        return list(connection.scalars(select(_LOCKS.c.pid).where(_of(self._account_id))))

    def _begin(self, own: int) -> None:
        """Close what was killed, from another session, which has to see that the lock is that of ours."""
        require_revision(self._engine)  # with the lock, without which a migration may have come between
        with transaction(self._engine) as connection:
            if self._holders(connection) != [own]:
                raise NoSession(f"PostgreSQL at {where(self._engine)} shows no lock of this run. {NoSession.advice}")
            killed_runs.close(connection, self._account_id)
        self.check()
        self._thread.start()

    def check_at_times(self) -> None:
        """Do as `check`, but look at the lock once a second at most."""
        if time.monotonic() - self._seen_at >= SECONDS_BETWEEN_LOOKS:
            self.check()

    def check(self) -> None:
        """Raise DatabaseError once the lock was lost with its session, even if there is another session by now."""
        with self._alone:
            self._lost, self._seen_at = self._lost or self._look(), time.monotonic()
            if self._lost:
                raise DatabaseError(self._lost)

    def _look(self) -> str:
        asked = select(exists().select_from(_LOCKS).where(_of(self._account_id), _LOCKS.c.pid == func.pg_backend_pid()))
        try:
            with translated(self._engine):
                is_held = self._connection.scalar(asked.prefix_with(self._mark))
        except DatabaseError as error:
            return f"The lock of this run was lost with its connection. {error}"
        return "" if is_held else f"The lock of this run was lost: it is not seen at {where(self._engine)} any more."

    def _touch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_TOUCHES):
            try:
                self.check()
            except DatabaseError as error:
                self._when_lost(error)
                return

    def let_go(self) -> None:
        """Release the lock, and close its session, with which it goes in any case."""
        self._ended.set()
        if not self._alone.acquire(timeout=SECONDS_TO_LET_GO):
            return  # the thread waits for a server that does not answer: the session ends with the process
        try:
            if not self._lost:
                with suppress(SQLAlchemyError):  # a lost connection has lost its lock, too
                    self._connection.execute(select(func.pg_advisory_unlock(lock_key(self._account_id))))
            self._connection.invalidate()
            self._connection.close()
        finally:
            self._alone.release()


@contextmanager
def hold(
    engine: Engine, account_id: int, wait: Wait = time.sleep, when_lost: WhenLost = lambda _: None
) -> Iterator[RunLock]:
    """Hold the account's lock, which PostgreSQL itself releases when this process dies, or is not heard of any more.

    A run that the journal still has as running has died, and is closed as interrupted: nobody writes for it any more
    (`journal.require_open`, `parts.require_open`). wait: waits for seconds, and may raise. when_lost: see RunLock.
    Raise AnotherRun, saying which run goes on since when; DatabaseError when somebody else holds the lock, saying who.
    """
    lock = RunLock(engine, account_id, when_lost)
    try:
        waited = 0.0
        while (holder := lock.take()) is not None:
            with transaction(engine) as connection:
                if holder:
                    _refuse_if_running(connection, account_id, holder)
                if holder and waited >= SECONDS_TO_BEGIN:
                    raise DatabaseError(_who_holds_it(connection, engine, account_id, holder))
            wait(SECONDS_BETWEEN_TRIES)
            waited += SECONDS_BETWEEN_TRIES
        yield lock
    finally:
        lock.let_go()


def _refuse_if_running(connection: Connection, account_id: int, holder: int) -> None:
    """Raise AnotherRun when the holder is alive and has written its run down."""
    session = connection.execute(text(_HOLDER), {"pid": holder}).first()
    if (
        session is None
        or not session.may_run
        or not (session.query in HIDDEN or f"lock of account {account_id} " in session.query)
    ):
        return
    running = connection.execute(
        select(SyncRun.run_id, SyncRun.started_at, SyncRun.host, SyncRun.process_id)
        .where(SyncRun.account_id == account_id, SyncRun.outcome == Outcome.RUNNING)
        .order_by(SyncRun.run_id.desc())
    ).first()
    if running:
        raise AnotherRun(
            f"Run {running.run_id} of account {account_id} is going on"
            f" since {running.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            f" (process {running.process_id} on {running.host}). This one did nothing; wait for it, or stop it."
        )


def _who_holds_it(connection: Connection, engine: Engine, account_id: int, holder: int) -> str:
    session: Any = connection.execute(text(_HOLDER), {"pid": holder}).first()
    known = ""
    if session and session.backend_start:
        since = f"{session.backend_start.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        known = f" ({session.application_name or 'without a name'}, from {session.came_from}, connected since {since})"
    return (
        f"Session {holder} of PostgreSQL at {where(engine)}{known} holds the lock of account {account_id}, and no run"
        " of it is known to go on: `etl migrate`, `redact` or `forget` may be at work. This one did nothing. Wait; if"
        f" there is nothing to wait for, end that session: SELECT pg_terminate_backend({holder})"
    )
