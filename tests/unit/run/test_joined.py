from concurrent.futures import Future
from copy import deepcopy
from datetime import UTC, datetime

import pytest

from etl.load.tally import Tally
from etl.run.joined import MOST_JOINED, Joined, Part
from etl.transform.batch import Batch
from etl.transform.rows import add_history, close_history, to_batch

NOON = 1767268800
DANA, TAL = {"id": 7, "name": "Dana"}, {"id": 3, "name": "Tal", "availability_status": "online"}


def conversation(number, contact=None, agent=None, **fields):
    meta = {"sender": contact or DANA, "assignee": agent or TAL, "channel": "Channel::Api"}
    return {"id": number, "status": "open", "created_at": NOON, "inbox_id": 1, "meta": meta, "labels": ["vip"]} | fields


def message(number, **fields):
    return {"id": number, "content": "hello", "message_type": 0, "private": False, "created_at": NOON} | fields


def page(*payloads):
    """Return a batch of conversations, each with one message, of ten times its number, that is all of its history."""
    batch = to_batch(1, payloads)
    for number in batch.marks:
        add_history(batch, number, [message(number * 10, attachments=[{"id": number, "file_size": 2}])])
        close_history(batch, number, datetime(2026, 1, 1, tzinfo=UTC))
    return batch


def part(batch):
    return Part(batch, Tally(), Future())


def joined(first, *later):
    made = Joined(part(first))
    return made, [made.is_apart_from(batch) and made.add(part(batch)) for batch in later]


def test_pages_are_one_batch_with_the_rows_of_all_and_stay_as_they_are_themselves():
    pages = [page(conversation(1), conversation(2)), page(conversation(3)), page(conversation(4))]
    before = deepcopy(pages)
    made, added = joined(*pages)
    assert added == [True, True]
    assert pages == before
    whole = page(*(conversation(number) for number in (1, 2, 3, 4)))
    assert made.batch == whole


def test_a_contact_of_several_pages_is_counted_with_each_as_if_they_came_in_turn():
    made, added = joined(page(conversation(1)), page(conversation(2)), page(conversation(3, {"id": 8, "name": "Gil"})))
    assert added == [True, True]
    saved = Tally(requests=5)
    saved.counts["contacts"].update(seen=2, inserted=2)
    counted = [tally.counts["contacts"] for tally in made.tallies(saved)]
    assert counted == [
        {"seen": 2, "inserted": 2, "updated": 0, "unchanged": 0},
        {"seen": 1, "inserted": 0, "updated": 0, "unchanged": 1},
        {"seen": 0, "inserted": 0, "updated": 0, "unchanged": 0},
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_of_an_agent_of_whom_one_page_tells_more_all_is_saved(order):
    made, added = joined(*[page(conversation(1, agent={"id": 3, "name": "Tal"})), page(conversation(2))][::order])
    assert added == [True]
    assert made.batch.rows["agents"] == {(3,): TAL | {"account_id": 1}}


def rejected():
    return page(conversation(2), conversation(3, meta=[]))


def disputed():
    batch = page(conversation(2), conversation(3))
    add_history(batch, 3, [message(20)])
    return batch


def doubtful():
    batch = page(conversation(2))
    batch.observed.doubtful.add(2)
    return batch


def withheld():
    batch = page(conversation(2))
    batch.observed.withheld["conversation.labels"].add(2)
    return batch


def kept():
    batch = page(conversation(2))
    batch.observed.kept["survey response.contact"] += 1
    return batch


def history_alone():
    batch = Batch(1)
    add_history(batch, 2, [message(20)])
    return batch


def of_another_conversation():
    batch = page(conversation(2))
    add_history(batch, 2, [message(10)])
    return batch


@pytest.mark.parametrize(
    "other",
    [
        page(conversation(2, DANA | {"name": "Dina"})),
        page(conversation(2, DANA | {"email": "dana@example.com"})),
        page(conversation(2, {"id": 7})),
        page(conversation(2, DANA | {"blocked": True})),
        page(conversation(2, agent=TAL | {"availability_status": "offline"})),
        page(conversation(2, agent={"id": 3, "name": "Tal", "email": "tal@example.com"})),
        rejected(),
        disputed(),
        doubtful(),
        withheld(),
        kept(),
        history_alone(),
        of_another_conversation(),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("order", [1, -1])
def test_what_would_be_stored_or_counted_otherwise_is_saved_by_itself(other, order):
    first, later = [page(conversation(1)), other][::order]
    before = deepcopy((first, later))
    made, added = joined(first, later)
    assert added == [False]
    assert (len(made.parts), made.batch) == (1, first)
    assert (first, later) == before


@pytest.mark.parametrize("order", [1, -1])
def test_what_was_asked_for_and_is_not_there_puts_nothing_in_doubt(order):
    asked = page(conversation(2))
    asked.observed.kept["survey response.contact"] += 0
    asked.observed.withheld["conversation.labels"] |= set()
    made, added = joined(*[page(conversation(1)), asked][::order])
    assert (added, len(made.parts)) == ([True], 2)


@pytest.mark.parametrize("order", [1, -1])
def test_true_is_not_the_same_as_1(order):
    told = [{"id": 7, "custom_attributes": {"paid": value}} for value in (True, 1)][::order]
    _, added = joined(page(conversation(1, told[0])), page(conversation(2, told[1])))
    assert added == [False]


def unchanged():
    batch = Batch(1)
    batch.unchanged = [1]
    return batch


def history_of_1():
    batch = Batch(1)
    add_history(batch, 1, [message(99)])
    return batch


def survey_of_1():
    batch = Batch(1)
    batch.add("csat_responses", {"id": 4, "conversation_id": 1, "rating": 5})
    return batch


@pytest.mark.parametrize("other", [page(conversation(1)), unchanged(), history_of_1(), survey_of_1()], ids=range(4))
@pytest.mark.parametrize("order", [1, -1])
def test_what_says_anything_of_the_same_conversation_waits_until_the_other_is_saved(other, order):
    first, later = [page(conversation(1), conversation(2)), other][::order]
    assert not Joined(part(first)).is_apart_from(later)


def test_no_more_than_a_few_go_into_one_transaction():
    _, added = joined(*(page(conversation(number)) for number in range(1, MOST_JOINED + 2)))
    assert added == [True] * (MOST_JOINED - 1) + [False]
