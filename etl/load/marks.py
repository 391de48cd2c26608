"""The marks of histories: which have to be opened again, so that the next run reads them once more."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from etl.database.base import SCHEMA
from etl.database.engine import any_of
from etl.database.models import Conversation

READINGS_AT_ONCE = 1_000


def reopen(connection: Connection, account_id: int, conversation_ids: Iterable[int]) -> None:
    """Open the marks of conversations: what is stored of their histories is in doubt."""
    if ids := sorted(conversation_ids):
        connection.execute(
            update(Conversation)
            .where(
                Conversation.account_id == account_id, Conversation.id == any_of(ids), Conversation.mark.is_not(None)
            )
            .values(mark=None)
        )


def find_moves(connection: Connection, account_id: int, messages: Sequence[dict[str, Any]]) -> set[int]:
    """Return the conversations between which messages move if these rows are saved so: those left, and entered.

    To be asked when the rows were saved without moving any: by then what another worker saved meanwhile is there, and
    locked. A message belongs to one conversation for good, so one of the two readings was of something else.
    """
    moves = connection.execute(
        text(
            f"""
            SELECT held.conversation_id, given.conversation_id
            FROM unnest(CAST(:ids AS bigint[]), CAST(:conversations AS bigint[])) AS given(id, conversation_id)
            JOIN {SCHEMA}.messages AS held ON held.account_id = :account_id AND held.id = given.id
            WHERE held.id = ANY(:ids) AND held.conversation_id <> given.conversation_id
            """  # noqa: S608 -- only constants are formatted in
        ),
        {
            "account_id": account_id,
            "ids": [row["id"] for row in messages],
            "conversations": [row["conversation_id"] for row in messages],
        },
    )
    return {conversation_id for pair in moves for conversation_id in pair}


@contextmanager
def by_age(connection: Connection, account_id: int, before: datetime) -> Iterator[Iterator[tuple[int, str]]]:
    """Give the conversations whose history was last read whole before a time, the oldest first, with their marks."""
    reading = func.coalesce(Conversation.history_read_at, Conversation.first_synced_at)
    query = (
        select(Conversation.id, Conversation.mark)
        .where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None), reading < before)
        .where(Conversation.mark.is_not(None))
        .order_by(reading, Conversation.id)
    )
    with connection.execution_options(yield_per=READINGS_AT_ONCE).execute(query) as rows:
        yield ((row.id, row.mark) for row in rows)


def active(connection: Connection, account_id: int, since: datetime, before: datetime) -> dict[int, str]:
    """Return the conversations that were active since a time and last read before another, with their marks."""
    query = select(Conversation.id, Conversation.mark).where(
        Conversation.account_id == account_id,
        Conversation.deleted_at.is_(None),
        Conversation.last_activity_at > since,
        Conversation.history_read_at < before,
        Conversation.mark.is_not(None),
    )
    return {row.id: row.mark for row in connection.execute(query)}


def note_reading(connection: Connection, account_id: int, conversation_ids: Sequence[int]) -> None:
    """Set the time of reading of conversations whose history was read whole, and whose mark is as it was."""
    if conversation_ids:
        connection.execute(
            update(Conversation)
            .where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
            .values(history_read_at=func.clock_timestamp())
        )


def mark_removed(
    connection: Connection,
    account_id: int,
    conversation_ids: Sequence[int],
    kept: Sequence[int],
    *,
    partial: bool = False,
) -> int:
    """Mark as removed the messages that a complete reading of conversations, which gave `kept`, no longer returned.

    The marks of their conversations are opened: one reading that lacks a message may have been of something else, a
    second one confirms it or brings it back. partial: also those that no reading ever returned, as the witness, which
    has told them, tells them no more. Return how many were marked.
    """
    removed = connection.scalar(
        text(
            f"""
            WITH removed AS (
                UPDATE {SCHEMA}.messages SET removed_at = now(), changed_at = now()
                WHERE account_id = :account_id AND conversation_id = ANY(:ids) AND removed_at IS NULL
                  AND (:partial OR NOT partial)
                  AND NOT EXISTS (SELECT FROM unnest(CAST(:kept AS bigint[])) AS kept(id) WHERE kept.id = messages.id)
                RETURNING conversation_id
            ), opened AS (
                UPDATE {SCHEMA}.conversations SET mark = NULL
                WHERE account_id = :account_id AND id = ANY(:ids) AND id IN (SELECT conversation_id FROM removed)
            )
            SELECT count(*) FROM removed
            """  # noqa: S608 -- only constants are formatted in
        ),
        {"account_id": account_id, "ids": list(conversation_ids), "kept": list(kept), "partial": partial},
    )
    return removed or 0
