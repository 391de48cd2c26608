"""What the tables know of contacts beyond their rows: which the list has shown, which are gone, which were merged."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, select, text, update

from etl.database.base import SCHEMA
from etl.database.dimensions import Contact
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.load.conversations import ROWS_AT_ONCE

MOVED = "entity = 'conversation' AND field = 'contact_id' AND jsonb_typeof(before) IN ('number', 'string')"
# Whom the list shows, or should; who is with no conversation any more, as these were deleted or moved. What was asked
# for and is there though the list does not show it, is not doubted again, and what is gone only where a conversation is
# with it. So nobody who never had an address is asked for while there is a conversation.
DOUBTED = f"""
    WITH named AS (
        SELECT contact.id FROM {SCHEMA}.contacts AS contact
        WHERE contact.account_id = :account_id AND contact.deleted_at IS NULL
          AND (contact.listed OR contact.listed IS NULL
               AND (contact.email <> '' OR contact.phone_number <> '' OR contact.identifier <> ''))
        UNION
        SELECT conversation.contact_id FROM {SCHEMA}.conversations AS conversation
        WHERE conversation.account_id = :account_id AND conversation.deleted_at IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM {SCHEMA}.conversations AS other
              WHERE other.account_id = :account_id AND other.contact_id = conversation.contact_id
                AND other.deleted_at IS NULL)
        UNION
        SELECT (before #>> '{{}}')::bigint FROM {SCHEMA}.field_changes WHERE account_id = :account_id AND {MOVED}
    )
    SELECT contact.id, coalesce(contact.listed, false) AS listed
    FROM {SCHEMA}.contacts AS contact JOIN named ON named.id = contact.id
    WHERE contact.account_id = :account_id AND contact.deleted_at IS NULL AND contact.listed IS DISTINCT FROM false
    UNION ALL
    SELECT contact.id, false FROM {SCHEMA}.contacts AS contact
    WHERE contact.account_id = :account_id AND contact.deleted_at IS NOT NULL
      AND EXISTS (
          SELECT FROM {SCHEMA}.conversations AS conversation
          WHERE conversation.account_id = :account_id AND conversation.contact_id = contact.id
            AND conversation.deleted_at IS NULL)
    ORDER BY id
"""  # noqa: S608 -- only constants are formatted in
# Of contacts that are gone, and with whom no conversation is any more: to whom theirs moved. A merge leaves nobody: who
# was still there for a run that accounted for contacts after the move, was deleted later, and the move was by hand.
MOVES = f"""
    SELECT DISTINCT contact.id AS gone, (change.after #>> '{{}}')::bigint AS heir
    FROM {SCHEMA}.contacts AS contact
    JOIN {SCHEMA}.field_changes AS change
      ON change.account_id = :account_id AND {MOVED} AND (change.before #>> '{{}}')::bigint = contact.id
    WHERE contact.account_id = :account_id AND contact.deleted_at IS NOT NULL AND contact.merged_into IS NULL
      AND jsonb_typeof(change.after) IN ('number', 'string')
      AND NOT EXISTS (
          SELECT FROM {SCHEMA}.sync_runs AS run
          WHERE run.account_id = :account_id AND run.contact_ledger IS NOT NULL
            AND run.started_at > change.seen_at AND run.finished_at < contact.deleted_at)
      AND NOT EXISTS (
          SELECT FROM {SCHEMA}.conversations AS conversation
          WHERE conversation.account_id = :account_id AND conversation.contact_id = contact.id
            AND conversation.deleted_at IS NULL)
    ORDER BY gone, heir
"""  # noqa: S608 -- only constants are formatted in


@dataclass(frozen=True)
class Doubted:
    """Contacts that the list should have shown: those that it has shown before, and others that may be in it."""

    listed: list[int]
    others: list[int]


def doubted(connection: Connection, account_id: int, seen: Collection[int]) -> Doubted:
    """Return whom the list should have shown, and that are not among those which it did."""
    found, bit_by_bit = Doubted([], []), connection.execution_options(yield_per=ROWS_AT_ONCE)
    with bit_by_bit.execute(text(DOUBTED), {"account_id": account_id}) as rows:
        for row in rows:
            if row.id not in seen:
                (found.listed if row.listed else found.others).append(row.id)
    return found


def count_listed(connection: Connection, account_id: int) -> int:
    """Return how many contacts the list has shown that are not known to be gone."""
    there = (Contact.account_id == account_id) & Contact.listed & Contact.deleted_at.is_(None)
    return connection.scalar(select(func.count()).where(there)) or 0


def conversations_with(
    connection: Connection, account_id: int, contact_ids: Collection[int]
) -> Sequence[tuple[int, int]]:
    """Return pairs of a contact and a conversation that is with this contact, and is not known to be deleted."""
    found = connection.execute(
        select(Conversation.contact_id, Conversation.id)
        .where(Conversation.account_id == account_id, Conversation.contact_id == any_of(contact_ids))
        .where(Conversation.deleted_at.is_(None))
    )
    return [(row[0], row[1]) for row in found if row[0] is not None]


def mark_deleted(connection: Connection, account_id: int, contact_ids: Collection[int], at: datetime) -> None:
    """Set tombstones on contacts that are gone."""
    _update(connection, account_id, contact_ids, Contact.deleted_at.is_(None), {"deleted_at": at})


def lift_tombstones(connection: Connection, account_id: int) -> None:
    """Take the tombstones off contacts of whom a conversation was met since: whoever is with one is there."""
    met = exists().where(
        Conversation.account_id == account_id,
        Conversation.contact_id == Contact.id,
        Conversation.deleted_at.is_(None),
        Conversation.first_synced_at > Contact.deleted_at,
    )
    there = {"deleted_at": None, "merged_into": None, "changed_at": func.now()}
    connection.execute(update(Contact).where(Contact.account_id == account_id, met).values(there))


def note_merges(connection: Connection, account_id: int) -> None:
    """Write down into whom contacts were merged that are gone: all their conversations have moved to one other."""
    moves: dict[int, set[int]] = {}
    for row in connection.execute(text(MOVES), {"account_id": account_id}):
        moves.setdefault(row.gone, set()).add(row.heir)
    known = select(Contact.id, Contact.merged_into).where(
        Contact.account_id == account_id, Contact.merged_into.is_not(None)
    )
    heirs: dict[int, int] = {row.id: row.merged_into for row in connection.execute(known)} if moves else {}
    heirs |= {gone: next(iter(found)) for gone, found in moves.items() if len(found) == 1}
    for gone, found in moves.items():
        # Where the heir was merged meanwhile, some of its conversations were seen before that and some after it.
        last = {_last_of(heirs, heir) for heir in found}
        if len(last) == 1 and (heir := heirs.get(gone, *last)) != gone:
            _update(connection, account_id, [gone], Contact.merged_into.is_(None), {"merged_into": heir})


def _last_of(heirs: Mapping[int, int], contact_id: int) -> int:
    """Return the last of a chain of heirs."""
    passed = {contact_id}
    while (heir := heirs.get(contact_id)) is not None and heir not in passed:
        passed.add(contact_id := heir)
    return contact_id


def _update(
    connection: Connection, account_id: int, contact_ids: Collection[int], only: Any, values: dict[str, Any]
) -> None:
    connection.execute(
        update(Contact)
        .where(Contact.account_id == account_id, Contact.id == any_of(contact_ids), only)
        .values(changed_at=func.now(), **values)
    )
