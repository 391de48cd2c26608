"""Messages as the vendor sends them: the list's shape, that of `/messages`, their senders and attachments."""

from etl.demo.account import INCOMING, Account, Agent, Attachment, Contact, Conversation, Json, Message
from etl.demo.dimensions import OLD, iso, source_id

# 2.14 lists the unread messages, at most so many; 4.x counts the unread ones no further than that.
RECENT = 10


def listed_message(account: Account, conversation: Conversation, message: Message, behaviour: str) -> Json:
    """Make a message as the list shows it, with its conversation's state and without `created_at_exact`."""
    payload: Json = {
        "id": message.id,
        "content": message.content,
        "account_id": account.id,
        "inbox_id": conversation.inbox_id,
        "conversation_id": conversation.id,
        "message_type": message.message_type,
        "created_at": message.created_at,
        "updated_at": iso(message.updated_at),
        "private": message.private,
        "status": message.status,
        "source_id": message.source_id,
        "content_type": message.content_type,
        "content_attributes": message.content_attributes or {},
        "sender_type": message.sender_type,
        "sender_id": message.sender_id,
        "external_source_ids": {},
        "additional_attributes": message.additional_attributes or {},
    }
    later: Json = {"processed_message_content": message.content, "sentiment": {}}
    payload |= {"label_list": None} if behaviour == OLD else later
    payload["conversation"] = _state(account, conversation, behaviour)
    if message.attachments:
        payload["attachments"] = _attachments(account, message, behaviour)
    sender = sender_payload(account, message, behaviour)
    return payload | {"sender": sender} if sender else payload


def _state(account: Account, conversation: Conversation, behaviour: str) -> Json:
    """Make what a listed message tells of its conversation."""
    state: Json = {"assignee_id": conversation.assignee_id, "unread_count": unread_count(conversation, behaviour)}
    if behaviour != OLD:
        contact, inbox = account.contacts[conversation.contact_id], account.inboxes[conversation.inbox_id]
        state["last_activity_at"] = conversation.last_activity_at
        state["contact_inbox"] = {"source_id": source_id(account, contact, inbox)}
    return state


def history_message(account: Account, conversation: Conversation, message: Message, behaviour: str) -> Json:
    """Make a message as `/messages` shows it: fewer keys than in the list."""
    payload: Json = {
        "id": message.id,
        "content": message.content,
        "inbox_id": conversation.inbox_id,
        "conversation_id": conversation.id,
        "message_type": message.message_type,
        "content_type": message.content_type,
        "status": message.status,
        "content_attributes": message.content_attributes or {},
        "created_at": message.created_at,
        "private": message.private,
        "source_id": message.source_id,
    }
    sender = sender_payload(account, message, behaviour)
    if sender:
        payload["sender"] = sender
    if message.attachments:
        payload["attachments"] = _attachments(account, message, behaviour)
    return payload


def sender_payload(account: Account, message: Message, behaviour: str) -> Json | None:
    """Make a message's `sender`, None for activities and for senders that exist no more."""
    if message.sender_id is None:
        return None
    if message.sender_type == "Contact":
        contact = account.contacts.get(message.sender_id)
        return contact_sender(contact, behaviour) if contact else None
    if message.sender_type == "User":
        agent = account.agents.get(message.sender_id)
        return user_sender(agent) if agent else None
    bot = account.bots.get(message.sender_id)
    return {"id": bot.id, "name": bot.name, "avatar_url": "", "type": "agent_bot"} if bot else None


def contact_sender(contact: Contact, behaviour: str) -> Json:
    """Make a contact as the sender of a message and in the `meta` of `/messages`."""
    payload: Json = {
        "additional_attributes": contact.additional_attributes,
        "custom_attributes": contact.custom_attributes,
        "email": contact.email,
        "id": contact.id,
        "identifier": contact.identifier,
        "name": contact.name,
        "phone_number": contact.phone_number,
        "thumbnail": contact.thumbnail,
    }
    return payload | ({} if behaviour == OLD else {"blocked": contact.blocked}) | {"type": "contact"}


def user_sender(agent: Agent) -> Json:
    """Make an agent as the sender of a message; one who has left has no availability."""
    return {
        "id": agent.id,
        "name": agent.name,
        "available_name": agent.available_name or agent.name,
        "avatar_url": "",
        "type": "user",
        "availability_status": None if agent.left else agent.availability_status,
        "thumbnail": "",
    }


def _attachments(account: Account, message: Message, behaviour: str) -> list[Json]:
    return [attachment_payload(account, message, attachment, behaviour) for attachment in message.attachments or []]


def attachment_payload(account: Account, message: Message, attachment: Attachment, behaviour: str) -> Json:
    """Make an attachment; its keys depend on its type, and 2.14 knows fewer."""
    payload: Json = {
        "id": attachment.id,
        "message_id": message.id,
        "file_type": attachment.file_type,
        "account_id": account.id,
    }
    if attachment.file_type == "contact":
        return (
            payload
            | {"fallback_title": attachment.fallback_title}
            | ({} if behaviour == OLD else {"meta": attachment.meta or {}})
        )
    if attachment.file_type == "location":
        payload |= {"coordinates_lat": attachment.coordinates_lat, "coordinates_long": attachment.coordinates_long}
    if attachment.file_type in ("location", "fallback"):
        return payload | {"fallback_title": attachment.fallback_title, "data_url": attachment.data_url}
    payload |= {"extension": attachment.extension, "data_url": attachment.data_url, "thumb_url": attachment.thumb_url}
    payload["file_size"] = attachment.file_size
    if behaviour == OLD:
        return payload
    payload |= {"width": attachment.width, "height": attachment.height}
    return payload | (
        {"transcribed_text": attachment.transcribed_text or ""} if attachment.file_type == "audio" else {}
    )


def unread_count(conversation: Conversation, behaviour: str) -> int:
    """Count what the customer wrote after an agent looked last."""
    count = sum(message.message_type == INCOMING for message in unseen(conversation))
    return count if behaviour == OLD else min(count, RECENT)


def unseen(conversation: Conversation) -> list[Message]:
    """Return what was written after an agent looked last."""
    seen = conversation.agent_last_seen_at or 0
    return [message for message in conversation.messages if message.created_at > seen]
