"""Plans by shape: how a payload with the same keys and kinds of values as one before becomes its row, found out once.

`fields.to_row` stays the definition: whatever is odd goes through it, and for all else the same comes out.
"""

from dataclasses import dataclass
from functools import lru_cache
from types import NoneType
from typing import Any, NamedTuple

from etl.errors import BadValue
from etl.transform.fields import ABSENT, KEYS, Converted, Entity, Payload, printable, to_row
from etl.transform.values import (
    SECRETS,
    Reader,
    array,
    flag,
    is_storable,
    structure,
    text,
    texts,
    without_secrets,
    word,
)

# An account has some hundreds of shapes. A server that has new keys in each record must not fill the memory.
MOST_PLANS = 2_000

# Of a payload that can be stored as it is, what these readers leave as it is.
LEFT_ALONE = frozenset({(text, str), (word, str), (flag, bool), (structure, dict), (structure, list), (array, list)})


class OddError(Exception):
    """A payload is not as a plan needs it."""


@dataclass(frozen=True, eq=False)
class Form:
    """What was sent, which object in it, its keys, and the types of their values: told apart by what it is, quickly."""

    sent_as: str
    prefix: str
    names: tuple[str, ...]
    types: tuple[type, ...]


class Plan(NamedTuple):
    """How an object of one shape is read.

    form: what there is to note of it.
    plain: (column, key) of the fields whose value is the column's as it is. read: (column, key, reader) of the others.
    inner: (key, prefix) of objects with fields of their own. extra: keys of which nothing is known; unknown: their
    paths. is_odd: whether the definition has to read it.
    """

    form: Form
    plain: tuple[tuple[str, str], ...]
    read: tuple[tuple[str, str, Reader], ...]
    inner: tuple[tuple[str, str], ...]
    extra: tuple[str, ...]
    unknown: frozenset[str]
    is_odd: bool


def find(entity: Entity, payload: Payload, prefix: str = "") -> Plan:
    """Return how a payload, or the object in it that a prefix names, is read."""
    return _plan(entity, prefix, tuple(payload), tuple(map(type, payload.values())))


def convert(entity: Entity, payload: Any, plan: Plan | None = None) -> Converted:
    """Turn a payload into a row; what comes out, or is raised, is what `to_row` makes of it.

    plan: the payload's, where it was looked for already.
    """
    # One serialisation proves of all texts in it that they need no cleaning.
    if isinstance(payload, dict) and is_storable(payload):
        try:
            return _as_planned(entity, payload, plan or find(entity, payload))
        except (BadValue, OddError):
            pass  # the definition tells what is wrong, or makes something of it
    return to_row(entity, payload)


def _as_planned(entity: Entity, payload: Payload, plan: Plan) -> Converted:
    made = Converted({})
    extra = _read_object(entity, payload, plan, made)
    row = made.row
    for name in KEYS[entity.table]:
        if row.get(name) is None:
            raise OddError
    for name in entity.needed:
        if row.get(name, ABSENT) is None:
            raise OddError
    if extra:
        row["extra"] = extra
    return made


def _read_object(entity: Entity, payload: Payload, plan: Plan, made: Converted) -> Payload:
    """Read an object as planned into a row; return what is left over."""
    _, plain, others, inner, unknown_keys, unknown, is_odd = plan
    if is_odd:
        raise OddError
    row = made.row
    for column, name in plain:
        row[column] = payload[name]
    for column, name, read in others:
        kept = read(payload[name])
        if kept is not None or column not in row:
            row[column] = kept
    extra: Payload = {}
    if unknown_keys:
        extra = {name: without_secrets(payload[name]) for name in unknown_keys}
        made.unknown |= unknown
    for name, path in inner:
        if left := _read_object(entity, payload[name], find(entity, payload[name], path), made):
            extra[name] = left
    return extra


@lru_cache(maxsize=MOST_PLANS)
def _plan(entity: Entity, prefix: str, names: tuple[str, ...], types: tuple[type, ...]) -> Plan:
    """Return how an object with these keys, and values of these types, is read."""
    shape, kinds = entity.shapes[prefix], dict(zip(names, types, strict=True))
    others = [name for name in names if name not in shape.known and name not in SECRETS]
    inner = [(name, path) for name in others if (path := f"{prefix}{name}.") in entity.shapes]
    extra = [] if entity.only_named else [name for name in others if f"{prefix}{name}." not in entity.shapes]
    there = [(column, name, READERS.get(read, read)) for column, name, read in shape.fields if name in kinds]
    # Null is plain, and comes before what another key of the same column tells: it does not wipe that.
    plain = [entry for entry in there if kinds[entry[1]] is NoneType or (entry[2], kinds[entry[1]]) in LEFT_ALONE]
    return Plan(
        Form(entity.sent_as, prefix, names, types),
        tuple((column, name) for column, name, _ in plain),
        tuple(entry for entry in there if entry not in plain),
        tuple((name, path) for name, path in inner if kinds[name] is dict),
        tuple(extra),
        frozenset(f"{entity.name}.{printable(prefix + name)}" for name in extra),
        any(kinds[name] not in {dict, NoneType} for name, _ in inner),
    )


def _plain_texts(value: Any) -> list[str]:
    """Read an array that has nothing but texts in it."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise OddError
    return value


READERS: dict[Reader, Reader] = {texts: _plain_texts}
