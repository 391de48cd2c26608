"""Takes payloads of conversations in: transform, the histories of those that changed, one transaction."""

from array import array
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from etl import journal, load, transform
from etl.audit import Unproved
from etl.database import transaction
from etl.errors import VendorError
from etl.history import Histories, History
from etl.journal import Run
from etl.load import Mark, Row
from etl.settings import Settings
from etl.transform import Batch, Key

# Rows inserted by this run before the planner is told of them, and how many times as many before it is told again.
ANALYZE_FIRST_AT, ANALYZE_AGAIN_AT = 500, 8


# Few and short tables, the same rows on nearly every page: what this run saved is kept in mind.
REPEATED = ("inboxes", "teams", "agents", "bots", "labels")


@dataclass(frozen=True)
class Reading:
    """A batch, and those of its histories that are being read, by conversation id."""

    batch: Batch
    histories: dict[int, Future[History]]

    def is_read(self) -> bool:
        """Tell whether all its histories are there."""
        return all(one.done() for one in self.histories.values())

    def is_asked_for(self) -> bool:
        """Tell whether none of its histories still waits for a thread."""
        return all(one.done() or one.running() for one in self.histories.values())


@dataclass
class Intake:
    """Takes in what a run reads, and remembers what the ledger and the audit need of it.

    after_each: called after each batch that was saved; may raise, to end the run there.
    read_after: histories read since then are not read again as long as their mark holds; None: whatever their age.
    rejected_before: whether there are rejected records that may now be read well.
    beyond_range, replaced: how many values PostgreSQL could not hold, and how many held characters that it does not.
    seen: ids of the conversations taken in. unproved: conversation id -> mark, and ids read, of those whose history was
    read, but may lack messages. unread: how many histories could not be read; why: what was said of the first.
    """

    settings: Settings
    engine: Engine
    pool: Executor
    histories: Histories
    run: Run
    after_each: Callable[[], None] = lambda: None
    read_after: datetime | None = None
    seen: set[int] = field(default_factory=set)
    unproved: dict[int, Unproved] = field(default_factory=dict)
    unread: int = 0
    why: str = ""
    beyond_range: int = 0
    replaced: int = 0
    rejected_before: bool = False
    _under_way: dict[int, str] = field(default_factory=dict)
    _saved: dict[tuple[str, Key], Row] = field(default_factory=dict)
    _inserted: int = 0
    _analyze_at: int = ANALYZE_FIRST_AT

    def take(self, payloads: Iterable[Any]) -> None:
        """Take the payloads of a page in: in one transaction, with the histories of the conversations that changed."""
        self.finish(self.begin(payloads))

    def begin(self, payloads: Iterable[Any]) -> Reading:
        """Turn the payloads of a page into a batch, and have the histories of the conversations that changed read."""
        batch = transform.to_batch(self.settings.account_id, payloads)
        due = [one for one in self._due(batch) if self._under_way.get(one) != batch.marks[one]]
        self._under_way |= {one: batch.marks[one] for one in due}
        return Reading(batch, {one: self.pool.submit(self.histories.read, one, batch.shown[one]) for one in due})

    def finish(self, reading: Reading) -> None:
        """Wait for the histories of a batch, and save all of it."""
        batch = reading.batch
        self._add_histories(reading)
        self.save(batch)
        self.seen.update(batch.marks)
        for one in reading.histories:
            self._under_way.pop(one, None)

    def save(self, batch: Batch) -> None:
        """Save a batch in one transaction, and count what became of it."""
        rows = {table: self._news(table, by_key) for table, by_key in batch.rows.items()}
        now = datetime.now(UTC)
        with transaction(self.engine) as connection:
            counts = load.save(connection, rows)
            load.replace_children(connection, batch.account_id, batch.complete, rows)
            if batch.histories:
                load.mark_removed(
                    connection, batch.account_id, batch.histories, [row["id"] for row in rows["messages"]], now
                )
            load.save_states(connection, batch.account_id, list(batch.marks), now)
            load.found_again(connection, batch.account_id, list(batch.marks))
            if self.read_after is not None:
                load.close_marks(connection, batch.account_id, {one: batch.marks[one] for one in batch.histories}, now)
            journal.save_rejected(connection, self.run, batch.rejected)
            if self.rejected_before:
                journal.resolve_rejected(connection, batch.account_id, batch.read_well())
        for table in REPEATED:
            for key, row in batch.rows[table].items():
                self._saved[table, key] = self._saved.get((table, key), {}) | row
        for table in self.run.counts:
            self.run.counts[table].update(counts.get(table, {}))
        self._inserted += sum(one["inserted"] for one in counts.values())
        if self._inserted >= self._analyze_at:
            with transaction(self.engine) as connection:
                load.analyze(connection)
            self._analyze_at *= ANALYZE_AGAIN_AT
        self.run.rejected += len(batch.rejected)
        self.beyond_range += batch.beyond_range
        self.replaced += batch.replaced
        self.run.unknown_fields |= batch.unknown_fields
        self.after_each()

    def _news(self, table: str, rows: dict[Key, Row]) -> list[Row]:
        """Give the rows that have to be saved: what nearly every page repeats, only when it says something else."""
        if table not in REPEATED:
            return list(rows.values())
        return [row for key, row in rows.items() if not row.items() <= self._saved.get((table, key), {}).items()]

    def _due(self, batch: Batch) -> list[int]:
        """Give the conversations of a batch whose history has to be read.

        Those whose mark changed; and those active of late, as edits, deletions and delivery states no longer move any
        clock on servers after March 2026 (the vendor's section 5).
        """
        if self.settings.messages == "listed" or not batch.marks:
            return []
        with transaction(self.engine) as connection:
            marks = load.marks(connection, batch.account_id, list(batch.marks))
        return [one for one in batch.marks if self._is_due(batch, one, marks.get(one))]

    def _is_due(self, batch: Batch, conversation_id: int, kept: Mark | None) -> bool:
        if kept is None or kept.mark != batch.marks[conversation_id]:
            return True
        if self.read_after is not None:
            return kept.read_at < self.read_after
        active = batch.rows["conversations"][(conversation_id,)].get("last_activity_at")
        return active is not None and active > self.run.started_at - timedelta(days=self.settings.reread_days)

    def _add_histories(self, reading: Reading) -> None:
        """Add the histories to their batch; the mark of one that cannot be read completely stays open."""
        batch = reading.batch
        for one, future in reading.histories.items():
            rejected = len(batch.rejected)
            try:
                history = future.result()
            except VendorError as error:
                self.unread += 1
                self.why = self.why or str(error)
                continue
            ids = transform.add_history(batch, one, history.messages)
            if not history.complete:
                self.unproved[one] = Unproved(batch.marks[one], array("q", ids))
            elif len(batch.rejected) == rejected:
                transform.close_history(batch, one, datetime.now(UTC))
