"""The contract in the tables: what the vendor sends, field by field, and who has what it may no longer send."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from etl.database.base import OfAccount
from etl.database.bookkeeping import AccountCount, ApiContract
from etl.database.dimensions import CsatResponse
from etl.database.engine import any_of
from etl.database.models import Attachment, Conversation, ConversationLabel, Message

HAS_TEAM = Conversation.team_id.is_not(None)
HAS_OWNER = Conversation.assignee_type.is_not(None) | Conversation.assignee_id.is_not(None)
HAS_BOT = Conversation.assignee_bot_id.is_not(None)
HAS_LABEL = (
    select(ConversationLabel.label)
    .where(
        ConversationLabel.account_id == Conversation.account_id, ConversationLabel.conversation_id == Conversation.id
    )
    .exists()
)
HAS_ATTACHMENT = (
    select(Message.id)
    .join(Attachment, (Attachment.account_id == Message.account_id) & (Attachment.message_id == Message.id))
    .where(Message.account_id == Conversation.account_id, Message.conversation_id == Conversation.id)
    .where(Message.removed_at.is_(None))
    .exists()
)


@dataclass(frozen=True)
class Entry:
    """A field as the runs have met it; `sent_as` and `path` together are its name.

    kinds: of its values. share: in which part of so many `records` it told something. taken: whether a column holds it.
    """

    sent_as: str
    path: str
    kinds: tuple[str, ...]
    records: int
    share: float
    taken: bool
    first_run_id: int
    last_run_id: int

    @property
    def name(self) -> str:
        """Return by what it is called in sentences."""
        return f"{self.sent_as}.{self.path}"


def read(connection: Connection, account_id: int) -> list[Entry]:
    """Return what is known of an account's fields, in the order of their names."""
    rows = connection.execute(
        select(ApiContract)
        .where(ApiContract.account_id == account_id)
        .order_by(ApiContract.entity.collate("C"), ApiContract.path.collate("C"))
    )
    return [
        Entry(
            row.entity,
            row.path,
            tuple(row.kinds),
            row.records,
            row.share,
            row.taken,
            row.first_run_id,
            row.last_run_id,
        )
        for row in rows
    ]


def write(connection: Connection, account_id: int, entries: Iterable[Entry]) -> None:
    """Save entries over those of the same field."""
    rows = [{"account_id": account_id, "entity": entry.sent_as} | asdict(entry) for entry in entries]
    for row in rows:
        del row["sent_as"]
    if rows:
        statement = insert(ApiContract)
        keys = ["account_id", "entity", "path"]
        new = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), rows)


def holders(
    connection: Connection, account_id: int, what: ColumnElement[bool], conversation_ids: Collection[int]
) -> set[int]:
    """Return those of the conversations that the tables say have something, such as HAS_TEAM."""
    query = select(Conversation.id).where(
        Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids), what
    )
    return set(connection.scalars(query))


def any_row(connection: Connection, account_id: int, table: type[OfAccount], which: ColumnElement[bool]) -> bool:
    """Return whether a table has any such row of an account; asked for each part of a run, so by an index."""
    return (
        connection.execute(select(literal(1)).where(table.account_id == account_id, which).limit(1)).first() is not None
    )


def responses(
    connection: Connection, account_id: int, what: ColumnElement[bool], response_ids: Collection[int]
) -> set[int]:
    """Return those of the survey responses that the tables say have something."""
    query = select(CsatResponse.id).where(
        CsatResponse.account_id == account_id, CsatResponse.id == any_of(response_ids), what
    )
    return set(connection.scalars(query))


def with_attachments(connection: Connection, account_id: int, message_ids: Collection[int]) -> set[int]:
    """Return those of the messages that the tables say have attachments."""
    query = select(Attachment.message_id).where(
        Attachment.account_id == account_id, Attachment.message_id == any_of(message_ids)
    )
    return set(connection.scalars(query))


def newest_holders(
    connection: Connection, account_id: int, what: ColumnElement[bool], but: Collection[int], most: int
) -> list[int]:
    """Return the newest conversations that are not deleted and that the tables say have something, except some."""
    query = (
        select(Conversation.id)
        .where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None), what)
        .where(~(Conversation.id == any_of(but)))
        .order_by(Conversation.id.desc())
        .limit(most)
    )
    return list(connection.scalars(query))


def references(
    connection: Connection,
    account_id: int,
    column: InstrumentedAttribute[int | None],
    conversation_ids: Collection[int],
) -> set[int]:
    """Return the numbers that a column of conversations has, such as those of the people who own them."""
    query = select(column).where(
        Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids), column.is_not(None)
    )
    return {number for number in connection.scalars(query.distinct()) if number is not None}


def counted_as_assigned(connection: Connection, account_id: int, run_id: int) -> tuple[int, int] | None:
    """Return how many conversations the vendor counted as assigned in a run, and in all; None where it did not count.

    It counts them status by status.
    """
    counted = connection.execute(
        select(
            func.sum(AccountCount.assigned_count),
            func.sum(AccountCount.all_count),
            func.bool_and(AccountCount.assigned_count.is_not(None) & AccountCount.all_count.is_not(None)),
        ).where(AccountCount.account_id == account_id, AccountCount.run_id == run_id)
    ).one()
    return (int(counted[0]), int(counted[1])) if counted[2] else None
