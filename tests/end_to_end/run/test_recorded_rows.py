"""What `etl sync` makes of exchanges recorded from Chatwoot 4.7.0: whole rows of every table, and every payload."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.recorded_vendor import ZONE, recording


@pytest.fixture
def tables(recorded_4_7_tables: Engine) -> Engine:
    return recorded_4_7_tables


def rows(engine: Engine, query: str) -> list[dict[str, Any]]:
    """Return rows of a table without the two columns that tell the time of the test."""
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM helpdesk.{query}")).mappings()
        return [{k: v for k, v in row.items() if k not in {"first_synced_at", "changed_at"}} for row in found]


def numbers(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def test_every_recorded_message_and_attachment_has_its_row_field_by_field(tables: Engine) -> None:
    """An independent reading of the same payloads: no code of ours between them and the rows."""
    sent = {
        message["id"]: message
        for exchange in recording("4.7.0-histories")
        for message in exchange["response"]["json"]["payload"]
    }
    types = ["incoming", "outgoing", "activity", "template"]
    expected = {
        one["id"]: (
            one["conversation_id"],
            one["inbox_id"],
            types[one["message_type"]],
            one["content_type"],
            one["content"],
            one["private"],
            one["status"],
            one["source_id"],
            one["created_at"],
            one["content_attributes"],
            one.get("sender", {}).get("type"),
            one.get("sender", {}).get("id"),
            [(a["id"], a["file_type"], a.get("file_size"), a.get("data_url")) for a in one.get("attachments", [])],
        )
        for one in sent.values()
    }
    query = """
        SELECT m.id, conversation_id, inbox_id, message_type, content_type, content, private, status, source_id,
               extract(epoch FROM created_at)::bigint, content_attributes, sender_type, sender_id,
               (SELECT coalesce(json_agg(json_build_array(a.id, file_type, file_size, data_url) ORDER BY a.id), '[]')
                FROM helpdesk.attachments AS a WHERE a.message_id = m.id)
        FROM helpdesk.messages AS m
    """
    with tables.connect() as connection:
        found = {row[0]: (*row[1:-1], sorted(map(tuple, row[-1]))) for row in connection.execute(text(query))}
    assert len(found) == 4167
    assert found == {key: (*value[:-1], sorted(value[-1])) for key, value in expected.items()}


def test_a_conversation_is_one_whole_row(tables: Engine) -> None:
    (row,) = rows(tables, "conversations WHERE id = 120")
    assert row.pop("history_read_at") is not None
    assert row.pop("payload_digest") is not None
    assert row == {
        "account_id": 1,
        "id": 120,
        "uuid": "4764e2aa-518e-4ecd-aa0e-c571ba49f32e",
        "status": "snoozed",
        "priority": "medium",
        "inbox_id": 4,
        "contact_id": 1,
        "assignee_type": None,
        "assignee_id": None,
        "assignee_bot_type": None,
        "assignee_bot_id": None,
        "team_id": None,
        "channel": "Channel::Whatsapp",
        "created_at": utc(2026, 11, 22, 9, 38),
        "updated_at": utc(2026, 11, 22, 9, 46, 48, 171084),
        "last_activity_at": utc(2026, 11, 22, 9, 46, 48),
        "first_reply_created_at": utc(2026, 11, 22, 9, 38, 33),
        "waiting_since": None,
        "snoozed_until": utc(2026, 12, 3, 7, 55, 16, 844000),
        "agent_last_seen_at": None,
        "assignee_last_seen_at": None,
        "contact_last_seen_at": None,
        "unread_count": 10,
        "can_reply": True,
        "muted": False,
        "hmac_verified": False,
        "sla_policy_id": None,
        "applied_sla": None,
        "sla_events": None,
        "last_non_activity_message_id": 4179,
        "additional_attributes": {},
        "custom_attributes": {
            "day": "2025-10-01",
            "flag": False,
            "list": [1, "a"],
            "note": "ünïcode ✓",
            "null": None,
            "empty": "",
            "amount": 12.5,
            "order_id": 1120,
        },
        "attachments": None,
        "mark": "1795340808.171084 1795340808 4179",
        "deleted_at": None,
        "forgotten_at": None,
        "digests": None,
        "events_read_at": None,
        "extra": None,
    }


def test_what_a_conversation_refers_to_is_there_in_whole_rows(tables: Engine) -> None:
    assert rows(tables, "contacts WHERE id = 56") == [
        {
            "account_id": 1,
            "id": 56,
            "name": "Бoрис Silva",
            "email": "contact56@mail.example",
            "phone_number": None,
            "identifier": None,
            "thumbnail": "",
            "blocked": False,
            "company_id": None,
            "conversations_count": None,
            "availability_status": "offline",
            "last_activity_at": utc(2026, 10, 13, 9, 48),
            "created_at": utc(2026, 7, 11, 18, 46, 53),
            "additional_attributes": {
                "city": "תל אביב",
                "country": "IL",
                "company_name": "Büro & Söhne",
                "country_code": "IL",
                "social_profiles": {"github": "x", "twitter": ""},
            },
            "custom_attributes": {},
            "deleted_at": None,
            "merged_into": None,
            "listed": None,
            "digests": None,
            "extra": None,
        }
    ]
    assert rows(tables, "agents WHERE id = 4") == [
        {
            "account_id": 1,
            "id": 4,
            "name": "דוד כהן",
            "available_name": "דוד כהן",
            "email": "user4@example.com",
            "role": "agent",
            "see_all_conversations": None,
            "is_listed": True,
            "availability_status": "busy",
            "auto_offline": False,
            "confirmed": True,
            "provider": "email",
            "thumbnail": "",
            "avatar_url": "",
            "custom_attributes": None,
            "extra": None,
        }
    ]
    assert rows(tables, "teams WHERE id = 3") == [
        {
            "account_id": 1,
            "id": 3,
            "name": "חיוב",
            "description": "Team חיוב",
            "allow_auto_assign": True,
            "is_member": False,
            "extra": None,
        }
    ]
    assert rows(tables, "bots") == [
        {
            "account_id": 1,
            "type": "agent_bot",
            "id": 1,
            "name": "Robo",
            "description": None,
            "bot_type": None,
            "thumbnail": None,
            "avatar_url": "",
            "extra": None,
        }
    ]
    assert rows(tables, "conversation_labels WHERE conversation_id = 118") == [
        {"account_id": 1, "conversation_id": 118, "label": "חשוב"}
    ]
    (state,) = rows(tables, "conversation_states WHERE conversation_id = 118")
    assert state.pop("valid_from") is not None
    assert state == {
        "account_id": 1,
        "conversation_id": 118,
        "valid_to": None,
        "status": "open",
        "assignee_type": "user",
        "assignee_id": 3,
        "assignee_bot_type": None,
        "muted": False,
        "assignee_bot_id": None,
        "team_id": 1,
        "priority": "urgent",
    }


def test_the_names_behind_the_numbers_are_whole_rows(tables: Engine) -> None:
    # That the run walked, and when and as what.
    noted = {name: rows(tables, "accounts")[0][name] for name in ("walked_at", "walked_as", "names_read_at")}
    assert rows(tables, "accounts") == [
        {
            "account_id": 1,
            "name": "Acme Support",
            "base_url": rows(tables, "accounts")[0]["base_url"],
            "time_zone": ZONE,
            "personal_data": "keep",
            "personal_data_key": None,
            "week_starts": 7,
            "weekend": [5, 6],
            "holidays": [],
            "dropped_until": None,
            "events_listed_until": None,
            "edits_move_clock": False,
            **noted,
        }
    ]
    assert all(noted.values())
    assert rows(tables, "inboxes WHERE id = 4") == [
        {
            "account_id": 1,
            "id": 4,
            "name": "WhatsApp ☎",
            "channel_type": "Channel::Whatsapp",
            "api_type": None,
            "timezone": "UTC",
            "working_hours_enabled": False,
            "working_hours": [
                {
                    "day_of_week": day,
                    "closed_all_day": day in {0, 6},
                    "open_hour": 9,
                    "open_minutes": 0,
                    "close_hour": 17,
                    "close_minutes": 0,
                    "open_all_day": False,
                }
                for day in range(7)
            ],
            "csat_survey_enabled": False,
            "enable_auto_assignment": True,
            "extra": None,
        }
    ]
    assert numbers(tables, "SELECT name FROM helpdesk.inboxes ORDER BY id") == [
        "Website", "support@acme", "API Inbox", "WhatsApp ☎", "Télégram",
    ]  # fmt: skip
    assert rows(tables, "labels WHERE id = 6") == [
        {
            "account_id": 1,
            "title": "חשוב",
            "id": 6,
            "description": "label חשוב",
            "color": "#54c563",
            "show_on_sidebar": False,
            "extra": None,
        }
    ]
    # She takes part in no conversation.
    assert rows(tables, "agents WHERE id = 9") == [
        {
            "account_id": 1,
            "id": 9,
            "name": "Unconfirmed Uma",
            "available_name": "Unconfirmed Uma",
            "email": "user9@example.com",
            "role": "agent",
            "see_all_conversations": None,
            "is_listed": True,
            "availability_status": "offline",
            "auto_offline": True,
            "confirmed": False,
            "provider": "email",
            "thumbnail": "",
            "avatar_url": None,
            "custom_attributes": None,
            "extra": None,
        }
    ]
    assert rows(tables, "csat_responses") == rows(tables, "custom_attribute_definitions") == []


def test_no_secret_of_an_inbox_and_nothing_of_the_profile_but_the_name_is_stored(tables: Engine) -> None:
    with tables.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'")).scalars()
        stored = "\n".join(
            row
            for name in names
            for row in connection.execute(text(f"SELECT t::text FROM helpdesk.{name} AS t")).scalars()
        )
    (inboxes,) = [one for one in recording("4.7.0-dimensions") if one["request"]["path"].endswith("/inboxes")]
    sent = json.dumps(inboxes["response"]["json"])
    secrets = ("wtok1", "hmac1", "apihmac", "apiident", "api_key", "phone_number_id", "imap_password", "websiteToken")
    assert [one for one in secrets if one not in sent] == []
    profile = next(one for one in recording("4.7.0-profile") if one["request"]["path"] == "/api/v1/profile")
    secrets += (profile["response"]["json"]["access_token"], profile["response"]["json"]["pubsub_token"])
    # Of what no column takes the names of keys are known.
    names_of_keys = {"imap_password"}
    assert [one for one in secrets if one in stored and one not in names_of_keys] == []
    assert len(rows(tables, "api_contract WHERE path = 'imap_password' AND NOT taken")) == 1
    assert "WhatsApp ☎" in stored


def test_messages_are_whole_rows_hebrew_and_emoji_and_private_notes_and_deleted_ones(tables: Engine) -> None:
    nothing_special = {
        "account_id": 1,
        "content_type": "text",
        "private": False,
        "source_id": None,
        "created_at_exact": None,
        "updated_at": None,
        "content_attributes": {},
        "additional_attributes": None,
        "external_source_ids": None,
        "label_list": None,
        "call_provider": None,
        "call_direction": None,
        "call_status": None,
        "call_duration_seconds": None,
        "call_end_reason": None,
        "conversation_assignee_id": None,
        "conversation_unread_count": None,
        "deleted": False,
        "removed_at": None,
        "content_digest": None,
        "partial": False,
        "extra": None,
    }
    agent_4 = {"sender_type": "user", "sender_id": 4, "agent_id": 4, "contact_id": None}
    assert rows(tables, "messages WHERE id IN (34, 71, 3483, 4183) ORDER BY id") == [
        nothing_special
        | agent_4
        | {
            "id": 34,
            "conversation_id": 2,
            "inbox_id": 1,
            "message_type": "outgoing",
            "content": "😀😀😀😀😀",
            "status": "read",
            "created_at": utc(2025, 10, 24, 11, 21, 38),
        },
        nothing_special
        | {
            "id": 71,
            "conversation_id": 3,
            "inbox_id": 3,
            "message_type": "incoming",
            "content": "This message was deleted",
            "status": "sent",
            "sender_type": "contact",
            "sender_id": 1,
            "contact_id": 1,
            "agent_id": None,
            "source_id": "src-9-14",
            "created_at": utc(2025, 10, 30, 8, 56, 6),
            "content_attributes": {"deleted": True},
            "deleted": True,
        },
        nothing_special
        | agent_4
        | {
            "id": 3483,
            "conversation_id": 1,
            "inbox_id": 1,
            "message_type": "outgoing",
            "content": "private note: @mention (mention://user/2/Bob) zero\u200bwidth",
            "private": True,
            "status": "failed",
            "created_at": utc(2026, 9, 11, 17, 32, 17),
            "content_attributes": {"external_error": "131026: Message undeliverable"},
        },
        # The newest message of conversation 118 comes with the list too, which knows more of it than its history does.
        nothing_special
        | {
            "id": 4183,
            "conversation_id": 118,
            "inbox_id": 1,
            "message_type": "activity",
            "content": "דוד כהן added חשוב",
            "status": "sent",
            "sender_type": None,
            "sender_id": None,
            "contact_id": None,
            "agent_id": None,
            "created_at": utc(2026, 11, 22, 9, 47, 8),
            "updated_at": utc(2026, 11, 22, 9, 48),
            "additional_attributes": {},
            "external_source_ids": {},
            "conversation_assignee_id": 3,
            "conversation_unread_count": 0,
            "extra": {
                "sentiment": {},
                "conversation": {
                    "contact_inbox": {"source_id": "4953972e-9dda-4fb2-8e8e-6ff94d49dd7a"},
                    "last_activity_at": 1795340828,
                },
            },
        },
    ]


def test_attachments_are_whole_rows(tables: Engine) -> None:
    assert rows(tables, "attachments WHERE id = 182") == [
        {
            "account_id": 1,
            "id": 182,
            "message_id": 3483,
            "file_type": "location",
            "extension": None,
            "content_type": None,
            "data_url": "https://maps.google.com/?q=1,2",
            "thumb_url": None,
            "file_size": None,
            "width": None,
            "height": None,
            "coordinates_lat": 32.0853,
            "coordinates_long": 34.781768,
            "fallback_title": "תל אביב",
            "transcribed_text": None,
            "meta": None,
            "extra": None,
        }
    ]


def test_the_vendors_own_counts_are_kept_with_the_run(tables: Engine) -> None:
    assert [tuple(row.values()) for row in rows(tables, "account_counts ORDER BY status")] == [
        (1, 1, "open", 5, None, 37, 16, 53),
        (1, 1, "pending", 2, None, 7, 2, 9),
        (1, 1, "resolved", 2, None, 29, 13, 42),
        (1, 1, "snoozed", 2, None, 9, 7, 16),
    ]
