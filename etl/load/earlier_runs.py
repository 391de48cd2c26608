"""What the journal tells of the runs before this one: when the last of them began of which the work still holds."""

import json
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Engine, Select, select

from etl.database.bookkeeping import SyncRun
from etl.database.engine import transaction
from etl.exit_codes import Outcome
from etl.load.clock import Clock
from etl.load.journal import OVER_EVERYTHING, Run

RESUMED_WITHIN = timedelta(days=1)
RUNS_AT_ONCE = 50


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
        last = connection.execute(last_to_its_end(account_id)).first()
        if last is None or last.outcome != Outcome.COMPLETE:
            return None
        later = select(SyncRun).where(SyncRun.account_id == account_id, SyncRun.run_id > last.run_id)
        is_ahead = connection.scalar(select(later.where(SyncRun.started_at < last.started_at).exists()))
    return None if is_ahead else cast("datetime", last.started_at)


def previous_start(engine: Engine, run: Run) -> datetime | None:
    """Return when the last sync of everything before this run began that went to its end (UTC); None: none did."""
    before = last_to_its_end(run.account_id).where(SyncRun.run_id < run.run_id, SyncRun.kind == "sync")
    with transaction(engine) as connection:
        begun: datetime | None = connection.scalar(before)
    return begun


def last_to_its_end(account_id: int) -> Select[datetime, str, int]:
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
