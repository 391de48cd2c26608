"""The queue of jobs, in schema `etl_jobs` of the database that is there anyway: what can be queued, and how.

The engine is procrastinate: no broker, locks and retries by PostgreSQL itself.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from psycopg import AsyncConnection
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, text

from etl.database import keepalive, pooler, session
from etl.database.address import parameters
from etl.database.engine import explain, transaction
from etl.database.objects import QUEUE_SCHEMA as SCHEMA
from etl.errors import DatabaseError
from etl.load.upsert import psycopg_of
from etl.selection import Selection
from etl.workers.own_jobs import OwnJobs
from etl.workers.pulse import Pulse

# The names of the tasks.
RUN, PART = "run", "part"
# Parts come last, so that a first load that takes days holds up no other account: the worker that began it goes on with
# it, and the others help when they are free.
PRIORITY = {RUN: 10, PART: 0}
SELECTION = TypeAdapter(Selection)
# Without a heartbeat for so long, a worker counts as dead.
SECONDS_ALIVE = 30
# How long a connection is tried for, in seconds, before the next question tries anew: by itself the pool waits twice as
# long after each failure, for up to five minutes, however soon the database is back.
PATIENCE = 10

LISTED = f"""
    WITH listed AS (
        SELECT id, task_name AS task, scheduled_at,
            CASE status WHEN 'failed' THEN attempts - 1 ELSE attempts END AS attempts,
            (args ->> 'account_id')::bigint AS account_id, (args ->> 'run_id')::bigint AS run_id,
            args -> 'selection' AS selection,
            CASE WHEN status = 'todo' THEN 'waits'
                 WHEN status = 'failed' THEN 'failed'
                 WHEN worker.last_heartbeat > now() - interval '{SECONDS_ALIVE} seconds' THEN 'runs'
                 ELSE 'stalled' END AS state,
            (SELECT max(at) FROM {SCHEMA}.procrastinate_events AS event WHERE event.job_id = job.id
             AND event.type <> 'scheduled') AS since
        FROM {SCHEMA}.procrastinate_jobs AS job
        LEFT JOIN (SELECT id AS worker_id, last_heartbeat FROM {SCHEMA}.procrastinate_workers) AS worker
            USING (worker_id)
        WHERE status IN ('todo', 'doing', 'failed')
    )
    SELECT min(id) AS job, task, state, min(since) AS since, max(attempts) AS attempts, count(*) AS jobs,
        CASE WHEN state = 'waits' AND min(scheduled_at) > now() THEN min(scheduled_at) END AS until,
        account_id, run_id, selection
    FROM listed
    GROUP BY task, state, account_id, run_id, selection, CASE task WHEN '{PART}' THEN 0 ELSE id END
    ORDER BY 1
"""  # noqa: S608 -- only constants are formatted in

# Only names and options of jobs are taken from it: it is never opened.
_QUEUE = App(connector=SyncPsycopgConnector())


def open_app(url: str, pulse: Pulse | None = None) -> App:
    """Make the app of a worker on a database; it is opened by `async with app.open_async()`.

    pulse: tells that the worker is alive; None: procrastinate itself does.
    """

    async def configure(connection: AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)
        await connection.execute(pooler.CLEAR)
        await connection.set_autocommit(False)
        # Procrastinate names its tables without their schema.
        await connection.execute(session.statements(search_path=f"{SCHEMA}, pg_temp"), prepare=False)
        await connection.commit()

    found = parameters(url)
    kwargs = keepalive.defaults(found, "etl worker") | found
    connector = PsycopgConnector(
        kwargs=kwargs, configure=configure, min_size=1, max_size=4, timeout=PATIENCE, reconnect_timeout=PATIENCE
    )
    app = App(connector=connector)
    app.job_manager = OwnJobs(connector, PART, pulse)
    return app


def queue_run(engine: Engine, account_id: int, selection: Selection) -> int:
    """Queue a run for the workers; return the number of its job."""
    with transaction(engine) as connection:
        (number,) = _queue(connection, [_run_job(account_id, selection)])
    return number


async def queue_due_run(app: App, account_id: int, moment: datetime, selection: Selection) -> int | None:
    """Queue a run that is due since a moment; return the number of its job.

    Return None when it was queued before, by any worker, or when a run that was due earlier still waits. Only one
    worker at a time may call it.
    """
    timestamp = int(moment.timestamp())
    job, manager = _run_job(account_id, selection, timestamp=timestamp), app.job_manager
    # Not left to a queueing lock: with one, an earlier job could not be queued again while this one waits.
    waiting = await manager.list_jobs_async(task=RUN, status=Status.TODO.value, lock=job.lock)
    if any("timestamp" in waiting_job.task_kwargs for waiting_job in waiting):
        return None
    return await manager.defer_periodic_job(job=job, periodic_id=str(account_id), defer_timestamp=timestamp)


def _run_job(account_id: int, selection: Selection, **arguments: int) -> Job:
    """Return the job of a run; its lock lets one run of an account go on at a time."""
    chosen = SELECTION.dump_python(selection, mode="json")
    return _QUEUE.configure_task(
        RUN,
        queue="runs",
        lock=f"account {account_id}",
        priority=PRIORITY[RUN],
        task_kwargs={"account_id": account_id, "selection": chosen, **arguments},
    ).job


def queue_parts(engine: Engine, account_id: int, run_id: int, numbers: Iterable[int], selection: Selection) -> None:
    """Queue parts of a run."""
    chosen = SELECTION.dump_python(selection, mode="json")
    task = _QUEUE.configure_task(PART, queue=parts_queue(run_id), priority=PRIORITY[PART])
    arguments = {"account_id": account_id, "run_id": run_id, "selection": chosen}
    with transaction(engine) as connection:
        _queue(connection, [task.job.evolve(task_kwargs={**arguments, "number": number}) for number in numbers])


def parts_queue(run_id: int) -> str:
    """Name the queue in which the parts of a run wait."""
    return f"run {run_id}"


def parts_left(connection: Connection, run_id: int) -> bool:
    """Return whether any part of a run waits or is being done."""
    query = (
        f"SELECT EXISTS (SELECT FROM {SCHEMA}.procrastinate_jobs"  # noqa: S608 -- only a constant is formatted in
        " WHERE queue_name = :queue AND status IN ('todo', 'doing'))"
    )
    return bool(connection.scalar(text(query), {"queue": parts_queue(run_id)}))


@dataclass(frozen=True)
class Listed:
    """Jobs as `etl jobs` lists them: one, or the parts of a run that are in the same state.

    state: waits, runs, stalled (its worker gives no sign of life) or failed. since: when it was queued, began or failed
    (UTC). until: when it is tried again at the earliest (UTC). attempts: how many there were before.
    """

    job: int
    task: str
    state: str
    since: datetime
    until: datetime | None
    attempts: int
    jobs: int
    account_id: int | None
    run_id: int | None
    selection: dict[str, Any] | None


def listed(engine: Engine) -> list[Listed]:
    """Return the jobs that wait, run or failed, in the order in which they were queued."""
    with transaction(engine) as connection:
        return [Listed(**row) for row in connection.execute(text(LISTED)).mappings()]


def forget_future_moments(engine: Engine, now: datetime) -> None:
    """Forget that runs were queued for moments which have not come yet: the clock was ahead, and they will be due."""
    query = f"DELETE FROM {SCHEMA}.procrastinate_periodic_defers WHERE defer_timestamp > :now"  # noqa: S608 -- only a constant is formatted in
    with transaction(engine) as connection:
        connection.execute(text(query), {"now": int(now.timestamp())})


def end_long_waits(engine: Engine, longest: int) -> None:
    """Let jobs go that would wait for more than so many seconds."""
    query = (
        "UPDATE procrastinate_jobs SET scheduled_at = NULL"
        " WHERE status = 'todo' AND scheduled_at > now() + make_interval(secs => :longest)"
    )
    with transaction(engine) as connection:
        connection.execute(text(f"SET LOCAL search_path = {SCHEMA}, pg_temp"))  # its triggers want it
        connection.execute(text(query), {"longest": longest})


def cancel(engine: Engine, number: int) -> bool:
    """Take a job that waits or failed off the queue; return whether there was one."""
    query = f"DELETE FROM {SCHEMA}.procrastinate_jobs WHERE id = :id AND status IN ('todo', 'failed') RETURNING id"  # noqa: S608 -- only a constant is formatted in
    with transaction(engine) as connection:
        return connection.execute(text(query), {"id": number}).first() is not None


@contextmanager
def translated() -> Iterator[None]:
    """Translate what procrastinate raises about the database into DatabaseError."""
    try:
        yield
    except ConnectorException as error:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        raise DatabaseError(f"The queue of jobs cannot be reached: {explain(cause)}") from error


def _queue(connection: Connection, jobs: list[Job]) -> list[int]:
    with translated():
        raw = psycopg_of(connection)
        raw.execute(f"SET LOCAL search_path = {SCHEMA}, pg_temp")
        queued = _QUEUE.job_manager.batch_defer_jobs(jobs, connection=raw)
    return [job.id for job in queued if job.id]
