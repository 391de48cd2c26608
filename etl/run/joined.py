"""Batches that are saved as one, in one transaction, where that stores and counts what one after the other would."""

from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass, replace

from etl.errors import DatabaseError
from etl.load.tally import Tally
from etl.load.upsert import Row
from etl.transform.batch import Batch, Key

# Few and short tables, the same rows on nearly every page; nobody counts what becomes of them.
REPEATED = ("inboxes", "teams", "agents", "bots", "labels")
MOST_JOINED = 8


class TornError(DatabaseError):
    """What was saved as one has to be undone, and each part saved by itself."""


@dataclass
class Part:
    """A batch whose personal data are protected, what there is to count of it, and who waits for that."""

    batch: Batch
    tally: Tally
    saved: Future[Tally]


class Joined:
    """Parts, and a batch that is all of them.

    Each was counted before: so nothing but the time of their transaction depends on which happened to wait together.
    """

    def __init__(self, first: Part) -> None:
        self.parts, self.batch = [first], first.batch
        # How many contacts of each are in a part before it, with the same row.
        self._repeated = [0]

    def is_apart_from(self, batch: Batch) -> bool:
        """Return whether no conversation is in both: what is stored of one says nothing of the other."""
        return conversations_of(self.batch).isdisjoint(conversations_of(batch))

    def add(self, part: Part) -> bool:
        """Add a part, unless anything in it is odd, or a row that is there already would be counted otherwise."""
        if len(self.parts) >= MOST_JOINED or not (_is_ordinary(self.batch) and _is_ordinary(part.batch)):
            return False
        rows, later = self.batch.rows, part.batch.rows
        shared = [(table, key) for table, those in later.items() for key in rows[table].keys() & those.keys()]
        if not all(_agree(table, rows[table][key], later[table][key]) for table, key in shared):
            return False
        # A row that both have and that is no longer than the other tells what that tells.
        known = {(table, key) for table, key in shared if len(later[table][key]) <= len(rows[table][key])}
        news = {
            table: {key: row for key, row in those.items() if (table, key) not in known}
            for table, those in later.items()
        }
        self.batch = _sum(self.batch, part.batch, news)
        self._repeated.append(sum(table == "contacts" for table, _ in shared))
        self.parts.append(part)
        return True

    def require_whole(self, of_all: Tally) -> None:
        """Raise TornError where messages moved, as what the parts have in common is then more than rows that agree.

        A message that one conversation claims may have been stored as that of another one, in a later part.
        """
        if of_all.moved and len(self.parts) > 1:
            raise TornError("messages moved between conversations")

    def tallies(self, of_all: Tally) -> list[Tally]:
        """Return what became of each part; of_all: of their rows, which are told with those of the first."""
        told = []
        for part, repeated in zip(self.parts, self._repeated, strict=True):
            tally = Tally()
            tally += part.tally
            tally.counts["contacts"].update(seen=repeated, unchanged=repeated)
            told.append(tally)
        told[0] += of_all
        return told

    def fail(self, error: BaseException) -> None:
        """Have an error raised where each part is waited for."""
        for part in self.parts:
            part.saved.set_exception(error)


def _sum(batch: Batch, other: Batch, news: dict[str, dict[Key, Row]]) -> Batch:
    """Return a batch that is two, with the rows of one and the news of the other; both stay as they are."""
    return replace(
        batch,
        rows={table: rows | news[table] for table, rows in batch.rows.items()},
        complete={table: parents + other.complete[table] for table, parents in batch.complete.items()},
        histories=batch.histories + other.histories,
        unknown_fields=batch.unknown_fields | other.unknown_fields,
        unheld=batch.unheld + other.unheld,
        marks=batch.marks | other.marks,
        shown=batch.shown | other.shown,
        unchanged=batch.unchanged + other.unchanged,
        came=batch.came | other.came,
    )


def conversations_of(batch: Batch) -> AbstractSet[int]:
    """Return the numbers of the conversations of which a batch says anything."""
    rows = (*batch.rows["messages"].values(), *batch.rows["csat_responses"].values())
    told: set[int] = {row["conversation_id"] for row in rows if row.get("conversation_id")}  # a survey may tell none
    return told.union((key[0] for key in batch.rows["conversations"]), batch.marks, batch.unchanged, batch.disputed)


def _is_ordinary(batch: Batch) -> bool:
    """Return whether nothing in a batch is in doubt, and no history in it comes without its conversation."""
    told = batch.observed
    held_back = *told.kept.values(), *told.withheld.values()
    in_doubt = batch.rejected or batch.disputed or told.doubtful or any(held_back)
    return not in_doubt and (bool(batch.marks) or not batch.rows["messages"])


def _agree(table: str, row: Row, later: Row) -> bool:
    """Return whether two rows of one record are saved as one: they are equal, or nobody counts that one tells more."""
    one, other = as_text(row), as_text(later)
    if table in REPEATED:
        return one.items() <= other.items() or other.items() <= one.items()
    return table == "contacts" and one == other


def as_text(row: Row) -> dict[str, str]:
    """Return a row so that true and 1, which Python takes for equal, are not."""
    return {name: repr(value) for name, value in row.items()}
