"""The vendor's own events of a conversation, as its server writes them down; not from what our figures make of them."""

from datetime import datetime, timedelta
from itertools import count

from tests.reference.world import Message, Row, Talk

# Each tenth event is written down twice: a job that fails when it has saved its event is done again.
TWICE = 10


def events_of(talk: Talk) -> list[Row]:
    """Return the rows of a conversation's events, in order of time."""
    told = sorted([*_turns(talk), *_replies(talk)], key=lambda event: event[1])
    numbers = count(talk.id * 10_000)
    rows = []
    for place, (name, at, user_id) in enumerate(told, 1):
        row: Row = {"name": name, "conversation_id": talk.id, "user_id": user_id, "event_end_time": at}
        row |= {"created_at": at + timedelta(seconds=1)}
        rows += [row | {"id": next(numbers)} for _ in range(1 + (place % TWICE == 0))]
    return rows


def _turns(talk: Talk) -> list[tuple[str, datetime, int | None]]:
    """Return what changes of status leave: one whenever it becomes resolved, and one whenever it becomes open."""
    told, status = [], "open"
    for at, change in talk.changes:
        now = change.get("status", status)
        if now != status and now in {"open", "resolved"}:
            name = "conversation_opened" if now == "open" else "conversation_resolved"
            told.append((name, at, talk.state_at(at)["assignee_id"]))
        status = now
    return told


def _replies(talk: Talk) -> list[tuple[str, datetime, int | None]]:
    """Return what replies leave: the first one is on who wrote it, others to a contact who waits on who is assigned."""
    told: list[tuple[str, datetime, int | None]] = []
    waits, is_first = False, True
    for message in talk.messages:
        if message.row["message_type"] == "incoming":
            waits = True
        elif _is_human(message):
            if is_first:
                told.append(("first_response", message.at, message.row["sender_id"]))
            elif waits:
                told.append(("reply_time", message.at, talk.state_at(message.at)["assignee_id"]))
            waits, is_first = False, False
    return told


def _is_human(message: Message) -> bool:
    row = message.row
    by_itself = (row["content_attributes"] or {}).keys() & {"automation_rule_id", "is_reaction"}
    is_campaign = "campaign_id" in (row["additional_attributes"] or {})
    is_by_user = row["message_type"] == "outgoing" and row["sender_type"] == "user" and not row["private"]
    return is_by_user and not by_itself and not is_campaign
