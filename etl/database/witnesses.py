"""The tables of what else the vendor tells: its own events, its own counts; what changed, and what was verified."""

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from etl.database.base import Base, Entity, OfAccount, column, number_of, refers_to


class ReportingEvent(Entity, Base):
    """What the vendor itself wrote down of a conversation, for its reports (servers from 4.8, where offered)."""

    __tablename__ = "reporting_events"
    __table_args__ = (
        refers_to("accounts"),
        refers_to("conversations", "conversation_id"),
        Index(None, "account_id", "conversation_id"),
        Index(None, "account_id", "server_conversation_id"),
        Index(None, "account_id", "created_at"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("event")
    name: Mapped[str | None] = column(comment="first_response, reply_time, conversation_resolved ..., as sent")
    value: Mapped[float | None] = column(comment="Seconds that it took")
    value_in_business_hours: Mapped[float | None] = column(comment="Seconds of these in the inbox's business hours")
    event_start_time: Mapped[datetime | None] = column(comment="From when these seconds count (UTC)")
    event_end_time: Mapped[datetime | None] = column(comment="When it happened (UTC)")
    conversation_id: Mapped[int | None] = column(comment="The conversation; NULL: its number is not known yet")
    server_conversation_id: Mapped[int | None] = column(comment="The server's inner number of the conversation")
    inbox_id: Mapped[int | None] = column(comment="The inbox, as it was then")
    user_id: Mapped[int | None] = column(comment="On whom the vendor books it; NULL: nobody")
    created_at: Mapped[datetime | None] = column(comment="When the vendor wrote it down (UTC)")
    updated_at: Mapped[datetime | None] = column(comment="The vendor's last change of it (UTC)")


class FieldChange(OfAccount, Base):
    """A field of a conversation or contact that changed, as seen by the runs."""

    __tablename__ = "field_changes"
    __table_args__ = (
        refers_to("accounts"),
        Index(None, "account_id", "entity", "entity_id", "seen_at"),
        Index(None, "account_id", "seen_at"),
        # Whose conversations moved to another contact: contacts that may have been merged.
        Index(
            "field_changes_contacts_idx",
            "account_id",
            postgresql_where=text("entity = 'conversation' AND field = 'contact_id'"),
        ),
        {"comment": __doc__},
    )

    number: Mapped[int] = column(Identity(), primary_key=True, sort_order=-1, comment="Number of the change")
    entity: Mapped[str] = column(comment="conversation or contact")
    entity_id: Mapped[int] = column(comment="The vendor's number of it")
    field: Mapped[str] = column(
        comment="labels (as a sorted list), custom_attributes.KEY, additional_attributes.KEY, or the column"
    )
    before: Mapped[Any | None] = column(
        JSONB(none_as_null=True), comment="What it was, or its hash; NULL: nothing, or not kept (ETL_PII)"
    )
    after: Mapped[Any | None] = column(JSONB(none_as_null=True), comment="What it became, likewise")
    seen_at: Mapped[datetime] = column(comment="When a run saw it (UTC): it changed since the run before it")


class VendorCount(OfAccount, Base):
    """The vendor's own count of something in a range of time, beside what the tables had when it was asked for."""

    __tablename__ = "vendor_counts"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run that asked")
    metric: Mapped[str] = column(
        primary_key=True, comment="conversations, incoming_messages, outgoing_messages, surveys_sent, rating_1 ..."
    )
    since: Mapped[datetime] = column(primary_key=True, comment="Begin of the range (UTC)")
    until: Mapped[datetime] = column(primary_key=True, comment="End of the range, which it does not contain (UTC)")
    grain: Mapped[str] = column(comment="all, month or day: how the range was asked for")
    vendor: Mapped[int] = column(comment="What the vendor counts")
    ours: Mapped[int] = column(comment="What the tables count")
    explained_by: Mapped[str | None] = column(comment="Why they differ, where that is known; NULL: they agree, or not")
    asked_at: Mapped[datetime] = column(comment="When it was asked for last (UTC)")


class Verification(OfAccount, Base):
    """What `etl verify` compared, and what that permits to say."""

    __tablename__ = "verifications"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    number: Mapped[int] = column(Identity(), primary_key=True, sort_order=-1, comment="Number of the verification")
    selection: Mapped[dict[str, Any] | None] = column(comment="What was drawn from; NULL: everything")
    sample: Mapped[int | None] = column(comment="How many of each were drawn; NULL: all")
    seed: Mapped[int | None] = column(comment="The seed that draws the same sample; NULL: all")
    started_at: Mapped[datetime] = column(server_default=func.now(), comment="Begin (UTC)")
    finished_at: Mapped[datetime] = column(comment="End (UTC)")
    conversations: Mapped[int] = column(comment="Conversations compared")
    messages: Mapped[int] = column(comment="Messages compared")
    fields: Mapped[int] = column(comment="Fields compared, of both")
    conversations_differing: Mapped[int] = column(comment="Conversations that differed in some field, or were missing")
    messages_differing: Mapped[int] = column(comment="Messages that differed in some field, or were missing")
    unreadable: Mapped[int] = column(comment="Conversations that could not be read, so that nothing is known of them")
    repaired: Mapped[int] = column(comment="How many of the differing ones, of both, were repaired (--repair)")
    confidence: Mapped[float] = column(comment="With which confidence the bound holds, from 0 to 1")
    messages_bound: Mapped[float | None] = column(
        comment="At most this share of the messages differs, from 0 to 1; NULL: nothing was compared"
    )
