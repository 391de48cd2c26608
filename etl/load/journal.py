"""The journal of runs, and the lock that lets one run of an account in at a time."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, Function, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError

from etl.database.bookkeeping import AccountCount, SyncPart, SyncRun
from etl.database.engine import transaction, translated
from etl.errors import AnotherRun, quoted
from etl.exit_codes import Outcome
from etl.load.tally import Tally

RECENT = {"recent": True}
OVER_EVERYTHING = SyncRun.selection.is_(None) | (SyncRun.selection == RECENT)
RESUMED_WITHIN = timedelta(days=1)


@dataclass
class Run:
    """One execution, as the journal and the summary tell it.

    ledger: {highest_id, loaded, deleted, forbidden, unreadable, unaccounted}; None for a selection.
    audit: {conversations, messages, read, witnessed, unaccounted}; None when messages were not audited.
    problems: why the run is not complete, in sentences. notes: what is worth knowing and no fault.
    follows_a_stop: whether the run before it was not complete, and may have left rows that no figure counts yet.
    tally: what it did so far, as sums and sets.
    """

    account_id: int
    kind: str
    selection: dict[str, Any] | None = None
    run_id: int = 0
    outcome: Outcome = Outcome.RUNNING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    ledger: dict[str, int] | None = None
    audit: dict[str, int] | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    follows_a_stop: bool = False
    tally: Tally = field(default_factory=Tally)

    @property
    def seconds(self) -> float:
        """How long the run took, or has taken so far."""
        return ((self.finished_at or datetime.now(UTC)) - self.started_at).total_seconds()


def lock_key(account_id: int) -> Function[int]:
    """Return the number of the account's advisory lock."""
    return func.hashtextextended(f"etl sync {account_id}", 0)


@contextmanager
def lock(engine: Engine, account_id: int) -> Iterator[Callable[[], None]]:
    """Hold the account's lock, which PostgreSQL itself releases when this process dies.

    Yield a function that raises DatabaseError when the lock was lost with its connection. A run that the
    journal still has as running has died, and is closed as interrupted: nobody writes for it any more
    (`parts.require_open`).
    Raise AnotherRun, saying who holds it since when.
    """
    key = lock_key(account_id)
    with translated(engine):
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with translated(engine):
            if not connection.scalar(select(func.pg_try_advisory_lock(key))):
                raise AnotherRun(_who_runs(connection, account_id))
            connection.execute(
                update(SyncRun)
                .where(SyncRun.account_id == account_id, SyncRun.outcome == Outcome.RUNNING)
                .values(outcome=Outcome.INTERRUPTED)
            )
            # Nobody needs its parts any more, which may quote what the vendor answered.
            connection.execute(delete(SyncPart).where(SyncPart.account_id == account_id))
        yield partial(_check_lock, engine, connection)
    finally:
        with suppress(SQLAlchemyError):  # a lost connection has lost its lock, too
            connection.execute(select(func.pg_advisory_unlock(key)))
        connection.close()


def _check_lock(engine: Engine, connection: Connection) -> None:
    with translated(engine):
        connection.execute(select(1))


def _who_runs(connection: Connection, account_id: int) -> str:
    running = connection.execute(
        select(SyncRun.run_id, SyncRun.started_at, SyncRun.host, SyncRun.process_id)
        .where(SyncRun.account_id == account_id, SyncRun.outcome == Outcome.RUNNING)
        .order_by(SyncRun.run_id.desc())
    ).first()
    if running is None:
        return (
            f"Another run of account {account_id} is about to begin, or its tables are rewritten. This one did nothing."
        )
    return (
        f"Run {running.run_id} of account {account_id} is going on"
        f" since {running.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        f" (process {running.process_id} on {running.host}). This one did nothing; wait for it, or stop it."
    )


def open_run(engine: Engine, run: Run) -> None:
    """Write the run down as running, and give it its number."""
    before = select(SyncRun.outcome).where(SyncRun.account_id == run.account_id).order_by(SyncRun.run_id.desc())
    with transaction(engine) as connection:
        run.follows_a_stop = connection.scalar(before.limit(1)) not in {None, Outcome.COMPLETE}
        run.run_id = connection.execute(
            insert(SyncRun)
            .values(
                account_id=run.account_id,
                kind=run.kind,
                selection=run.selection,
                outcome=Outcome.RUNNING,
                started_at=run.started_at,
                host=socket.gethostname(),
                process_id=os.getpid(),
            )
            .returning(SyncRun.run_id)
        ).scalar_one()


def close_run(engine: Engine, run: Run) -> None:
    """Write down how the run ended."""
    run.finished_at = datetime.now(UTC)
    with transaction(engine) as connection:
        connection.execute(
            update(SyncRun)
            .where(SyncRun.account_id == run.account_id, SyncRun.run_id == run.run_id)
            .values(
                outcome=run.outcome,
                finished_at=run.finished_at,
                **_figures(run.tally),
                audit=run.audit,
                problems=run.problems or None,
                notes=run.notes or None,
                quotes=quoted(run.tally.quotes, [*run.problems, *run.notes]) or None,
                **(run.ledger or {}),
            )
        )


def _figures(tally: Tally) -> dict[str, Any]:
    """Return a tally as columns; a sum that has no column of its own is in `counts`, beside those of the tables."""
    told, columns = tally.told(), SyncRun.__table__.columns.keys()
    return {
        "counts": tally.counts | {name: number for name, number in told.items() if name not in columns},
        "unknown_fields": sorted(tally.unknown_fields),
    } | {name: number for name, number in told.items() if name in columns}


def tally_of(row: Any) -> Tally:
    """Return what a row of sync_runs tells of a run's tally; of one that was killed or goes on, nothing."""
    tally, counts = Tally(unknown_fields=set(row.unknown_fields or ())), row.counts or {}
    for name in tally.told():
        setattr(tally, name, getattr(row, name, None) or counts.get(name, 0))
    for table, counter in tally.counts.items():
        counter.update(counts.get(table, {}))
    return tally


def save_counts(engine: Engine, run: Run, status: str, counts: dict[str, int]) -> None:
    """Keep the vendor's own counts of one status."""
    with transaction(engine) as connection:
        connection.execute(
            upsert(AccountCount)
            .values(account_id=run.account_id, run_id=run.run_id, status=status, **counts)
            .on_conflict_do_nothing()
        )


def last_complete_start(engine: Engine, account_id: int) -> datetime | None:
    """Return when the last complete run over everything that changed began (UTC); None when there was none."""
    with transaction(engine) as connection:
        return connection.scalar(
            select(func.max(SyncRun.started_at)).where(
                SyncRun.account_id == account_id,
                SyncRun.outcome == Outcome.COMPLETE,
                OVER_EVERYTHING,
            )
        )


def previous_start(engine: Engine, run: Run) -> datetime | None:
    """Return when the last sync of everything before this run began that went to its end (UTC); None: none did."""
    with transaction(engine) as connection:
        return connection.scalar(
            select(func.max(SyncRun.started_at)).where(
                SyncRun.account_id == run.account_id,
                SyncRun.run_id < run.run_id,
                SyncRun.kind == "sync",
                SyncRun.selection.is_(None),
                SyncRun.outcome.in_([Outcome.COMPLETE, Outcome.INCOMPLETE]),
            )
        )


def resumed_from(engine: Engine, run: Run) -> datetime:
    """Return when the work of this run was begun (UTC): by itself, or by runs of the same selection that were stopped.

    Only runs of the last day count: what was read longer ago is read again.
    """
    begun = run.started_at
    chosen = json.loads(json.dumps(run.selection))  # as the journal has it: with lists for tuples
    with transaction(engine) as connection:
        earlier = connection.execute(
            select(SyncRun.started_at, SyncRun.outcome, SyncRun.selection)
            .where(SyncRun.account_id == run.account_id, SyncRun.kind == run.kind, SyncRun.run_id < run.run_id)
            .where(SyncRun.started_at > run.started_at - RESUMED_WITHIN)
            .order_by(SyncRun.run_id.desc())
        )
        for row in earlier:
            if row.selection == chosen:
                if row.outcome not in {Outcome.INTERRUPTED, Outcome.FAILED}:
                    break
                begun = row.started_at
    return begun
