"""Every field that has a column, and what a value of it plainly means: told without any reader of ours."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

Place = tuple[str, str]  # an entity, and a field of it


def _columns(table: str, **kinds: str) -> dict[str, tuple[str, str, str]]:
    """Return field -> (table, column, kind), of the fields of each kind."""
    return {name: (table, name, kind) for kind, names in kinds.items() for name in names.split()}


COLUMNS = {
    "conversation": _columns(
        "conversations",
        key="id inbox_id sla_policy_id",
        whole="unread_count",
        text="uuid",
        word="status priority",
        flag="can_reply muted",
        time="created_at updated_at first_reply_created_at waiting_since snoozed_until agent_last_seen_at"
        " assignee_last_seen_at contact_last_seen_at",
        object="additional_attributes custom_attributes",
    )
    | {"timestamp": ("conversations", "last_activity_at", "time")},
    "meta": {
        "channel": ("conversations", "channel", "word"),
        "hmac_verified": ("conversations", "hmac_verified", "flag"),
    },
    "contact": _columns(
        "contacts",
        key="id",
        text="name email phone_number identifier thumbnail",
        word="availability_status",
        flag="blocked",
        time="last_activity_at created_at",
        object="additional_attributes custom_attributes",
    ),
    "agent": _columns(
        "agents",
        key="id",
        text="name available_name email thumbnail avatar_url",
        word="role availability_status provider",
        flag="auto_offline confirmed",
        object="custom_attributes",
    ),
    "bot": _columns("bots", key="id", text="name description bot_type thumbnail avatar_url"),
    "team": _columns("teams", key="id", text="name description", flag="allow_auto_assign is_member"),
    "message": _columns(
        "messages",
        key="id inbox_id",
        type="message_type",
        text="content source_id",
        word="content_type status",
        flag="private",
        time="created_at updated_at",
        object="content_attributes additional_attributes external_source_ids",
    ),
    "inside": {
        "assignee_id": ("messages", "conversation_assignee_id", "whole"),
        "unread_count": ("messages", "conversation_unread_count", "whole"),
    },
    "attachment": _columns(
        "attachments",
        key="id",
        whole="file_size width height",
        word="file_type",
        text="extension data_url thumb_url fallback_title transcribed_text",
        number="coordinates_lat coordinates_long",
        object="meta",
    ),
    "inbox": _columns(
        "inboxes",
        key="id",
        text="name",
        word="channel_type timezone",
        flag="working_hours_enabled csat_survey_enabled enable_auto_assignment",
        array="working_hours",
    ),
    "label": _columns("labels", key="id", text="title description color", flag="show_on_sidebar"),
    "definition": _columns(
        "custom_attribute_definitions",
        key="id",
        text="attribute_key attribute_model attribute_display_name attribute_display_type attribute_description"
        " regex_pattern regex_cue default_value",
        array="attribute_values",
    ),
    "survey": _columns(
        "csat_responses",
        key="id conversation_id message_id",
        whole="rating",
        text="feedback_message",
        time="created_at",
    ),
}
# What is told twice, and stored from elsewhere: from the question, from `sender`, from the other one of two times.
ELSEWHERE = {
    "account_id",
    "type",
    "assignee_type",
    "last_activity_at",
    "conversation_id",
    "message_id",
    "sender_id",
    "sender_type",
}
# Told by another record that comes later in a first run: then `extra` lets go of what was kept for the column.
TOLD_BY_ANOTHER = ("inbox", "channel_type")
# What another record or key tells as well, where this one cannot be read: 2.14 has no other time.
TOLD_TWICE: set[Place] = {("conversation", "timestamp"), ("inbox", "channel_type")}
KEYS: set[Place] = {("label", "title"), *((kind, "id") for kind in COLUMNS if kind != "label")}
# Keys, and what figures rest on: a record without them is none.
NEEDED: set[Place] = KEYS | {
    *(("conversation", "status"), ("conversation", "created_at"), ("survey", "rating")),
    *(("message", "message_type"), ("message", "created_at"), ("message", "private")),
}


# What a value plainly means

UNREADABLE = object()
DIGITS = re.compile(r"-?\d+")
FRACTION = re.compile(r"-?\d+(\.\d+)?")


def meant(kind: str, value: Any) -> Any:
    """Return what a value means in a column of a kind, UNREADABLE when nothing.

    Kinds: number of a record, whole number, number, text (also of a number), word (which a number is not), flag, time,
    object and array.
    """
    if value is None:
        return None
    return {
        "key": lambda: _whole(value), "whole": lambda: _whole(value), "number": lambda: _number(value),
        "text": lambda: str(value) if type(value) is int else value if isinstance(value, str) else UNREADABLE,
        "word": lambda: value if isinstance(value, str) else UNREADABLE,
        "flag": lambda: value if isinstance(value, bool) else UNREADABLE,
        "time": lambda: _time(value), "object": lambda: _object(value),
        "array": lambda: value if isinstance(value, list) else UNREADABLE,
        "type": lambda: _type(value),
    }[kind]()  # fmt: skip


def _whole(value: Any) -> Any:
    if isinstance(value, str) and DIGITS.fullmatch(value):
        return int(value)
    if type(value) is int or (isinstance(value, float) and value == int(value)):
        return int(value)
    return UNREADABLE


def _number(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return UNREADABLE
    return float(value) if type(value) in (int, float) else UNREADABLE


def _time(value: Any) -> Any:
    if isinstance(value, str) and not FRACTION.fullmatch(value):
        try:
            read = datetime.fromisoformat(value.removesuffix(" UTC"))
        except ValueError:
            return UNREADABLE
        return read.replace(tzinfo=read.tzinfo or UTC)
    if type(value) is bool or not isinstance(value, int | float | str):
        return UNREADABLE
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(value)) if float(value) else None


def _object(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.loads(value)
    return value


def _type(value: Any) -> Any:
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        return value
    number = _whole(value)
    return number if number is UNREADABLE else ("incoming", "outgoing", "activity", "template")[number]
