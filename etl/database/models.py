"""The tables of schema `helpdesk`: keys, constraints, indexes, and a comment on every table and column.

Every primary key begins with `account_id`: several accounts share one database, which can be distributed by it.
Only `migrations/` changes tables; a test holds the two equal. `docs/data-dictionary.md` is generated from here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    false,
    text,
)
from sqlalchemy.orm import Mapped

from etl.database import bookkeeping
from etl.database.base import NOT_COMPARED, SCHEMA, Base, Entity, OfAccount, column, number_of, refers_to


class Account(Base):
    """An account whose conversations are loaded into this database."""

    __tablename__ = "accounts"
    __table_args__ = ({"comment": __doc__},)

    account_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="The vendor's number of the account"
    )
    name: Mapped[str | None] = column(comment="Name of the account, where the token's profile tells it")
    base_url: Mapped[str] = column(comment="Address of the vendor's server; with the ids it makes links to the inbox")
    time_zone: Mapped[str] = column(
        server_default="UTC", comment="IANA name of the time zone in which days begin and end (ETL_TIMEZONE)"
    )
    personal_data: Mapped[str] = column(
        server_default="keep", comment="How personal data are stored: keep, hash or drop; `etl redact` changes it"
    )
    personal_data_key: Mapped[str | None] = column(
        comment="Fingerprint of the key of the hashes, from which it cannot be told; NULL: nothing is hashed"
    )


class Contact(Entity, Base):
    """A person or company that wrote, or was written to."""

    __tablename__ = "contacts"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("contact")
    name: Mapped[str | None] = column(comment="Name as shown in the inbox")
    email: Mapped[str | None] = column(comment="E-mail address")
    phone_number: Mapped[str | None] = column(comment="Phone number, E.164 as a rule")
    identifier: Mapped[str | None] = column(comment="The customer's own key of the contact, set by API or widget")
    thumbnail: Mapped[str | None] = column(comment="Address of the picture; an empty text when there is none")
    blocked: Mapped[bool | None] = column(comment="Whether the contact is blocked")
    availability_status: Mapped[str | None] = column(comment="online, offline or busy, when last read")
    last_activity_at: Mapped[datetime | None] = column(comment="Last activity of the contact (UTC)")
    created_at: Mapped[datetime | None] = column(comment="When the contact was created (UTC)")
    additional_attributes: Mapped[dict[str, Any] | None] = column(
        comment="Free-form: city, company, social profiles ..."
    )
    custom_attributes: Mapped[dict[str, Any] | None] = column(comment="Free-form: the account's own attributes")


class Agent(Entity, Base):
    """A user of the account, present or past: who answers."""

    __tablename__ = "agents"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("user")
    name: Mapped[str | None] = column(comment="Full name")
    available_name: Mapped[str | None] = column(comment="Name shown to contacts")
    email: Mapped[str | None] = column(comment="E-mail address")
    role: Mapped[str | None] = column(comment="administrator, agent, or a custom role")
    availability_status: Mapped[str | None] = column(comment="online, offline or busy, when last read")
    auto_offline: Mapped[bool | None] = column(comment="Whether the agent goes offline when the inbox is closed")
    confirmed: Mapped[bool | None] = column(comment="Whether the agent confirmed the invitation")
    provider: Mapped[str | None] = column(comment="How the agent signs in")
    thumbnail: Mapped[str | None] = column(comment="Address of the picture; an empty text when there is none")
    avatar_url: Mapped[str | None] = column(comment="Address of the picture as messages carry it")
    custom_attributes: Mapped[dict[str, Any] | None] = column(comment="Free-form: the account's own attributes")


class Bot(Entity, Base):
    """A sender of messages that is neither contact nor user; each type has its own numbers."""

    __tablename__ = "bots"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    type: Mapped[str] = column(primary_key=True, sort_order=-1, comment="agent_bot, captain_assistant, or a newer type")
    id: Mapped[int] = number_of("bot within its type")
    name: Mapped[str | None] = column(comment="Name as shown in the inbox")
    thumbnail: Mapped[str | None] = column(comment="Address of the picture; an empty text when there is none")
    avatar_url: Mapped[str | None] = column(comment="Address of the picture as messages carry it")


class Inbox(Entity, Base):
    """A channel's mailbox: where conversations arrive."""

    __tablename__ = "inboxes"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("inbox")
    name: Mapped[str | None] = column(comment="Name; NULL until the inboxes themselves are read")
    channel_type: Mapped[str | None] = column(comment="Channel::WebWidget, Channel::Email, Channel::Whatsapp ...")
    timezone: Mapped[str | None] = column(comment="Time zone of the working hours, an IANA name")
    working_hours_enabled: Mapped[bool | None] = column(comment="Whether the inbox keeps working hours")
    working_hours: Mapped[list[Any] | None] = column(
        comment="As sent, an object a day: day_of_week (0 = Sunday), closed_all_day, open_all_day, open_hour,"
        " open_minutes, close_hour, close_minutes"
    )
    csat_survey_enabled: Mapped[bool | None] = column(
        comment="Whether contacts are asked for a rating when a conversation is resolved"
    )
    enable_auto_assignment: Mapped[bool | None] = column(
        comment="Whether conversations are assigned to agents by themselves"
    )


class Team(Entity, Base):
    """A team to which conversations are assigned."""

    __tablename__ = "teams"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("team")
    name: Mapped[str | None] = column(comment="Name; the vendor keeps it in lower case")
    description: Mapped[str | None] = column(comment="Description")
    allow_auto_assign: Mapped[bool | None] = column(
        comment="Whether conversations are assigned to members by themselves"
    )
    is_member: Mapped[bool | None] = column(comment="Whether the user of the API token is a member")


class Label(Entity, Base):
    """A label, known by its title."""

    __tablename__ = "labels"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    title: Mapped[str] = column(primary_key=True, sort_order=-1, comment="The label's title")
    id: Mapped[int | None] = column(comment="The vendor's number; NULL of a label that only conversations carry")
    description: Mapped[str | None] = column(comment="Description")
    color: Mapped[str | None] = column(comment="Colour in the inbox, such as #1f93ff")
    show_on_sidebar: Mapped[bool | None] = column(comment="Whether the inbox shows it beside the conversations")


class CustomAttributeDefinition(Entity, Base):
    """What an attribute that the account defined itself is called, and of which type its values are."""

    __tablename__ = "custom_attribute_definitions"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("definition")
    attribute_key: Mapped[str | None] = column(comment="The key in `custom_attributes`")
    attribute_model: Mapped[str | None] = column(
        comment="conversation_attribute or contact_attribute: which `custom_attributes` have the key"
    )
    attribute_display_name: Mapped[str | None] = column(comment="Name as shown in the inbox")
    attribute_display_type: Mapped[str | None] = column(
        comment="text, number, currency, percent, link, date, list, checkbox, or a newer one as sent"
    )
    attribute_description: Mapped[str | None] = column(comment="Description")
    attribute_values: Mapped[list[Any] | None] = column(comment="The values to choose from, of a list")


class Conversation(Entity, Base):
    """A conversation between a contact and the account in one inbox."""

    __tablename__ = "conversations"
    __table_args__ = (
        refers_to("accounts"),
        refers_to("contacts", "contact_id"),
        refers_to("inboxes", "inbox_id"),
        refers_to("agents", "assignee_id"),
        refers_to("teams", "team_id"),
        Index(None, "account_id", "created_at"),
        Index(None, "account_id", "last_activity_at"),
        Index(None, "account_id", "status"),
        Index(None, "account_id", "inbox_id", "created_at"),
        Index(None, "account_id", "contact_id"),
        Index(None, "account_id", "assignee_id"),
        Index(None, "account_id", "team_id"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("conversation: the account's own running number")
    uuid: Mapped[str | None] = column(comment="The vendor's second key (servers from 2.18)")
    status: Mapped[str | None] = column(comment="open, resolved, pending, snoozed, or a newer one as sent")
    priority: Mapped[str | None] = column(comment="low, medium, high, urgent; NULL when not set (servers from 2.17)")
    inbox_id: Mapped[int | None] = column(comment="Where the conversation takes place")
    contact_id: Mapped[int | None] = column(comment="With whom")
    assignee_id: Mapped[int | None] = column(comment="The agent; NULL when there is none, or when the agent has left")
    team_id: Mapped[int | None] = column(comment="The team; NULL when there is none")
    channel: Mapped[str | None] = column(comment="Channel::WebWidget, Channel::Email, Channel::Whatsapp ...")
    created_at: Mapped[datetime | None] = column(comment="When the conversation began (UTC)")
    updated_at: Mapped[datetime | None] = column(
        comment="The vendor's last change of the record (UTC; servers from 4.0.2)"
    )
    last_activity_at: Mapped[datetime | None] = column(
        comment="The API's `timestamp`: last activity (UTC); may go backwards"
    )
    first_reply_created_at: Mapped[datetime | None] = column(
        comment="First reply of an agent, as the vendor counts (UTC)"
    )
    waiting_since: Mapped[datetime | None] = column(
        comment="Since when the contact waits for an answer (UTC; from 3.0)"
    )
    snoozed_until: Mapped[datetime | None] = column(comment="When a snoozed conversation opens again (UTC)")
    agent_last_seen_at: Mapped[datetime | None] = column(comment="When an agent last looked (UTC)")
    assignee_last_seen_at: Mapped[datetime | None] = column(comment="When the assignee last looked (UTC)")
    contact_last_seen_at: Mapped[datetime | None] = column(comment="When the contact last looked (UTC)")
    unread_count: Mapped[int | None] = column(comment="Messages that no agent has seen, when last read")
    can_reply: Mapped[bool | None] = column(comment="Whether the channel's reply window is open, when last read")
    muted: Mapped[bool | None] = column(comment="Whether the contact is muted or blocked")
    hmac_verified: Mapped[bool | None] = column(comment="Whether the widget proved the contact's identity")
    sla_policy_id: Mapped[int | None] = column(comment="Service level policy (servers from 3.7)")
    last_non_activity_message_id: Mapped[int | None] = column(comment="Newest message that is no activity")
    additional_attributes: Mapped[dict[str, Any] | None] = column(
        comment="Free-form: browser, referer, mail subject ..."
    )
    custom_attributes: Mapped[dict[str, Any] | None] = column(comment="Free-form: the account's own attributes")
    attachments: Mapped[dict[str, Any] | None] = column(
        comment="As sent; documented for the conversation without a shape"
    )
    mark: Mapped[str | None] = column(
        comment="What the conversation looked like when its history was last read completely"
    )
    history_read_at: Mapped[datetime | None] = column(
        info={NOT_COMPARED: True}, comment="When the history was read for this mark (UTC); NULL: never completely"
    )
    payload_digest: Mapped[str | None] = column(
        info={NOT_COMPARED: True}, comment="Digest of the API's record of the conversation, as it was last taken in"
    )
    deleted_at: Mapped[datetime | None] = column(comment="When a run found the conversation deleted upstream (UTC)")
    forgotten_at: Mapped[datetime | None] = column(
        comment="Since when its contact is forgotten, and nothing of what was written is kept (UTC)"
    )


class ConversationLabel(OfAccount, Base):
    """A label on a conversation."""

    __tablename__ = "conversation_labels"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        ForeignKeyConstraint(["account_id", "label"], [f"{SCHEMA}.labels.account_id", f"{SCHEMA}.labels.title"]),
        Index(None, "account_id", "label"),
        {"comment": __doc__},
    )

    conversation_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The conversation")
    label: Mapped[str] = column(primary_key=True, comment="The label's title")


class ConversationState(OfAccount, Base):
    """What was true of a conversation from when to when, as seen by the runs."""

    __tablename__ = "conversation_states"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        CheckConstraint("valid_to > valid_from", name="order"),
        Index(
            "conversation_states_open_key",
            "account_id",
            "conversation_id",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
        # What was not resolved at a moment: bi.daily_backlog.
        Index(
            "conversation_states_unresolved_idx",
            text("tstzrange(valid_from, valid_to)"),
            postgresql_using="gist",
            postgresql_where=text("status <> 'resolved'"),
        ),
        {"comment": __doc__},
    )

    conversation_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The conversation")
    valid_from: Mapped[datetime] = column(primary_key=True, comment="When a run first saw this state (UTC)")
    valid_to: Mapped[datetime | None] = column(comment="When a run first saw another (UTC); NULL: still true")
    status: Mapped[str | None] = column(comment="Status")
    assignee_id: Mapped[int | None] = column(comment="Agent")
    team_id: Mapped[int | None] = column(comment="Team")
    priority: Mapped[str | None] = column(comment="Priority")


class Message(Entity, Base):
    """One message of a conversation: from a contact, an agent, a bot, or about an event (activity)."""

    __tablename__ = "messages"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "agent_id"),
        Index(None, "account_id", "conversation_id", "created_at"),
        Index(None, "account_id", "created_at"),
        Index(None, "account_id", "contact_id"),
        Index(None, "account_id", "agent_id", "created_at"),
        Index(
            "messages_surveys_idx",
            "account_id",
            "conversation_id",
            postgresql_where=text("content_type = 'input_csat'"),
        ),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("message; higher is not always later")
    conversation_id: Mapped[int] = column(comment="The conversation")
    inbox_id: Mapped[int | None] = column(comment="The conversation's inbox")
    message_type: Mapped[str | None] = column(comment="incoming, outgoing, activity, template, or a newer one as sent")
    content_type: Mapped[str | None] = column(comment="text, input_csat, incoming_email, cards ..., as sent")
    content: Mapped[str | None] = column(comment="The text; of a deleted message the vendor's sentence saying so")
    private: Mapped[bool | None] = column(comment="Whether it is a note that the contact does not see")
    status: Mapped[str | None] = column(comment="sent, delivered, read, failed; changes after creation")
    sender_type: Mapped[str | None] = column(comment="contact, user, agent_bot, captain_assistant; NULL: nobody")
    sender_id: Mapped[int | None] = column(comment="Number of the sender within its type")
    # Spelled as PostgreSQL prints it, so that Alembic can compare the two.
    contact_id: Mapped[int | None] = column(
        Computed("CASE WHEN (sender_type = 'contact'::text) THEN sender_id ELSE NULL::bigint END", persisted=True),
        comment="The sender, if a contact (generated)",
    )
    agent_id: Mapped[int | None] = column(
        Computed("CASE WHEN (sender_type = 'user'::text) THEN sender_id ELSE NULL::bigint END", persisted=True),
        comment="The sender, if a user (generated)",
    )
    source_id: Mapped[str | None] = column(comment="The channel's own key of the message")
    created_at: Mapped[datetime | None] = column(comment="When it was written (UTC); of an import the old time")
    created_at_exact: Mapped[datetime | None] = column(comment="The same to the millisecond, where the server sends it")
    updated_at: Mapped[datetime | None] = column(
        comment="The vendor's last change of the record (UTC), as the list says"
    )
    content_attributes: Mapped[dict[str, Any] | None] = column(
        comment="Free-form: deleted, items, e-mail, CSAT answer ..."
    )
    additional_attributes: Mapped[dict[str, Any] | None] = column(
        comment="Free-form: campaign, template parameters ..."
    )
    external_source_ids: Mapped[dict[str, Any] | None] = column(comment="Free-form: keys in connected systems")
    label_list: Mapped[list[str] | None] = column(comment="Labels of the message")
    conversation_assignee_id: Mapped[int | None] = column(comment="`conversation.assignee_id` as sent with the message")
    conversation_unread_count: Mapped[int | None] = column(
        comment="`conversation.unread_count` as sent with the message"
    )
    deleted: Mapped[bool] = column(server_default=false(), comment="Whether the vendor says that it was deleted")
    removed_at: Mapped[datetime | None] = column(comment="When a complete reading no longer returned it (UTC)")
    partial: Mapped[bool] = column(
        server_default=false(), comment="Whether it is known from the vendor's search only: few columns are filled"
    )


class Attachment(Entity, Base):
    """A file, place or contact card sent with a message."""

    __tablename__ = "attachments"
    __table_args__ = (
        refers_to("messages", "message_id"),
        Index(None, "account_id", "message_id"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("attachment")
    message_id: Mapped[int] = column(comment="The message")
    file_type: Mapped[str | None] = column(comment="image, audio, video, file, location, fallback, share, contact ...")
    extension: Mapped[str | None] = column(comment="File name extension")
    data_url: Mapped[str | None] = column(comment="Address of the file; opens without a token: personal data")
    thumb_url: Mapped[str | None] = column(comment="Address of a small picture of it")
    file_size: Mapped[int | None] = column(comment="Size in bytes")
    width: Mapped[int | None] = column(comment="Width in pixels")
    height: Mapped[int | None] = column(comment="Height in pixels")
    coordinates_lat: Mapped[float | None] = column(comment="Latitude in degrees")
    coordinates_long: Mapped[float | None] = column(comment="Longitude in degrees")
    fallback_title: Mapped[str | None] = column(comment="Title of a place, a link or a card")
    transcribed_text: Mapped[str | None] = column(comment="What was said, where the server transcribes audio")
    meta: Mapped[dict[str, Any] | None] = column(comment="Free-form: name on a contact card ...")


class CsatResponse(Entity, Base):
    """A contact's answer to a satisfaction survey."""

    __tablename__ = "csat_responses"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "assigned_agent_id"),
        Index(None, "account_id", "conversation_id"),
        Index(None, "account_id", "created_at"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("survey response")
    conversation_id: Mapped[int | None] = column(comment="The conversation rated")
    contact_id: Mapped[int | None] = column(comment="Who rated")
    assigned_agent_id: Mapped[int | None] = column(comment="Whom the conversation was assigned to")
    message_id: Mapped[int | None] = column(comment="The message that asked")
    rating: Mapped[int | None] = column(comment="1 (worst) to 5 (best)")
    feedback_message: Mapped[str | None] = column(comment="What the contact wrote with it")
    created_at: Mapped[datetime | None] = column(comment="When the answer was given (UTC)")


# Of all tables: whoever imports this room knows those of bookkeeping.py, too.
METADATA = bookkeeping.SyncRun.metadata
