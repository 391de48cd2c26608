"""Every message against the second witness: what is missing is found, what cannot be had is said, and sums add up."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, edit_message, reply
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import DAY, LONG_AGO, Change, Job, account_of, empty_account, job, notes_of, server_fault

AUDIT = Selection(audit=True)
OLD = "2.14"


def sums(conversations: int, read: int, witnessed: int = 0, unaccounted: int = 0) -> dict[str, int]:
    return {
        "conversations": conversations,
        "messages": read + witnessed + unaccounted,
        "read": read,
        "witnessed": witnessed,
        "unaccounted": unaccounted,
    }


def is_search(request: Request) -> bool:
    return request.path.endswith("/conversations/search")


def searches(etl: Job) -> list[str]:
    """Return the queries of the last run's searches."""
    found = [request.query for request in etl.vendor.requests if is_search(request)]
    return sorted("&".join(f"{name}={value}" for name, value in query) for query in found)


def histories(etl: Job) -> list[str]:
    """Return the histories that were asked for, with the queries."""
    asked = [one for one in etl.vendor.requests if one.path.endswith("/messages")]
    return [f"{one.path.split('/')[-2]} {' '.join(f'{name}={value}' for name, value in one.query)}" for one in asked]


def rewritten(belongs: Callable[[Request], bool], rewrite: Callable[[Any], None]) -> Change:
    """Rewrite the payload of some answers on their way out."""

    def change(request: Request, answer: Answer) -> Answer:
        if not belongs(request) or answer.status != 200:
            return answer
        value = orjson.loads(answer.body)
        rewrite(value["payload"])
        return json_answer(value)

    return change


def without(*ids: int) -> Change:
    """Leave messages out of every history, as if the server could not give them."""

    def leave_out(payload: Any) -> None:
        payload[:] = [one for one in payload if one["id"] not in ids]

    return rewritten(lambda request: request.path.endswith("/messages"), leave_out)


def answered(status: int, times: int = 1_000) -> Change:
    """Answer the first searches with a status, as if there were none."""
    left = iter(range(times))

    def change(request: Request, answer: Answer) -> Answer:
        hit = is_search(request) and next(left, None) is not None
        return json_answer({"error": "no"}, status) if hit else answer

    return change


def execute(etl: Job, statement: str) -> None:
    with etl.engine.begin() as connection:
        connection.execute(text(statement))


def ids(etl: Job) -> list[int]:
    return [row[0] for row in etl.rows("SELECT id FROM messages WHERE removed_at IS NULL ORDER BY id")]


# An audit that was asked for


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


def broken_second_page(request: Request, answer: Answer) -> Answer:
    return server_fault() if is_search(request) and request.first("page") == "2" else answer


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


# Where histories are walked back, the witness is asked without being told to


def account_with_a_lost_message(others: int = 0) -> Account:
    """Return an account whose conversation 1 has messages 1 to 41, of which walking back loses 21: imported, years old.

    The others come later, and have three messages each.
    """
    account = empty_account()
    add_conversation(account, 1, 1, LONG_AGO)
    for number in range(1, 42):
        at = LONG_AGO - 1_000 * DAY if number == 21 else LONG_AGO + number * 60
        add_message(account, 1, f"message {number}", LONG_AGO, created_at=at)
    for other in range(others):
        begun = LONG_AGO + (other + 1) * DAY
        conversation = add_conversation(account, 2, 2, begun)
        for minute in range(3):
            add_message(account, conversation.id, f"message {minute} of {conversation.id}", begun + minute * 60)
    return account


OPEN_MARKS = "SELECT id FROM conversations WHERE mark IS NULL"
WALKED_BACK = ["1 ", "1 before=22", "1 before=1"]
SAID = "The server reads 20 messages at a time, as those before Chatwoot 2.16 do."


@pytest.mark.long
def test_what_walking_back_loses_is_asked_for_by_its_number(engine: Engine) -> None:
    with job(account_with_a_lost_message(), engine, behaviour=OLD) as etl:
        run = etl.run()
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [SAID])
        assert run.audit == sums(1, read=41)
        assert histories(etl) == ["1 after=0 before=2147483647", *WALKED_BACK, "1 after=1 before=21"]
        assert searches(etl) == ["status=all&page=1"]
        assert ids(etl) == list(range(1, 42))
        assert etl.rows(OPEN_MARKS) == []
        # What is proved is not read again.
        run = etl.run()
        assert (run.outcome, run.audit, histories(etl), searches(etl)) == ("complete", None, [], [])


@pytest.mark.long
def test_short_histories_are_whole_without_a_witness(engine: Engine) -> None:
    with job(account_of(30, messages=19), engine, behaviour=OLD) as etl:
        run = etl.run()
        assert (run.outcome, run.audit, searches(etl)) == ("complete", None, [])
        assert len(ids(etl)) == 570


@pytest.mark.long
@pytest.mark.parametrize(
    ("newest", "pages"),
    [
        # Newest activity first, and no further than the histories that were walked back reach.
        (True, {1}),
        # The 61st is on the third page; the fourth, which would be empty, may be under way already.
        (False, {3, 4}),
    ],
)
def test_the_witness_is_asked_only_as_far_as_the_histories_walked_back_reach(
    engine: Engine, newest: bool, pages: set[int]
) -> None:
    account = account_with_a_lost_message(others=60)
    if newest:
        account.conversations[1].last_activity_at = LONG_AGO + 1_000 * DAY
    with job(account, engine, behaviour=OLD) as etl:
        run = etl.run()
        assert (run.outcome, run.audit) == ("complete", sums(1, read=41))
        assert len(searches(etl)) in pages
        assert {one.partition("&page")[0] for one in searches(etl)} == {"status=all"}


@pytest.mark.long
def test_an_audit_that_was_asked_for_compares_the_others_too(engine: Engine) -> None:
    with job(account_with_a_lost_message(others=60), engine, behaviour=OLD) as etl:
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("complete", sums(61, read=221))
        assert len(searches(etl)) == 4


@pytest.mark.long
def test_only_the_conversations_that_changed_are_walked_back_and_compared_again(engine: Engine) -> None:
    account = account_with_a_lost_message(others=5)
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        reply(account, 1, "thanks", LONG_AGO + 900 * DAY, by=1)
        run = etl.run()
        assert (run.outcome, run.audit, len(searches(etl))) == ("complete", sums(1, read=42), 1)
        # The lost one is in the tables, and asked for again all the same: it may have been edited.
        asked = ["1 after=0 before=2147483647", "1 ", "1 before=23", "1 before=2", "1 after=1 before=21"]
        assert histories(etl) == asked
        assert len(ids(etl)) == 42 + 15


@pytest.mark.long
def test_a_message_that_walking_back_loses_and_that_was_edited_is_read_again(engine: Engine) -> None:
    account = account_with_a_lost_message()
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        edit_message(account, 1, 21, LONG_AGO + DAY, content="edited", status="read")
        reply(account, 1, "it moves the clock", LONG_AGO + DAY, by=1)
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT content, status, partial FROM messages WHERE id = 21") == [("edited", "read", False)]


@pytest.mark.long
def test_a_run_that_ends_before_the_witness_agreed_leaves_the_marks_open(engine: Engine) -> None:
    with job(account_with_a_lost_message(others=2), engine, behaviour=OLD, change=answered(500, times=2)) as etl:
        run = etl.run(books="off")
        assert (run.outcome, run.audit) == ("incomplete", None)
        assert len(run.problems) == 2
        assert run.problems[0].startswith("The vendor's search was not used to count messages (http://")
        assert run.problems[1] == "1 histories may lack messages, and were not compared; the next run tries again."
        assert (etl.rows(OPEN_MARKS), 21 in ids(etl)) == ([(1,)], False)
        run = etl.run(books="off")
        assert (run.outcome, run.audit) == ("complete", sums(1, read=41))
        # That windows are misread is learned again: nothing of a server is believed for longer than a run.
        assert histories(etl) == ["1 after=0 before=2147483647", *WALKED_BACK, "1 after=1 before=21"]
        assert (etl.rows(OPEN_MARKS), 21 in ids(etl)) == ([], True)
        etl.run(books="off")
        assert (histories(etl), searches(etl)) == ([], [])


@pytest.mark.long
def test_messages_that_twenty_older_ones_hide_are_not_asked_for_and_known_from_the_witness(engine: Engine) -> None:
    account = empty_account()
    add_conversation(account, 1, 1, LONG_AGO)
    for number in range(1, 101):
        add_message(account, 1, f"message {number}", LONG_AGO, created_at=LONG_AGO - number * 60)
    with job(account, engine, behaviour=OLD) as etl:
        run = etl.run()
        # The newest 20 are the 20 lowest numbers. Asked for any number, the server answers the 20 highest.
        assert histories(etl) == ["1 after=0 before=2147483647", "1 ", "1 before=1", "1 after=1 before=81"]
        assert (run.outcome, run.audit) == ("complete", sums(1, read=40, witnessed=60))
        assert etl.rows("SELECT min(id), max(id), count(*) FROM messages WHERE partial") == [(21, 80, 60)]
        # When the conversation moves on, what is known in part stays so, and what is whole stays whole.
        reply(account, 1, "thanks", LONG_AGO + DAY, by=1)
        run = etl.run()
        assert (run.outcome, run.audit) == ("complete", sums(1, read=41, witnessed=60))
        assert etl.rows("SELECT count(*) FROM messages WHERE removed_at IS NOT NULL") == [(0,)]
        etl.run()
        assert (histories(etl), searches(etl)) == ([], [])


@pytest.mark.long
@pytest.mark.parametrize("status", [401, 404])
def test_without_a_witness_histories_walked_back_are_never_taken_for_whole(engine: Engine, status: int) -> None:
    with job(account_with_a_lost_message(others=2), engine, behaviour=OLD, change=answered(status)) as etl:
        for _ in range(2):
            run = etl.run(books="off")
            assert (run.outcome, run.audit, len(run.problems)) == ("incomplete", None, 2)
            assert set(WALKED_BACK) <= set(histories(etl))
            assert etl.rows(OPEN_MARKS) == [(1,)]
        assert len(ids(etl)) == 40 + 6


@pytest.mark.long
def test_a_message_that_could_not_be_asked_for_this_time_is_asked_for_by_the_next_run(engine: Engine) -> None:
    broken = [True]

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if broken and request.first("before") == "21" else answer

    with job(account_with_a_lost_message(), engine, behaviour=OLD, change=change) as etl:
        run = etl.run()
        assert run.outcome == "incomplete"
        assert run.problems == ["1 histories may lack messages, and were not compared; the next run tries again."]
        # What the witness tells is saved in any case, and the history is not taken for whole.
        assert (etl.rows("SELECT id FROM messages WHERE partial"), etl.rows(OPEN_MARKS)) == ([(21,)], [(1,)])
        broken.clear()
        run = etl.run()
        assert (run.outcome, run.audit) == ("complete", sums(1, read=41))
        assert (etl.rows("SELECT id FROM messages WHERE partial"), etl.rows(OPEN_MARKS)) == ([], [])


# A witness is believed that a message is gone only when the server, asked for it, does not give it


@pytest.mark.long
@pytest.mark.parametrize("messages", ["half", "none", None, 5, {"1": {}}])
def test_a_witness_that_names_too_few_removes_nothing_and_closes_no_mark(engine: Engine, messages: Any) -> None:
    def thin(payload: Any) -> None:
        for one in payload:
            half = [message for message in one["messages"] if message["id"] % 2]
            one["messages"] = {"half": half, "none": []}.get(messages, messages) if messages != {"1": {}} else messages

    with job(account_with_a_lost_message(), engine, behaviour=OLD, change=rewritten(is_search, thin)) as etl:
        run = etl.run(books="off")
        assert run.outcome == "incomplete"
        assert run.problems == ["1 histories may lack messages, and were not compared; the next run tries again."]
        assert etl.rows("SELECT count(*) FROM messages WHERE removed_at IS NOT NULL") == [(0,)]
        assert etl.rows(OPEN_MARKS) == [(1,)]
        assert len(ids(etl)) >= 40


@pytest.mark.long
def test_a_message_that_comes_while_the_witness_speaks_is_not_removed(engine: Engine) -> None:
    account = account_with_a_lost_message()
    came: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        # After the witness's page was made: written today, or imported with a time of years ago.
        if is_search(request) and not came:
            came.append(True)
            add_message(account, 1, "now", LONG_AGO + DAY)
            add_message(account, 1, "then", LONG_AGO + DAY, created_at=LONG_AGO - 2_000 * DAY)
        return answer

    with job(account, engine, behaviour=OLD, change=change) as etl:
        run = etl.run()
        assert run.outcome == "complete"
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL") == []
        assert etl.run().outcome == "complete"
        assert ids(etl) == list(range(1, 44))


def test_a_message_that_is_gone_is_removed_when_neither_the_witness_nor_the_server_has_it(engine: Engine) -> None:
    account = account_with_a_lost_message()
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        del account.conversations[1].messages[20]
        reply(account, 1, "it moves the clock", LONG_AGO + DAY, by=1)
        run = etl.run()
        assert (run.outcome, run.audit) == ("complete", sums(1, read=41))
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL") == [(21,)]
        assert "1 after=1 before=21" in histories(etl)
