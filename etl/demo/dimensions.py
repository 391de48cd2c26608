"""Everything but conversations and messages as the vendor sends it: contacts, inboxes, agents, teams, labels, surveys.

`behaviour` is the server's: "4.7", "2.14" or "2026".
"""

import time
import uuid

from etl.demo.account import Account, Agent, Contact, CsatResponse, Inbox, Json, Label, Team

OLD = "2.14"
# Fields that every inbox carries, null unless its channel has them.
_CHANNEL_FIELDS = (
    "allowed_domains",
    "widget_color",
    "website_url",
    "hmac_mandatory",
    "welcome_title",
    "welcome_tagline",
    "web_widget_script",
    "website_token",
    "selected_feature_flags",
    "reply_time",
    "messaging_service_sid",
    "phone_number",
)


def iso(seconds: float | None) -> str | None:
    """Write a time as the vendor does, with milliseconds and Z."""
    if seconds is None:
        return None
    milliseconds = round(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000)) + f".{milliseconds % 1000:03d}Z"


def whole(seconds: float | None) -> int:
    """Write a time as whole seconds, 0 for none."""
    return int(seconds or 0)


def contact_payload(contact: Contact, behaviour: str) -> Json:
    """Make `meta.sender`; `last_activity_at` is absent of a contact that never wrote."""
    payload: Json = {
        "additional_attributes": contact.additional_attributes,
        "availability_status": "offline",
        "email": contact.email,
        "id": contact.id,
        "name": contact.name,
        "phone_number": contact.phone_number,
        "blocked": contact.blocked,
        "identifier": contact.identifier,
        "thumbnail": contact.thumbnail,
        "custom_attributes": contact.custom_attributes,
        "last_activity_at": contact.last_activity_at,
        "created_at": contact.created_at,
    }
    if behaviour == OLD:
        del payload["blocked"]
    if contact.last_activity_at is None:
        del payload["last_activity_at"]
    return payload


def agent_payload(account: Account, agent: Agent, behaviour: str) -> Json:
    """Make `meta.assignee`, an item of `/agents`."""
    payload: Json = {
        "id": agent.id,
        "account_id": account.id,
        "availability_status": agent.availability_status,
        "auto_offline": True,
        "confirmed": True,
        "email": agent.email,
        "provider": "email",
        "available_name": agent.available_name or agent.name,
        "custom_attributes": agent.custom_attributes,
        "name": agent.name,
        "role": agent.role,
        "thumbnail": "",
    }
    if behaviour == OLD:
        del payload["provider"]
    if not agent.custom_attributes:
        del payload["custom_attributes"]
    return payload


def team_payload(account: Account, team: Team) -> Json:
    """Make `meta.team`, an item of `/teams`."""
    return {
        "id": team.id,
        "name": team.name,
        "description": team.description,
        "allow_auto_assign": True,
        "account_id": account.id,
        "is_member": False,
    }


def inbox_payload(inbox: Inbox, behaviour: str) -> Json:
    """Make an item of `/inboxes`, with the channel's secrets, as an administrator gets it."""
    payload: Json = {
        "id": inbox.id,
        "avatar_url": "",
        "channel_id": inbox.id,
        "name": inbox.name,
        "channel_type": inbox.channel_type,
        "greeting_enabled": inbox.greeting_message is not None,
        "greeting_message": inbox.greeting_message,
        "working_hours_enabled": inbox.working_hours_enabled,
        "enable_email_collect": True,
        "csat_survey_enabled": inbox.csat_survey_enabled,
        "csat_config": {},
        "enable_auto_assignment": True,
        "auto_assignment_config": {},
        "out_of_office_message": inbox.out_of_office_message,
        "working_hours": inbox.working_hours,
        "timezone": inbox.timezone,
        "callback_webhook_url": None,
        "allow_messages_after_resolved": True,
        "lock_to_single_conversation": False,
        "sender_name_type": "friendly",
        "business_name": None,
    }
    if behaviour == OLD:
        del payload["csat_config"]
    return payload | dict.fromkeys(_CHANNEL_FIELDS) | {"provider": None} | inbox.channel


def listed_contact(account: Account, contact: Contact, inbox_ids: list[int] | None, behaviour: str) -> Json:
    """Make an item of `/contacts`; 2.14 puts whole inboxes into it, passwords and all, unless there are to be none."""
    if inbox_ids is None:
        return contact_payload(contact, behaviour)
    inboxes = [account.inboxes[inbox_id] for inbox_id in inbox_ids]
    return contact_payload(contact, behaviour) | {
        "contact_inboxes": [
            {
                "source_id": source_id(account, contact, inbox),
                "inbox": inbox_payload(inbox, behaviour) if behaviour == OLD else _slim_inbox(inbox),
            }
            for inbox in inboxes
        ]
    }


def _slim_inbox(inbox: Inbox) -> Json:
    return {
        "id": inbox.id,
        "avatar_url": "",
        "channel_id": inbox.id,
        "name": inbox.name,
        "channel_type": inbox.channel_type,
        "provider": inbox.channel.get("provider"),
    }


def source_id(account: Account, contact: Contact, inbox: Inbox) -> str:
    """Return what the channel calls the contact: an e-mail address, the digits of a phone number, a random UUID."""
    if inbox.channel_type == "Channel::Email" and contact.email:
        return contact.email
    if inbox.channel_type == "Channel::Whatsapp" and contact.phone_number:
        return contact.phone_number.lstrip("+")
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account.id}/contact/{contact.id}/{inbox.id}"))


def label_payload(label: Label) -> Json:
    """Make an item of `/labels`."""
    return {
        "id": label.id,
        "title": label.title,
        "description": label.description,
        "color": label.color,
        "show_on_sidebar": label.show_on_sidebar,
    }


def csat_payload(account: Account, response: CsatResponse, behaviour: str) -> Json:
    """Make an item of `/csat_survey_responses`; the agent is absent when nobody was assigned."""
    payload: Json = {
        "id": response.id,
        "rating": response.rating,
        "feedback_message": response.feedback_message,
        "account_id": account.id,
        "message_id": response.message_id,
    }
    contact = account.contacts.get(response.contact_id)
    if contact:
        payload["contact"] = contact_payload(contact, behaviour)
    payload["conversation_id"] = response.conversation_id
    agent = account.agents.get(response.agent_id or 0)
    if agent:
        payload["assigned_agent"] = agent_payload(account, agent, behaviour)
    return payload | {"created_at": response.created_at}


def profile_payload(accounts: list[Account], agent: Agent, token: str) -> Json:
    """Make the answer to `/profile`, which repeats the token itself."""
    return {
        "access_token": token,
        "account_id": accounts[0].id,
        "available_name": agent.available_name or agent.name,
        "avatar_url": "",
        "confirmed": True,
        "display_name": agent.available_name,
        "message_signature": None,
        "email": agent.email,
        "id": agent.id,
        "inviter_id": None,
        "name": agent.name,
        "provider": "email",
        "pubsub_token": "demo-pubsub",
        "role": agent.role,
        "ui_settings": {},
        "uid": agent.email,
        "type": None,
        "accounts": [_membership(account, agent) for account in accounts],
    }


def _membership(account: Account, agent: Agent) -> Json:
    return {
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "active_at": "2026-10-31T08:00:00.000Z",
        "role": agent.role,
        "permissions": [agent.role],
        "availability": agent.availability_status,
        "availability_status": agent.availability_status,
        "auto_offline": True,
    }
