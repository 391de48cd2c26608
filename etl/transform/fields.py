"""One table of fields per entity: which column is where in a payload, and how it is read.

The vendor sends the same thing in several shapes (list, single conversation, `/messages`). Each field is looked for
where its shape has it: a key that is absent says nothing and gives no key in the row, a key that is null gives None.
What no field reads lands in `extra` under the vendor's own names.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from etl.errors import BadValue, BeyondRange
from etl.payload import Reader, array, flag, free, instant, number, text, texts, whole

Payload = dict[str, Any]
Row = dict[str, Any]

ABSENT = object()
# PostgreSQL indexes no value beyond 2,704 bytes, and a label is a key.
LONGEST_LABEL = 500

MESSAGE_TYPES = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}


def _message_type(value: Any) -> str:
    """Name the type of a message; documented as a name, sent as 0 to 3, and kept as it is when new."""
    return text(value) if isinstance(value, str) else MESSAGE_TYPES.get(whole(value), str(value))


def label_title(value: Any) -> str:
    """Read the title of a label, which is a key and therefore of limited length."""
    title = text(value)
    if len(title) > LONGEST_LABEL:
        raise BadValue(f"expected text of at most {LONGEST_LABEL} characters")
    return title


# Readers that leave a value as it is, but for characters that PostgreSQL does not store.
TEXTUAL = frozenset({text, texts, free, array, label_title})


def sender_type(value: Any) -> str:
    """Spell a sender's type as `sender.type` does: the list says `AgentBot`, `/messages` says `agent_bot`."""
    return _spell(text(value))


@lru_cache(maxsize=100)
def _spell(name: str) -> str:
    parts = name.replace("::", "")
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(parts))


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


@dataclass(frozen=True)
class Entity:
    """How one kind of payload becomes rows of one table.

    `elsewhere` names the paths that other entities or transform.py read, so that they are no unknown fields.
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    elsewhere: tuple[str, ...] = ()

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Give the fields by the object that they are in: "" is the payload itself, "meta." the object `meta` in it."""
        keys: dict[str, set[str]] = defaultdict(set)
        fields: dict[str, list[tuple[str, str, Reader]]] = defaultdict(list)
        for one in self.fields:
            prefix, key = _split(one.path)
            keys[prefix].add(key)
            fields[prefix].append((one.column, key, one.read))
        for path in self.elsewhere:
            prefix, key = _split(path)
            keys[prefix].add(key)
        return {prefix: Shape(tuple(fields[prefix]), frozenset(known)) for prefix, known in keys.items()}


def _split(path: str) -> tuple[str, str]:
    """Split a path into the object, with its dot, and the key in it: `meta.channel` into `meta.` and `channel`."""
    outer, dot, key = path.rpartition(".")
    return outer + dot, key


def _same(read: Reader, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, name, read) for name in names)


CONTACT = Entity(
    "contact",
    "contacts",
    _same(whole, "id")
    + _same(text, "name", "email", "phone_number", "identifier", "thumbnail", "availability_status")
    + _same(flag, "blocked")
    + _same(instant, "last_activity_at", "created_at")
    + _same(free, "additional_attributes", "custom_attributes"),
    elsewhere=("type", "account_id"),
)
AGENT = Entity(
    "agent",
    "agents",
    _same(whole, "id")
    + _same(
        text, "name", "available_name", "email", "role", "availability_status", "provider", "thumbnail", "avatar_url"
    )
    + _same(flag, "auto_offline", "confirmed")
    + _same(free, "custom_attributes"),
    elsewhere=("type", "account_id"),
)
BOT = Entity(
    "bot",
    "bots",
    (*_same(whole, "id"), *_same(text, "name", "thumbnail", "avatar_url"), Field("type", "type", sender_type)),
    elsewhere=("account_id",),
)
TEAM = Entity(
    "team",
    "teams",
    _same(whole, "id") + _same(text, "name", "description") + _same(flag, "allow_auto_assign", "is_member"),
    elsewhere=("account_id",),
)
CONVERSATION = Entity(
    "conversation",
    "conversations",
    _same(whole, "id", "inbox_id", "unread_count", "sla_policy_id")
    + _same(text, "uuid", "status", "priority")
    + _same(flag, "can_reply", "muted")
    + _same(instant, "created_at", "updated_at", "first_reply_created_at", "waiting_since", "snoozed_until")
    + _same(instant, "agent_last_seen_at", "assignee_last_seen_at", "contact_last_seen_at")
    + _same(free, "additional_attributes", "custom_attributes", "attachments")
    + (
        # Servers from 2.17 send both, with one value; the later line wins where both are there.
        Field("last_activity_at", "last_activity_at", instant),
        Field("last_activity_at", "timestamp", instant),
        Field("channel", "meta.channel", text),
        Field("hmac_verified", "meta.hmac_verified", flag),
    ),
    elsewhere=(
        "account_id",
        "labels",
        "messages",
        "last_non_activity_message",
        "meta.sender",
        "meta.assignee",
        "meta.team",
    ),
)
MESSAGE = Entity(
    "message",
    "messages",
    _same(whole, "id", "inbox_id", "sender_id")
    + _same(text, "content", "content_type", "status", "source_id")
    + _same(flag, "private")
    + _same(instant, "created_at", "created_at_exact", "updated_at")
    + _same(free, "content_attributes", "additional_attributes", "external_source_ids")
    + _same(texts, "label_list")
    + (
        Field("message_type", "message_type", _message_type),
        Field("sender_type", "sender_type", sender_type),
        Field("conversation_assignee_id", "conversation.assignee_id", whole),
        Field("conversation_unread_count", "conversation.unread_count", whole),
    ),
    # `processed_message_content` repeats the content; the list alone has it, so it would outlive an edit or a deletion.
    elsewhere=("account_id", "conversation_id", "sender", "attachments", "processed_message_content"),
)
ATTACHMENT = Entity(
    "attachment",
    "attachments",
    _same(whole, "id", "file_size", "width", "height")
    + _same(text, "file_type", "extension", "data_url", "thumb_url", "fallback_title", "transcribed_text")
    + _same(number, "coordinates_lat", "coordinates_long")
    + _same(free, "meta"),
    elsewhere=("account_id", "message_id"),
)

ACCOUNT = Entity("account", "accounts", _same(text, "name"))
INBOX = Entity(
    "inbox",
    "inboxes",
    _same(whole, "id")
    + _same(text, "name", "channel_type", "timezone")
    + _same(flag, "working_hours_enabled", "csat_survey_enabled", "enable_auto_assignment")
    + _same(array, "working_hours"),
)
LABEL = Entity(
    "label",
    "labels",
    _same(whole, "id")
    + _same(label_title, "title")
    + _same(text, "description", "color")
    + _same(flag, "show_on_sidebar"),
)
DEFINITION = Entity(
    "custom attribute definition",
    "custom_attribute_definitions",
    _same(whole, "id")
    + _same(text, "attribute_key", "attribute_model", "attribute_display_name", "attribute_display_type")
    + _same(text, "attribute_description")
    + _same(array, "attribute_values"),
)
SURVEY_RESPONSE = Entity(
    "survey response",
    "csat_responses",
    _same(whole, "id", "conversation_id", "message_id", "rating")
    + _same(text, "feedback_message")
    + _same(instant, "created_at"),
    elsewhere=("account_id", "contact", "assigned_agent"),
)

KEYS = {
    "accounts": (),
    "bots": ("type", "id"),
    "labels": ("title",),
    "conversation_labels": ("conversation_id", "label"),
} | dict.fromkeys(
    (
        *("inboxes", "teams", "agents", "contacts", "conversations", "messages", "attachments"),
        *("custom_attribute_definitions", "csat_responses"),
    ),
    ("id",),
)


@dataclass
class Converted:
    """A row, and what there is to tell of it.

    unknown: paths of fields that no column holds (`message.sentiment`). beyond: path -> value beyond PostgreSQL's
    range. replaced: how many values held characters that it does not store.
    """

    row: Row
    unknown: set[str] = field(default_factory=set)
    beyond: Payload = field(default_factory=dict)
    replaced: int = 0


def to_row(entity: Entity, payload: Any) -> Converted:
    """Turn a payload into a row.

    A value beyond PostgreSQL's range becomes None and is kept in `extra`, unless the row cannot be without it.
    Raises BadValue that names the field and what was there.
    """
    if not isinstance(payload, dict):
        raise BadValue(f"{entity.name}: expected an object, got {type(payload).__name__}")
    made = Converted({})
    extra = _read_object(entity, "", payload, made)
    for name in KEYS[entity.table]:
        if made.row.get(name) is None:
            said = f"is beyond range: {made.beyond[name]}"[:60] if name in made.beyond else "is missing"
            raise BadValue(f"{name}: {said}")
    if extra or made.beyond:
        # Under the whole path: what is beyond range is no unknown field, and its column says NULL.
        made.row["extra"] = extra | {path: free(value) for path, value in made.beyond.items()}
    return made


def _read_object(entity: Entity, prefix: str, payload: Payload, made: Converted) -> Payload:
    """Read the fields of an object, and of those in it that have fields of their own; give what is left over."""
    shape = entity.shapes[prefix]
    for column, name, read in shape.fields:
        if (value := payload.get(name, ABSENT)) is not ABSENT:
            try:
                made.row[column] = kept = None if value is None else read(value)
                made.replaced += kept is not value and read in TEXTUAL and kept != value
            except BeyondRange:
                made.row[column] = None
                made.beyond[prefix + name] = value
            except BadValue as error:
                raise BadValue(f"{prefix}{name}: {error}") from None
    extra: Payload = {}
    for name in payload.keys() - shape.known:
        value, path = payload[name], f"{prefix}{name}."
        if path in entity.shapes and (value is None or isinstance(value, dict)):
            if inner := _read_object(entity, path, value or {}, made):
                extra[name] = inner
        else:
            key = text(name)
            extra[key] = kept = free(value)
            made.replaced += key != name or (kept is not value and kept != value)
            made.unknown.add(f"{entity.name}.{_printable(prefix + name)}")
    return extra


def _printable(name: str) -> str:
    """Make a name fit for a terminal: what would steer it is shown, not sent."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name[:100])
