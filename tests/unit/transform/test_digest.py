"""Whether a history left the rows as the list gave them: only then may the list's payload stand for them."""

from datetime import UTC, datetime

import pytest

from etl.transform import digest
from etl.transform.batch import Batch
from etl.transform.rows import add_history, to_batch

NOON = 1767268800
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def agrees_after(was: object, now: object) -> bool:
    batch = Batch(1)
    batch.add("conversations", {"id": 7})
    batch.add("messages", {"id": 8, "conversation_id": 7, "content": was})
    batch.shown[7] = {8}
    before = digest.listed(batch, 7)
    batch.add("messages", {"id": 8, "content": now, "source_id": "told by the history alone"})
    return digest.agrees(batch, 7, before)


@pytest.mark.parametrize(
    "value", ["x", "", None, True, 1, 2**70, 1.5, -0.0, MOMENT, {"a": [1, {"b": None}]}, [], ["x", True]]
)
def test_what_a_history_tells_likewise_is_the_same(value):
    again = {**value} if isinstance(value, dict) else [*value] if isinstance(value, list) else value
    assert agrees_after(value, again)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        *[("x", "y"), ("x", None), (None, ""), (True, 1), (0, False), (1, 1.0), (0.0, -0.0), ("1", 1)],
        *[(MOMENT, MOMENT.replace(microsecond=1)), (MOMENT, None), ([], {}), ([1], [True]), ({"a": 0}, {"a": False})],
        *[({"a": {"b": 1}}, {"a": {"b": 1.0}}), ([0.0], [-0.0]), ({}, {"a": 1}), (["x"], ["y"])],
    ],
)
def test_what_a_history_tells_otherwise_is_another(was, now):
    assert not agrees_after(was, now)


@pytest.mark.parametrize("field", ["inbox_id", "source_id"])
@pytest.mark.parametrize("told", [None, 1])
def test_a_history_that_tells_of_a_column_what_the_list_told_it_could_not_hold_is_another(field, told):
    message = {"id": 8, "content": "x", "message_type": 0, "created_at": NOON}
    listed = message | {field: {"of": "another kind"}}
    batch = to_batch(1, [{"id": 7, "status": "open", "created_at": NOON, "messages": [listed]}])
    before = digest.listed(batch, 7)
    add_history(batch, 7, [message | {field: told}])
    assert not digest.agrees(batch, 7, before)
