"""A worker that was taken for dead, and is not: its sign of life, and jobs that another worker has by now."""

import asyncio

from procrastinate import App
from procrastinate.jobs import Job, Status
from sqlalchemy import Engine

from etl.selection import Selection
from etl.workers import queue
from etl.workers.pulse import Pulse
from tests.integration.workers.test_scheduler import execute, rows, states, with_app
from tests.waits import wait_until

LONG_DEAD = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
ALIVE = "SELECT id FROM etl_jobs.procrastinate_workers WHERE last_heartbeat > now() - interval '30 minutes'"


def alive(engine: Engine) -> list[int]:
    return [number for (number,) in rows(engine, ALIVE)]


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def test_a_worker_is_alive_though_its_loop_does_nothing_and_though_it_was_deleted_or_cut_off_meanwhile(
    engine: Engine,
) -> None:
    execute(engine, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    ((number,),) = rows(engine, "SELECT id FROM etl_jobs.procrastinate_workers")
    pulse = Pulse(url(engine), 0.02)
    pulse.begin(number)
    try:
        for harm in (
            LONG_DEAD,
            "DELETE FROM procrastinate_workers",
            f"{LONG_DEAD}; SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'etl worker' AND datname = current_database()",
        ):
            execute(engine, harm)
            wait_until(lambda: alive(engine) == [number])
    finally:
        pulse.end()


def test_a_worker_that_ends_says_no_more_that_it_is_alive(engine: Engine) -> None:
    async def work() -> None:
        app = queue.open_app(url(engine), Pulse(url(engine), 0.02))
        async with app.open_async():
            manager = app.job_manager
            number = await manager.register_worker()
            await asyncio.to_thread(execute, engine, LONG_DEAD)
            await asyncio.to_thread(wait_until, lambda: alive(engine) == [number])
            await manager.unregister_worker(number)
            # One that is suspended and deleted as dead is there again when it takes a job.
            assert await manager.fetch_job(queues=None, worker_id=number) is None
            assert await asyncio.to_thread(alive, engine) == [number]

    asyncio.run(work())


def test_a_part_that_another_worker_has_by_now_is_neither_ended_nor_given_back(engine: Engine) -> None:
    queue.queue_parts(engine, 1, 1, [1], Selection())

    async def take(app: App) -> Job:
        worker_id = await app.job_manager.register_worker()
        job = await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert job is not None
        return job

    async def two_workers(app: App) -> None:
        manager = app.job_manager
        slow = await take(app)
        await manager.retry_job(slow)  # as one does that takes its worker for dead
        await manager.finish_job(slow, Status.SUCCEEDED, delete_job=True)
        fast = await take(app)
        for _ in range(2):
            await manager.retry_job(slow)
            await manager.finish_job(slow, Status.SUCCEEDED, delete_job=True)
        assert await asyncio.to_thread(states, engine) == [(slow.id, "doing", 1)]
        await manager.finish_job(fast, Status.SUCCEEDED, delete_job=True)

    with_app(engine, two_workers)
    assert states(engine) == []
