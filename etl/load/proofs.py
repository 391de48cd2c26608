"""What a proof by counts takes from the tables: the conversations that the vendor should count, and the last walk."""

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, exists, func, select, update

from etl.database.bookkeeping import LedgerEntry
from etl.database.dimensions import Account
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.id_set import IdSet
from etl.load.conversations import ROWS_AT_ONCE
from etl.load.ledger_entries import FORBIDDEN
from etl.selection import STATUSES

CREATED, ACTIVE = (
    cast(func.floor(func.extract("epoch", time)), BigInteger)
    for time in (Conversation.created_at, Conversation.last_activity_at)
)


@dataclass(frozen=True)
class Visible:
    """Which conversations of an account the token should be shown: those that are there, and not forbidden to it.

    gone: ids of which this run has found that they are no more, or forbidden.
    """

    account_id: int
    gone: Collection[int]

    def count_each(self, connection: Connection) -> dict[str, int]:
        """Return how many there are of each of the four statuses."""
        query = (
            select(Conversation.status, func.count())
            .where(self._are_visible(), Conversation.status.in_(STATUSES))
            .group_by(Conversation.status)
        )
        return dict.fromkeys(STATUSES, 0) | {str(status): int(number) for status, number in connection.execute(query)}

    def active(self, connection: Connection, since: datetime) -> dict[str, list[tuple[int, int]]]:
        """Return the last activities since a time (seconds since 1970) of those of each status, and their ids."""
        active: dict[str, list[tuple[int, int]]] = {status: [] for status in STATUSES}
        query = select(Conversation.status, ACTIVE, Conversation.id).where(
            self._are_visible(), Conversation.status.in_(STATUSES), Conversation.last_activity_at >= since
        )
        for status, time, number in connection.execute(query):
            active[str(status)].append((time, number))
        return active

    def by_creation(self, connection: Connection, status: str) -> tuple[Sequence[int], Sequence[int]]:
        """Return the times of creation (seconds since 1970) of those of a status, in order, and their ids."""
        query = (
            select(CREATED, Conversation.id)
            .where(self._are_visible(), Conversation.status == status, Conversation.created_at.is_not(None))
            .order_by(CREATED, Conversation.id)
        )
        times, ids = array("q"), array("q")
        for time, number in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query):
            times.append(time)
            ids.append(number)
        return times, ids

    def ids(self, connection: Connection) -> IdSet:
        """Return the ids of all."""
        query = select(Conversation.id).where(self._are_visible())
        return IdSet(connection.execution_options(yield_per=ROWS_AT_ONCE).scalars(query))

    def in_doubt(self, connection: Connection, limit: int, *, reads_histories: bool) -> list[int]:
        """Return those, up to a number, that no count vouches for: of another status, or with a history to be read."""
        doubts = Conversation.status.is_(None) | Conversation.status.not_in(STATUSES)
        if reads_histories:
            doubts |= Conversation.mark.is_(None)
        query = select(Conversation.id).where(self._are_visible(), doubts).order_by(Conversation.id).limit(limit)
        return list(connection.scalars(query))

    def _are_visible(self) -> ColumnElement[bool]:
        forbidden = exists().where(
            LedgerEntry.account_id == self.account_id,
            LedgerEntry.conversation_id == Conversation.id,
            LedgerEntry.state == FORBIDDEN,
        )
        return (
            (Conversation.account_id == self.account_id)
            & Conversation.deleted_at.is_(None)
            & ~(Conversation.id == any_of(self.gone))
            & ~forbidden
        )


def last_walk(connection: Connection, account_id: int) -> tuple[datetime | None, str | None]:
    """Return when the last complete run began that walked every page (UTC), and the fingerprint of how it read."""
    row = connection.execute(
        select(Account.walked_at, Account.walked_as).where(Account.account_id == account_id)
    ).first()
    return (row.walked_at, row.walked_as) if row else (None, None)


def note_walk(connection: Connection, account_id: int, begun: datetime, read_as: str) -> None:
    """Note that a complete run walked every page."""
    connection.execute(
        update(Account).where(Account.account_id == account_id).values(walked_at=begun, walked_as=read_as)
    )


def names_read_at(connection: Connection, account_id: int) -> datetime | None:
    """Return when the lists of names were read last (UTC); None: never."""
    return connection.scalar(select(Account.names_read_at).where(Account.account_id == account_id))


def note_names_read(connection: Connection, account_id: int, at: datetime) -> None:
    """Note that the lists of names were read."""
    connection.execute(update(Account).where(Account.account_id == account_id).values(names_read_at=at))


def edits_move_clock(connection: Connection, account_id: int) -> bool | None:
    """Return whether an edit of a message moves its conversation's clock; None: no run has seen it yet."""
    return connection.scalar(select(Account.edits_move_clock).where(Account.account_id == account_id))


def note_edits(connection: Connection, account_id: int, *, move_clock: bool) -> None:
    """Note whether an edit of a message moves its conversation's clock."""
    connection.execute(update(Account).where(Account.account_id == account_id).values(edits_move_clock=move_clock))
