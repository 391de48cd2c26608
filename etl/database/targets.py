"""The table of what an account promises: its service level targets, as the file of ETL_TARGETS has them."""

from datetime import date
from typing import Any

from sqlalchemy import Date
from sqlalchemy.orm import Mapped

from etl.database.base import Base, OfAccount, column, refers_to


class Target(OfAccount, Base):
    """A service level target from one day on, until the next one of its name begins (ETL_TARGETS)."""

    __tablename__ = "targets"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    name: Mapped[str] = column(primary_key=True, comment="What it is called")
    valid_from: Mapped[date] = column(Date, primary_key=True, comment="From which day on, in the account's time zone")
    what: Mapped[str] = column(comment="first_reply, next_reply or resolution")
    within_seconds: Mapped[int] = column(comment="Within how many seconds")
    time: Mapped[str] = column(comment="business (only the inbox's working hours count) or calendar")
    unseen: Mapped[str] = column(
        comment="What is taken for what no run had seen by then: not_known, or as_next_seen (as the next run saw it)"
    )
    inbox: Mapped[list[Any] | None] = column(comment="Names or numbers of the inboxes that it is for; NULL: all")
    team: Mapped[list[Any] | None] = column(comment="Names or numbers of the teams; NULL: all, and none")
    priority: Mapped[list[Any] | None] = column(comment="Priorities; NULL: all, and none")
    channel: Mapped[list[Any] | None] = column(comment="Kinds of channel as the views name them; NULL: all")
    label: Mapped[list[Any] | None] = column(
        comment="Titles or numbers of labels, of which a conversation has one; NULL: all, and none"
    )
