"""Protects what a batch holds before any of it is saved: pure; `rules` says what becomes of each value."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from etl.id_set import IdSet
from etl.privacy.records import protect_record, shown_field
from etl.privacy.rules import DROP, Row, Way, protect_row
from etl.transform.batch import Batch


@dataclass
class Forgotten:
    """Of whom nothing personal is kept, however the settings want it of others.

    contacts: id -> since when. conversations: theirs; one stays so when the vendor gives it to another contact later.
    handed_on: ids of contacts to whom the vendor gave such a conversation, as it does when two contacts are merged.
    came: conversations that were given to one of them since: what is stored of these has to be emptied, too.
    """

    contacts: dict[int, datetime] = field(default_factory=dict)
    conversations: IdSet = field(default_factory=IdSet)
    handed_on: set[int] = field(default_factory=set)
    came: set[int] = field(default_factory=set)

    def wrote_or_read(self, message: Row) -> bool:
        """Return whether a message is from one of them, or in a conversation with one."""
        is_theirs = message.get("sender_type") == "contact" and message.get("sender_id") in self.contacts
        return is_theirs or message["conversation_id"] in self.conversations

    def concerns(self, record: Row) -> bool:
        """Return whether a rejected record is of theirs, or may be."""
        if not self.contacts:
            return False
        number = record["conversation_id"]
        if number is None or number in self.conversations:
            return True
        if record["entity"] in {"contact", "sender"} and record["entity_id"] in map(str, self.contacts):
            return True
        return bool(self.contacts.keys() & _people(record["payload"]))


def _people(payload: Any) -> set[int]:
    """Return the numbers of those who may be contacts in a payload of a conversation or message."""
    found: set[int] = set()
    if isinstance(payload, dict):
        meta = payload.get("meta")
        senders = payload.get("sender"), meta.get("sender") if isinstance(meta, dict) else None
        numbers = [one.get("id") for one in senders if isinstance(one, dict)] + [payload.get("sender_id")]
        found = {
            int(one) for one in numbers if isinstance(one, int | str) and str(one).isascii() and str(one).isdigit()
        }
    return found


def protect(batch: Batch, way: Way, forgotten: Forgotten) -> None:
    """Make of everything in a batch in place what is stored of it."""
    if forgotten.contacts:
        _forget(batch, forgotten)
    if way.mode == "keep":
        return
    for table, rows in batch.rows.items():
        for row in rows.values():
            protect_row(table, row, way)
    for record in batch.rejected:
        protect_record(record)
    batch.unknown_fields = {shown_field(one) for one in batch.unknown_fields}


def _forget(batch: Batch, forgotten: Forgotten) -> None:
    """Drop what is personal of those who are forgotten, and leave the others as they are."""
    for row in batch.rows["conversations"].values():
        _mark_forgotten(row, forgotten)
    silenced = set()
    for row in batch.rows["messages"].values():
        if forgotten.wrote_or_read(row):
            protect_row("messages", row, DROP)
            silenced.add(row["id"])
    for table, column, theirs in (
        ("attachments", "message_id", silenced),
        ("contacts", "id", forgotten.contacts),
        ("csat_responses", "contact_id", forgotten.contacts),
        ("csat_responses", "conversation_id", forgotten.conversations),
    ):
        for row in batch.rows.get(table, {}).values():
            if row.get(column) in theirs:
                protect_row(table, row, DROP)
    for record in filter(forgotten.concerns, batch.rejected):
        protect_record(record)


def _mark_forgotten(row: Row, forgotten: Forgotten) -> None:
    contact = row.get("contact_id")
    if contact in forgotten.contacts:
        row["forgotten_at"] = forgotten.contacts[contact]
        if row["id"] not in forgotten.conversations:
            forgotten.came.add(row["id"])
        forgotten.conversations.add(row["id"])
    elif row["id"] in forgotten.conversations and contact is not None:
        forgotten.handed_on.add(contact)
    if row["id"] in forgotten.conversations:
        protect_row("conversations", row, DROP)
        # A digest is made of everything that was sent. Without one the conversation is taken in every night.
        row["payload_digest"] = None
