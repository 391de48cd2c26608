"""The journal of runs: how each began and ended, what it did, and when the one before it was."""

import json
import os
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from etl.database.bookkeeping import AccountCount, SyncRun
from etl.database.engine import transaction
from etl.errors import DatabaseError, EtlError, quoted
from etl.exit_codes import ExitCode, Outcome
from etl.load import kept_tally
from etl.load.clock import Clock, take_back_the_future
from etl.load.kept_tally import Attempt, KeptTally
from etl.load.tally import Tally

# Why nothing is missing after a run over everything: it walked every page, or the vendor's counts are the tables'.
WALK, COUNTS = "walk", "counts"
RECENT = {"recent": True}
OVER_EVERYTHING = SyncRun.selection.is_(None) | (SyncRun.selection == RECENT)
RESUMED_WITHIN = timedelta(days=1)
RUNS_AT_ONCE = 50
CLOSED = "Run {} lost its lock, and another one has begun since. What it saved until then stays."


@dataclass
class Run:
    """One execution, as the journal and the summary tell it.

    proof: WALK or COUNTS, once nothing can be missing; None for a selection.
    sees_silent_moves: of one that read what changed, whether that had what moves no activity; else None.
    ledger: {highest_id, loaded, deleted, forbidden, unreadable, unaccounted}; None for a selection.
    audit: {conversations, messages, read, witnessed, unaccounted}; None when messages were not audited.
    contact_ledger: {counted, loaded, gone, not_shown} of the vendor's list of contacts; None when it was not read, or
    is doubted.
    books: metric -> {vendor, ours, explained, days}: the vendor's own counts beside ours; None when nobody asked.
    problems: why the run is not complete, in sentences. notes: what is worth knowing and no fault.
    tally: what it did so far, as sums and sets. clock: by which its times are noted. failure: what ended it, in this
    process only. known: kind -> what of it was accepted (`etl accept`) and stayed so: not complete, and no problem.
    """

    account_id: int
    kind: str
    selection: dict[str, Any] | None = None
    run_id: int = 0
    outcome: Outcome = Outcome.RUNNING
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    proof: str | None = None
    sees_silent_moves: bool | None = None
    ledger: dict[str, int] | None = None
    audit: dict[str, int] | None = None
    contact_ledger: dict[str, int] | None = None
    books: dict[str, dict[str, int]] | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: dict[str, list[str]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    clock: Clock = field(default_factory=Clock)
    failure: EtlError | None = None

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a command whose run this was: a failure may be one that lasts."""
        return ExitCode.of(self.failure) if self.failure else self.outcome.exit_code

    @property
    def seconds(self) -> float:
        """How long the run took, or has taken so far."""
        return max(0.0, ((self.finished_at or self.clock.now()) - self.started_at).total_seconds())


def begin(run: Run, connection: Connection) -> None:
    """Have a run begin now, by the database's clock."""
    run.clock = Clock.of(connection)
    run.started_at = run.clock.at


def open_run(engine: Engine, run: Run) -> None:
    """Write the run down as running, and give it its number."""
    with transaction(engine) as connection:
        take_back_the_future(connection, run.account_id, run.started_at)
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
        kept_tally.open_rows(connection, run.account_id, run.run_id, [kept_tally.ITSELF])


def keep(run: Run) -> KeptTally:
    """Return what counts what an open run saves, and lets nothing be saved that would not be counted."""
    attempt = Attempt(run.account_id, run.run_id)
    return KeptTally(partial(require_open, run=run), attempt, DatabaseError(CLOSED.format(run.run_id)))


def require_open(connection: Connection, run: Run) -> None:
    """Raise DatabaseError when a run was closed by another one; else keep it open until this transaction ends.

    Whoever takes the lock closes what the journal has as running. So a run whose lock was lost, and which does not know
    it yet, overwrites nothing that a later one has read. The run itself may be closed meanwhile: when it is asked to
    stop, its own last batch may wait for a lock of somebody else's.
    """
    running = select(SyncRun.run_id).where(_is(run), SyncRun.outcome == Outcome.RUNNING)
    if connection.execute(running.with_for_update(read=True, key_share=True)).first() is None:
        raise DatabaseError(CLOSED.format(run.run_id))


def _is(run: Run) -> ColumnElement[bool]:
    return and_(SyncRun.account_id == run.account_id, SyncRun.run_id == run.run_id)


def close_run(engine: Engine, run: Run, and_then: Callable[[Connection], object] = lambda _connection: None) -> None:
    """Write down how the run ended; it has failed where another one has closed it since its lock was lost.

    and_then: what is done with it in one transaction, unless another one has closed the run. It is undone with it, too.
    """
    run.finished_at = run.clock.now()
    with transaction(engine) as connection:
        is_open = select(SyncRun.run_id).where(_is(run), SyncRun.outcome == Outcome.RUNNING)
        closed = connection.execute(is_open.with_for_update(key_share=True)).first()
        counts = run.tally.counts
        if closed:
            saved = kept_tally.close_rows(connection, run.account_id)
            counts = kept_tally.total(saved[run.run_id], counts)
            connection.execute(update(SyncRun).where(_is(run)).values(_ending(run, counts)))
            and_then(connection)
    run.tally.counts = counts
    if not closed:
        run.outcome = Outcome.FAILED
        run.problems.append(CLOSED.format(run.run_id))


def _ending(run: Run, counts: dict[str, Counter[str]]) -> dict[str, Any]:
    """Return how a run ended, as columns."""
    return {
        "outcome": run.outcome,
        "finished_at": run.finished_at,
        **_figures(replace(run.tally, counts=counts)),
        "proof": run.proof,
        "sees_silent_moves": run.sees_silent_moves,
        "audit": run.audit,
        "contact_ledger": run.contact_ledger,
        "books": run.books,
        "problems": run.problems or None,
        "notes": run.notes or None,
        "known": run.known or None,
        "quotes": quoted(run.tally.quotes, [*run.problems, *run.notes]) or None,
        **(run.ledger or {}),
    }


def _figures(tally: Tally) -> dict[str, Any]:
    """Return a tally as columns; a sum that has no column of its own is in `counts`, beside those of the tables."""
    told, columns = tally.told(), SyncRun.__table__.columns.keys()
    return {
        "counts": tally.counts | {name: number for name, number in told.items() if name not in columns},
        "unknown_fields": sorted(tally.unknown_fields),
    } | {name: number for name, number in told.items() if name in columns}


def save_counts(engine: Engine, run: Run, status: str, counts: dict[str, int]) -> None:
    """Keep the vendor's own counts of one status, as the run was told them last."""
    keep = upsert(AccountCount).values(account_id=run.account_id, run_id=run.run_id, status=status, **counts)
    told = {one.name: keep.excluded[one.name] for one in AccountCount.__table__.columns if one.name.endswith("_count")}
    with transaction(engine) as connection:
        connection.execute(keep.on_conflict_do_update(index_elements=["account_id", "run_id", "status"], set_=told))


def last_complete_start(engine: Engine, account_id: int) -> datetime | None:
    """Return when the last complete run over everything that changed began (UTC); None when there was none.

    None counts that lies in the future, or after one that followed it: the clock was ahead, and what has changed since
    it really began is not known to be read.
    """
    runs = (
        select(SyncRun.started_at, ((SyncRun.outcome == Outcome.COMPLETE) & OVER_EVERYTHING).label("counts"))
        .where(SyncRun.account_id == account_id)
        .order_by(SyncRun.run_id.desc())
    )
    with transaction(engine) as connection:
        before = Clock.of(connection).at
        with connection.execution_options(yield_per=RUNS_AT_ONCE).execute(runs) as found:
            for row in found:
                if row.started_at <= before and row.counts:
                    return cast("datetime", row.started_at)
                before = min(before, row.started_at)
    return None


def last_whole_start(engine: Engine, account_id: int) -> datetime | None:
    """Return when the last run over everything began that went to its end (UTC); None where it was not complete.

    What it left incomplete may be anywhere. None also where one that followed began before it: the clock was ahead.
    """
    with transaction(engine) as connection:
        last = connection.execute(_last_to_its_end(account_id)).first()
        if last is None or last.outcome != Outcome.COMPLETE:
            return None
        later = select(SyncRun).where(SyncRun.account_id == account_id, SyncRun.run_id > last.run_id)
        is_ahead = connection.scalar(select(later.where(SyncRun.started_at < last.started_at).exists()))
    return None if is_ahead else cast("datetime", last.started_at)


def previous_start(engine: Engine, run: Run) -> datetime | None:
    """Return when the last sync of everything before this run began that went to its end (UTC); None: none did."""
    before = _last_to_its_end(run.account_id).where(SyncRun.run_id < run.run_id, SyncRun.kind == "sync")
    with transaction(engine) as connection:
        begun: datetime | None = connection.scalar(before)
    return begun


def _last_to_its_end(account_id: int) -> Select[datetime, str, int]:
    """Return a query for the last run over everything that went to its end: when it began, its outcome and number."""
    return (
        select(SyncRun.started_at, SyncRun.outcome, SyncRun.run_id)
        .where(SyncRun.account_id == account_id, SyncRun.selection.is_(None))
        .where(SyncRun.outcome.in_([Outcome.COMPLETE, Outcome.INCOMPLETE]))
        .order_by(SyncRun.run_id.desc())
        .limit(1)
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
                begun = min(begun, row.started_at)  # it may lie in the future
    return begun
