"""The tables of conversations and of what is in them: keys, constraints, indexes, a comment on every column.

Every primary key begins with `account_id`: several accounts share one database, which can be distributed by it.
Only `migrations/` changes tables; a test holds the two equal. `docs/data-dictionary.md` is generated from here.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Computed, ForeignKeyConstraint, Index, false, text
from sqlalchemy.orm import Mapped

from etl.database import bookkeeping, dimensions, members, states, sums, targets, witnesses  # noqa: F401 -- METADATA
from etl.database.base import NOT_COMPARED, SCHEMA, Base, Entity, OfAccount, column, number_of, refers_to, refers_to_bot
from etl.database.calls import OfCall

# When a message was written, as every figure has it: a message whose time is ahead of us was written when it was first
# seen, at the latest. Spelled as PostgreSQL prints it, and as message_kinds.sql does, so that its indexes are used.
WRITTEN_AT = "LEAST(created_at, first_synced_at)"


class Conversation(Entity, Base):
    """A conversation between a contact and the account in one inbox."""

    __tablename__ = "conversations"
    __table_args__ = (
        refers_to("accounts"),
        refers_to("contacts", "contact_id"),
        refers_to("inboxes", "inbox_id"),
        refers_to("agents", "assignee_id"),
        refers_to_bot("conversations", "assignee_bot_type", "assignee_bot_id"),
        refers_to("teams", "team_id"),
        Index(None, "account_id", "created_at"),
        Index(None, "account_id", "last_activity_at"),
        Index(None, "account_id", "status"),
        Index(None, "account_id", "inbox_id", "created_at"),
        Index(None, "account_id", "contact_id"),
        Index(None, "account_id", "assignee_id"),
        Index(None, "account_id", "team_id"),
        # Whose reading is oldest: the patrol, and bi.sync_health.
        Index(
            "conversations_reading_idx",
            "account_id",
            text("COALESCE(history_read_at, first_synced_at)"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        # What was found gone on which day: bi.daily_volume.
        Index(
            "conversations_deleted_idx",
            "account_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("conversation: the account's own running number")
    uuid: Mapped[str | None] = column(comment="The vendor's second key (servers from 2.18)")
    status: Mapped[str | None] = column(comment="open, resolved, pending, snoozed, or a newer one as sent")
    priority: Mapped[str | None] = column(comment="low, medium, high, urgent; NULL when not set (servers from 2.17)")
    inbox_id: Mapped[int | None] = column(comment="Where the conversation takes place")
    contact_id: Mapped[int | None] = column(comment="With whom")
    assignee_type: Mapped[str | None] = column(
        comment="What owns it: user, agent_bot, captain_assistant ...; NULL: nobody"
    )
    assignee_id: Mapped[int | None] = column(
        comment="The agent; NULL: there is none, the agent has left, or a bot owns it"
    )
    assignee_bot_type: Mapped[str | None] = column(comment="Type of the bot that owns it; NULL: none does")
    assignee_bot_id: Mapped[int | None] = column(comment="The bot that owns it; NULL: none does")
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
    applied_sla: Mapped[dict[str, Any] | None] = column(comment="The service level, as sent: sla_status, sla_name ...")
    sla_events: Mapped[list[Any] | None] = column(comment="What it missed of that, as sent")
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
        info={NOT_COMPARED: True},
        comment="When the history was last read whole: for this mark, or since then by a patrol, an audit or a reread"
        " (UTC); NULL: never",
    )
    payload_digest: Mapped[str | None] = column(
        info={NOT_COMPARED: True}, comment="Digest of the API's record of the conversation, as it was last taken in"
    )
    events_read_at: Mapped[datetime | None] = column(
        info={NOT_COMPARED: True},
        comment="When the vendor's own events of it were last read (UTC); NULL: never, or they are not offered",
    )
    deleted_at: Mapped[datetime | None] = column(comment="When a run found the conversation deleted upstream (UTC)")
    forgotten_at: Mapped[datetime | None] = column(
        comment="Since when its contact is forgotten, and nothing of what was written is kept (UTC)"
    )
    digests: Mapped[dict[str, Any] | None] = column(
        comment="Keyed digests of what is not kept, by field, so that a change of it is seen (ETL_PII=drop); else NULL"
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


class Message(OfCall, Entity, Base):
    """One message of a conversation: from a contact, an agent, a bot, or about an event (activity)."""

    __tablename__ = "messages"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "agent_id"),
        Index(None, "account_id", "conversation_id", "created_at"),
        Index("messages_written_idx", "account_id", text(WRITTEN_AT)),
        Index("messages_agents_idx", "account_id", "agent_id", text(WRITTEN_AT)),
        Index(None, "account_id", "contact_id"),
        Index(
            "messages_surveys_idx",
            "account_id",
            "conversation_id",
            postgresql_where=text("content_type = 'input_csat'"),
        ),
        # What was dated ahead: bi.sync_health counts them.
        Index("messages_ahead_idx", "account_id", postgresql_where=text("created_at > first_synced_at")),
        # Of whom only a name is told: who bears it may change.
        Index(
            "messages_named_idx",
            "account_id",
            postgresql_where=text("sender_type IS NULL AND (extra ->> 'sender_name') <> ''"),
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
    conversation_assignee_id: Mapped[int | None] = column(
        comment="`conversation.assignee_id` as sent, where it is a user's"
    )
    conversation_unread_count: Mapped[int | None] = column(
        comment="`conversation.unread_count` as sent with the message"
    )
    deleted: Mapped[bool] = column(server_default=false(), comment="Whether the vendor says that it was deleted")
    removed_at: Mapped[datetime | None] = column(comment="When a complete reading no longer returned it (UTC)")
    content_digest: Mapped[str | None] = column(
        comment="Keyed digest of type and text, where the text is not kept (ETL_PII); else NULL"
    )
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
    content_type: Mapped[str | None] = column(comment="Type of the file, such as video/mp4 (servers from 4.13)")
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


# Of all tables: importing this module imports the modules that define the others, too.
METADATA = Base.metadata
