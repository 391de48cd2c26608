"""The process of `etl worker`: its loop, what it looks for, and how it stops when it is asked to."""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from procrastinate import App
from sqlalchemy import Engine

from etl import faults
from etl.database.embedded import leave_at_once
from etl.database.engine import address
from etl.database.migrate import open_at_head
from etl.database.objects import require_queue
from etl.errors import EtlError
from etl.exit_codes import ExitCode
from etl.interrupt import Interrupt
from etl.load import clock
from etl.settings import accounts
from etl.settings.route import route_to
from etl.settings.settings import DatabaseSettings
from etl.workers import queue, scheduler
from etl.workers.pulse import Pulse
from etl.workers.worker import Worker

log = logging.getLogger(__name__)

# Docker, for one, kills a process ten seconds after it asked it to stop.
SECONDS_TO_STOP = 8


@dataclass(frozen=True)
class Beat:
    """The intervals of a worker, in seconds; tests have shorter ones.

    look: between looks for due runs and for jobs of dead workers. heartbeat: between signs of life. dead: without
    one for so long, a worker counts as dead. poll: between looks for jobs, where the database cannot notify.
    """

    look: float = 15
    heartbeat: float = 10
    dead: float = queue.SECONDS_ALIVE
    poll: float = 5


def work(settings: DatabaseSettings, beat: Beat = Beat()) -> None:
    """Work until SIGTERM or Ctrl-C; jobs under way are then closed, and queued again for the other workers.

    Raise DatabaseError or SettingsError when it cannot begin; a later one is logged, and the worker goes on.
    """
    known = accounts.load_all()
    for account in known:
        route_to(account.settings.base_url)  # a fault of the environment is none of the night's
    with open_at_head(settings) as engine:
        require_queue(engine)
        for account in known:
            log.info("%s", scheduler.introduction(account, clock.now(engine)))
        asyncio.run(_work(settings, engine, beat))


async def _work(settings: DatabaseSettings, engine: Engine, beat: Beat) -> None:
    url = address(settings)
    app = queue.open_app(url, Pulse(url, beat.heartbeat))
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_tell)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, asked)
    async with app.open_async():
        worker = Worker(app, settings, loop)
        worker.register()
        code = await _until(asked, _do_jobs(app, beat), _look(app, engine, beat, worker))
    leave_at_once(code)


def _tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of an exception that nobody waited for."""
    if error := context.get("exception"):
        log.error("%s", faults.report(error))


def _stop(asked: asyncio.Event) -> None:
    if asked.is_set():
        leave_at_once(ExitCode.FAILED)  # a second signal: jobs under way are left to the other workers
    Interrupt.ask_all()
    asked.set()


async def _until(asked: asyncio.Event, *coroutines: Coroutine[Any, Any, None]) -> int:
    """Run coroutines until a stop is asked for, or one of them fails; return the exit code."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    await asyncio.wait([*tasks, asyncio.create_task(asked.wait())], return_when=asyncio.FIRST_COMPLETED)
    Interrupt.ask_all()
    for task in tasks:
        task.cancel()
    ended, _ = await asyncio.wait(tasks, timeout=SECONDS_TO_STOP)
    thrown = [fault for task in ended if not task.cancelled() and (fault := task.exception())]
    for fault in thrown:
        log.error("%s The worker ends.", faults.report(fault))
    return ExitCode.FAILED if thrown else ExitCode.COMPLETE


async def _do_jobs(app: App, beat: Beat) -> None:
    """Do queued jobs, for ever: procrastinate's own loop ends when the database goes away."""
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
    """Look for due runs and for jobs of dead workers, for ever."""
    while True:
        with _logged():
            await scheduler.requeue_stalled_jobs(app, engine, beat.dead, worker.worker_id)
            now = await asyncio.to_thread(clock.now, engine)
            await scheduler.queue_due_runs(app, engine, accounts.load_all(), now)
        await asyncio.sleep(beat.look)


@contextmanager
def _logged() -> Iterator[None]:
    """Log a failure that may pass, and go on."""
    try:
        yield
    except EtlError as error:
        log.warning("%s The worker waits for it to pass.", error)
