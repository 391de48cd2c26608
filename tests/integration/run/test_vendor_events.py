"""The vendor's own events: what is read of them, when, and what a run does where they are not to be had."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, change_conversation, delete_conversation, reply
from etl.demo.reporting_events import inner_number
from etl.demo.server import Answer, Request, json_answer
from etl.exit_codes import Outcome
from etl.load.journal import Run
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, Job, account_of, empty_account, job, now, server_fault

TOLD = (
    "SELECT name, conversation_id, user_id, value, event_end_time FROM reporting_events ORDER BY event_end_time, name"
)
OWN, LIST = "of conversations", "of the account"


def answered(conversations: int = 3) -> Account:
    """Return an account whose conversations were asked, answered by Bob after a minute, and resolved after an hour."""
    account = empty_account()
    for at in range(conversations):
        begun = LONG_AGO + at * 86_400
        number = add_conversation(account, contact_id=1, inbox_id=1, at=begun).id
        add_message(account, number, "where is it?", begun)
        change_conversation(account, number, begun + 10, by=None, assignee_id=2)
        reply(account, number, "on its way", begun + 60, by=2)
        change_conversation(account, number, begun + 3_600, by=2, status="resolved")
    return account


def asked(etl: Job) -> Counter[str]:
    """Return how often events were asked for since the last run began."""
    paths = [request.path.split("/")[5:] or [""] for request in etl.vendor.requests]
    return Counter(OWN if len(one) == 3 else LIST for one in paths if one[-1] == "reporting_events")


def said(run: Run) -> list[str]:
    """Return the notes of a run that are about events."""
    return [note for note in run.notes if "events" in note]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(LONG_AGO + seconds, UTC)


@pytest.mark.long
def test_a_first_run_reads_the_events_of_every_conversation_and_the_next_one_writes_no_row(engine: Engine) -> None:
    with job(answered(2), engine, behaviour="2026") as etl:
        run = etl.run()
        assert (run.outcome, run.problems, said(run)) == (Outcome.COMPLETE, [], [])
        assert asked(etl) == {OWN: 2}
        assert etl.rows(TOLD) == [
            ("first_response", 1, 2, 60.0, moment(60)),
            ("conversation_resolved", 1, 2, 3_600.0, moment(3_600)),
            ("first_response", 2, 2, 60.0, moment(86_460)),
            ("conversation_resolved", 2, 2, 3_600.0, moment(90_000)),
        ]
        written = "SELECT id, xmin::text, changed_at FROM reporting_events ORDER BY id"
        before = etl.rows(written)
        run = etl.run()
        assert (run.outcome, said(run), asked(etl)) == (Outcome.COMPLETE, [], {LIST: 1})
        assert etl.rows(written) == before


@pytest.mark.long
def test_only_conversations_that_changed_are_asked_again(engine: Engine) -> None:
    account = answered(3)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        add_message(account, 2, "it is broken", now() - 60)
        etl.run()
        assert asked(etl) == {OWN: 1, LIST: 1}
        names = "SELECT name FROM reporting_events WHERE conversation_id = 2 ORDER BY event_end_time"
        assert etl.rows(names) == [("first_response",), ("conversation_resolved",), ("conversation_opened",)]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", ["2.14", "4.7"])
def test_a_server_without_them_is_asked_once_a_run(engine: Engine, behaviour: str) -> None:
    with job(answered(), engine, behaviour=behaviour) as etl:
        for _ in range(2):
            run = etl.run()
            assert run.outcome == Outcome.COMPLETE
            assert asked(etl) == {OWN: 1}
            assert said(run) == [
                "Not read: the vendor's own events of conversations (messages, activities and runs tell when things"
                " happened). Why: this server does not have it."
            ]
        assert etl.rows("SELECT count(events_read_at) FROM conversations") == [(0,)]


def instead(path_ends: str, answer: Answer, of: tuple[str, ...] = ()) -> Any:
    """Return a change that answers something else to what asks for events; of: of these conversations only."""

    def changed(request: Request, real: Answer) -> Answer:
        parts = request.path.split("/")[5:]
        is_asked = parts[-1] == "reporting_events" and (len(parts) == 3) == (path_ends == OWN)
        return answer if is_asked and (not of or parts[1] in of) else real

    return changed


FORBIDDEN = json_answer({"error": "You are not authorized to do this action"}, 401)
NOT_FOUND = json_answer({"error": "Resource could not be found"}, 404)


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "requests", "why"),
    [
        (FORBIDDEN, 3, "it takes an administrator's token"),
        (NOT_FOUND, 3, "this server does not have it"),
        (server_fault(), 10, "the server failed"),
        (json_answer({"error": "no list"}), 10, "the server failed"),
    ],
    ids=["forbidden", "missing", "failing", "no list"],
)
def test_where_they_cannot_be_had_the_run_is_complete_and_says_why(
    engine: Engine, answer: Answer, requests: int, why: str
) -> None:
    with job(answered(12), engine, instead(OWN, answer), behaviour="2026") as etl:
        run = etl.run()
        assert (run.outcome, asked(etl)) == (Outcome.COMPLETE, {OWN: requests})
        assert len(said(run)) == 1
        assert why in said(run)[0]
        assert etl.rows("SELECT count(*) FROM reporting_events") == [(0,)]
    with job(answered(12), engine, behaviour="2026") as etl:
        assert etl.run().outcome == Outcome.COMPLETE
        assert etl.rows("SELECT count(*) FROM reporting_events") == [(24,)]


@pytest.mark.long
@pytest.mark.parametrize(("failing", "asked_for"), [("2", 4), ("3", 4), ("", 3)])
def test_three_that_are_refused_tell_of_all_whatever_fails_between_them(
    engine: Engine, failing: str, asked_for: int
) -> None:
    def changed(request: Request, real: Answer) -> Answer:
        fault = instead(OWN, server_fault(), of=(failing,))(request, real)
        return fault if fault is not real and failing else instead(OWN, FORBIDDEN)(request, real)

    with job(answered(9), engine, changed, behaviour="2026") as etl:
        run = etl.run()
        assert (run.outcome, asked(etl)) == (Outcome.COMPLETE, {OWN: asked_for})
        assert etl.rows("SELECT count(events_read_at) FROM conversations") == [(0,)]


@pytest.mark.long
def test_a_conversation_whose_events_failed_is_asked_again_by_the_next_run_alone(engine: Engine) -> None:
    with job(answered(4), engine, instead(OWN, server_fault(), of=("3",)), behaviour="2026") as etl:
        run = etl.run()
        assert run.outcome == Outcome.COMPLETE
        assert "events of 1 conversations could not be read; the next run tries again" in said(run)[0]
        assert etl.rows("SELECT DISTINCT conversation_id FROM reporting_events ORDER BY 1") == [(1,), (2,), (4,)]
    with job(answered(4), engine, behaviour="2026") as etl:
        assert said(etl.run()) == []
        assert asked(etl) == {OWN: 1, LIST: 1}
        assert etl.rows("SELECT count(*) FROM reporting_events WHERE conversation_id = 3") == [(2,)]


def test_the_list_that_is_refused_is_a_note_and_read_from_where_it_was(engine: Engine) -> None:
    account = answered(2)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        until = etl.rows("SELECT events_listed_until FROM accounts")
    with job(account, engine, instead(LIST, FORBIDDEN), behaviour="2026") as etl:
        run = etl.run()
        assert run.outcome == Outcome.COMPLETE
        assert said(run) == [
            "Not read: the list of the vendor's own events (each conversation tells its own when it changes)."
            " Why: it takes an administrator's token."
        ]
        assert etl.rows("SELECT events_listed_until FROM accounts") == until


@pytest.mark.long
def test_what_the_list_alone_tells_is_nobodys_until_the_conversation_says_that_it_is_its_own(engine: Engine) -> None:
    """Its number there is the server's own: that is told by the events that came by the conversation's address."""
    account = answered(3)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        late = now() - 30
        # Written down late: nothing of the conversation changes with it.
        account.conversations[2].turns += (("open", late, 2),)
        hidden = add_conversation(account, contact_id=1, inbox_id=1, at=late)
        hidden.turns = (("resolved", late, 1),)
        del account.conversations[hidden.id]
        run = etl.run()
        assert said(run) == []
        assert asked(etl) == {OWN: 1, LIST: 1}
        new = "SELECT name, conversation_id, server_conversation_id FROM reporting_events WHERE value > 100000"
        assert etl.rows(new) == [("conversation_opened", 2, inner_number(2))]


def test_an_event_of_a_conversation_that_nothing_else_tells_of_stays_unpaired_and_counts_for_no_figure(
    engine: Engine,
) -> None:
    account = answered(1)

    def with_one_more(request: Request, real: Answer) -> Answer:
        if not request.path.endswith("accounts/1/reporting_events"):
            return real
        value = orjson.loads(real.body)
        late = datetime.now(UTC).isoformat()
        event = {"id": 999, "name": "conversation_resolved", "value": 5, "conversation_id": 1, "user_id": 77}
        value["payload"].append(event | {"event_start_time": late, "event_end_time": late, "created_at": late})
        return json_answer(value)

    with job(account, engine, with_one_more, behaviour="2026") as etl:
        etl.run()
        before = etl.rows("SELECT * FROM conversation_openings")
        run = etl.run()
        assert (run.outcome, said(run)) == (Outcome.COMPLETE, [])
        stored = "SELECT conversation_id, server_conversation_id, user_id FROM reporting_events WHERE id = 999"
        assert etl.rows(stored) == [(None, 1, 77)]
        assert etl.rows("SELECT * FROM conversation_openings") == before


@pytest.mark.long
def test_what_comes_while_the_list_is_read_pushes_nothing_out_of_it(engine: Engine) -> None:
    account = answered(2)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
    late = now() - 300
    for second in range(60):
        account.conversations[1 + second % 2].turns += (("open", late + second, None),)

    def meanwhile(request: Request, real: Answer) -> Answer:
        if request.path.endswith("accounts/1/reporting_events"):
            account.conversations[1].turns += (("open", now() - 2, 1),)
        return real

    with job(account, engine, meanwhile, behaviour="2026") as etl:
        run = etl.run()
        assert (run.outcome, said(run)) == (Outcome.COMPLETE, [])
        assert etl.rows(
            "SELECT count(*) FROM reporting_events WHERE name = 'conversation_opened' AND user_id IS NULL"
        ) == [(60,)]


@pytest.mark.long
def test_a_value_that_cannot_be_costs_itself_and_an_event_without_a_number_is_rejected(engine: Engine) -> None:
    account = answered(2)

    def odd(request: Request, real: Answer) -> Answer:
        if not request.path.endswith("conversations/1/reporting_events"):
            return real
        first, second = orjson.loads(real.body)
        return json_answer([first | {"value": "soon", "mood": "good"}, second | {"id": None}])

    with job(account, engine, odd, behaviour="2026") as etl:
        run = etl.run(books="off")
        assert run.outcome == Outcome.INCOMPLETE
        assert etl.rows("SELECT entity, reason FROM rejected_records") == [("reporting event", "id: is missing")]
        odd_row = "SELECT value, extra FROM reporting_events WHERE conversation_id = 1"
        assert etl.rows(odd_row) == [(None, {"value": "soon", "mood": "good"})]
        assert etl.asked()[1] == [1, 2]
    with job(account, engine, behaviour="2026") as etl:
        assert etl.run(books="off").outcome == Outcome.COMPLETE
        assert etl.asked()[1] == []
        assert etl.rows("SELECT count(*) FROM rejected_records WHERE resolved_at IS NULL") == [(0,)]
        assert etl.rows(odd_row) == [(60.0, {"mood": "good"}), (3_600.0, None)]


def test_the_answer_to_another_question_is_none(engine: Engine) -> None:
    """Events of two conversations, and of another account, came out of step."""
    account = answered(2)

    def mixed(request: Request, real: Answer) -> Answer:
        if not request.path.endswith("conversations/1/reporting_events"):
            return real
        first, second = orjson.loads(real.body)
        return json_answer([first, second | {"conversation_id": 5}])

    with job(account, engine, mixed, behaviour="2026") as etl:
        run = etl.run()
        assert run.outcome == Outcome.COMPLETE
        assert "its events are of more than one conversation" in said(run)[0]
        assert etl.rows("SELECT DISTINCT conversation_id FROM reporting_events") == [(2,)]


@pytest.mark.long
def test_a_recent_run_reads_them_too_and_a_backfill_does_not(engine: Engine) -> None:
    account = answered(2)
    with job(account, engine, behaviour="2026") as etl:
        etl.run(Selection(kind="backfill", conversations=(1,)))
        assert asked(etl) == {}
        etl.run()
        change_conversation(account, 1, now() - 60, by=2, status="open")
        etl.run(Selection(recent=True))
        assert asked(etl) == {OWN: 1, LIST: 1}


@pytest.mark.long
def test_a_deleted_conversation_is_not_asked_and_keeps_its_events(engine: Engine) -> None:
    account = answered(3)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        delete_conversation(account, 2)
        assert etl.run().outcome == Outcome.COMPLETE
        assert asked(etl) == {LIST: 1}
        assert etl.rows("SELECT count(*) FROM reporting_events WHERE conversation_id = 2") == [(2,)]


def test_years_before_the_first_run_are_told_exactly(engine: Engine) -> None:
    """Resolved in silence by an automation, a day after the last word; reopened and resolved by hand a year later."""
    account = empty_account()
    number = add_conversation(account, contact_id=1, inbox_id=1, at=LONG_AGO).id
    add_message(account, number, "where is it?", LONG_AGO)
    reply(account, number, "on its way", LONG_AGO + 60, by=2)
    change_conversation(account, number, LONG_AGO + 86_400, by=None, status="resolved")
    year = 365 * 86_400
    change_conversation(account, number, LONG_AGO + year, by=None, status="open", assignee_id=1)
    change_conversation(account, number, LONG_AGO + year + 600, by=None, status="resolved")
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        figures = (
            "SELECT opening, opened_at, opened_by, resolved_at, resolved_at_is, resolved_by, agent_id,"
            " resolution_seconds FROM conversation_openings ORDER BY opening"
        )
        assert etl.rows(figures) == [
            (1, moment(0), "vendor", moment(86_400), "told", "vendor", None, 86_400),
            (2, moment(year), "vendor", moment(year + 600), "told", "vendor", 1, 600),
        ]
        events = "SELECT kind, source, at, not_before, not_after FROM conversation_events ORDER BY number"
        told = [("opened", 0), ("resolved", 86_400), ("reopened", year), ("resolved", year + 600)]
        assert etl.rows(events) == [(kind, "vendor", moment(at), moment(at), moment(at)) for kind, at in told]


@pytest.mark.long
def test_figures_are_those_of_the_same_runs_without_events_where_nothing_was_bounded(engine: Engine) -> None:
    account = account_of(4)
    with job(account, engine, behaviour="4.7") as etl:
        etl.run()
        without = etl.rows("SELECT * FROM conversation_openings ORDER BY conversation_id")
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        assert etl.rows("SELECT * FROM conversation_openings ORDER BY conversation_id") == without


@pytest.mark.long
def test_what_was_noted_by_a_clock_that_was_ahead_is_read_again(engine: Engine) -> None:
    account = answered(2)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        ahead = datetime.now(UTC) + timedelta(days=3)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE helpdesk.conversations SET events_read_at = %s, history_read_at = %s WHERE id = 1",
                (ahead, ahead),
            )
        etl.run()
        assert asked(etl) == {OWN: 1, LIST: 1}
