"""Our own reading of the demo's made-up account, beside the events that its server writes down by rules of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from etl.demo.account import Account, Conversation, Message
from etl.demo.generate import generate
from etl.demo.reporting_events import events_of
from etl.transform.entities import MESSAGE_TYPES
from tests.reference.compare import read
from tests.reference.evidence import Row

CONVERSATIONS = 400
SENDERS = {"Contact": "contact", "User": "user", "AgentBot": "agent_bot"}
Moments = set[tuple[int, datetime]]


@dataclass(frozen=True)
class Compared:
    """How much the vendor wrote down, how much our own reading tells, and how much of it is the same to the second."""

    vendor: int
    ours: int
    same: int


def compared(*, with_events: bool = False) -> dict[str, Compared]:
    """Return what a first run, which comes when all is over, tells beside the vendor's events; or tells with them."""
    account = generate(CONVERSATIONS)
    tables = _tables(account)
    if with_events:
        _add_events(account, tables)
    openings, waits = read(tables)
    firsts = [wait for wait in waits if wait["opening"] == 1 and wait["is_first"] and wait["answered_at"]]
    ours = {
        "conversation_resolved": _moments(openings, "resolved_at"),
        "conversation_opened": _moments([one for one in openings if one["opening"] > 1], "opened_at"),
        "first_response": _moments(firsts, "answered_at"),
    }
    found = {}
    for name, told in ours.items():
        theirs = _written_down(account, name)
        found[name] = Compared(len(theirs), len(told), len(theirs & told))
    return found


def _moments(rows: list[Row], name: str) -> Moments:
    return {(row["conversation_id"], row[name]) for row in rows if row[name] is not None}


def _written_down(account: Account, name: str) -> Moments:
    return {
        (conversation.id, datetime.fromisoformat(event["event_end_time"]))
        for conversation in account.conversations.values()
        for event in events_of(account, conversation)
        if event["name"] == name
    }


def _tables(account: Account) -> dict[str, list[Row]]:
    """Return the rows that one run leaves in the base tables, a minute after the last message."""
    last = max(one.last_activity_at for one in account.conversations.values())
    begun, seen, ended = (_utc(last + seconds) for seconds in (60, 90, 120))
    run: Row = {"started_at": begun, "finished_at": ended, "outcome": "complete", "selection": None, "unaccounted": 0}
    conversations = list(account.conversations.values())
    return {
        "sync_runs": [run],
        "conversations": [_conversation(one) | {"first_synced_at": seen} for one in conversations],
        "messages": [_message(one, each) | {"first_synced_at": seen} for one in conversations for each in one.messages],
        "conversation_states": [_state(one) | {"valid_from": seen} for one in conversations],
    }


def _add_events(account: Account, tables: dict[str, list[Row]]) -> None:
    """Add the rows of the vendor's events, and that they were read long after the last one."""
    read_at = tables["sync_runs"][0]["finished_at"] + timedelta(hours=1)
    for row in tables["conversations"]:
        row["events_read_at"] = read_at
    tables["reporting_events"] = [
        event
        | {name: datetime.fromisoformat(event[name]) for name in ("event_end_time", "created_at")}
        | {"conversation_id": one.id, "first_synced_at": read_at}
        for one in account.conversations.values()
        for event in events_of(account, one)
    ]


def _conversation(one: Conversation) -> Row:
    row = {"id": one.id, "inbox_id": one.inbox_id, "created_at": _utc(one.created_at), "deleted_at": None}
    return row | {"muted": one.muted}


def _state(one: Conversation) -> Row:
    row: Row = dict.fromkeys(("assignee_bot_type", "assignee_bot_id", "valid_to", "priority"))
    row |= {"conversation_id": one.id, "status": one.status, "assignee_id": one.assignee_id, "team_id": one.team_id}
    return row | {"muted": one.muted}


def _message(conversation: Conversation, message: Message) -> Row:
    content: dict[str, Any] = message.content_attributes or {}
    row = {"id": message.id, "conversation_id": conversation.id, "created_at": _utc(message.created_at)}
    row |= {"message_type": MESSAGE_TYPES[message.message_type], "private": message.private, "status": message.status}
    row |= {"sender_type": SENDERS.get(message.sender_type or ""), "sender_id": message.sender_id, "removed_at": None}
    row |= {"content_attributes": content, "additional_attributes": None}
    return row | {"deleted": content.get("deleted") is True}


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
