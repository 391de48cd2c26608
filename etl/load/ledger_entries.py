"""What the tables know of conversations that are not there: gone, forbidden to the token, or unreadable."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.bookkeeping import LedgerEntry
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.id_set import IdSet
from etl.load import conversations
from etl.load.clock import Clock

DELETED, FORBIDDEN, UNREADABLE = "deleted", "forbidden", "unreadable"
FORBIDDEN_FOR = timedelta(days=30)


class Reason(NamedTuple):
    """Why an id has no conversation: its state, and what the vendor answered.

    quote: what that quotes of the answer. asker: the digest of the token that was refused.
    """

    state: str
    said: str | None = None
    quote: str | None = None
    asker: str | None = None


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
        for conversation_id, reason in sorted(reasons.items())
        if conversation_id not in known
    ]
    if rows:
        statement = insert(LedgerEntry)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account_id", "conversation_id"],
                set_={name: statement.excluded[name] for name in ("state", "reason", "quote", "asker", "checked_at")},
            ),
            rows,
        )
