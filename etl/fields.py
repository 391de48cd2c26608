"""One table of fields per entity: which column is where in a payload, and how it is read.

The vendor sends the same thing in several shapes (list, single conversation, `/messages`). Each field is looked for
where its shape has it: a key that is absent says nothing and gives no key in the row, a key that is null gives None.
What no field reads lands in `extra` under the vendor's own names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from etl.errors import BadValue, BeyondRange
from etl.payload import Reader, flag, free, instant, number, text, texts, whole

Payload = dict[str, Any]
Row = dict[str, Any]

MESSAGE_TYPES = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}


def _message_type(value: Any) -> str:
    """Name the type of a message; documented as a name, sent as 0 to 3, and kept as it is when new."""
    return text(value) if isinstance(value, str) else MESSAGE_TYPES.get(whole(value), str(value))


def sender_type(value: Any) -> str:
    """Spell a sender's type as `sender.type` does: the list says `AgentBot`, `/messages` says `agent_bot`."""
    parts = text(value).replace("::", "")
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(parts))


@dataclass(frozen=True)
class Field:
    """A column and where its value is: `path` names the keys from the payload inwards, dots between them."""

    column: str
    path: str
    read: Reader


@dataclass(frozen=True)
class Entity:
    """How one kind of payload becomes rows of one table.

    `elsewhere` names the paths that other entities or the code below read, so that they are no unknown fields.
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    elsewhere: tuple[str, ...] = ()


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

KEYS = {
    "accounts": (),
    "bots": ("type", "id"),
    "labels": ("title",),
    "conversation_labels": ("conversation_id", "label"),
} | dict.fromkeys(("inboxes", "teams", "agents", "contacts", "conversations", "messages", "attachments"), ("id",))


def to_row(entity: Entity, payload: Any) -> tuple[Row, set[str], int]:
    """Give the row of a payload, the paths of its unknown fields (`message.sentiment`), and how many were beyond range.

    A value beyond PostgreSQL's range becomes None and is kept in `extra`, unless the row cannot be without it.
    Raises BadValue that names the field and what was there.
    """
    if not isinstance(payload, dict):
        raise BadValue(f"{entity.name}: expected an object, got {type(payload).__name__}")
    row: Row = {}
    beyond: Payload = {}
    for one in entity.fields:
        found, value = _find(payload, one.path)
        if found:
            try:
                row[one.column] = None if value is None else one.read(value)
            except BeyondRange:
                row[one.column] = None
                beyond[one.path] = value
            except BadValue as error:
                raise BadValue(f"{one.path}: {error}") from None
    for name in KEYS[entity.table]:
        if row.get(name) is None:
            said = f"is beyond range: {beyond[name]}"[:60] if name in beyond else "is missing"
            raise BadValue(f"{name}: {said}")
    known = {one.path for one in entity.fields} | set(entity.elsewhere)
    extra = _leftovers(payload, known)
    if extra or beyond:
        # Under the whole path: what is beyond range is no unknown field, and its column says NULL.
        row["extra"] = extra | {path: free(value) for path, value in beyond.items()}
    return row, {f"{entity.name}.{_printable(path)}" for path in _paths(extra, known)}, len(beyond)


def _find(payload: Payload, path: str) -> tuple[bool, Any]:
    value: Any = payload
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _leftovers(payload: Payload, known: set[str], prefix: str = "") -> Payload:
    """Give what no field reads, as the vendor nests it."""
    left: Payload = {}
    for name, value in payload.items():
        path = prefix + name
        if path in known:
            continue
        if (value is None or isinstance(value, dict)) and any(one.startswith(f"{path}.") for one in known):
            inner = _leftovers(value or {}, known, f"{path}.")
            if inner:
                left[text(name)] = inner
        else:
            left[text(name)] = free(value)
    return left


def _printable(name: str) -> str:
    """Make a name fit for a terminal: what would steer it is shown, not sent."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name[:100])


def _paths(extra: Payload, known: set[str], prefix: str = "") -> Iterator[str]:
    """Name what is left over: `sentiment`, and `conversation.mood` where only that key of an object is unknown."""
    for name, value in extra.items():
        path = prefix + name
        if isinstance(value, dict) and any(one.startswith(f"{path}.") for one in known):
            yield from _paths(value, known, f"{path}.")
        else:
            yield path
