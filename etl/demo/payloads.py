"""Conversations as the vendor sends them: keys, types and their absence as recorded on 4.7.0 and 2.14.0.

`behaviour` is the server's: "4.7", "2.14" or "2026" (4.7's shapes; edits of messages no longer count as updates).
"""

import uuid

from etl.demo.account import ACTIVITY, Account, Conversation, Json, Message, in_time_order, newest
from etl.demo.dimensions import OLD, agent_payload, contact_payload, iso, team_payload, whole
from etl.demo.messages import (
    RECENT,
    contact_sender,
    history_message,
    listed_message,
    sender_payload,
    unread_count,
    unseen,
    user_sender,
)

# What 2.14 does not send of a conversation yet.
LATER = ("uuid", "updated_at", "last_activity_at", "priority", "waiting_since", "sla_policy_id")


def conversation_payload(account: Account, conversation: Conversation, behaviour: str) -> Json:
    """Make an item of the list, which is also the answer to `/conversations/{id}`."""
    payload: Json = {
        "meta": _meta(account, conversation, behaviour),
        "id": conversation.id,
        "messages": _shown(account, conversation, behaviour),
        "account_id": account.id,
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account.id}/{conversation.id}")),
        "additional_attributes": conversation.additional_attributes,
        "agent_last_seen_at": whole(conversation.agent_last_seen_at),
        "assignee_last_seen_at": whole(conversation.assignee_last_seen_at),
        "can_reply": conversation.can_reply,
        "contact_last_seen_at": whole(conversation.contact_last_seen_at),
        "custom_attributes": conversation.custom_attributes,
        "inbox_id": conversation.inbox_id,
        "labels": conversation.labels,
        "muted": conversation.muted,
        "snoozed_until": iso(conversation.snoozed_until),
        "status": conversation.status,
        "created_at": conversation.created_at,
        "updated_at": updated_at(conversation, behaviour),
        "timestamp": conversation.last_activity_at,
        "first_reply_created_at": whole(conversation.first_reply_created_at),
        "unread_count": unread_count(conversation, behaviour),
        "last_non_activity_message": _last_spoken(account, conversation, behaviour),
        "last_activity_at": conversation.last_activity_at,
        "priority": conversation.priority,
        "waiting_since": whole(conversation.waiting_since),
        "sla_policy_id": None,
    }
    return {key: value for key, value in payload.items() if behaviour != OLD or key not in LATER}


def updated_at(conversation: Conversation, behaviour: str) -> float:
    """Return the clock that this server shows and filters `updated_within` by, in seconds."""
    if behaviour == "2026":
        return float(conversation.updated_at)
    return float(max(conversation.updated_at, conversation.messages_changed_at))


def _shown(account: Account, conversation: Conversation, behaviour: str) -> list[Json]:
    """Make the messages that the list shows with a conversation: 2.14 those that are unread, later ones the newest."""
    last = newest(conversation.messages)
    shown = [] if last is None else [last]
    if behaviour == OLD and unread_count(conversation, behaviour):
        shown = in_time_order(unseen(conversation))[-RECENT:]
    return [listed_message(account, conversation, message, behaviour) for message in shown]


def _last_spoken(account: Account, conversation: Conversation, behaviour: str) -> Json | None:
    spoken = (message for message in conversation.messages if message.message_type != ACTIVITY)
    last = max(spoken, key=lambda message: message.id, default=None)
    return listed_message(account, conversation, last, behaviour) if last else None


def _meta(account: Account, conversation: Conversation, behaviour: str) -> Json:
    inbox = account.inboxes[conversation.inbox_id]
    payload: Json = {
        "sender": contact_payload(account.contacts[conversation.contact_id], behaviour),
        "channel": inbox.channel_type,
    }
    assignee = account.agents.get(conversation.assignee_id or 0)
    if assignee and not assignee.left:
        payload["assignee"] = agent_payload(account, assignee, behaviour)
    team = account.teams.get(conversation.team_id or 0)
    if team:
        payload["team"] = team_payload(account, team)
    return payload | {"hmac_verified": conversation.hmac_verified}


def history_payload(account: Account, conversation: Conversation, messages: list[Message], behaviour: str) -> Json:
    """Make the answer to `/messages`; the times in its `meta` are texts or null, not the list's integers."""
    meta: Json = {
        "labels": conversation.labels,
        "additional_attributes": conversation.additional_attributes,
        "contact": contact_sender(account.contacts[conversation.contact_id], behaviour),
    }
    assignee = account.agents.get(conversation.assignee_id or 0)
    if assignee:
        meta["assignee"] = user_sender(assignee)
    meta["agent_last_seen_at"] = iso(conversation.agent_last_seen_at)
    meta["assignee_last_seen_at"] = iso(conversation.assignee_last_seen_at)
    return {
        "meta": meta,
        "payload": [history_message(account, conversation, message, behaviour) for message in messages],
    }


def witness_payload(account: Account, conversation: Conversation, behaviour: str) -> Json:
    """Make an item of `/conversations/search`: every message of the conversation in five fields."""
    contact, inbox = account.contacts[conversation.contact_id], account.inboxes[conversation.inbox_id]
    payload: Json = {"id": conversation.id}
    if behaviour != OLD:
        payload["uuid"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account.id}/{conversation.id}"))
    messages: list[Json] = []
    for message in in_time_order(conversation.messages):
        sender = sender_payload(account, message, behaviour)
        signed = {"sender_name": sender["name"]} if sender else {}
        kind = {"message_type": message.message_type, "created_at": message.created_at}
        messages.append({"content": message.content, "id": message.id, **signed, **kind})
    return payload | {
        "created_at": conversation.created_at,
        "contact": {"id": contact.id, "name": contact.name},
        "inbox": {"id": inbox.id, "name": inbox.name, "channel_type": inbox.channel_type},
        "messages": messages,
        "account_id": account.id,
    }
