"""Saves batches, each in one transaction, in a thread of its own: while one is saved the next one is read."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from etl import logs
from etl.database.engine import transaction
from etl.errors import EtlError, Interrupted
from etl.id_set import IdSet
from etl.load import conversations, rejected, upsert
from etl.load.journal import Run
from etl.load.upsert import Row
from etl.privacy import rewrite, stored
from etl.privacy.batches import protect
from etl.privacy.rules import Way
from etl.transform.batch import Batch, Key
from etl.views.schema import COMPUTED_FROM

Counts = dict[str, Counter[str]]

# Few and short tables, the same rows on nearly every page: what this run saved is kept in mind.
REPEATED = ("inboxes", "teams", "agents", "bots", "labels")
# Rows inserted by this run before the planner is told of them, and how many times as many before it is told again.
ANALYZE_FIRST_AT, ANALYZE_AGAIN_AT = 500, 8


class Writer:
    """Saves one batch at a time, in the order in which they come, and counts what became of them in the run.

    after_each: called after each batch that was saved, by the thread that uses the writer; may raise, to end the run.
    wrote: whether a row changed of which the figures in schema `bi` are computed.
    way: how personal data are stored. forgotten: of whom none are.
    guard: called at the beginning of each transaction; may raise, to save nothing any more.
    closes_marks: whether histories that were read are marked as read even where nothing else in the row changed.
    inserted: rows of all tables. analyzes: whether it tells the planner of them.
    seen: ids of the conversations that were saved. beyond_range, replaced: how many values PostgreSQL could not hold,
    and how many held characters that it does not.
    """

    def __init__(self, engine: Engine, run: Run, after_each: Callable[[], None], way: Way) -> None:
        self.way = way
        self.guard: Callable[[Connection], None] = lambda _: None
        self.closes_marks = self.wrote = False
        self.seen = IdSet()
        self.beyond_range = self.replaced = 0
        self._engine, self._run, self._after_each = engine, run, after_each
        self._under_way: tuple[Batch, Future[Counts]] | None = None
        self._saved: dict[tuple[str, Key], dict[str, str]] = {}
        self.inserted, self.analyzes, self._analyze_at = 0, True, ANALYZE_FIRST_AT
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="etl-writer", initializer=logs.inherit_run())
        self._thread.submit(self._look).result()

    def _look(self) -> None:
        """Look at what the batches may find: of what is not there, nothing has to be asked for each of them."""
        with transaction(self._engine) as connection:
            self._highest = conversations.highest(connection, self._run.account_id)
            self._missing = conversations.missing(connection, self._run.account_id)
            self._rejected_before = rejected.has_rejected(connection, self._run.account_id)
            self.forgotten = stored.forgotten(connection, self._run.account_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if kind is not Interrupted:
            with suppress(EtlError):  # a failure is being told already
                self._count()
        self._under_way = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    def save(self, batch: Batch) -> None:
        """Save a batch, and return when it is saved."""
        self.begin(batch)
        self.finish()

    def begin(self, batch: Batch) -> None:
        """Have a batch saved, as soon as the one before it is."""
        self.finish()
        self._under_way = batch, self._thread.submit(self._save, batch)

    def finish(self) -> None:
        """Wait until the batch that was begun is saved, and count what became of it."""
        if self._under_way:
            self._count()
            self._after_each()

    def _count(self) -> None:
        if self._under_way is None:
            return
        batch, saving = self._under_way
        counts = saving.result()
        self._under_way = None
        for table in self._run.counts:
            self._run.counts[table].update(counts.get(table, {}))
        self._run.rejected += len(batch.rejected)
        self._run.unknown_fields |= batch.unknown_fields
        self.beyond_range += batch.beyond_range
        self.replaced += batch.replaced
        self._run.counts["conversations"].update(seen=len(batch.unchanged), unchanged=len(batch.unchanged))
        self.seen.update(batch.marks, batch.unchanged)
        self._missing -= batch.marks.keys()

    def check(self) -> None:
        """Raise what made the batch under way fail, as soon as it did."""
        if self._under_way and self._under_way[1].done():
            self._under_way[1].result()

    def is_new(self, conversation_id: int) -> bool:
        """Return whether the tables cannot have a conversation, neither from before the run nor from this one."""
        return conversation_id > self._highest and conversation_id not in self.seen

    def is_missing(self, conversation_id: int) -> bool:
        """Return whether the ledger has a conversation as one that could not be loaded."""
        return conversation_id in self._missing

    def _save(self, batch: Batch) -> Counts:
        protect(batch, self.way, self.forgotten)
        rows = {table: self._news(table, by_key) for table, by_key in batch.rows.items()}
        if not any(rows.values()) and not batch.rejected:
            return {}
        account, now = batch.account_id, datetime.now(UTC)
        with transaction(self._engine) as connection:
            self.guard(connection)
            counts = upsert.save(connection, rows)
            if self.forgotten.came:
                rewrite.empty(connection, account, self.forgotten.came)
                self.forgotten.came.clear()
            if not batch.marks or counts["conversations"]["inserted"] < len(batch.marks):
                # Of a new conversation nothing can be gone.
                upsert.replace_children(connection, account, batch.complete, rows)
                self.wrote |= (
                    conversations.mark_removed(
                        connection, account, batch.histories, [row["id"] for row in rows["messages"]], now
                    )
                    > 0
                )
                conversations.save_digests(connection, account, _digests(rows["conversations"]))
            if batch.marks:
                conversations.save_states(connection, account, list(batch.marks), now)
            if found := self._missing & batch.marks.keys():
                conversations.found_again(connection, account, found)
            if self.closes_marks:
                conversations.close_marks(connection, account, {one: batch.marks[one] for one in batch.histories}, now)
            conversations.forget_digests(connection, account, batch.rejected_conversations())
            rejected.save_rejected(connection, self._run, batch.rejected)
            if self._rejected_before:
                rejected.resolve_rejected(connection, account, batch.resolved_records())
        for table in REPEATED:
            for key, row in batch.rows[table].items():
                self._saved.setdefault((table, key), {}).update(_as_text(row))
        self.wrote |= any(
            counts[table]["inserted"] + counts[table]["updated"] for table in COMPUTED_FROM if table in counts
        )
        self.analyze_after(sum(one["inserted"] for one in counts.values()))
        return counts

    def _news(self, table: str, rows: dict[Key, Row]) -> list[Row]:
        """Return the rows that have to be saved: what nearly every page repeats, only when it says something else."""
        if table not in REPEATED:
            return list(rows.values())
        return [
            row for key, row in rows.items() if not _as_text(row).items() <= self._saved.get((table, key), {}).items()
        ]

    def analyze_after(self, inserted: int) -> None:
        """Count rows that were inserted, and tell the planner of them now and then."""
        self.inserted += inserted
        if self.analyzes and self.inserted >= self._analyze_at:
            with transaction(self._engine) as connection:
                upsert.analyze(connection)
            self._analyze_at *= ANALYZE_AGAIN_AT


def _digests(conversations: list[Row]) -> dict[int, str | None]:
    return {row["id"]: row["payload_digest"] for row in conversations if "payload_digest" in row}


def _as_text(row: Row) -> dict[str, str]:
    """Return a row so that true and 1, which Python takes for equal, are not."""
    return {name: repr(value) for name, value in row.items()}
