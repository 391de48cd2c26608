"""What is due, and what was left lying: runs by their schedule, missed ones too, and jobs of workers that died."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from procrastinate import App
from sqlalchemy import Engine, func, select

from etl import jobs, journal
from etl.accounts import Account
from etl.database import transaction
from etl.schedule import AUDIT, RECENT, Times
from etl.selection import Selection
from etl.settings import Settings

log = logging.getLogger(__name__)

HOURS_FAILED_JOBS_ARE_KEPT = 30 * 24

Call = Callable[[Coroutine[Any, Any, Any]], Any]


async def look(app: App, engine: Engine, known: list[Account], now: datetime) -> None:
    """Queue the runs of accounts that are due; nothing while another worker does the same."""
    await asyncio.to_thread(_look, _calling(asyncio.get_running_loop()), app, engine, known, now)


async def give_back(app: App, engine: Engine, dead: float, own_id: int | None) -> None:
    """Queue the jobs of workers that gave no sign of life for so many seconds; nothing while another does the same.

    own_id: the worker that asks, whose own jobs are not such: it may have been suspended itself.
    """
    await asyncio.to_thread(_give_back, _calling(asyncio.get_running_loop()), app, engine, dead, own_id)


def _calling(loop: asyncio.AbstractEventLoop) -> Call:
    """Give what has the main thread's loop call procrastinate, while a thread waits: heartbeats go on meanwhile."""

    def call(asked: Coroutine[Any, Any, Any]) -> Any:
        with jobs.translated():
            return asyncio.run_coroutine_threadsafe(asked, loop).result()

    return call


def _look(call: Call, app: App, engine: Engine, known: list[Account], now: datetime) -> None:
    with _alone(engine) as is_alone:
        for account in known if is_alone else ():
            _queue_what_is_due(call, app, engine, account, now)


def _queue_what_is_due(call: Call, app: App, engine: Engine, account: Account, now: datetime) -> None:
    """Queue the run of an account that does most of those that are due; of several that were missed, the last one."""
    account_id = account.settings.account_id
    for moment, kind in _times(account.settings).last(now):
        if journal.has_begun(engine, account_id, moment, kind):
            continue  # by hand, or by a worker
        selection = Selection(recent=kind == RECENT, audit=kind == AUDIT)
        if call(jobs.queue_due_run(app, account_id, moment, selection)):
            log.info("The run of %s that was due at %s is queued.", account.label, _local(moment, account.settings))
            return


def _give_back(call: Call, app: App, engine: Engine, dead: float, own_id: int | None) -> None:
    manager = app.job_manager
    with _alone(engine) as is_alone:
        if not is_alone:
            return  # what the other has just given back would be given back twice
        for job in call(manager.get_stalled_jobs(seconds_since_heartbeat=dead)):
            if job.worker_id is None or job.worker_id != own_id:
                log.warning("Job %d of a worker that is gone is done by another one.", job.id)
                call(manager.retry_job(job))
        call(manager.delete_old_jobs(nb_hours=HOURS_FAILED_JOBS_ARE_KEPT, include_failed=True))


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """Tell whether no other worker looks; none begins to before this is left."""
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
