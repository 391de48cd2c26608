"""What is not plainly renamed: some, few, elsewhere, or accepted before: nothing is overwritten by it."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Attachment
from etl.demo.events import add_conversation, add_message, change_conversation, delete_team, remove_agent, reply
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.doctored_vendor import Doctored, Doctoring, becoming, desk, renamed
from tests.scripted_account import DAY, LONG_AGO, account_of, job, now, walking_job

ACCEPT, BACKFILL = Selection(accept_contract=True), Selection(kind="backfill")


def test_times_in_ms_of_which_some_are_0(engine: Engine) -> None:
    def change(one: dict[str, Any]) -> None:
        for name in ("waiting_since", "first_reply_created_at"):
            if one.get(name):
                one[name] *= 1000

    doctored = Doctored("conversation", change)
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        held = "SELECT count(waiting_since), count(first_reply_created_at) FROM conversations"
        before = etl.rows(held)
        doctored.on = True
        run = etl.run()
        assert (run.outcome, etl.rows(held)) == ("incomplete", before)


@pytest.mark.long
def test_retyped_values_of_which_some_are_null(engine: Engine) -> None:
    sent: list[Any] = ["high"]
    doctored = Doctored("conversation", lambda one: one.update(priority=None if one["id"] % 2 else sent[0]))
    doctored.on = True
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        sent[0] = {"name": "high"}
        run = etl.run()
        assert (run.outcome, etl.rows("SELECT count(priority) FROM conversations")) == ("incomplete", [(15,)])


def test_what_waited_does_not_overwrite_what_a_later_page_showed(engine: Engine) -> None:
    account, done = account_of(3), []
    for number in range(50_000, 50_006):
        account.last_conversation_id = number - 1
        conversation = add_conversation(account, 1, 1, LONG_AGO)
        add_message(account, conversation.id, "x", LONG_AGO)
        conversation.status = "open" if number == 50_000 else "resolved"

    def change(request: Any, answer: Any) -> Any:
        if request.path.endswith("/conversations") and request.first("status") == "open" and not done:
            done.append(1)
            change_conversation(account, 50_000, now(), None, status="resolved")
        return answer

    with job(account, engine, change=change) as etl:
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT status FROM conversations WHERE id = 50000") == [("resolved",)]


@pytest.mark.long
def test_hidden_owners_few_at_first(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("assignee", "assigned_user"))
    doctored.on = True
    with job(account := account_of(30), engine, change=doctored) as etl:
        account.conversations[1].assignee_id = account.conversations[2].assignee_id = 1
        etl.run()
        for conversation in account.conversations.values():
            conversation.assignee_id = 1
        assert etl.run().outcome == "incomplete"


@pytest.mark.long
def test_attachments_that_only_the_list_no_longer_shows(engine: Engine) -> None:
    def change(one: dict[str, Any]) -> None:
        for message in [*one["messages"], one["last_non_activity_message"]]:
            message.pop("attachments", None)
        one["unread_count"] = 7

    doctored = Doctored("conversation", change)
    with job(account := account_of(60), engine, change=doctored) as etl:
        for conversation in account.conversations.values():
            conversation.messages[-1].attachments = [Attachment(900 + conversation.id, "image")]
        etl.run()
        doctored.on = True
        add_message(account, 60, "x", now())
        account.conversations[60].messages[-1].attachments = [Attachment(2000, "image")]
        etl.run()
        assert etl.rows("SELECT count(*) FROM attachments") == [(61,)]


@pytest.mark.long
def test_a_retyped_conversation_with_a_new_attachment(engine: Engine) -> None:
    doctored = Doctored("message", lambda one: one.update(message_type=2) if one["message_type"] == 1 else None)
    with job(account := account_of(2, 0), engine, change=doctored) as etl:
        for conversation in account.conversations.values():
            reply(account, conversation.id, "x", LONG_AGO + 5 * DAY, by=1)
        etl.run()
        reply(account, 1, "y", now(), by=1)
        account.conversations[1].messages[-1].attachments = [Attachment(900, "image")]
        doctored.on = True
        assert etl.run().outcome == "incomplete"


@pytest.mark.long
def test_a_type_that_is_text_is_told_nowhere(engine: Engine) -> None:
    doctored = Doctored("message", lambda one: one.update(message_type=f"from Dana Levi\x1b[31m{one['id']}"))
    doctored.on = True
    with job(account_of(3), engine, change=doctored) as etl:
        said = " ".join(etl.run(pii="drop").problems)
        etl.run(ACCEPT, pii="drop")
        said += str(etl.rows("SELECT reason FROM rejected_records")) + str(etl.rows("SELECT kinds FROM api_contract"))
        assert "Dana" not in said


@pytest.mark.long
def test_of_messages_it_is_enough_to_accept_once(engine: Engine) -> None:
    doctored = Doctored("message", renamed("sender", "author"))
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        assert [etl.run(one).outcome for one in (BACKFILL, ACCEPT, BACKFILL)] == ["incomplete", "complete", "complete"]


@pytest.mark.long
def test_another_kind_is_accepted_once(engine: Engine) -> None:
    doctored = Doctored("conversation", becoming("unread_count", lambda sent: {"count": sent}))
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        runs = (Selection(), ACCEPT, Selection(), BACKFILL)
        assert [etl.run(one).outcome for one in runs] == ["incomplete", "complete", "complete", "complete"]


def test_a_conversation_without_a_status(engine: Engine) -> None:
    doctored = Doctored("conversation", lambda one: one.pop("status") if one["id"] == 2 else None)
    doctored.on = True
    with job(account_of(4), engine, change=doctored) as etl:
        etl.run()
        assert etl.rows("SELECT count(*) FROM conversations WHERE status IS NULL") == [(0,)]
        assert etl.rows("SELECT count(*) FROM conversation_states WHERE status IS NULL") == [(0,)]


RARE = "SELECT count(*) FROM attachments", "SELECT count(team_id) FROM conversations"


@pytest.mark.long
@pytest.mark.parametrize("change", [renamed("attachments", "files"), becoming("attachments", lambda _: [])])
def test_attachments_that_one_message_in_twenty_has_are_missed(engine: Engine, change: Doctoring) -> None:
    doctored = Doctored("message", change)
    with job(account := account_of(20, 4), engine, change=doctored) as etl:
        for number in (3, 9, 15, 20):
            account.conversations[number].messages[0].attachments = [Attachment(100 + number, "image")]
        etl.run()
        doctored.on = True
        run = etl.run(BACKFILL)
        assert (run.outcome, etl.rows(RARE[0])) == ("incomplete", [(4,)])


@pytest.mark.parametrize("walk_days", [0, 7])
def test_a_team_of_which_two_of_thirty_had_one_is_missed(engine: Engine, walk_days: int) -> None:
    doctored = Doctored("meta", renamed("team", "group"))
    with job(account := account_of(30, 1), engine, change=doctored) as etl:
        account.conversations[1].team_id = account.conversations[30].team_id = 1
        etl.run()
        doctored.on = True
        # A night that is proved by counts is sent one of them only, and asks for the other.
        assert (etl.run(walk_days=walk_days).outcome, etl.rows(RARE[1])) == ("incomplete", [(2,)])


def test_labels_that_are_empty_for_all_are_no_labels_taken_away(engine: Engine) -> None:
    doctored = Doctored("conversation", becoming("labels", lambda _: []))
    with job(desk(12), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        assert (etl.run().outcome, etl.rows("SELECT count(*) FROM conversation_labels")) == ("incomplete", [(8,)])


@pytest.mark.long
def test_what_only_selections_have_loaded_is_protected_too(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("team", "group"))
    inboxes = [Selection(kind="backfill", inbox_id=number) for number in (1, 2)]
    with job(desk(12), engine, change=doctored) as etl:
        assert [etl.run(one).outcome for one in inboxes] == ["complete", "complete"]
        doctored.on = True
        for selection in (*inboxes, Selection()):
            assert (etl.run(selection).outcome, etl.rows(RARE[1])) == ("incomplete", [(8,)])


@pytest.mark.long
@pytest.mark.parametrize("selection", [Selection(), Selection(recent=True)])
def test_an_only_team_that_is_deleted_is_believed_by_the_list_of_teams(engine: Engine, selection: Selection) -> None:
    with job(account := desk(12), engine) as etl:
        etl.run()
        delete_team(account, 1)
        add_message(account, 5, "x", now())
        for one in (selection, Selection(), Selection()):
            assert etl.run(one).outcome == "complete"
        assert etl.rows(RARE[1]) == [(0,)]


def test_an_only_owner_who_leaves_is_believed_by_the_list_of_agents(engine: Engine) -> None:
    with job(account := desk(12), engine) as etl:
        for conversation in account.conversations.values():
            conversation.assignee_id = 2 if conversation.assignee_id else None
        etl.run()
        remove_agent(account, 2)
        for one in (Selection(), Selection(), BACKFILL):
            assert etl.run(one).outcome == "complete"
        assert etl.rows("SELECT count(assignee_id) FROM conversations") == [(0,)]


@pytest.mark.long
@pytest.mark.parametrize("name", ["content", "sender"])
def test_what_came_while_a_field_was_gone_is_read_again_when_it_is_back(engine: Engine, name: str) -> None:
    doctored = Doctored("message", renamed(name, "other"))
    with job(account := desk(12), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        for number in range(5):  # imported: they are old, and no clock tells of them
            conversation = add_conversation(account, 1, 1, LONG_AGO - number * DAY)
            for at in range(4):
                add_message(account, conversation.id, f"imported {at}", LONG_AGO - number * DAY + at)
        assert etl.run().outcome == "incomplete"
        doctored.on = False
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT count(*) FROM messages WHERE content IS NULL OR sender_id IS NULL") == [(0,)]


@pytest.mark.long
@pytest.mark.parametrize("name", ["inboxes", "agents", "teams", "labels"])
def test_a_list_whose_records_have_no_number_fails_no_run(engine: Engine, name: str) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith(f"/{name}"):
            return answer
        value = orjson.loads(answer.body)
        for one in value["payload"] if isinstance(value, dict) else value:
            del one["id"]
        return json_answer(value)

    with job(desk(3), engine, change=change) as etl:
        assert etl.run().outcome in {"complete", "incomplete"}
        assert etl.rows("SELECT count(*) FROM conversations") == [(3,)]


def test_what_a_run_held_back_before_it_failed_is_taken_away_by_the_next_one(engine: Engine) -> None:
    """The newest is held back on the first page; then the token is refused, so that nothing is settled."""
    refuses = [False]

    def change(request: Request, answer: Answer) -> Answer:
        is_later = request.path.endswith("/conversations") and request.first("page") not in {None, "1"}
        if refuses[0] and (is_later or "/conversations/" in request.path):
            return json_answer({"error": "Invalid Access Token"}, 401)
        return answer

    with walking_job(account := desk(12), engine, change=change, page_size=1) as etl:
        etl.run()
        change_conversation(account, 12, now(), None, assignee_id=None, team_id=None)
        refuses[0] = True
        assert etl.run().outcome == "failed"
        refuses[0] = False
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT assignee_id, team_id FROM conversations WHERE id = 12") == [(None, None)]
        states = "SELECT assignee_id, valid_to IS NULL FROM conversation_states WHERE conversation_id = 12 ORDER BY 2"
        assert [owner for owner, is_open in etl.rows(states) if is_open] == [None]


@pytest.mark.long
def test_attachments_that_the_list_drops_are_kept_where_only_lists_are_read(engine: Engine) -> None:
    def change(one: dict[str, Any]) -> None:
        for message in [*one["messages"], one["last_non_activity_message"]]:
            message.pop("attachments", None)

    doctored = Doctored("conversation", change)
    with job(account := account_of(12), engine, change=doctored) as etl:
        for conversation in account.conversations.values():
            conversation.messages[-1].attachments = [Attachment(900 + conversation.id, "image")]
        etl.run(messages="listed")
        doctored.on = True
        run = etl.run(messages="listed")
        assert (run.outcome, etl.rows("SELECT count(*) FROM attachments")) == ("incomplete", [(12,)])
