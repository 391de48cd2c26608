"""Saves batches, each in one transaction, in a thread of its own: nobody who reads waits for the database."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine

from etl import logs
from etl.database.engine import transaction
from etl.errors import EtlError, Interrupted
from etl.id_set import IdSet
from etl.load import upsert
from etl.load.journal import Run
from etl.load.tally import IdSets, Tally
from etl.load.upsert import Row
from etl.privacy.batches import protect
from etl.privacy.rules import Way
from etl.run.saving import Known, save_batch
from etl.transform.batch import Batch, Key

# Few and short tables, the same rows on nearly every page: what this run saved is kept in mind.
REPEATED = ("inboxes", "teams", "agents", "bots", "labels")
# Rows inserted by this run before the planner is told of them, and how many times as many before it is told again.
ANALYZE_FIRST_AT, ANALYZE_AGAIN_AT = 500, 8
# How many batches, and rows of them, may wait to be saved: enough for bursts, few enough for the memory.
MOST_BATCHES_WAITING, MOST_ROWS_WAITING = 12, 2_500
# How long a run that is asked to stop goes on to save what waits; the rest is left to the next one.
SECONDS_TO_END = 1


@dataclass(frozen=True)
class Waiting:
    """A batch that is handed over: what becomes of it, how many rows it has, and whom to tell once it is counted."""

    saved: Future[Tally]
    rows: int
    tell: Callable[[], None]


def _nobody() -> None:
    """Tell nobody."""


class Writer:
    """Saves one batch at a time, in the order in which they come, and adds what became of each to the run's tally.

    After one that could not be saved none is: the next run goes on from there.
    after_each: called after each batch that was begun or saved, by the thread that uses the writer; may raise, to end
    the run.
    way: how personal data are stored. known: what the tables held when the run began.
    guard: called at the beginning of each transaction; may raise, so that nothing more is saved.
    analyzes: whether it tells the planner of the rows that it inserted.
    """

    def __init__(self, engine: Engine, run: Run, after_each: Callable[[], None], way: Way) -> None:
        self.way = way
        self.guard: Callable[[Connection], None] = lambda _: None
        self.analyzes = True
        self._engine, self._run, self._after_each = engine, run, after_each
        self._waiting: deque[Waiting] = deque()
        self._repeated = _Repeated()
        self._inserted, self._analyze_at = 0, ANALYZE_FIRST_AT
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="etl-writer", initializer=logs.inherit_run())
        self.known = self._thread.submit(self._look).result()

    def _look(self) -> Known:
        with transaction(self._engine) as connection:
            return Known.look(connection, self._run.account_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        until = time.monotonic() + SECONDS_TO_END if kind is Interrupted else math.inf
        with suppress(*((EtlError, TimeoutError) if kind else ())):  # a failure is being told already
            while self._waiting:
                self._count(until)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def save(self, batch: Batch) -> None:
        """Save a batch, and return when it is saved."""
        self.begin(batch)
        self.finish()

    def begin(self, batch: Batch, tell: Callable[[], None] = _nobody) -> None:
        """Have a batch saved after those before it, and wait only while too much waits; tell: called once it counts."""
        rows = sum(map(len, batch.rows.values())) + len(batch.rejected)
        while self._waiting and (self._waiting[0].saved.done() or self._is_full(rows)):
            self._count()
            self._after_each()
        # In this order: whatever a signal raises in between, nothing that nobody saves is waited for.
        saved = self._thread.submit(self._save_next, batch)
        self._waiting.append(Waiting(saved, rows, tell))
        self._after_each()

    def _is_full(self, rows: int) -> bool:
        waiting = rows + sum(one.rows for one in self._waiting)
        return len(self._waiting) >= MOST_BATCHES_WAITING or waiting > MOST_ROWS_WAITING

    def finish(self) -> None:
        """Wait until all batches that were begun are saved, and count what became of them."""
        while self._waiting:
            self._count()
            self._after_each()

    def _count(self, until: float = math.inf) -> None:
        """Wait until the oldest batch is saved, at most until a time of the monotonic clock, and count it."""
        tally = self._waiting[0].saved.result(None if until == math.inf else max(0, until - time.monotonic()))
        # In this order: whatever a signal raises in between, nothing is counted twice.
        first = self._waiting.popleft()
        self._run.tally += tally
        first.tell()

    def check(self) -> None:
        """Raise what made a batch fail, as soon as it did."""
        for one in tuple(self._waiting):
            if one.saved.done():
                one.saved.result()

    def is_new(self, conversation_id: int) -> bool:
        """Return whether the tables cannot have a conversation, neither from before the run nor from this one."""
        return conversation_id > self.known.highest and conversation_id not in self._run.tally.seen

    def _save_next(self, batch: Batch) -> Tally:
        self.check()
        tally = self._save(batch)
        self.known.missing -= batch.marks.keys()
        return tally

    def _save(self, batch: Batch) -> Tally:
        self.known.expected.withhold(batch, self._engine)
        protect(batch, self.way, self.known.forgotten)
        rows = {table: self._repeated.news(table, by_key) for table, by_key in batch.rows.items()}
        tally = _tally_of(batch)
        tally.handed_on |= self.known.forgotten.handed_on
        if any(rows.values()) or batch.rejected:
            with self.transaction() as connection:
                tally += save_batch(connection, self._run, batch, rows, self.known)
            self._repeated.remember(batch)
            self.analyze_after(tally.inserted)
        return tally

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in a transaction in which more than batches may be saved, unless the guard raises."""
        with transaction(self._engine) as connection:
            self.guard(connection)
            yield connection

    def analyze_after(self, inserted: int) -> None:
        """Count rows that were inserted, and tell the planner of them now and then."""
        self._inserted += inserted
        if self.analyzes and self._inserted >= self._analyze_at:
            with transaction(self._engine) as connection:
                upsert.analyze(connection)
            self._analyze_at *= ANALYZE_AGAIN_AT


class _Repeated:
    """What was saved of the rows that nearly every page repeats."""

    def __init__(self) -> None:
        self._saved: dict[tuple[str, Key], dict[str, str]] = {}

    def news(self, table: str, rows: dict[Key, Row]) -> list[Row]:
        """Return the rows that have to be saved: what nearly every page repeats, only when it says something else."""
        if table not in REPEATED:
            return list(rows.values())
        saved = self._saved
        return [row for key, row in rows.items() if not _as_text(row).items() <= saved.get((table, key), {}).items()]

    def remember(self, batch: Batch) -> None:
        """Keep in mind what was saved of a batch."""
        for table in REPEATED:
            for key, row in batch.rows[table].items():
                self._saved.setdefault((table, key), {}).update(_as_text(row))


def _tally_of(batch: Batch) -> Tally:
    """Return what there is to count of a batch that is about to be saved, whatever becomes of its rows."""
    left_alone = len(batch.unchanged)
    tally = Tally(
        rejected=len(batch.rejected),
        unknown_fields=set(batch.unknown_fields),
        beyond_range=batch.unheld["beyond_range"],
        of_another_kind=batch.unheld["of_another_kind"],
        replaced=batch.unheld["replaced"],
        seen=IdSet([*batch.marks, *batch.unchanged]),
        sent=batch.observed.sums(),
        withheld=IdSets({name: IdSet(ids) for name, ids in batch.observed.withheld.items() if ids}),
        contradictions=set(batch.observed.contradictions),
    )
    tally.counts["conversations"].update(seen=left_alone, unchanged=left_alone)
    return tally


def _as_text(row: Row) -> dict[str, str]:
    """Return a row so that true and 1, which Python takes for equal, are not."""
    return {name: repr(value) for name, value in row.items()}
