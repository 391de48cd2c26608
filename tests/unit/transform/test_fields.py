"""Every field that the vendor documents or sends, a line each: a payload in its shape goes in, the column comes out."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest

from etl.database.models import METADATA
from etl.transform import entities
from etl.transform.rows import to_batch

# A page of one conversation that has one of everything and no field but what tells that it is there.
SMALLEST = {
    "id": 7,
    "meta": {"sender": {"id": 5}, "assignee": {"id": 6}, "team": {"id": 8}},
    "messages": [{"id": 9, "attachments": [{"id": 10}]}, {"id": 11, "sender": {"id": 55, "type": "contact"}}],
}
SECONDS, TIME = 1767268800, datetime(2026, 1, 1, 12, tzinfo=UTC)
ISO, EXACT = "2026-03-20T03:06:41.498Z", datetime(2026, 3, 20, 3, 6, 41, 498000, tzinfo=UTC)
FREE = {"a": [1, None, {"ב": ""}], "b": 0}

# (path in the payload, value sent, table, column, value expected); a number in a path is a place in an array.
CONVERSATION = [
    ("id", 7, "conversations", "id", 7),
    ("additional_attributes", FREE, "conversations", "additional_attributes", FREE),
    ("agent_last_seen_at", SECONDS, "conversations", "agent_last_seen_at", TIME),
    ("assignee_last_seen_at", SECONDS, "conversations", "assignee_last_seen_at", TIME),
    ("can_reply", True, "conversations", "can_reply", True),
    ("contact_last_seen_at", SECONDS, "conversations", "contact_last_seen_at", TIME),
    ("custom_attributes", FREE, "conversations", "custom_attributes", FREE),
    ("inbox_id", 4, "conversations", "inbox_id", 4),
    ("muted", True, "conversations", "muted", True),
    ("snoozed_until", ISO, "conversations", "snoozed_until", EXACT),
    ("status", "snoozed", "conversations", "status", "snoozed"),
    ("created_at", SECONDS, "conversations", "created_at", TIME),
    ("timestamp", SECONDS, "conversations", "last_activity_at", TIME),
    ("first_reply_created_at", SECONDS, "conversations", "first_reply_created_at", TIME),
    ("unread_count", 3, "conversations", "unread_count", 3),
    ("attachments", FREE, "conversations", "attachments", FREE),
    ("meta.channel", "Channel::Whatsapp", "conversations", "channel", "Channel::Whatsapp"),
    ("meta.hmac_verified", True, "conversations", "hmac_verified", True),
    ("uuid", "3abedb9c-40a9", "conversations", "uuid", "3abedb9c-40a9"),
    ("updated_at", SECONDS + 0.25, "conversations", "updated_at", TIME.replace(microsecond=250000)),
    ("last_activity_at", SECONDS, "conversations", "last_activity_at", TIME),
    ("priority", "low", "conversations", "priority", "low"),
    ("waiting_since", SECONDS, "conversations", "waiting_since", TIME),
    ("sla_policy_id", 2, "conversations", "sla_policy_id", 2),
    ("applied_sla", FREE, "conversations", "applied_sla", FREE),
    ("sla_events", [FREE], "conversations", "sla_events", [FREE]),
]
CONTACT = [
    ("meta.sender.id", 5, "contacts", "id", 5),
    ("meta.sender.name", "משה Dupont", "contacts", "name", "משה Dupont"),
    ("meta.sender.phone_number", "+15550000072", "contacts", "phone_number", "+15550000072"),
    ("meta.sender.email", "a@mail.example", "contacts", "email", "a@mail.example"),
    ("meta.sender.identifier", "crm-72", "contacts", "identifier", "crm-72"),
    ("meta.sender.availability_status", "offline", "contacts", "availability_status", "offline"),
    ("meta.sender.thumbnail", "https://x.example/a.png", "contacts", "thumbnail", "https://x.example/a.png"),
    ("meta.sender.last_activity_at", SECONDS, "contacts", "last_activity_at", TIME),
    ("meta.sender.blocked", True, "contacts", "blocked", True),
    ("meta.sender.created_at", SECONDS, "contacts", "created_at", TIME),
    ("meta.sender.company_id", 12, "contacts", "company_id", 12),
    ("meta.sender.conversations_count", 3, "contacts", "conversations_count", 3),
    ("meta.sender.additional_attributes", FREE, "contacts", "additional_attributes", FREE),
    ("meta.sender.custom_attributes", FREE, "contacts", "custom_attributes", FREE),
]
AGENT = [
    ("meta.assignee.id", 6, "agents", "id", 6),
    ("meta.assignee.name", "Bob Agent", "agents", "name", "Bob Agent"),
    ("meta.assignee.available_name", "Bobby", "agents", "available_name", "Bobby"),
    ("meta.assignee.email", "user2@example.com", "agents", "email", "user2@example.com"),
    ("meta.assignee.role", "agent", "agents", "role", "agent"),
    ("meta.assignee.availability_status", "busy", "agents", "availability_status", "busy"),
    ("meta.assignee.auto_offline", True, "agents", "auto_offline", True),
    ("meta.assignee.confirmed", True, "agents", "confirmed", True),
    ("meta.assignee.see_all_conversations", True, "agents", "see_all_conversations", True),
    ("meta.assignee.provider", "email", "agents", "provider", "email"),
    ("meta.assignee.thumbnail", "https://x.example/b.png", "agents", "thumbnail", "https://x.example/b.png"),
    ("meta.assignee.avatar_url", "https://x.example/c.png", "agents", "avatar_url", "https://x.example/c.png"),
    ("meta.assignee.custom_attributes", FREE, "agents", "custom_attributes", FREE),
]
TEAM = [
    ("meta.team.id", 8, "teams", "id", 8),
    ("meta.team.name", "escalations", "teams", "name", "escalations"),
    ("meta.team.description", "Team escalations", "teams", "description", "Team escalations"),
    ("meta.team.allow_auto_assign", True, "teams", "allow_auto_assign", True),
    ("meta.team.is_member", True, "teams", "is_member", True),
]
MESSAGE = [
    ("messages.0.id", 9, "messages", "id", 9),
    ("messages.0.content", "שלום 👋", "messages", "content", "שלום 👋"),
    ("messages.0.inbox_id", 4, "messages", "inbox_id", 4),
    ("messages.0.message_type", 1, "messages", "message_type", "outgoing"),
    ("messages.0.created_at", SECONDS, "messages", "created_at", TIME),
    ("messages.0.updated_at", ISO, "messages", "updated_at", EXACT),
    ("messages.0.private", True, "messages", "private", True),
    ("messages.0.status", "delivered", "messages", "status", "delivered"),
    ("messages.0.source_id", "src-28-0", "messages", "source_id", "src-28-0"),
    ("messages.0.content_type", "input_csat", "messages", "content_type", "input_csat"),
    ("messages.0.content_attributes", FREE, "messages", "content_attributes", FREE),
    ("messages.0.sender_type", "Contact", "messages", "sender_type", "contact"),
    ("messages.0.sender_id", 5, "messages", "sender_id", 5),
    ("messages.0.external_source_ids", FREE, "messages", "external_source_ids", FREE),
    ("messages.0.additional_attributes", FREE, "messages", "additional_attributes", FREE),
    ("messages.0.label_list", ["vip", "חשוב"], "messages", "label_list", ["vip", "חשוב"]),
    ("messages.0.created_at_exact", ISO, "messages", "created_at_exact", EXACT),
    ("messages.0.conversation.assignee_id", 6, "messages", "conversation_assignee_id", 6),
    ("messages.0.conversation.unread_count", 3, "messages", "conversation_unread_count", 3),
    ("messages.0.call.provider", "twilio", "messages", "call_provider", "twilio"),
    ("messages.0.call.direction", "incoming", "messages", "call_direction", "incoming"),
    ("messages.0.call.status", "completed", "messages", "call_status", "completed"),
    ("messages.0.call.duration_seconds", 63, "messages", "call_duration_seconds", 63),
    ("messages.0.call.end_reason", "hangup", "messages", "call_end_reason", "hangup"),
]
SENDER = [
    ("messages.1.sender.id", 55, "contacts", "id", 55),
    ("messages.1.sender.name", "Fatima כהן", "contacts", "name", "Fatima כהן"),
    ("messages.1.sender.email", "b@mail.example", "contacts", "email", "b@mail.example"),
    ("messages.1.sender.phone_number", "+15550000067", "contacts", "phone_number", "+15550000067"),
    ("messages.1.sender.identifier", "crm-67", "contacts", "identifier", "crm-67"),
    ("messages.1.sender.thumbnail", "https://x.example/d.png", "contacts", "thumbnail", "https://x.example/d.png"),
    ("messages.1.sender.additional_attributes", FREE, "contacts", "additional_attributes", FREE),
    ("messages.1.sender.custom_attributes", FREE, "contacts", "custom_attributes", FREE),
]
ATTACHMENT = [
    ("messages.0.attachments.0.id", 10, "attachments", "id", 10),
    ("messages.0.attachments.0.file_type", "image", "attachments", "file_type", "image"),
    ("messages.0.attachments.0.content_type", "image/png", "attachments", "content_type", "image/png"),
    ("messages.0.attachments.0.extension", "png", "attachments", "extension", "png"),
    ("messages.0.attachments.0.data_url", "https://x.example/e", "attachments", "data_url", "https://x.example/e"),
    ("messages.0.attachments.0.thumb_url", "https://x.example/f", "attachments", "thumb_url", "https://x.example/f"),
    ("messages.0.attachments.0.file_size", 1234, "attachments", "file_size", 1234),
    ("messages.0.attachments.0.width", 640, "attachments", "width", 640),
    ("messages.0.attachments.0.height", 480, "attachments", "height", 480),
    ("messages.0.attachments.0.coordinates_lat", 32.0853, "attachments", "coordinates_lat", 32.0853),
    ("messages.0.attachments.0.coordinates_long", -34, "attachments", "coordinates_long", -34.0),
    ("messages.0.attachments.0.fallback_title", "Tel Aviv", "attachments", "fallback_title", "Tel Aviv"),
    ("messages.0.attachments.0.transcribed_text", "hello", "attachments", "transcribed_text", "hello"),
    ("messages.0.attachments.0.meta", FREE, "attachments", "meta", FREE),
]
FIELDS = CONVERSATION + CONTACT + AGENT + TEAM + MESSAGE + SENDER + ATTACHMENT

# What becomes a row of its own, or a column that more than one key decides; test_special_fields.py has the cases.
SPECIAL = [
    ("account_id", 1, "conversations", "account_id", 1),
    ("messages", [{"id": 9}], "messages", "conversation_id", 7),
    ("labels", ["vip"], "conversation_labels", "label", "vip"),
    ("last_non_activity_message", {"id": 9}, "conversations", "last_non_activity_message_id", 9),
    ("meta.sender", {"id": 5}, "conversations", "contact_id", 5),
    ("meta.assignee", {"id": 6}, "conversations", "assignee_id", 6),
    ("meta.assignee_type", "User", "conversations", "assignee_type", "user"),
    ("meta.team", {"id": 8}, "conversations", "team_id", 8),
    ("messages.0.account_id", 1, "messages", "account_id", 1),
    ("messages.0.conversation_id", 7, "messages", "conversation_id", 7),
    ("messages.0.content_attributes", {"deleted": True}, "messages", "deleted", True),
    ("messages.0.attachments", [{"id": 10}], "attachments", "message_id", 9),
    ("messages.1.sender.type", "contact", "contacts", "id", 55),
    ("messages.0.attachments.0.account_id", 1, "attachments", "account_id", 1),
    ("messages.0.attachments.0.message_id", 9, "attachments", "message_id", 9),
]
KEYS = {
    "meta.sender": (5,),
    "meta.assignee": (6,),
    "meta.team": (8,),
    "messages.0.attachments": (10,),
    "messages.1.sender": (55,),
    "messages": (9,),
    "labels": (7, "vip"),
}


def with_value(path: str, value) -> dict:
    payload = deepcopy(SMALLEST)
    inner = payload
    *way, last = path.split(".")
    for name in way:
        inner = inner[int(name)] if isinstance(inner, list) else inner.setdefault(name, {})
    inner[last] = value
    return payload


def row_of(payload: dict, path: str, table: str) -> dict:
    batch = to_batch(1, [payload])
    assert batch.rejected == []
    assert batch.unknown_fields == set()
    key = next((key for place, key in KEYS.items() if path.startswith(place)), (7,))
    return batch.rows[table][(7,) if table == "conversations" else key]


@pytest.mark.parametrize(("path", "sent", "table", "column", "expected"), FIELDS + SPECIAL)
def test_a_field_lands_in_its_column(path, sent, table, column, expected):
    row = row_of(with_value(path, sent), path, table)
    assert row[column] == expected
    assert type(row[column]) is type(expected)


COLUMNS = [(path, table, column) for path, _, table, column, _ in FIELDS if column != "id"]
# Figures rest on them: NULL would make these wrong.
NEEDED_IN = {one.table: one.needed for one in (entities.CONVERSATION, entities.MESSAGE)}
NEEDED = [one for one in COLUMNS if one[2] in NEEDED_IN.get(one[1], ())]


@pytest.mark.parametrize(("path", "table", "column"), NEEDED)
def test_a_field_that_figures_rest_on_rejects_its_record_when_it_is_null_or_no_time(path, table, column):
    for nothing in (None, 0) if column == "created_at" else (None,):
        batch = to_batch(1, [with_value(path, nothing)])
        assert [one["reason"] for one in batch.rejected] == [f"{column}: is missing"]


@pytest.mark.parametrize(("path", "table", "column"), [one for one in COLUMNS if one not in NEEDED])
def test_a_field_that_is_null_gives_none(path, table, column):
    row = row_of(with_value(path, None), path, table)
    assert column in row
    assert row[column] is None


@pytest.mark.parametrize(("path", "table", "column"), COLUMNS)
def test_a_field_that_is_absent_gives_no_key(path, table, column):
    assert column not in row_of(SMALLEST, path, table)


# By the type of the column's value: what is sent, and what it must not be taken for.
ZERO_FALSE_EMPTY = {
    datetime: (0, None),
    int: (0, 0),
    float: (0, 0.0),
    bool: (False, False),
    str: ("", ""),
    dict: ({}, {}),
    list: ([], []),
}


# The number of another record, which begins at 1.
REFERENCES = {"inbox_id", "sender_id", "sla_policy_id", "company_id"}


KINDS = [
    (path, table, column, type(expected))
    for path, _, table, column, expected in FIELDS
    if column != "id" and not ((path, table, column) in NEEDED and column == "created_at")
]


@pytest.mark.parametrize(("path", "table", "column", "kind"), KINDS)
def test_0_is_no_time_and_no_record_and_every_other_zero_false_or_empty_is_kept(path, table, column, kind):
    empty, kept = (0, None) if column in REFERENCES else ZERO_FALSE_EMPTY[kind]
    row = row_of(with_value(path, empty), path, table)
    assert column in row
    assert row[column] == kept
    assert type(row[column]) is type(kept)


@pytest.mark.parametrize("path", [path for path, _, _, column, _ in FIELDS if column == "id"])
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (None, "id: is missing"),
        ("", "id: expected a whole number, got the text ''"),
        (1.5, "id: expected a whole number, got 1.5"),
        ([], "id: expected a whole number, got an array"),
    ],
)
def test_a_record_whose_number_is_no_number_is_rejected(path, sent, reason):
    batch = to_batch(1, [with_value(path, sent)])
    assert [one["reason"] for one in batch.rejected] == [reason]


DOCUMENTED = {
    "": "id messages account_id additional_attributes agent_last_seen_at assignee_last_seen_at can_reply"
    " contact_last_seen_at custom_attributes inbox_id labels muted snoozed_until status created_at timestamp"
    " first_reply_created_at unread_count last_non_activity_message attachments"
    " meta.sender meta.channel meta.hmac_verified"
    # Newer servers, or found on real ones (sections 2 to 4):
    " uuid updated_at last_activity_at priority waiting_since sla_policy_id meta.assignee meta.team",
    "meta.sender.": "id name phone_number email identifier availability_status thumbnail last_activity_at blocked"
    " created_at additional_attributes custom_attributes",
    "messages.0.": "id content account_id inbox_id conversation_id message_type created_at updated_at private status"
    " source_id content_type content_attributes sender_type sender_id external_source_ids additional_attributes"
    " label_list created_at_exact conversation.assignee_id conversation.unread_count attachments",
    "messages.1.sender.": "id name email phone_number identifier thumbnail type additional_attributes"
    " custom_attributes",
    "messages.0.attachments.0.": "id message_id file_type account_id extension data_url thumb_url file_size width"
    " height coordinates_lat coordinates_long fallback_title transcribed_text",
}


def test_every_documented_field_has_a_line_in_the_table():
    documented = {prefix + name for prefix, names in DOCUMENTED.items() for name in names.split()}
    assert documented - {path for path, *_ in FIELDS + SPECIAL} == set()


BOOKKEEPING = {"extra", "first_synced_at", "changed_at"}
NOT_SENT = {
    "contacts": {"listed", "deleted_at", "merged_into", "digests"},
    "conversations": {"mark", "history_read_at", "payload_digest", "events_read_at", "deleted_at", "forgotten_at"}
    | {"digests"}
    | {"assignee_bot_type", "assignee_bot_id"},  # test_owners.py has them
    "messages": {"removed_at", "partial", "content_digest", "contact_id", "agent_id"},  # the last two are generated
    "attachments": set(),
    "agents": {"is_listed"},
    "teams": set(),
}


@pytest.mark.parametrize("table", NOT_SENT)
def test_every_column_is_reached_by_some_field(table):
    columns = set(METADATA.tables[f"helpdesk.{table}"].columns.keys())
    reached = {column for _, _, into, column, _ in FIELDS + SPECIAL if into == table}
    assert columns - reached - {"account_id"} == BOOKKEEPING | NOT_SENT[table]
