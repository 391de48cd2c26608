"""Saves batches, each whole in one transaction, in a thread of its own: nobody who reads waits for the database."""

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
from etl.errors import DatabaseError, EtlError, Interrupted
from etl.id_set import IdSet
from etl.load.journal import Run
from etl.load.kept_tally import KeptTally
from etl.load.tally import IdSets, Tally
from etl.load.upsert import Row
from etl.privacy.batches import protect
from etl.privacy.rules import Way
from etl.run.joined import REPEATED, Joined, Part, as_text
from etl.run.saving import Known, save_batch
from etl.run.statistics import Statistics
from etl.transform.batch import Batch, Key

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
    """Saves batches in the order in which they come, and adds what became of each to the run's tally.

    Those that wait while one is saved go into one transaction, as far as they can be `Joined`: under a rate limit each
    has one of its own. After one that could not be saved none is: the next run goes on from there.
    after_each: called after each batch that was begun or saved, by the thread that uses the writer; may raise, to end
    the run.
    way: how personal data are stored. known: what the tables held when the run began.
    kept: counts what is saved in the transaction that saves it, and may raise, so that nothing more is saved.
    statistics: what the planner is told of the rows that were inserted.
    """

    def __init__(self, engine: Engine, run: Run, after_each: Callable[[], None], way: Way) -> None:
        self.way = way
        self.kept = KeptTally()
        self.statistics = Statistics(engine)
        self._engine, self._run, self._after_each = engine, run, after_each
        self._waiting: deque[Waiting] = deque()
        self._queue: deque[tuple[Batch, Future[Tally]]] = deque()
        self._next: Part | None = None
        self._repeated = _Repeated()
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
        saved = Future[Tally]()
        self._queue.append((batch, saved))
        self._thread.submit(self._save_next)
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

    def check(self, before: Future[Tally] | None = None) -> None:
        """Raise what made a batch fail, as soon as it did; before: of those that came before another one."""
        for one in tuple(self._waiting):
            if one.saved is before:
                return
            if one.saved.done():
                one.saved.result()

    def is_new(self, conversation_id: int) -> bool:
        """Return whether the tables cannot have a conversation, neither from before the run nor from this one."""
        return conversation_id > self.known.highest and conversation_id not in self._run.tally.seen

    def _save_next(self) -> None:
        """Save what waits longest, with what comes after it as far as they can be joined; nothing when none waits."""
        first, self._next = self._next or self._take(), None
        if first is None:
            return
        joined = Joined(first)
        try:
            self._join_what_waits(joined)
        except BaseException as error:  # noqa: BLE001 -- it is raised where the batches are waited for
            joined.fail(error)
        else:
            self._settle(joined)

    def _join_what_waits(self, joined: Joined) -> None:
        while self._queue and joined.is_apart_from(self._queue[0][0]):
            self._next = self._take()
            if self._next is None or not joined.add(self._next):
                return
            self._next = None

    def _take(self) -> Part | None:
        """Make the batch that waits longest what is stored of it; None when there is none, or it could not be."""
        if not self._queue:
            return None
        batch, saved = self._queue.popleft()
        try:
            self.check()
            self.known.expected.withhold(batch, self._engine)
            protect(batch, self.way, self.known.forgotten)
            tally = _tally_of(batch)
            tally.handed_on |= self.known.forgotten.handed_on
        except BaseException as error:  # noqa: BLE001 -- as above
            saved.set_exception(error)
            return None
        return Part(batch, tally, saved)

    def _settle(self, joined: Joined) -> None:
        """Save joined batches, and tell who waits for them; where PostgreSQL refuses that, each is saved by itself."""
        is_undone, of_all = True, Tally()
        try:
            self.check(before=joined.parts[0].saved)
            if rows := self._news(joined.batch):
                with self.transaction() as connection:
                    of_all += save_batch(connection, self._run, joined.batch, rows, self.known)
                    joined.require_whole(of_all)
                    self.kept.add(connection, tallies := joined.tallies(of_all))
                    is_undone = False  # from here on it may be there although the commit fails
                self._note(joined.batch, of_all.inserted)
            else:
                self.kept.put_off(tallies := joined.tallies(of_all))
        except BaseException as error:  # noqa: BLE001 -- as above
            if is_undone and isinstance(error, DatabaseError) and len(joined.parts) > 1:
                for part in joined.parts:  # those before the one that is refused are not to blame
                    self._settle(Joined(part))
                return
            joined.fail(error)
        else:
            for part, tally in zip(joined.parts, tallies, strict=True):
                part.saved.set_result(tally)

    def _news(self, batch: Batch) -> dict[str, list[Row]]:
        """Return the rows of a batch that have to be saved, by table; nothing where there is nothing to save."""
        rows = {table: self._repeated.news(table, by_key) for table, by_key in batch.rows.items()}
        return rows if any(rows.values()) or batch.rejected else {}

    def _note(self, batch: Batch, inserted: int) -> None:
        """Keep in mind that a batch is saved."""
        self.kept.unsaved = Tally()
        self._repeated.remember(batch)
        self.known.missing -= batch.marks.keys()
        self.statistics.add(inserted)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a connection in a transaction in which more than batches may be saved, unless `kept` raises."""
        with transaction(self._engine) as connection:
            self.kept.guard(connection)
            yield connection


class _Repeated:
    """What was saved of the rows that nearly every page repeats."""

    def __init__(self) -> None:
        self._saved: dict[tuple[str, Key], dict[str, str]] = {}

    def news(self, table: str, rows: dict[Key, Row]) -> list[Row]:
        """Return the rows that have to be saved: what nearly every page repeats, only when it says something else."""
        if table not in REPEATED:
            return list(rows.values())
        saved = self._saved
        return [row for key, row in rows.items() if not as_text(row).items() <= saved.get((table, key), {}).items()]

    def remember(self, batch: Batch) -> None:
        """Keep in mind what was saved of a batch."""
        for table in REPEATED:
            for key, row in batch.rows[table].items():
                self._saved.setdefault((table, key), {}).update(as_text(row))


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
