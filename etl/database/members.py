"""The tables of who belongs to what, and of the promises and campaigns that conversations refer to."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped

from etl.database.base import Base, Entity, OfAccount, column, number_of, refers_to


class TeamMember(OfAccount, Base):
    """Who was a member of a team from when to when, as seen by the runs."""

    __tablename__ = "team_members"
    __table_args__ = (
        refers_to("teams", "team_id"),
        refers_to("agents", "agent_id"),
        CheckConstraint("valid_to > valid_from", name="order"),
        Index(
            "team_members_open_key",
            "account_id",
            "team_id",
            "agent_id",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
        Index(None, "account_id", "agent_id"),
        {"comment": __doc__},
    )

    team_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The team")
    agent_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The agent")
    valid_from: Mapped[datetime] = column(primary_key=True, comment="When a run first saw the membership (UTC)")
    valid_to: Mapped[datetime | None] = column(comment="When a run first saw that it had ended (UTC); NULL: still true")


class InboxMember(OfAccount, Base):
    """Who was a member of an inbox from when to when, as seen by the runs."""

    __tablename__ = "inbox_members"
    __table_args__ = (
        refers_to("inboxes", "inbox_id"),
        refers_to("agents", "agent_id"),
        CheckConstraint("valid_to > valid_from", name="order"),
        Index(
            "inbox_members_open_key",
            "account_id",
            "inbox_id",
            "agent_id",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
        Index(None, "account_id", "agent_id"),
        {"comment": __doc__},
    )

    inbox_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The inbox")
    agent_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The agent")
    valid_from: Mapped[datetime] = column(primary_key=True, comment="When a run first saw the membership (UTC)")
    valid_to: Mapped[datetime | None] = column(comment="When a run first saw that it had ended (UTC); NULL: still true")


class SlaPolicy(Entity, Base):
    """What is promised to contacts: how soon they are answered (where the edition has it)."""

    __tablename__ = "sla_policies"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    id: Mapped[int] = number_of("policy")
    name: Mapped[str | None] = column(comment="Name")
    description: Mapped[str | None] = column(comment="Description")
    first_response_time_threshold: Mapped[float | None] = column(comment="Seconds until the first response; NULL: none")
    next_response_time_threshold: Mapped[float | None] = column(comment="Seconds until each next one; NULL: none")
    resolution_time_threshold: Mapped[float | None] = column(comment="Seconds until it is resolved; NULL: none")
    only_during_business_hours: Mapped[bool | None] = column(comment="Whether only business hours count")


class Campaign(Entity, Base):
    """A campaign: messages that go out by themselves."""

    __tablename__ = "campaigns"
    __table_args__ = (
        refers_to("inboxes", "inbox_id"),
        refers_to("agents", "sender_id"),
        {"comment": __doc__},
    )

    id: Mapped[int] = number_of("campaign: the account's own running number")
    title: Mapped[str | None] = column(comment="Title")
    description: Mapped[str | None] = column(comment="Description")
    message: Mapped[str | None] = column(comment="What is sent")
    campaign_type: Mapped[str | None] = column(comment="ongoing (on a website) or one_off")
    campaign_status: Mapped[str | None] = column(comment="active or completed")
    enabled: Mapped[bool | None] = column(comment="Whether it is switched on")
    inbox_id: Mapped[int | None] = column(comment="Where it is sent from")
    sender_id: Mapped[int | None] = column(comment="The agent in whose name it is sent; NULL: a bot, or nobody")
    audience: Mapped[list[Any] | None] = column(comment="As sent: to whom a one_off goes")
    trigger_rules: Mapped[dict[str, Any] | None] = column(comment="As sent: when an ongoing one is shown")
    trigger_only_during_business_hours: Mapped[bool | None] = column(comment="Whether only in business hours")
    scheduled_at: Mapped[datetime | None] = column(comment="When a one_off is to be sent (UTC)")
    created_at: Mapped[datetime | None] = column(comment="When it was created (UTC)")
    updated_at: Mapped[datetime | None] = column(comment="The vendor's last change of it (UTC)")
