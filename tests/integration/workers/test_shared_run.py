"""One run cut into parts: by a worker that nobody helps it is as an unshared run, whatever comes; and single parts."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_message
from etl.demo.server import Answer, Request, json_answer
from etl.errors import AnotherRun, VendorError
from etl.exit_codes import Outcome
from etl.extract.client import Client
from etl.load import journal, run_lock
from etl.load.journal import Run
from etl.run import sync
from etl.selection import Selection
from etl.settings.accounts import Account as Served
from etl.settings.settings import Settings
from etl.workers import parts, queue
from etl.workers.parts import Part
from etl.workers.shared_run import Member, Result, share
from etl.workers.worker import QueueCrew, Worker
from tests.databases import new_engine
from tests.doctored_vendor import Doctored, desk, renamed
from tests.integration.run.truth import assert_equal
from tests.personal_data import KEY, identities_of, texts_of, whole_tables
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, notes_of, server_fault, walking_job

# Pages of five: fifty conversations of one status are ten pages, and with the other three statuses six parts.
FEW_A_PAGE = {"page_size": 5}


class Alone:
    """A worker that nobody helps: its loop in a thread of its own, as the main thread's is in `etl worker`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.app = queue.open_app(engine.url.render_as_string(hide_password=False))

    def do(self, asked: Awaitable[Any]) -> Any:
        async def done() -> Any:
            return await asked

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result()

    def __enter__(self) -> "Alone":
        self.thread.start()
        self.do(self.app.open_async())
        self.worker_id = self.do(self.app.job_manager.register_worker())
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.app.close_async())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, settings: Settings, selection: Selection) -> Run:
        crew = QueueCrew(Worker(self.app, settings, self.loop), Served(settings), self.engine, self.worker_id)
        return sync.run(settings, self.engine, selection, sync.Hooks(share=partial(share, crew)))


def settings_of(etl: Job, **settings: Any) -> Settings:
    values = {
        "account_id": 1,
        "base_url": etl.url,
        "api_token": "demo-token",
        "retry_attempts": 1,
        "reread_days": 0,
    } | etl.defaults
    return Settings(**(values | settings))


def shared(etl: Job, selection: Selection | None = None, **settings: Any) -> Run:
    """Do one run as a worker does it."""
    etl.vendor.requests.clear()
    with Alone(etl.engine) as worker:
        return worker.run(settings_of(etl, **settings), selection or Selection())


def cuts(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if "is cut into" in one.getMessage()]


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "etl")


@pytest.fixture
def another(server_url: str, template: str) -> Iterator[Engine]:
    """A second database, for the run that is not shared."""
    with new_engine(server_url, template) as engine:
        yield engine


def summary(run: Run) -> dict[str, Any]:
    """Return what a run tells of itself, but for when, and how many requests: sharing takes four more.

    Why the first history was not read begins with another address in each run.
    """
    tally = {
        name: value for name, value in run.tally.to_json().items() if name not in {"requests", "why", "walks_back"}
    }
    times = {"run_id", "started_at", "finished_at", "clock", "tally"}
    return {name: value for name, value in asdict(run).items() if name not in times} | {"tally": tally}


def breaks(page: str) -> Change:
    """Answer one page of the open ones with a fault each time."""

    def change(request: Request, answer: Answer) -> Answer:
        asked = (request.path.split("/")[-1], request.first("status"), request.first("page"))
        return server_fault() if asked == ("conversations", "open", page) else answer

    return change


def with_unknown_fields(request: Request, answer: Answer) -> Answer:
    """Add fields that no column holds, one record that cannot be stored, and a character that PostgreSQL does not."""
    if not request.path.endswith("/messages") or answer.status != 200:
        return answer
    value = orjson.loads(answer.body)
    for one in value["payload"]:
        one["sentiment"] = "good"
        one["content"] = "a\x00b" if one["id"] == 7 else one["content"]
        one["created_at"] = "yesterday" if one["id"] == 100 else one["created_at"]
    return json_answer(value)


def long_histories(conversations: int = 50) -> Account:
    """Return an account of which every third history is longer than what 2.14 shows at once."""
    account = account_of(conversations)
    for one in range(1, conversations + 1, 3):
        for number in range(50):
            add_message(account, one, f"{number} more of {one}", LONG_AGO + (conversations + one) * 3_600 + number)
    return account


# Each server once, and each change; else long.
@pytest.mark.parametrize(
    ("change", "behaviour"),
    [
        pytest.param(change, server, id=f"{name}-{server}", marks=[] if server in served else pytest.mark.long)
        for name, change, served in (
            ("well", None, {"4.7", "2.14"}),
            ("a page fails", breaks("6"), {"2.14"}),
            ("odd values", with_unknown_fields, {"2026"}),
        )
        for server in ("4.7", "2026", "2.14")
    ],
)
def test_a_shared_run_leaves_and_tells_what_an_unshared_one_does(
    engine: Engine, another: Engine, caplog: pytest.LogCaptureFixture, behaviour: str, change: Change | None
) -> None:
    with walking_job(long_histories(), engine, change=change, behaviour=behaviour, **FEW_A_PAGE) as etl:
        together = shared(etl)
        asked = len(etl.vendor.requests)
    with walking_job(long_histories(), another, change=change, behaviour=behaviour, **FEW_A_PAGE) as etl:
        alone = etl.run(reread_days=0)
    assert cuts(caplog) == ["Run 1 of account 1 is cut into 6 parts, for all workers."]
    assert_same_summary(together, alone)
    assert together.tally.requests == asked
    assert whole_tables(engine) == whole_tables(another)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM helpdesk.sync_parts")).all() == []
        assert connection.execute(text("SELECT * FROM etl_jobs.procrastinate_jobs")).all() == []


def assert_same_summary(one: Run, other: Run) -> None:
    def without_address(run: Run) -> dict[str, Any]:
        said = summary(run)
        for name in ("notes", "problems"):
            said[name] = [line.split("http://")[0] for line in said[name]]
        return said

    assert without_address(one) == without_address(other)


@pytest.mark.long
def test_a_wide_backfill_is_shared_and_reads_every_history_once_more(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with job(account_of(50), engine, **FEW_A_PAGE) as etl:
        etl.run(reread_days=0)
        run = shared(etl, Selection(kind="backfill"))
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.asked()[1] == list(range(1, 51))
        assert cuts(caplog) == ["Run 2 of account 1 is cut into 6 parts, for all workers."]
        assert_equal(etl, etl.vendor.accounts[0])


@pytest.mark.long
@pytest.mark.parametrize(("where", "name"), [("meta", "assignee"), ("message", "attachments")])
def test_a_field_that_is_gone_is_missed_by_those_who_share_a_run(engine: Engine, where: str, name: str) -> None:
    doctored = Doctored(where, renamed(name, "renamed"))
    queries = "SELECT id, assignee_id FROM conversations ORDER BY id", "SELECT id FROM attachments ORDER BY id"
    with job(desk(50), engine, change=doctored, **FEW_A_PAGE) as etl:
        assert shared(etl).outcome == "complete"
        before = [etl.rows(query) for query in queries]
        doctored.on = True
        run = shared(etl, Selection(kind="backfill"))
        assert (run.outcome, [etl.rows(query) for query in queries]) == ("incomplete", before)
        assert f"{name} is no longer sent" in " ".join(run.problems)
        doctored.on = False
        assert shared(etl, Selection(kind="backfill")).outcome == "complete"


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(recent=True),
        Selection(kind="backfill", search="message 1"),
        Selection(kind="backfill", conversations=(1, 2, 3)),
        Selection(kind="backfill", statuses=("resolved",)),
    ],
    ids=["a later night", "recent", "a search", "by id", "few of a status"],
)
def test_after_a_first_load_only_wide_backfills_are_shared(
    engine: Engine, caplog: pytest.LogCaptureFixture, selection: Selection
) -> None:
    with job(account_of(50), engine, **FEW_A_PAGE) as etl:
        etl.run(reread_days=0)
        assert shared(etl, selection).outcome == "complete"
    assert cuts(caplog) == []


@pytest.mark.long
def test_the_first_load_of_a_small_account_is_not_shared(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with job(account_of(40), engine, **FEW_A_PAGE) as etl:  # five parts
        assert shared(etl).outcome == "complete"
        assert_equal(etl, etl.vendor.accounts[0])
    assert cuts(caplog) == []


def test_where_the_first_page_of_a_status_is_broken_nothing_is_shared_and_the_run_goes_on_after_it(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with job(account_of(50), engine, change=breaks("1"), **FEW_A_PAGE) as etl:
        run = shared(etl)
        assert run.outcome == "complete"
        assert [one.split(": ")[0] for one in notes_of(run)] == ["1 pages could not be read. The first"]
        assert_equal(etl, etl.vendor.accounts[0])
    assert cuts(caplog) == []


class Refused:
    """Refuses the pages of the second part, which so cannot be done; and has every other try of it behind it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.refuses = engine, True

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not self.refuses or not request.path.endswith("/conversations") or request.first("status") != "open":
            return answer
        if request.first("page") == "2":
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE etl_jobs.procrastinate_jobs SET attempts = 4 WHERE status = 'todo'"))
        return json_answer({"error": "no"}, 401) if request.first("page") == "5" else answer


def test_a_part_that_nobody_can_do_fails_the_run_with_its_reason_and_the_next_run_begins_anew(engine: Engine) -> None:
    refused = Refused(engine)
    with job(account_of(50), engine, change=refused, **FEW_A_PAGE) as etl:
        run = shared(etl)
        assert run.outcome == "failed"
        (said,) = run.problems
        assert said.endswith('/conversations?status=open&page=5: the server answered 401: {"error":"no"}')
        assert etl.rows("SELECT result FROM sync_parts WHERE number = 2") == [(None,)]
        ((saved,),) = etl.rows("SELECT count(*) FROM conversations")
        assert run.tally.counts["conversations"]["inserted"] == saved > 0
        refused.refuses = False
        again = shared(etl)
        assert (again.outcome, again.problems) == ("complete", [])
        assert etl.rows("SELECT count(*) FROM sync_parts") == [(0,)]
        assert_equal(etl, etl.vendor.accounts[0])
        # What the first one saved was not read again.
        assert len(etl.asked()[1]) < 50


# One part by itself.


def a_run(etl: Job) -> Run:
    """Open a run that has one part: pages 3 to 4 of the open ones."""
    run = Run(1, "sync")
    with etl.engine.begin() as connection:
        connection.execute(text("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'http://x')"))
    journal.open_run(etl.engine, run)
    with etl.engine.begin() as connection:
        parts.begin(connection, run, [Part(1, "open", 3, 4)])
    return run


def close(engine: Engine, run: Run) -> None:
    run.outcome = Outcome.INTERRUPTED
    journal.close_run(engine, run)


def member(etl: Job) -> Member:
    settings = settings_of(etl)
    return Member(settings, Client(settings), lambda _: None)


def test_a_part_reads_its_pages_and_writes_down_what_became_of_them_and_is_not_done_twice(engine: Engine) -> None:
    with job(account_of(50), engine, **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        run = a_run(etl)
        member(etl).take(engine, run.run_id, Selection(), 1)
        expected = list(range(40, 30, -1))  # the newest come first
        assert etl.rows("SELECT id FROM conversations ORDER BY id DESC") == [(one,) for one in expected]
        ((found,),) = etl.rows("SELECT result FROM sync_parts")
        result = Result.from_json(found)
        assert [page.payloads for page in result.pages] == [expected[:5], expected[5:]]
        tally = result.tally
        assert (sorted(tally.seen), tally.requests) == (expected[::-1], 12)
        assert tally.counts["messages"]["inserted"] == 30
        etl.vendor.requests.clear()
        member(etl).take(engine, run.run_id, Selection(), 1)
        assert etl.vendor.requests == []


def test_a_part_of_a_run_that_is_over_asks_for_nothing_and_writes_nothing(engine: Engine) -> None:
    with job(account_of(50), engine, **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        run = a_run(etl)
        close(engine, run)
        member(etl).take(engine, run.run_id, Selection(), 1)
        assert etl.vendor.requests == []
        assert etl.rows("SELECT count(*) FROM conversations") == [(0,)]


def test_a_part_whose_run_ends_while_it_is_read_writes_nothing_any_more(engine: Engine) -> None:
    run = Run(1, "sync")

    def ends(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/conversations/40/messages"):
            close(engine, run)
        return answer

    with job(account_of(50), engine, change=ends, **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        run = a_run(etl)
        with pytest.raises(AnotherRun, match=r"^Run 1 of account 1 no longer needs its part 1 from this worker: "):
            member(etl).take(engine, run.run_id, Selection(), 1)
        assert etl.rows("SELECT count(*) FROM conversations") == [(0,)]
        assert etl.rows("SELECT result FROM sync_parts") == [(None,)]


def test_a_part_that_fails_leaves_what_was_saved_and_can_be_tried_again(engine: Engine) -> None:
    refuses = threading.Event()

    def refuse(request: Request, answer: Answer) -> Answer:
        is_it = refuses.is_set() and request.path.endswith("/conversations") and request.first("page") == "4"
        return json_answer({"error": "no"}, 401) if is_it else answer

    with job(account_of(50), engine, change=refuse, **FEW_A_PAGE) as etl, run_lock.hold(engine, 1):
        run = a_run(etl)
        refuses.set()
        with pytest.raises(VendorError, match="401"):
            member(etl).take(engine, run.run_id, Selection(), 1)
        assert etl.rows("SELECT result FROM sync_parts") == [(None,)]
        refuses.clear()
        etl.vendor.requests.clear()
        member(etl).take(engine, run.run_id, Selection(), 1)
        assert etl.asked()[1] == [31, 32, 33, 34, 35]
        assert etl.rows("SELECT result IS NULL FROM sync_parts") == [(False,)]


# Personal data.


@pytest.mark.long
def test_with_hashes_nothing_personal_is_in_the_parts_or_in_the_queue(engine: Engine) -> None:
    account = account_of(50)
    kept: list[str] = []

    def look(request: Request, answer: Answer) -> Answer:
        if "/conversations/" in request.path:
            with engine.connect() as connection:
                for table in ("helpdesk.sync_parts", "etl_jobs.procrastinate_jobs"):
                    kept.extend(connection.execute(text(f"SELECT one::text FROM {table} AS one")).scalars())
        return answer

    with job(account, engine, change=look, **FEW_A_PAGE) as etl:
        assert shared(etl, pii="hash", pii_key=KEY).outcome == "complete"
    everything = "\n".join(kept)
    assert '"pages"' in everything.replace('""', '"')
    assert '"selection"' in everything.replace('""', '"')
    for one in identities_of(account) | texts_of(account) | {"Dana", "dana@example.com"}:
        assert one not in everything


@pytest.mark.long
def test_who_belongs_to_what_is_read_once_by_the_worker_that_cut_the_run(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    account = account_of(50)
    account.teams[1].members, account.inboxes[2].members = [1, 2], [2]
    with job(account, engine, **FEW_A_PAGE) as etl:
        run = shared(etl)
        paths = [request.path.rpartition("/accounts/1/")[2] for request in etl.vendor.requests]
        assert (run.outcome, len(cuts(caplog))) == ("complete", 1)
        assert sorted(one for one in paths if "members" in one) == [
            *("inbox_members/1", "inbox_members/2", "teams/1/team_members")
        ]
        assert etl.rows("SELECT team_id, agent_id, valid_to FROM team_members ORDER BY 2") == [
            (1, 1, None),
            (1, 2, None),
        ]
        assert etl.rows("SELECT inbox_id, agent_id, valid_to FROM inbox_members") == [(2, 2, None)]
        assert etl.rows("SELECT id, is_listed FROM agents ORDER BY 1") == [(1, True), (2, True)]
