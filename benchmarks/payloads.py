"""Conversations and messages as Chatwoot 4.7 sends them: keys and sizes as recorded."""

import uuid
from typing import Any

Json = dict[str, Any]

BEGUN = 1_672_531_200  # 2023-01-01: older than any window within which a run reads histories again
ACTIVITY = 2
WEBSITE, WHATSAPP, EMAIL = "Channel::WebWidget", "Channel::Whatsapp", "Channel::Email"
CHANNELS = (WEBSITE, WHATSAPP, EMAIL)
LABELS = ("billing", "bug", "vip", "חשוב")
PHRASES = (
    "Good morning, I placed an order on Tuesday and have not had a confirmation yet. Could you look into it?",
    "שלום, אשמח לקבל עדכון לגבי ההזמנה שלי, היא הייתה אמורה להגיע כבר אתמול.",
    "Thanks!",
    "Of course. May I have the number of your order, please? You find it at the top of the mail.",
    "It is 48213-B. I also wonder whether the second parcel travels separately: one is on the tracking page.",
    "תודה רבה על המענה המהיר, סוף שבוע נעים",
    "I have checked with the warehouse: both parcels left today and should be with you by Thursday afternoon. 📦",
    "Is there anything else that I can do for you?",
    "No, that was all. Have a nice day.",
    "One moment please, I will ask a colleague from the department that deals with returns and come back to you.",
)
AGENTS = ("Alice Admin", "Bob Agent", "Carol Agent", "דוד כהן", "Eve Fox", "Frank Moreau", "Grace Hill", "Heidi Stein")


def message(number: int, contact: int, message_id: int, at: int) -> Json:
    """Make a message as a history has it: an activity every ninth, else in turn from the contact and an agent."""
    kind = ACTIVITY if message_id % 9 == 8 else message_id % 2
    payload: Json = {
        "id": message_id,
        "content": "Conversation was marked resolved by Alice Admin"
        if kind == ACTIVITY
        else PHRASES[message_id % len(PHRASES)],
        "inbox_id": number % len(CHANNELS) + 1,
        "conversation_id": number,
        "message_type": kind,
        "content_type": "text",
        "status": "sent" if kind != 1 else "read",
        "content_attributes": {},
        "created_at": at,
        "private": kind == 1 and message_id % 14 == 1,
        "source_id": f"wamid.{message_id:x}" if number % len(CHANNELS) == 1 else None,
    }
    if kind == 0:
        payload["sender"] = _contact_sender(contact)
    if kind == 1:
        payload["sender"] = _agent_sender(number % len(AGENTS))
    if kind == 0 and message_id % 24 == 0:
        payload["attachments"] = [_attachment(message_id)]
    return payload


def _attachment(message: int) -> Json:
    address = f"https://files.example.com/rails/active_storage/blobs/redirect/{message:064x}--{message:040x}/photo.png"
    return {
        "id": message,
        "message_id": message,
        "file_type": "image",
        "account_id": 1,
        "extension": None,
        "data_url": address,
        "thumb_url": address,
        "file_size": 4000 + message % 5_000_000,
        "width": 640,
        "height": 480,
    }


def _contact_of_number(contact: int) -> Json:
    return {
        "additional_attributes": {"city": "תל אביב", "country": "IL", "company_name": f"Company {contact % 500}"},
        "custom_attributes": {"plan": "free" if contact % 3 else "paid", "seats": contact % 40},
        "email": f"contact{contact}@mail.example" if contact % 2 else None,
        "id": contact,
        "identifier": None,
        "name": f"Contact {contact} Levi",
        "phone_number": None if contact % 2 else f"+9725{contact:08}",
        "thumbnail": "",
        "blocked": False,
    }


def _contact_sender(contact: int) -> Json:
    return _contact_of_number(contact) | {"type": "contact"}


def _agent_sender(at: int) -> Json:
    name = AGENTS[at]
    return {
        "id": at + 1,
        "name": name,
        "available_name": name,
        "avatar_url": "",
        "type": "user",
        "availability_status": "offline",
        "thumbnail": "",
    }


def listed(number: int, status: str, contact: int, history: list[Json]) -> Json:
    """Make an element of a page; `history` are the conversation's messages, oldest first."""
    spoken = [one for one in history if one["message_type"] != ACTIVITY]
    begun, active = history[0]["created_at"], history[-1]["created_at"]
    return {
        "meta": _meta(number, contact),
        "id": number,
        "messages": [_listed_message(number, history[-1])],
        "account_id": 1,
        "uuid": str(uuid.UUID(int=number)),
        "additional_attributes": _visit(number),
        "agent_last_seen_at": active,
        "assignee_last_seen_at": 0,
        "can_reply": True,
        "contact_last_seen_at": active,
        "custom_attributes": {"order_id": 1000 + number, "amount": 12.5},
        "inbox_id": number % len(CHANNELS) + 1,
        "labels": [LABELS[number % 4]] if number % 3 == 0 else [],
        "muted": False,
        "snoozed_until": None,
        "status": status,
        "created_at": begun,
        "updated_at": active + 0.25,
        "timestamp": active,
        "first_reply_created_at": begun + 300,
        "unread_count": 0,
        "last_non_activity_message": _listed_message(number, spoken[-1]) if spoken else None,
        "last_activity_at": active,
        "priority": "high" if number % 11 == 0 else None,
        "waiting_since": 0,
        "sla_policy_id": None,
    }


def _visit(number: int) -> Json:
    return {
        "browser": {"device_name": "Unknown", "browser_name": "Chrome", "platform_name": "macOS"},
        "referer": f"https://shop.example.com/product/{number}?q=a%20b",
        "initiated_at": {"timestamp": "Sun Nov 22 2026 09:28:00 GMT+0000"},
        "browser_language": "he",
    }


def _meta(number: int, contact: int) -> Json:
    name = AGENTS[number % len(AGENTS)]
    sender = _contact_of_number(contact) | {
        "availability_status": "offline",
        "created_at": BEGUN,
        "last_activity_at": BEGUN,
    }
    meta: Json = {"sender": sender, "channel": CHANNELS[number % len(CHANNELS)]}
    meta["assignee"] = {
        "id": number % len(AGENTS) + 1,
        "account_id": 1,
        "availability_status": "offline",
        "auto_offline": True,
        "confirmed": True,
        "email": f"user{number % len(AGENTS) + 1}@example.com",
        "provider": "email",
        "available_name": name,
        "custom_attributes": {},
        "name": name,
        "role": "agent",
        "thumbnail": "",
    }
    if number % 2:
        team = {"id": 1, "name": "sales", "description": None, "allow_auto_assign": True}
        meta["team"] = team | {"account_id": 1, "is_member": False}
    return meta | {"hmac_verified": False}


def _listed_message(number: int, last: Json) -> Json:
    at = last["created_at"]
    sender = last.get("sender")
    told: Json = {"sender_type": None, "sender_id": None}
    if sender:
        told = {"sender_type": "Contact" if sender["type"] == "contact" else "User", "sender_id": sender["id"]}
    return (
        last
        | told
        | {
            "account_id": 1,
            "updated_at": f"2025-01-01T{at // 3600 % 24:02}:{at // 60 % 60:02}:{at % 60:02}.000Z",
            "external_source_ids": {},
            "additional_attributes": {},
            "processed_message_content": last["content"],
            "sentiment": {},
            "conversation": {"assignee_id": number % len(AGENTS) + 1, "unread_count": 0, "last_activity_at": at},
        }
    )
