"""What is due, and what was left lying: runs by their schedule, missed ones too, and jobs of workers that died."""

import logging
from datetime import datetime
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


async def look(app: App, engine: Engine, known: list[Account], now: datetime, dead: float = jobs.SECONDS_ALIVE) -> None:
    """Queue the runs that are due, and the jobs of workers that gave no sign of life for so many seconds.

    Nothing is done while another worker does it: what it has just given back would be given back twice.
    """
    with transaction(engine) as connection, jobs.translated():
        if not connection.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended("etl worker", 0)))):
            return
        for account in known:
            due = _due(engine, account, now)
            if due and await jobs.queue_due_run(app, account.settings.account_id, *due):
                log.info("The run of %s that was due at %s is queued.", account.label, _local(due[0], account.settings))
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=dead):
            log.warning("Job %d of a worker that is gone is done by another one.", job.id)
            await app.job_manager.retry_job(job)
        await app.job_manager.delete_old_jobs(nb_hours=HOURS_FAILED_JOBS_ARE_KEPT, include_failed=True)


def _due(engine: Engine, account: Account, now: datetime) -> tuple[datetime, Selection] | None:
    """Give since when a run is due (UTC), and which; of several that were missed, the last one."""
    last = _times(account.settings).last(now)
    if last is None:
        return None
    moment, kind = last
    if journal.has_begun(engine, account.settings.account_id, moment, kind):
        return None  # by hand, or by a worker
    return moment, Selection(recent=kind == RECENT, audit=kind == AUDIT)


def introduction(account: Account, now: datetime) -> str:
    """Say of an account when its next run is due."""
    coming = _times(account.settings).next(now)
    when = f"the next run is due at {_local(coming, account.settings)}" if coming else "no run will ever be due"
    return f"{account.label[:1].upper()}{account.label[1:]}: {when}."


def _times(settings: Settings) -> Times:
    return Times(settings.schedule, settings.schedule_recent, settings.schedule_audit, settings.timezone)


def _local(moment: datetime, settings: Settings) -> str:
    return f"{moment.astimezone(ZoneInfo(settings.timezone)):%Y-%m-%d %H:%M} ({settings.timezone})"
