"""What should be an object and is none: `meta` costs the conversation, what a message is beside costs its columns."""

import pytest

from etl.transform.rows import add_history, to_batch

NO_OBJECTS = ["open", 7, True, ["sender"], '{"sender": {"id": 1}}']


@pytest.mark.parametrize("meta", NO_OBJECTS)
def test_a_conversation_that_does_not_tell_whose_it_is_is_rejected(meta):
    batch = to_batch(1, [{"id": 7, "status": "open", "meta": meta}, {"id": 8, "status": "open", "meta": {}}])
    assert list(batch.rows["conversations"]) == [(8,)]
    (rejected,) = batch.rejected
    assert (rejected["entity"], rejected["entity_id"]) == ("conversation", "7")
    assert rejected["reason"] == f"meta: expected an object, got {type(meta).__name__}"


@pytest.mark.parametrize("meta", [{}, {"meta": None}])
def test_one_without_meta_says_nothing_of_it(meta):
    batch = to_batch(1, [{"id": 7, "status": "open"} | meta])
    assert (batch.rejected, "assignee_id" in batch.rows["conversations"][(7,)]) == ([], False)


@pytest.mark.parametrize("name", ["conversation", "call"])
@pytest.mark.parametrize("inside", NO_OBJECTS)
def test_what_should_be_an_object_and_is_none_costs_its_columns_and_is_counted(name, inside):
    batch = to_batch(1, [{"id": 7}])
    add_history(batch, 7, [{"id": 1, "message_type": 0, "created_at": 1, "private": False, name: inside}])
    row = batch.rows["messages"][(1,)]
    columns = {"conversation": "conversation_unread_count", "call": "call_status"}
    assert (row[columns[name]], row["extra"], batch.unheld["of_another_kind"]) == (None, {name: inside}, 1)
    assert (batch.rejected, batch.unknown_fields) == ([], set())
