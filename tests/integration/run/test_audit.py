"""Every message against the second witness: what is missing is found, what cannot be had is said, and sums add up."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.events import add_conversation, add_message, reply
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.integration.run.audits import (
    AUDIT,
    answered,
    broken_second_page,
    execute,
    histories,
    ids,
    is_search,
    rewritten,
    searches,
    sums,
    without,
)
from tests.scripted_account import DAY, LONG_AGO, account_of, job, notes_of, server_fault


@pytest.mark.long
def test_an_audit_compares_every_conversation_and_asks_for_nothing_where_nothing_is_missing(engine: Engine) -> None:
    with job(account_of(60), engine) as etl:
        etl.run()
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit, run.problems, notes_of(run)) == ("complete", sums(60, read=180), [], [])
        assert searches(etl) == [f"status=all&sort_by=sort_on_created_at&page={page}" for page in (1, 2, 3, 4)]
        assert histories(etl) == []
        assert run.tally.counts["conversations"] == {"seen": 60, "unchanged": 60, "inserted": 0, "updated": 0}
        assert etl.rows("SELECT audit FROM sync_runs ORDER BY run_id") == [(None,), (sums(60, read=180),)]


def test_a_run_that_was_not_asked_for_an_audit_does_not_search(engine: Engine) -> None:
    with job(account_of(3, messages=30), engine) as etl:
        assert etl.run().audit is None
        assert searches(etl) == []


@pytest.mark.long
def test_a_message_that_the_tables_lack_is_read_with_its_history(engine: Engine) -> None:
    with job(account_of(30), engine) as etl:
        etl.run(books="off")
        before = etl.rows("SELECT to_jsonb(m) - 'first_synced_at' - 'changed_at' FROM messages AS m ORDER BY id")
        execute(etl, "DELETE FROM helpdesk.messages WHERE id IN (4, 5, 62)")
        assert etl.run(books="off").outcome == "complete"
        assert len(ids(etl)) == 87  # nothing tells an ordinary run
        run = etl.run(AUDIT, books="off")
        assert (run.outcome, run.audit) == ("complete", sums(30, read=90))
        assert sorted(histories(etl)) == ["2 after=0 before=2147483647", "21 after=0 before=2147483647"]
        assert (
            etl.rows("SELECT to_jsonb(m) - 'first_synced_at' - 'changed_at' FROM messages AS m ORDER BY id") == before
        )


WHOLE_ROW = """
    SELECT conversation_id, content, message_type, created_at = to_timestamp(:at), partial, removed_at IS NULL,
           sender_type, sender_id, inbox_id, status, private, content_type, content_attributes, extra, deleted
    FROM messages WHERE id = 5
"""
SENT_AT = LONG_AGO + 3_600 + 60
PARTIAL = (
    2, "message 1 of 2 🙂", "incoming", True, True, True,
    None, None, None, None, None, None, None, {"sender_name": "עומר"}, False,
)  # fmt: skip
WHOLE = (
    2, "message 1 of 2 🙂", "incoming", True, False, True,
    "contact", 2, 2, "sent", False, "text", {}, {"sender_name": "עומר"}, False,
)  # fmt: skip


@pytest.mark.long
def test_a_message_that_only_the_witness_has_is_saved_with_the_fields_it_has(engine: Engine) -> None:
    with job(account_of(3), engine, change=without(5)) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", sums(3, read=8, witnessed=1))
        assert etl.rows(WHOLE_ROW, at=SENT_AT) == [PARTIAL]
        # Before that it was asked for: its history once more, then by its number.
        assert histories(etl)[3:] == ["2 after=0 before=2147483647", "2 after=5 before=6"]
        assert "message.sender_name" in run.tally.unknown_fields
        # It is known now, asked for again by every audit, and not written again as long as nothing comes.
        row = etl.rows("SELECT ctid::text, xmin::text FROM messages WHERE id = 5")
        again = etl.run(AUDIT)
        assert (again.outcome, again.audit) == ("complete", sums(3, read=8, witnessed=1))
        assert histories(etl) == ["2 after=0 before=2147483647", "2 after=5 before=6"]
        assert etl.rows("SELECT ctid::text, xmin::text FROM messages WHERE id = 5") == row


@pytest.mark.long
def test_a_message_known_in_part_becomes_whole_when_it_is_read(engine: Engine) -> None:
    with job(account_of(3), engine, change=without(5)) as etl:
        etl.run(AUDIT)
    with job(etl.vendor.account, engine) as etl:
        run = etl.run(Selection(kind="backfill", audit=True))
        assert run.audit == sums(3, read=9)
        assert etl.rows(WHOLE_ROW, at=SENT_AT) == [WHOLE]


@pytest.mark.long
def test_a_message_that_was_whole_is_not_thinned_by_the_witness(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        etl.run(AUDIT)
        whole = etl.rows(WHOLE_ROW, at=SENT_AT)
        reply(account, 2, "it moves the clock", LONG_AGO + DAY, by=1)
        run = etl.run(AUDIT)
        assert run.audit == sums(3, read=10)
        assert etl.rows(WHOLE_ROW, at=SENT_AT) == whole


def test_what_can_be_had_in_no_way_is_unaccounted_and_the_run_is_incomplete(engine: Engine) -> None:
    def break_message_5(payload: Any) -> None:
        for one in payload:
            if one["id"] == 5:
                one["created_at"] = "yesterday"

    change = rewritten(lambda request: request.path.endswith("/messages"), break_message_5)
    with job(account_of(3), engine, change=change) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("incomplete", sums(3, read=8, unaccounted=1))
        assert "1 of 9 messages could not be had." in run.problems
        assert etl.rows("SELECT entity_id FROM rejected_records") == [("5",)]


def test_the_messages_of_a_conversation_that_could_not_be_read_are_known_from_the_witness(engine: Engine) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if request.path.endswith("/conversations/2/messages") else answer

    with job(account_of(3, messages=5), engine, change=change) as etl:
        run = etl.run(AUDIT)
        # The list has shown the newest of the five. The conversation counts when the server can be asked for it.
        assert etl.rows("SELECT id, partial FROM messages WHERE conversation_id = 2 ORDER BY id") == [
            (6, True), (7, True), (8, True), (9, True), (10, False),
        ]  # fmt: skip
        assert run.audit == sums(2, read=10)
        assert run.outcome == "incomplete"
        assert [one.partition(". ")[0] for one in run.problems] == [
            "1 histories were not compared with the vendor's search.",
            "1 histories could not be read completely; the next run tries again",
        ]
        assert etl.rows("SELECT id FROM conversations WHERE mark IS NULL") == [(2,)]
    with job(etl.vendor.account, engine) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", sums(3, read=15))


# A witness that cannot be used


@pytest.mark.parametrize("status", [404, 401, 403, 500])
def test_where_there_is_no_witness_that_is_said_and_the_run_is_complete(engine: Engine, status: int) -> None:
    with job(account_of(3), engine, change=answered(status)) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.problems, run.audit) == ("complete", [], None)
        (said,) = notes_of(run)
        assert said.startswith("The vendor's search was not used to count messages (http://127.0.0.1:")
        assert f"/conversations/search?status=all&page=1: the server answered {status}" in said
        # One order may be too much for a server and another not.
        assert searches(etl) == ["status=all&page=1", "status=all&sort_by=sort_on_created_at&page=1"]


@pytest.mark.long
def test_where_one_order_fails_the_other_may_show_the_rest(engine: Engine) -> None:
    with job(account_of(40), engine, change=broken_second_page) as etl:
        # The oldest 25, then the newest 25.
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit, run.problems) == ("complete", sums(40, read=120), [])


@pytest.mark.long
def test_what_was_compared_before_the_witness_failed_counts_and_the_rest_is_read(engine: Engine) -> None:
    with job(account_of(60), engine, change=broken_second_page) as etl:
        etl.run()
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", sums(60, read=180))
        assert sorted(histories(etl)) == [f"{number} after=0 before=2147483647" for number in range(26, 36)]
        (said,) = notes_of(run)
        assert said.startswith("10 histories that the vendor's search did not show were read by themselves (it failed:")
        assert "page=2: the server answered 500" in said


@pytest.mark.long
@pytest.mark.parametrize("answer", [{"payload": None}, [], {"error": "no"}])
def test_an_answer_of_another_shape_is_no_witness(engine: Engine, answer: Any) -> None:
    def change(request: Request, sent: Answer) -> Answer:
        return json_answer(answer) if is_search(request) else sent

    with job(account_of(3), engine, change=change) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", None)
        assert notes_of(run)[0].endswith("page=1: the answer holds no list of conversations.).")


# What happens meanwhile


@pytest.mark.long
def test_what_begins_while_the_witness_speaks_is_left_to_the_next_run_and_is_not_missing(engine: Engine) -> None:
    account = account_of(3)

    begun: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        # The survey responses are asked for when the ledger is settled.
        if request.path.endswith("/csat_survey_responses") and not begun:
            begun.append(True)
            add_message(account, 2, "meanwhile", LONG_AGO + DAY)
            add_conversation(account, 1, 1, LONG_AGO + DAY)
            add_message(account, 4, "hello", LONG_AGO + DAY)
        return answer

    with job(account, engine, change=change) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit, run.problems) == ("complete", sums(3, read=10), [])
        assert ids(etl) == list(range(1, 11))
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", sums(4, read=11))
