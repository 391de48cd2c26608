"""What the tables know of conversations that are not there: gone, forbidden to the token, or unreadable."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.bookkeeping import LedgerEntry
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.id_set import IdSet
from etl.load import conversations
from etl.load.clock import Clock

DELETED, FORBIDDEN, UNREADABLE = "deleted", "forbidden", "unreadable"
# In the place of a status: the vendor counts it in none, though it is there, as a conversation of a deleted inbox.
NOT_COUNTED = "not counted"
FORBIDDEN_FOR = timedelta(days=30)


class Reason(NamedTuple):
    """Why an id has no conversation: its state, and what the vendor answered.

    quote: what that quotes of the answer. asker: the digest of the token that was refused. failure: what went wrong, in
    our own words, without what was asked for and quoted: by them the same failure is known again.
    """

    state: str
    said: str | None = None
    quote: str | None = None
    asker: str | None = None
    failure: str | None = None


class Unread(NamedTuple):
    """What is known of a conversation that an earlier run could not read.

    nights: on how many days it was found so. counted_as: in which status the vendor counts it, or NOT_COUNTED; None:
    that is not known yet.
    """

    reason: Reason
    nights: int
    checked_at: datetime
    counted_as: str | None


def digest_of(token: str, rights: Collection[str] | None) -> str:
    """Return by what a refusal is known to be that of a token with some rights: another may be let in.

    rights: None where they could not be read; then the token's are taken for what they were.
    """
    return "-".join([_digest(token), "" if rights is None else _digest("\n".join(sorted(rights)))])


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def known_gone(connection: Connection, account_id: int, asker: str) -> dict[str, set[int]]:
    """Return the ids that need not be asked for: {DELETED: known to be gone, FORBIDDEN: refused to the asker of late}.

    asker: the digest of the token that would ask.
    """
    rows = connection.execute(
        select(LedgerEntry.conversation_id, LedgerEntry.state).where(
            LedgerEntry.account_id == account_id,
            (LedgerEntry.state == DELETED)
            | (LedgerEntry.state == FORBIDDEN)
            & (LedgerEntry.asker.startswith(asker) if asker.endswith("-") else LedgerEntry.asker == asker)
            & (LedgerEntry.checked_at > func.clock_timestamp() - FORBIDDEN_FOR),
        )
    ).all()
    deleted = connection.scalars(
        select(Conversation.id).where(Conversation.account_id == account_id, Conversation.deleted_at.is_not(None))
    )
    known = {DELETED: set(deleted), FORBIDDEN: set[int]()}
    for row in rows:
        known[row.state].add(row.conversation_id)
    return known


def of_state(connection: Connection, account_id: int, state: str) -> set[int]:
    """Return the ids that were in a state when they were last asked for."""
    ours = (LedgerEntry.account_id == account_id) & (LedgerEntry.state == state)
    return set(connection.scalars(select(LedgerEntry.conversation_id).where(ours)))


def unseen(connection: Connection, account_id: int, seen: IdSet) -> dict[int, str]:
    """Return the conversations in the tables that a run could not see, each with why: FORBIDDEN or UNREADABLE.

    seen: those that it saw.
    """
    rows = connection.execute(
        select(LedgerEntry.conversation_id, LedgerEntry.state)
        .join(Conversation, (Conversation.account_id == account_id) & (Conversation.id == LedgerEntry.conversation_id))
        .where(LedgerEntry.account_id == account_id, LedgerEntry.state != DELETED, Conversation.deleted_at.is_(None))
        .order_by(LedgerEntry.conversation_id)
    )
    return {row.conversation_id: row.state for row in rows if row.conversation_id not in seen}


def unread(connection: Connection, account_id: int) -> dict[int, Unread]:
    """Return what is known of the conversations that could not be read when they were last asked for."""
    rows = connection.execute(
        select(LedgerEntry).where(LedgerEntry.account_id == account_id, LedgerEntry.state == UNREADABLE)
    )
    return {
        row.conversation_id: Unread(
            Reason(row.state, row.reason, row.quote, failure=row.failure), row.nights, row.checked_at, row.counted_as
        )
        for row in rows
    }


def note_counted(connection: Connection, account_id: int, statuses: Mapping[int, str | None]) -> None:
    """Note in which status the vendor counts conversations that could not be read; None: what was known holds."""
    for conversation_id, status in statuses.items():
        if status is None:
            continue
        connection.execute(
            update(LedgerEntry)
            .where(LedgerEntry.account_id == account_id, LedgerEntry.conversation_id == conversation_id)
            .where(LedgerEntry.counted_as.is_distinct_from(status))
            .values(counted_as=status)
        )


def forget_counted(connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
    """Forget in which status the vendor counts conversations: it may count them otherwise now."""
    ours = (LedgerEntry.account_id == account_id) & (LedgerEntry.conversation_id == any_of(conversation_ids))
    connection.execute(update(LedgerEntry).where(ours).values(counted_as=None))


def highest_there(connection: Connection, account_id: int) -> int:
    """Return the highest id that the tables do not have as gone, with or without a conversation; 0: there is none."""
    highest = (ids.with_only_columns(func.max(ids.selected_columns[0])) for ids in _there(account_id))
    return max(connection.scalar(query) or 0 for query in highest)


def all_there(connection: Connection, account_id: int) -> IdSet:
    """Return the ids that the tables do not have as gone, with or without a conversation."""
    found = IdSet()
    for ids in _there(account_id):
        found.update(connection.execution_options(yield_per=conversations.ROWS_AT_ONCE).scalars(ids))
    return found


def _there(account_id: int) -> list[Select[int]]:
    return [
        select(Conversation.id).where(Conversation.account_id == account_id, Conversation.deleted_at.is_(None)),
        select(LedgerEntry.conversation_id).where(LedgerEntry.account_id == account_id, LedgerEntry.state != DELETED),
    ]


def count_doomed(connection: Connection, account_id: int, gone: Collection[int]) -> tuple[int, int]:
    """Return how many stored conversations are not deleted, and how many of these are among the ids that are gone."""
    living = (Conversation.account_id == account_id) & Conversation.deleted_at.is_(None)
    held = connection.scalar(select(func.count()).where(living)) or 0
    doomed = connection.scalar(select(func.count()).where(living, Conversation.id == any_of(gone))) or 0
    return held, doomed


def write_down(connection: Connection, account_id: int, gone: Collection[int], reasons: Mapping[int, Reason]) -> None:
    """Set tombstones on the conversations that are gone, and keep why the other ids have no conversation."""
    now = Clock.of(connection).at
    ours = (Conversation.account_id == account_id) & (Conversation.id == any_of(gone))
    connection.execute(
        update(Conversation)
        .where(ours, Conversation.deleted_at.is_(None))
        .values(deleted_at=now, changed_at=func.now())
    )
    known = conversations.present(connection, account_id, gone)
    # Nor is of what is gone known any more what it was before.
    conversations.found_again(connection, account_id, known | (set(gone) - reasons.keys()))
    rows = [
        {"account_id": account_id, "conversation_id": conversation_id, "checked_at": now}
        | {"state": reason.state, "reason": reason.said, "quote": reason.quote, "asker": reason.asker}
        | {"failure": reason.failure}
        for conversation_id, reason in sorted(reasons.items())
        if conversation_id not in known
    ]
    if rows:
        statement = insert(LedgerEntry)
        new = statement.excluded
        told: dict[str, Any] = {
            name: new[name] for name in ("state", "reason", "quote", "asker", "failure", "checked_at")
        }
        is_same = (LedgerEntry.state == new.state) & LedgerEntry.failure.is_not_distinct_from(new.failure)
        is_later = func.date_trunc("day", LedgerEntry.checked_at) < func.date_trunc("day", new.checked_at)
        told["nights"] = case((is_same, LedgerEntry.nights + case((is_later, 1), else_=0)), else_=1)
        keys = ["account_id", "conversation_id"]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=told), rows)
