"""Records that could not become rows, kept with their reasons until they are read well."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from etl.database.bookkeeping import RejectedRecord
from etl.database.engine import any_of
from etl.load.journal import Run

# By so much of its digest a record without an id is named.
DIGITS = 12


def save_rejected(connection: Connection, run: Run, rejected: Sequence[dict[str, Any]]) -> None:
    """Keep the records that could not become rows; one that an earlier run met is kept once.

    A record is {entity, entity_id, conversation_id, reason, quote, payload, digest}.
    """
    rows = {
        (record["entity"], record["digest"]): record | {"account_id": run.account_id, "run_id": run.run_id}
        for record in rejected
    }
    if rows:
        statement = upsert(RejectedRecord)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account_id", "entity", "digest"],
                set_={"run_id": statement.excluded.run_id, "resolved_at": None},
            ),
            list(rows.values()),
        )


def has_rejected(connection: Connection, account_id: int) -> bool:
    """Return whether there are rejected records that were not read well since."""
    waiting = select(RejectedRecord.entity).where(
        RejectedRecord.account_id == account_id, RejectedRecord.resolved_at.is_(None)
    )
    return connection.execute(waiting.limit(1)).first() is not None


def waiting(connection: Connection, account_id: int) -> dict[str, set[str]]:
    """Return the digests of the records that were not read well since, by entity and id: `message:7`."""
    return _digests(connection, RejectedRecord.account_id == account_id, RejectedRecord.resolved_at.is_(None))


def met_by(connection: Connection, run: Run) -> dict[str, set[str]]:
    """Return the digests of the records that a run rejected, also when it read them well later, by entity and id."""
    return _digests(connection, RejectedRecord.account_id == run.account_id, RejectedRecord.run_id == run.run_id)


def _digests(connection: Connection, *which: ColumnElement[bool]) -> dict[str, set[str]]:
    """Return digests by entity and id; of what has no id that can be read, by the digest's beginning."""
    found: dict[str, set[str]] = {}
    of = select(RejectedRecord.entity, RejectedRecord.entity_id, RejectedRecord.digest).where(*which)
    for row in connection.execute(of):
        found.setdefault(f"{row.entity}:{row.entity_id or row.digest[:DIGITS]}", set()).add(row.digest)
    return found


def waiting_since_before(connection: Connection, run: Run, entity: str, numbers: Iterable[int]) -> set[int]:
    """Return those of the numbers of which an earlier run rejected a record that was not read well since."""
    ids = [str(number) for number in numbers]
    waiting = select(RejectedRecord.entity_id).where(
        RejectedRecord.account_id == run.account_id,
        RejectedRecord.entity == entity,
        RejectedRecord.entity_id == func.any(literal(ids, ARRAY(Text))),
        RejectedRecord.resolved_at.is_(None),
        RejectedRecord.run_id < run.run_id,
    )
    return {int(found) for found in connection.scalars(waiting) if found}


def resolve_rejected(connection: Connection, account_id: int, read: Sequence[tuple[str, int]]) -> None:
    """Mark as resolved the rejected records that were now read well: (entity, id) of each."""
    connection.execute(
        update(RejectedRecord)
        .where(
            RejectedRecord.account_id == account_id,
            RejectedRecord.resolved_at.is_(None),
            tuple_(RejectedRecord.entity, RejectedRecord.entity_id).in_(
                select(
                    func.unnest(literal([entity for entity, _ in read], ARRAY(Text))),
                    func.unnest(literal([str(entity_id) for _, entity_id in read], ARRAY(Text))),
                )
            ),
        )
        .values(resolved_at=func.now())
    )


def resolve_rejected_of(connection: Connection, account_id: int, entity: str, conversation_ids: Sequence[int]) -> None:
    """Mark as resolved the rejected records of conversations all of whose records of a kind were now read well."""
    connection.execute(
        update(RejectedRecord)
        .where(
            RejectedRecord.account_id == account_id,
            RejectedRecord.resolved_at.is_(None),
            RejectedRecord.entity == entity,
            RejectedRecord.conversation_id == any_of(conversation_ids),
        )
        .values(resolved_at=func.now())
    )
