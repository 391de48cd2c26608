"""Events of a conversation that were answered for another one, valid in themselves."""

from collections.abc import Callable

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_message
from etl.demo.reporting_events import inner_number
from etl.demo.server import Answer, Request, json_answer
from etl.exit_codes import Outcome
from tests.integration.run.test_vendor_events import OWN, answered, asked, said
from tests.scripted_account import job, now

PAIRS = (
    "SELECT conversation_id, server_conversation_id, count(*) FROM reporting_events"
    " WHERE name <> 'conversation_opened' GROUP BY 1, 2 ORDER BY 1, 2"
)
RIGHT = [(1, inner_number(1), 2), (2, inner_number(2), 2), (3, inner_number(3), 2)]


def of_another(asked_for: int, given: int, times: list[int]) -> Callable[[Request, Answer], Answer]:
    """Return a change by which a conversation's events are answered with another's, as often as times is left."""
    kept: dict[str, Answer] = {}

    def change(request: Request, answer: Answer) -> Answer:
        if request.path.endswith(f"conversations/{given}/reporting_events"):
            kept[""] = answer
        if request.path.endswith(f"conversations/{asked_for}/reporting_events") and times[0] and kept:
            times[0] -= 1
            return kept[""]
        return answer

    return change


def come_back(account: Account, *numbers: int) -> None:
    for number in numbers:
        add_message(account, number, "it is broken", now() - 60)


def test_events_that_are_known_of_another_conversation_are_asked_for_again(engine: Engine) -> None:
    account, times = answered(3), [0]
    with job(account, engine, of_another(2, 1, times), behaviour="2026") as etl:
        etl.run()
        times[0] = 1
        come_back(account, 2)
        run = etl.run()
        assert (run.outcome, said(run), times) == (Outcome.COMPLETE, [], [0])
        assert asked(etl)[OWN] == 3  # 2, and both once more
        assert etl.rows(PAIRS) == RIGHT


def test_of_two_that_are_asked_at_once_after_a_refusal_none_gets_the_events_of_the_other(engine: Engine) -> None:
    account, first = answered(3), json_answer({"error": "Resource could not be found"}, 404)

    def change(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("conversations/1/reporting_events"):
            return first
        if request.path.endswith("conversations/2/reporting_events"):
            return with_number_of_the_third(answer)
        return answer

    def with_number_of_the_third(answer: Answer) -> Answer:
        events = orjson.loads(answer.body)
        listed = events["payload"] if isinstance(events, dict) else events
        for event in listed:
            event["conversation_id"] = inner_number(3)
        return json_answer(events)

    with job(account, engine, change, behaviour="2026") as etl:
        run = etl.run()
        assert run.outcome == Outcome.COMPLETE
        assert "were answered with the same events" in " ".join(said(run))
        assert etl.rows("SELECT id FROM conversations WHERE events_read_at IS NOT NULL") == []
        assert etl.rows("SELECT count(*) FROM reporting_events WHERE conversation_id IN (1, 2, 3)") == [(0,)]


@pytest.mark.long
def test_where_each_answer_is_another_conversations_nothing_is_believed_and_the_next_run_asks(engine: Engine) -> None:
    account, times = answered(3), [0]
    with job(account, engine, of_another(2, 1, times), behaviour="2026") as etl:
        etl.run()
        before = etl.rows("SELECT * FROM conversation_openings ORDER BY conversation_id, opening")
        times[0] = 100
        come_back(account, 2)
        run = etl.run()
        assert run.outcome == Outcome.COMPLETE
        assert [note.partition("first: ")[2] for note in said(run)] == [
            "conversation 1 and others were answered with the same events: they belong to one alone."
        ]
        assert etl.rows(PAIRS) == RIGHT
        first = "SELECT * FROM conversation_openings WHERE conversation_id = 1 ORDER BY opening"
        assert etl.rows(first) == [row for row in before if row[1] == 1]
        times[0] = 0
        run = etl.run()
        assert said(run) == []
        assert etl.rows("SELECT name FROM reporting_events WHERE conversation_id = 2 ORDER BY event_end_time") == [
            ("first_response",), ("conversation_resolved",), ("conversation_opened",),
        ]  # fmt: skip


@pytest.mark.long
def test_what_a_first_run_took_for_another_conversations_is_set_right_when_its_own_is_asked(engine: Engine) -> None:
    account, times = answered(2), [1]
    with job(account, engine, of_another(2, 1, times), behaviour="2026") as etl:
        run = etl.run()
        assert (said(run), etl.rows(PAIRS)) == ([], RIGHT[:2])
    with engine.begin() as connection:  # as if conversation 1 had not been there then
        connection.exec_driver_sql("UPDATE helpdesk.reporting_events SET conversation_id = NULL")
        connection.exec_driver_sql(
            "UPDATE helpdesk.reporting_events SET conversation_id = 2 WHERE server_conversation_id = %s",
            (inner_number(1),),
        )
    with job(account, engine, behaviour="2026") as etl:
        come_back(account, 2)
        assert said(etl.run()) == []
        assert etl.rows(PAIRS) == [(2, inner_number(2), 2), (None, inner_number(1), 2)]
        come_back(account, 1)
        assert said(etl.run()) == []
        assert etl.rows(PAIRS) == RIGHT[:2]


def test_a_server_that_gives_all_conversations_one_number_is_left_alone_and_its_events_are_nobodys(
    engine: Engine,
) -> None:
    account = answered(14)

    def change(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/reporting_events"):
            return answer
        return json_answer([event | {"conversation_id": 1} for event in orjson.loads(answer.body)])

    with job(account, engine, change, behaviour="2026") as etl:
        for _ in range(2):
            run = etl.run()
            assert run.outcome == Outcome.COMPLETE
            assert said(run) == [
                "Not read: the vendor's own events of conversations (messages, activities and runs tell when things"
                " happened). Why: the server failed: conversation 14 and others were answered with the same events:"
                " they belong to one alone."
            ]
        assert etl.rows("SELECT conversation_id, count(*) FROM reporting_events GROUP BY 1") == [(1, 2)]
