"""What is due, by invented clocks, with two workers that look at the same moment; and what dead workers left."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from procrastinate import App
from procrastinate.jobs import Status
from sqlalchemy import Engine, text

from etl.exit_codes import Outcome
from etl.load import journal, run_lock
from etl.load.journal import Run
from etl.selection import Selection
from etl.settings.accounts import Account
from etl.settings.settings import Settings
from etl.workers import queue, scheduler
from tests.examples import in_the_long_run
from tests.waits import LONGEST, wait_until

Given = TypeVar("Given")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WORKERS = 2


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def an_account(number: int = 1, **settings: Any) -> Account:
    values = {"schedule": "0 2 * * *", "timezone": "Asia/Jerusalem", "api_token": "demo-token"} | settings
    return Account(Settings(account_id=number, **values))


def with_app(engine: Engine, use: Callable[[App], Awaitable[Given]]) -> Given:
    async def used() -> Given:
        app = queue.open_app(engine.url.render_as_string(hide_password=False))
        async with app.open_async():
            return await use(app)

    return asyncio.run(used())


def look(
    engine: Engine,
    known: list[Account],
    clocks: Iterable[datetime],
    after_each: Callable[[datetime], object] = lambda _: None,
    dead: float = queue.SECONDS_ALIVE,
) -> None:
    """Have two workers look at once whenever the clock moves on; then `after_each` happens, before it moves again."""
    moments, together = list(clocks), threading.Barrier(WORKERS, timeout=LONGEST)

    async def look_at_all(app: App) -> None:
        try:
            for now in moments:
                together.wait()
                await scheduler.requeue_stalled_jobs(app, engine, dead, None)
                await scheduler.queue_due_runs(app, engine, known, now)
                if together.wait() == 0:
                    after_each(now)
        except BaseException:
            together.abort()  # the other one shall not wait for this one
            raise

    with ThreadPoolExecutor(WORKERS) as pool:
        for one in [pool.submit(with_app, engine, look_at_all) for _ in range(WORKERS)]:
            one.result()


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def execute(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path = etl_jobs"))  # the queue's triggers want it
        connection.execute(text(statement), values)


def queued(engine: Engine) -> list[tuple[Any, ...]]:
    """Return the jobs: account, since when it is due, which, its state."""
    return rows(
        engine,
        """
        SELECT (args ->> 'account_id')::int, to_char(to_timestamp((args ->> 'timestamp')::bigint) AT TIME ZONE 'UTC',
            'MM-DD HH24:MI'), CASE WHEN (args #>> '{selection,recent}')::bool THEN 'recent'
            WHEN (args #>> '{selection,audit}')::bool THEN 'audit' ELSE args #>> '{selection,kind}' END, status::text
        FROM etl_jobs.procrastinate_jobs ORDER BY id
        """,
    )


def begun(engine: Engine, at: datetime, account_id: int = 1, **selected: Any) -> None:
    """Write a complete run of the past down."""
    selection = Selection(**selected)
    run = Run(account_id, selection.kind, selection.chosen(), started_at=at, outcome=Outcome.COMPLETE)
    run.audit = {"messages": 0} if selection.audit else None
    accounts = "INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (:one, 'http://x') ON CONFLICT DO NOTHING"
    execute(engine, accounts, one=account_id)
    journal.open_run(engine, run)
    journal.close_run(engine, run)


def done_at(engine: Engine) -> Callable[[datetime], None]:
    """Do what is queued in the minute in which it was."""

    def do(now: datetime) -> None:
        for account_id, _, kind, _ in queued(engine):
            begun(engine, now, account_id, recent=kind == "recent", audit=kind == "audit")
        execute(engine, "DELETE FROM etl_jobs.procrastinate_jobs")

    return do


def clocks_around(nights: list[str]) -> list[datetime]:
    """Return every hour of the days of these nights, and each of the five minutes before and after their moments."""
    moments = [utc(one) for one in nights]
    hours = int((moments[-1] - moments[0]) / HOUR)
    minutes = [night + number * MINUTE for night in moments for number in range(-5, 6)]
    return sorted({*(moments[0] + number * HOUR for number in range(hours + 1)), *minutes})


@pytest.mark.long
@pytest.mark.parametrize(
    "nights",
    [
        ["2026-03-26 00:00", "2026-03-27 00:00", "2026-03-27 23:00"],
        ["2026-10-23 23:00", "2026-10-25 00:00", "2026-10-26 00:00"],
        *in_the_long_run(
            ["2027-03-25 00:00", "2027-03-26 00:00", "2027-03-26 23:00"],
            ["2027-10-29 23:00", "2027-10-31 00:00", "2027-11-01 00:00"],
        ),
    ],
)
def test_over_a_change_of_the_clock_each_night_begins_once_and_at_its_minute(engine: Engine, nights: list[str]) -> None:
    begun(engine, utc(nights[0]) - timedelta(days=1))
    found: list[tuple[datetime, Any]] = []
    do = done_at(engine)

    def keep_and_do(now: datetime) -> None:
        found.extend((now, one) for one in queued(engine))
        do(now)

    look(engine, [an_account()], clocks_around(nights), keep_and_do)
    assert found == [(utc(one), (1, one[5:], "sync", "todo")) for one in nights]


@pytest.mark.long
def test_a_night_whose_run_never_began_is_not_queued_a_second_time(engine: Engine) -> None:
    """As when it failed before it could be written down: that is for the retries, and for the next night."""
    begun(engine, utc("2026-05-31 23:00"))

    def lose(_: datetime) -> None:
        found.extend(queued(engine))
        execute(engine, "DELETE FROM etl_jobs.procrastinate_jobs")

    found: list[tuple[Any, ...]] = []
    look(engine, [an_account()], [utc("2026-06-01 22:00") + number * HOUR for number in range(30)], lose)
    assert found == [(1, "06-01 23:00", "sync", "todo"), (1, "06-02 23:00", "sync", "todo")]


def test_of_several_nights_that_were_missed_the_last_one_is_queued(engine: Engine) -> None:
    begun(engine, utc("2026-06-01 23:00"))
    look(engine, [an_account()], [utc("2026-06-09 12:00"), utc("2026-06-09 12:01")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo")]


def test_an_account_that_was_never_read_begins_at_once_and_none_waits_for_another(engine: Engine) -> None:
    begun(engine, utc("2026-06-08 23:00"), account_id=2)
    known = [an_account(1), an_account(2), an_account(3, schedule="0 */6 * * *", timezone="UTC")]
    look(engine, known, [utc("2026-06-09 12:34")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo"), (3, "06-09 12:00", "sync", "todo")]


@pytest.mark.parametrize(
    ("selected", "is_due"),
    [
        ({}, False),
        ({"audit": True}, False),
        ({"kind": "backfill"}, False),
        ({"recent": True}, True),
        ({"statuses": ("open",)}, True),
        ({"kind": "backfill", "conversations": (1,)}, True),
    ],
    ids=str,
)
def test_a_run_by_hand_over_everything_since_the_moment_makes_the_night_not_due(
    engine: Engine, selected: dict[str, Any], is_due: bool
) -> None:
    begun(engine, utc("2026-06-08 23:00"), **selected)
    look(engine, [an_account()], [utc("2026-06-09 01:00")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo")] * is_due


def test_a_run_by_hand_before_the_moment_does_not(engine: Engine) -> None:
    begun(engine, utc("2026-06-08 22:59"))
    look(engine, [an_account()], [utc("2026-06-08 23:00")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo")]


@pytest.mark.long
def test_what_is_recent_is_due_between_the_nights_and_a_run_over_everything_stands_for_it(engine: Engine) -> None:
    account = an_account(schedule="0 2 * * *", schedule_recent="0 */2 * * *", timezone="UTC")
    begun(engine, utc("2026-06-08 23:30"))
    found: list[tuple[Any, ...]] = []
    do = done_at(engine)

    def keep_and_do(now: datetime) -> None:
        found.extend((f"{now:%H:%M}", one[2]) for one in queued(engine))
        do(now)

    begin = utc("2026-06-08 23:45")
    look(engine, [account], [begin + number * 15 * MINUTE for number in range(20)], keep_and_do)
    assert found == [("00:00", "recent"), ("02:00", "sync"), ("04:00", "recent")]


def test_a_run_with_an_audit_comes_in_the_place_of_its_night_and_only_one_with_an_audit_stands_for_it(
    engine: Engine,
) -> None:
    account = an_account(schedule_audit="0 2 * * 6")  # the sixth of June is a Saturday
    begun(engine, utc("2026-06-04 23:00"), audit=True)
    look(engine, [account], [utc("2026-06-05 22:59"), utc("2026-06-05 23:00")])
    assert queued(engine) == [(1, "06-05 23:00", "audit", "todo")]
    execute(engine, "DELETE FROM etl_jobs.procrastinate_jobs; DELETE FROM etl_jobs.procrastinate_periodic_defers")
    begun(engine, utc("2026-06-05 23:01"))
    look(engine, [account], [utc("2026-06-05 23:02")])
    assert queued(engine) == [(1, "06-05 23:00", "audit", "todo")]
    execute(engine, "DELETE FROM etl_jobs.procrastinate_jobs; DELETE FROM etl_jobs.procrastinate_periodic_defers")
    begun(engine, utc("2026-06-05 23:03"), audit=True)
    look(engine, [account], [utc("2026-06-05 23:04"), utc("2026-06-06 23:00")])
    assert queued(engine) == [(1, "06-06 23:00", "sync", "todo")]


def test_a_run_that_still_waits_is_not_doubled_by_the_next_ones(engine: Engine) -> None:
    account = an_account(schedule_recent="0 * * * *")
    begin = utc("2026-06-08 23:00")
    look(engine, [account], [begin + number * HOUR for number in range(26)])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo")]


def test_one_that_is_queued_by_hand_does_not_keep_the_night_from_being_queued(engine: Engine) -> None:
    queue.queue_run(engine, 1, Selection(kind="backfill"))
    look(engine, [an_account()], [utc("2026-06-09 12:00")])
    assert queued(engine) == [(1, None, "backfill", "todo"), (1, "06-08 23:00", "sync", "todo")]


def test_what_is_never_due_is_never_queued(engine: Engine) -> None:
    look(engine, [an_account(schedule="0 0 */31 * SUN#2")], [utc("2026-06-09 12:00")])
    assert queued(engine) == []


# Jobs of workers that died.

QUIET = utc("2026-06-09 12:00")  # nothing is due then, as no account is known


def taken(engine: Engine, seconds_ago: int | None) -> int:
    """Have a new worker take the next job; its last sign of life was so long ago, None: it is gone altogether."""

    async def take(app: App) -> int:
        worker_id = await app.job_manager.register_worker()
        job = await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert job is not None
        assert job.id is not None
        return job.id

    number = with_app(engine, take)
    of_it = f"(SELECT worker_id FROM etl_jobs.procrastinate_jobs WHERE id = {number})"
    if seconds_ago is None:
        execute(engine, f"DELETE FROM etl_jobs.procrastinate_workers WHERE id = {of_it}")
    else:
        execute(
            engine,
            "UPDATE etl_jobs.procrastinate_workers SET last_heartbeat = now() - make_interval(secs => :ago)"
            f" WHERE id = {of_it}",
            ago=seconds_ago,
        )
    return number


def states(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT id, status::text, attempts FROM etl_jobs.procrastinate_jobs ORDER BY id")


def test_jobs_of_dead_workers_are_given_back_once_and_those_of_living_ones_never(engine: Engine) -> None:
    numbers = [queue.queue_run(engine, account_id, Selection()) for account_id in (1, 2, 3, 4)]
    # What is alive stays so however long the looks take on a busy machine.
    dead = 2 * queue.SECONDS_ALIVE + LONGEST
    assert [taken(engine, seconds_ago) for seconds_ago in (dead + 1, queue.SECONDS_ALIVE, None)] == numbers[:3]
    look(engine, [], [QUIET + number * MINUTE for number in range(5)], dead=dead)
    assert states(engine) == [
        (numbers[0], "todo", 1), (numbers[1], "doing", 0), (numbers[2], "todo", 1), (numbers[3], "todo", 0),
    ]  # fmt: skip


def test_the_run_of_a_dead_worker_is_given_back_although_the_next_one_of_its_account_waits(engine: Engine) -> None:
    account = an_account(schedule_recent="0 * * * *")
    look(engine, [account], [utc("2026-06-08 23:00")])
    taken(engine, 0)
    look(engine, [account], [utc("2026-06-09 00:00")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "doing"), (1, "06-09 00:00", "recent", "todo")]
    execute(engine, "UPDATE etl_jobs.procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    look(engine, [account], [utc("2026-06-09 00:10")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo"), (1, "06-09 00:00", "recent", "todo")]


def test_what_failed_is_kept_for_thirty_days(engine: Engine) -> None:
    async def fail(app: App) -> None:
        worker_id = await app.job_manager.register_worker()
        while job := await app.job_manager.fetch_job(queues=None, worker_id=worker_id):
            await app.job_manager.finish_job(job=job, status=Status.FAILED, delete_job=False)

    old, new = (queue.queue_run(engine, account_id, Selection()) for account_id in (1, 2))
    with_app(engine, fail)
    days = "UPDATE etl_jobs.procrastinate_events SET at = at - make_interval(days => :days) WHERE job_id = :job"
    execute(engine, days, days=31, job=old)
    execute(engine, days, days=29, job=new)
    look(engine, [], [QUIET])
    assert states(engine) == [(new, "failed", 1)]


# Runs that were killed, and clocks that were ahead.


def test_a_run_by_hand_that_was_killed_does_not_stand_for_the_night_and_one_that_goes_on_does(engine: Engine) -> None:
    begun(engine, utc("2026-06-07 23:00"))
    by_hand = Run(1, "sync", started_at=utc("2026-06-08 23:10"))
    journal.open_run(engine, by_hand)
    with run_lock.hold(engine, 2):  # of another account
        pass
    with engine.connect() as holder:
        holder.execute(text("SELECT pg_advisory_lock(hashtextextended('etl sync 1', 0))"))
        look(engine, [an_account()], [utc("2026-06-08 23:20")])
        assert queued(engine) == []
        holder.invalidate()
    wait_until(lambda: rows(engine, LOCKS) == [])
    look(engine, [an_account()], [utc("2026-06-08 23:30")])
    assert queued(engine) == [(1, "06-08 23:00", "sync", "todo")]


LOCKS = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def test_a_night_by_a_clock_ahead_takes_none_of_the_nights_that_come(engine: Engine) -> None:
    begun(engine, utc("2026-06-08 23:00"))
    found: list[tuple[Any, ...]] = []
    do = done_at(engine)

    def keep_and_do(now: datetime) -> None:
        found.extend((f"{now:%m-%d %H}", one[1]) for one in queued(engine))
        do(now)

    nights = ["06-09 12:00", "06-20 01:00", "06-09 13:00", "06-09 23:00", "06-10 23:00", "06-19 23:00"]
    look(engine, [an_account()], [utc(f"2026-{one}") for one in nights], keep_and_do)
    assert found == [
        ("06-20 01", "06-19 23:00"), ("06-09 23", "06-09 23:00"), ("06-10 23", "06-10 23:00"),
        ("06-19 23", "06-19 23:00"),
    ]  # fmt: skip


def test_a_job_that_was_put_off_by_a_clock_ahead_is_let_go_and_one_that_waits_its_turn_is_not(engine: Engine) -> None:
    numbers = [queue.queue_run(engine, account_id, Selection()) for account_id in (1, 2)]
    for number, wait in zip(numbers, ("1 year", "2 hours"), strict=True):
        execute(
            engine,
            f"UPDATE procrastinate_jobs SET scheduled_at = now() + interval '{wait}' WHERE id = :number",
            number=number,
        )
    look(engine, [], [QUIET])
    waiting = "SELECT id, scheduled_at IS NULL FROM etl_jobs.procrastinate_jobs ORDER BY id"
    assert rows(engine, waiting) == [(numbers[0], True), (numbers[1], False)]
