"""What was recorded from Chatwoot 2.15.0 and 4.15.1, replayed whole: every row of a run against what the answers say.

What is expected is read out of the recorded answers by the few rules below, and by no code of ours.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message
from etl.demo.server import Answer, Request, json_answer, serve
from etl.load.journal import Run
from etl.selection import Selection
from tests.recorded_parts import Json, Night, Parts, recorded_2_15, recorded_4_15
from tests.recorded_vendor import recording
from tests.scripted_account import LONG_AGO, empty_account, job

Rows = dict[Any, Json]

AUDIT = Selection(audit=True)
TYPES = ("incoming", "outgoing", "activity", "template")
KINDS = {None: None, "Contact": "contact", "User": "user", "AgentBot": "agent_bot"}
# What tells the time of the test, or is the job's own.
OURS = {
    "account_id",
    "first_synced_at",
    "changed_at",
    "listed",
    "mark",
    "history_read_at",
    "payload_digest",
    "content_digest",
}
# No columns: what they hold is in tables or columns of their own, or said of every record.
ELSEWHERE = {"account_id", "type", "sender", "attachments", "meta", "messages", "labels", "last_non_activity_message"}
ELSEWHERE |= {"contact", "assigned_agent", "conversation", "timestamp", "processed_message_content", "sentiment"}


@contextmanager
def night(parts: Parts, engine: Engine) -> Iterator[Night]:
    with serve(parts) as url:
        yield Night(parts, url, engine)


def rows(engine: Engine, table: str, key: str = "id") -> Rows:
    """Return the rows of a table without what is the job's own, and without what is NULL."""
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM helpdesk.{table}")).mappings().all()
    return {
        row[key]: {name: value for name, value in row.items() if name not in OURS and value is not None}
        for row in found
    }


def fields(*records: Json) -> Json:
    """Return what a row says of a record, of which answers tell one after the other: the last one that tells a field.

    Times are read, 0 is none; nothing else is changed. Without what is null.
    """
    said: Json = {}
    for record in records:
        said |= {name: value for name, value in record.items() if name not in ELSEWHERE}
    times = {name: at(said[name]) for name in said if name.endswith(("_at", "_since", "snoozed_until"))}
    return {name: value for name, value in (said | times).items() if value is not None}


def at(value: Any) -> datetime | None:
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(value, UTC) if value else None


def by_id(records: Iterable[Json]) -> Rows:
    """Return id -> what a row says of it, of records in the order in which they are read."""
    several: dict[int, list[Json]] = {}
    for record in records:
        several.setdefault(record["id"], []).append(record)
    return {number: fields(*told) for number, told in several.items()}


def conversations(parts: Parts) -> Rows:
    return {number: fields(sent, _beside(sent)) for number, sent in parts.conversations.items()}


def _beside(sent: Json) -> Json:
    """Return the columns of a conversation that are not called as they are sent."""
    meta, last = sent.get("meta", {}), sent.get("last_non_activity_message")
    row: Json = {"last_activity_at": sent.get("timestamp"), "last_non_activity_message_id": last and last["id"]}
    row |= {name: meta.get(name) for name in ("channel", "hmac_verified")}
    row |= {
        column: meta[name]["id"] for column, name in (("contact_id", "sender"), ("team_id", "team")) if name in meta
    }
    if "assignee" in meta:
        assert meta["assignee_type"] == "AgentBot"
        row |= {
            "assignee_type": "agent_bot",
            "assignee_bot_type": "agent_bot",
            "assignee_bot_id": meta["assignee"]["id"],
        }
    return row


def messages(parts: Parts) -> Rows:
    """Return the messages; of one that the list shows, it tells more, which the history does not take back."""
    listed = [one for conversation in parts.conversations.values() for one in conversation.get("messages", [])]
    told = [*listed, *(one for history in parts.histories.values() for one in history)]
    expected = by_id(told)
    for one in told:
        row = expected[one["id"]]
        row |= {"message_type": TYPES[one["message_type"]], "partial": False}
        row["deleted"] = row["content_attributes"].get("deleted", False)
        if sender := one.get("sender"):
            row |= {"sender_type": sender["type"], "sender_id": sender["id"]}
            row |= {{"contact": "contact_id", "user": "agent_id"}[sender["type"]]: sender["id"]}
        if inside := one.get("conversation"):
            row |= {f"conversation_{name}": inside[name] for name in ("assignee_id", "unread_count")}
            rest = {name: inside[name] for name in inside if name not in {"assignee_id", "unread_count"}}
            extra = ({"conversation": rest} if rest else {}) | ({"sentiment": {}} if "sentiment" in one else {})
            row["extra"] = extra or None
    return {number: {name: row[name] for name in row if row[name] is not None} for number, row in expected.items()}


def members(parts: Parts) -> list[Json]:
    """Return the members of the team and the inbox that were recorded."""
    team, inbox = parts.lists["teams/1/team_members"], parts.lists["inbox_members/1"]
    return [*team, *inbox["payload"]]


def agents(parts: Parts) -> Rows:
    """Return the users, and of each whether the account's list has it."""
    listed = {one["id"] for one in parts.lists["agents"]}
    return {number: row | {"is_listed": number in listed} for number, row in by_id(people(parts, "user")).items()}


def people(parts: Parts, kind: str) -> list[Json]:
    """Return contacts or users in the order in which they are read: lists, conversations, histories, surveys."""
    said = parts.lists["agents"] + members(parts) if kind == "user" else []
    said = [
        *said,
        *(one["meta"]["sender"] for one in parts.conversations.values() if kind == "contact" and "meta" in one),
    ]
    told = [one for history in parts.histories.values() for one in history]
    said += [one["sender"] for one in told if one.get("sender", {}).get("type") == kind]
    said += parts.lists["contacts"]["payload"] if kind == "contact" else []
    key = "contact" if kind == "contact" else "assigned_agent"
    return [*said, *(one[key] for one in parts.lists["csat_survey_responses"] if key in one)]


def surveys(parts: Parts) -> Rows:
    """Return the survey responses; of conversations that are not recorded, the number is in `extra`."""
    expected = by_id(parts.lists["csat_survey_responses"])
    for sent in parts.lists["csat_survey_responses"]:
        row = expected[sent["id"]] | {"contact_id": sent["contact"]["id"]}
        if "assigned_agent" in sent:
            row["assigned_agent_id"] = sent["assigned_agent"]["id"]
        if sent["conversation_id"] not in parts.conversations:
            row["extra"] = {"conversation_id": row.pop("conversation_id")}
        expected[sent["id"]] = row
    return expected


def assert_whole(parts: Parts, engine: Engine, run: Run) -> None:
    """Compare every table with the recorded answers."""
    assert (run.outcome, run.problems, run.tally.rejected) == ("complete", [], 0)
    assert rows(engine, "conversations") == conversations(parts)
    assert rows(engine, "agents") == agents(parts)
    assert rows(engine, "contacts") == by_id(people(parts, "contact"))
    assert rows(engine, "csat_responses") == surveys(parts)
    teams = [one["meta"]["team"] for one in parts.conversations.values() if "team" in one.get("meta", {})]
    assert rows(engine, "teams") == by_id(teams)
    assert rows(engine, "labels", "title") == rows(engine, "conversation_labels", "label") == {}
    assert rows(engine, "attachments") == {}
    assert rows(engine, "rejected_records", "entity") == {}


def behind_both_doors(messages: list[Json]) -> list[int]:
    """Return the messages that a server before 2.16 gives at neither door: of each its twenty oldest, and newest."""
    hidden = []
    for one in messages:
        oldest = [other["id"] for other in messages if other["id"] >= one["id"]][:20]
        newest = [other["id"] for other in messages if other["id"] <= one["id"]][-20:]
        hidden += [one["id"]] * (one["id"] not in oldest + newest)
    return hidden


# Whole accounts


@pytest.mark.long
def test_what_was_recorded_from_2_15_0_is_whole_rows(engine: Engine) -> None:
    parts = recorded_2_15()
    expected = messages(parts)
    hidden = behind_both_doors(parts.histories[648])
    for number in hidden:
        # Of what the witness alone tells there are these columns.
        kept = {name: expected[number][name] for name in ("id", "conversation_id", "message_type", "created_at")}
        expected[number] = kept | {"partial": True, "deleted": False}
    with night(parts, engine) as etl:
        run = etl.run()
    assert_whole(parts, engine, run)
    found = rows(engine, "messages")
    assert {number: found[number] for number in hidden} == {number: expected[number] for number in hidden}
    assert found == expected
    assert len(hidden) == 7
    assert len(found) == 101 + 15 + 15
    assert run.audit == {"conversations": 1, "messages": 101, "read": 94, "witnessed": 7, "unaccounted": 0}


def test_what_was_recorded_from_4_15_1_is_whole_rows(engine: Engine) -> None:
    parts = recorded_4_15()
    with night(parts, engine) as etl:
        run = etl.run()
        assert_whole(parts, engine, run)
        assert rows(engine, "messages") == messages(parts)
        bot = parts.conversations[70]["meta"]["assignee"]
        shown = {name: bot[name] for name in ("id", "name", "description", "thumbnail", "bot_type")}
        assert rows(engine, "bots") == {1: shown | {"type": "agent_bot"}}
        assert rows(engine, "agents")[1]["name"] == "Ada Admin"  # whose number the bot has
        (state,) = [
            one
            for one in rows(engine, "conversation_states", "conversation_id").values()
            if one["conversation_id"] == 70
        ]
        assert (state["assignee_type"], state.get("assignee_id"), state["assignee_bot_id"]) == ("agent_bot", None, 1)
        # An idle account: nothing is written, and no history is asked for.
        again = etl.run()
        assert (again.outcome, again.tally.inserted) == ("complete", 0)
        assert not [one for one in parts.requests if one.path.endswith("/messages")]


@pytest.mark.parametrize("recorded", [recorded_2_15, recorded_4_15])
def test_the_vendor_s_own_list_of_contacts_agrees_with_the_rows(engine: Engine, recorded: Any) -> None:
    """A second telling of the same contacts, for which a backfill does not ask."""
    parts = recorded()
    listed = by_id(parts.lists["contacts"]["payload"])
    # Those who are listed, as the senders of conversations that the recorder did not keep.
    for number, sender in enumerate(parts.lists["contacts"]["payload"], start=1_000):
        parts.conversations[number] = {
            "id": number,
            "status": "open",
            "created_at": LONG_AGO,
            "meta": {"sender": sender},
        }
        parts.histories[number] = []
    with night(parts, engine) as etl:
        etl.run(Selection(kind="backfill", statuses=("open",)))
    found = rows(engine, "contacts")
    assert {number: found[number] for number in listed} == listed
    assert len(listed) == 15


CAPS: Json = {"thumbnail": "", "custom_attributes": {}, "additional_attributes": {}, "availability_status": "offline"}
CREATED = {
    1795829722: datetime(2026, 11, 28, 1, 35, 22, tzinfo=UTC),
    1795829962: datetime(2026, 11, 28, 1, 39, 22, tzinfo=UTC),
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("recorded", "asked", "row"),
    [
        (
            recorded_2_15,
            ["contacts", "contacts", "contacts/20"],
            {
                "id": 101,
                "name": "cap 1000",
                "identifier": "cap1000",
                "conversations_count": 1,
                "created_at": CREATED[1795829962],
            },
        ),
        (
            recorded_4_15,
            ["contacts", "contacts"],
            {
                "id": 94,
                "name": "cap 1000",
                "identifier": "cap1000",
                "blocked": False,
                "created_at": CREATED[1795829722],
            },
        ),
    ],
)
def test_the_recorded_page_of_contacts_is_read_and_counted(
    engine: Engine, recorded: Any, asked: list[str], row: Json
) -> None:
    parts = recorded()
    with night(parts, engine) as etl:
        run = etl.run()
    assert run.contact_ledger == {"counted": 15, "loaded": 15, "gone": 0, "not_shown": 0}
    assert rows(engine, "contacts")[row["id"]] == CAPS | row
    paths = [one.path.partition("/accounts/2/")[2] for one in parts.requests]
    assert [path for path in paths if path.startswith("contacts")] == asked
    with engine.connect() as connection:
        listed = connection.scalars(text("SELECT id FROM helpdesk.contacts WHERE listed ORDER BY id")).all()
    assert listed == sorted(one["id"] for one in parts.lists["contacts"]["payload"])


@pytest.mark.parametrize("recorded", [recorded_2_15, recorded_4_15])
def test_no_key_of_a_bot_is_stored(engine: Engine, recorded: Any) -> None:
    parts = recorded()
    sent = parts.lists["agent_bots"][0] | {"access_token": "made-up-token", "secret": "made-up-secret"}
    # As whoever owns a conversation and writes in it, with all that the list of bots has of it.
    parts.conversations[70]["meta"] |= {"assignee": sent, "assignee_type": "AgentBot"}
    parts.histories[70][-1]["sender"] = sent | {"type": "agent_bot"}
    with night(parts, engine) as etl:
        etl.run(Selection(kind="backfill", conversations=(70,)))
    with engine.connect() as connection:
        names = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'")).all()
        said = [row for name in names for row in connection.scalars(text(f"SELECT t::text FROM helpdesk.{name} AS t"))]
    assert rows(engine, "bots")[1]["name"] == "Botty 🤖"
    assert not [one for one in said for secret in ("made-up-token", "made-up-secret", "bot.invalid") if secret in one]


# What happened between two recordings


@pytest.mark.long
def test_after_a_merge_of_contacts_every_message_has_the_contact_that_is_left(engine: Engine) -> None:
    parts = recorded_2_15()
    merged = parts.said["after_a_contact_merge"]["server_database"]
    before = deepcopy(parts)
    for one in [
        before.conversations[70]["meta"],
        *(one for one in before.histories[70] if one.get("sender", {}).get("type") == "contact"),
    ]:
        one["sender"]["id"] = merged["mergee"]
    senders = "SELECT DISTINCT contact_id FROM helpdesk.messages WHERE conversation_id = 70 AND contact_id IS NOT NULL"
    with night(before, engine) as etl:
        etl.run()
    with engine.connect() as connection:
        assert connection.scalars(text(senders)).all() == [merged["mergee"]]
    with night(parts, engine) as etl:
        assert etl.run().outcome == "complete"
    assert rows(engine, "conversations") == conversations(parts)
    expected = messages(parts)
    found = rows(engine, "messages")
    of_it = [number for number, row in expected.items() if row["conversation_id"] == 70]
    assert {number: found[number] for number in of_it} == {number: expected[number] for number in of_it}


@pytest.mark.long
def test_an_audit_finds_the_old_message_whose_deletion_no_clock_tells(engine: Engine) -> None:
    parts = recorded_4_15()
    before = deepcopy(parts)
    deleted = before.histories[653][0]
    deleted |= {"content": "Call me on 0123", "content_attributes": {}}
    with night(before, engine) as etl:
        etl.run()
        assert rows(engine, "messages")[7351]["content"] == "Call me on 0123"
        before.histories[653] = parts.histories[653]
        assert etl.run().outcome == "complete"
        assert rows(engine, "messages")[7351]["content"] == "Call me on 0123"  # the list shows no change at all
        run = etl.run(AUDIT)
    assert_whole(parts, engine, run)
    assert rows(engine, "messages") == messages(parts)
    # As recorded: what the search says of it is what this server's does.
    (search,) = [body for request, body in parts.of("old_message_deleted").items() if "search" in request]
    assert [one for one in before.witnessed(653)["messages"] if one["id"] == 7351] == search["messages"]


@pytest.mark.long
def test_an_answer_that_the_survey_list_lost_is_still_an_answer(engine: Engine) -> None:
    parts = recorded_4_15()
    (_, listed) = parts.of("csat_answer_lost_by_a_merge").values()
    assert 145 not in listed["message_ids"]
    with night(parts, engine) as etl:
        etl.run()
    with engine.connect() as connection:
        answers = connection.execute(
            text("SELECT conversation_id, rating, feedback, source FROM bi.csat ORDER BY 1")
        ).all()
        count = connection.scalar(text("SELECT count(*) FROM bi.csat WHERE source = 'survey list'"))
    # That of conversation 70, which list and message have, counts once.
    assert [tuple(one) for one in answers if one.source == "message"] == [
        (13, 3, "super", "message"),
    ]
    assert count == 25


@pytest.mark.long
def test_an_agent_s_token_is_told_apart_from_what_is_gone(engine: Engine) -> None:
    parts = recorded_4_15()
    *_, forbidden, missing = parts.said["agent_token"]["exchanges"]
    assert (forbidden["status"], missing["status"]) == (401, 404)
    parts.refused["conversations/1"] = json_answer(forbidden["body"], 401)
    with night(parts, engine) as etl:
        run = etl.run()
    assert rows(engine, "conversation_ledger", "conversation_id")[1]["state"] == "forbidden"
    assert run.ledger == {
        "highest_id": 653, "loaded": 3, "deleted": 649, "forbidden": 1, "unreadable": 0, "unaccounted": 0,
    }  # fmt: skip


@pytest.mark.long
def test_an_audit_of_an_idle_account_is_complete_though_ties_hide_conversations_from_both_of_the_recorded_walks(
    engine: Engine,
) -> None:
    recorded: Any = recording("4.15.1-exchanges")
    said = recorded["search_walks_with_ties"]
    by_creation, by_activity = (one["pages"] for one in said["exchanges"])
    truth = said["server_database"]
    ids = {number for page in [*by_creation, *by_activity] for number in page} | set(truth["in_no_page_of_both"])
    assert len(ids) == truth["conversations"]
    account = with_conversations(sorted(ids))

    def change(request: Request, answer: Answer) -> Answer:
        """Answer the two walks that were recorded; any other question as the demo does, of which ties hide none."""
        query = {name: value for name, value in request.query if name not in {"page", "sort_by"}}
        if not request.path.endswith("/search") or query != {"status": "all"}:
            return answer
        pages = by_creation if request.first("sort_by") else by_activity
        number = int(request.first("page") or 1)
        shown = pages[number - 1] if number <= len(pages) else []
        return json_answer({"payload": [witnessed(account, one) for one in shown]})

    with job(account, engine, change=change) as etl:
        run = etl.run(AUDIT, reread_days=0)
        assert (run.outcome, run.problems) == ("complete", [])
        assert run.audit == {
            "conversations": 512, "messages": 512, "read": 512, "witnessed": 0, "unaccounted": 0,
        }  # fmt: skip
        assert [number for (number,) in etl.rows("SELECT id FROM conversations ORDER BY id")] == sorted(ids)
        run = etl.run(AUDIT, reread_days=0)
        # Night after night: those that neither walk shows are asked for, and no others.
        assert (run.outcome, etl.asked()[1]) == ("complete", truth["in_no_page_of_both"])


def with_conversations(ids: list[int]) -> Account:
    """Return an account of conversations with these numbers, of one message each."""
    account = empty_account()
    for number, conversation_id in enumerate(ids):
        account.last_conversation_id = conversation_id - 1
        add_conversation(account, 1, 1, LONG_AGO + 60 * number)
        add_message(account, conversation_id, f"hello {conversation_id}", LONG_AGO + 60 * number)
    return account


def witnessed(account: Account, number: int) -> Json:
    (message,) = account.conversations[number].messages
    said = {"id": message.id, "content": message.content, "message_type": 0, "created_at": message.created_at}
    return {"id": number, "messages": [said]}
