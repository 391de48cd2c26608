"""The vendor's own counts as a third witness: what was lost or doubled in the tables is found, and read again."""

from collections import Counter
from collections.abc import Callable
from io import StringIO
from typing import Any

import orjson
import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from etl.demo.account import OUTGOING, Account, CsatResponse
from etl.demo.events import add_conversation, add_message, delete_conversation, reply
from etl.demo.server import Answer, Request, json_answer
from etl.extract.reports import METRICS
from etl.monitoring.summary import print_summary
from etl.selection import Selection
from tests.examples import in_the_long_run
from tests.scripted_account import LONG_AGO, Job, account_of, empty_account, job, notes_of, server_fault, walking_job

BOOKS = """
    SELECT metric, grain, vendor, ours, explained_by FROM vendor_counts
    WHERE run_id = (SELECT max(run_id) FROM vendor_counts) ORDER BY grain, metric, since
"""
EVERYTHING = (
    "SELECT id, conversation_id, message_type, created_at, content FROM messages WHERE removed_at IS NULL ORDER BY id"
)
COLUMNS = "account_id, conversation_id, message_type, created_at, content, partial, private"


def change(etl: Job, statement: str) -> None:
    with etl.engine.begin() as connection:
        connection.execute(text("SET search_path TO helpdesk"))
        connection.execute(text(statement))


def busy_account(conversations: int, messages: int) -> Account:
    """Return an account in which each conversation has answers and notes, too, over some days."""
    account = account_of(conversations, messages)
    for number in account.conversations:
        at = LONG_AGO + number * 3_600
        reply(account, number, "an answer", at + 100, by=2)
        add_message(
            account, number, "a note", at + 200, message_type=OUTGOING, private=True, sender_type="User", sender_id=2
        )
        add_message(account, number, "assigned", at + 300, message_type=2)
    return account


def lose_one(etl: Job) -> None:
    change(etl, "DELETE FROM messages WHERE id = 40")


def double_one(etl: Job) -> None:
    change(
        etl,
        f"INSERT INTO messages (id, {COLUMNS}) SELECT 900000000, {COLUMNS} FROM messages WHERE id = 41",
    )


def lose_conversations_of_a_day(etl: Job) -> None:
    there = "SELECT id FROM conversations WHERE created_at::date = '2023-11-15'"
    change(etl, f"DELETE FROM messages WHERE conversation_id IN ({there})")
    change(etl, f"DELETE FROM conversation_states WHERE conversation_id IN ({there})")
    change(etl, f"DELETE FROM reporting_events WHERE conversation_id IN ({there})")
    change(etl, "DELETE FROM stale_figures")
    change(etl, "DELETE FROM conversations WHERE created_at::date = '2023-11-15'")


def lose_messages_of_a_day(etl: Job) -> None:
    change(etl, "DELETE FROM messages WHERE created_at::date = '2023-11-15'")


def turn_one(etl: Job) -> None:
    change(etl, "UPDATE messages SET message_type = 'outgoing' WHERE id = 40")


def date_one_differently(etl: Job) -> None:
    change(etl, "UPDATE messages SET created_at = created_at - interval '40 days' WHERE id = 40")


def bury_one(etl: Job) -> None:
    change(etl, "UPDATE messages SET removed_at = now() WHERE id = 40")


def date_a_conversation_differently(etl: Job) -> None:
    change(etl, "UPDATE conversations SET created_at = created_at - interval '100 years' WHERE id = 5")


LOSSES = [
    lose_one, double_one, lose_conversations_of_a_day, lose_messages_of_a_day, turn_one, date_one_differently, bury_one,
    date_a_conversation_differently,
]  # fmt: skip


@pytest.mark.parametrize("behaviour", ["4.7", "2026", "2.14"])
@pytest.mark.parametrize("harm", LOSSES)
def test_what_was_lost_or_doubled_in_the_tables_is_found_and_healed_by_the_next_run(
    engine: Engine, behaviour: str, harm: Callable[[Job], None]
) -> None:
    with job(busy_account(60, 3), engine, behaviour=behaviour) as etl:
        first = etl.run(patrol_percent=0)
        assert first.outcome == "complete", first.problems
        rows = etl.rows(EVERYTHING)
        etl.run(patrol_percent=0)
        harm(etl)
        second = etl.run(patrol_percent=0)
        assert second.outcome == "complete", second.problems
        assert etl.rows(EVERYTHING) == rows
        assert second.books is not None
        assert {name: second.books[name] for name in METRICS} == {
            "conversations": {"vendor": 60, "ours": 60, "explained": 0},
            "incoming_messages": {"vendor": 180, "ours": 180, "explained": 0},
            "outgoing_messages": {"vendor": 120, "ours": 120, "explained": 0},
        }
        assert second.tally.requests < 400


@pytest.mark.parametrize("harm", in_the_long_run(lose_one, double_one, lose_conversations_of_a_day))
def test_a_large_account_is_healed_likewise(engine: Engine, harm: Callable[[Job], None]) -> None:
    with job(busy_account(1_200, 27), engine, behaviour="2026") as etl:
        etl.run(patrol_percent=0)
        rows = etl.rows(EVERYTHING)
        quiet = etl.run(patrol_percent=0)
        assert (quiet.outcome, notes_of(quiet)) == ("complete", [])
        harm(etl)
        healed = etl.run(patrol_percent=0)
        assert (healed.outcome, etl.rows(EVERYTHING)) == ("complete", rows)
        assert healed.books is not None
        assert [healed.books[name]["ours"] for name in METRICS] == [1_200, 32_400, 2_400]
        assert healed.tally.requests < quiet.tally.requests + 250


@pytest.mark.long
def test_a_quiet_night_asks_seven_times_more_and_tells_that_all_messages_agree(engine: Engine) -> None:
    with walking_job(busy_account(20, 3), engine) as etl:
        etl.run()
        run = etl.run()
        asked = Counter(request.path for request in etl.vendor.requests if "/v2/" in request.path)
        asked += Counter(request.path for request in etl.vendor.requests if request.path.endswith("/metrics"))
        assert (run.outcome, notes_of(run)) == ("complete", [])
        assert asked == {
            "/api/v2/accounts/1/reports/summary": 2,
            "/api/v2/accounts/1/reports": 3,
            "/api/v1/accounts/1/csat_survey_responses/metrics": 2,
        }
        console = Console(width=200, record=True, file=StringIO())
        print_summary(run, console)
        assert "books          100 of 100 messages agree" in console.export_text()
        assert [row[:5] for row in etl.rows(BOOKS)] == [
            ("conversations", "all", 20, 20, None),
            ("incoming_messages", "all", 60, 60, None),
            ("outgoing_messages", "all", 40, 40, None),
            *((f"rating_{rating}", "all", 0, 0, None) for rating in range(1, 6)),
            ("surveys_sent", "all", 0, 0, None),
        ]


NOT_HERE = Answer(404, b"<html>There is no such page</html>", "text/html")
NO_RIGHT = json_answer({"error": "You are not authorized to do this action"}, 401)
COUNTS = {"conversations_count": 20, "incoming_messages_count": 60, "outgoing_messages_count": 40}


def odd(**counts: Any) -> Answer:
    return json_answer(COUNTS | {"previous": COUNTS | counts})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NOT_HERE, "this server does not have them"),
        (NO_RIGHT, "it takes an administrator's token"),
        (server_fault(), "the server answered 500"),
        (json_answer([]), "the answer has no counts"),
        (json_answer(None), "the answer has no counts"),
        (json_answer(COUNTS), "the answer has no counts"),
        (json_answer({"previous": COUNTS}), "the answer has no count in conversations_count"),
        (odd(conversations_count="7"), "the answer has no count in conversations_count"),
        (odd(incoming_messages_count=None), "the answer has no count in incoming_messages_count"),
        (odd(outgoing_messages_count=-1), "the answer has no count in outgoing_messages_count"),
        (odd(outgoing_messages_count=1.5), "the answer has no count in outgoing_messages_count"),
        (odd(outgoing_messages_count=True), "the answer has no count in outgoing_messages_count"),
    ],
)
@pytest.mark.parametrize("at_the_end", [False, True])
def test_counts_that_cannot_be_had_or_read_are_a_note_and_compared_with_nothing(
    engine: Engine, answer: Answer, why: str, at_the_end: bool
) -> None:
    asked = []

    def without(request: Request, sent: Answer) -> Answer:
        if not request.path.endswith("/reports/summary"):
            return sent
        asked.append(request)
        return sent if at_the_end and len(asked) == 1 else answer

    with job(busy_account(4, 3), engine, change=without) as etl:
        run = etl.run()
        assert (run.outcome, run.problems) == ("complete", [])
        (note,) = notes_of(run)
        assert note.startswith("The vendor's own counts of conversations and messages were not compared. Why: ")
        assert why in note
        assert etl.rows("SELECT count(*) FROM vendor_counts WHERE metric LIKE '%messages'") == [(0,)]


NOW_EQUAL = "The vendor's own counts differed from the tables: 20 conversations were read again, and now they agree."


def test_where_the_vendor_does_not_tell_the_months_all_is_in_doubt_and_healed_all_the_same(engine: Engine) -> None:
    def without(request: Request, answer: Answer) -> Answer:
        return server_fault() if request.path.endswith("/reports") else answer

    with job(busy_account(20, 3), engine, change=without) as etl:
        etl.run()
        change(etl, "DELETE FROM messages WHERE id = 40")
        run = etl.run(patrol_percent=0)
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [NOW_EQUAL])
        assert etl.rows("SELECT count(*) FROM messages WHERE id = 40") == [(1,)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("selection", "settings"),
    [
        (Selection(recent=True), {}),
        (Selection(conversations=(1,)), {}),
        (Selection(), {"messages": "listed"}),
        (Selection(), {"books": "off"}),
    ],
)
def test_only_a_run_over_everything_that_reads_histories_asks_where_it_shall(
    engine: Engine, selection: Selection, settings: dict[str, str]
) -> None:
    with job(busy_account(4, 3), engine) as etl:
        etl.run(**settings)
        run = etl.run(selection, **settings)
        assert run.books is None
        asked = [request.path for request in etl.vendor.requests]
        assert [path for path in asked if "/v2/" in path or path.endswith("/metrics")] == []


def test_an_agents_token_asks_for_nothing_that_it_would_be_refused(engine: Engine) -> None:
    with job(busy_account(4, 3), engine, hidden_inboxes=frozenset({2})) as etl:
        assert etl.run().books is None
        assert [request.path for request in etl.vendor.requests if "/v2/" in request.path] == []


@pytest.mark.long
def test_rows_of_before_1970_are_counted_too_and_found_when_they_are_lost(engine: Engine) -> None:
    account = busy_account(4, 3)
    old = add_message(account, 1, "from an import", LONG_AGO, created_at=-86_400 * 400)
    with job(account, engine) as etl:
        run = etl.run()
        assert run.outcome == "complete", run.problems
        assert run.books is not None
        assert run.books["incoming_messages"] == {"vendor": 13, "ours": 13, "explained": 0}
        change(etl, f"DELETE FROM messages WHERE id = {old.id}")
        run = etl.run(patrol_percent=0)
        assert run.outcome == "complete", run.problems
        assert etl.rows(f"SELECT created_at::date::text FROM messages WHERE id = {old.id}") == [("1968-11-27",)]


def surveyed_account() -> Account:
    account = busy_account(6, 3)
    for number in account.conversations:
        at = LONG_AGO + number * 3_600 + 500
        asked = add_message(account, number, "How was it?", at, message_type=3, content_type="input_csat")
        contact = account.conversations[number].contact_id
        rating = 1 + number % 5
        account.csat_responses.append(CsatResponse(number, rating, None, number, asked.id, contact, None, at + 60))
    return account


@pytest.mark.long
def test_a_survey_that_was_lost_in_the_tables_is_read_again(engine: Engine) -> None:
    with job(surveyed_account(), engine) as etl:
        run = etl.run()
        assert run.outcome == "complete", run.problems
        assert run.books is not None
        assert run.books["surveys_sent"] == {"vendor": 6, "ours": 6, "explained": 0}
        assert [run.books[f"rating_{rating}"]["ours"] for rating in range(1, 6)] == [1, 2, 1, 1, 1]
        change(etl, "DELETE FROM csat_responses WHERE message_id = (SELECT max(id) FROM messages)")
        change(etl, "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
        run = etl.run(patrol_percent=0)
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [])
        assert etl.rows("SELECT count(*) FROM messages WHERE content_type = 'input_csat'") == [(6,)]
        assert etl.rows("SELECT count(*) FROM csat_responses") == [(6,)]


@pytest.mark.long
def test_a_survey_in_a_conversation_that_is_refused_is_explained_and_no_alarm(engine: Engine) -> None:
    def refuse(request: Request, answer: Answer) -> Answer:
        if "/conversations/3" in request.path:
            return NO_RIGHT
        if request.path.endswith("/conversations/meta"):
            counted = orjson.loads(answer.body)["meta"]["all_count"]
            return json_answer({"meta": {"all_count": max(counted - 1, 0)}})  # all are open
        if not request.path.endswith("/conversations"):
            return answer
        told = orjson.loads(answer.body)
        told["data"]["payload"] = [one for one in told["data"]["payload"] if one["id"] != 3]
        return json_answer(told)

    with job(surveyed_account(), engine, change=refuse) as etl:
        for _ in range(2):
            run = etl.run()
            assert (run.outcome, run.problems) == ("complete", [])
            assert run.books is not None
            assert run.books["surveys_sent"] == {"vendor": 6, "ours": 5, "explained": 0}  # which is no agreement
            refused = (
                "In all the vendor counts 6 surveys sent, and the tables 5. Why: conversations that the vendor refuses"
            )
            assert [note for note in run.notes if "surveys" in note] == [f"{refused} to this token."]
        # What was lost besides is healed.
        change(etl, "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
        run = etl.run(patrol_percent=0)
        assert (run.outcome, run.books and run.books["surveys_sent"]["ours"]) == ("complete", 5)


@pytest.mark.long
def test_surveys_of_conversations_that_are_refused_hide_an_older_one_that_was_lost_for_a_few_nights_only(
    engine: Engine,
) -> None:
    """One run has time for a few days that differ: were it the newest, refused ones would hide all else."""
    refused = range(3, 7)

    def refuse(request: Request, answer: Answer) -> Answer:
        if any(f"/conversations/{number}" in request.path for number in refused):
            return NO_RIGHT
        if request.path.endswith("/conversations/meta"):
            counted = orjson.loads(answer.body)["meta"]["all_count"]
            return json_answer({"meta": {"all_count": max(counted - len(refused), 0)}})  # all are open
        if not request.path.endswith("/conversations"):
            return answer
        told = orjson.loads(answer.body)
        told["data"]["payload"] = [one for one in told["data"]["payload"] if one["id"] not in refused]
        return json_answer(told)

    account = empty_account(1)
    for number in range(1, 7):
        at = LONG_AGO + number * 40 * 86_400
        one = add_conversation(account, contact_id=1, inbox_id=1, at=at)
        add_message(account, one.id, "Thank you", at + 60)
        add_message(account, one.id, "How was it?", at + 120, message_type=3, content_type="input_csat")
    with job(account, engine, change=refuse) as etl:
        for _ in range(3):  # from then on what was read in vain is left alone
            assert etl.run(patrol_percent=0).outcome == "complete"
        change(etl, "DELETE FROM messages WHERE conversation_id = 1 AND content_type = 'input_csat'")
        sent = []
        for _ in range(4):
            run = etl.run(patrol_percent=0)
            assert run.books is not None
            sent.append(run.books["surveys_sent"]["ours"])
        assert (sent[-1], run.outcome) == (2, "complete")


@pytest.mark.long
@pytest.mark.parametrize(("still_counted", "is_explained"), [(3, True), (4, True), (7, True), (2, False), (8, False)])
def test_what_some_of_the_conversations_deleted_of_late_had_is_explained_and_nothing_else(
    engine: Engine, still_counted: int, is_explained: bool
) -> None:
    """The vendor deletes messages in the background, one conversation's after the other's: of 3 and of 4."""
    account = busy_account(6, 3)
    add_message(account, 4, "a fourth", LONG_AGO)

    def behind(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/reports/summary") or len(account.conversations) > 4:
            return answer
        told = orjson.loads(answer.body)
        return json_answer(told | {"incoming_messages_count": told["incoming_messages_count"] + still_counted})

    with job(account, engine, change=behind) as etl:
        etl.run()
        delete_conversation(account, 2)
        etl.run()
        delete_conversation(account, 4)
        etl.run()
        run = etl.run()
        assert (run.outcome, bool(run.problems)) == (("complete", False) if is_explained else ("incomplete", True))
        assert run.books is not None
        explained = still_counted if is_explained else 0
        told = {"vendor": 12 + still_counted, "ours": 12, "explained": explained}
        assert run.books["incoming_messages"] == told | ({} if is_explained else {"days": 1})


@pytest.mark.long
def test_a_survey_lost_while_one_of_a_deleted_conversation_could_be_counted_is_read_again(engine: Engine) -> None:
    account = surveyed_account()
    with job(account, engine) as etl:
        etl.run()
        delete_conversation(account, 2)
        account.csat_responses = [one for one in account.csat_responses if one.id != 2]
        etl.run()
        change(etl, "DELETE FROM csat_responses WHERE message_id = (SELECT max(id) FROM messages)")
        change(etl, "DELETE FROM messages WHERE id = (SELECT max(id) FROM messages)")
        run = etl.run(patrol_percent=0)
        assert (run.outcome, run.books and run.books["surveys_sent"]) == (
            "complete",
            {"vendor": 5, "ours": 5, "explained": 0},
        )


@pytest.mark.long
def test_an_answer_that_the_vendor_destroyed_with_a_merged_contact_stays_and_is_explained(engine: Engine) -> None:
    account = surveyed_account()
    with job(account, engine) as etl:
        etl.run()
        del account.csat_responses[0]
        run = etl.run()
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [])
        assert run.books is not None
        assert run.books["rating_2"] == {"vendor": 1, "ours": 2, "explained": -1}
        assert etl.rows("SELECT explained_by FROM bi.reconciliation WHERE metric = 'rating_2'") == [
            ("answers that the vendor no longer has, as with those of contacts that were merged",)
        ]


def test_answers_that_the_vendor_counts_and_does_not_list_are_a_problem(engine: Engine) -> None:
    account = surveyed_account()

    def hide(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/csat_survey_responses"):
            return answer
        return json_answer([one for one in orjson.loads(answer.body) if one["id"] != 3])

    with job(account, engine, change=hide) as etl:
        run = etl.run()
        assert (run.outcome, run.problems) == (
            "incomplete",
            [
                "In all the vendor counts 1 survey answers of rating 4, and the tables 0, also after the list of"
                " answers was read again; the next run goes on."
            ],
        )
