"""How a payload becomes a row: each column is looked for where the shape at hand has it, and read.

`entities.py` has the fields of each entity.

The vendor sends the same thing in several shapes (list, single conversation, `/messages`). Each field is looked for
where its shape has it: a key that is absent says nothing and gives no key in the row, a key that is null gives None.
What no field reads lands in `extra` under the vendor's own names.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from etl.errors import BadValue, BeyondRange
from etl.transform.values import (
    SECRETS,
    Reader,
    array,
    free,
    shown,
    structure,
    text,
    texts,
    without_secrets,
    word,
)

Payload = dict[str, Any]
Row = dict[str, Any]

ABSENT = object()
# PostgreSQL indexes no value beyond 2,704 bytes, and a label is a key.
LONGEST_LABEL = 500


def label_title(value: Any) -> str:
    """Read the title of a label, which is a key and therefore of limited length."""
    title = word(value)
    if len(title) > LONGEST_LABEL:
        raise BadValue(f"expected text of at most {LONGEST_LABEL} characters")
    return title


# Readers that leave a value as it is, but for characters that PostgreSQL does not store.
TEXTUAL = frozenset({text, word, texts, structure, array, label_title})


def sender_type(value: Any) -> str:
    """Spell a sender's type as `sender.type` does: the list says `AgentBot`, `/messages` says `agent_bot`."""
    return _spell(word(value))


@lru_cache(maxsize=100)
def _spell(name: str) -> str:
    parts = name.replace("::", "")
    return "".join(
        f"_{character.lower()}" if character.isupper() and at else character.lower()
        for at, character in enumerate(parts)
    )


@dataclass(frozen=True)
class Field:
    """A column and where its value is: `path` names the keys from the payload inwards, dots between them."""

    column: str
    path: str
    read: Reader


@dataclass(frozen=True)
class Shape:
    """The fields of one object: (column, key, reader) of each, and every key that is known in it."""

    fields: tuple[tuple[str, str, Reader], ...]
    known: frozenset[str]


@dataclass(frozen=True, eq=False)
class Entity:
    """How one kind of payload becomes rows of one table.

    elsewhere: the paths that other entities or `rows` read, so that they are no unknown fields.
    only_named: whether nothing else of it is kept, as such records carry secrets.
    needed: columns besides the key that a row cannot be without: figures rest on them, and NULL would make them wrong.
    within: what the record comes in, where it has other fields there than elsewhere.
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    elsewhere: tuple[str, ...] = ()
    only_named: bool = False
    needed: frozenset[str] = frozenset()
    within: str = ""

    @cached_property
    def sent_as(self) -> str:
        """Return the name by which the contract tells what it is sent as."""
        return f"{self.within} {self.name}".lstrip()

    def takes(self, path: str) -> bool:
        """Return whether a column, or another entity, holds what is at a path."""
        prefix, key = _split(path)
        return f"{path}." in self.shapes or (prefix in self.shapes and key in self.shapes[prefix].known)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Return the fields by the object they are in: "" is the payload itself, "meta." the object `meta` in it."""
        keys: dict[str, set[str]] = defaultdict(set)
        fields: dict[str, list[tuple[str, str, Reader]]] = defaultdict(list)
        for entry in self.fields:
            prefix, key = _split(entry.path)
            keys[prefix].add(key)
            fields[prefix].append((entry.column, key, entry.read))
        for path in self.elsewhere:
            prefix, key = _split(path)
            keys[prefix].add(key)
        return {prefix: Shape(tuple(fields[prefix]), frozenset(known)) for prefix, known in keys.items()}

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Return the paths of each column: under these `extra` keeps a value that the column cannot hold."""
        paths: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for entry in self.fields:
            paths[entry.column] += (entry.path,)
        return dict(paths)


def _split(path: str) -> tuple[str, str]:
    """Split a path into the object, with its dot, and the key in it: `meta.channel` into `meta.` and `channel`."""
    outer, dot, key = path.rpartition(".")
    return outer + dot, key


KEYS = {
    "accounts": (),
    "bots": ("type", "id"),
    "labels": ("title",),
    "conversation_labels": ("conversation_id", "label"),
} | dict.fromkeys(
    (
        *("inboxes", "teams", "agents", "contacts", "conversations", "messages", "attachments"),
        *("custom_attribute_definitions", "csat_responses", "sla_policies", "campaigns", "reporting_events"),
    ),
    ("id",),
)


@dataclass
class Converted:
    """A row, and what there is to tell of it.

    unknown: paths of fields that no column holds (`message.sentiment`). unheld: path -> value that its column cannot
    hold; columns: path -> that column. beyond: how many of these are beyond PostgreSQL's range.
    replaced: how many values held characters that it does not store.
    """

    row: Row
    unknown: set[str] = field(default_factory=set)
    unheld: Payload = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    beyond: int = 0
    replaced: int = 0


def to_row(entity: Entity, payload: Any) -> Converted:
    """Turn a payload into a row.

    A value that its column cannot hold becomes None and is kept in `extra`, unless the row cannot be without it.
    Raise BadValue that names the field and what was there.
    """
    if not isinstance(payload, dict):
        raise BadValue(f"expected an object, got {type(payload).__name__}", field=entity.name)
    made = Converted({})
    extra = _read_object(entity, "", payload, made)
    # Null, and 0 for a time, are nothing, too. A key that is absent says nothing: shapes of one record differ.
    for name in (*KEYS[entity.table], *sorted(entity.needed & made.row.keys())):
        if made.row.get(name) is None:
            if name in made.unheld:
                raise BadValue("is beyond range", shown(made.unheld[name]), name)
            raise BadValue("is missing", field=name)
    if extra or made.unheld:
        # Under the whole path: what cannot be read is no unknown field, and its column says NULL.
        made.row["extra"] = extra | made.unheld
    return made


def _read_object(entity: Entity, prefix: str, payload: Payload, made: Converted) -> Payload:
    """Read the fields of an object, and of those in it that have fields of their own; return what is left over."""
    shape = entity.shapes[prefix]
    for column, name, read in shape.fields:
        if (value := payload.get(name, ABSENT)) is not ABSENT:
            try:
                kept = None if value is None else read(value)
                # Null, and 0 for a time, do not wipe what another key of the same column has told.
                made.row[column] = made.row.get(column) if kept is None else kept
                made.replaced += read in TEXTUAL and _differs(kept, value)
            except BadValue as error:
                error.field = prefix + name
                _miss(entity, column, value, error, made)
    extra: Payload = {}
    for name in payload.keys() - shape.known - SECRETS:
        value, path = payload[name], f"{prefix}{name}."
        if path in entity.shapes and (value is None or isinstance(value, dict)):
            if inner := _read_object(entity, path, value or {}, made):
                extra[name] = inner
        elif path in entity.shapes:
            # No object: none of its columns can be told.
            made.unheld[prefix + name] = without_secrets(free(value))
            made.row = dict.fromkeys((column for column, *_ in entity.shapes[path].fields), None) | made.row
        elif not entity.only_named:
            key = text(name)
            kept = free(value)
            extra[key] = without_secrets(kept)
            made.replaced += key != name or _differs(kept, value)
            made.unknown.add(f"{entity.name}.{printable(prefix + name)}")
    return extra


def _differs(kept: Any, value: Any) -> bool:
    """Return whether characters were replaced; what was read out of another type is what was meant."""
    return kept is not value and type(kept) is type(value) and bool(kept != value)


def _miss(entity: Entity, column: str, value: Any, error: BadValue, made: Converted) -> None:
    """Keep a value that its column cannot hold for `extra`; raise the error when the row cannot be without it."""
    beyond = isinstance(error, BeyondRange)
    if column in entity.needed or (not beyond and column in KEYS[entity.table]):
        raise error
    try:
        made.unheld[error.field] = without_secrets(free(value))
    except BadValue:
        raise error from None  # it cannot be kept at all
    made.columns[error.field] = column
    made.row.setdefault(column, None)  # another key of the same column may have told it
    made.beyond += beyond


@lru_cache(maxsize=1_000)
def printable(name: str) -> str:
    """Make a name fit for a terminal: control characters are shown as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name[:100]
    )
