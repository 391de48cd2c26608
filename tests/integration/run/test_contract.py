"""A vendor that renames, drops or retypes a field is noticed: nothing is overwritten by it, and the run says so."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.events import add_message, change_conversation
from etl.selection import Selection
from tests.doctored_vendor import Doctored, Doctoring, becoming, desk, renamed
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job, now, walking_job

ACCEPT = Selection(accept_contract=True)
RECENT = Selection(recent=True)
OWNERS = "SELECT id, assignee_id, team_id FROM conversations ORDER BY id"
STATES = "SELECT count(*) FROM conversation_states"
LABELS = "SELECT conversation_id, label FROM conversation_labels ORDER BY 1"
ATTACHMENTS = "SELECT message_id, id FROM attachments ORDER BY 2"


def touch(etl: Job, conversation_id: int, **fields: Any) -> None:
    """Change a conversation upstream, so that its page differs and its history is read."""
    (account,) = etl.vendor.accounts
    change_conversation(account, conversation_id, now(), None, **fields)
    add_message(account, conversation_id, "another", now())


@pytest.mark.long
@pytest.mark.parametrize(
    ("where", "change", "field"),
    [
        ("meta", renamed("assignee", "assigned_user"), "conversation.meta.assignee"),
        ("meta", renamed("team", "group"), "conversation.meta.team"),
        ("meta", becoming("assignee", lambda _: None), "conversation.meta.assignee"),
        ("conversation", renamed("labels", "tags"), "conversation.labels"),
        ("conversation", becoming("labels", lambda _: None), "conversation.labels"),
        ("conversation", renamed("meta", "about"), "conversation.meta"),
        ("conversation", renamed("waiting_since", "waits"), "conversation.waiting_since"),
        ("message", renamed("attachments", "files"), "message.attachments"),
        ("message", renamed("sender", "author"), "message.sender"),
        ("conversation", becoming("timestamp", lambda sent: sent * 1000), "conversation.timestamp"),
        ("conversation", becoming("unread_count", lambda sent: {"count": sent}), "conversation.unread_count"),
    ],
)
def test_a_field_that_is_gone_overwrites_nothing_and_is_a_problem_until_it_is_accepted(
    engine: Engine, where: str, change: Doctoring, field: str
) -> None:
    doctored = Doctored(where, change)
    queries = (
        *(OWNERS, STATES, LABELS, ATTACHMENTS),
        "SELECT id, last_activity_at, unread_count, waiting_since FROM conversations WHERE id > 3 ORDER BY id",
        "SELECT id, sender_type, sender_id, removed_at FROM messages ORDER BY id",
    )
    with job(desk(30), engine, change=doctored) as etl:
        assert etl.run().outcome == "complete"
        before = [etl.rows(query) for query in queries]
        doctored.on = True
        # Without anything new no history is read, and nothing is known of messages.
        backfill = Selection(kind="backfill")
        for selection in (backfill, backfill) if where == "message" else (Selection(), Selection(), RECENT, backfill):
            run = etl.run(selection)
            said = " ".join(run.problems)
            assert (run.outcome, f"{field} " in said, "--accept-contract" in said) == ("incomplete", True, True)
            assert [etl.rows(query) for query in queries] == before
        for selection in (ACCEPT, Selection()):
            assert etl.run(selection).outcome == "complete"


@pytest.mark.long
def test_what_was_accepted_is_stored(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("assignee", "assigned_user"))
    with job(desk(), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        assert etl.run().outcome == "incomplete"
        for selection in (ACCEPT, Selection(), Selection()):
            assert etl.run(selection).outcome == "complete"
            assert {owner for _, owner, _ in etl.rows(OWNERS)} == {None}
        doctored.on = False
        assert etl.run().outcome == "complete"
        assert [owner for _, owner, _ in etl.rows(OWNERS)][:3] == [None, 2, 1]


@pytest.mark.long
def test_an_owner_taken_away_is_taken_away_though_no_page_before_showed_one(engine: Engine) -> None:
    """The newest comes first, a page each: nothing has told an owner yet when it is taken in."""
    with walking_job(desk(), engine, page_size=1) as etl:
        etl.run()
        touch(etl, 12, assignee_id=None, team_id=None, labels=[])
        assert etl.run().outcome == "complete"
        assert etl.rows(OWNERS)[-1] == (12, None, None)
        assert etl.rows(LABELS)[-1] == (11, "vip")
        etl.run()
        assert etl.asked()[1] == [12]  # it was active of late, and nothing else is read again


@pytest.mark.long
def test_a_recent_run_asks_others_before_it_believes_that_an_owner_was_taken_away(engine: Engine) -> None:
    with job(desk(), engine, page_size=1) as etl:
        etl.run()
        touch(etl, 12, assignee_id=None, team_id=None)
        assert etl.run(RECENT).outcome == "complete"
        assert etl.rows(OWNERS)[-1] == (12, None, None)


@pytest.mark.long
def test_that_nobody_is_assigned_any_more_is_believed_when_the_vendor_counts_so(engine: Engine) -> None:
    with job(account := desk(), engine) as etl:
        etl.run()
        for conversation in account.conversations.values():
            conversation.assignee_id = None
        assert etl.run().outcome == "complete"
        assert {owner for _, owner, _ in etl.rows(OWNERS)} == {None}


@pytest.mark.long
def test_owners_that_are_counted_and_not_shown_are_missed_by_the_first_run_already(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("assignee", "assigned_user"))
    doctored.on = True
    with job(desk(), engine, change=doctored) as etl:
        for _ in range(2):
            run = etl.run()
            assert (run.outcome, len(run.problems)) == ("incomplete", 1)
            assert "conversation.meta.assignee is no longer sent" in run.problems[0]
        for selection in (ACCEPT, Selection()):
            assert etl.run(selection).outcome == "complete"


@pytest.mark.long
def test_what_was_held_back_by_a_run_that_died_is_read_by_the_next_one(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("assignee", "assigned_user"))
    with job(account := desk(), engine, change=doctored) as etl:
        etl.run()
        account.conversations[3].assignee_id = None
        doctored.on = True
        assert etl.run().outcome == "incomplete"
        doctored.on = False
        assert etl.run().outcome == "complete"
        assert etl.rows(OWNERS)[1:4] == [(2, 2, 1), (3, None, 1), (4, None, None)]


def from_one(one: dict[str, Any]) -> None:
    one["message_type"] += 1


def by_contact(one: dict[str, Any]) -> None:
    if one["message_type"] == 1:
        one["sender"]["type"] = "contact"


TYPES = "SELECT id, message_type FROM messages ORDER BY id"


@pytest.mark.long
@pytest.mark.parametrize("change", [from_one, by_contact])
def test_messages_numbered_in_another_way_are_not_stored(engine: Engine, change: Doctoring) -> None:
    doctored = Doctored("message", change)
    with job(account := desk(), engine, change=doctored) as etl:
        for conversation in account.conversations.values():
            add_message(account, conversation.id, "assigned", LONG_AGO + 5 * DAY, message_type=2)
        etl.run()
        before = etl.rows(TYPES)
        doctored.on = True
        for selection in (Selection(kind="backfill"), Selection()):
            run = etl.run(selection)
            assert (run.outcome, etl.rows(TYPES)) == ("incomplete", before)
        assert "--accept-contract" in " ".join(run.problems)
        doctored.on = False
        assert etl.run().outcome == "complete"


def test_a_new_type_of_messages_is_stored_when_it_is_accepted(engine: Engine) -> None:
    with job(account := desk(), engine) as etl:
        etl.run()
        add_message(account, 5, "a call", now(), message_type=4)
        run = etl.run()
        assert (run.outcome, len(etl.rows(TYPES))) == ("incomplete", 44)
        assert "type 4" in " ".join(run.problems)
        for selection in (ACCEPT, Selection(), Selection(kind="backfill")):
            assert etl.run(selection).outcome == "complete"
            assert etl.rows(TYPES)[-1] == (45, "4")


@pytest.mark.long
@pytest.mark.parametrize("name", ["created_at", "message_type", "private"])
def test_a_message_without_what_figures_rest_on_is_not_stored(engine: Engine, name: str) -> None:
    doctored = Doctored("message", lambda one: one.pop(name) if one["id"] == 7 else None)
    doctored.on = True
    with job(account_of(4), engine, change=doctored) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected) == ("incomplete", 1)
        assert etl.rows(f"SELECT count(*), count({name}) FROM messages WHERE id = 7") == [(0, 0)]
        doctored.on = False
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT count(*) FROM messages") == [(12,)]


@pytest.mark.long
def test_what_the_vendor_sends_is_kept_in_a_few_rows_without_any_value(engine: Engine) -> None:
    def add(one: dict[str, Any]) -> None:
        one["mood"] = "SECRET"

    doctored = Doctored("conversation", add)
    doctored.on = True
    with job(desk(), engine, change=doctored) as etl:
        first, second = etl.run(), etl.run()
        known = "SELECT entity, path, kinds, records, share, taken, first_run_id, last_run_id"
        rows = {(row[0], row[1]): row[2:] for row in etl.rows(f"{known} FROM api_contract")}
        runs = first.run_id, second.run_id
        assert rows["conversation", "meta.assignee"] == (["object"], 24, pytest.approx(0.67, abs=0.01), True, *runs)
        assert rows["conversation", "mood"] == (["text"], 24, 1, False, *runs)
        assert rows["conversation", "priority"] == (["null"], 24, 1, True, *runs)
        assert rows["message", "sender"] == (["object"], 44, 1, True, first.run_id, first.run_id)
        assert ("inbox", "channel_type") in rows
        assert len(rows) < 200
        assert not any("SECRET" in str(row) for row in etl.rows("SELECT * FROM api_contract"))
