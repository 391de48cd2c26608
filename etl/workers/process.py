"""The process of `etl worker`: its loop, what it looks for, and how it stops when it is asked to."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from procrastinate import App
from sqlalchemy import Engine

from etl.database.embedded import leave_at_once
from etl.database.engine import address
from etl.database.migrate import open_at_head
from etl.errors import EtlError
from etl.exit_codes import ExitCode
from etl.interrupt import Interrupt
from etl.settings import accounts
from etl.settings.settings import DatabaseSettings
from etl.workers import queue, scheduler
from etl.workers.worker import Worker

log = logging.getLogger(__name__)

# Whoever stops a worker expects it to be gone in ten seconds.
SECONDS_TO_STOP = 8


@dataclass(frozen=True)
class Beat:
    """How often a worker does what nobody asks it for, in seconds; tests have shorter times.

    look: for runs that are due, and for jobs of dead workers. heartbeat: that it is alive. dead: without any.
    poll: for jobs, where the database cannot notify.
    """

    look: float = 15
    heartbeat: float = 10
    dead: float = queue.SECONDS_ALIVE
    poll: float = 5


def work(settings: DatabaseSettings, beat: Beat = Beat()) -> None:
    """Work until SIGTERM or Ctrl-C; what is in hand then is closed, and queued for the others.

    Raise DatabaseError or SettingsError when it cannot begin; later it waits for what is wrong to pass.
    """
    known = accounts.load_all()
    with open_at_head(settings) as engine:
        for account in known:
            log.info("%s", scheduler.introduction(account, datetime.now(UTC)))
        asyncio.run(_work(settings, engine, beat))


async def _work(settings: DatabaseSettings, engine: Engine, beat: Beat) -> None:
    app = queue.open_app(address(settings))
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, _stop, asked)
    async with app.open_async():
        worker = Worker(app, settings, loop)
        worker.register()
        code = await _until(asked, _do_jobs(app, beat), _look(app, engine, beat, worker))
    leave_at_once(code)


def _stop(asked: asyncio.Event) -> None:
    if asked.is_set():
        leave_at_once(ExitCode.FAILED)  # a second time: what is in hand is left to the others
    Interrupt.ask_all()
    asked.set()


async def _until(asked: asyncio.Event, *coroutines: Coroutine[Any, Any, None]) -> int:
    """Do several things until it is asked to stop, or one of them ends by a fault; return the exit code."""
    doing = [asyncio.create_task(one) for one in coroutines]
    await asyncio.wait([*doing, asyncio.create_task(asked.wait())], return_when=asyncio.FIRST_COMPLETED)
    Interrupt.ask_all()
    for one in doing:
        one.cancel()
    ended, _ = await asyncio.wait(doing, timeout=SECONDS_TO_STOP)
    faults = [fault for one in ended if not one.cancelled() and (fault := one.exception())]
    for fault in faults:
        log.error("A fault of this program; the worker ends.", exc_info=fault)
    return ExitCode.FAILED if faults else ExitCode.COMPLETE


async def _do_jobs(app: App, beat: Beat) -> None:
    """Do what is queued, for ever; procrastinate itself gives up when the database goes away."""
    while True:
        with _logged(), queue.translated():
            await app.run_worker_async(
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=beat.poll,
                update_heartbeat_interval=beat.heartbeat,
                stalled_worker_timeout=beat.dead,
            )
        await asyncio.sleep(beat.look)


async def _look(app: App, engine: Engine, beat: Beat, worker: Worker) -> None:
    """Look for what is due and for what dead workers left, for ever."""
    while True:
        with _logged():
            await scheduler.requeue_stalled_jobs(app, engine, beat.dead, worker.worker_id)
            await scheduler.queue_due_runs(app, engine, accounts.load_all(), datetime.now(UTC))
        await asyncio.sleep(beat.look)


@contextmanager
def _logged() -> Iterator[None]:
    """Log a failure that may pass, and go on."""
    try:
        yield
    except EtlError as error:
        log.warning("%s The worker waits for it to pass.", error)
