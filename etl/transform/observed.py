"""Notes which fields the vendor sends, and of what kind, whatever their values: pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from etl.transform import plans
from etl.transform.fields import Entity, printable
from etl.transform.plans import Form, Plan

KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
    dict: "object",
    list: "array",
}
KIND_NAMES = frozenset(KINDS.values())
NULL = "null"
# No kinds of values, but what became of them: the column could not hold it; it holds it; what it says is in doubt;
# an array without anything.
UNREAD, READ, WITHHELD, EMPTY = "unread", "read", "withheld", "empty"
# Arrays that say by being empty what they say by being absent.
ARRAYS = ("labels", "attachments")

# Where the vendor leaves a key out when there is nothing, so that null says no more than that.
SAYS_BY_ABSENCE = frozenset(
    {
        "conversation.meta.assignee",
        "conversation.meta.team",
        "conversation.labels",
        "message.sender",
        "message.attachments",
        "listed message.attachments",
        "survey response.contact",
        "survey response.assigned_agent",
    }
)


class Missed(NamedTuple):
    """A value that its column could not hold, so that the row has NULL for it.

    path: as the contract names it. table, key, column: where. about: the conversation to which it belongs.
    """

    path: str
    table: str
    key: tuple[Any, ...]
    column: str
    about: int | None


@dataclass
class Observed:
    """What a batch was made of.

    forms: how many records came in each form.
    missed: the values that could not be stored. read: fields of which some values could, where that was in doubt.
    withheld: path -> conversations in whose rows something was left as it is, as what the field says is in doubt.
    empty: path -> how many arrays had nothing in them.
    kept: path -> how many other records were left as they are for that.
    doubtful: conversations whose stored history is in doubt. contradictions: what messages are and cannot be.
    """

    forms: Counter[Form] = field(default_factory=Counter)
    missed: list[Missed] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    withheld: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    empty: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    doubtful: set[int] = field(default_factory=set)
    contradictions: set[str] = field(default_factory=set)

    def add(self, entity: Entity, payload: Any) -> Plan | None:
        """Note a record, and return how it is read; what is no object is rejected elsewhere."""
        if not isinstance(payload, dict):
            return None
        plan = plans.find(entity, payload)
        self.forms[plan.form] += 1
        for name, prefix in plan.inner:
            self.forms[plans.find(entity, payload[name], prefix).form] += 1
        for name in ARRAYS:
            if payload.get(name) == []:
                self.empty[f"{entity.sent_as}.{name}"] += 1
        return plan

    def all_withheld(self) -> set[int]:
        """Return the conversations of which something was left as it is."""
        return set().union(*self.withheld.values())

    def sums(self) -> Counter[str]:
        """Return how many records there were (`message`), and of each field and kind (`message.content text`)."""
        sums = Counter[str]()
        for form, count in self.forms.items():
            for name in _names(form):
                sums[name] = sums.get(name, 0) + count
        for missed in self.missed:
            sums[f"{missed.path}\t{UNREAD}"] += 1
        sums.update(f"{path}\t{READ}" for path in self.read)
        sums.update({f"{path}\t{EMPTY}": count for path, count in self.empty.items()})
        withheld = Counter({path: len(conversation_ids) for path, conversation_ids in self.withheld.items()})
        for path, count in (+(withheld + self.kept)).items():
            sums[f"{path}\t{WITHHELD}"] += count
        return sums


@lru_cache(maxsize=plans.MOST_PLANS)
def _names(form: Form) -> tuple[str, ...]:
    """Return what a record of one form adds one to in the sums: it, unless it is in another one, and its fields."""
    fields = [
        f"{form.sent_as}.{printable(form.prefix + name)}\t{KINDS.get(kind, 'number')}"
        for name, kind in zip(form.names, form.types, strict=True)
    ]
    return tuple(fields if form.prefix else [form.sent_as, *fields])


def by_path(sums: Counter[str]) -> dict[str, Counter[str]]:
    """Return {path: {kind: how many}} of sums."""
    found: dict[str, Counter[str]] = {}
    for name, count in sums.items():
        path, is_field, kind = name.partition("\t")
        if is_field:
            found.setdefault(path, Counter())[kind] += count
    return found


def told(path: str, kinds: Counter[str]) -> int:
    """Return how many records told something by a field: it was there, and could be read."""
    there = sum(count for kind, count in kinds.items() if kind in KIND_NAMES)
    nothing = kinds[NULL] + kinds[EMPTY] if path in SAYS_BY_ABSENCE else 0
    return max(there - nothing - kinds[UNREAD], 0)


def met(sums: Counter[str]) -> Iterator[str]:
    """Yield the paths of fields that told something in any record."""
    for path, kinds in by_path(sums).items():
        if told(path, kinds):
            yield path
