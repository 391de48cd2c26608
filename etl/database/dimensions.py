"""The tables of what conversations refer to: contacts, agents, inboxes, teams, labels ...; and of survey responses."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped

from etl.database.base import Base, Entity, column, number_of, refers_to, refers_to_bot


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
    week_starts: Mapped[int] = column(
        SmallInteger, server_default="1", comment="Day on which weeks begin (ETL_WEEK_STARTS): 1 Monday to 7 Sunday"
    )
    weekend: Mapped[list[int]] = column(
        ARRAY(SmallInteger), server_default="{6,7}", comment="Days of the weekend (ETL_WEEKEND): 1 Monday to 7 Sunday"
    )
    holidays: Mapped[list[str]] = column(
        server_default="{}", comment="Countries whose public holidays are kept (ETL_HOLIDAYS)"
    )
    walked_at: Mapped[datetime | None] = column(
        comment="When the last complete run began that walked every page (UTC); NULL: none yet"
    )
    walked_as: Mapped[str | None] = column(
        comment="Fingerprint of the version, settings and token of that run: with others everything is walked again"
    )
    names_read_at: Mapped[datetime | None] = column(
        comment="When the lists of names (agents, inboxes, members ...) were read last (UTC); NULL: never"
    )
    edits_move_clock: Mapped[bool | None] = column(
        comment="Whether an edit of a message moves its conversation's updated_at on this server; NULL: not seen yet"
    )
    events_listed_until: Mapped[datetime | None] = column(
        comment="Up to when the account's list of the vendor's own events was read (UTC); NULL: never"
    )
    personal_data: Mapped[str] = column(
        server_default="keep", comment="How personal data are stored: keep, hash or drop; `etl redact` changes it"
    )
    personal_data_key: Mapped[str | None] = column(
        comment="Fingerprint of the key of the hashes, from which it cannot be told; NULL: nothing is hashed"
    )
    dropped_until: Mapped[datetime | None] = column(
        comment="When `etl redact` last dropped what it could not rewrite (UTC): rows that no run changed since lack it"
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
    company_id: Mapped[int | None] = column(comment="The company that the contact belongs to (servers from 4.15)")
    conversations_count: Mapped[int | None] = column(comment="How many conversations the vendor counts, when last read")
    availability_status: Mapped[str | None] = column(comment="online, offline or busy, when last read")
    last_activity_at: Mapped[datetime | None] = column(comment="Last activity of the contact (UTC)")
    created_at: Mapped[datetime | None] = column(comment="When the contact was created (UTC)")
    additional_attributes: Mapped[dict[str, Any] | None] = column(
        comment="Free-form: city, company, social profiles ..."
    )
    custom_attributes: Mapped[dict[str, Any] | None] = column(comment="Free-form: the account's own attributes")
    listed: Mapped[bool | None] = column(
        comment="Whether the vendor's list of contacts shows it; NULL: not known, as it has not shown it yet"
    )
    deleted_at: Mapped[datetime | None] = column(comment="When a run found the contact deleted or merged away (UTC)")
    merged_into: Mapped[int | None] = column(
        comment="The contact to which all its conversations moved; NULL: it is there, was deleted, or had none"
    )
    digests: Mapped[dict[str, Any] | None] = column(
        comment="Keyed digests of what is not kept, by field, so that a change of it is seen (ETL_PII=drop); else NULL"
    )


class Agent(Entity, Base):
    """A user of the account, present or past: who answers."""

    __tablename__ = "agents"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("user")
    name: Mapped[str | None] = column(comment="Full name")
    available_name: Mapped[str | None] = column(comment="Name shown to contacts")
    email: Mapped[str | None] = column(comment="E-mail address")
    role: Mapped[str | None] = column(comment="administrator, agent, or a custom role")
    see_all_conversations: Mapped[bool | None] = column(
        comment="Whether the agent sees the conversations of other agents, too"
    )
    availability_status: Mapped[str | None] = column(comment="online, offline or busy, when last read")
    auto_offline: Mapped[bool | None] = column(comment="Whether the agent goes offline when the inbox is closed")
    confirmed: Mapped[bool | None] = column(comment="Whether the agent confirmed the invitation")
    provider: Mapped[str | None] = column(comment="How the agent signs in")
    thumbnail: Mapped[str | None] = column(comment="Address of the picture; an empty text when there is none")
    avatar_url: Mapped[str | None] = column(comment="Address of the picture as messages carry it")
    custom_attributes: Mapped[dict[str, Any] | None] = column(comment="Free-form: the account's own attributes")
    is_listed: Mapped[bool | None] = column(
        comment="Whether the account's list of agents has the agent, when last read; NULL: not read since first seen"
    )


class Bot(Entity, Base):
    """What sends messages and owns conversations and is neither contact nor user; each type has its own numbers."""

    __tablename__ = "bots"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    type: Mapped[str] = column(primary_key=True, sort_order=-1, comment="agent_bot, captain_assistant, or a newer type")
    id: Mapped[int] = number_of("bot within its type")
    name: Mapped[str | None] = column(comment="Name as shown in the inbox")
    description: Mapped[str | None] = column(comment="Description")
    bot_type: Mapped[str | None] = column(comment="How an agent_bot is reached, such as webhook")
    thumbnail: Mapped[str | None] = column(comment="Address of the picture; an empty text when there is none")
    avatar_url: Mapped[str | None] = column(comment="Address of the picture as messages carry it")


class Inbox(Entity, Base):
    """A channel's mailbox: where conversations arrive."""

    __tablename__ = "inboxes"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("inbox")
    name: Mapped[str | None] = column(comment="Name; NULL until the inboxes themselves are read")
    channel_type: Mapped[str | None] = column(comment="Channel::WebWidget, Channel::Email, Channel::Whatsapp ...")
    api_type: Mapped[str | None] = column(
        comment="What an inbox of Channel::Api stands for: wa_v2 is WhatsApp; NULL: not told"
    )
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
    regex_pattern: Mapped[str | None] = column(comment="What a value has to match")
    regex_cue: Mapped[str | None] = column(comment="What is shown when it does not")
    default_value: Mapped[str | None] = column(comment="The value of which one starts")


class CsatResponse(Entity, Base):
    """A contact's answer to a satisfaction survey."""

    __tablename__ = "csat_responses"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "assigned_agent_id"),
        refers_to("agents", "review_notes_updated_by_id"),
        refers_to_bot("csat_responses", "assigned_bot_type", "assigned_bot_id"),
        Index(None, "account_id", "conversation_id"),
        Index(None, "account_id", "created_at"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("survey response")
    conversation_id: Mapped[int | None] = column(comment="The conversation rated")
    contact_id: Mapped[int | None] = column(comment="Who rated")
    assigned_agent_id: Mapped[int | None] = column(comment="The agent whom the conversation was assigned to")
    assigned_bot_type: Mapped[str | None] = column(comment="Type of the bot that it was assigned to; NULL: to none")
    assigned_bot_id: Mapped[int | None] = column(comment="The bot that it was assigned to; NULL: to none")
    message_id: Mapped[int | None] = column(comment="The message that asked")
    rating: Mapped[int | None] = column(comment="1 (worst) to 5 (best)")
    feedback_message: Mapped[str | None] = column(comment="What the contact wrote with it")
    csat_review_notes: Mapped[str | None] = column(comment="What the team noted about the answer (servers from 4.10)")
    review_notes_updated_at: Mapped[datetime | None] = column(comment="When that was last written (UTC)")
    review_notes_updated_by_id: Mapped[int | None] = column(comment="By whom; NULL where the vendor does not tell")
    created_at: Mapped[datetime | None] = column(comment="When the answer was given (UTC)")
