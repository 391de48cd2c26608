"""A conversation as recorded from Chatwoot 4.7.0, compared whole: the list's payload and its history in one batch."""

import json
from datetime import UTC, datetime
from pathlib import Path

from etl.transform.batch import Batch
from etl.transform.rows import add_history, to_batch

RECORDED = json.loads(Path(__file__).with_name("conversation_45.json").read_text("utf-8"))

CONTACT = {
    "account_id": 1,
    "id": 67,
    "name": "Fatima כהן",
    "email": "contact67@mail.example",
    "phone_number": "+15550000067",
    "identifier": None,
    "thumbnail": "",
    "availability_status": "offline",
    "blocked": False,
    "last_activity_at": datetime(2026, 10, 26, 12, 41, 26, tzinfo=UTC),
    "created_at": datetime(2026, 3, 11, 14, 2, 22, tzinfo=UTC),
    "additional_attributes": {},
    "custom_attributes": {},
}
AGENT = {
    "account_id": 1,
    "id": 4,
    "name": "דוד כהן",
    "available_name": "דוד כהן",
    "email": "user4@example.com",
    "role": "agent",
    "availability_status": "busy",
    "provider": "email",
    "thumbnail": "",
    "auto_offline": False,
    "confirmed": True,
}
TEAM = {
    "account_id": 1,
    "id": 2,
    "name": "support tier 1",
    "description": "Team support tier 1",
    "allow_auto_assign": True,
    "is_member": False,
}
CONVERSATION = {
    "account_id": 1,
    "deleted_at": None,
    "id": 45,
    "uuid": "3abedb9c-40a9-4378-bacd-f196691ac53c",
    "status": "snoozed",
    "priority": "low",
    "inbox_id": 4,
    "contact_id": 67,
    "assignee_type": "user",
    "assignee_id": 4,
    "assignee_bot_type": None,
    "assignee_bot_id": None,
    "team_id": 2,
    "channel": "Channel::Whatsapp",
    "created_at": datetime(2026, 3, 13, 11, 0, 36, tzinfo=UTC),
    "updated_at": datetime(2026, 3, 20, 3, 51, 32, 318425, tzinfo=UTC),
    "last_activity_at": datetime(2026, 10, 13, 9, 48, tzinfo=UTC),
    "first_reply_created_at": None,
    "waiting_since": datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC),
    "snoozed_until": datetime(2026, 12, 9, 7, 38, 23, 39000, tzinfo=UTC),
    "agent_last_seen_at": datetime(2026, 3, 20, 3, 6, 42, tzinfo=UTC),
    "assignee_last_seen_at": datetime(2026, 3, 20, 3, 6, 42, tzinfo=UTC),
    "contact_last_seen_at": datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC),
    "unread_count": 0,
    "can_reply": False,
    "muted": False,
    "hmac_verified": True,
    "sla_policy_id": None,
    "last_non_activity_message_id": 1841,
    "additional_attributes": {},
    "custom_attributes": {},
}
FIRST = {
    "account_id": 1,
    "partial": False,
    "removed_at": None,
    "id": 1812,
    "conversation_id": 45,
    "inbox_id": 4,
    "message_type": "incoming",
    "content_type": "text",
    "content": "Hello, I need help",
    "private": False,
    "status": "sent",
    "sender_type": "contact",
    "sender_id": 67,
    "source_id": "src-51-0",
    "created_at": datetime(2026, 3, 13, 11, 0, 36, tzinfo=UTC),
    "content_attributes": {},
    "deleted": False,
}
SURVEY = {
    "account_id": 1,
    "partial": False,
    "removed_at": None,
    "id": 1841,
    "conversation_id": 45,
    "inbox_id": 4,
    "message_type": "template",
    "content_type": "input_csat",
    "content": "Please rate the conversation",
    "private": False,
    "status": "sent",
    "sender_type": None,
    "sender_id": None,
    "source_id": None,
    "created_at": datetime(2026, 3, 16, 0, 36, 9, tzinfo=UTC),
    "updated_at": datetime(2026, 3, 16, 0, 36, 9, 183000, tzinfo=UTC),
    "content_attributes": {"csat_survey_response": {"rating": 4}},
    "additional_attributes": {},
    "external_source_ids": {},
    "conversation_assignee_id": 4,
    "conversation_unread_count": 0,
    "deleted": False,
    "extra": {
        "sentiment": {},
        "conversation": {"last_activity_at": 1791884880, "contact_inbox": {"source_id": "15550000067"}},
    },
}
RESOLVED = {
    "account_id": 1,
    "partial": False,
    "removed_at": None,
    "id": 1894,
    "conversation_id": 45,
    "inbox_id": 4,
    "message_type": "activity",
    "content_type": "text",
    "content": "Conversation was marked resolved by Alice Admin",
    "private": False,
    "status": "sent",
    "sender_type": None,
    "sender_id": None,
    "source_id": None,
    "created_at": datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC),
    "updated_at": datetime(2026, 3, 20, 3, 6, 41, 498000, tzinfo=UTC),
    "content_attributes": {},
    "additional_attributes": {},
    "external_source_ids": {},
    "conversation_assignee_id": 4,
    "conversation_unread_count": 0,
    "deleted": False,
    "extra": {
        "sentiment": {},
        "conversation": {"last_activity_at": 1791884880, "contact_inbox": {"source_id": "15550000067"}},
    },
}


def test_a_recorded_conversation_and_its_history_become_one_batch():
    batch = to_batch(1, [RECORDED["listed"]])
    add_history(batch, 45, RECORDED["history"])
    assert batch == Batch(
        account_id=1,
        rows={
            "accounts": {},
            "inboxes": {(4,): {"account_id": 1, "id": 4, "channel_type": "Channel::Whatsapp"}},
            "teams": {(2,): TEAM},
            "agents": {(4,): AGENT},
            "bots": {},
            "contacts": {(67,): CONTACT},
            "labels": {},
            "custom_attribute_definitions": {},
            "reporting_events": {},
            "conversations": {(45,): CONVERSATION},
            "conversation_labels": {},
            "messages": {(1812,): FIRST, (1841,): SURVEY, (1894,): RESOLVED},
            "attachments": {},
            "csat_responses": {},
            "sla_policies": {},
            "campaigns": {},
        },
        complete={"conversation_labels": [45], "attachments": [1894, 1841, 1812, 1841, 1894]},
        rejected=[],
        unknown_fields={
            "message.conversation.contact_inbox",
            "message.conversation.last_activity_at",
            "message.sentiment",
        },
        marks={45: "1773978692.3184252 1791884880 1894"},
        shown={45: {1841, 1894}},
    )


def test_the_same_payloads_give_the_same_batch_again():
    first, second = to_batch(1, [RECORDED["listed"]]), to_batch(1, [RECORDED["listed"]] * 2)
    assert first.rows == second.rows
