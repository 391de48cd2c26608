"""Nights on which things go wrong: broken pages, a dead server, one answer in five broken, and a limit of requests."""

import heapq
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import Engine

from etl.database.engine import make_engine
from etl.demo import events
from etl.demo.account import Account, Attachment
from etl.demo.server import Answer, Request, serve, text_answer
from etl.demo.vendor import Vendor
from etl.extract.client import Client
from etl.extract.pacing import SOON, Pace
from etl.interrupt import Interrupt
from etl.load.journal import Run
from etl.settings.settings import Settings
from tests.databases import new_database
from tests.examples import in_the_long_run
from tests.integration.run.test_connections import BOTH
from tests.integration.run.truth import assert_equal
from tests.scripted_account import DAY, LONG_AGO, Change, Job, account_of, job, notes_of, server_fault, walking_job
from tests.waits import LONGEST

TOMBSTONES = "SELECT id FROM conversations WHERE deleted_at IS NOT NULL ORDER BY id"
ENTRIES = "SELECT conversation_id, state FROM conversation_ledger ORDER BY 1"
VERSIONS = "SELECT id, xmin::text FROM conversations UNION ALL SELECT id, xmin::text FROM messages ORDER BY 1, 2"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no run of this test really wait before it tries again; return the seconds that it would have waited."""
    waited: list[float] = []
    monkeypatch.setattr(Interrupt, "sleep", lambda _, seconds: waited.append(seconds) if seconds else None)
    return waited


def lists(change: Change) -> Change:
    """Change the answers about pages of conversations only."""

    def changed(request: Request, answer: Answer) -> Answer:
        return change(request, answer) if request.path.endswith("/conversations") else answer

    return changed


def broken(*ids: int, conversations: int = 60) -> Account:
    account = account_of(conversations)
    for one in ids:
        account.conversations[one].contact_id = 999
    return account


def test_of_a_page_that_always_fails_all_but_the_broken_conversation_are_loaded(engine: Engine) -> None:
    with job(broken(20), engine) as etl:
        run = etl.run(books="off")
        assert (run.outcome, run.ledger) == (
            "incomplete",
            {"highest_id": 60, "loaded": 59, "deleted": 0, "forbidden": 0, "unreadable": 1, "unaccounted": 0},
        )
        assert etl.rows(ENTRIES) == [(20, "unreadable")]
        assert etl.rows("SELECT count(*), max(id) FROM conversations WHERE id <> 20") == [(59, 60)]
        assert etl.rows("SELECT count(*) FROM messages") == [(59 * 3,)]
        assert etl.rows("SELECT outcome, unreadable, loaded FROM sync_runs") == [("incomplete", 1, 59)]
    assert notes_of(run) == [
        f"1 pages could not be read. The first: {etl.url}/api/v1/accounts/1/conversations?status=open&page=2:"
        ' the server answered 500: {"status":500,"error":"Internal Server Error"}'
    ]
    assert run.problems[-1].startswith("1 conversations could not be read; the next run tries again. The first:")
    assert "/conversations/20: the server answered 500" in run.problems[-1]


@pytest.mark.long
def test_the_next_night_with_the_same_broken_page_writes_nothing_and_a_mended_one_is_complete(engine: Engine) -> None:
    account = broken(20)
    with job(account, engine) as etl:
        etl.run(books="off")
        before = etl.rows(VERSIONS)
        run = etl.run(books="off")
        assert (run.outcome, run.ledger and run.ledger["unreadable"]) == ("incomplete", 1)
        assert etl.asked()[1] == []
        assert etl.rows(VERSIONS) == before
        account.conversations[20].contact_id = 1
        run = etl.run(books="off")
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [])
        assert etl.asked()[1] == [20]
        assert (etl.rows(ENTRIES), etl.rows("SELECT count(*) FROM conversations")) == ([], [(60,)])


def test_a_conversation_that_breaks_after_it_was_loaded_keeps_its_row_and_gets_no_tombstone(engine: Engine) -> None:
    account = account_of(60)
    with walking_job(account, engine) as etl:
        etl.run()
        before = etl.rows(VERSIONS)
        account.conversations[20].contact_id = 999
        run = etl.run()
        assert (run.outcome, run.ledger and run.ledger["unreadable"]) == ("incomplete", 1)
        assert (etl.rows(VERSIONS), etl.rows(TOMBSTONES)) == (before, [])


@pytest.mark.long
def test_broken_conversations_on_every_page_leave_all_others_loaded(engine: Engine) -> None:
    with job(broken(1, 2, 30, 59, 60), engine) as etl:
        # The first page, the last, and the one between: not one page of the open ones can be read, and yet others can.
        run = etl.run()
        assert run.outcome == "failed"
        assert run.problems[0].startswith("No page of conversations could be read.")
        events.add_conversation(etl.vendor.accounts[0], 1, 1, LONG_AGO + DAY).status = "resolved"
        run = etl.run()
        assert (run.outcome, run.ledger and run.ledger["loaded"], run.ledger and run.ledger["unreadable"]) == (
            "incomplete", 56, 5,
        )  # fmt: skip
        assert [one for one, _ in etl.rows(ENTRIES)] == [1, 2, 30, 59, 60]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _, __: server_fault(), id="everything"),
        pytest.param(lists(lambda _, __: server_fault()), id="every page while the counts answer"),
    ],
)
def test_where_no_page_can_be_read_the_run_fails_and_nothing_is_tombstoned(engine: Engine, change: Change) -> None:
    account = account_of(60)
    with job(account, engine) as etl:
        etl.run()
        before = etl.rows(VERSIONS)
    events.delete_conversation(account, 7)
    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert run.outcome == "failed"
        assert "500" in run.problems[0]
        assert (etl.rows(TOMBSTONES), etl.rows(ENTRIES), etl.rows(VERSIONS)) == ([], [], before)
        assert len(etl.vendor.requests) < 150
        assert etl.rows("SELECT outcome FROM sync_runs ORDER BY run_id") == [("complete",), ("failed",)]


class CountsLimited:
    """Says 429 to every request for the counts after the first."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/meta"):
            return answer
        self.asked += 1
        return answer if self.asked == 1 else text_answer("Retry later", 429)


@BOTH
def test_where_the_counts_have_a_limit_of_their_own_they_are_not_compared_and_nothing_else_waits(
    engine: Engine, waits: list[float], run_it: Callable[[Job], Run]
) -> None:
    account = account_of(60)
    with job(account, engine, change=CountsLimited(), page_size=5) as etl:
        run = run_it(etl)
        assert (run.outcome, run.problems) == ("complete", [])
        assert notes_of(run) == ["The vendor's counts could not be read, and were not compared."]
        assert_equal(etl, account)
    # All of what is left of a clock minute it would be; so shortly before its end a limit is waited for.
    assert [seconds for seconds in waits if seconds > SOON] == []


class Faults:
    """Breaks a share of all answers in seven ways; which, depends on the address and how often it was asked alone."""

    KINDS = ("500", "502", "reset", "truncated", "bad", "empty", "slow")

    def __init__(self, share: float) -> None:
        self.share = share
        self.done = Counter[str]()
        self.answers = 0
        self.over = threading.Event()
        self._asked = Counter[str]()
        self._lock = threading.Lock()

    def __call__(self, request: Request, answer: Answer) -> Answer:
        address = f"{request.path} {request.query}"
        with self._lock:
            self._asked[address] += 1
            self.answers += 1
            dice = Random(f"{address} {self._asked[address]}")
            kind = dice.choice(self.KINDS) if dice.random() < self.share else "none"
            self.done[kind] += 1
        return self._break(kind, answer)

    def _break(self, kind: str, answer: Answer) -> Answer:
        if kind == "reset":
            raise ConnectionResetError  # the server hangs up without a word
        if kind == "slow":
            self.over.wait(LONGEST)
        changed = {
            "500": server_fault(),
            "502": Answer(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
            "truncated": Answer(200, answer.body[:-20], headers={"Content-Length": str(len(answer.body))}),
            "bad": Answer(200, answer.body[: len(answer.body) // 2]),
            "empty": Answer(200, b""),
        }
        if kind == "truncated":
            changed[kind].headers["Connection"] = "close"
        return changed.get(kind, answer)


def a_varied_account() -> Account:
    account = account_of(60)
    for one in account.conversations.values():
        status = ("open", "resolved", "pending", "snoozed")[one.id % 4]
        events.change_conversation(account, one.id, one.last_activity_at + 60, by=1, status=status, labels=("vip",))
    file = Attachment(1, "file", data_url="https://example.com/1", file_size=7)
    events.add_message(account, 5, "a file", LONG_AGO + DAY, attachments=[file])
    for at in range(130):
        events.reply(account, 9, f"answer {at}", LONG_AGO + DAY + at, by=2)
    return account


CONTENTS = (
    "SELECT id, status, contact_id, inbox_id, created_at, last_activity_at, mark, extra::text FROM conversations"
    " ORDER BY id",
    "SELECT id, conversation_id, content, message_type, sender_type, sender_id, created_at, extra::text FROM messages"
    " ORDER BY id",
    "SELECT id, name, email, extra::text FROM contacts ORDER BY id",
    "SELECT id, message_id, data_url, file_size FROM attachments ORDER BY id",
    "SELECT conversation_id, label FROM conversation_labels ORDER BY 1, 2",
)


@pytest.mark.long
def test_with_one_answer_in_five_broken_in_seven_ways_a_run_ends_complete_and_exact(
    engine: Engine, server_url: str, template: str, waits: list[float]
) -> None:
    account, faults = a_varied_account(), Faults(0.2)
    with new_database(server_url, template) as url:
        other = make_engine(url)
        with job(account, other) as undisturbed:
            assert undisturbed.run().outcome == "complete"
            expected = [undisturbed.rows(query) for query in CONTENTS]
        other.dispose()
    with job(account, engine, change=faults) as etl:
        run = etl.run(retry_attempts=6, timeout_seconds=2)
        faults.over.set()
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [])
        assert [etl.rows(query) for query in CONTENTS] == expected
    broken_ones = faults.answers - faults.done["none"]
    assert all(faults.done[kind] for kind in Faults.KINDS)
    assert 0.15 < broken_ones / faults.answers < 0.25
    assert run.tally.requests == faults.answers
    assert run.tally.retries == broken_ones == len(waits)
    assert max(waits) <= 60


class Clock:
    """A made-up time for a number of threads: it goes on with each request, and when all of them sleep."""

    def __init__(self, threads: int, now: float, seconds_a_request: float) -> None:
        self.now, self._awake, self._a_request = now, threads, seconds_a_request
        self._sleepers: list[float] = []
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            return self.now

    def passes(self) -> float:
        with self._changed:
            self.now += self._a_request
            return self.now

    def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._changed:
            until = self.now + seconds
            heapq.heappush(self._sleepers, until)
            self._awake -= 1
            self._go_on()
            self._changed.wait_for(lambda: self.now >= until)

    def leave(self) -> None:
        with self._changed:
            self._awake -= 1
            self._go_on()

    def _go_on(self) -> None:
        if self._awake == 0 and self._sleepers:
            self.now = max(self.now, self._sleepers[0])
            while self._sleepers and self._sleepers[0] <= self.now:
                heapq.heappop(self._sleepers)
                self._awake += 1
            self._changed.notify_all()


THREADS = 8
LIMIT = 300
BEGUN = 1_800_000_000 - 1_800_000_000 % 60 + 20.0


def limited_run(requests: int, per_minute: int | None, seconds_a_request: float) -> tuple[list[int], list[int], Client]:
    """Send requests from eight threads to a vendor that lets 300 a minute pass; return requests and 429s by minute."""
    clock = Clock(THREADS, BEGUN, seconds_a_request)
    vendor = Vendor(account_of(1), requests_per_minute=LIMIT, clock=clock.passes)
    sent, refused = Counter[int](), Counter[int]()
    lock = threading.Lock()

    def answer(request: Request) -> Answer:
        with lock:
            given = vendor(request)
            minute = int(clock() // 60)
            sent[minute] += 1
            refused[minute] += given.status == 429
        return given

    left = iter(range(requests))

    def work(client: Client) -> None:
        try:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                client.get("conversations/meta")
        finally:
            clock.leave()

    with serve(answer) as url:
        settings = Settings(base_url=url, account_id=1, api_token="demo-token", retry_attempts=6)
        client = Client(settings, pace=Pace(per_minute, clock, clock.sleep), sleep=clock.sleep)
        with ThreadPoolExecutor(THREADS) as pool:
            for future in [pool.submit(work, client) for _ in range(THREADS)]:
                future.result()
    minutes = range(min(sent), max(sent) + 1)
    return [sent[one] for one in minutes], [refused[one] for one in minutes], client


# At 0.01 s the limit is met at once, at 0.19 s near the end of the minute, with requests under way as it turns.
@pytest.mark.long
@pytest.mark.parametrize("seconds_a_request", [0.01, 0.19, *in_the_long_run(0.05, 0.15)])
def test_a_rate_that_is_set_meets_not_one_429(seconds_a_request: float) -> None:
    sent, refused, client = limited_run(2_000, LIMIT, seconds_a_request)
    assert (max(sent), sum(sent), sum(refused), client.retries) == (LIMIT, 2_000, 0, 0)


@pytest.mark.long
@pytest.mark.parametrize("seconds_a_request", [0.01, *in_the_long_run(0.05)])
def test_a_limit_is_learned_in_the_first_whole_minute_and_costs_one_429_a_thread(seconds_a_request: float) -> None:
    sent, refused, client = limited_run(2_000, None, seconds_a_request)
    # Of the minute in which the run began, others may have used a part: it teaches nothing, but is waited for.
    assert all(0 < one <= THREADS for one in refused[:2])
    assert (sent[2:6], sum(refused[2:])) == ([LIMIT] * 4, 0)
    assert sum(sent) == client.requests == 2_000 + sum(refused)
    assert client.retries == sum(refused)


@pytest.mark.long
@pytest.mark.parametrize("seconds_a_request", [0.19, *in_the_long_run(0.15)])
def test_a_limit_that_is_met_at_the_end_of_a_minute_is_learned_all_the_same(seconds_a_request: float) -> None:
    sent, refused, client = limited_run(2_000, None, seconds_a_request)
    assert refused[0] == 0
    assert max(refused) <= THREADS
    assert sum(refused[2:]) == 0
    # What was under way as the minute turned may have counted in either, and lowers what is learned.
    assert LIMIT - THREADS <= max(sent[2:]) <= LIMIT
    assert client.requests == 2_000 + sum(refused)


def test_below_the_limit_nothing_waits_and_nothing_is_learned() -> None:
    sent, refused, _ = limited_run(1_000, None, 0.25)
    assert (sum(sent), sum(refused), max(sent) < LIMIT) == (1_000, 0, True)
