"""Whether an edit of a message moves its conversation's `updated_at`: up to 4.11 it does, after March 2026 it does not.

The list tells both: when a conversation's newest messages were changed, and when it was itself (section 5 of the
vendor's API).
"""

from collections import Counter
from datetime import datetime
from typing import Any

MOVED, LEFT = "moved", "left"
# A message is written a moment after it was created; what changes it later is an edit, a delivery, a reading.
SECONDS_OF_WRITING = 2.0
# What was written long before may have been imported: then it was not there before the change.
LONGEST_SECONDS = 86_400.0
# Both clocks are set in one transaction where one moves the other.
SECONDS_TOGETHER = 1.0


def told_by(payload: Any, since: float) -> Counter[str]:
    """Return how many edits, by what a conversation of the list says, have moved its clock (MOVED), or not (LEFT).

    What was changed once more since tells nothing. since: seconds since 1970; of messages written before it is not told
    that an edit moved the clock: the server may have been another one then, or an import have set both.
    """
    told = Counter[str]()
    clock = payload.get("updated_at") if isinstance(payload, dict) else None
    if not isinstance(clock, int | float) or isinstance(clock, bool):
        return told
    listed = payload.get("messages")
    shown = [*(listed if isinstance(listed, list) else []), payload.get("last_non_activity_message")]
    messages = {repr(message.get("id")): message for message in shown if isinstance(message, dict)}
    for message in messages.values():
        edited = _edited_at(message)
        if edited is None or clock > edited + SECONDS_TOGETHER:
            continue
        if clock < edited - SECONDS_TOGETHER:
            told[LEFT] += 1
        elif message["created_at"] >= since and not _may_be_imported(message, payload, edited):
            told[MOVED] += 1
    return told


def _may_be_imported(message: dict[str, Any], conversation: dict[str, Any], edited: float) -> bool:
    """Return whether a message may have come with an import: from before its conversation, or from long ago."""
    begun, created = conversation.get("created_at"), message["created_at"]
    return edited - LONGEST_SECONDS > created or not isinstance(begun, int | float) or created < begun


def _edited_at(message: dict[str, Any]) -> float | None:
    """Return when a message was changed after it was written, in seconds since 1970; None where it was not."""
    created, updated = message.get("created_at"), message.get("updated_at")
    try:
        at = datetime.fromisoformat(updated) if isinstance(updated, str) else None
    except ValueError:
        return None
    if at is None or at.tzinfo is None or not isinstance(created, int | float):
        return None
    # No sum with what was sent: of a number of 400 digits there is none.
    return at.timestamp() if at.timestamp() - SECONDS_OF_WRITING > created else None
