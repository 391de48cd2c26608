"""What a run did, as sums and sets: every process that does a part of it keeps a tally, and `+=` adds them up."""

from array import array
from collections import Counter
from collections.abc import MutableSet, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from etl.id_set import IdSet

COUNTED = ("conversations", "messages", "contacts", "attachments")
NOTHING = {"seen": 0, "inserted": 0, "updated": 0, "unchanged": 0}

# What is counted of batches, and adds up over all attempts at a part: what the last one finds saved it does not save
# again. Not the rest: of what earlier ones read without saving it, and of what they rejected, the last one tells anew.
SAVED = (
    *("counts", "inserted", "unknown_fields", "of_another_kind", "beyond_range", "replaced"),
    *("handed_on", "moved", "sent", "withheld", "contradictions"),
)


@dataclass(frozen=True)
class Unproved:
    """A history that may lack messages: its mark, and the ids that were read (in an array, for its size)."""

    mark: str
    read: Sequence[int]


class IdSets(dict[str, IdSet]):
    """Sets of ids, by name; those of one name are united."""


def told() -> Any:
    """Declare a sum that `--json` and the journal show by its name; without a column, in the journal's `counts`."""
    return field(default=0, metadata={"told": True})


@dataclass
class Tally:
    """Sums and sets; a new field is added up, sent by shared runs and, when it is `told()`, shown without other code.

    requests, retries: how many were sent, repeated ones included, and how many of them were repeated.
    counts: table -> {seen, inserted, updated, unchanged}; a row that comes with two pages is seen twice.
    inserted: rows of all tables.
    seen: ids of the conversations that were taken in.
    of_another_kind: how many values were of another kind than their columns, of which NULL is stored.
    beyond_range, replaced: how many values PostgreSQL could not hold, and how many had characters that it refuses.
    handed_on: contacts to whom the vendor gave the conversation of a forgotten person.
    unproved: conversation id -> what was read, of those whose history may lack messages.
    moved: conversations between which messages moved, so that what is stored of them is in doubt.
    sent: how many records came, and of each of their fields and kinds, as `transform.observed` sums them.
    withheld: field -> conversations in whose rows something was left as it is, as the field was not met.
    contradictions: what messages said of themselves that cannot be.
    denied: conversations that pages show, but not the vendor by itself, as an earlier run has said already.
    edits: how many edits of messages have moved their conversations' clocks, and how many not (`transform.edits`).
    unread: how many histories could not be read; why: what was said of the first.
    walks_back: whether the server has shown that it misreads windows of messages.
    quotes: what failures quoted of answers and searches; nothing where personal data are not kept.
    """

    requests: int = told()
    retries: int = told()
    pages: int = told()
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {table: Counter(NOTHING) for table in COUNTED})
    rejected: int = told()
    unknown_fields: set[str] = field(default_factory=set)
    inserted: int = 0
    seen: IdSet = field(default_factory=IdSet)
    beyond_range: int = 0
    of_another_kind: int = 0
    replaced: int = 0
    handed_on: set[int] = field(default_factory=set)
    unproved: dict[int, Unproved] = field(default_factory=dict)
    moved: IdSet = field(default_factory=IdSet)
    sent: Counter[str] = field(default_factory=Counter)
    withheld: IdSets = field(default_factory=IdSets)
    contradictions: set[str] = field(default_factory=set)
    denied: IdSet = field(default_factory=IdSet)
    edits: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    why: str = ""
    walks_back: bool = False
    quotes: set[str] = field(default_factory=set)

    def __iadd__(self, other: Self) -> Self:
        """Add another tally: numbers are summed, sets united, and of texts the first stays."""
        for member in fields(self):
            setattr(self, member.name, _sum(getattr(self, member.name), getattr(other, member.name)))
        return self

    def told(self) -> dict[str, int]:
        """Return the sums that are shown by their names."""
        return {member.name: getattr(self, member.name) for member in fields(self) if member.metadata.get("told")}

    def to_json(self) -> dict[str, Any]:
        """Return the tally as JSON values, of which only the quotes may be personal."""
        return {member.name: _to_json(getattr(self, member.name)) for member in fields(self)}

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> Self:
        """Read what `to_json` returned; of another version, as far as both know a field."""
        nothing = cls()
        return cls(**{name: _from_json(getattr(nothing, name), sent[name]) for name in sent if hasattr(nothing, name)})


def tally_of(row: Any) -> Tally:
    """Return what a row of sync_runs tells of a run's tally: of a killed one its counts, while it goes on nothing."""
    tally, counts = Tally(unknown_fields=set(row.unknown_fields or ())), row.counts or {}
    for name in tally.told():
        setattr(tally, name, getattr(row, name, None) or counts.get(name, 0))
    for table, counter in tally.counts.items():
        counter.update(counts.get(table, {}))
    return tally


def _sum(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, bool | str):
        return mine or theirs
    if isinstance(mine, int):
        return mine + theirs
    if isinstance(mine, MutableSet):
        mine |= theirs
        return mine
    if isinstance(mine, Counter):
        mine.update(theirs)
        return mine
    for name, value in theirs.items():
        if isinstance(value, Counter):
            mine.setdefault(name, Counter()).update(value)
        elif isinstance(mine, IdSets):
            mine.setdefault(name, IdSet()).update(value)
        else:
            mine[name] = value
    return mine


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _to_json(item) for name, item in value.items()}
    if isinstance(value, Unproved):
        return [value.mark, list(value.read)]
    return sorted(value) if isinstance(value, MutableSet) else value


def _from_json(nothing: Any, value: Any) -> Any:
    """Read a value as the type that its field has in an empty tally."""
    if isinstance(nothing, IdSets):
        return IdSets({name: IdSet(ids) for name, ids in value.items()})
    if isinstance(nothing, MutableSet):
        return IdSet(value) if isinstance(nothing, IdSet) else set(value)
    if isinstance(nothing, Counter) or not isinstance(nothing, dict):
        return type(nothing)(value)
    if nothing:  # a Counter for each table
        return {name: Counter(counts) for name, counts in value.items()}
    return {int(name): Unproved(mark, array("q", read)) for name, (mark, read) in value.items()}
