"""Tells that a conversation is sent exactly as it was taken in before, so that it may be left alone: pure."""

import hashlib
from datetime import datetime
from types import NoneType
from typing import Any

import orjson

from etl.transform.batch import Batch
from etl.transform.fields import Row

# For longer pieces hashlib releases the GIL, and waits to get it back longer than the hashing takes.
PIECE = 2_000
# Types whose equal values are the same.
EXACT = {str, int, bool, NoneType, datetime}


def digest(payload: Any, salt: str) -> str | None:
    """Return the digest by which a payload is compared with another one; None when it cannot be made.

    salt: what else its rows depend on, as they have to be made anew when that changes.
    """
    try:
        sent = orjson.dumps(payload)
    except TypeError:
        return None  # numbers beyond 64 bits, halves of surrogate pairs: rare enough to be taken in every night
    made = hashlib.blake2b(digest_size=16, key=salt.encode())
    for at in range(0, len(sent), PIECE):
        made.update(sent[at : at + PIECE])
    return made.hexdigest()


def remember(batch: Batch, digests: dict[int, str | None]) -> None:
    """Have the digests of payloads saved with the rows that were made of them, unless records were rejected."""
    for conversation_id, payload_digest in digests.items():
        row = batch.rows["conversations"][(conversation_id,)]
        row["payload_digest"] = None if batch.rejected else payload_digest


def listed(batch: Batch, conversation_id: int) -> list[Row]:
    """Return copies of the rows that the list gave for the contact and the messages of a conversation."""
    contact = batch.rows["conversations"][(conversation_id,)].get("contact_id")
    rows = [batch.rows["messages"].get((message_id,)) for message_id in batch.shown[conversation_id]]
    return [row.copy() for row in (*rows, batch.rows["contacts"].get((contact,))) if row]


def agrees(batch: Batch, conversation_id: int, before: list[Row]) -> bool:
    """Return whether the history left the rows that the list had as they were.

    What changed in between may change back: then the list's payload comes as it was, and the rows are not what it says.
    """
    return all(
        all(map(_is_same, was.values(), map(now.get, was)))
        for was, now in zip(before, listed(batch, conversation_id), strict=True)
    )


def _is_same(was: Any, now: Any) -> bool:
    """Return whether two values are one, true and 1 not being so, nor 0 and -0.0, at any depth."""
    if was is now:
        return True
    if type(was) is type(now) and type(was) in EXACT:
        return bool(was == now)
    return repr(was) == repr(now)
