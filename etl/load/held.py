"""What the tables hold of messages, as far as an audit compares it with what the vendor names."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from etl.database.base import SCHEMA
from etl.database.engine import any_of
from etl.database.models import Message
from etl.load.conversations import present

# The digest that `transform.content` makes of type and text.
PLAIN = """
    encode(sha256(convert_to(
        coalesce(message.message_type, '') || chr(10) || coalesce('+' || message.content, '-'), 'UTF8')), 'hex')
"""

HELD = f"""
    SELECT message.conversation_id, message.id, message.partial, message.sender_type,
        CASE WHEN conversation.forgotten_at IS NOT NULL OR forgotten.contact_id IS NOT NULL THEN :nothing
             ELSE {{digest}} END AS digest,
        CASE message.sender_type WHEN 'contact' THEN contact.name WHEN 'user' THEN agent.name ELSE bot.name
        END AS sender_name
    FROM {SCHEMA}.messages AS message
    JOIN {SCHEMA}.conversations AS conversation
      ON conversation.account_id = :account_id AND conversation.id = message.conversation_id
    LEFT JOIN {SCHEMA}.contacts AS contact ON contact.account_id = :account_id AND contact.id = message.contact_id
    LEFT JOIN {SCHEMA}.suppressed_contacts AS forgotten
      ON forgotten.account_id = :account_id AND forgotten.contact_id = message.contact_id
    LEFT JOIN {SCHEMA}.agents AS agent ON agent.account_id = :account_id AND agent.id = message.agent_id
    LEFT JOIN {SCHEMA}.bots AS bot
      ON bot.account_id = :account_id AND bot.type = message.sender_type AND bot.id = message.sender_id
    WHERE message.account_id = :account_id AND message.conversation_id = ANY(:ids) AND message.removed_at IS NULL
"""  # noqa: S608 -- only constants are formatted in

# In the place of a digest: the text is not kept, as it is a forgotten person's.
FORGOTTEN = "forgotten"


class Held(NamedTuple):
    """What the tables hold of a message.

    partial: whether it is known from the witness only. digest: of its type and text, keyed where texts are not kept;
    None where there is none yet, FORGOTTEN where there never will be. sender_name: as it is stored.
    """

    partial: bool
    sender_type: str | None
    digest: str | None
    sender_name: str | None


def messages_held(
    connection: Connection, account_id: int, conversation_ids: Sequence[int], *, kept: bool
) -> dict[int, dict[int, Held]]:
    """Return, for those conversations that are in the tables, message id -> what is held of it.

    kept: whether texts are kept, so that digests are made of these.
    """
    held: dict[int, dict[int, Held]] = {
        conversation_id: {} for conversation_id in present(connection, account_id, conversation_ids)
    }
    rows = connection.execute(
        text(HELD.format(digest=PLAIN if kept else "message.content_digest")),
        {"account_id": account_id, "ids": list(conversation_ids), "nothing": FORGOTTEN},
    )
    for row in rows:
        held[row.conversation_id][row.id] = Held(row.partial, row.sender_type, row.digest, row.sender_name)
    return held


def retyped(connection: Connection, account_id: int, messages: Sequence[dict[str, Any]]) -> set[int]:
    """Return the conversations of which all of these messages that are stored would get another type by these rows.

    A message keeps its type, as a rule. That all have another one is said by a vendor who numbers types in another way.
    """
    types = {row["id"]: row["message_type"] for row in messages if row.get("message_type") is not None}
    query = select(Message.id, Message.conversation_id, Message.message_type).where(
        Message.account_id == account_id, Message.id == any_of(types.keys()), Message.message_type.is_not(None)
    )
    agree: dict[int, bool] = {}
    for row in connection.execute(query):
        agree[row.conversation_id] = agree.get(row.conversation_id, False) or row.message_type == types[row.id]
    return {conversation_id for conversation_id, any_agrees in agree.items() if not any_agrees}


def newest_held(connection: Connection, account_id: int, conversation_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return, for each of these conversations, the id of its newest message that is held whole, in a set; or none."""
    newest = connection.execute(
        select(Message.conversation_id, func.max(Message.id).label("id"))
        .where(Message.account_id == account_id, Message.conversation_id == any_of(conversation_ids))
        .where(Message.removed_at.is_(None), Message.partial.is_(False))
        .group_by(Message.conversation_id)
    )
    return {one: set[int]() for one in conversation_ids} | {row.conversation_id: {row.id} for row in newest}
