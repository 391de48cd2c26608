"""The complete messages of one conversation.

The two-sided window `after=A&before=B` gives the messages with A <= id < B, at most 1,000 of them. It is exact
whenever it is shorter than that; when it is not, the id range is split in two until each part is (the vendor's
section 3; a cursor over ids loses back-dated messages, as answers are ordered by time).
"""

from typing import Any

from etl.client import Client
from etl.errors import VendorError

CAP = 1000
ABOVE_ANY_ID = 2**31 - 1


def read(client: Client, conversation_id: int, shown: set[int]) -> list[Any]:
    """Give the payloads of all messages of a conversation.

    shown: numbers of messages that the list has just shown. An answer without them is not the whole history: servers
    before 2.16 read the window otherwise and answer it with an empty list.
    Raises VendorError when the history cannot be read completely.
    """
    before = max(ABOVE_ANY_ID, *(one + 1 for one in shown)) if shown else ABOVE_ANY_ID
    messages = _between(client, conversation_id, 0, before)
    missing = shown - {one.get("id") for one in messages if isinstance(one, dict)}
    if missing:
        raise VendorError(
            f"{client.url(_path(conversation_id))}: the history lacks message {min(missing)}, which the list shows; "
            f"{len(messages)} messages were answered, and are not taken for the whole."
        )
    return messages


def _between(client: Client, conversation_id: int, after: int, before: int) -> list[Any]:
    messages = _get(client, conversation_id, after, before)
    if len(messages) < CAP:
        return messages
    ids = sorted(one["id"] for one in messages)
    middle = ids[len(ids) // 2]
    if not after < middle < before:
        raise VendorError(f"{client.url(_path(conversation_id))}: the window {after} to {before} cannot be split.")
    return _between(client, conversation_id, after, middle) + _between(client, conversation_id, middle, before)


def _get(client: Client, conversation_id: int, after: int, before: int) -> list[Any]:
    query = [("after", after), ("before", before)]
    answer = client.get(_path(conversation_id), query)
    payload = answer.get("payload") if isinstance(answer, dict) else None
    if not isinstance(payload, list):
        raise VendorError(f"{client.url(_path(conversation_id), query)}: the answer holds no list of messages.")
    return payload


def _path(conversation_id: int) -> str:
    return f"conversations/{conversation_id}/messages"
