"""An answer belongs to the question that was asked: nothing of another conversation or account is stored as ours."""

from collections.abc import Callable
from itertools import count
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import reply
from etl.demo.payloads import conversation_payload, history_payload
from etl.demo.server import Answer, Request, json_answer
from etl.interrupt import Interrupt
from etl.selection import Selection
from tests.integration.workers.test_shared_run import FEW_A_PAGE, shared
from tests.scripted_account import DAY, LONG_AGO, Change, account_of, job, notes_of, walking_job

Asked = Callable[[Request], bool]

STORED = "SELECT id, conversation_id, content, removed_at IS NULL FROM messages ORDER BY id"
OPEN = "SELECT id FROM conversations WHERE mark IS NULL ORDER BY id"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run of these tests really wait before it tries again."""
    monkeypatch.setattr(Interrupt, "sleep", lambda *_: None)


class Script:
    """Changes answers as the test says, from the moment when it says so; `tell_nothing` lets the list show no message.

    Without a message shown by the list nothing else tells that a history is not the one asked for.
    """

    def __init__(self, *, tell_nothing: bool = False) -> None:
        self.change: Change = lambda _, answer: answer
        self.tell_nothing = tell_nothing

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if self.tell_nothing and pages(request) and answer.status == 200:
            value = orjson.loads(answer.body)
            for one in value["data"]["payload"]:
                one["messages"], one["last_non_activity_message"] = [], None
            answer = json_answer(value)
        return self.change(request, answer)


def history_of(number: int) -> Asked:
    return lambda request: request.path.endswith(f"/conversations/{number}/messages")


def detail_of(number: int) -> Asked:
    return lambda request: request.path.endswith(f"/conversations/{number}")


def pages(request: Request) -> bool:
    return request.path.endswith("/conversations")


def instead(asked: Asked, value: Callable[[Any], Any], times: int | None = 1) -> Change:
    """Make another value of the first answers to some requests; None: of all of them."""
    left = count() if times is None else iter(range(times))

    def change(request: Request, answer: Answer) -> Answer:
        if asked(request) and answer.status == 200 and next(left, None) is not None:
            return json_answer(value(orjson.loads(answer.body)))
        return answer

    return change


def whole_history(account: Account, number: int, *without: str) -> Callable[[Any], Any]:
    """Answer with the valid history of a conversation, its messages without some keys."""
    conversation = account.conversations[number]
    value = history_payload(account, conversation, conversation.messages, "4.7")
    payload = [{name: one[name] for name in one if name not in without} for one in value["payload"]]
    return lambda _: value | {"payload": payload}


def truth(account: Account) -> list[tuple[Any, ...]]:
    return [
        (message.id, conversation.id, message.content, True)
        for conversation in account.conversations.values()
        for message in conversation.messages
    ]


# Answers that name another conversation


@pytest.mark.parametrize(
    ("behaviour", "tell_nothing"), [("4.7", False), ("4.7", True), ("2026", True), ("2.14", False), ("2.14", True)]
)
def test_a_history_of_another_conversation_is_asked_for_again(
    engine: Engine, behaviour: str, tell_nothing: bool
) -> None:
    account, script = account_of(5), Script(tell_nothing=tell_nothing)
    script.change = instead(history_of(3), whole_history(account, 4))
    with job(account, engine, change=script, behaviour=behaviour) as etl:
        run = etl.run(retry_attempts=2)
        assert (run.outcome, run.problems, run.tally.retries) == ("complete", [], 1)
        assert (etl.rows(STORED), etl.rows(OPEN)) == (truth(account), [])


@pytest.mark.long
def test_where_every_answer_is_of_another_conversation_the_history_stays_open(engine: Engine) -> None:
    account, script = account_of(5), Script(tell_nothing=True)
    with job(account, engine, change=script) as etl:
        etl.run()
        before = etl.rows(STORED)
        reply(account, 3, "it moves the clock", LONG_AGO + DAY, by=1)
        script.change = instead(history_of(3), whole_history(account, 4), times=None)
        run = etl.run(retry_attempts=3)
        assert run.outcome == "incomplete"
        assert run.problems == [
            "1 histories could not be read completely; the next run tries again. The first: "
            f"{etl.url}/api/v1/accounts/1/conversations/3/messages: the answer belongs to conversation 4, and was asked"
            " for conversation 3."
        ]
        assert (etl.rows(STORED), etl.rows(OPEN)) == (before, [(3,)])
        script.change = instead(lambda _: False, lambda same: same)
        assert etl.run().outcome == "complete"
        assert (etl.rows(STORED), etl.rows(OPEN)) == (sorted(truth(account)), [])


@pytest.mark.long
def test_a_history_that_cannot_be_read_again_is_open_even_where_its_clocks_stand_still(engine: Engine) -> None:
    account, script = account_of(5), Script()
    with job(account, engine, change=script) as etl:
        etl.run()
        script.change = instead(history_of(3), whole_history(account, 4), times=None)
        # A backfill reads again what nothing has moved; the run after it would find the mark as it was.
        assert etl.run(Selection(kind="backfill")).outcome == "incomplete"
        assert etl.rows(OPEN) == [(3,)]


@pytest.mark.parametrize("sent", [4, "4"])
def test_one_message_of_another_conversation_spoils_the_answer(engine: Engine, sent: Any) -> None:
    def smuggle(value: Any) -> Any:
        value["payload"][1] |= {"conversation_id": sent, "id": 1_000}
        return value

    account, script = account_of(5), Script()
    script.change = instead(history_of(3), smuggle)
    with job(account, engine, change=script) as etl:
        assert etl.run(retry_attempts=2).outcome == "complete"
        assert etl.rows(STORED) == truth(account)


def test_a_conversation_that_is_answered_with_another_one_is_unreadable_until_it_is_itself(engine: Engine) -> None:
    account, script = account_of(30), Script()
    other = conversation_payload(account, account.conversations[4], "4.7")

    def skip(value: Any) -> Any:
        payload = value["data"]["payload"]
        value["data"]["payload"] = [one for one in payload if one["id"] != 7]
        return value

    skipped = instead(pages, skip, times=None)
    swapped = instead(detail_of(7), lambda _: other, times=None)
    script.change = lambda request, answer: swapped(request, skipped(request, answer))
    with job(account, engine, change=script) as etl:
        run = etl.run(retry_attempts=2)
        assert run.outcome == "incomplete"
        assert run.ledger is not None
        assert (run.ledger["loaded"], run.ledger["unreadable"]) == (29, 1)
        assert "the answer belongs to conversation 4, and was asked for conversation 7." in run.problems[-1]
        script.change = skipped
        run = etl.run()
        assert (run.outcome, run.ledger["loaded"] if run.ledger else 0) == ("complete", 30)
        assert etl.rows(STORED) == truth(account)


def test_a_listed_message_of_another_conversation_spoils_its_page(engine: Engine) -> None:
    def smuggle(value: Any) -> Any:
        value["data"]["payload"][0]["messages"][0]["conversation_id"] = 2
        return value

    account, script = account_of(5), Script()
    script.change = instead(pages, smuggle)
    with job(account, engine, change=script) as etl:
        assert etl.run(retry_attempts=2).outcome == "complete"
        assert etl.rows(STORED) == truth(account)


# Answers that name another account


def of_another_account(value: Any) -> Any:
    """Give every record that names an account another one, wherever it is."""
    if isinstance(value, list):
        return [of_another_account(one) for one in value]
    if isinstance(value, dict):
        return {name: 2 if name == "account_id" else of_another_account(one) for name, one in value.items()}
    return value


@pytest.mark.long
@pytest.mark.parametrize("asked", [pages, lambda request: request.path.endswith("/teams")])
def test_a_list_of_another_account_is_asked_for_again(engine: Engine, asked: Asked) -> None:
    account, script = account_of(5), Script()
    script.change = instead(asked, of_another_account)
    with job(account, engine, change=script) as etl:
        run = etl.run(retry_attempts=2)
        assert (run.outcome, notes_of(run), run.tally.retries) == ("complete", [], 1)
        assert etl.rows("SELECT DISTINCT account_id FROM conversations") == [(1,)]


def test_of_a_list_that_is_always_another_account_s_nothing_is_stored(engine: Engine) -> None:
    account, script = account_of(5), Script()
    script.change = instead(lambda _: True, of_another_account, times=None)
    with job(account, engine, change=script) as etl:
        run = etl.run()
        assert run.outcome == "failed"
        assert "the answer belongs to account 2, and was asked for account 1." in run.problems[0]
        for table in ("conversations", "messages", "agents", "teams"):
            assert etl.rows(f"SELECT count(*) FROM {table}") == [(0,)]


# Servers that do not name the conversation: what one reading takes from another conversation is in doubt

UNNAMED = ("conversation_id",)


def test_messages_that_move_leave_both_histories_open_until_they_are_back(engine: Engine) -> None:
    account, script = account_of(5), Script(tell_nothing=True)
    script.change = instead(history_of(3), whole_history(account, 4, *UNNAMED))
    with job(account, engine, change=script) as etl:
        run = etl.run(concurrency=1, books="off")
        assert run.outcome == "incomplete"
        assert run.problems == [
            "The vendor gave the same messages as those of different conversations (3, 4). The next run reads the"
            " histories of these 2 again."
        ]
        assert etl.rows(OPEN) == [(3,), (4,)]
        etl.run(books="off")
        assert etl.run(books="off").outcome == "complete"
        assert (etl.rows(STORED), etl.rows(OPEN)) == (truth(account), [])


@pytest.mark.long
def test_messages_that_a_later_run_moves_and_another_one_misses_come_back(engine: Engine) -> None:
    account, script = account_of(60), Script(tell_nothing=True)
    with walking_job(account, engine, change=script) as etl:
        etl.run()
        # On another page than conversation 50, which nothing moves: its mark holds.
        reply(account, 3, "it moves the clock", LONG_AGO + DAY, by=1)
        script.change = instead(history_of(3), whole_history(account, 50, *UNNAMED))
        run = etl.run()
        assert (run.outcome, etl.rows(OPEN)) == ("incomplete", [(3,), (50,)])
        assert "(3, 50)" in " ".join(run.problems)
        etl.run()
        run = etl.run()
        assert (run.outcome, run.problems) == ("complete", [])
        assert (etl.rows(STORED), etl.rows(OPEN)) == (sorted(truth(account)), [])


@pytest.mark.long
@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_page_that_shows_one_message_in_two_conversations_is_in_doubt_until_both_are_sent_again(
    engine: Engine, is_loaded: bool
) -> None:
    def show_twice(value: Any) -> Any:
        shown = {one["id"]: one for one in value["data"]["payload"]}
        for name in ("messages", "last_non_activity_message"):
            shown[3][name] = orjson.loads(orjson.dumps(shown[4][name]))
        for one in (*shown[3]["messages"], shown[3]["last_non_activity_message"]):
            del one["conversation_id"]
        return value

    account, script = account_of(5), Script()
    with job(account, engine, change=script) as etl:
        if is_loaded:
            assert etl.run(messages="listed").outcome == "complete"
        script.change = instead(lambda request: pages(request) and request.first("status") == "open", show_twice)
        run = etl.run(messages="listed")
        assert (run.outcome, list(run.tally.moved)) == ("incomplete", [3, 4])
        etl.run(messages="listed")
        assert etl.run(messages="listed").outcome == "complete"
        assert etl.rows("SELECT id, conversation_id FROM messages ORDER BY id") == [(3 * n, n) for n in range(1, 6)]


@pytest.mark.long
def test_two_histories_that_an_audit_reads_alike_are_both_in_doubt(engine: Engine) -> None:
    account, script = account_of(5), Script(tell_nothing=True)
    with job(account, engine, change=script) as etl:
        etl.run()
        before = etl.rows(STORED)
        for number in (3, 4):
            account.conversations[number].messages[1].content = "edited"  # which moves no clock
        script.change = instead(history_of(3), whole_history(account, 4, *UNNAMED), times=None)
        run = etl.run(Selection(audit=True))
        assert (run.outcome, list(run.tally.moved), etl.rows(OPEN)) == ("incomplete", [3, 4], [(3,), (4,)])
        assert etl.rows("SELECT count(*) FROM messages WHERE partial OR removed_at IS NOT NULL") == [(0,)]
        script.change = instead(lambda _: False, lambda same: same)
        etl.run()
        assert etl.run(Selection(audit=True)).outcome == "complete"
        assert (etl.rows(STORED), etl.rows(OPEN)) == (truth(account), [])
        assert etl.rows(STORED) != before


@pytest.mark.long
def test_what_one_reading_misses_is_read_once_more(engine: Engine) -> None:
    account, script = account_of(5), Script(tell_nothing=True)
    with job(account, engine, change=script) as etl:
        etl.run(books="off")
        reply(account, 3, "it moves the clock", LONG_AGO + DAY, by=1)
        script.change = instead(history_of(3), lambda value: value | {"payload": value["payload"][2:]})
        assert etl.run(books="off").outcome == "complete"
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL ORDER BY id") == [(7,), (8,)]
        assert etl.rows(OPEN) == [(3,)]
        etl.run(books="off")
        assert etl.asked()[1] == [3]
        assert (etl.rows(STORED), etl.rows(OPEN)) == (sorted(truth(account)), [])


# Workers that share a run


@pytest.mark.long
def test_in_a_shared_run_an_answer_belongs_to_its_question_too(engine: Engine) -> None:
    account, script = account_of(50), Script(tell_nothing=True)
    script.change = instead(history_of(3), whole_history(account, 44))
    with job(account, engine, change=script, **FEW_A_PAGE) as etl:
        run = shared(etl, retry_attempts=2)
        assert (run.outcome, run.tally.retries) == ("complete", 1)
        assert etl.rows(STORED) == truth(account)


@pytest.mark.long
def test_what_moved_between_the_parts_of_a_shared_run_is_in_doubt(engine: Engine) -> None:
    account, script = account_of(50), Script(tell_nothing=True)
    script.change = instead(history_of(3), whole_history(account, 44, *UNNAMED))
    with job(account, engine, change=script, **FEW_A_PAGE) as etl:
        run = shared(etl)
        assert (run.outcome, list(run.tally.moved), etl.rows(OPEN)) == ("incomplete", [3, 44], [(3,), (44,)])
        etl.run()
        assert etl.run().outcome == "complete"
        assert (etl.rows(STORED), etl.rows(OPEN)) == (truth(account), [])
