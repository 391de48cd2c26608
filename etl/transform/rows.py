"""Payloads to rows: a page or a history becomes the rows of one batch, each field as `fields` says: pure."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from etl.errors import BadValue
from etl.selection import STATUSES, Selection
from etl.transform import actors
from etl.transform.actors import id_of, number_of, reference
from etl.transform.batch import Batch
from etl.transform.entities import (
    ATTACHMENT,
    CONTACT,
    CONVERSATION,
    LISTED_MESSAGE,
    MESSAGE,
    SURVEY_RESPONSE,
    TEAM,
    WITNESSED_MESSAGE,
)
from etl.transform.fields import LONGEST_LABEL, Entity, Payload, Row, to_row
from etl.transform.values import structure, text

# The fields by which a selection is compared with a conversation.
COMPARED = {"created_at", "timestamp", "last_activity_at"}

# A number, or a time in any spelling: digits, and what stands between them.
CLOCK = re.compile(r"[\dTZUC+:. -]{1,40}", re.ASCII)


def to_batch(account_id: int, payloads: Iterable[Any]) -> Batch:
    """Turn the payloads of a page into a batch."""
    batch = Batch(account_id)
    for payload in payloads:
        _add_conversation(batch, payload)
    return batch


def add_agents(batch: Batch, payload: Payload) -> None:
    """Add the agents of a conversation that is left alone: their availability changes without anything else."""
    batch.observed.add(CONVERSATION, payload)
    about = id_of(payload)
    meta = payload.get("meta")
    last = payload.get("last_non_activity_message")
    messages = payload.get("messages")
    people = [(meta.get("assignee"), meta.get("assignee_type"))] if isinstance(meta, dict) else []
    for message in [*(messages if isinstance(messages, list) else []), last]:
        sender = message.get("sender") if isinstance(message, dict) else None
        people += [(sender, sender.get("type"))] if isinstance(sender, dict) and sender.get("type") else []
    for person, told in people:
        actors.add_person(batch, person, told, about)


def add_history(batch: Batch, conversation_id: int, messages: Collection[Any], sent: Entity = MESSAGE) -> set[int]:
    """Add messages of a conversation, with senders and attachments; return their ids.

    Where the batch has one of them in another conversation, one of the answers was to another question: nothing is
    added, and both conversations are `disputed`. sent: in which of the vendor's shapes.
    """
    if rivals := _find_rivals(batch, conversation_id, messages):
        batch.disputed |= {conversation_id, *rivals}
        return set()
    added = [_add_message(batch, conversation_id, message, sent) for message in messages]
    return {message_id for message_id in added if message_id is not None}


def _find_rivals(batch: Batch, conversation_id: int, messages: Iterable[Any]) -> set[int]:
    """Return the other conversations to which the batch has some of these messages belong."""
    held = batch.rows["messages"]
    found = {row["conversation_id"] for message in messages if (row := held.get((id_of(message),)))}
    return found - {conversation_id}


def add_witnessed(batch: Batch, conversation_id: int, messages: Iterable[Any]) -> set[int]:
    """Add messages that only the witness names, with the few fields that it has; return their ids."""
    given = {"conversation_id": conversation_id, "partial": True, "removed_at": None}
    rows = [batch.convert(WITNESSED_MESSAGE, message, conversation_id, **given) for message in messages]
    return {row["id"] for row in rows if row}


def add_survey_response(batch: Batch, payload: Any) -> None:
    """Add a contact's answer to a survey, with the contact and the agent whom it names."""
    batch.observed.add(SURVEY_RESPONSE, payload)
    given: Row = {}
    if isinstance(payload, dict):
        # The vendor leaves them out when they are gone, so here an absent key does say something.
        given |= reference(batch, ("contact_id", CONTACT), payload.get("contact"))
        given |= actors.owner(batch, actors.RATED, (payload.get("assigned_agent"), payload.get("assigned_agent_type")))
        if "csat_review_notes" in payload or "review_notes_updated_by" in payload:
            given |= actors.person(batch, "review_notes_updated_by_id", payload.get("review_notes_updated_by"))
    batch.convert(SURVEY_RESPONSE, payload, **given)


def close_history(batch: Batch, conversation_id: int, read_at: datetime) -> None:
    """Mark a conversation's history as read completely, so that it is read again only when the mark changes."""
    batch.histories.append(conversation_id)
    row = batch.rows["conversations"][(conversation_id,)]
    row["mark"] = batch.marks[conversation_id]
    row["history_read_at"] = read_at


def open_history(batch: Batch, conversation_id: int) -> None:
    """Have a conversation's history read by the next run, whatever its mark was before."""
    batch.rows["conversations"][(conversation_id,)]["mark"] = None


def is_selected(payload: Any, selection: Selection) -> bool:
    """Return whether a conversation that the vendor answered belongs to the selection."""
    if selection.statuses == STATUSES and selection.since is None and selection.until is None:
        return True
    # The vendor's own status filter does not suffice: the search term `q` switches it off (its section 2).
    statuses = None if selection.conversations else selection.statuses
    return is_within(payload, statuses, selection.since, selection.until)


def is_within(payload: Any, statuses: Collection[str] | None, since: datetime | None, until: datetime | None) -> bool:
    """Return whether a conversation has one of the statuses and was going on between two times, `until` excluded.

    It goes on from its creation to its last activity. One that cannot be read counts as such: it has to be
    rejected with a reason, or stored, and not passed over.
    """
    try:
        made = to_row(CONVERSATION, payload)
    except BadValue:
        return True
    if made.unheld.keys() & COMPARED:
        return True
    row = made.row
    begun, last = row.get("created_at"), row.get("last_activity_at")
    if since and last and last < since:
        return False
    if until and begun and begun >= until:
        return False
    return statuses is None or row.get("status") in statuses


def _add_conversation(batch: Batch, payload: Any) -> None:
    batch.observed.add(CONVERSATION, payload)
    about = id_of(payload)
    meta = payload.get("meta") if isinstance(payload, dict) else None
    if not isinstance(meta, dict | None):
        # Whose it is and with whom is in there, and nobody is not what it says.
        error = BadValue(f"expected an object, got {type(meta).__name__}", field="meta")
        batch.reject(CONVERSATION.name, payload, error, about)
        return
    row = batch.convert(CONVERSATION, payload, about, deleted_at=None, **_related(batch, payload, about))
    if row is None:
        return
    if row.get("inbox_id") is not None:
        batch.add("inboxes", {"id": row["inbox_id"]} | ({"channel_type": row["channel"]} if row.get("channel") else {}))
    _add_labels(batch, row["id"], payload)
    listed = batch.items("message", payload.get("messages"), about)
    listed += [message for message in [payload.get("last_non_activity_message")] if message is not None]
    shown = add_history(batch, row["id"], [_as_its_history_has_it(message) for message in listed], LISTED_MESSAGE)
    batch.shown[row["id"]] = shown
    # As sent, not as read: a mark is only ever compared with the next one (the vendor's section 5 says what moves).
    batch.marks[row["id"]] = " ".join(
        [_clock(payload, "updated_at"), _clock(payload, "timestamp"), str(max(shown, default=None))]
    )


def _clock(payload: Payload, name: str) -> str:
    """Return a clock as it was sent; what is none may be anything, a person's name included, and is left out."""
    sent = payload.get(name)
    return str(sent) if sent is None or isinstance(sent, int | float) or CLOCK.fullmatch(str(sent)) else ""


def _as_its_history_has_it(message: Any) -> Any:
    """Leave out what the list gives differently from `/messages`: 2.14 shortens the sentence of a survey."""
    if isinstance(message, dict) and message.get("content_type") == "input_csat":
        return {name: value for name, value in message.items() if name != "content"}
    return message


def _related(batch: Batch, payload: Any, about: int | None) -> Row:
    """Add who and what a conversation refers to; return the columns that refer to them."""
    if not isinstance(payload, dict):
        return {}
    given: Row = {}
    meta = payload.get("meta")
    if isinstance(meta, dict):
        # The vendor leaves assignee and team out when there is none, so here an absent key does say something.
        given |= actors.owner(batch, actors.ASSIGNEE, actors.assignee(payload, meta), about)
        given |= reference(batch, ("team_id", TEAM), meta.get("team"), about)
        if "sender" in meta:
            batch.observed.add(CONTACT, meta["sender"])
            given |= reference(batch, ("contact_id", CONTACT), meta["sender"], about)
    if "last_non_activity_message" in payload:
        last = payload["last_non_activity_message"]
        given |= (
            {"last_non_activity_message_id": None} if last is None else number_of(last, "last_non_activity_message_id")
        )
    return given


def _add_labels(batch: Batch, conversation_id: int, payload: Payload) -> None:
    if "labels" not in payload:
        return
    rejected = len(batch.rejected)
    for label in batch.items("label", payload["labels"], conversation_id):
        if not isinstance(label, str) or len(label) > LONGEST_LABEL:
            error = BadValue(f"expected text of at most {LONGEST_LABEL} characters")
            batch.reject("label", label, error, conversation_id)
            continue
        title = text(label)
        batch.unheld["replaced"] += title != label
        batch.add("labels", {"title": title})
        batch.add("conversation_labels", {"conversation_id": conversation_id, "label": title})
    if len(batch.rejected) == rejected:
        batch.complete["conversation_labels"].append(conversation_id)


def _add_message(batch: Batch, conversation_id: int, payload: Any, sent: Entity) -> int | None:
    """Add a message with its sender and attachments; return its id, None when it had to be rejected."""
    given: Row = {"conversation_id": conversation_id, "partial": False, "removed_at": None}
    if isinstance(payload, dict):
        given |= actors.sender(batch, conversation_id, payload)
        if "content_attributes" in payload:
            given["deleted"] = _says_deleted(payload["content_attributes"])
    row = batch.take(sent, payload, conversation_id, **given)
    if row is None:
        return None
    actors.add_bare_sender(batch, row)
    actors.take_out_bot(batch, row["id"], payload)
    if row.get("inbox_id") is not None:
        batch.refer("inboxes", row["inbox_id"])
    rejected = len(batch.rejected)
    for attachment in batch.items("attachment", payload.get("attachments"), conversation_id):
        batch.take(ATTACHMENT, attachment, conversation_id, message_id=row["id"])
    if len(batch.rejected) == rejected:
        # Absent means none: both shapes leave the key out when there are no attachments (the vendor's section 3).
        batch.complete["attachments"].append(row["id"])
    return int(row["id"])


def _says_deleted(attributes: Any) -> bool:
    if isinstance(attributes, str):
        try:
            attributes = structure(attributes)
        except BadValue:
            return False
    return isinstance(attributes, dict) and attributes.get("deleted") is True
