"""What workers queue by themselves: runs that are due or were missed, and the jobs of workers that died."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from procrastinate import App
from sqlalchemy import Engine, and_, func, select

from etl.database.bookkeeping import SyncRun
from etl.database.engine import transaction
from etl.exit_codes import Outcome
from etl.load import run_lock
from etl.load.journal import OVER_EVERYTHING
from etl.selection import Selection
from etl.settings.accounts import Account
from etl.settings.settings import Settings
from etl.workers import queue
from etl.workers.retries import WAITS
from etl.workers.schedule import AUDIT, RECENT, Times

log = logging.getLogger(__name__)

HOURS_FAILED_JOBS_ARE_KEPT = 30 * 24
# No job waits longer to be tried again: one that seems to was put off by a clock that was ahead.
LONGEST_WAIT = max(WAITS) + 60

Call = Callable[[Coroutine[Any, Any, Any]], Any]


async def queue_due_runs(app: App, engine: Engine, known: list[Account], now: datetime) -> None:
    """Queue the due runs of accounts; do nothing while another worker does the same."""
    await asyncio.to_thread(_queue_due_runs, _calling(asyncio.get_running_loop()), app, engine, known, now)


async def requeue_stalled_jobs(app: App, engine: Engine, dead: float, own_id: int | None) -> None:
    """Queue the jobs of workers without a sign of life for so long; do nothing while another worker does the same.

    dead: in seconds. own_id: the calling worker, whose own jobs are left alone: it may have been suspended itself.
    """
    await asyncio.to_thread(_requeue_stalled_jobs, _calling(asyncio.get_running_loop()), app, engine, dead, own_id)


def _calling(loop: asyncio.AbstractEventLoop) -> Call:
    """Return a function that runs a coroutine in the main thread's loop and waits for it; heartbeats go on."""

    def call(asked: Coroutine[Any, Any, Any]) -> Any:
        with queue.translated():
            return asyncio.run_coroutine_threadsafe(asked, loop).result()

    return call


def _queue_due_runs(call: Call, app: App, engine: Engine, known: list[Account], now: datetime) -> None:
    with _only_one_worker(engine) as is_alone:
        if is_alone:
            queue.forget_future_moments(engine, now)
        for account in known if is_alone else ():
            _queue_what_is_due(call, app, engine, account, now)


def _queue_what_is_due(call: Call, app: App, engine: Engine, account: Account, now: datetime) -> None:
    """Queue the one due run of an account that covers most; of several that were missed, the last."""
    account_id = account.settings.account_id
    for moment, kind in _times(account.settings).last(now):
        if has_begun(engine, account_id, kind, (moment, now)):
            continue  # begun by hand, or by a worker
        selection = Selection(recent=kind == RECENT, audit=kind == AUDIT)
        if call(queue.queue_due_run(app, account_id, moment, selection)):
            log.info("The run of %s that was due at %s is queued.", account.label, _local(moment, account.settings))
            return


def _requeue_stalled_jobs(call: Call, app: App, engine: Engine, dead: float, own_id: int | None) -> None:
    manager = app.job_manager
    with _only_one_worker(engine) as is_alone:
        if not is_alone:
            return  # else a job that the other has just queued again would be queued twice
        queue.end_long_waits(engine, LONGEST_WAIT)
        for job in call(manager.get_stalled_jobs(seconds_since_heartbeat=dead)):
            if job.worker_id is None or job.worker_id != own_id:
                log.warning("Job %d of a worker that is gone is done by another one.", job.id)
                call(manager.retry_job(job))
        call(manager.delete_old_jobs(nb_hours=HOURS_FAILED_JOBS_ARE_KEPT, include_failed=True))


@contextmanager
def _only_one_worker(engine: Engine) -> Iterator[bool]:
    """Yield whether no other worker looks; none can begin to before the context ends."""
    with transaction(engine) as connection:
        yield bool(connection.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended("etl worker", 0)))))


def introduction(account: Account, now: datetime) -> str:
    """Say of an account when its next run is due."""
    coming = _times(account.settings).next(now)
    when = f"the next run is due at {_local(coming, account.settings)}" if coming else "no run will ever be due"
    return f"{account.label[:1].upper()}{account.label[1:]}: {when}."


def _times(settings: Settings) -> Times:
    return Times(settings.schedule, settings.schedule_recent, settings.schedule_audit, settings.timezone)


def _local(moment: datetime, settings: Settings) -> str:
    return f"{moment.astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d %H:%M} ({settings.timezone})"


def has_begun(engine: Engine, account_id: int, kind: str, between: tuple[datetime, datetime]) -> bool:
    """Return whether a run that covers a kind (see `schedule`) has begun in a time, and did not fail or die.

    between: since when it is due, and now. One in the future is not tonight's: the clock was ahead when it began.
    """
    suffices = {
        RECENT: OVER_EVERYTHING,
        AUDIT: and_(SyncRun.selection.is_(None), SyncRun.audit.is_not(None)),
    }.get(kind, SyncRun.selection.is_(None))
    begun = select(SyncRun.run_id).where(
        SyncRun.account_id == account_id,
        SyncRun.started_at.between(*between),
        SyncRun.outcome.in_([Outcome.COMPLETE, Outcome.INCOMPLETE]) | run_lock.goes_on(),
        suffices,
    )
    with transaction(engine) as connection:
        return connection.execute(begun.limit(1)).first() is not None
