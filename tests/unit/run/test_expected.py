"""What is held back of a batch; the engine leads nowhere, so that a question to the tables fails."""

import pytest
from sqlalchemy import create_engine

from etl.errors import DatabaseError
from etl.run.expected import HOLDERS, OWNER_TYPE, SAID_OF_SURVEYS, Expected
from etl.transform.batch import Batch
from etl.transform.rows import add_agents, to_batch

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


@pytest.mark.parametrize("name", sorted(ALL - SAID_OF_SURVEYS.keys()))
def test_of_a_conversation_that_may_lack_something_they_are(name):
    batch = to_batch(1, [PAYLOAD | {"meta": PAYLOAD["meta"] | {"assignee": None}}])
    with pytest.raises(DatabaseError):
        in_doubt(name).withhold(batch, NOWHERE)


def test_of_labels_that_would_go_although_the_conversation_itself_says_nothing_they_are():
    batch = Batch(1)
    batch.complete["conversation_labels"] = [7]
    with pytest.raises(DatabaseError):
        in_doubt("conversation.labels").withhold(batch, NOWHERE)
