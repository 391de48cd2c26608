"""Who owns, who wrote, who is rated: people and bots have numbers of their own, and none becomes the other."""

import json

import pytest

from etl.transform.rows import add_agents, add_survey_response, to_batch
from tests.recorded_vendor import recording

CASES = recording("cases")
SECRET = "https://bot.example/hook?key=s3cret"
BOT = {"id": 6, "name": "Robo", "thumbnail": "", "bot_type": "webhook", "outgoing_url": SECRET}
NO_BOT = {"id": 6, "name": "Who", "bot_type": None, "outgoing_url": None}
OWNER = ("assignee_type", "assignee_id", "assignee_bot_type", "assignee_bot_id")
NOBODY = (None, None, None, None)


def owner(batch, conversation_id=7):
    row = batch.rows["conversations"][(conversation_id,)]
    return tuple(row.get(name, "not said") for name in OWNER)


def owned_by(meta, **keys):
    return to_batch(1, [{"id": 7, "meta": meta} | keys])


def test_a_bot_that_owns_a_conversation_is_no_agent_and_leaves_no_address():
    batch = to_batch(1, [CASES["owner_is_a_bot"]])
    assert owner(batch, 1) == ("agent_bot", None, "agent_bot", 1)
    assert batch.rows["agents"] == {}
    assert batch.rows["bots"] == {
        ("agent_bot", 1): {
            "account_id": 1,
            "id": 1,
            "type": "agent_bot",
            "name": "Support Robot",
            "description": "answers first",
            "bot_type": "webhook",
            "thumbnail": "",
        }
    }
    assert (batch.rejected, batch.unknown_fields) == ([], set())
    assert "bot.example.com" not in repr(batch)


def test_an_assistant_that_owns_a_conversation_is_a_bot_of_its_own_type():
    batch = to_batch(1, [CASES["owner_is_an_assistant"]])
    assert owner(batch, 2) == ("captain_assistant", None, "captain_assistant", 5)
    assert batch.rows["agents"] == {}
    assert batch.rows["bots"][("captain_assistant", 5)]["name"] == "Captain"


def test_the_recorded_bot_does_not_rename_the_administrator_whose_number_it_has():
    conversation, agents = (one["response"]["json"] for one in recording("4.15.1-bot_as_assignee"))
    batch = to_batch(2, [conversation])
    assert owner(batch, 70) == ("agent_bot", None, "agent_bot", 1)
    assert conversation["meta"]["assignee"]["id"] == agents[0]["id"] == 1
    assert batch.rows["agents"] == {}
    assert "bot.invalid" not in repr(batch)


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"assignee": {"id": 6}}, ("user", 6, None, None)),
        ({"assignee": {"id": 6}, "assignee_type": None}, ("user", 6, None, None)),
        ({"assignee": {"id": 6}, "assignee_type": "User"}, ("user", 6, None, None)),
        ({"assignee": {"id": "6"}, "assignee_type": "user"}, ("user", 6, None, None)),
        ({"assignee": {"id": 6}, "assignee_type": "AgentBot"}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": {"id": 6}, "assignee_type": "Pilot::Assistant"}, ("pilot_assistant", None, "pilot_assistant", 6)),
        # What the record itself says, where nothing around it does.
        ({"assignee": {"id": 6, "assignee_type": "AgentBot"}}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": {"id": 6, "type": "captain_assistant"}}, ("captain_assistant", None, "captain_assistant", 6)),
        # Whatever is said: only a bot has these.
        ({"assignee": BOT}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": BOT, "assignee_type": "User"}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": {"id": 6, "outgoing_url": SECRET}, "assignee_type": "User"}, ("agent_bot", None, "agent_bot", 6)),
        # The key alone tells nothing where it has no value: then what is said counts, and what only people have.
        ({"assignee": {"id": 6, "bot_type": None}, "assignee_type": "User"}, ("user", 6, None, None)),
        ({"assignee": {"id": 6, "outgoing_url": None, "type": "user"}}, ("user", 6, None, None)),
        ({"assignee": {"id": 6, "bot_type": None, "email": "a@b.c"}}, ("user", 6, None, None)),
        ({"assignee": NO_BOT | {"role": "agent"}}, ("user", 6, None, None)),
        ({"assignee": NO_BOT, "assignee_type": "AgentBot"}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": NO_BOT | {"email": "a@b.c", "bot_type": "webhook"}}, ("agent_bot", None, "agent_bot", 6)),
        ({"assignee": NO_BOT | {"type": "captain_assistant"}}, ("captain_assistant", None, "captain_assistant", 6)),
        ({"assignee": BOT, "assignee_type": "Captain::Assistant"}, ("captain_assistant", None, "captain_assistant", 6)),
        ({}, NOBODY),
        ({"assignee": None, "assignee_type": "AgentBot"}, NOBODY),
        ({"assignee_agent_bot_id": 6}, ("agent_bot", None, "agent_bot", 6)),
    ],
)
def test_the_owner_is_told_by_its_type_and_by_what_only_bots_have(meta, expected):
    batch = owned_by(meta)
    assert owner(batch) == expected
    assert (batch.rejected, bool(batch.rows["agents"])) == ([], expected[1] is not None)
    assert list(batch.rows["bots"]) == ([expected[2:]] if expected[3] else [])


@pytest.mark.parametrize(
    ("assignee", "expected"),
    [
        (None, ("agent_bot", None, "agent_bot", 3)),
        ({"id": 3}, ("agent_bot", None, "agent_bot", 3)),
        ({"id": 6}, ("user", 6, None, None)),
    ],
)
def test_the_number_of_a_bot_beside_the_owner_tells_it_where_nothing_else_does(assignee, expected):
    assert owner(owned_by({"assignee": assignee}, assignee_agent_bot_id=3)) == expected
    assert owner(owned_by({"assignee": {"id": 3}, "assignee_type": "User"}, assignee_agent_bot_id=3))[0] == "user"


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"assignee": {"id": 6}, "assignee_type": 5}, "expected text, got 5"),
        ({"assignee": {"id": 6}, "assignee_type": ["User"]}, "expected text, got an array"),
        ({"assignee": {"id": 6}, "assignee_type": "Contact"}, "type: expected a user or a bot"),
        # A bot without either, or a person of whom nothing is sent: neither may become the other.
        ({"assignee": NO_BOT}, "type: is missing, and it may be a person or a bot"),
        ({"assignee": {"id": 6, "bot_type": None, "email": None}}, "type: is missing, and it may be a person or a bot"),
    ],
)
def test_an_owner_of_whom_it_cannot_be_told_what_it_is_changes_nothing_and_is_rejected(meta, reason):
    batch = owned_by(meta)
    assert owner(batch) == ("not said",) * 4
    assert [(one["entity"], one["entity_id"], one["reason"]) for one in batch.rejected] == [("owner", "6", reason)]
    assert (batch.rows["agents"], batch.rows["bots"]) == ({}, {})


@pytest.mark.parametrize("told", ["user", "User", "contact", None])
def test_a_sender_with_what_only_bots_have_is_merged_into_no_person(told):
    message = {"id": 9, "sender": BOT | {"type": told}, "sender_type": told, "sender_id": 6}
    batch = to_batch(1, [{"id": 7, "messages": [message]}])
    row = batch.rows["messages"][(9,)]
    assert (row["sender_type"], row["sender_id"]) == ("agent_bot", 6)
    assert (batch.rows["agents"], batch.rows["contacts"], list(batch.rows["bots"])) == ({}, {}, [("agent_bot", 6)])
    assert "s3cret" not in repr(batch)


def test_a_rated_bot_is_no_agent():
    batch = to_batch(1, [])
    add_survey_response(batch, {"id": 1, "assigned_agent": {"id": 6, "name": "Bob"}})
    add_survey_response(batch, {"id": 2, "assigned_agent": BOT})
    add_survey_response(batch, {"id": 3, "assigned_agent": {"id": 6}, "assigned_agent_type": "Captain::Assistant"})
    add_survey_response(batch, {"id": 4})
    rated = [
        (row["assigned_agent_id"], row["assigned_bot_type"], row["assigned_bot_id"])
        for row in batch.rows["csat_responses"].values()
    ]
    assert rated == [(6, None, None), (None, "agent_bot", 6), (None, "captain_assistant", 6), (None, None, None)]
    assert batch.rows["agents"] == {(6,): {"account_id": 1, "id": 6, "name": "Bob"}}


def test_who_wrote_notes_about_an_answer_is_a_person_or_nobody():
    batch = to_batch(1, [])
    by = "review_notes_updated_by"
    add_survey_response(batch, {"id": 1, by: {"id": 6, "name": "Bob"}, "csat_review_notes": "x"})
    add_survey_response(batch, {"id": 2, by: BOT, "csat_review_notes": "x"})
    add_survey_response(batch, {"id": 3, "csat_review_notes": None})
    add_survey_response(batch, {"id": 4})  # a server that knows no notes
    wrote = [row.get("review_notes_updated_by_id", "not said") for row in batch.rows["csat_responses"].values()]
    assert wrote == [6, None, None, "not said"]
    assert (list(batch.rows["agents"]), list(batch.rows["bots"])) == ([(6,)], [("agent_bot", 6)])


def test_the_owner_that_a_message_tells_is_a_user_or_its_number_is_kept_apart():
    def told(**conversation):
        batch = to_batch(1, [{"id": 7, "messages": [{"id": 9, "conversation": conversation}]}])
        row = batch.rows["messages"][(9,)]
        return row["conversation_assignee_id"], row.get("extra")

    assert told(assignee_id=6) == (6, None)
    assert told(assignee_id=6, assignee_type="User") == (6, {"conversation": {"assignee_type": "User"}})
    of_a_bot = {"assignee_id": 6, "assignee_type": "AgentBot"}
    assert told(**of_a_bot) == (None, {"conversation": of_a_bot})


def test_of_a_conversation_that_is_left_alone_only_people_are_taken():
    batch = to_batch(1, [])
    for meta in (
        {"assignee": BOT, "assignee_type": "AgentBot"},
        {"assignee": BOT | {"id": 7}},
        {"assignee": {"id": 8}, "assignee_type": 5},
        {"assignee": {"id": 4, "availability_status": "busy"}, "assignee_type": "User"},
    ):
        add_agents(batch, {"id": 7, "meta": meta, "messages": [{"id": 9, "sender": BOT | {"type": "user"}}]})
    assert batch.rows["agents"] == {(4,): {"account_id": 1, "id": 4, "availability_status": "busy"}}
    assert batch.rows["bots"] == {}


def test_no_secret_of_a_bot_is_kept_of_what_is_rejected_or_unknown():
    secrets = {"outgoing_url": SECRET, "access_token": "s3cret", "secret": "s3cret", "bot_config": {"key": "s3cret"}}
    meta = {"assignee": {"id": 6} | secrets, "sender": {"id": 5} | secrets}
    new = {"helper": {"of": [{"id": 1} | secrets]}}
    batch = to_batch(1, [{"id": None, "meta": meta}, {"id": 7, "meta": meta | {"agent": secrets}} | new | secrets])
    assert len(batch.rejected) == 1
    assert batch.rows["conversations"][(7,)]["extra"] == {"helper": {"of": [{"id": 1}]}, "meta": {"agent": {}}}
    assert "s3cret" not in json.dumps(
        [batch.rejected, [list(rows.values()) for rows in batch.rows.values()]], default=str
    )
    assert batch.unknown_fields == {"conversation.helper", "conversation.meta.agent"}
