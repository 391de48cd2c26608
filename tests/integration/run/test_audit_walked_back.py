"""Where histories are walked back, the second witness is asked without being told to: what walking loses is found."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, edit_message, reply
from etl.demo.server import Answer, Request
from tests.integration.run.audits import AUDIT, OLD, answered, histories, ids, is_search, rewritten, searches, sums
from tests.scripted_account import DAY, LONG_AGO, account_of, empty_account, job, notes_of, server_fault


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
