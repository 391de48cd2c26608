"""What the tables know of the vendor's own events: whose have to be read, and up to when the account's list was."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, func, or_, select, update

from etl.database.dimensions import Account
from etl.database.engine import any_of, transaction
from etl.database.models import Conversation
from etl.database.witnesses import ReportingEvent

IDS_AT_ONCE = 10_000


def due(engine: Engine, account_id: int) -> Iterator[int]:
    """Give the conversations whose events were never read, or not since their row changed, in order of their numbers.

    That is told by the rows alone, so that a run which was killed, or could not read one, leaves nothing undone.
    """
    last = 0
    query = (
        select(Conversation.id)
        .where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None))
        .where(or_(Conversation.events_read_at.is_(None), Conversation.changed_at > Conversation.events_read_at))
        .order_by(Conversation.id)
        .limit(IDS_AT_ONCE)
    )
    while True:
        with transaction(engine) as connection:
            found = list(connection.scalars(query.where(Conversation.id > last)))
        yield from found
        if len(found) < IDS_AT_ONCE:
            return
        last = found[-1]


def note_events_read(connection: Connection, account_id: int, conversation_ids: Sequence[int], at: datetime) -> None:
    """Note that the events of conversations were read; at: when that began."""
    if conversation_ids:
        connection.execute(
            update(Conversation)
            .where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
            .values(events_read_at=at)
        )


def contradicted(connection: Connection, account_id: int, told: Mapping[int, int]) -> set[int]:
    """Return the conversations that tell another inner number than before, or one that is another conversation's, too.

    told: conversation -> the server's inner number of it, as its own address has just told. The others that the number
    is known of are among those returned.
    """
    numbers = set(told.values())
    known = connection.execute(
        select(ReportingEvent.conversation_id, ReportingEvent.server_conversation_id)
        .where(ReportingEvent.account_id == account_id, ReportingEvent.server_conversation_id.is_not(None))
        .where(
            or_(
                ReportingEvent.conversation_id == any_of(told),
                ReportingEvent.conversation_id.is_not(None)
                & (ReportingEvent.server_conversation_id == any_of(numbers)),
            )
        )
        .distinct()
    )
    pairs = {*told.items(), *((row[0], row[1]) for row in known if row[0] is not None and row[1] is not None)}
    numbers_of, owners = Counter(one for one, _ in pairs), Counter(number for _, number in pairs)
    return {one for one, number in pairs if number in numbers and (numbers_of[one] > 1 or owners[number] > 1)}


def let_go(connection: Connection, account_id: int, told: Mapping[int, int]) -> None:
    """Have events be nobody's that are stored as those of conversations with another inner number."""
    for conversation_id, number in told.items():
        connection.execute(
            update(ReportingEvent)
            .where(ReportingEvent.account_id == account_id, ReportingEvent.conversation_id == conversation_id)
            .where(ReportingEvent.server_conversation_id != number)
            .values(conversation_id=None, changed_at=func.now())
        )


def to_be_paired(connection: Connection, account_id: int) -> list[int]:
    """Return the conversations that unpaired events are likely of: their own lists have to tell.

    Only what came by a conversation's own address says whose it is. There the server's inner number came with it, and
    where that of an unpaired event was met with one conversation alone, this one is to be asked.
    """
    unpaired = (
        select(ReportingEvent.server_conversation_id)
        .where(ReportingEvent.account_id == account_id, ReportingEvent.conversation_id.is_(None))
        .where(ReportingEvent.server_conversation_id.is_not(None))
        .distinct()
    )
    known = (
        select(func.min(ReportingEvent.conversation_id).label("id"))
        .where(ReportingEvent.account_id == account_id, ReportingEvent.conversation_id.is_not(None))
        .where(ReportingEvent.server_conversation_id.in_(unpaired))
        .group_by(ReportingEvent.server_conversation_id)
        .having(func.count(ReportingEvent.conversation_id.distinct()) == 1)
        .subquery()
    )
    query = (
        select(Conversation.id)
        .join(known, known.c.id == Conversation.id)
        .where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None))
        .order_by(Conversation.id)
    )
    return list(connection.scalars(query))


def listed_until(connection: Connection, account_id: int) -> datetime | None:
    """Return up to when the account's list was read; None when it never was."""
    return connection.scalar(select(Account.events_listed_until).where(Account.account_id == account_id))


def note_listing(connection: Connection, account_id: int, until: datetime) -> None:
    """Note up to when the account's list was read, from when it was last."""
    connection.execute(update(Account).where(Account.account_id == account_id).values(events_listed_until=until))
