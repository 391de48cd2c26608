"""The fields that are more than one value to one column: what points elsewhere, what is named anew, what is unknown."""

import pytest

from etl.transform.rows import add_history, to_batch

NOBODY = dict.fromkeys(("assignee_type", "assignee_id", "assignee_bot_type", "assignee_bot_id"))


def batch_of(**keys):
    return to_batch(1, [{"id": 7} | keys])


def message_row(**keys) -> dict:
    batch = batch_of(messages=[{"id": 9} | keys])
    assert batch.rejected == []
    return batch.rows["messages"][(9,)]


def test_an_absent_assignee_and_team_say_that_there_is_none():
    assert batch_of(meta={}).rows["conversations"] == {
        (7,): {"account_id": 1, "id": 7, "deleted_at": None, "team_id": None} | NOBODY
    }
    assert batch_of(meta={"assignee": None, "team": None}).rows["conversations"] == {
        (7,): {"account_id": 1, "id": 7, "deleted_at": None, "team_id": None} | NOBODY
    }


def test_without_meta_nothing_is_said_of_assignee_and_team():
    assert batch_of().rows["conversations"] == {(7,): {"account_id": 1, "id": 7, "deleted_at": None}}


def test_assignee_team_and_sender_become_rows_that_the_conversation_refers_to():
    batch = batch_of(
        meta={"assignee": {"id": 6, "name": "Bob"}, "team": {"id": 8}, "sender": {"id": 5, "name": "Fatima"}}
    )
    assert batch.rows["conversations"] == {
        (7,): {"account_id": 1, "id": 7, "deleted_at": None, "team_id": 8, "contact_id": 5}
        | NOBODY
        | {"assignee_type": "user", "assignee_id": 6}
    }
    assert batch.rows["agents"] == {(6,): {"account_id": 1, "id": 6, "name": "Bob"}}
    assert batch.rows["teams"] == {(8,): {"account_id": 1, "id": 8}}
    assert batch.rows["contacts"] == {(5,): {"account_id": 1, "id": 5, "name": "Fatima"}}


def test_the_inbox_of_a_conversation_becomes_a_row_with_its_channel():
    assert batch_of(inbox_id=4, meta={"channel": "Channel::Email"}).rows["inboxes"] == {
        (4,): {"account_id": 1, "id": 4, "channel_type": "Channel::Email"}
    }
    assert batch_of(inbox_id=4).rows["inboxes"] == {(4,): {"account_id": 1, "id": 4}}
    assert batch_of(messages=[{"id": 9, "inbox_id": 3}]).rows["inboxes"] == {(3,): {"account_id": 1, "id": 3}}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (0, "incoming"),
        (1, "outgoing"),
        (2, "activity"),
        (3, "template"),
        (7, "7"),
        ("incoming", "incoming"),
        ("outgoing", "outgoing"),
        ("activity", "activity"),
        ("template", "template"),
        ("broadcast", "broadcast"),
    ],
)
def test_a_message_type_gets_its_documented_name_and_a_new_one_is_kept(sent, name):
    assert message_row(message_type=sent)["message_type"] == name


@pytest.mark.parametrize(
    ("sent", "spelt"),
    [
        ("Contact", "contact"),
        ("User", "user"),
        ("AgentBot", "agent_bot"),
        ("Captain::Assistant", "captain_assistant"),
        ("contact", "contact"),
        ("agent_bot", "agent_bot"),
        ("captain_assistant", "captain_assistant"),
        ("Platform::App", "platform_app"),
    ],
)
def test_a_sender_type_is_spelt_alike_in_every_shape(sent, spelt):
    bare = message_row(sender_type=sent, sender_id=3)
    assert (bare["sender_type"], bare["sender_id"]) == (spelt, 3)
    nested = message_row(sender={"id": 3, "type": sent})
    assert (nested["sender_type"], nested["sender_id"]) == (spelt, 3)


def test_each_kind_of_sender_lands_in_its_own_table_though_the_numbers_collide():
    batch = batch_of(
        messages=[
            {"id": 1, "sender": {"id": 3, "type": "contact", "name": "Fatima"}},
            {"id": 2, "sender": {"id": 3, "type": "user", "name": "Bob"}},
            {"id": 3, "sender": {"id": 3, "type": "agent_bot", "name": "Botty"}},
            {"id": 4, "sender": {"id": 3, "type": "captain_assistant", "name": "Cap", "avatar_url": ""}},
        ]
    )
    assert batch.rows["contacts"] == {(3,): {"account_id": 1, "id": 3, "name": "Fatima"}}
    assert batch.rows["agents"] == {(3,): {"account_id": 1, "id": 3, "name": "Bob"}}
    assert batch.rows["bots"] == {
        ("agent_bot", 3): {"account_id": 1, "type": "agent_bot", "id": 3, "name": "Botty"},
        ("captain_assistant", 3): {
            "account_id": 1,
            "type": "captain_assistant",
            "id": 3,
            "name": "Cap",
            "avatar_url": "",
        },
    }


def test_a_sender_of_whom_only_the_number_is_sent_gets_a_row_to_refer_to():
    batch = batch_of(
        messages=[
            {"id": 1, "sender_type": "User", "sender_id": 6},
            {"id": 2, "sender_type": "Contact", "sender_id": 5, "sender": None},
            {"id": 3, "sender_type": "AgentBot", "sender_id": 4},
            {"id": 4, "sender_type": None, "sender_id": None},
        ]
    )
    assert batch.rows["agents"] == {(6,): {"account_id": 1, "id": 6}}
    assert batch.rows["contacts"] == {(5,): {"account_id": 1, "id": 5}}
    assert batch.rows["bots"] == {}
    assert batch.rows["messages"][(4,)] == {
        "account_id": 1,
        "id": 4,
        "conversation_id": 7,
        "partial": False,
        "removed_at": None,
        "sender_type": None,
        "sender_id": None,
    }


def test_a_sender_whose_number_comes_in_quotes_gets_a_row_to_refer_to_too():
    batch = batch_of(messages=[{"id": 9, "sender_type": "User", "sender_id": "6"}])
    assert batch.rows["agents"] == {(6,): {"account_id": 1, "id": 6}}
    assert batch.rows["messages"][(9,)]["sender_id"] == 6


def test_a_sender_that_is_rejected_leaves_the_number_that_the_message_tells_itself():
    sender = {"id": "three", "type": "user"}
    batch = batch_of(messages=[{"id": 9, "sender": sender, "sender_type": "User", "sender_id": 3}])
    assert [one["reason"] for one in batch.rejected] == ["id: expected a whole number, got the text 'three'"]
    assert batch.rows["agents"] == {(3,): {"account_id": 1, "id": 3}}
    assert batch.rows["messages"][(9,)] == {
        "account_id": 1,
        "id": 9,
        "conversation_id": 7,
        "partial": False,
        "removed_at": None,
        "sender_type": "user",
        "sender_id": 3,
    }


def test_timestamp_is_the_last_activity_and_wins_over_the_newer_key():
    batch = batch_of(last_activity_at=1767268800, timestamp=1767268801)
    assert batch.rows["conversations"][(7,)]["last_activity_at"].isoformat() == "2026-01-01T12:00:01+00:00"


@pytest.mark.parametrize(
    ("attributes", "deleted"),
    [({"deleted": True}, True), ({"deleted": False}, False), ({"deleted": None}, False), ({}, False)],
)
def test_the_attributes_of_a_message_tell_whether_it_was_deleted(attributes, deleted):
    assert message_row(content_attributes=attributes) == {
        "account_id": 1,
        "id": 9,
        "conversation_id": 7,
        "partial": False,
        "removed_at": None,
        "content_attributes": attributes,
        "deleted": deleted,
    }


def test_a_message_without_attributes_does_not_say_whether_it_was_deleted():
    assert message_row() == {"account_id": 1, "id": 9, "conversation_id": 7, "partial": False, "removed_at": None}


def test_the_last_non_activity_message_is_a_message_and_the_conversation_refers_to_it():
    batch = batch_of(
        meta={}, messages=[{"id": 9, "content": "resolved"}], last_non_activity_message={"id": 8, "content": "bye"}
    )
    assert batch.rows["conversations"][(7,)]["last_non_activity_message_id"] == 8
    assert batch.rows["messages"] == {
        (9,): {
            "account_id": 1,
            "id": 9,
            "conversation_id": 7,
            "partial": False,
            "removed_at": None,
            "content": "resolved",
        },
        (8,): {"account_id": 1, "id": 8, "conversation_id": 7, "partial": False, "removed_at": None, "content": "bye"},
    }


def test_labels_become_rows_and_the_conversation_has_no_others():
    batch = batch_of(labels=["vip", "חשוב"])
    assert batch.rows["labels"] == {
        ("vip",): {"account_id": 1, "title": "vip"},
        ("חשוב",): {"account_id": 1, "title": "חשוב"},
    }
    assert batch.rows["conversation_labels"] == {
        (7, "vip"): {"account_id": 1, "conversation_id": 7, "label": "vip"},
        (7, "חשוב"): {"account_id": 1, "conversation_id": 7, "label": "חשוב"},
    }
    assert batch.complete == {"conversation_labels": [7], "attachments": []}


@pytest.mark.parametrize("labels", [[], None])
def test_no_labels_is_a_complete_answer(labels):
    batch = batch_of(labels=labels)
    assert batch.rows["conversation_labels"] == {}
    assert batch.complete == {"conversation_labels": [7], "attachments": []}


def test_absent_labels_say_nothing():
    assert batch_of().complete == {"conversation_labels": [], "attachments": []}


def test_attachments_refer_to_their_message_and_null_elements_are_passed_over():
    batch = batch_of(messages=[{"id": 9, "attachments": [None, {"id": 10, "file_type": "image"}, None]}])
    assert batch.rows["attachments"] == {(10,): {"account_id": 1, "id": 10, "message_id": 9, "file_type": "image"}}
    assert batch.complete == {"conversation_labels": [], "attachments": [9]}
    assert batch.rejected == []


@pytest.mark.parametrize("keys", [{}, {"attachments": None}, {"attachments": []}])
def test_a_message_without_attachments_has_none(keys):
    batch = batch_of(messages=[{"id": 9} | keys])
    assert batch.rows["attachments"] == {}
    assert batch.complete == {"conversation_labels": [], "attachments": [9]}


def test_unknown_fields_are_kept_as_the_vendor_nests_them_and_named():
    batch = to_batch(
        1,
        [
            {
                "id": 7,
                "mood": None,
                "meta": {
                    "foo": ["x\x00"],
                    "channel": "Channel::Api",
                    "sender": {"id": 5, "company": {"id": 1}},
                    "assignee": {"id": 6, "custom_role_id": 2},
                    "team": {"id": 8, "icon": "star"},
                },
            }
        ],
    )
    messages = [
        {
            "id": 9,
            "sentiment": {},
            "conversation": {"assignee_id": 6, "contact_inbox": {"source_id": "a"}},
            "sender": {"id": 3, "type": "agent_bot", "outgoing_url": "https://x.example"},
            "attachments": [{"id": 10, "blurhash": "LKO2"}],
        }
    ]
    add_history(batch, 7, messages)
    extras = {table: [row.get("extra") for row in rows.values()] for table, rows in batch.rows.items() if rows}
    assert extras == {
        "conversations": [{"mood": None, "meta": {"foo": ["x\ufffd"]}}],
        "contacts": [{"company": {"id": 1}}],
        "agents": [{"custom_role_id": 2}],
        "teams": [{"icon": "star"}],
        "messages": [{"sentiment": {}, "conversation": {"contact_inbox": {"source_id": "a"}}}],
        "bots": [None],
        "attachments": [{"blurhash": "LKO2"}],
    }
    assert batch.unknown_fields == {
        "conversation.mood",
        "conversation.meta.foo",
        "contact.company",
        "agent.custom_role_id",
        "team.icon",
        "message.sentiment",
        "message.conversation.contact_inbox",
        "attachment.blurhash",
    }
