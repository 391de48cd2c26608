"""Workers as processes: they share what is due, even one first load; killed or stopped, nothing is lost or doubled."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.server import Request, serve
from etl.demo.vendor import Vendor
from tests.databases import assert_each_run_counted_what_it_saved, outcomes
from tests.end_to_end.workers.worker_processes import MESSAGES, Slow, Workers, Working, messages_of, workers
from tests.etl_process import TOKEN, assert_in_time, settings
from tests.examples import in_the_long_run
from tests.integration.run.truth import assert_equal
from tests.scripted_account import Job, account_of
from tests.waits import LONGEST, wait_until

# Accounts of different sizes; the large ones come first, so that none is left to a single worker in the end.
SIZES = {number: 12 - number // 2 for number in range(1, 21)}
FEW_SIZES = {number: 9 - number for number in range(1, 7)}
LATENCY = 0.05


@contextmanager
def several(
    folder: Path, database_url: str, sizes: dict[int, int], latency: float
) -> Iterator[tuple[Workers, Slow, list[Account]]]:
    """Serve accounts of so many conversations each, and have their workers ready to be started."""
    accounts = [account_of(size, number=number) for number, size in sizes.items()]
    (folder / "accounts.toml").write_text("".join(f"[[account]]\nid = {number}\n" for number in sizes))
    slow = Slow(Vendor(accounts, token=TOKEN), latency)
    with serve(slow) as base_url:
        variables = settings(base_url, database_url, ETL_ACCOUNTS="accounts.toml", ETL_CONCURRENCY="2")
        with workers(folder, variables) as some:
            yield some, slow, accounts


@pytest.mark.long
@pytest.mark.parametrize("sizes", [FEW_SIZES, *in_the_long_run(SIZES)], ids=["six", "twenty"])
def test_accounts_are_shared_by_three_workers_that_are_at_work_at_once(
    tmp_path: Path, database_url: str, sizes: dict[int, int]
) -> None:
    with several(tmp_path, database_url, sizes, LATENCY) as (some, slow, accounts):
        some.start(3)
        ((begun,),) = some.rows("SELECT clock_timestamp()")
        slow.go.set()
        some.wait_until_all_is_done(len(accounts))
        ((seconds, at_work, who),) = some.rows(
            """
            SELECT extract(epoch FROM max(finished_at) - %(begun)s)::float,
                (sum(extract(epoch FROM finished_at - greatest(started_at, %(begun)s)))
                    / extract(epoch FROM max(finished_at) - %(begun)s))::float, count(DISTINCT process_id)
            FROM sync_runs
            """.replace("%(begun)s", f"'{begun.isoformat()}'::timestamptz")
        )
        print(f"{seconds:.1f} s, {at_work:.2f} workers at work, {slow.arrived} requests")  # noqa: T201 -- measured: `pytest -s` shows it
        assert some.rows("SELECT account_id, outcome FROM sync_runs ORDER BY account_id") == [
            (number, "complete") for number in sizes
        ]
        assert some.rows(MESSAGES) == sorted(row for one in accounts for row in messages_of(one))
        assert who == 3
        # Each asks two things at a time: all three had requests under way at once.
        assert slow.most > 4


@pytest.mark.long
def test_what_a_killed_worker_had_in_hand_is_done_by_the_others(tmp_path: Path, database_url: str) -> None:
    sizes = dict.fromkeys(range(1, 5), 10)
    with several(tmp_path, database_url, sizes, 0.01) as (some, slow, accounts):
        some.start(3)
        killed: list[Working] = []

        def kill(request: Request) -> None:
            killed.append(some.coordinator(request))
            killed[0].process.kill()

        slow.at, slow.act = 80, kill
        slow.go.set()
        some.wait_until_all_is_done(len(accounts))
        assert some.rows(MESSAGES) == sorted(row for one in accounts for row in messages_of(one))
        found = some.rows("SELECT account_id, outcome, process_id = %s FROM sync_runs ORDER BY run_id", killed[0].pid)
        assert sorted(account for account, outcome, _ in found if outcome == "complete") == list(sizes)
        assert [one[1:] for one in found if one[1] != "complete"] == [("interrupted", True)]


# One account.

CONVERSATIONS = int(os.environ.get("CONVERSATIONS", "240"))
FEWER = 200
# Small ones, so that a small account has parts to share.
PAGE_SIZE = 10
STATUSES = ("open", "resolved", "pending", "snoozed")


def large(conversations: int) -> Account:
    """Return an account with as many conversations of each status."""
    account = account_of(conversations)
    for one in account.conversations.values():
        one.status = STATUSES[one.id % 4]
    return account


@contextmanager
def one_account(
    folder: Path, database_url: str, account: Account, latency: float = 0.0
) -> Iterator[tuple[Workers, Slow, str]]:
    slow = Slow(Vendor(account, token=TOKEN, page_size=PAGE_SIZE), latency)
    with serve(slow) as base_url, workers(folder, settings(base_url, database_url)) as some:
        some.keep_who_takes_jobs()
        yield some, slow, base_url


def assert_exact(engine: Engine, slow: Slow, base_url: str, account: Account) -> None:
    assert_equal(Job(slow.vendor, base_url, engine), account)
    assert_each_run_counted_what_it_saved(engine.url.render_as_string(hide_password=False))


@pytest.mark.long
def test_a_first_load_is_shared_by_three_workers_and_no_history_is_read_twice(
    tmp_path: Path, engine: Engine, database_url: str
) -> None:
    account = large(CONVERSATIONS)
    with one_account(tmp_path, database_url, account) as (some, slow, base_url):
        some.start(3)
        slow.go.set()
        some.wait_until_all_is_done()
        assert outcomes(database_url) == ["complete"]
        assert_exact(engine, slow, base_url, account)
        assert {path.split("/")[-2] for path, _ in slow.histories} == {str(one) for one in account.conversations}
        assert set(slow.histories.values()) == {1}
        ((parts, taken, who),) = some.rows(
            "SELECT count(DISTINCT job), count(*), count(DISTINCT worker) FROM public.taken WHERE task = 'part'"
        )
        ((seconds, requests),) = some.rows(
            "SELECT extract(epoch FROM finished_at - started_at)::float, requests FROM sync_runs"
        )
        print(f"{seconds:.1f} s, {requests} requests, {parts} parts")  # noqa: T201 -- measured: `pytest -s` shows it
        assert parts == taken >= CONVERSATIONS // (4 * PAGE_SIZE)
        assert who > 1
        assert some.rows("SELECT count(*) FROM sync_parts") == [(0,)]


@pytest.mark.long
def test_a_shared_first_load_whose_coordinator_is_killed_is_gone_on_with_by_another(
    tmp_path: Path, engine: Engine, database_url: str
) -> None:
    account = large(FEWER)
    with one_account(tmp_path, database_url, account) as (some, slow, base_url):
        some.start(3)
        slow.at, slow.act = 130, lambda request: some.coordinator(request).process.kill()
        slow.go.set()
        some.wait_until_all_is_done()
        assert outcomes(database_url) == ["interrupted", "complete"]
        assert_exact(engine, slow, base_url, account)
        # What was saved before is not read again: no more than what the killed one had in hand.
        twice = [one for one, times in slow.histories.items() if times > 1]
        print(f"{len(twice)} of {len(slow.histories)} histories were read twice")  # noqa: T201 -- measured: `pytest -s` shows it
        assert len(twice) < FEWER / 2


@pytest.mark.long
def test_a_worker_that_is_asked_to_stop_is_gone_in_ten_seconds_and_another_goes_on(
    tmp_path: Path, engine: Engine, database_url: str
) -> None:
    account = large(FEWER)
    with one_account(tmp_path, database_url, account) as (some, slow, base_url):
        some.start(2)
        asked: list[Working] = []

        def stop(request: Request) -> None:
            asked.append(some.coordinator(request))
            asked[0].process.terminate()

        slow.at, slow.act = 130, stop
        slow.go.set()
        wait_until(lambda: bool(asked))
        (stopped,) = asked
        begun = time.monotonic()
        assert stopped.process.wait(LONGEST) == 0
        assert_in_time(time.monotonic() - begun)
        assert "Stopped on request." in stopped.said()
        assert outcomes(database_url)[0] == "interrupted"
        assert "Traceback" not in stopped.said()
        some.wait_until_all_is_done()
        assert outcomes(database_url) == ["interrupted", "complete"]
        assert_exact(engine, slow, base_url, account)
