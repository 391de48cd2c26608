"""The tables of what is computed from the others: what happened to a conversation, its openings, and its waits.

`etl/views/sql/refresh_figures.sql` writes them, for what a run changed; `docs/metrics.md` has the rules.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import Date, Index, text
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.orm import Mapped

from etl.database.base import Base, OfAccount, column, refers_to

OWNERS_AT_ITS_END = "to which it was assigned when it was resolved; NULL: to none, or it is not known"


class OfConversation(OfAccount):
    """The first key columns of what is computed of a conversation, which may be gone before its figures are."""

    conversation_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, sort_order=-1, comment="The conversation"
    )


class ConversationEvent(OfConversation, Base):
    """What changed a conversation, when, and what tells it."""

    __tablename__ = "conversation_events"
    __table_args__ = (Index(None, "account_id", "at"), {"comment": __doc__})

    number: Mapped[int] = column(primary_key=True, autoincrement=False, comment="Which one of the conversation, from 1")
    at: Mapped[datetime | None] = column(comment="When (UTC): as exactly as the source tells it")
    kind: Mapped[str] = column(
        comment="opened, resolved, reopened; assigned, team, snoozed, pending, resumed, handed_off, priority"
    )
    source: Mapped[str] = column(
        comment="vendor (its record), message, activity, seen (a run's two states), inferred (docs/metrics.md)"
    )
    opening: Mapped[int | None] = column(comment="Of opened, resolved and reopened: which opening; else NULL")
    agent_id: Mapped[int | None] = column(comment="The agent who owned it from then on, or when it was resolved")
    bot_type: Mapped[str | None] = column(comment="Type of the bot that owned it, likewise; NULL: none did")
    bot_id: Mapped[int | None] = column(comment="The bot that owned it, likewise; NULL: none did")
    team_id: Mapped[int | None] = column(comment="The team that had it, likewise")
    priority: Mapped[str | None] = column(comment="Of priority: the new one")
    message_id: Mapped[int | None] = column(comment="The message or activity that tells it; NULL: none does")
    not_before: Mapped[datetime | None] = column(comment="It was not before this (UTC)")
    not_after: Mapped[datetime | None] = column(comment="It was not after this (UTC)")


class ConversationOpening(OfConversation, Base):
    """From when to when a conversation was open, each time."""

    __tablename__ = "conversation_openings"
    __table_args__ = (
        Index(None, "account_id", "opened_at"),
        Index(None, "account_id", "resolved_at"),
        # What is open now: the backlog, and what a run saw otherwise than the figures have it.
        Index(
            "conversation_openings_open_idx",
            "account_id",
            "conversation_id",
            postgresql_where=text("resolved_at IS NULL"),
        ),
        {"comment": __doc__},
    )

    opening: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="1 when it began, 2 when it was reopened for the first time ..."
    )
    is_current: Mapped[bool] = column(comment="Whether it is the last one so far")
    opened_at: Mapped[datetime | None] = column(comment="When it began, or came back (UTC)")
    opened_by: Mapped[str] = column(
        comment="What tells it: vendor (the conversation's record), message (the contact's), activity, seen (a run)"
    )
    opened_message_id: Mapped[int | None] = column(comment="The message or activity that tells it; NULL: none does")
    opened_not_before: Mapped[datetime | None] = column(comment="It was not opened before this (UTC)")
    opened_not_after: Mapped[datetime | None] = column(comment="It was not opened after this (UTC)")
    resolved_at: Mapped[datetime | None] = column(comment="When it was resolved (UTC); NULL: not yet")
    resolved_at_is: Mapped[str | None] = column(
        comment="told (by an activity), bounded (by the last message, and by who saw it), not known (seconds are NULL)"
    )
    resolved_by: Mapped[str | None] = column(
        comment="What tells that it was resolved: seen (a run saw it), inferred (the contact came back after it)"
    )
    resolved_message_id: Mapped[int | None] = column(comment="The message or activity that tells when; NULL: none does")
    resolved_not_before: Mapped[datetime | None] = column(comment="It was not resolved before this (UTC)")
    resolved_not_after: Mapped[datetime | None] = column(comment="It was not resolved after this (UTC)")
    resolution_seconds: Mapped[int | None] = column(comment="Seconds from its opening to its resolution")
    resolution_business_seconds: Mapped[int | None] = column(
        comment="The same within the inbox's working hours; NULL where it has none"
    )
    agent_id: Mapped[int | None] = column(comment=f"The agent {OWNERS_AT_ITS_END}")
    bot_type: Mapped[str | None] = column(comment="Type of that bot")
    bot_id: Mapped[int | None] = column(comment=f"The bot {OWNERS_AT_ITS_END}")
    team_id: Mapped[int | None] = column(comment=f"The team {OWNERS_AT_ITS_END}")


class CustomerWait(OfConversation, Base):
    """How long a contact waited for a person's reply, each time."""

    __tablename__ = "customer_waits"
    __table_args__ = (
        Index(None, "account_id", "waiting_since"),
        Index(None, "account_id", "answered_at"),
        # Who waits now: bi.conversations.
        Index(
            "customer_waits_open_idx",
            "account_id",
            "conversation_id",
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"comment": __doc__},
    )

    question_message_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="The message with which it began"
    )
    opening: Mapped[int] = column(comment="In which opening of the conversation")
    is_first: Mapped[bool] = column(comment="Whether it is the first wait of the opening")
    is_known: Mapped[bool] = column(
        comment="False: a message lies in it whose author is not told, so that nobody knows whether it was answered"
    )
    waiting_since: Mapped[datetime] = column(comment="When the contact asked (UTC)")
    ended_at: Mapped[datetime | None] = column(
        comment="When it ended by a reply or the resolution (UTC); NULL: not yet"
    )
    answer_message_id: Mapped[int | None] = column(comment="The reply; NULL: none, or it is not known")
    answered_at: Mapped[datetime | None] = column(comment="When a person replied (UTC); NULL: nobody, or not known")
    agent_id: Mapped[int | None] = column(comment="The agent who replied")
    reply_seconds: Mapped[int | None] = column(comment="Seconds from question to reply")
    reply_business_seconds: Mapped[int | None] = column(
        comment="The same within the inbox's working hours; NULL where it has none"
    )
    reply_seconds_from_assignment: Mapped[int | None] = column(
        comment="The same from the assignment to who replied, where that was later; NULL: not seen as assigned"
    )
    is_resolved_unanswered: Mapped[bool | None] = column(
        comment="Whether it ended by resolving the conversation, without a reply; NULL: not known"
    )


class OpenSpan(OfConversation, Base):
    """From when to when a conversation was open with one status, team and owner."""

    __tablename__ = "open_spans"
    __table_args__ = (
        # What was open at a moment: bi.daily_backlog.
        Index("open_spans_during_idx", text("tstzrange(since, until)"), postgresql_using="gist"),
        {"comment": __doc__},
    )

    number: Mapped[int] = column(primary_key=True, autoincrement=False, comment="Which one of the conversation, from 1")
    since: Mapped[datetime | None] = column(comment="From when on (UTC); NULL: its begin is not told")
    until: Mapped[datetime | None] = column(comment="Until when (UTC); NULL: it is still so")
    inbox_id: Mapped[int | None] = column(comment="The inbox that the conversation is in now")
    status: Mapped[str | None] = column(comment="Status as a run saw it then, or next; resolved: not yet seen reopened")
    team_id: Mapped[int | None] = column(comment="The team that had it, likewise")
    agent_id: Mapped[int | None] = column(comment="The agent to whom it was assigned, likewise")
    bot_type: Mapped[str | None] = column(comment="Type of the bot that owned it, likewise; NULL: none did")
    bot_id: Mapped[int | None] = column(comment="The bot that owned it, likewise; NULL: none did")


class InboxDay(OfAccount, Base):
    """The opening hours of an inbox on a day, holidays left out, as business seconds are counted."""

    __tablename__ = "inbox_days"
    __table_args__ = (refers_to("inboxes", "inbox_id"), {"comment": __doc__})

    inbox_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The inbox")
    starts_at: Mapped[datetime] = column(primary_key=True, comment="When the day begins there (UTC)")
    day: Mapped[date] = column(Date, comment="Day in the inbox's time zone")
    opens: Mapped[datetime | None] = column(comment="When it opens (UTC); NULL: it is closed")
    closes: Mapped[datetime | None] = column(comment="When it closes (UTC)")
    open_before: Mapped[timedelta] = column(INTERVAL, comment="How long it was open on all days before")


class StaleFigure(OfConversation, Base):
    """A conversation whose rows changed since its figures were computed."""

    __tablename__ = "stale_figures"
    __table_args__ = ({"comment": __doc__},)


class FiguresRun(OfAccount, Base):
    """When the figures of an account were computed."""

    __tablename__ = "figures_computed"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    computed_at: Mapped[datetime] = column(comment="When they were computed last (UTC)")
    rules: Mapped[str] = column(comment="By which version of the rules")
    time_zone: Mapped[str | None] = column(comment="In which time zone its days were")


class Holiday(OfAccount, Base):
    """A public holiday of one of the countries that the account keeps (ETL_HOLIDAYS)."""

    __tablename__ = "holidays"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    country: Mapped[str] = column(primary_key=True, comment="Country, ISO 3166-1 alpha-2, or with its part: DE-BY")
    day: Mapped[date] = column(Date, primary_key=True, comment="The day")
    name: Mapped[str] = column(comment="What it is called there")
