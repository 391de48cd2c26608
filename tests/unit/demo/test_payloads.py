"""The keys are those recorded from Chatwoot 4.7.0 and 2.14.0, in their order, with the types of their values."""

from typing import Any

import orjson
import pytest

from etl.demo.generate import generate
from etl.demo.server import Request
from etl.demo.vendor import Vendor

ACCOUNT = generate(220)
BASE = "/api/v1/accounts/1"

CONVERSATION_47 = (
    "meta:dict id:int messages:list account_id:int uuid:str additional_attributes:dict agent_last_seen_at:int "
    "assignee_last_seen_at:int can_reply:bool contact_last_seen_at:int custom_attributes:dict inbox_id:int labels:list "
    "muted:bool snoozed_until:str|NoneType status:str created_at:int updated_at:float timestamp:int "
    "first_reply_created_at:int unread_count:int last_non_activity_message:dict|NoneType last_activity_at:int "
    "priority:str|NoneType waiting_since:int sla_policy_id:NoneType"
)
CONVERSATION_214 = (
    "meta:dict id:int messages:list account_id:int additional_attributes:dict agent_last_seen_at:int "
    "assignee_last_seen_at:int can_reply:bool contact_last_seen_at:int custom_attributes:dict inbox_id:int labels:list "
    "muted:bool snoozed_until:str|NoneType status:str created_at:int timestamp:int first_reply_created_at:int "
    "unread_count:int last_non_activity_message:dict|NoneType"
)
META = "sender:dict channel:str assignee?:dict team?:dict hmac_verified:bool"
CONTACT_47 = (
    "additional_attributes:dict availability_status:str email:str|NoneType id:int name:str phone_number:str|NoneType "
    "blocked:bool identifier:str|NoneType thumbnail:str custom_attributes:dict last_activity_at?:int created_at:int"
)
CONTACT_214 = CONTACT_47.replace("blocked:bool ", "")
AGENT_47 = (
    "id:int account_id:int availability_status:str auto_offline:bool confirmed:bool email:str provider:str "
    "available_name:str custom_attributes?:dict name:str role:str thumbnail:str"
)
AGENT_214 = AGENT_47.replace("provider:str ", "")
TEAM = "id:int name:str description:str|NoneType allow_auto_assign:bool account_id:int is_member:bool"
LISTED_47 = (
    "id:int content:str|NoneType account_id:int inbox_id:int conversation_id:int message_type:int created_at:int "
    "updated_at:str private:bool status:str|NoneType source_id:str|NoneType content_type:str content_attributes:dict "
    "sender_type:str|NoneType sender_id:int|NoneType external_source_ids:dict additional_attributes:dict "
    "processed_message_content:str|NoneType sentiment:dict conversation:dict attachments?:list sender?:dict"
)
LISTED_214 = LISTED_47.replace("processed_message_content:str|NoneType sentiment:dict", "label_list:NoneType")
STATE_47 = "assignee_id:int|NoneType unread_count:int last_activity_at:int contact_inbox:dict"
STATE_214 = "assignee_id:int|NoneType unread_count:int"
HISTORY_META = (
    "labels:list additional_attributes:dict contact:dict assignee?:dict agent_last_seen_at:str|NoneType "
    "assignee_last_seen_at:str|NoneType"
)
HISTORY = (
    "id:int content:str|NoneType inbox_id:int conversation_id:int message_type:int content_type:str "
    "status:str|NoneType content_attributes:dict created_at:int private:bool source_id:str|NoneType sender?:dict "
    "attachments?:list"
)
SENDERS_47 = {
    "contact": "additional_attributes:dict custom_attributes:dict email:str|NoneType id:int identifier:str|NoneType "
    "name:str phone_number:str|NoneType thumbnail:str blocked:bool type:str",
    "user": "id:int name:str available_name:str avatar_url:str type:str availability_status:str|NoneType thumbnail:str",
    "agent_bot": "id:int name:str avatar_url:str type:str",
}
SENDERS_214 = SENDERS_47 | {"contact": SENDERS_47["contact"].replace("blocked:bool ", "")}
FILE = (
    "id:int message_id:int file_type:str account_id:int extension:NoneType data_url:str thumb_url:str file_size:int "
    "width:int|NoneType height:int|NoneType"
)
ATTACHMENTS_47 = {
    "image": FILE,
    "file": FILE,
    "video": FILE,
    "audio": FILE + " transcribed_text:str",
    "location": "id:int message_id:int file_type:str account_id:int coordinates_lat:float coordinates_long:float "
    "fallback_title:str data_url:str",
    "fallback": "id:int message_id:int file_type:str account_id:int fallback_title:str data_url:str",
    "contact": "id:int message_id:int file_type:str account_id:int fallback_title:str meta:dict",
}
OLD_FILE = FILE.removesuffix(" width:int|NoneType height:int|NoneType")
ATTACHMENTS_214 = ATTACHMENTS_47 | {
    "image": OLD_FILE,
    "file": OLD_FILE,
    "video": OLD_FILE,
    "audio": OLD_FILE,
    "contact": "id:int message_id:int file_type:str account_id:int fallback_title:str",
}
WITNESS_47 = "id:int uuid:str created_at:int contact:dict inbox:dict messages:list account_id:int"
WITNESS_214 = WITNESS_47.replace("uuid:str ", "")
WITNESS_MESSAGE = "content:str|NoneType id:int sender_name?:str message_type:int created_at:int"

SHAPES: dict[str, dict[str, Any]] = {
    "4.7": {
        "conversation": CONVERSATION_47,
        "contact": CONTACT_47,
        "agent": AGENT_47,
        "listed": LISTED_47,
        "state": STATE_47,
        "senders": SENDERS_47,
        "attachments": ATTACHMENTS_47,
        "witness": WITNESS_47,
    },
    "2.14": {
        "conversation": CONVERSATION_214,
        "contact": CONTACT_214,
        "agent": AGENT_214,
        "listed": LISTED_214,
        "state": STATE_214,
        "senders": SENDERS_214,
        "attachments": ATTACHMENTS_214,
        "witness": WITNESS_214,
    },
}
SHAPES["2026"] = SHAPES["4.7"]


def faults(payload: dict[str, Any], shape: str) -> list[str]:
    """Compare keys, their order and the types of values; "?" marks a key that may be absent, "|" divides types."""
    allowed = {word.partition(":")[0].rstrip("?"): word.partition(":")[2].split("|") for word in shape.split()}
    needed = [word.partition(":")[0] for word in shape.split() if "?" not in word]
    found = [
        f"{key}: {type(value).__name__}"
        for key, value in payload.items()
        if type(value).__name__ not in allowed.get(key, [])
    ]
    found += [f"{key} is missing" for key in needed if key not in payload]
    in_order = [key for key in allowed if key in payload]
    return found or ([] if list(payload) == in_order else [f"order {list(payload)}"])


def get(vendor: Vendor, path: str, **query: object) -> Any:
    pairs = [(name, str(value)) for name, value in query.items()]
    answer = vendor(Request(BASE + path, pairs, {"api_access_token": "demo-token"}))
    assert answer.status == 200
    return orjson.loads(answer.body)


def pages(vendor: Vendor, path: str) -> list[Any]:
    return [get(vendor, path, status="all", page=page) for page in range(1, 10)]


@pytest.mark.parametrize("behaviour", ["4.7", "2.14", "2026"])
def test_listed_conversations_have_the_recorded_keys_and_types(behaviour: str) -> None:
    shapes, vendor = SHAPES[behaviour], Vendor(ACCOUNT, behaviour=behaviour)
    for page in pages(vendor, "/conversations"):
        assert faults(page, "data:dict") == []
        assert faults(page["data"], "meta:dict payload:list") == []
        assert (
            faults(page["data"]["meta"], "mine_count:int assigned_count:int unassigned_count:int all_count:int") == []
        )
        for row in page["data"]["payload"]:
            assert faults(row, shapes["conversation"]) == []
            assert faults(row["meta"], META) == []
            assert faults(row["meta"]["sender"], shapes["contact"]) == []
            assert faults(row["meta"].get("assignee") or {}, shapes["agent"]) == [] or "assignee" not in row["meta"]
            assert faults(row["meta"].get("team") or {}, TEAM) == [] or "team" not in row["meta"]
            for message in [*row["messages"], row["last_non_activity_message"] or row["messages"][0:1]]:
                if message:
                    assert faults(message, shapes["listed"]) == []
                    assert faults(message["conversation"], shapes["state"]) == []


@pytest.mark.parametrize("behaviour", ["4.7", "2.14", "2026"])
def test_histories_have_the_recorded_keys_and_types(behaviour: str) -> None:
    shapes, vendor = SHAPES[behaviour], Vendor(ACCOUNT, behaviour=behaviour)
    seen = set()
    for conversation_id in ACCOUNT.conversations:
        history = get(vendor, f"/conversations/{conversation_id}/messages")
        assert faults(history, "meta:dict payload:list") == []
        assert faults(history["meta"], HISTORY_META) == []
        assert faults(history["meta"]["contact"], shapes["senders"]["contact"]) == []
        for message in history["payload"]:
            assert faults(message, HISTORY) == []
            if "sender" in message:
                seen.add(message["sender"]["type"])
                assert faults(message["sender"], shapes["senders"][message["sender"]["type"]]) == []
            for one in message.get("attachments", []):
                seen.add(one["file_type"])
                assert faults(one, shapes["attachments"][one["file_type"]]) == []
    assert seen >= {"contact", "user", "agent_bot", "image", "audio", "video", "file"}


@pytest.mark.parametrize("behaviour", ["4.7", "2.14", "2026"])
def test_the_witness_has_the_recorded_keys_and_types(behaviour: str) -> None:
    vendor = Vendor(ACCOUNT, behaviour=behaviour)
    for page in pages(vendor, "/conversations/search"):
        assert faults(page, "meta:dict payload:list") == []
        assert faults(page["meta"], "mine_count:int unassigned_count:int all_count:int") == []
        for row in page["payload"]:
            assert faults(row, SHAPES[behaviour]["witness"]) == []
            assert faults(row["contact"], "id:int name:str") == []
            assert faults(row["inbox"], "id:int name:str channel_type:str") == []
            assert [fault for message in row["messages"] for fault in faults(message, WITNESS_MESSAGE)] == []


def test_the_witness_holds_every_message_of_every_conversation() -> None:
    told = [
        m["id"]
        for page in pages(Vendor(ACCOUNT), "/conversations/search")
        for row in page["payload"]
        for m in row["messages"]
    ]
    assert sorted(told) == list(range(1, ACCOUNT.last_message_id + 1))


def test_a_detail_is_the_same_as_in_the_list() -> None:
    vendor = Vendor(ACCOUNT)
    row = get(vendor, "/conversations", status="all")["data"]["payload"][3]
    assert get(vendor, f"/conversations/{row['id']}") == row


def test_dimensions_have_the_recorded_envelopes_and_keys() -> None:
    vendor = Vendor(ACCOUNT)
    agents, teams, labels = get(vendor, "/agents"), get(vendor, "/teams"), get(vendor, "/labels")
    assert [fault for agent in agents for fault in faults(agent, AGENT_47)] == []
    assert [fault for team in teams for fault in faults(team, TEAM)] == []
    shape = "id:int title:str description:str|NoneType color:str show_on_sidebar:bool"
    assert [fault for label in labels["payload"] for fault in faults(label, shape)] == []
    assert (len(agents), len(teams), len(labels["payload"]), len(get(vendor, "/inboxes")["payload"])) == (8, 3, 8, 5)
    assert [row["attribute_key"] for row in get(vendor, "/custom_attribute_definitions")] == [
        "order_id",
        "amount",
        "plan",
        "member_since",
    ]


def test_survey_answers_name_their_message_contact_and_agent() -> None:
    shape = (
        "id:int rating:int feedback_message:str|NoneType account_id:int message_id:int contact?:dict "
        "conversation_id:int assigned_agent?:dict created_at:int"
    )
    first, *others = get(Vendor(ACCOUNT), "/csat_survey_responses")
    assert [fault for row in [first, *others] for fault in faults(row, shape)] == []
    messages = {message.id: message for message in ACCOUNT.conversations[first["conversation_id"]].messages}
    answer = (messages[first["message_id"]].content_attributes or {})["submitted_values"]["csat_survey_response"]
    assert answer == {"rating": first["rating"], "feedback_message": first["feedback_message"]}


def test_contacts_are_listed_by_15_and_only_with_an_address() -> None:
    page = get(Vendor(ACCOUNT), "/contacts", page=2, sort="email")
    reachable = [one for one in ACCOUNT.contacts.values() if one.email or one.phone_number or one.identifier]
    assert page["meta"] == {"count": len(reachable), "current_page": "2"}
    assert len(page["payload"]) == 15
    assert [fault for row in page["payload"] for fault in faults(row, CONTACT_47 + " contact_inboxes:list")] == []


def test_old_servers_embed_whole_inboxes_in_contacts_unless_told_not_to() -> None:
    vendor = Vendor(ACCOUNT, behaviour="2.14")
    rows = get(vendor, "/contacts", sort="email")["payload"]
    embedded = [one["inbox"] for row in rows for one in row["contact_inboxes"]]
    assert any(inbox.get("imap_password") == "demo-imap-password" for inbox in embedded)
    rows = get(vendor, "/contacts", sort="email", include_contact_inboxes="false")["payload"]
    assert ["contact_inboxes" in row for row in rows] == [False] * len(rows)


def test_null_times_are_zero_where_the_vendor_sends_numbers_and_null_where_it_sends_texts() -> None:
    vendor = Vendor(ACCOUNT)
    empty = get(vendor, "/conversations/110")
    assert ACCOUNT.conversations[110].messages == []
    assert (empty["messages"], empty["last_non_activity_message"], empty["snoozed_until"]) == ([], None, None)
    assert (empty["first_reply_created_at"], empty["agent_last_seen_at"], empty["waiting_since"]) == (0, 0, 0)
    assert get(vendor, "/conversations/110/messages")["meta"]["agent_last_seen_at"] is None
