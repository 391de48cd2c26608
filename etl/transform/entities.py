"""The vendor's records, field by field: which column each becomes, and how it is read."""

from dataclasses import replace
from typing import Any

from etl.transform.fields import Entity, Field, label_title, sender_type
from etl.transform.values import DIGITS, Reader, array, flag, instant, key, number, structure, text, texts, whole, word

MESSAGE_TYPES = {0: "incoming", 1: "outgoing", 2: "activity", 3: "template"}


def _message_type(value: Any) -> str:
    """Name the type of a message; documented as a name, sent as 0 to 3, and kept as it is when new."""
    if isinstance(value, str) and not DIGITS.fullmatch(value):
        return text(value)
    number_sent = whole(value)
    return MESSAGE_TYPES.get(number_sent) or str(number_sent)


def _same(read: Reader, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, name, read) for name in names)


CONTACT = Entity(
    "contact",
    "contacts",
    _same(key, "id", "company_id")
    + _same(whole, "conversations_count")
    + _same(text, "name", "email", "phone_number", "identifier", "thumbnail")
    + _same(word, "availability_status")
    + _same(flag, "blocked")
    + _same(instant, "last_activity_at", "created_at")
    + _same(structure, "additional_attributes", "custom_attributes"),
    elsewhere=("type", "account_id"),
)


# The list of contacts sends them with other fields than conversations do.
LISTED_CONTACT = replace(CONTACT, within="listed")


AGENT = Entity(
    "agent",
    "agents",
    _same(key, "id")
    + _same(text, "name", "available_name", "email", "thumbnail", "avatar_url")
    + _same(word, "role", "availability_status", "provider")
    + _same(flag, "auto_offline", "confirmed", "see_all_conversations")
    + _same(structure, "custom_attributes"),
    elsewhere=("type", "account_id"),
)


BOT = Entity(
    "bot",
    "bots",
    _same(key, "id")
    + _same(text, "name", "description", "bot_type", "thumbnail", "avatar_url")
    + (Field("type", "type", sender_type),),
    elsewhere=("account_id",),
    only_named=True,
)


TEAM = Entity(
    "team",
    "teams",
    _same(key, "id") + _same(text, "name", "description") + _same(flag, "allow_auto_assign", "is_member"),
    elsewhere=("account_id",),
)


CONVERSATION = Entity(
    "conversation",
    "conversations",
    _same(key, "id", "inbox_id", "sla_policy_id")
    + _same(whole, "unread_count")
    + _same(text, "uuid")
    + _same(word, "status", "priority")
    + _same(flag, "can_reply", "muted")
    + _same(instant, "created_at", "updated_at", "first_reply_created_at", "waiting_since", "snoozed_until")
    + _same(instant, "agent_last_seen_at", "assignee_last_seen_at", "contact_last_seen_at")
    + _same(structure, "additional_attributes", "custom_attributes", "attachments", "applied_sla")
    + _same(array, "sla_events")
    + (
        # Servers from 2.17 send both, with one value; the later line wins where both are there.
        Field("last_activity_at", "last_activity_at", instant),
        Field("last_activity_at", "timestamp", instant),
        Field("channel", "meta.channel", word),
        Field("hmac_verified", "meta.hmac_verified", flag),
    ),
    elsewhere=(
        "account_id",
        "labels",
        "messages",
        "last_non_activity_message",
        "meta.sender",
        "meta.assignee",
        "meta.assignee_type",
        "meta.team",
    ),
    needed=frozenset({"status", "created_at"}),
)


MESSAGE = Entity(
    "message",
    "messages",
    _same(key, "id", "inbox_id", "sender_id")
    + _same(text, "content", "source_id")
    + _same(word, "content_type", "status")
    + _same(flag, "private")
    + _same(instant, "created_at", "created_at_exact", "updated_at")
    + _same(structure, "content_attributes", "additional_attributes", "external_source_ids")
    + _same(texts, "label_list")
    + (
        Field("message_type", "message_type", _message_type),
        Field("sender_type", "sender_type", sender_type),
        Field("conversation_assignee_id", "conversation.assignee_id", whole),
        Field("conversation_unread_count", "conversation.unread_count", whole),
        *(Field(f"call_{name}", f"call.{name}", word) for name in ("provider", "direction", "status", "end_reason")),
        Field("call_duration_seconds", "call.duration_seconds", whole),
    ),
    # `processed_message_content` repeats the content; the list alone has it, so it would outlive an edit or a deletion.
    elsewhere=("account_id", "conversation_id", "sender", "attachments", "processed_message_content"),
    needed=frozenset({"message_type", "created_at", "private"}),
)


# The list and the search send it with other fields than its history does.
LISTED_MESSAGE = replace(MESSAGE, within="listed")
WITNESSED_MESSAGE = replace(MESSAGE, within="witnessed")


ATTACHMENT = Entity(
    "attachment",
    "attachments",
    _same(key, "id")
    + _same(whole, "file_size", "width", "height")
    + _same(word, "file_type", "content_type")
    + _same(text, "extension", "data_url", "thumb_url", "fallback_title", "transcribed_text")
    + _same(number, "coordinates_lat", "coordinates_long")
    + _same(structure, "meta"),
    elsewhere=("account_id", "message_id"),
)


ACCOUNT = Entity("account", "accounts", _same(text, "name"))


INBOX = Entity(
    "inbox",
    "inboxes",
    _same(key, "id")
    + _same(text, "name")
    + _same(word, "channel_type", "api_type", "timezone")
    + _same(flag, "working_hours_enabled", "csat_survey_enabled", "enable_auto_assignment")
    + _same(array, "working_hours"),
)


LABEL = Entity(
    "label",
    "labels",
    _same(key, "id")
    + _same(label_title, "title")
    + _same(text, "description", "color")
    + _same(flag, "show_on_sidebar"),
)


DEFINITION = Entity(
    "custom attribute definition",
    "custom_attribute_definitions",
    _same(key, "id")
    + _same(text, "attribute_key", "attribute_model", "attribute_display_name", "attribute_display_type")
    + _same(text, "attribute_description", "regex_pattern", "regex_cue", "default_value")
    + _same(array, "attribute_values"),
)


SLA_POLICY = Entity(
    "SLA policy",
    "sla_policies",
    _same(key, "id")
    + _same(text, "name", "description")
    + _same(flag, "only_during_business_hours")
    + _same(number, "first_response_time_threshold", "next_response_time_threshold", "resolution_time_threshold"),
)


# Its inbox is a whole one, with the channel's secrets.
CAMPAIGN = Entity(
    "campaign",
    "campaigns",
    _same(key, "id")
    + _same(text, "title", "description", "message")
    + _same(word, "campaign_type", "campaign_status")
    + _same(flag, "enabled", "trigger_only_during_business_hours")
    + _same(array, "audience")
    + _same(structure, "trigger_rules")
    + _same(instant, "scheduled_at", "created_at", "updated_at"),
    only_named=True,
)


SURVEY_RESPONSE = Entity(
    "survey response",
    "csat_responses",
    _same(key, "id", "conversation_id", "message_id")
    + _same(whole, "rating")
    + _same(text, "feedback_message", "csat_review_notes")
    + _same(instant, "created_at", "review_notes_updated_at"),
    elsewhere=("account_id", "contact", "assigned_agent", "assigned_agent_type", "review_notes_updated_by"),
    needed=frozenset({"rating"}),
)


# What servers from 4.8 tell of a conversation for their reports. `conversation_id` is the server's inner number, which
# no address has; the whole list and a conversation's own have one shape (chatwoot: _reporting_event.json.jbuilder).
REPORTING_EVENT = Entity(
    "reporting event",
    "reporting_events",
    _same(key, "id", "inbox_id", "user_id")
    + _same(word, "name")
    + _same(number, "value", "value_in_business_hours")
    + _same(instant, "event_start_time", "event_end_time", "created_at", "updated_at")
    + (Field("server_conversation_id", "conversation_id", key),),
    elsewhere=("account_id",),
)


ENTITIES = (
    *(CONTACT, AGENT, BOT, TEAM, CONVERSATION, MESSAGE, ATTACHMENT),
    *(ACCOUNT, INBOX, LABEL, DEFINITION, SURVEY_RESPONSE, SLA_POLICY, CAMPAIGN, REPORTING_EVENT),
)
# table -> column -> its paths.
PATHS = {entity.table: entity.paths for entity in ENTITIES}

# What the contract tells of: what is sent, by the name that it has there.
SENT = {
    entity.sent_as: entity
    for entity in (
        *(CONVERSATION, MESSAGE, LISTED_MESSAGE, CONTACT, LISTED_CONTACT, ATTACHMENT),
        *(INBOX, AGENT, TEAM, LABEL, DEFINITION, SURVEY_RESPONSE),
    )
}
