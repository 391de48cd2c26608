"""What becomes of a batch in the tables: one transaction, read from top to bottom."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from etl.id_set import IdSet
from etl.load import conversations, marks, rejected, upsert
from etl.load.journal import Run
from etl.load.tally import COUNTED, Tally
from etl.load.upsert import Row
from etl.privacy import rewrite, stored
from etl.privacy.batches import Forgotten
from etl.transform.batch import Batch
from etl.transform.entities import PATHS
from etl.views.schema import COMPUTED_FROM


@dataclass
class Known:
    """What the tables held when the run began, so that they need not be asked again for each batch.

    highest: the highest id of a conversation. missing: ids that the ledger has as not loaded. has_rejected: whether
    there are rejected records that were not read well since. forgotten: people of whom nothing personal is kept.
    """

    highest: int
    missing: set[int]
    has_rejected: bool
    forgotten: Forgotten

    @classmethod
    def look(cls, connection: Connection, account_id: int) -> "Known":
        """Return what the tables hold now."""
        return cls(
            conversations.highest(connection, account_id),
            conversations.missing(connection, account_id),
            rejected.has_rejected(connection, account_id),
            stored.forgotten(connection, account_id),
        )


def save_batch(connection: Connection, run: Run, batch: Batch, rows: dict[str, list[Row]], known: Known) -> Tally:
    """Save a batch whose personal data are protected already, and return what became of its rows.

    rows: those of the batch, by table, that have to be written.
    """
    account, now = batch.account_id, datetime.now(UTC)
    counts = upsert.save(connection, rows, PATHS)
    moved = _move(connection, batch, rows["messages"], counts)
    if came := known.forgotten.came:
        rewrite.empty(connection, account, came)
        came.clear()
    # Nothing of a new conversation can be gone.
    is_new = bool(batch.marks) and counts["conversations"]["inserted"] >= len(batch.marks)
    if not is_new:
        upsert.replace_children(connection, account, batch.complete, rows)
        conversations.save_digests(connection, account, _digests(rows["conversations"]))
    if batch.marks:
        conversations.save_states(connection, account, list(batch.marks), now)
    if found := known.missing & batch.marks.keys():
        conversations.found_again(connection, account, found)
    if run.kind == "backfill":
        _close_marks(connection, batch, now)
    read = [row["id"] for row in rows["messages"]]
    removed = 0 if is_new else marks.mark_removed(connection, account, batch.histories, read)
    marks.reopen(connection, account, moved | _find_unread(batch))
    conversations.forget_digests(connection, account, [*_find_stale(batch, rows, counts), *moved])
    _keep_rejected(connection, run, batch, known)
    changed = {table for table, count in counts.items() if count["inserted"] + count["updated"]}
    return Tally(
        counts={table: counts[table] for table in COUNTED if table in counts},
        moved=IdSet(moved),
        inserted=sum(count["inserted"] for count in counts.values()),
        wrote=removed > 0 or not changed.isdisjoint(COMPUTED_FROM),
    )


def _move(connection: Connection, batch: Batch, messages: list[Row], counts: dict[str, Counter[str]]) -> set[int]:
    """Move the messages that were found in other conversations; return all that claim the same ones.

    Whose they are is not known: no history of these is whole, and nothing of it is gone.
    """
    moved = marks.find_moves(connection, batch.account_id, messages)
    if moved:
        updated = upsert.save(connection, {"messages": messages}, PATHS, moving=True)["messages"]["updated"]
        counts["messages"].update(updated=updated, unchanged=-updated)
    moved |= batch.disputed
    batch.histories = [one for one in batch.histories if one not in moved]
    return moved


def _close_marks(connection: Connection, batch: Batch, now: datetime) -> None:
    """Close marks also where nothing else in the row changed: else a backfill that was stopped would begin anew."""
    closed = {number: batch.marks[number] for number in batch.histories if number in batch.marks}
    conversations.close_marks(connection, batch.account_id, closed, now)


def _find_unread(batch: Batch) -> set[int]:
    """Return the conversations whose history was read again by itself, and holds records that could not be read."""
    if batch.marks:
        return set()
    of_histories = [one for one in batch.rejected if one["entity"] != "conversation"]
    return {one["conversation_id"] for one in of_histories if one["conversation_id"]}


def _find_stale(batch: Batch, rows: dict[str, list[Row]], counts: dict[str, Counter[str]]) -> list[int]:
    """Return the conversations whose rows are no longer what their payload says, even if it comes as before."""
    stale = batch.rejected_conversations()
    if not batch.marks and "messages" in counts and counts["messages"]["updated"]:
        # A history alone, which was read for another reason than a page.
        stale += {row["conversation_id"] for row in rows["messages"]}
    return stale


def _keep_rejected(connection: Connection, run: Run, batch: Batch, known: Known) -> None:
    rejected.save_rejected(connection, run, batch.rejected)
    if known.has_rejected:
        rejected.resolve_rejected(connection, batch.account_id, batch.resolved_records())


def _digests(conversations: list[Row]) -> dict[int, str | None]:
    return {row["id"]: row["payload_digest"] for row in conversations if "payload_digest" in row}
