"""The table of what is known not to be complete, and was accepted as it is."""

from datetime import datetime
from typing import Any

from sqlalchemy import Identity, Index, func, text
from sqlalchemy.orm import Mapped

from etl.database.base import Base, OfAccount, column, refers_to


class AcceptedFault(OfAccount, Base):
    """What is known not to be complete, and is no problem while it stays as it was accepted (etl accept)."""

    __tablename__ = "acceptances"
    __table_args__ = (
        refers_to("accounts"),
        Index(None, "account_id", "kind", "what", unique=True, postgresql_where=text("ended_at IS NULL")),
        {"comment": __doc__},
    )

    number: Mapped[int] = column(Identity(), primary_key=True, sort_order=-1, comment="Number of the acceptance")
    kind: Mapped[str] = column(comment="conversation, forbidden, rejected or contract")
    what: Mapped[str] = column(comment="Which one: a conversation's id, entity:id of a record, or a field")
    as_it_was: Mapped[dict[str, Any]] = column(
        comment="How it was when it was accepted: what is otherwise is no longer known"
    )
    reason: Mapped[str | None] = column(comment="Why, as whoever accepted it wrote; NULL: personal data are not kept")
    accepted_by: Mapped[str] = column(comment="Who: the user of the machine and of the database")
    accepted_at: Mapped[datetime] = column(server_default=func.now(), comment="When (UTC)")
    expires_at: Mapped[datetime] = column(comment="Until when it counts (UTC)")
    ended_at: Mapped[datetime | None] = column(comment="When it ended before that (UTC); NULL: it did not")
    ended_why: Mapped[str | None] = column(comment="Why it ended; NULL: it did not")
