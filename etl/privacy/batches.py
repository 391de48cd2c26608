"""Protects what a batch holds before any of it is saved: pure; `rules` says what becomes of each value."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from etl.id_set import IdSet
from etl.privacy import changes
from etl.privacy.records import is_hidden, protect_record, shown_field
from etl.privacy.rules import DROP, Row, Way, protect_row
from etl.transform import plans
from etl.transform.batch import Batch
from etl.transform.content import keyed_digest
from etl.transform.plans import Form


@dataclass
class Forgotten:
    """The contacts who are forgotten: nothing personal of them is kept, whatever the settings say.

    contacts: id -> since when. conversations: theirs, also when the vendor gives one to another contact later.
    handed_on: ids of contacts to whom the vendor gave such a conversation, as it does when two contacts are merged.
    """

    contacts: dict[int, datetime] = field(default_factory=dict)
    conversations: IdSet = field(default_factory=IdSet)
    handed_on: set[int] = field(default_factory=set)

    def wrote_or_read(self, message: Row) -> bool:
        """Return whether a message is from one of them, or in a conversation with one."""
        is_theirs = message.get("sender_type") == "contact" and message.get("sender_id") in self.contacts
        return is_theirs or message["conversation_id"] in self.conversations

    def concerns(self, record: Row) -> bool:
        """Return whether a rejected record is about one of them, or may be."""
        if not self.contacts:
            return False
        number = record["conversation_id"]
        if number is None or number in self.conversations:
            return True
        if record["entity"] in {"contact", "sender"} and record["entity_id"] in map(str, self.contacts):
            return True
        return bool(self.contacts.keys() & _people(record["payload"]))


def _people(payload: Any) -> set[int]:
    """Return the ids in a payload of a conversation or message that may be those of contacts."""
    found: set[int] = set()
    if isinstance(payload, dict):
        meta = payload.get("meta")
        senders = payload.get("sender"), meta.get("sender") if isinstance(meta, dict) else None
        numbers = [sender.get("id") for sender in senders if isinstance(sender, dict)] + [payload.get("sender_id")]
        found = {
            int(number)
            for number in numbers
            if isinstance(number, int | str) and str(number).isascii() and str(number).isdigit()
        }
    return found


def protect(batch: Batch, way: Way, forgotten: Forgotten) -> None:
    """Replace everything in a batch, in place, by what is stored of it."""
    if way.mode != "keep":
        _digest_texts(batch, way)
    for table in changes.SEEN_BY_DIGEST:
        for row in batch.rows[table].values():
            changes.digest(table, row, way)
    if forgotten.contacts:
        _forget(batch, forgotten)
    if way.mode == "keep":
        return
    for table, rows in batch.rows.items():
        for row in rows.values():
            protect_row(table, row, way)
    for record in batch.rejected:
        protect_record(record)
    batch.unknown_fields = {shown_field(path) for path in batch.unknown_fields}
    _forget_names(batch)


def _forget_names(batch: Batch) -> None:
    """Forget the keys that may name a person."""
    forms, batch.observed.forms = batch.observed.forms, Counter()
    for form, count in forms.items():
        batch.observed.forms[_without_names(form)] += count


@lru_cache(maxsize=plans.MOST_PLANS)
def _without_names(form: Form) -> Form:
    fields = [
        (name, kind)
        for name, kind in zip(form.names, form.types, strict=True)
        if not is_hidden(form.sent_as, form.prefix + name)
    ]
    return replace(form, names=tuple(name for name, _ in fields), types=tuple(kind for _, kind in fields))


def _digest_texts(batch: Batch, way: Way) -> None:
    """Keep of each text a digest, by which an audit sees that it is another one by now."""
    for row in batch.rows["messages"].values():
        if "content" in row and "message_type" in row:
            row["content_digest"] = keyed_digest(row["message_type"], row["content"], way.digest_key)


def _forget(batch: Batch, forgotten: Forgotten) -> None:
    """Drop what is personal of those who are forgotten, and leave the others as they are."""
    for row in batch.rows["conversations"].values():
        _mark_forgotten(batch, row, forgotten)
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


def _mark_forgotten(batch: Batch, row: Row, forgotten: Forgotten) -> None:
    contact = row.get("contact_id")
    if contact in forgotten.contacts:
        row["forgotten_at"] = forgotten.contacts[contact]
        if row["id"] not in forgotten.conversations:
            batch.came.add(row["id"])
        forgotten.conversations.add(row["id"])
    elif row["id"] in forgotten.conversations and contact is not None:
        forgotten.handed_on.add(contact)
    if row["id"] in forgotten.conversations:
        protect_row("conversations", row, DROP)
        # A digest is made of everything that was sent. Without one the conversation is taken in every night.
        row["payload_digest"] = None
