"""The tables of schema `helpdesk`: keys, constraints, indexes, and a comment on every table and column.

Every primary key begins with `account_id`: several accounts share one database, which can be distributed by it.
Only `migrations/` changes tables; a test holds the two equal. `docs/data-dictionary.md` is generated from here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    MetaData,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# The migration that makes these tables.
REVISION = "0005"
SCHEMA = "helpdesk"

# Column.info key: the upsert saves this column along with the others, but a difference in it alone rewrites no row.
NOT_COMPARED = "not compared"

column = mapped_column


class Base(DeclarativeBase):
    """What all tables share: the schema, the names of constraints, and how Python's types are stored."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        },
    )
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy reads it as a plain class attribute
        int: BigInteger,
        float: DOUBLE_PRECISION,
        str: Text,
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        list[Any]: JSONB(none_as_null=True),
        # Without this None would be stored as the JSON value null.
        dict[str, Any]: JSONB(none_as_null=True),
    }


class OfAccount:
    """The first key column of every table."""

    account_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, sort_order=-2, comment="The vendor's number of the account"
    )


class Entity(OfAccount):
    """What every table filled from payloads has beside its own columns."""

    extra: Mapped[dict[str, Any] | None] = column(
        sort_order=1, comment="What the vendor sent and no column holds, by the vendor's names; NULL when nothing"
    )
    first_synced_at: Mapped[datetime] = column(
        sort_order=1, server_default=func.now(), comment="When a run first saved the row (UTC)"
    )
    changed_at: Mapped[datetime] = column(
        sort_order=1, server_default=func.now(), comment="When something else in the row last changed (UTC)"
    )


def number_of(what: str) -> Any:
    """Declare the second key column `id`, the vendor's number."""
    return column(primary_key=True, autoincrement=False, sort_order=-1, comment=f"The vendor's number of the {what}")


def refers_to(table: str, *columns: str, key: str = "id") -> ForeignKeyConstraint:
    """Declare a foreign key to a table's account_id and key, or to its account alone."""
    return ForeignKeyConstraint(
        ["account_id", *columns], [f"{SCHEMA}.{table}.{name}" for name in ("account_id", key)[: 1 + len(columns)]]
    )


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


class SyncRun(OfAccount, Base):
    """One execution of the job: what it did, and how complete it was."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        refers_to("accounts"),
        Index(None, "account_id", "started_at"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(Identity(), primary_key=True, sort_order=-1, comment="Number of the run")
    kind: Mapped[str] = column(comment="sync or backfill")
    selection: Mapped[dict[str, Any] | None] = column(comment="What was asked for; NULL: everything")
    outcome: Mapped[str] = column(comment="running, complete, incomplete, failed or interrupted")
    started_at: Mapped[datetime] = column(comment="Begin (UTC)")
    finished_at: Mapped[datetime | None] = column(comment="End (UTC); NULL while it runs")
    host: Mapped[str] = column(comment="Machine on which it runs")
    process_id: Mapped[int] = column(comment="Process number on that machine")
    requests: Mapped[int | None] = column(comment="Requests sent, retries included")
    retries: Mapped[int | None] = column(comment="Requests that repeated a failed one")
    pages: Mapped[int | None] = column(comment="Pages of conversations read")
    counts: Mapped[dict[str, Any] | None] = column(comment="By table: rows seen, inserted, updated, unchanged")
    rejected: Mapped[int | None] = column(comment="Records that could not be stored (see rejected_records)")
    unknown_fields: Mapped[list[str] | None] = column(comment="Fields that no column holds, kept in `extra`")
    highest_id: Mapped[int | None] = column(
        comment="Highest conversation id; NULL for a selection, which has no ledger"
    )
    loaded: Mapped[int | None] = column(comment="Conversations seen by the run")
    deleted: Mapped[int | None] = column(comment="Conversations deleted upstream")
    forbidden: Mapped[int | None] = column(comment="Conversations that the token may not see")
    unreadable: Mapped[int | None] = column(comment="Conversations that the vendor's server cannot show")
    unaccounted: Mapped[int | None] = column(comment="Ids about which nothing is known: the run is not complete")
    audit: Mapped[dict[str, Any] | None] = column(
        comment="Against the vendor's search: conversations, messages, read, witnessed, unaccounted; NULL: no audit"
    )
    notes: Mapped[list[str] | None] = column(comment="What is worth knowing of the run and no fault; NULL: nothing")
    problems: Mapped[list[str] | None] = column(comment="Why the run is not complete, in sentences; NULL: nothing")


class SyncPart(OfAccount, Base):
    """A part of a run that several workers share; there are rows only while it goes on."""

    __tablename__ = "sync_parts"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run that was cut")
    number: Mapped[int] = column(primary_key=True, autoincrement=False, comment="Which part, from 1")
    walk: Mapped[str] = column(comment="The status that is walked")
    first_page: Mapped[int] = column(comment="The first of its pages")
    last_page: Mapped[int | None] = column(
        comment="The last of its pages; NULL: all up to the empty one that ends the walk"
    )
    result: Mapped[dict[str, Any] | None] = column(
        comment="What was read and saved, in numbers and ids; NULL until it is done"
    )


class AccountCount(OfAccount, Base):
    """The vendor's own counts, one row a status a run."""

    __tablename__ = "account_counts"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run that read them")
    status: Mapped[str] = column(primary_key=True, comment="The status that was walked")
    mine_count: Mapped[int | None] = column(comment="Assigned to the token's user")
    new_count: Mapped[int | None] = column(comment="New, where the server counts them")
    assigned_count: Mapped[int | None] = column(comment="Assigned to somebody")
    unassigned_count: Mapped[int | None] = column(comment="Assigned to nobody")
    all_count: Mapped[int | None] = column(comment="All of this status")


class RejectedRecord(OfAccount, Base):
    """A record that could not become a row: why, and what it was."""

    __tablename__ = "rejected_records"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    entity: Mapped[str] = column(primary_key=True, comment="conversation, message, contact, attachment ...")
    digest: Mapped[str] = column(primary_key=True, comment="SHA-256 of reason and JSON: the same fault is kept once")
    entity_id: Mapped[str | None] = column(comment="The record's id as sent, where there is one")
    conversation_id: Mapped[int | None] = column(comment="The conversation in which it came, where that can be read")
    run_id: Mapped[int] = column(comment="The last run that met it")
    reason: Mapped[str] = column(comment="The field, and what was there")
    payload: Mapped[dict[str, Any] | None] = column(comment="The record as sent")
    first_rejected_at: Mapped[datetime] = column(server_default=func.now(), comment="When it was first met (UTC)")
    resolved_at: Mapped[datetime | None] = column(comment="When the record was later read well (UTC)")


class LedgerEntry(OfAccount, Base):
    """A conversation id without a row in conversations, and why."""

    __tablename__ = "conversation_ledger"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    conversation_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The id")
    state: Mapped[str] = column(comment="deleted (a gap), forbidden or unreadable")
    reason: Mapped[str | None] = column(comment="What the vendor answered")
    checked_at: Mapped[datetime] = column(comment="When it was last asked for (UTC)")


class PersonalDataReader(Base):
    """A role of the database that sees personal data in the views of schema `bi` (etl grant)."""

    __tablename__ = "personal_data_readers"
    __table_args__ = ({"comment": __doc__},)

    role_name: Mapped[str] = column(primary_key=True, comment="Name of the role; its members are meant, too")


class SuppressedContact(OfAccount, Base):
    """A contact of whom nothing personal is kept, now and in later runs: `etl forget`."""

    __tablename__ = "suppressed_contacts"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    contact_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="The contact; it need not be in the tables"
    )
    suppressed_at: Mapped[datetime] = column(server_default=func.now(), comment="Since when (UTC)")


class Redaction(OfAccount, Base):
    """How far `etl redact` has rewritten a table; there are rows only while it is not done, and no run begins."""

    __tablename__ = "redactions"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    table_name: Mapped[str] = column(primary_key=True, comment="The table")
    mode: Mapped[str] = column(comment="How its personal data are stored when it is done: hash or drop")
    key: Mapped[str | None] = column(comment="Fingerprint of the key of the hashes; NULL: nothing is hashed")
    position: Mapped[dict[str, Any] | None] = column(comment="Key of the last row that was rewritten; NULL: none was")
    done: Mapped[bool] = column(server_default=false(), comment="Whether the table is rewritten to its end")
