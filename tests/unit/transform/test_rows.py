import json
import tracemalloc
from datetime import UTC, datetime
from functools import partial

import pytest

from etl.transform.batch import Batch
from etl.transform.rows import add_history, close_history, is_within, to_batch

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)  # 1767268800
HOUR = 3600


def said(number, content="hello", **fields):
    return {"id": number, "content": content, "message_type": 0, "private": False, "created_at": 1767268800} | fields


@pytest.mark.parametrize("claimed", [[said(9)], [said(8, "of its own"), said(9, "another text")]], ids=range(2))
def test_the_same_message_of_two_conversations_is_disputed_and_stays_with_the_first(claimed):
    batch = to_batch(1, [])
    assert add_history(batch, 7, [said(9), said(10)]) == {9, 10}
    assert add_history(batch, 8, claimed) == set()
    assert add_history(batch, 5, [said(11)]) == {11}
    assert batch.disputed == {7, 8}
    held = {row["id"]: (row["conversation_id"], row["content"]) for row in batch.rows["messages"].values()}
    assert held == {9: (7, "hello"), 10: (7, "hello"), 11: (5, "hello")}


@pytest.mark.parametrize(
    ("sent", "at"),
    [
        ({"timestamp": 1767268800, "last_activity_at": None}, NOON),
        ({"last_activity_at": None, "timestamp": 1767268800}, NOON),
        ({"last_activity_at": 1767268800, "timestamp": None}, NOON),
        ({"timestamp": 0, "last_activity_at": 1767268800}, NOON),
        ({"last_activity_at": 1767268800, "timestamp": 0}, NOON),
        ({"last_activity_at": 1767268800, "timestamp": "soon"}, NOON),
        ({"timestamp": None, "last_activity_at": None}, None),
        ({"timestamp": None}, None),
    ],
    ids=range(8),
)
def test_a_null_never_wipes_what_another_key_of_the_same_column_tells(sent, at):
    batch = to_batch(1, [{"id": 7, "status": "open", "created_at": 1767268800} | sent])
    assert batch.rows["conversations"][(7,)]["last_activity_at"] == at


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_shapes_of_a_record_the_later_one_tells_whether_a_value_could_be_read(order):
    odd, well = said(9, status=7, colour="red"), said(9, status="read", size=2)
    batch = to_batch(1, [])
    for one in (odd, well)[::order]:
        add_history(batch, 7, [one])
    row = batch.rows["messages"][(9,)]
    others = {"colour": "red", "size": 2}
    assert (row["status"], row["extra"]) == (("read", others) if order == 1 else (None, others | {"status": 7}))


def test_nothing_is_left_of_extra_when_all_in_it_could_be_read():
    batch = to_batch(1, [])
    for one in (said(9, status=7), said(9, status="read")):
        add_history(batch, 7, [one])
    assert "extra" not in batch.rows["messages"][(9,)]


def test_a_conversation_that_is_given_twice_is_its_own_and_no_rival():
    batch = to_batch(1, [])
    assert add_history(batch, 7, [said(9)]) == add_history(batch, 7, [said(9, "edited")]) == {9}
    assert batch.disputed == set()


def test_a_contact_that_comes_twice_in_different_shapes_is_one_row():
    batch = to_batch(
        1,
        [
            {
                "id": 7,
                "meta": {"sender": {"id": 5, "name": "Fatima", "email": "f@mail.example", "created_at": 1767268800}},
            },
            {
                "id": 8,
                "meta": {"sender": {"id": 5, "name": "Fatima K.", "company": "X"}},
                "messages": [{"id": 9, "sender": {"id": 5, "type": "contact", "email": None, "mood": "good"}}],
            },
        ],
    )
    assert batch.rows["contacts"] == {
        (5,): {
            "account_id": 1,
            "id": 5,
            "name": "Fatima K.",
            "email": None,
            "created_at": NOON,
            "extra": {"company": "X", "mood": "good"},
        }
    }


def test_what_is_known_again_by_what_was_sent_takes_little_more_memory_than_that():
    """orjson leaves what it writes in a buffer of several kilobytes."""
    batch, contacts = Batch(1), [{"id": number, "name": "x" * 300} for number in range(500)]
    tracemalloc.start()
    for contact in contacts:
        batch.once("contact", contact, tuple)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 2 * len(json.dumps(contacts))


def test_what_python_takes_for_equal_is_known_again_as_itself_alone():
    batch, sent = Batch(1), [1, True, 1.0, "1", 0, False, None, [1], {"id": 1}, {"id": True}]
    made = [batch.once(name, one, partial(list, (name, one))) for name in ("sender", "contact") for one in sent]
    assert len({id(one) for one in made}) == 2 * len(sent)
    again = [batch.once(name, one, list) for name in ("sender", "contact") for one in sent]
    assert list(map(id, again)) == list(map(id, made))


def test_the_two_shapes_of_a_message_merge_so_that_null_erases_and_absent_does_not():
    listed = {
        "id": 9,
        "content": "old",
        "status": "sent",
        "updated_at": "2026-01-01T12:00:00.000Z",
        "sender_type": "Contact",
        "sender_id": 5,
        "sentiment": {},
    }
    batch = to_batch(1, [{"id": 7, "messages": [listed]}])
    add_history(batch, 7, [{"id": 9, "content": None, "status": "read", "created_at": 1767268800}])
    assert batch.rows["messages"] == {
        (9,): {
            "account_id": 1,
            "id": 9,
            "conversation_id": 7,
            "partial": False,
            "removed_at": None,
            "content": None,
            "status": "read",
            "created_at": NOON,
            "updated_at": NOON,
            "sender_type": "contact",
            "sender_id": 5,
            "extra": {"sentiment": {}},
        }
    }


def test_rows_of_equal_number_in_different_tables_and_conversations_stay_apart():
    batch = to_batch(2, [{"id": 1, "labels": ["vip"]}, {"id": 2, "labels": ["vip"], "meta": {"sender": {"id": 1}}}])
    assert batch.rows["conversation_labels"] == {
        (1, "vip"): {"account_id": 2, "conversation_id": 1, "label": "vip"},
        (2, "vip"): {"account_id": 2, "conversation_id": 2, "label": "vip"},
    }
    assert batch.rows["labels"] == {("vip",): {"account_id": 2, "title": "vip"}}
    assert list(batch.rows["contacts"]) == [(1,)]


def test_a_rejected_conversation_carries_its_reason_and_payload_and_the_rest_of_the_page_is_kept():
    bad = {"id": "seven", "inbox_id": 4, "messages": [{"id": 9}]}
    batch = to_batch(1, [{"id": 6}, bad, {"id": 8}])
    assert list(batch.rows["conversations"]) == [(6,), (8,)]
    assert batch.rows["messages"] == {}
    assert list(batch.marks) == [6, 8]
    (rejected,) = batch.rejected
    assert rejected == {
        "entity": "conversation",
        "entity_id": "seven",
        "conversation_id": None,
        "reason": "id: expected a whole number, got the text 'seven'",
        "quote": "the text 'seven'",
        "payload": bad,
        "digest": rejected["digest"],
    }


def test_each_part_of_a_conversation_is_rejected_on_its_own():
    batch = to_batch(
        1,
        [
            {
                "id": 7,
                "labels": ["vip", 5],
                "messages": [
                    {"id": 9.5, "attachments": [{"id": 1}]},
                    {"id": 10, "content": "kept", "attachments": [{"id": "x"}, {"id": 3}, "file"]},
                ],
            }
        ],
    )
    assert [(one["entity"], one["entity_id"], one["reason"], one["payload"]) for one in batch.rejected] == [
        ("label", None, "expected text of at most 500 characters", 5),
        (
            "message",
            "9.5",
            "id: expected a whole number, got 9.5",
            {"id": 9.5, "attachments": [{"id": 1}]},
        ),
        ("attachment", "x", "id: expected a whole number, got the text 'x'", {"id": "x"}),
        ("attachment", None, "attachment: expected an object, got str", "file"),
    ]
    assert list(batch.rows["conversation_labels"]) == [(7, "vip")]
    assert batch.rows["messages"] == {
        (10,): {
            "account_id": 1,
            "id": 10,
            "conversation_id": 7,
            "partial": False,
            "removed_at": None,
            "content": "kept",
        }
    }
    assert batch.rows["attachments"] == {(3,): {"account_id": 1, "id": 3, "message_id": 10}}


@pytest.mark.parametrize(
    ("payload", "entity_id", "reason"),
    [
        (None, None, "conversation: expected an object, got NoneType"),
        ("text", None, "conversation: expected an object, got str"),
        ([], None, "conversation: expected an object, got list"),
        ({}, None, "id: is missing"),
        ({"id": None}, None, "id: is missing"),
        ({"id": "x\x00"}, "x\ufffd", "id: expected a whole number, got the text 'x\\x00'"),
        ({"id": 2**63}, "9223372036854775808", "id: is beyond range, got 9223372036854775808"),
    ],
)
def test_what_is_no_conversation_is_rejected_with_the_reason(payload, entity_id, reason):
    batch = to_batch(1, [payload])
    assert [(one["entity"], one["entity_id"], one["reason"]) for one in batch.rejected] == [
        ("conversation", entity_id, reason)
    ]
    assert batch.rows["conversations"] == {}


def test_what_is_kept_of_a_rejected_record_can_be_stored():
    batch = to_batch(1, [{"id": "\ud800", "a\x00": ["\udfff"]}])
    assert batch.rejected[0]["payload"] == {"id": "\ufffd", "a\ufffd": ["\ufffd"]}
    assert batch.rejected[0]["entity_id"] == "\ufffd"


@pytest.mark.parametrize(
    ("keys", "entity"),
    [({"messages": {"id": 9}}, "message"), ({"messages": "none"}, "message"), ({"labels": 5}, "label")],
)
def test_what_is_no_array_is_rejected_and_the_conversation_kept(keys, entity):
    batch = to_batch(1, [{"id": 7} | keys])
    assert [(one["entity"], one["reason"]) for one in batch.rejected] == [(entity, "expected an array")]
    assert list(batch.rows["conversations"]) == [(7,)]


def test_the_digest_tells_the_same_fault_in_the_same_record_again_and_others_apart():
    def digest(payload):
        return to_batch(1, [payload]).rejected[0]["digest"]

    assert digest({"id": "x", "muted": 1}) == digest({"muted": 1, "id": "x"})
    assert (
        len({digest(one) for one in ({"id": "x", "muted": 1}, {"id": "x", "muted": 0}, {"id": "y", "muted": 1})}) == 3
    )
    assert len(digest({"id": "x", "muted": 1})) == 64


def test_the_mark_and_the_shown_messages_tell_what_the_list_showed():
    batch = to_batch(
        1,
        [
            {"id": 1, "updated_at": 1767268800.25, "timestamp": 1767268800, "messages": [{"id": 9}, {"id": 8}]},
            {"id": 2, "timestamp": 1767268800, "messages": [], "last_non_activity_message": {"id": 3}},
            {"id": 3},
        ],
    )
    assert batch.marks == {1: "1767268800.25 1767268800 9", 2: "None 1767268800 3", 3: "None None None"}
    assert batch.shown == {1: {8, 9}, 2: {3}, 3: set()}


def test_a_history_that_was_read_completely_is_marked():
    batch = to_batch(1, [{"id": 7, "timestamp": 1767268800, "messages": [{"id": 9}]}])
    close_history(batch, 7, NOON)
    assert batch.rows["conversations"] == {
        (7,): {
            "account_id": 1,
            "id": 7,
            "deleted_at": None,
            "last_activity_at": NOON,
            "mark": "None 1767268800 9",
            "history_read_at": NOON,
        }
    }


def test_an_empty_page_is_an_empty_batch():
    assert to_batch(1, []) == Batch(1)


# It went on from 12:00 to 13:00.
ONE_HOUR = {"id": 7, "status": "open", "created_at": 1767268800, "timestamp": 1767268800 + HOUR}


@pytest.mark.parametrize(
    ("since", "until", "within"),
    [
        (None, None, True),
        (NOON.replace(hour=13), None, True),
        (NOON.replace(hour=13, second=1), None, False),
        (None, NOON.replace(second=1), True),
        (None, NOON, False),
        (NOON.replace(minute=20), NOON.replace(minute=40), True),
        (NOON.replace(hour=11), NOON.replace(hour=14), True),
        (NOON.replace(hour=10), NOON.replace(hour=11), False),
        (NOON.replace(hour=14), NOON.replace(hour=15), False),
    ],
)
def test_a_conversation_is_within_a_range_when_it_was_going_on_then(since, until, within):
    assert is_within(ONE_HOUR, None, since, until) is within


@pytest.mark.parametrize(
    ("statuses", "within"), [(None, True), (("open",), True), (("resolved", "open"), True), (("resolved",), False)]
)
def test_a_conversation_is_within_the_statuses(statuses, within):
    assert is_within(ONE_HOUR, statuses, None, None) is within


@pytest.mark.parametrize("keys", [{}, {"created_at": 0, "timestamp": 0}, {"created_at": None, "timestamp": None}])
def test_a_conversation_whose_times_are_unknown_is_within_every_range(keys):
    assert is_within({"id": 7} | keys, None, NOON, NOON) is True


@pytest.mark.parametrize("payload", [None, {}, {"id": 7, "status": 5}, {"id": 7, "timestamp": "soon"}])
def test_a_conversation_that_cannot_be_read_is_taken_to_be_rejected_with_a_reason(payload):
    assert is_within(payload, ("open",), NOON, NOON) is True
