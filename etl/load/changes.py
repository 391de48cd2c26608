"""What changed of conversations and contacts: `helpdesk.field_changes`.

Triggers on both tables (`views/sql/note_changes.sql`) note the columns, as they alone see a row as it was when it was
locked, whoever saved it before. Labels are rows of a table of their own, and are compared here as a whole.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, text, update

from etl.database.base import SCHEMA
from etl.database.engine import any_of
from etl.database.witnesses import FieldChange

# Of a conversation that this transaction has saved, and so locked; one that is new has none from before.
LABELS = f"""
    INSERT INTO {SCHEMA}.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    SELECT :account_id, 'conversation', conversation.id, 'labels', to_jsonb(held.labels), to_jsonb(given.labels),
        greatest(:at, (
            SELECT max(earlier.seen_at + interval '1 microsecond') FROM {SCHEMA}.field_changes AS earlier
            WHERE earlier.account_id = :account_id AND earlier.entity = 'conversation'
              AND earlier.entity_id = conversation.id AND earlier.field = 'labels'
        ))
    FROM {SCHEMA}.conversations AS conversation
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT label FROM {SCHEMA}.conversation_labels AS label
        WHERE label.account_id = :account_id AND label.conversation_id = conversation.id ORDER BY label COLLATE "C"
    ) AS labels) AS held
    CROSS JOIN LATERAL (SELECT ARRAY(
        SELECT one.label FROM unnest(CAST(:holders AS bigint[]), CAST(:labels AS text[])) AS one(holder, label)
        WHERE one.holder = conversation.id ORDER BY one.label COLLATE "C"
    ) AS labels) AS given
    WHERE conversation.account_id = :account_id AND conversation.id = ANY(:ids)
      AND conversation.first_synced_at <> now() AND held.labels <> given.labels
    ORDER BY conversation.id
"""  # noqa: S608 -- only a constant is formatted in


def note_from_now_on(connection: Connection, at: datetime) -> None:
    """Have the triggers note what the rest of this transaction changes, as seen at a time.

    Nor does its commit wait for the disk: a batch that a power cut undoes is read again, and when the run is closed,
    everything before it is on the disk. Both in one statement, as each is a way there and back.
    """
    settings = "SELECT set_config('etl.seen_at', :at, true), set_config('synchronous_commit', 'off', true)"
    connection.execute(text(settings), {"at": at.isoformat()})


def note_labels(
    connection: Connection,
    account_id: int,
    conversation_ids: Sequence[int],
    labels: Sequence[dict[str, Any]],
    at: datetime,
) -> None:
    """Note whose labels are about to change: of these conversations, which are saved already, `labels` are all."""
    if conversation_ids:
        values = {"account_id": account_id, "at": at, "ids": list(conversation_ids)}
        values |= {"holders": [one["conversation_id"] for one in labels], "labels": [one["label"] for one in labels]}
        connection.execute(text(LABELS), values)


def of_conversations(theirs: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return which changes are those of conversations whose numbers meet a condition."""
    return and_(FieldChange.entity == "conversation", theirs)


def rewrite(connection: Connection, account_id: int, rows: Sequence[dict[str, Any]], without: Collection[int]) -> None:
    """Write before and after of changes over those that are stored, and delete others by their numbers."""
    ours = FieldChange.account_id == account_id
    if without:
        connection.execute(delete(FieldChange).where(ours, FieldChange.number == any_of(without)))
    if rows:
        values: dict[str, Any] = {side: bindparam(f"new_{side}") for side in ("before", "after")}
        connection.execute(
            update(FieldChange).where(ours, FieldChange.number == bindparam("of")).values(values),
            [{"of": row["number"], "new_before": row["before"], "new_after": row["after"]} for row in rows],
        )
