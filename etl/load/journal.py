"""The journal of runs: how each began and ended, and what it did."""

import os
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, select, update
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
    unseen: conversations in the tables that it could not see; it is no witness of what became of them.
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
    unseen: list[int] = field(default_factory=list)
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
        "unseen": list(map(str, run.unseen)) or None,
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
