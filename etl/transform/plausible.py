"""Takes out of a batch what cannot be so: messages of unknown types, or that contradict themselves: pure."""

from collections.abc import Collection

from etl.errors import BadValue
from etl.transform.batch import Batch
from etl.transform.entities import CONVERSATION, MESSAGE, MESSAGE_TYPES
from etl.transform.fields import Row

LONGEST_TYPE = 4
KNOWN_TYPES = frozenset(MESSAGE_TYPES.values())


def reject_implausible(batch: Batch, accepted: Collection[str] | None) -> None:
    """Reject what cannot be so, and records without what figures rest on; the batch notes their conversations.

    One page of the vendor's documents numbers the types of messages from 1 to 4, where they are 0 to 3: all would be
    of another type, and each by itself looks well. accepted: contradictions that are meant so; None: all, which are
    noted and nothing more.
    """
    for key, row in list(batch.rows["messages"].items()):
        reason = None if row["partial"] else _missing(row, MESSAGE.needed)
        if said := _contradiction(row):
            if accepted is None or said not in accepted:
                batch.observed.contradictions.add(said)
            if accepted is not None and said not in accepted:
                reason = BadValue(f"{said} contradicts what is known of messages", field="message_type")
        if reason:
            batch.reject("message", {"id": row["id"]}, reason, row["conversation_id"])
            batch.observed.doubtful.add(row["conversation_id"])
            _take_out(batch, key)
    for row in list(batch.rows["conversations"].values()):
        if reason := _missing(row, CONVERSATION.needed):
            batch.reject("conversation", {"id": row["id"]}, reason, row["id"])
            _take_out_conversation(batch, row["id"])


def _contradiction(row: Row) -> str | None:
    said = row.get("message_type")
    if said is not None and said not in KNOWN_TYPES:
        # Text may be anything, and this is told in sentences.
        return f"type {said}" if said.isdecimal() and len(said) <= LONGEST_TYPE else "a type that is no number"
    return "outgoing by contact" if said == "outgoing" and row.get("sender_type") == "contact" else None


def _missing(row: Row, needed: frozenset[str]) -> BadValue | None:
    if row.keys() >= needed:
        return None
    return next(BadValue("is missing", field=name) for name in sorted(needed) if name not in row)


def _take_out(batch: Batch, key: tuple[int, ...]) -> None:
    """Take a message out of a batch, whose conversation is then no whole history."""
    row = batch.rows["messages"].pop(key)
    for attachment, other in list(batch.rows["attachments"].items()):
        if other["message_id"] == row["id"]:
            del batch.rows["attachments"][attachment]
    batch.complete["attachments"] = [one for one in batch.complete["attachments"] if one != row["id"]]
    batch.histories = [one for one in batch.histories if one != row["conversation_id"]]


def _take_out_conversation(batch: Batch, conversation_id: int) -> None:
    """Take a conversation out of a batch, with everything that is in it."""
    del batch.rows["conversations"][conversation_id,]
    for table in ("messages", "conversation_labels"):
        rows = batch.rows[table]
        for key in [key for key, row in rows.items() if row["conversation_id"] == conversation_id]:
            if table == "messages":
                _take_out(batch, key)
            else:
                del rows[key]
    labels = batch.complete["conversation_labels"]
    batch.complete["conversation_labels"] = [one for one in labels if one != conversation_id]
    batch.histories = [one for one in batch.histories if one != conversation_id]
    batch.marks.pop(conversation_id, None)
    batch.shown.pop(conversation_id, None)
