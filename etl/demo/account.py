"""What is true of a made-up account: plain objects that a test may script and change while they are served.

Times are epoch seconds, whole where the vendor's are; None is "never" (the payloads turn it into the vendor's 0 or
null). Ids of conversations are the account's running number, all other ids the installation's.
"""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from etl.demo.promises import Campaign, SlaPolicy

Json = dict[str, Any]

INCOMING, OUTGOING, ACTIVITY, TEMPLATE = range(4)
_time_and_id = attrgetter("created_at", "id")


class Changes:
    """Count every change of any conversation, so that a server knows when a list that it sorted is out of date."""

    count = 0


@dataclass(slots=True)
class Contact:
    """A customer; shown by `/contacts` only with an e-mail, a phone number or an identifier."""

    id: int
    name: str
    created_at: int
    email: str | None = None
    phone_number: str | None = None
    identifier: str | None = None
    last_activity_at: int | None = None
    additional_attributes: Json = field(default_factory=dict)
    custom_attributes: Json = field(default_factory=dict)
    blocked: bool = False
    thumbnail: str = ""


@dataclass(slots=True)
class Agent:
    """A user; one who has `left` still signs old messages, but is no assignee and not listed."""

    id: int
    name: str
    email: str
    role: str = "agent"
    availability_status: str = "offline"
    available_name: str | None = None
    custom_attributes: Json = field(default_factory=dict)
    left: bool = False


@dataclass(slots=True)
class Bot:
    """An automaton that answers; its ids collide with those of users and contacts."""

    id: int
    name: str
    description: str | None = None
    is_of_system: bool = False


@dataclass(slots=True)
class Team:
    """A group of agents; members: their numbers."""

    id: int
    name: str
    description: str | None = None
    members: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Label:
    """A tag for conversations, which carry its title only."""

    id: int
    title: str
    description: str | None = None
    color: str = "#1f93ff"
    show_on_sidebar: bool = True


@dataclass(slots=True)
class Inbox:
    """A channel; `channel` holds the fields that only this type has, secrets among them, as the vendor sends them."""

    id: int
    name: str
    channel_type: str
    channel: Json = field(default_factory=dict)
    timezone: str = "UTC"
    working_hours_enabled: bool = False
    working_hours: list[Json] = field(default_factory=list)
    greeting_message: str | None = None
    out_of_office_message: str | None = None
    csat_survey_enabled: bool = False
    members: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Attachment:
    """A file, place, person or link; which of the fields are sent depends on `file_type`."""

    id: int
    file_type: str
    data_url: str | None = None
    thumb_url: str = ""
    extension: str | None = None
    file_size: int | None = None
    width: int | None = None
    height: int | None = None
    coordinates_lat: float | None = None
    coordinates_long: float | None = None
    fallback_title: str | None = None
    transcribed_text: str | None = None
    meta: Json | None = None


@dataclass(slots=True)
class Message:
    """One entry of a history; None for the containers is "empty": a million empty dicts would weigh 200 MB."""

    id: int
    message_type: int
    content: str | None
    created_at: int
    sender_type: str | None = None
    sender_id: int | None = None
    content_type: str = "text"
    content_attributes: Json | None = None
    status: str | None = "sent"
    private: bool = False
    source_id: str | None = None
    attachments: list[Attachment] | None = None
    additional_attributes: Json | None = None
    updated_at: float = 0.0


@dataclass(slots=True)
class Conversation:
    """A conversation and its history; `messages` are in the order in which they were added, which is that of ids."""

    id: int
    contact_id: int
    inbox_id: int
    created_at: int
    last_activity_at: int
    updated_at: float = 0.0
    # Edits and deliveries move a clock of their own, because servers after March 2026 no longer count them as updates.
    messages_changed_at: float = 0.0
    status: str = "open"
    assignee_id: int | None = None
    team_id: int | None = None
    priority: str | None = None
    # A tuple, so that adding one is a change of the conversation.
    labels: tuple[str, ...] = ()
    snoozed_until: float | None = None
    first_reply_created_at: int | None = None
    waiting_since: int | None = None
    agent_last_seen_at: float | None = None
    assignee_last_seen_at: float | None = None
    contact_last_seen_at: float | None = None
    custom_attributes: Json = field(default_factory=dict)
    additional_attributes: Json = field(default_factory=dict)
    muted: bool = False
    can_reply: bool = True
    hmac_verified: bool = False
    messages: list[Message] = field(default_factory=list)
    # When it became open or resolved, and who was assigned: (status, at, assignee_id).
    turns: tuple[tuple[str, int, int | None], ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        # Counted after the value is there: a server that reads in between sorts once too often, never once too little.
        object.__setattr__(self, name, value)
        Changes.count += 1


@dataclass(slots=True)
class CsatResponse:
    """A customer's answer to a satisfaction survey."""

    id: int
    rating: int
    feedback_message: str | None
    conversation_id: int
    message_id: int
    contact_id: int
    agent_id: int | None
    created_at: int


@dataclass(slots=True)
class Account:
    """Everything of one account; `status` is active or suspended, `last_*_id` are the highest numbers ever given."""

    id: int
    name: str
    status: str = "active"
    contacts: dict[int, Contact] = field(default_factory=dict)
    agents: dict[int, Agent] = field(default_factory=dict)
    bots: dict[int, Bot] = field(default_factory=dict)
    teams: dict[int, Team] = field(default_factory=dict)
    inboxes: dict[int, Inbox] = field(default_factory=dict)
    labels: list[Label] = field(default_factory=list)
    conversations: dict[int, Conversation] = field(default_factory=dict)
    csat_responses: list[CsatResponse] = field(default_factory=list)
    custom_attribute_definitions: list[Json] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    sla_policies: list[SlaPolicy] = field(default_factory=list)
    last_conversation_id: int = 0
    last_message_id: int = 0


def in_time_order(messages: list[Message]) -> list[Message]:
    """Return the messages oldest first, as the vendor shows them: by time, not by id."""
    return sorted(messages, key=_time_and_id)


def newest(messages: list[Message]) -> Message | None:
    """Return the message with the latest time, None of an empty history."""
    return max(messages, key=_time_and_id, default=None)


def turn(conversation: Conversation, status: str, at: int) -> None:
    """Change the status, and remember when it became open or resolved: the vendor's reports are made of that."""
    if status != conversation.status and status in ("open", "resolved"):
        conversation.turns += ((status, at, conversation.assignee_id),)
    conversation.status = status


def post(conversation: Conversation, message: Message) -> None:
    """Add the message to the history and move what a new message moves.

    The last activity becomes the message's own time, also when that is earlier than before (an imported message).
    """
    conversation.messages.append(message)
    conversation.last_activity_at = message.created_at
    if message.message_type == INCOMING:
        if conversation.waiting_since is None:
            conversation.waiting_since = message.created_at
        if conversation.status in ("resolved", "snoozed"):
            turn(conversation, "open", message.created_at)
            conversation.snoozed_until = None
    elif message.message_type == OUTGOING and message.sender_type == "User" and not message.private:
        conversation.waiting_since = None
        conversation.first_reply_created_at = conversation.first_reply_created_at or message.created_at
