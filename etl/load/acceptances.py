"""What is known not to be complete, and was accepted as it is: written down, listed, taken back, ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from etl.database.acceptances import AcceptedFault
from etl.database.engine import any_of


class FaultKind(StrEnum):
    """What can be accepted."""

    CONVERSATION = "conversation"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    CONTRACT = "contract"

    def name_one(self, what: str) -> str:
        """Return what one of them is called in sentences."""
        names = {self.FORBIDDEN: "refused conversation", self.REJECTED: "rejected record", self.CONTRACT: "field"}
        return f"{names.get(self, self.value)} {what}"


@dataclass(frozen=True)
class Acceptance:
    """What was accepted, and how it was then; times in UTC.

    as_it_was: by kind, {failure, books: metric -> how many more the vendor counts} of a conversation, {digests} of a
    record, {how} of a field.
    """

    number: int
    kind: FaultKind
    what: str
    as_it_was: dict[str, Any]
    reason: str | None
    accepted_by: str
    accepted_at: datetime
    expires_at: datetime

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""
        return self.kind.name_one(self.what)


def in_force(connection: Connection, account_id: int) -> list[Acceptance]:
    """Return what was accepted and has not ended, by kind and what it is; some may have expired."""
    table = AcceptedFault.__table__.columns
    query = (
        select(AcceptedFault)
        .where(AcceptedFault.account_id == account_id, AcceptedFault.ended_at.is_(None))
        .order_by(table.kind, func.length(table.what), table.what.collate("C"))
    )
    return [
        Acceptance(
            row.number,
            FaultKind(row.kind),
            row.what,
            row.as_it_was,
            row.reason,
            row.accepted_by,
            row.accepted_at,
            row.expires_at,
        )
        for row in connection.execute(query)
    ]


def ever(connection: Connection, account_id: int, kind: FaultKind) -> set[str]:
    """Return what of a kind was accepted at any time, also where that has ended."""
    ours = (AcceptedFault.account_id == account_id) & (AcceptedFault.kind == kind)
    return set(connection.scalars(select(AcceptedFault.what).where(ours)))


def accept(connection: Connection, account_id: int, rows: Iterable[dict[str, Any]]) -> None:
    """Write down what is accepted: {kind, what, as_it_was, reason, accepted_by, expires_at} of each."""
    connection.execute(insert(AcceptedFault), [{"account_id": account_id} | row for row in rows])


def end(connection: Connection, account_id: int, numbers: Iterable[int], why: str) -> None:
    """End acceptances, and keep why."""
    connection.execute(
        update(AcceptedFault)
        .where(AcceptedFault.account_id == account_id, AcceptedFault.number == any_of(numbers))
        .where(AcceptedFault.ended_at.is_(None))
        .values(ended_at=func.now(), ended_why=why)
    )


def save_way(connection: Connection, account_id: int, given: Acceptance) -> None:
    """Save how an acceptance is now."""
    connection.execute(
        update(AcceptedFault)
        .where(AcceptedFault.account_id == account_id, AcceptedFault.number == given.number)
        .values(as_it_was=given.as_it_was)
    )
