"""What the tables know of conversations beyond their rows: states, marks, digests, and what is gone."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, text, update

from etl.database.base import SCHEMA
from etl.database.bookkeeping import LedgerEntry
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.id_set import IdSet

ROWS_AT_ONCE = 10_000


# What a state is of, as it is now, as it was when last seen, and as the columns are called.
STATE = "status, assignee_type, assignee_id, assignee_bot_type, assignee_bot_id, team_id, priority, muted"
NOW = ", ".join(f"now.{name}" for name in STATE.split(", ")).replace("now.muted", "coalesce(now.muted, false)")
OPEN = ", ".join(f"open.{name}" for name in STATE.split(", "))


# The ids are given for every table: in tables without statistics, as in a first load, the planner would otherwise
# read all states for each page.
SAVE_STATES = f"""
    WITH seen AS (
        SELECT now.id, {NOW} AS muted, open.valid_from AS since
        FROM {SCHEMA}.conversations AS now LEFT JOIN {SCHEMA}.conversation_states AS open
          ON open.account_id = :account_id AND open.conversation_id = ANY(:ids)
         AND open.conversation_id = now.id AND open.valid_to IS NULL
        WHERE now.account_id = :account_id AND now.id = ANY(:ids)
          AND (open.valid_from IS NULL OR ({OPEN}) IS DISTINCT FROM ({NOW}))
    ), closed AS (
        UPDATE {SCHEMA}.conversation_states AS open
        SET valid_to = greatest(:at, valid_from + interval '1 microsecond') FROM seen
        WHERE open.account_id = :account_id AND open.conversation_id = ANY(:ids)
          AND open.conversation_id = seen.id AND open.valid_from = seen.since
        RETURNING conversation_id, valid_to
    )
    INSERT INTO {SCHEMA}.conversation_states
        (account_id, conversation_id, valid_from, {STATE})
    SELECT :account_id, id, greatest(:at,
            (SELECT max(valid_to) FROM closed WHERE conversation_id = seen.id),
            (SELECT max(valid_to) FROM {SCHEMA}.conversation_states
             WHERE account_id = :account_id AND conversation_id = seen.id)),
        {STATE}
    FROM seen ORDER BY id
"""  # noqa: S608 -- only constants are formatted in


def save_states(connection: Connection, account_id: int, conversation_ids: Sequence[int], at: datetime) -> None:
    """Close the open state of each conversation that differs from what is true now, and open the new one.

    at: when it was seen. States follow each other without gap and overlap even where the job's clock went back.
    """
    connection.execute(text(SAVE_STATES), {"account_id": account_id, "ids": list(conversation_ids), "at": at})


def highest(connection: Connection, account_id: int) -> int:
    """Return the highest conversation id in the tables; 0 when there is none."""
    return connection.scalar(select(func.max(Conversation.id)).where(Conversation.account_id == account_id)) or 0


def count(connection: Connection, account_id: int) -> int:
    """Return how many conversations are in the tables."""
    return connection.scalar(select(func.count()).where(Conversation.account_id == account_id)) or 0


def is_near_others(connection: Connection, account_id: int, number: int, far: int) -> bool:
    """Return whether a living conversation is not far from a number, or is of that number and was read whole."""
    near = select(Conversation.id).where(
        Conversation.account_id == account_id,
        Conversation.id.between(number - far, number + far),
        Conversation.deleted_at.is_(None),
        (Conversation.id != number) | Conversation.history_read_at.is_not(None),
    )
    return connection.execute(near.limit(1)).first() is not None


def present(connection: Connection, account_id: int, conversation_ids: Iterable[int]) -> set[int]:
    """Return those of the ids whose conversation is in the tables."""
    known = select(Conversation.id).where(
        Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids)
    )
    return set(connection.scalars(known))


def statuses(connection: Connection, account_id: int, conversation_ids: Iterable[int]) -> dict[int, str | None]:
    """Return the status of each of the ids whose conversation is in the tables and not deleted."""
    ours = (Conversation.account_id == account_id) & (Conversation.id == any_of(conversation_ids))
    query = select(Conversation.id, Conversation.status).where(ours, Conversation.deleted_at.is_(None))
    return {row.id: row.status for row in connection.execute(query)}


def living(connection: Connection, account_id: int) -> IdSet:
    """Return the ids of the conversations that are in the tables and not deleted."""
    query = select(Conversation.id).where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None))
    return IdSet(connection.execution_options(yield_per=ROWS_AT_ONCE).scalars(query))


def places(connection: Connection, account_id: int, conversation_ids: Iterable[int]) -> list[tuple[str, int]]:
    """Return the status and inbox of conversations, each pair once."""
    query = (
        select(Conversation.status, Conversation.inbox_id)
        .where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
        .where(Conversation.status.is_not(None), Conversation.inbox_id.is_not(None))
        .distinct()
        .order_by(Conversation.status, Conversation.inbox_id)
    )
    return [(str(row.status), int(row.inbox_id)) for row in connection.execute(query)]


def missing(connection: Connection, account_id: int) -> set[int]:
    """Return the ids of the conversations that could not be loaded, as the ledger has them."""
    return set(connection.scalars(select(LedgerEntry.conversation_id).where(LedgerEntry.account_id == account_id)))


def found_again(connection: Connection, account_id: int, conversation_ids: Iterable[int]) -> None:
    """Delete the ledger's entries of conversations that were loaded after all."""
    connection.execute(
        delete(LedgerEntry).where(
            LedgerEntry.account_id == account_id, LedgerEntry.conversation_id == any_of(conversation_ids)
        )
    )


@dataclass(frozen=True)
class Kept:
    """What the tables say of a conversation: what it looked like when its history was last read completely, and when.

    read_at and last_activity_at are UTC; digest: of the payload of which its rows were made. contact_id: with whom.
    """

    mark: str | None
    read_at: datetime | None
    digest: str | None
    last_activity_at: datetime | None
    deleted: bool
    contact_id: int | None = None


def kept(connection: Connection, account_id: int, conversation_ids: Sequence[int]) -> dict[int, Kept]:
    """Return what the tables say of conversations, by id."""
    found = connection.execute(
        select(
            Conversation.id,
            Conversation.mark,
            Conversation.history_read_at,
            Conversation.payload_digest,
            Conversation.last_activity_at,
            Conversation.deleted_at,
            Conversation.contact_id,
        ).where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
    )
    return {
        row.id: Kept(
            row.mark,
            row.history_read_at,
            row.payload_digest,
            row.last_activity_at,
            row.deleted_at is not None,
            row.contact_id,
        )
        for row in found
    }


def save_digests(connection: Connection, account_id: int, digests: dict[int, str | None]) -> None:
    """Set the digests of conversations in whose rows nothing else may have changed.

    A conversation without a digest stays without: its rows are not known to be what the payload says.
    """
    connection.execute(
        text(
            f"""
            UPDATE {SCHEMA}.conversations AS c SET payload_digest = given.digest
            FROM unnest(CAST(:ids AS bigint[]), CAST(:digests AS text[])) AS given(id, digest)
            WHERE c.account_id = :account_id AND c.id = ANY(:ids) AND c.id = given.id
              AND c.payload_digest IS NOT NULL AND c.payload_digest IS DISTINCT FROM given.digest
            """  # noqa: S608 -- only constants are formatted in
        ),
        {"account_id": account_id, "ids": list(digests), "digests": list(digests.values())},
    )


def forget_digests(connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
    """Delete the digests of conversations, so that these are taken in again even when they are sent as before."""
    if conversation_ids:
        connection.execute(
            update(Conversation)
            .where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
            .values(payload_digest=None)
        )


def close_marks(connection: Connection, account_id: int, marks: dict[int, str], at: datetime) -> None:
    """Set marks, and the time of reading, of conversations whose history is now known to be complete."""
    connection.execute(
        text(
            f"""
            UPDATE {SCHEMA}.conversations AS c SET mark = given.mark, history_read_at = :at
            FROM unnest(CAST(:ids AS bigint[]), CAST(:marks AS text[])) AS given(id, mark)
            WHERE c.account_id = :account_id AND c.id = given.id
            """  # noqa: S608 -- only constants are formatted in
        ),
        {"account_id": account_id, "ids": list(marks), "marks": list(marks.values()), "at": at},
    )
