"""What is held back of a batch; the engine leads nowhere, so that a question to the tables fails."""

import pytest
from sqlalchemy import create_engine

from etl.errors import DatabaseError
from etl.run.expected import HOLDERS, OWNER_TYPE, SAID_OF_SURVEYS, Expected
from etl.transform.batch import Batch
from etl.transform.rows import add_agents, add_history, add_survey_response, to_batch

NOWHERE = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
ALL = {*HOLDERS, *SAID_OF_SURVEYS, OWNER_TYPE}
PAYLOAD = {
    "id": 7,
    "status": "open",
    "created_at": 1767268800,
    "inbox_id": 1,
    "meta": {"sender": {"id": 7, "name": "Dana"}, "assignee": {"id": 3, "name": "Tal"}},
}


def in_doubt(*names):
    return Expected({}, set(names), {}, frozenset())


def test_of_a_page_on_which_all_is_as_it_was_the_tables_are_asked_nothing():
    batch = Batch(1, unchanged=[7])
    add_agents(batch, PAYLOAD)
    in_doubt(*ALL).withhold(batch, NOWHERE)
    assert list(batch.rows["agents"]) == [(3,)]


def without_labels():
    return to_batch(1, [PAYLOAD | {"labels": []}])


def without_owner_and_team():
    return to_batch(1, [PAYLOAD | {"meta": {"assignee": None, "team": None}}])


def without_attachments():
    batch = Batch(1)
    hello = {"id": 70, "content": "hello", "message_type": 0, "private": False, "created_at": 1767268800}
    add_history(batch, 7, [hello])
    return batch


def survey_of_nobody():
    batch = Batch(1)
    add_survey_response(batch, {"id": 1, "rating": 5, "message_id": 70, "conversation_id": 7})
    return batch


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("conversation.labels", without_labels()),
        ("conversation.meta.assignee", without_owner_and_team()),
        ("conversation.meta.team", without_owner_and_team()),
        ("conversation.meta.assignee_type", to_batch(1, [PAYLOAD])),
        ("message.attachments", without_attachments()),
        *[(name, survey_of_nobody()) for name in sorted(SAID_OF_SURVEYS)],
    ],
)
def test_of_what_comes_without_something_they_are(name, batch):
    with pytest.raises(DatabaseError):
        in_doubt(name).withhold(batch, NOWHERE)


def test_of_labels_that_would_go_although_no_row_of_the_conversation_is_there_they_are():
    batch = Batch(1)
    batch.complete["conversation_labels"] = [7]
    with pytest.raises(DatabaseError):
        in_doubt("conversation.labels").withhold(batch, NOWHERE)
