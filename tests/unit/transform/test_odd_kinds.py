"""Every field as another kind of value than it has: it is read as what it plainly means, or costs itself alone."""

import pytest

from etl.transform.entities import CONVERSATION, MESSAGE
from etl.transform.rows import add_survey_response, to_batch
from tests.recorded_vendor import recording
from tests.unit.transform.test_fields import FIELDS, KEYS, with_value

CASES = recording("cases")
ODD = [True, 7, 7.0, 7.5, 2**70, "7", "7.5", "x", "", "{}", "[1]", [], [None], ["x"], {}, {"a": 1}]
NEEDED = {"conversations": CONVERSATION.needed, "messages": MESSAGE.needed}


@pytest.mark.parametrize(("path", "table", "column", "kind"), [(p, t, c, type(v)) for p, _, t, c, v in FIELDS])
def test_whatever_is_sent_the_column_has_its_type_or_is_null_and_what_was_sent_is_kept(path, table, column, kind):
    where = next((key for place, key in KEYS.items() if path.startswith(place)), (7,))
    key = (7,) if table == "conversations" else where
    for odd in ODD:
        batch = to_batch(1, [with_value(path, odd)])
        row = batch.rows[table].get(key)
        if column == "id":
            assert all(type(number) is int for number, *_ in batch.rows[table])
        elif batch.rejected:
            assert column in NEEDED.get(table, ())
        elif row[column] is None:
            kept = path.rpartition(".")[2]
            found = [value for name, value in row["extra"].items() if name.rpartition(".")[2] == kept]
            assert repr(found) == repr([odd])
            assert sum(batch.unheld.values()) == 1
        elif kind is not dict:  # a free-form value may be of any kind
            assert type(row[column]) is kind
            assert sum(batch.unheld.values()) == 0


@pytest.mark.parametrize("case", CASES["numbers_and_texts_that_changed_kind"], ids=lambda case: case["where"])
def test_what_changed_its_kind_is_what_it_means(case):
    entity, _, name = case["where"].partition(".")
    message = {"id": 9}
    if entity == "csat rating":
        batch = to_batch(1, [])
        add_survey_response(batch, {"id": 1, "rating": case["sent"]})
        row, name = batch.rows["csat_responses"][(1,)], "rating"
    elif entity == "attachment":
        batch = to_batch(1, [{"id": 7, "messages": [message | {"attachments": [{"id": 1, name: case["sent"]}]}]}])
        row = batch.rows["attachments"][(1,)]
    elif entity == "message":
        row = to_batch(1, [{"id": 7, "messages": [message | {name: case["sent"]}]}]).rows["messages"][(9,)]
    else:
        row = to_batch(1, [{"id": 7, name: case["sent"]}]).rows["conversations"][(7,)]
    read = int(row[name].timestamp()) if name.endswith("_at") else row[name]
    assert (read, type(read)) == (case["means"], type(case["means"]))
    assert row.get("extra") == ({name: case["sent"]} if case.get("kept") else None)


@pytest.mark.parametrize("order", [1, -1])
def test_a_time_that_two_keys_tell_is_known_while_one_of_them_can_be_read(order):
    for sent in ({"timestamp": "soon", "last_activity_at": 60}, {"timestamp": 60, "last_activity_at": "soon"}):
        batch = to_batch(1, [{"id": 7} | dict(list(sent.items())[::order])])
        assert batch.rows["conversations"][(7,)]["last_activity_at"].timestamp() == 60
        assert sum(batch.unheld.values()) == 1


def test_a_video_with_fractions_is_one_attachment():
    sent = CASES["video_with_fractions"]
    batch = to_batch(1, [{"id": 7, "messages": [{"id": 90, "attachments": [sent]}]}])
    row = batch.rows["attachments"][(9,)]
    assert (row["width"], row["height"], row["content_type"]) == (640, 480, "video/mp4")
    assert (batch.rejected, batch.unknown_fields, "extra" in row) == ([], set(), False)
