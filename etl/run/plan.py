"""What a page of conversations needs: which are left alone, and whose history has to be read; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from etl.load.conversations import Kept
from etl.transform.batch import Batch
from etl.transform.values import LARGEST


@dataclass(frozen=True)
class Rules:
    """When a history is due.

    reads_histories: whether any is. read_after: those read since then are not read again as long as their mark holds;
    None: whatever their age. active_since: histories of conversations that were active since then are read again;
    None: of none, as edits move the mark.
    """

    reads_histories: bool
    read_after: datetime | None
    active_since: datetime | None

    def is_due(self, kept: Kept | None, mark: str | None) -> bool:
        """Return whether a history has to be read: it never was, its mark changed, or it was active of late.

        Edits, deletions and delivery states no longer move any clock on servers after March 2026 (the vendor's
        section 5).
        """
        if not self.reads_histories:
            return False
        if kept is None or kept.mark is None or kept.mark != mark or kept.read_at is None:
            return True
        if self.read_after is not None:
            return kept.read_at < self.read_after
        active, since = kept.last_activity_at, self.active_since
        return since is not None and active is not None and active > since


def find_unchanged(
    kept: Mapping[int, Kept], digests: Mapping[int, str | None], missing: Collection[int], rules: Rules
) -> set[int]:
    """Return the conversations that are left alone: sent exactly as they were taken in before, with no history due.

    kept: what the tables say of conversations. digests: of what was sent now. missing: ids that were not loaded before.
    """
    return {
        conversation_id
        for conversation_id, known in kept.items()
        if digests[conversation_id] is not None
        and known.digest == digests[conversation_id]
        and not known.deleted
        and conversation_id not in missing
        and not rules.is_due(known, known.mark)
    }


def find_due(batch: Batch, kept: Mapping[int, Kept], rules: Rules) -> set[int]:
    """Return the conversations of a batch whose history has to be read, by what the batch now says of each."""
    return {
        conversation_id
        for conversation_id, mark in batch.marks.items()
        if rules.is_due(_as_sent(batch, conversation_id, kept.get(conversation_id)), mark)
    }


def find_handed_over(batch: Batch, kept: Mapping[int, Kept]) -> set[int]:
    """Return the conversations of a batch that are with another contact than before.

    When the vendor merges contacts, all messages of one become the other's; on servers before 4.0.2 no clock tells.
    """
    return {
        conversation_id
        for conversation_id in batch.marks.keys() & kept.keys()
        if _contact(batch, conversation_id, kept[conversation_id]) != kept[conversation_id].contact_id
    }


def _contact(batch: Batch, conversation_id: int, kept: Kept) -> int | None:
    contact: int | None = batch.rows["conversations"][(conversation_id,)].get("contact_id", kept.contact_id)
    return contact


def _as_sent(batch: Batch, conversation_id: int, kept: Kept | None) -> Kept | None:
    active = batch.rows["conversations"][(conversation_id,)].get("last_activity_at")
    return kept and replace(kept, last_activity_at=active)


def has_number(payload: Any) -> bool:
    """Return whether a payload has an id that a conversation can have."""
    return isinstance(payload, dict) and type(payload.get("id")) is int and 0 < payload["id"] <= LARGEST
