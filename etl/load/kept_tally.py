"""What a run saves is counted in the transactions that save it: so the count is exact, whoever dies when.

A run that goes on has a row for what it saves itself, and one for each part of it that workers read. Of a part several
attempts may be made, as a worker may die, or be taken for dead: what they save adds up, and once a later one has begun,
none before it saves anything more. When the run ends, or another one closes what was killed, the rows are added up.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from etl.database.bookkeeping import SyncTally
from etl.errors import EtlError
from etl.load.tally import NOTHING, Tally

# The row of what a run saves itself; parts are numbered from 1.
ITSELF = 0

Counts = Mapping[str, Counter[str]]


@dataclass(frozen=True)
class Attempt:
    """One attempt at a part of a run; of the run itself there is no other."""

    account_id: int
    run_id: int
    part: int = ITSELF
    number: int = 1

    def is_last(self) -> ColumnElement[bool]:
        """Return whether a row is that of this attempt, as a condition: none is once a later one has begun."""
        return and_(_is(self.account_id, self.run_id, self.part), SyncTally.attempt == self.number)


def _nothing(_: Connection) -> None:
    """Let everything be saved."""


@dataclass
class KeptTally:
    """Counts what a writer saves. attempt: of what; None: nowhere.

    guard: called at the beginning of each transaction; may raise, so that nothing more is saved.
    refusal: what is raised at the end of one where a later attempt has begun meanwhile, or the run has ended.
    unsaved: what was counted since the last transaction, as there was nothing to save of it.
    """

    guard: Callable[[Connection], None] = _nothing
    attempt: Attempt | None = None
    refusal: EtlError = field(default_factory=EtlError)
    unsaved: Tally = field(default_factory=Tally)

    def add(self, connection: Connection, tallies: Iterable[Tally]) -> None:
        """Count what a transaction saves, at its end; raise the refusal where it must not be saved any more.

        The row is locked from here on only: a run is not kept from being closed by its own last batch, which may wait
        for somebody else's lock.
        """
        if self.attempt is None:
            return
        kept = connection.scalar(select(SyncTally.tally).where(self.attempt.is_last()).with_for_update())
        if kept is None:
            raise self.refusal
        total = Tally.from_json(kept)
        for one in (self.unsaved, *tallies):
            total += one
        written = total.to_json()
        if self.attempt.part == ITSELF:  # ids of a whole account would be written over and over
            written = {"counts": written["counts"]}
        connection.execute(update(SyncTally).where(self.attempt.is_last()).values(tally=written))

    def put_off(self, tallies: Iterable[Tally]) -> None:
        """Count with the next transaction what there is nothing to save of."""
        for one in tallies:
            self.unsaved += one


def open_rows(connection: Connection, account_id: int, run_id: int, parts: Iterable[int]) -> None:
    """Begin to count what parts of a run save; ITSELF: the run itself, at which the first attempt begins, too."""
    rows = [
        {"account_id": account_id, "run_id": run_id, "part": part, "attempt": int(part == ITSELF), "tally": {}}
        for part in parts
    ]
    connection.execute(insert(SyncTally), rows)


def begin_attempt(connection: Connection, account_id: int, run_id: int, part: int) -> Attempt | None:
    """Begin an attempt at a part: those before it save nothing more. Return None when nobody needs the part."""
    begun = update(SyncTally).where(_is(account_id, run_id, part)).values(attempt=SyncTally.attempt + 1)
    number = connection.scalar(begun.returning(SyncTally.attempt))
    return None if number is None else Attempt(account_id, run_id, part, number)


def take_over(connection: Connection, kept: KeptTally, part: int) -> Tally:
    """Add what all attempts at a part have saved to what the run itself has, and return it; none saves more."""
    taken = Tally()
    if own := kept.attempt:
        row = delete(SyncTally).where(_is(own.account_id, own.run_id, part))
        taken = Tally.from_json(connection.scalar(row.returning(SyncTally.tally)) or {})
        replace(kept, unsaved=Tally()).add(connection, [taken])
    return taken


def close_rows(connection: Connection, account_id: int | ColumnElement[int]) -> dict[int, dict[int, Counts]]:
    """Return what was saved of an account's runs that go on: run -> part -> counts; nothing more will be."""
    rows = delete(SyncTally).where(SyncTally.account_id == account_id)
    found = defaultdict[int, dict[int, Counts]](dict)
    for row in connection.execute(rows.returning(SyncTally.run_id, SyncTally.part, SyncTally.tally)):
        found[row.run_id][row.part] = Tally.from_json(row.tally).counts
    return found


def total(saved: Mapping[int, Counts], counted: Counts) -> dict[str, Counter[str]]:
    """Return what a run has saved: itself, and in parts that it has not taken over yet.

    counted: what the run itself has counted. It may not have heard of its last transaction, nor have had one after what
    it counted last; as either is true up to some moment, the larger number is the later one.
    """
    own, parts = Tally(), Tally()
    for part, counts in saved.items():
        tally = own if part == ITSELF else parts
        tally += Tally(counts=dict(counts))
    for table, counter in parts.counts.items():
        mine, heard = own.counts[table], counted[table]
        counter.update({change: max(mine[change], heard[change]) for change in NOTHING})
    return parts.counts


def _is(account_id: int, run_id: int, part: int) -> ColumnElement[bool]:
    return and_(SyncTally.account_id == account_id, SyncTally.run_id == run_id, SyncTally.part == part)
