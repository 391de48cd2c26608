"""What is stored of a value, literally: pure rules."""

import hmac
import re
from datetime import UTC, datetime
from importlib import resources

import pytest

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.errors import BadValue, BeyondRange
from etl.id_set import IdSet
from etl.privacy.batches import Forgotten, protect
from etl.privacy.records import protect_record, protect_selection, shown_field
from etl.privacy.rules import DROP, KEEP, RULES, Way, protect_row, way_of
from etl.settings.settings import Settings
from etl.transform.batch import Batch
from etl.transform.rows import add_history, to_batch

KEY = "a key of at least thirty-two characters"
HASH = Way("hash", KEY.encode())

DEEP: list = []
for _ in range(300):
    DEEP = [DEEP]


def hashed(value: str) -> str:
    return hmac.digest(KEY.encode(), value.encode(), "sha256").hex()


def stored(table: str, way: Way, **row):
    protect_row(table, row, way)
    return row


def test_what_a_hash_is_literally():
    assert stored("contacts", HASH, email="dana@example.com") == {
        "email": "86de08e25ae32ea020760716b1713e84ef25fa796dd2d8aebe6c9c712456afc1"
    }


@pytest.mark.parametrize("column", ["name", "email", "phone_number", "identifier", "thumbnail"])
@pytest.mark.parametrize(
    ("value", "with_hash", "with_drop"),
    [
        ("Dana", hashed("Dana"), None),
        ("dana", hashed("dana"), None),
        (" Dana", hashed(" Dana"), None),
        ("דנה 🙂", hashed("דנה 🙂"), None),
        ("a\ufffdb", hashed("a\ufffdb"), None),
        (hashed("Dana"), hashed(hashed("Dana")), None),
        ("", "", None),
        (None, None, None),
    ],
)
def test_what_names_a_contact(column, value, with_hash, with_drop):
    assert stored("contacts", HASH, **{column: value}) == {column: with_hash}
    assert stored("contacts", DROP, **{column: value}) == {column: with_drop}
    assert stored("contacts", KEEP, **{column: value}) == {column: value}


@pytest.mark.parametrize("way", [HASH, DROP])
@pytest.mark.parametrize("table", RULES)
def test_an_absent_key_stays_absent_and_null_stays_null(table, way):
    assert stored(table, way, id=1, type="agent_bot") == {"id": 1, "type": "agent_bot"}
    nothing = dict.fromkeys(RULES[table])
    assert stored(table, way, type="lead", **nothing) == {"type": "lead", **nothing}


def test_every_rule_is_of_a_column_and_every_entity_has_one_for_what_is_unknown():
    tables = {name: set(METADATA.tables[f"{SCHEMA}.{name}"].columns.keys()) for name in RULES}
    assert {name: rules.keys() - tables[name] for name, rules in RULES.items()} == {name: set() for name in RULES}
    with_extra = {one.name for one in METADATA.sorted_tables if "extra" in one.columns}
    assert {name for name, rules in RULES.items() if "extra" in rules} == with_extra


FREE_COLUMNS = {"agents.custom_attributes", "inboxes.working_hours", "custom_attribute_definitions.attribute_values"}
FREE_COLUMNS |= {f"targets.{name}" for name in ("inbox", "team", "priority", "channel", "label")}
# What a change holds is by the rules of its field (`privacy/changes.py`).
OF_THE_JOB = {"sync_runs", "sync_parts", "sync_tallies", "rejected_records", "redactions", "verifications"}
OF_THE_JOB |= {"field_changes", "acceptances"}


def test_every_free_form_column_has_a_rule_or_is_the_accounts_own():
    free = {
        f"{table.name}.{column.name}"
        for table in METADATA.sorted_tables
        for column in table.columns
        if str(column.type) == "JSONB" and table.name not in OF_THE_JOB
    }
    ruled = {f"{table}.{column}" for table, rules in RULES.items() for column in rules}
    assert free - ruled == FREE_COLUMNS


@pytest.mark.parametrize(
    ("value", "with_hash"),
    [
        (None, None),
        (True, True),
        ("", ""),
        (43, 43),
        (999_999, 999_999),
        (1_000_000, hashed("1000000")),
        (-12.5, -12.5),
        (0.12345678, hashed("0.12345678")),
        (972501234567, hashed("972501234567")),
        ("972501234567", hashed("972501234567")),
        (1e16, hashed("10000000000000000")),
        (2**70, hashed(str(2**70))),
        ("2025-01-02", "2025-01-02"),
        ("2025-01-02T10:20:30.123Z", "2025-01-02T10:20:30.123Z"),
        ("2025-01-02 or so", hashed("2025-01-02 or so")),
        ("pro", hashed("pro")),
        ([], hashed("[]")),
        ({"b": 1.0, "a": [None]}, hashed('{"a": [null], "b": 1}')),
    ],
)
@pytest.mark.parametrize("table", ["contacts", "conversations"])
def test_custom_attributes(table, value, with_hash):
    assert stored(table, HASH, custom_attributes={"plan": value}) == {"custom_attributes": {"plan": with_hash}}
    kept = {} if isinstance(with_hash, str) and with_hash != value else {"plan": value}
    assert stored(table, DROP, custom_attributes={"plan": value}) == {"custom_attributes": kept}


def test_custom_attributes_nested_as_deep_as_any_record_are_hashed():
    kept = stored("contacts", HASH, custom_attributes={"deep": DEEP})["custom_attributes"]
    assert kept == {"deep": hashed("[" * 301 + "]" * 301)}


@pytest.mark.parametrize("name", ["customer_id", "phone", "Work-Mail", "id", "tax_no", "birthday", "user", "nickname"])
def test_a_number_or_date_under_a_name_that_says_who_somebody_is_is_hashed(name):
    assert stored("contacts", HASH, custom_attributes={name: 4711}) == {"custom_attributes": {name: hashed("4711")}}
    assert stored("contacts", DROP, custom_attributes={name: "2001-02-03"}) == {"custom_attributes": {}}
    assert stored("contacts", HASH, custom_attributes={name: True}) == {"custom_attributes": {name: True}}


@pytest.mark.parametrize("name", ["dana@example.com", "972501234567", "+972", "", "a b", "x" * 101, "a\ufffdb"])
def test_an_attribute_whose_name_is_no_name_is_not_kept(name):
    assert stored("contacts", HASH, custom_attributes={name: True}) == {"custom_attributes": {}}


@pytest.mark.parametrize("value", [[], ["dana@example.com"], "dana@example.com", 972501234567, True])
@pytest.mark.parametrize("way", [HASH, DROP])
def test_what_should_be_an_object_and_is_none_is_gone(value, way):
    for table, column in (
        ("contacts", "custom_attributes"),
        ("contacts", "additional_attributes"),
        ("messages", "content_attributes"),
        ("attachments", "meta"),
    ):
        assert stored(table, way, **{column: value}) == {column: None}


@pytest.mark.parametrize("column", ["content_attributes", "additional_attributes"])
def test_what_figures_are_made_of_is_kept_of_a_message(column):
    read = {
        key
        for file in (resources.files("etl") / "views" / "sql").iterdir()
        for key in re.findall(rf"message\.{column} ->> '(\w+)'", file.read_text(encoding="utf-8"))
    }
    assert read
    told = dict.fromkeys(read, True)
    assert stored("messages", DROP, **{column: told}) == {column: told}


@pytest.mark.parametrize("way", [HASH, DROP])
def test_of_a_message_what_is_listed_is_kept_and_nothing_else(way):
    row = stored(
        "messages",
        way,
        content="Hello, I am Dana",
        message_type="incoming",
        content_attributes={
            "deleted": False,
            "in_reply_to": 2**40,
            "is_reaction": True,
            "type": "dana@example.com",
            "submitted_email": "dana@example.com",
            "submitted_values": {"csat_survey_response": {"rating": 4, "feedback_message": "Dana"}, "Dana": 1},
            "csat_survey_response": {"rating": {"Dana": 1}},
            "data": {"status": "completed", "duration": 33, "call_sid": "CA1"},
            "email": {"from": ["dana@example.com"]},
            "items": [{"title": "Dana"}],
        },
        additional_attributes={
            "campaign_id": 3,
            "template_params": {"name": "order_shipped", "language": "he", "processed_params": {"1": "Dana"}},
        },
        external_source_ids={"slack": "Dana"},
        extra={"sender_name": "Dana"},
        label_list=["vip"],
    )
    assert row == {
        "content": None,
        "message_type": "incoming",
        "content_attributes": {
            "deleted": False,
            "in_reply_to": 2**40,
            "is_reaction": True,
            "submitted_values": {"csat_survey_response": {"rating": 4}},
            "csat_survey_response": {},
            "data": {"status": "completed", "duration": 33},
        },
        "additional_attributes": {
            "campaign_id": 3,
            "template_params": {"name": "order_shipped", "language": "he"},
        },
        "external_source_ids": {},
        "extra": None,
        "label_list": ["vip"],
    }


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        ("Chrome", True),
        ("Mac OS X 10.15", True),
        ("dana@example.com", False),
        ("0501234567", False),
        ("x" * 41, False),
        ("a\nb", False),
        ("", True),
        (["Chrome"], False),
        ({"Chrome": 1}, False),
    ],
)
def test_of_a_browser_a_word_is_kept_and_nothing_that_may_be_an_address(value, is_kept):
    row = stored("conversations", DROP, additional_attributes={"browser": {"browser_name": value}})
    assert row == {"additional_attributes": {"browser": {"browser_name": value} if is_kept else {}}}


def test_bots_keep_their_names_and_senders_of_an_unknown_type_do_not():
    assert stored("bots", HASH, type="agent_bot", name="Helper", extra={"a": 1}) == {
        "type": "agent_bot",
        "name": "Helper",
        "extra": None,
    }
    assert stored("bots", HASH, type="lead", name="Dana")["name"] == hashed("Dana")
    assert stored("agents", HASH, name="Alice", email="alice@example.com") == {
        "name": "Alice",
        "email": "alice@example.com",
    }


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (BadValue("expected text", "the text 'dana@exam'", "email"), "email: expected text"),
        (BadValue("expected text", "972501234567", "phone_number"), "phone_number: expected text"),
        (BadValue("expected a time", "the text 'a\nb'", "created_at"), "created_at: expected a time"),
        (BadValue("is beyond range", "97250123456797250123", "id"), "id: is beyond range"),
        (BadValue("is missing", field="id"), "id: is missing"),
        (
            BadValue("expected an object, got str", field="survey response"),
            "survey response: expected an object, got str",
        ),
        (BadValue("expected an array"), "expected an array"),
        (BadValue("expected text of at most 500 characters"), "expected text of at most 500 characters"),
        (BeyondRange("expected a number of at most 64 bits", "1"), "expected a number of at most 64 bits"),
        (BadValue("is nested too deeply", field="meta"), "meta: is nested too deeply"),
        (BadValue("is nobody that Dana would know", ", got Dana, got Dana"), "is nobody that Dana would know"),
    ],
)
def test_a_reason_is_shown_up_to_what_it_quotes(error, shown):
    batch = Batch(1)
    for number, kept in (("5", "5"), ("dana@example.com", None), (None, None)):
        batch.reject("contact", {"id": number, "email": "dana@example.com"}, error)
        one = batch.rejected.pop()
        assert (one["reason"], one["quote"]) == (str(error), error.quote or None)
        before = one["digest"]
        protect_record(one)
        again = dict(one)
        protect_record(again)
        assert (one["reason"], one["quote"], one["entity_id"], one["payload"]) == (shown, None, kept, None)
        assert (again, one["digest"] != before) == (one, True)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("message.sentiment", "message.sentiment"),
        ("message.conversation.contact_inbox", "message.conversation.contact_inbox"),
        ("contact.dana@example.com", "contact.(not shown)"),
        ("contact.972501234567", "contact.(not shown)"),
        ("contact.Dana Levi", "contact.(not shown)"),
    ],
)
def test_the_name_of_an_unknown_field_is_shown_when_it_is_one(path, shown):
    assert shown_field(path) == shown


def test_the_term_of_a_search_is_no_more_than_a_hash():
    chosen = {"search": "Dana", "inbox_id": 3}
    assert protect_selection(chosen, HASH) == {"search": hashed("Dana"), "inbox_id": 3}
    assert protect_selection(chosen, DROP) == {"search": None, "inbox_id": 3}
    assert protect_selection(chosen, KEEP) == chosen
    assert protect_selection(None, HASH) is None


def test_the_way_shows_neither_key_nor_token():
    ways = [
        way_of(Settings(account_id=1, api_token="the-token", pii=mode, pii_key=KEY))
        for mode in ("keep", "hash", "drop")
    ]
    assert [one.mode for one in ways] == ["keep", "hash", "drop"]
    assert [one.fingerprint is None for one in ways] == [True, False, True]
    assert [len(one.digest_key) for one in ways] == [0, 16, 16]
    assert len({one.digest_key for one in ways}) == 3
    assert ways[1].digest_key not in ways[1].fingerprint
    assert all(KEY not in repr(one) and "the-token" not in repr(one) for one in ways)


def test_a_batch_is_protected_as_a_whole_and_left_alone_with_keep():
    payload = {"id": 7, "meta": {"sender": {"id": 1, "name": "Dana"}}, "new": 1, "Dana Levi": 2}
    batch = to_batch(1, [payload])
    add_history(batch, 7, [{"id": 9, "content": "I am Dana", "sender": {"id": 1, "type": "contact", "name": "Dana"}}])
    before = repr(batch)
    protect(batch, KEEP, Forgotten())
    assert repr(batch) == before
    protect(batch, DROP, Forgotten())
    assert "Dana" not in repr(batch)
    assert batch.unknown_fields == {"conversation.new", "conversation.(not shown)"}


def test_who_is_forgotten_is_known_by_contact_by_conversation_and_by_what_was_rejected():
    since = datetime(2026, 1, 2, tzinfo=UTC)
    forgotten = Forgotten({1: since}, IdSet([8]))
    payloads = [
        {"id": 7, "meta": {"sender": {"id": 1, "name": "Dana"}}},
        {"id": 8, "meta": {"sender": {"id": 2, "name": "Omer"}}},
        {"id": 9, "meta": {"sender": {"id": 2, "name": "Omer"}}},
    ]
    batch = to_batch(1, payloads)
    for one in (7, 8, 9):
        add_history(batch, one, [{"id": one * 10, "content": f"said in {one}"}, {"id": "x", "content": "bad"}])
    protect(batch, KEEP, forgotten)
    assert {key[0]: row["content"] for key, row in batch.rows["messages"].items()} == {
        70: None,
        80: None,
        90: "said in 9",
    }
    assert {key[0]: row["name"] for key, row in batch.rows["contacts"].items()} == {1: None, 2: "Omer"}
    assert [row.get("forgotten_at") for row in batch.rows["conversations"].values()] == [since, None, None]
    assert [one["payload"] for one in batch.rejected] == [None, None, {"id": "x", "content": "bad"}]
    assert (set(forgotten.conversations), forgotten.handed_on) == ({7, 8}, {2})


@pytest.mark.parametrize(
    ("record", "concerns"),
    [
        ({"entity": "label", "conversation_id": None, "payload": "Dana"}, True),
        ({"entity": "label", "conversation_id": 9, "payload": "Dana"}, False),
        ({"entity": "contact", "entity_id": "1", "conversation_id": 9, "payload": {}}, True),
        ({"entity": "agent", "entity_id": "1", "conversation_id": 9, "payload": {}}, False),
        ({"entity": "message", "conversation_id": 9, "payload": {"sender": {"id": "1"}}}, True),
        ({"entity": "message", "conversation_id": 9, "payload": {"sender": {"id": "one"}, "sender_id": [1]}}, False),
        ({"entity": "conversation", "conversation_id": 9, "payload": {"meta": {"sender": {"id": 1}}}}, True),
        ({"entity": "conversation", "conversation_id": 9, "payload": {"meta": [], "sender": 1}}, False),
    ],
)
def test_a_rejected_record_is_theirs_when_it_may_be(record, concerns):
    row = {"entity_id": None} | record
    assert Forgotten({1: datetime(2026, 1, 2, tzinfo=UTC)}, IdSet([8])).concerns(row) is concerns
    assert Forgotten().concerns(row) is False
