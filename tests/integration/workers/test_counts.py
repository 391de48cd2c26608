"""What is counted of a part that several attempts were made at: what they saved, whatever became of each."""

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine

from etl.demo.events import add_message
from etl.demo.server import Answer, Request, json_answer
from etl.errors import AnotherRun, Interrupted, VendorError
from etl.load import run_lock
from etl.load.journal import Run
from etl.load.tally import NOTHING
from etl.run import sync
from etl.selection import Selection
from etl.settings.accounts import Account as Served
from etl.workers.shared_run import share
from etl.workers.worker import QueueCrew, Worker
from tests.databases import assert_each_run_counted_what_it_saved
from tests.etl_process import Process, kill, start
from tests.integration.workers.test_failed_parts import refuses
from tests.integration.workers.test_shared_run import FEW_A_PAGE, Alone, a_run, close, member, settings_of, shared
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job
from tests.waits import LONGEST, wait_until


def assert_counted(engine: Engine) -> None:
    assert_each_run_counted_what_it_saved(engine.url.render_as_string(hide_password=False))


def inserted(run: Run) -> list[int]:
    return [run.tally.counts[table]["inserted"] for table in ("conversations", "messages", "contacts")]


def saved(etl: Job) -> int:
    ((number,),) = etl.rows("SELECT count(*) FROM conversations")
    return int(number)


def once_saved(etl: list[Job], then: Callable[[], object]) -> Change:
    """Do something once the first page of a part is saved and the second one is being read: to conversation 35."""

    def change(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/conversations/35/messages"):
            wait_until(lambda: saved(etl[0]) == 5)
            then()
        return answer

    return change


@pytest.mark.long
def test_a_shared_first_load_in_which_an_attempt_fails_counts_what_that_has_saved(engine: Engine) -> None:
    with job(account_of(50), engine, change=refuses("7", times=1), **FEW_A_PAGE) as etl:
        run = shared(etl)
        assert (run.outcome, run.problems, inserted(run)) == ("complete", [], [50, 150, 2])
        for counts in run.tally.counts.values():
            assert counts["seen"] == sum(counts[change] for change in NOTHING if change != "seen")
    assert_counted(engine)


# A worker's part in the only part of a run, as `etl worker` does it.
TAKE = """
import sys
from etl.database.engine import make_engine
from etl.extract.client import Client
from etl.selection import Selection
from etl.settings.settings import Settings
from etl.workers.shared_run import Member

settings = Settings(account_id=1, base_url=sys.argv[1], api_token="demo-token", reread_days=0)
Member(settings, Client(settings), lambda _: None).take(make_engine(sys.argv[2]), 1, Selection(), 1)
"""


@pytest.mark.long
def test_what_a_worker_had_saved_of_a_part_is_counted_although_it_is_killed_in_the_middle(
    engine: Engine, tmp_path: Path
) -> None:
    served: list[Job] = []
    started: list[Process] = []
    change = once_saved(served, lambda: kill(started[0]))
    with job(account_of(50), engine, change=change, **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        served.append(etl)
        run = a_run(etl)
        url = engine.url.render_as_string(hide_password=False)
        started.append(start([sys.executable, "-c", TAKE, etl.url, url], tmp_path, {}))
        assert started[0].wait(LONGEST) == -signal.SIGKILL
        assert saved(etl) == 5
        member(etl).take(engine, run.run_id, Selection(), 1)
        close(engine, run)
    assert inserted(run) == [10, 30, 2]
    assert_counted(engine)


def test_an_attempt_that_is_taken_over_while_it_lives_saves_nothing_more_and_nothing_is_counted_twice(
    engine: Engine,
) -> None:
    served: list[Job] = []
    is_held, go = threading.Event(), threading.Event()

    def hold() -> None:
        if not is_held.is_set():
            is_held.set()
            assert go.wait(LONGEST)

    refused: list[AnotherRun] = []
    account = account_of(50)
    counts = "SELECT tally -> 'counts' FROM sync_tallies WHERE part = 1"

    def read(etl: Job) -> None:
        try:
            member(etl).take(engine, 1, Selection(), 1)
        except AnotherRun as error:
            refused.append(error)

    with job(account, engine, change=once_saved(served, hold), **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        served.append(etl)
        run = a_run(etl)
        (slow := threading.Thread(target=read, args=(etl,))).start()
        assert is_held.wait(LONGEST)
        add_message(account, 35, "late", LONG_AGO + 35 * 3_600 + 100)
        read(etl)
        before = etl.rows(counts)
        go.set()
        slow.join(LONGEST)
        assert [str(one).partition(" from ")[0] for one in refused] == ["Run 1 of account 1 no longer needs its part 1"]
        assert etl.rows(counts) == before
        # What the one that was held had been answered before is not there in the place of what is newer.
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = 35") == [(4,)]
        close(engine, run)
    assert inserted(run) == [10, 31, 2]
    assert_counted(engine)


def test_the_run_that_follows_a_killed_one_writes_down_what_that_and_its_parts_had_saved(engine: Engine) -> None:
    def refuse(request: Request, answer: Answer) -> Answer:
        is_it = request.path.endswith("/conversations") and request.first("page") == "4"
        return json_answer({"error": "no"}, 401) if is_it else answer

    with job(account_of(50), engine, change=refuse, **FEW_A_PAGE) as etl:
        with run_lock.hold(engine, 1):
            run = a_run(etl)
            with pytest.raises(VendorError, match="401"):
                member(etl).take(engine, run.run_id, Selection(), 1)
        assert saved(etl) == 5
        with run_lock.hold(engine, 1):
            pass
        assert etl.rows("SELECT outcome, (counts #>> '{messages,inserted}')::int FROM sync_runs") == [
            ("interrupted", 15)
        ]
    assert_counted(engine)


def test_what_only_a_failed_attempt_saw_is_asked_for_by_its_number(engine: Engine) -> None:
    """It was saved with a history that could not be read, and has left the pages of the part since."""
    account, has_left = account_of(50), threading.Event()

    def change(request: Request, answer: Answer) -> Answer:
        is_broken = request.path.endswith("/conversations/30/messages") and not has_left.is_set()
        return json_answer({"error": "no"}, 500) if is_broken else answer

    def stop(_: float) -> None:
        if etl.rows("SELECT 1 FROM conversations WHERE id = 30"):
            raise Interrupted("Stopped on request.")

    class FailsOnce(QueueCrew):
        """A worker whose first attempt at the part of conversation 30 ends once that is saved; nobody helps it."""

        def take(self, run: Run, selection: Selection, number: int) -> None:
            if number == 2:
                with pytest.raises(Interrupted):
                    replace(member(etl), wait=stop).take(engine, run.run_id, selection, number)
                account.conversations[30].status = "muted"  # which nobody walks
                has_left.set()
            super().take(run, selection, number)

        def work(self, _run: Run) -> bool:
            return False

        def is_at_work(self, _run: Run) -> bool:
            return False

    with job(account, engine, change=change, **FEW_A_PAGE) as etl, Alone(engine) as worker:
        settings = settings_of(etl)
        crew = FailsOnce(Worker(worker.app, settings, worker.loop), Served(settings), engine, worker.worker_id)
        run = sync.run(settings, engine, Selection(), sync.Hooks(share=partial(share, crew)))
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = 30") == [(3,)]
    assert_counted(engine)
