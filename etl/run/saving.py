"""What becomes of a batch in the tables: one transaction, read from top to bottom."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from etl.id_set import IdSet
from etl.load import changes, conversations, held, marks, rejected, upsert
from etl.load.journal import Run
from etl.load.tally import COUNTED, Tally
from etl.load.upsert import Row
from etl.privacy import rewrite, stored
from etl.privacy.batches import Forgotten
from etl.run.expected import Expected
from etl.transform.batch import Batch
from etl.transform.entities import PATHS

OF_NO_HISTORY = {"conversation", "reporting event"}
OF_ANOTHER_TYPE = "of another type than before"
LABELLED = "conversation_labels"


@dataclass
class Known:
    """What the tables held when the run began, so that they need not be asked again for each batch.

    highest: the highest id of a conversation. missing: ids that the ledger has as not loaded. has_rejected: whether
    there are rejected records that were not read well since. forgotten: people of whom nothing personal is kept.
    expected: the fields that the vendor has sent so far.
    """

    highest: int
    missing: set[int]
    has_rejected: bool
    forgotten: Forgotten
    expected: Expected

    @classmethod
    def look(cls, connection: Connection, account_id: int) -> "Known":
        """Return what the tables hold now."""
        return cls(
            conversations.highest(connection, account_id),
            conversations.missing(connection, account_id),
            rejected.has_rejected(connection, account_id),
            stored.forgotten(connection, account_id),
            Expected.look(connection, account_id),
        )


def save_batch(connection: Connection, run: Run, batch: Batch, rows: dict[str, list[Row]], known: Known) -> Tally:
    """Save a batch whose personal data are protected already, and return what became of its rows.

    rows: those of the batch, by table, that have to be written.
    """
    account, now = batch.account_id, run.clock.now()
    read = [row["id"] for row in rows["messages"]]
    retyped = _take_out_retyped(connection, batch, rows, known)
    counts = _upsert(connection, batch, rows, now)
    moved = _move(connection, batch, rows["messages"], counts)
    if batch.came:
        rewrite.empty(connection, account, batch.came)
    is_new = _is_new(batch, counts)
    if not is_new:
        upsert.replace_children(connection, account, batch.complete, rows)
        conversations.save_digests(connection, account, _digests(rows["conversations"]))
    _save_states(connection, batch, now)
    if found := known.missing & batch.marks.keys():
        conversations.found_again(connection, account, found)
    if run.kind == "backfill":
        _close_marks(connection, batch, now)
    if not is_new:
        marks.mark_removed(connection, account, batch.histories, read)
    in_doubt = moved | retyped
    marks.reopen(connection, account, in_doubt | _find_unread(batch))
    conversations.forget_digests(connection, account, in_doubt.union(_find_stale(batch, rows, counts)))
    _keep_rejected(connection, run, batch, known)
    return Tally(
        counts={table: counts[table] for table in COUNTED if table in counts},
        moved=IdSet(moved),
        contradictions={OF_ANOTHER_TYPE} if retyped else set(),
        inserted=sum(count["inserted"] for count in counts.values()),
    )


def _upsert(connection: Connection, batch: Batch, rows: dict[str, list[Row]], now: datetime) -> dict[str, Counter[str]]:
    """Upsert the rows, and note what changes of those that are there: labels when their conversations are locked."""
    changes.note_from_now_on(connection, now)
    labels = rows.get(LABELLED, [])
    counts = upsert.save(connection, {table: those for table, those in rows.items() if table != LABELLED}, PATHS)
    if not _is_new(batch, counts):
        changes.note_labels(connection, batch.account_id, batch.complete[LABELLED], labels, now)
    return counts | upsert.save(connection, {LABELLED: labels})


def _is_new(batch: Batch, counts: dict[str, Counter[str]]) -> bool:
    """Return whether all conversations and messages are new, so that nothing of them can be gone or have changed."""
    return bool(batch.marks) and counts["conversations"]["inserted"] >= len(batch.marks) and _all_inserted(counts)


def _all_inserted(counts: dict[str, Counter[str]]) -> bool:
    """Return whether none of the messages was there: one that was may have been another conversation's."""
    messages = counts.get("messages", Counter())
    return messages["inserted"] == messages["seen"]


def _take_out_retyped(connection: Connection, batch: Batch, rows: dict[str, list[Row]], known: Known) -> set[int]:
    """Take out of rows the messages of conversations in which all would get another type; return these."""
    if known.expected.accepts_all:
        return set()
    retyped = held.retyped(connection, batch.account_id, rows["messages"])
    out = {row["id"] for row in rows["messages"] if row["conversation_id"] in retyped}
    rows["messages"] = [row for row in rows["messages"] if row["id"] not in out]
    rows["attachments"] = [row for row in rows["attachments"] if row["message_id"] not in out]
    batch.complete["attachments"] = [one for one in batch.complete["attachments"] if one not in out]
    return retyped


def _save_states(connection: Connection, batch: Batch, now: datetime) -> None:
    """Save the states of the conversations; of what was withheld it is not known yet."""
    if settled := list(batch.marks.keys() - batch.observed.all_withheld()):
        conversations.save_states(connection, batch.account_id, settled, now)


def _move(connection: Connection, batch: Batch, messages: list[Row], counts: dict[str, Counter[str]]) -> set[int]:
    """Move the messages that were found in other conversations; return all that claim the same ones.

    Whose they are is not known: no history of these is whole, and nothing of it is gone.
    """
    moved = set[int]() if _all_inserted(counts) else marks.find_moves(connection, batch.account_id, messages)
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
    """Return the conversations that are in doubt, or whose history was read by itself, and holds what is unreadable."""
    if batch.marks:
        return batch.observed.doubtful
    of_histories = [one for one in batch.rejected if one["entity"] not in OF_NO_HISTORY]
    return batch.observed.doubtful | {one["conversation_id"] for one in of_histories if one["conversation_id"]}


def _find_stale(batch: Batch, rows: dict[str, list[Row]], counts: dict[str, Counter[str]]) -> list[int]:
    """Return the conversations whose rows are no longer what their payload says, even if it comes as before."""
    stale = [*batch.rejected_conversations(), *batch.observed.doubtful]
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
