"""The tables of what the wide views rest on: what a contact is owed, and what is counted of a conversation.

`etl/views/sql/refresh_figures.sql` writes them with the other figures; `docs/metrics.md` has the rules.
"""

from datetime import date, datetime

from sqlalchemy import Date, Index
from sqlalchemy.orm import Mapped

from etl.database.base import Base, column
from etl.database.figures import OfConversation


class Obligation(OfConversation, Base):
    """What a contact is owed, each time, with what was true of the conversation when it began to be owed."""

    __tablename__ = "obligations"
    __table_args__ = (
        # A month of bi.service_levels.
        Index(None, "account_id", "began_on"),
        {"comment": __doc__},
    )

    number: Mapped[int] = column(primary_key=True, autoincrement=False, comment="Which one of the conversation, from 1")
    what: Mapped[str] = column(comment="first_reply, next_reply or resolution")
    opening: Mapped[int] = column(comment="In, or of which opening")
    question_message_id: Mapped[int | None] = column(comment="Of a reply: the message with which the wait began")
    since: Mapped[datetime] = column(comment="Since when (UTC)")
    began_on: Mapped[date] = column(Date, comment="Its day, in the account's time zone")
    was_since_earlier: Mapped[bool] = column(
        comment="Whether it may have been owed earlier: only a run tells that it was reopened"
    )
    is_known: Mapped[bool] = column(comment="Whether it is known if somebody replied")
    ended_by: Mapped[str | None] = column(comment="done, given up (resolved without a reply); NULL: it is owed still")
    ended_at: Mapped[datetime | None] = column(comment="When (UTC); NULL: it is owed still, or it is not known")
    ended_not_before: Mapped[datetime | None] = column(comment="It did not end before this (UTC)")
    ended_not_after: Mapped[datetime | None] = column(comment="It did not end after this (UTC)")
    business_seconds: Mapped[int | None] = column(
        comment="Seconds within the inbox's working hours until it ended; NULL: there are none, or it has not ended"
    )
    agent_id: Mapped[int | None] = column(comment="The agent who replied, or had it when it was resolved")
    is_inbox_known: Mapped[bool] = column(comment="Whether it is known which inbox it was in then")
    inbox_id: Mapped[int | None] = column(comment="The inbox then; not known: as the next run saw it")
    inbox_day_starts_at: Mapped[datetime | None] = column(
        comment="When the inbox's day began in which that was (inbox_days); NULL: it has no working hours"
    )
    is_team_known: Mapped[bool] = column(comment="Whether it is known which team had it then")
    team_id: Mapped[int | None] = column(comment="The team then, likewise; NULL: none")
    is_priority_known: Mapped[bool] = column(comment="Whether it is known which priority it had then")
    priority: Mapped[str | None] = column(comment="The priority then, likewise; NULL: none")
    are_labels_known: Mapped[bool] = column(comment="Whether it is known which labels it had then")
    labels: Mapped[list[str] | None] = column(comment="The labels then, likewise")
    deleted_at: Mapped[datetime | None] = column(comment="When a run found that the conversation was deleted (UTC)")


class ConversationSum(OfConversation, Base):
    """What is counted of a conversation, as bi.conversation_metrics shows it."""

    __tablename__ = "conversation_sums"
    __table_args__ = ({"comment": __doc__},)

    goes_on: Mapped[bool] = column(
        comment="Whether it is neither resolved nor deleted: the view then counts its seconds up to now"
    )
    is_resolved: Mapped[bool | None] = column(comment="Whether it is resolved")
    are_ends_known: Mapped[bool | None] = column(comment="Whether it is known of each resolution when it was")
    current_since: Mapped[datetime | None] = column(comment="When it began, or last came back (UTC)")

    questions: Mapped[int] = column(
        comment="Times the contact began to wait, where it is known whether it was answered"
    )
    questions_answered: Mapped[int] = column(comment="Those of them that a person answered")
    are_questions_known: Mapped[bool | None] = column(
        comment="Whether it is known of each wait whether it was answered; NULL: there was none"
    )
    is_first_response_known: Mapped[bool | None] = column(comment="The same of the first wait")
    first_response_seconds: Mapped[int | None] = column(comment="Seconds from the first question to the reply")
    first_response_business_seconds: Mapped[int | None] = column(comment="The same within the inbox's working hours")
    waiting_since: Mapped[datetime | None] = column(comment="Since when the contact waits (UTC)")

    replies: Mapped[int] = column(comment="Messages to the contact that a person wrote")
    replies_without_agent: Mapped[int] = column(comment="Those of them of which it is not told which person wrote them")
    replies_not_known: Mapped[int] = column(comment="Messages to the contact that a person may have written")
    agents_replied: Mapped[int] = column(comment="Different agents who replied")
    last_message_at: Mapped[datetime | None] = column(comment="The last message of contact or person (UTC)")

    agents_assigned: Mapped[int | None] = column(comment="Different agents to whom it was assigned; NULL: not seen")
    teams_involved: Mapped[int | None] = column(comment="Different teams that had it, likewise")
    assignments: Mapped[int | None] = column(comment="Times it became an agent's, likewise")
    handovers: Mapped[int | None] = column(comment="Times it went from one agent to another, likewise")
    first_assignment_seconds_at_least: Mapped[int | None] = column(comment="Seconds until a run last saw it unassigned")
    first_assignment_seconds_at_most: Mapped[int | None] = column(comment="Seconds until a run first saw it assigned")
    bot_handoffs: Mapped[int] = column(comment="Times a bot gave it to people")

    nobodys_seconds: Mapped[int | None] = column(
        comment="Of one that does not go on: seconds in which runs saw that nobody owned it; NULL: none"
    )
    perhaps_nobodys_seconds: Mapped[int | None] = column(comment="Likewise: in which no run looked whether it was so")
    unresolved_seconds: Mapped[int | None] = column(comment="Likewise: of all openings")
    open_seconds: Mapped[int | None] = column(comment="Likewise: with status open")
    pending_seconds: Mapped[int | None] = column(comment="Likewise: with status pending")
    snoozed_seconds: Mapped[int | None] = column(comment="Likewise: with status snoozed")
    unseen_seconds: Mapped[int | None] = column(comment="Likewise: with a status that no run saw, or that is new to us")
    waiting_seconds: Mapped[int | None] = column(comment="Likewise: of all waits")

    resolutions: Mapped[int] = column(comment="Times it was resolved")
    reopenings: Mapped[int] = column(comment="Times it came back")
    first_resolution_seconds: Mapped[int | None] = column(comment="Seconds from its beginning to its first resolution")
    first_resolution_business_seconds: Mapped[int | None] = column(comment="The same within the inbox's working hours")
    last_resolution_seconds: Mapped[int | None] = column(comment="Seconds from its beginning to its last resolution")
    last_resolution_business_seconds: Mapped[int | None] = column(comment="The same within the inbox's working hours")
    last_resolver: Mapped[str | None] = column(
        comment="Who owned it when it was resolved last: agent, bot, nobody, not known; NULL: never resolved"
    )
    is_first_for_good: Mapped[bool | None] = column(
        comment="Whether the first resolution held for seven days, where a reopening tells; NULL: none, or not known"
    )
    is_last_for_good: Mapped[bool | None] = column(comment="The same of the last resolution")
    holds_from: Mapped[datetime | None] = column(
        comment="Of one that is resolved: when the last resolution will have held for seven days, unless it comes back"
    )
