"""What the witness says of messages, and where it differs from what the tables hold: pure."""

from collections.abc import Iterator
from typing import Any

from etl.errors import BadValue
from etl.extract.ids import id_of
from etl.load.held import FORGOTTEN, Held
from etl.privacy.rules import BOTS, Way, identity
from etl.transform.content import is_made_with, keyed_digest, plain_digest
from etl.transform.entities import MESSAGE
from etl.transform.fields import to_row
from etl.transform.values import text

Messages = dict[int, Any]


def named_by(payloads: list[Any]) -> Iterator[tuple[int, Messages]]:
    """Yield, of each conversation of a page, its id and the messages that are named."""
    for payload in payloads:
        number = id_of(payload)
        if number is not None and isinstance(payload.get("messages"), list):
            yield number, by_id(payload["messages"])


def by_id(messages: list[Any]) -> Messages:
    """Return messages by their ids; one without a number is left out."""
    return {number: message for message in messages if (number := id_of(message)) is not None}


def times(messages: Messages) -> dict[int, float]:
    """Return when messages were written, as far as the witness says; one without a time counts for none."""
    at = {message_id: message.get("created_at") for message_id, message in messages.items()}
    return {message_id: value for message_id, value in at.items() if isinstance(value, int | float)}


def can_be_compared(held: Held, way: Way) -> bool:
    """Return whether there is a digest of a message's text, made with the key of today."""
    if way.mode == "keep" or held.digest == FORGOTTEN:
        return True
    return held.digest is not None and is_made_with(held.digest, way.digest_key)


def differs(message: Any, held: Held, way: Way) -> bool:
    """Return whether the witness tells another text, type or sender of a message than the tables.

    A sender without a name says nothing: the vendor leaves out users who were deleted, and the tables keep them.
    """
    try:
        row = to_row(MESSAGE, message).row
    except BadValue:
        return False  # a witness that cannot be read says nothing
    return _says_else(row.get("message_type"), row.get("content"), held, way) or _is_from_else(message, held, way)


def _says_else(message_type: str | None, content: str | None, held: Held, way: Way) -> bool:
    if held.digest in {None, FORGOTTEN} or not can_be_compared(held, way):
        return False
    if way.mode == "keep":
        return held.digest != plain_digest(message_type, content)
    return held.digest != keyed_digest(message_type, content, way.digest_key)


def _is_from_else(message: Any, held: Held, way: Way) -> bool:
    name = message.get("sender_name")
    if not isinstance(name, str) or held.sender_name is None:
        return False
    known = text(name)
    # Agents and robots are stored by their names, whatever becomes of contacts'.
    is_told = way.mode == "keep" or held.sender_type == "user" or held.sender_type in BOTS
    return held.sender_name != (known if is_told else identity(known, way))
