"""An account that has something in every field, served with one field of one kind of record changed or left out.

What its rows are is told by a run that nothing disturbs, which `truth.py` holds to the account's own objects.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from sqlalchemy import Engine, text

from etl.database.base import Base
from etl.demo import events
from etl.demo.account import Account, Attachment, CsatResponse
from etl.demo.server import Answer, Request
from etl.demo.vendor import Vendor
from tests.integration.run.fuzzed_columns import Place
from tests.integration.run.truth import clear
from tests.scripted_account import LONG_AGO, Job, account_of

Json = dict[str, Any]
Row = dict[str, Any]
# table -> key -> row
Tables = dict[str, dict[Any, Row]]
Record = tuple[str, Any, Json]  # an entity, the number of its row, and the payload

BOT = {"id": 2, "name": "Robo", "description": "answers", "thumbnail": "", "bot_type": "webhook", "outgoing_url": "x"}
ASSISTANT = {"id": 1, "name": "Captain", "description": "thinks", "avatar_url": ""}
# Who owns a conversation, besides people.
OWNERS = {4: ("AgentBot", BOT), 5: ("Captain::Assistant", ASSISTANT)}


def rich_account() -> Account:
    """Return five conversations, which have all that the vendor has fields for."""
    account = account_of(5, messages=2)
    first = account.contacts[1]
    first.phone_number, first.identifier, first.last_activity_at = "+15550001", "key-1", LONG_AGO
    first.additional_attributes, first.custom_attributes = {"city": "Haifa"}, {"plan": "gold"}
    first.thumbnail = "https://files.example/c.png"
    account.agents[2].custom_attributes = {"desk": 7}
    account.agents[2].available_name = "Bobby"
    account.teams[1].description = "sells"
    for label in account.labels:
        label.description = f"about {label.title}"
    account.inboxes[1].working_hours = [{"day_of_week": 0, "closed_all_day": True}]
    account.custom_attribute_definitions.append(_definition())
    for number, conversation in account.conversations.items():
        conversation.labels = ("vip", "bug")[: 1 + number % 2]
        conversation.team_id, conversation.priority = 1, "high"
        conversation.assignee_id = 2 if number < 4 else None
        conversation.snoozed_until = LONG_AGO + 700_000.25
        conversation.contact_last_seen_at = conversation.assignee_last_seen_at = LONG_AGO + 5.0 + number
        conversation.agent_last_seen_at = LONG_AGO + 6.0
        conversation.custom_attributes, conversation.additional_attributes = {"a": {"b": number}}, {"browser": "x"}
        add_answers(account, number, LONG_AGO + 400_000)
        conversation.status = "snoozed"
        conversation.waiting_since = conversation.first_reply_created_at = LONG_AGO + 300_000
    account.csat_responses = [CsatResponse(1, 4, "good", 1, 3, 1, 2, LONG_AGO + 500_000)]
    return account


def _definition() -> Json:
    texts = {"attribute_display_name": "Plan", "attribute_display_type": "list", "attribute_description": "which"}
    keys = {"attribute_key": "plan", "attribute_model": "contact_attribute", "attribute_values": ["gold"]}
    return {"id": 1, "regex_pattern": "g.*", "regex_cue": "a plan", "default_value": "gold"} | texts | keys


def add_answers(account: Account, number: int, at: int) -> None:
    """Add an answer of an agent with files, a note, one of a bot and, the newest, an activity to a conversation."""
    last = max((one.id for one in _files(account)), default=0)
    url = f"https://files.example/{last}"
    files = [
        Attachment(last + 1, "image", url, f"{url}?small", "png", 1_000, 640, 480),
        Attachment(last + 2, "location", url, coordinates_lat=32.1, coordinates_long=34.8, fallback_title="Haifa"),
        Attachment(last + 3, "contact", fallback_title="Dana", meta={"name": "Dana"}),
        Attachment(last + 4, "audio", url, url, "ogg", 7, transcribed_text="hello"),
    ]
    by_agent: Json = {"message_type": 1, "sender_type": "User", "sender_id": 2}
    attributes = {"content_attributes": {"in_reply_to": 1}, "additional_attributes": {"campaign": 1}}
    events.add_message(account, number, "files", at, attachments=files, source_id="wamid.1", **by_agent, **attributes)
    events.add_message(account, number, "a note", at + 1, private=True, **by_agent)
    survey: Json = {"message_type": 3, "content_type": "input_csat", "content_attributes": {"display_type": "emoji"}}
    events.add_message(account, number, "How was it?", at + 2, **survey)
    written: Json = {"source_id": "wamid.2", "content_attributes": {"in_reply_to": 2}, **attributes}
    events.add_message(account, number, "thanks", at + 3, **written)


def _files(account: Account) -> Iterator[Attachment]:
    for conversation in account.conversations.values():
        for message in conversation.messages:
            yield from message.attachments or []


def let_something_happen(account: Account) -> None:
    """Add a conversation like the others, answers to the first one, and a survey response."""
    one = events.add_conversation(account, 1, 1, LONG_AGO + 600_000)
    one.labels, one.team_id, one.assignee_id, one.priority = ("vip",), 1, 2, "low"
    one.custom_attributes, one.additional_attributes = {"a": 1}, {"browser": "y"}
    for number in (one.id, 1):
        add_answers(account, number, LONG_AGO + 650_000)
    account.csat_responses.append(CsatResponse(2, 2, "bad", 2, 5, 2, 2, LONG_AGO + 660_000))


# What is sent


def records(request: Request, value: Any) -> Iterator[Record]:
    """Yield every record in an answer, whatever it is in."""
    path = request.path.split("/")[5:]
    if path[:1] == ["conversations"] and path[2:] == ["messages"]:
        yield "history", None, value
        yield from _all(_message, value["payload"])
    elif path == ["conversations"]:
        yield from (("answer", None, value), ("page", None, value["data"]))
        yield from _all(_conversation, value["data"]["payload"])
    elif path[:1] == ["conversations"] and len(path) == 2 and path[1].isdigit():
        yield from _conversation(value)
    elif path == ["csat_survey_responses"]:
        yield from _all(_survey, value)
    elif len(path) == 1 and (kind := LISTS.get(path[0])):
        if isinstance(value, dict):
            yield "list", None, value
        key = "title" if kind == "label" else "id"
        yield from ((kind, one[key], one) for one in (value["payload"] if isinstance(value, dict) else value))


LISTS = {
    "agents": "agent", "teams": "team", "inboxes": "inbox", "labels": "label",
    "custom_attribute_definitions": "definition",
}  # fmt: skip


def _all(kind: Callable[[Json], Iterator[Record]], values: list[Json]) -> Iterator[Record]:
    for one in values:
        yield from kind(one)


def _conversation(one: Json) -> Iterator[Record]:
    yield "conversation", one["id"], one
    meta = one["meta"]
    yield "meta", one["id"], meta
    yield "contact", meta["sender"]["id"], meta["sender"]
    if "team" in meta:
        yield "team", meta["team"]["id"], meta["team"]
    if "assignee" in meta:
        owner = meta["assignee"]
        yield "agent" if meta["assignee_type"] == "User" else "bot", owner["id"], owner
    yield from _all(_message, [*one["messages"], one["last_non_activity_message"]])


def _message(one: Json) -> Iterator[Record]:
    yield "message", one["id"], one
    if sender := one.get("sender"):
        yield "sender", one["id"], sender  # of which the type alone is the message's own
        yield "contact" if sender["type"] == "contact" else "agent", sender["id"], sender
    for file in one.get("attachments", []):
        yield "attachment", file["id"], file
    if inside := one.get("conversation"):
        yield "inside", one["id"], inside


def _survey(one: Json) -> Iterator[Record]:
    yield "survey", one["id"], one
    yield "contact", one["contact"]["id"], one["contact"]
    yield "agent", one["assigned_agent"]["id"], one["assigned_agent"]


class Altering:
    """Serves an account; `alter`, when it is set, changes a field of every record of a kind that has it.

    sent: (kind, number) -> what was sent in that field at last. seen: kind -> field -> a value of it.
    """

    def __init__(self, account: Account, behaviour: str = "4.7") -> None:
        self.vendor = Vendor(account, behaviour=behaviour)
        self.place: Place | None = None
        self.alter: Callable[[Json, str], None] = lambda *_: None
        self.sent: dict[tuple[str, Any], Any] = {}
        self.seen: dict[str, dict[str, Any]] = {}

    def __call__(self, request: Request) -> Answer:
        answer = self.vendor(request)
        if answer.status != 200 or "/accounts/" not in request.path:
            return answer
        value = orjson.loads(answer.body)
        if isinstance(value, dict) and "data" in value:
            value["data"]["payload"] = [_owned(one) for one in value["data"]["payload"]]
        elif isinstance(value, dict) and "last_non_activity_message" in value:
            value = _owned(value)
        for kind, number, record in list(records(request, value)):
            for name, one in record.items():
                if self.seen.setdefault(kind, {}).get(name) in (None, "", {}, []):
                    self.seen[kind][name] = one
            if self.place and kind == self.place[0] and record.get(self.place[1]) is not None:
                self.alter(record, self.place[1])
                self.sent[kind, number] = record.get(self.place[1])
        return Answer(body=json.dumps(value).encode())


def _owned(one: Json) -> Json:
    """Tell the type of an owner, as servers from 4.8 do, and give some conversations to robots."""
    if owner := OWNERS.get(one["id"]):
        one["meta"] |= {"assignee_type": owner[0], "assignee": dict(owner[1])}
    elif "assignee" in one["meta"]:
        one["meta"]["assignee_type"] = "User"
    return one


# What is stored

# The job's own, and what tells the time of the test.
OURS = {
    *(
        "first_synced_at",
        "changed_at",
        "mark",
        "history_read_at",
        "events_read_at",
        "events_listed_until",
        "payload_digest",
        "content_digest",
        "base_url",
    ),
    *("valid_from", "extra"),
}
KEYS = {
    "labels": ("title",), "bots": ("type", "id"), "conversation_labels": ("conversation_id", "label"),
}  # fmt: skip
TABLES = (
    *("conversations", "messages", "attachments", "contacts", "agents", "bots", "teams", "inboxes", "labels"),
    *("conversation_labels", "csat_responses", "custom_attribute_definitions"),
)
STATES = """
    SELECT conversation_id, status, assignee_type, assignee_id, assignee_bot_type, assignee_bot_id, team_id, priority
    FROM conversation_states WHERE valid_to IS NULL
"""


def tables(etl: Job) -> Tables:
    """Return what is stored, but for what is the job's own."""
    found: Tables = {}
    with etl.engine.connect() as connection:
        connection.execute(text("SET search_path TO helpdesk"))
        for name in TABLES:
            keys = KEYS.get(name, ("id",))
            rows = connection.execute(text(f"SELECT * FROM {name}")).mappings().all()
            found[name] = {
                tuple(row[key] for key in keys): {k: v for k, v in row.items() if k not in OURS} for row in rows
            }
        states = connection.execute(text(STATES)).mappings().all()
    found["conversation_states"] = {(row["conversation_id"],): dict(row) for row in states}
    return found


def extras(etl: Job, table: str) -> dict[Any, Json]:
    keys = KEYS.get(table, ("id",))
    return {tuple(row[:-1]): row[-1] or {} for row in etl.rows(f"SELECT {', '.join(keys)}, extra FROM {table}")}


def keep(engine: Engine, name: str) -> None:
    """Keep a copy of all rows beside them, in a schema of that name."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        for table, columns in _written():
            connection.exec_driver_sql(f"CREATE TABLE {name}.{table} AS SELECT {columns} FROM helpdesk.{table}")


def bring_back(engine: Engine, name: str) -> None:
    """Have all rows as they were when they were kept: much cheaper than to read them again."""
    clear(engine)
    with engine.begin() as connection:
        for table, columns in _written():
            connection.exec_driver_sql(
                f"INSERT INTO helpdesk.{table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {name}.{table}"
            )
        connection.exec_driver_sql("ALTER TABLE helpdesk.sync_runs ALTER run_id RESTART WITH 1000")


def _written() -> Iterator[tuple[str, str]]:
    """Yield tables, parents first, with their columns but the generated ones."""
    for table in Base.metadata.sorted_tables:
        yield table.name, ", ".join(f'"{one.name}"' for one in table.columns if one.computed is None)
