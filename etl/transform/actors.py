"""Who owns a conversation, wrote a message or is rated: people and bots told apart, as their numbers collide."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from etl.errors import BadValue
from etl.transform.batch import Batch
from etl.transform.entities import AGENT, BOT, CONTACT
from etl.transform.fields import Converted, Entity, Payload, Row, sender_type
from etl.transform.values import key

USER, CONTACT_TYPE, AGENT_BOT = "user", "contact", "agent_bot"
TABLES: dict[str | None, str] = {CONTACT_TYPE: "contacts", USER: "agents"}
# What only a bot's record has: whatever type is told, nothing that carries one of these is merged into a person.
MARKS_OF_BOTS = ("bot_type", "outgoing_url")
# What only a person's record has: it counts where the keys of a bot are there, and hold nothing.
MARKS_OF_PEOPLE = ("email", "role", "availability_status")

# Who is referred to, and what the record around it says of the type; None: nothing.
Told = tuple[Any, Any]


@dataclass(frozen=True)
class Columns:
    """Where a reference to a person or a bot goes; type: of either, where a column says it."""

    person: str
    bot_type: str
    bot: str
    type: str | None = None

    def of(self, kind: str | None, person: Row, bot: int | None) -> Row:
        """Return the columns; `person` is that column alone, where there is one."""
        made = {self.person: None, self.bot_type: None if bot is None else kind, self.bot: bot} | person
        return made | ({self.type: kind} if self.type else {})


ASSIGNEE = Columns("assignee_id", "assignee_bot_type", "assignee_bot_id", "assignee_type")
RATED = Columns("assigned_agent_id", "assigned_bot_type", "assigned_bot_id")


def kind_of(payload: Any, told: Any, otherwise: str | None = None) -> str:
    """Return the type of who is referred to, spelt as `sender_type` spells it.

    told: what the record around it says; then what it says itself, then `otherwise`. Raise BadValue when that is no
    type, or none at all; and when nothing is said of a record that may as well be a person's as a bot's.
    """
    own = payload if isinstance(payload, dict) else {}
    said = told
    for name in ("assignee_type", "type"):
        said = own.get(name) if said is None else said
    marked = _has_any(own, MARKS_OF_BOTS)
    if said is None and not marked:
        if otherwise is None:
            raise BadValue("is missing", field="type")
        if not (own.keys().isdisjoint(MARKS_OF_BOTS) or _has_any(own, MARKS_OF_PEOPLE)):
            raise BadValue("is missing, and it may be a person or a bot", field="type")
        said = otherwise
    kind = AGENT_BOT if said is None else sender_type(said)
    return AGENT_BOT if marked and kind in {USER, CONTACT_TYPE} else kind


def _has_any(payload: Payload, names: tuple[str, ...]) -> bool:
    """Return whether a record has a value under one of the names; null is none."""
    return not payload.keys().isdisjoint(names) and any(payload.get(name) is not None for name in names)


def assignee(payload: Payload, meta: Payload) -> Told:
    """Return who owns a conversation: what `meta` shows, or the bot whose number is all that is sent."""
    shown, told = meta.get("assignee"), meta.get("assignee_type")
    bot = payload.get("assignee_agent_bot_id", meta.get("assignee_agent_bot_id"))
    if bot is None:
        return shown, told
    if shown is None:
        return {"id": bot}, AGENT_BOT
    is_it = told is None and id_of(shown) == id_of({"id": bot})
    return shown, AGENT_BOT if is_it else told


def owner(batch: Batch, columns: Columns, referred: Told, about: int | None = None) -> Row:
    """Add the person or bot that columns refer to; return the columns, none of them when it cannot be told which.

    about: the conversation to which the record belongs.
    """
    payload, told = referred
    if payload is None:
        return columns.of(None, {}, None)
    try:
        kind = kind_of(payload, told, USER)
    except BadValue as error:
        batch.reject("owner", payload, error, about)
        return {}
    if kind == CONTACT_TYPE:
        batch.reject("owner", payload, BadValue("expected a user or a bot", field="type"), about)
        return {}
    if kind == USER:
        person = reference(batch, (columns.person, AGENT), payload, about)
        return columns.of(kind, person, None) if person else {}
    number = id_of(payload)
    made = batch.convert(BOT, payload | {"type": kind} if isinstance(payload, dict) else payload, about)
    if number is None:
        return {}
    if made is None:
        batch.add("bots", {"type": kind, "id": number})
    return columns.of(kind, {}, number)


def person(batch: Batch, column: str, payload: Any) -> Row:
    """Add the person that a column refers to; return the column, NULL for a bot, none when it cannot be told which."""
    given = owner(batch, Columns(column, "bot_type", "bot_id"), (payload, None))
    return {name: value for name, value in given.items() if name == column}


def add_person(batch: Batch, payload: Any, told: Any, about: int | None) -> None:
    """Add who is referred to if it is a user of the account; who cannot be told is nobody."""
    if payload is None:
        return
    try:
        kind = kind_of(payload, told, USER)
    except BadValue:
        return
    if kind == USER:
        batch.convert(AGENT, payload, about)


def reference(batch: Batch, to: tuple[str, Entity], payload: Any, about: int | None = None) -> Row:
    """Add the record that a column refers to; when it has to be rejected, its id alone, where that can be read.

    to: the column, and what it refers to. about: the conversation to which the record belongs.
    """
    column, entity = to
    if payload is None:
        return {column: None}
    number = id_of(payload)
    if batch.convert(entity, payload, about) is None and number is not None:
        batch.refer(entity.table, number)
    return {} if number is None else {column: number}


def number_of(payload: Any, column: str) -> Row:
    """Return the id of a record under a column's name; nothing when it has none that can be read."""
    number = id_of(payload)
    return {} if number is None else {column: number}


def id_of(payload: Any) -> int | None:
    """Return the id of a record; None when it has none that can be read."""
    try:
        return key(payload["id"])
    except (BadValue, KeyError, TypeError):
        return None


def sender(batch: Batch, conversation_id: int, payload: Payload) -> Row:
    """Add who sent a message; return the columns sender_type and sender_id where the `sender` object tells them."""
    who, beside = payload.get("sender"), payload.get("sender_type")
    if who is None:
        return {}
    made = batch.once("sender", [who, beside], partial(_sender, batch, conversation_id, who, beside))
    if made is None:
        return {}
    entity, converted, columns = made
    batch.put(entity, converted, conversation_id, {})
    return columns


def _sender(batch: Batch, conversation_id: int, who: Any, beside: Any) -> tuple[Entity, Converted, Row] | None:
    """Return what becomes of a sender, and the columns that refer to it; None when it had to be rejected.

    beside: the type that the message says.
    """
    told = who.get("type", beside) if isinstance(who, dict) else None
    try:
        _require_one_type(told, beside)
        kind = kind_of(who, told)
    except BadValue as error:
        batch.reject("sender", who, error, conversation_id)
        return None
    entity = {CONTACT_TYPE: CONTACT, USER: AGENT}.get(kind, BOT)
    made = batch.make(entity, who | {"type": kind}, conversation_id)
    return None if made is None else (entity, made, {"sender_type": kind, "sender_id": made.row["id"]})


def _require_one_type(told: Any, beside: Any) -> None:
    """Raise BadValue when a sender says one type of itself, and the message another: it is not known who it is."""
    if isinstance(told, str) and isinstance(beside, str) and sender_type(told) != sender_type(beside):
        raise BadValue("the message says another", told, "type")


def add_bare_sender(batch: Batch, message: Row) -> None:
    """Add the sender with its id alone: nothing more is known of a deleted user, and the foreign key needs a row."""
    table, number = TABLES.get(message.get("sender_type")), message.get("sender_id")
    if table and number is not None:
        batch.refer(table, number)


def take_out_bot(batch: Batch, message_id: int, payload: Payload) -> None:
    """Keep the number that a message tells as `conversation.assignee_id` in `extra` alone where it is a bot's."""
    conversation = payload.get("conversation")
    told = conversation.get("assignee_type") if isinstance(conversation, dict) else None
    if told in (None, "User", USER):
        return
    row = batch.rows["messages"][(message_id,)]
    extra = row.get("extra") or {}
    number = row.get("conversation_assignee_id")
    row["conversation_assignee_id"] = None
    row["extra"] = extra | {"conversation": (extra.get("conversation") or {}) | {"assignee_id": number}}
