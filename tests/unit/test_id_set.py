from heapq import merge
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.id_set import HIGHEST_BIT, IdSet
from etl.run.spans import find_spans
from tests.examples import examples

NUMBERS = st.one_of(st.integers(-3, 70), st.sampled_from([HIGHEST_BIT, 2**63, -(2**63)]))


@given(st.lists(st.tuples(st.booleans(), NUMBERS)))
def test_it_holds_what_a_set_holds(steps: list[tuple[bool, int]]) -> None:
    ids, plain = IdSet(), set[int]()
    for add, number in steps:
        (ids.add if add else ids.discard)(number)
        (plain.add if add else plain.discard)(number)
    assert (set(ids), len(ids), ids == plain) == (plain, len(plain), True)
    assert all((one in ids) == (one in plain) for one in (*range(-3, 71), HIGHEST_BIT, 2**63))
    assert (plain - ids, {1, 2} | ids, ids & {1}) == (set(), plain | {1, 2}, plain & {1})


@pytest.mark.long
def test_the_small_ones_come_in_order_and_take_a_bit_each() -> None:
    ids = IdSet(range(1_000_000, 0, -1))
    assert list(ids) == list(range(1, 1_000_001))
    assert len(ids._bits) == 125_001
    assert "7" not in ids


@given(st.sets(NUMBERS), st.integers(0, 70), st.sampled_from([0, 1, 7, 8, 20, 90, 2**62]))
def test_what_lies_in_a_range_is_counted_and_what_lacks_is_told_in_order(
    plain: set[int], first: int, size: int
) -> None:
    ids, numbers = IdSet(plain), range(first, first + size)
    assert ids.count_within(numbers) == sum(1 for one in plain if one in numbers)
    expected = islice((one for one in numbers if one not in plain), 200)
    assert list(islice(ids.lacks(numbers), 200)) == list(expected)


@given(st.sets(NUMBERS), st.sets(NUMBERS))
def test_a_copy_is_a_set_of_its_own_and_turns_round(plain: set[int], more: set[int]) -> None:
    ids = IdSet(plain)
    copy = IdSet(ids)
    copy.update(IdSet(more))
    assert (set(ids), len(ids), set(copy), len(copy)) == (plain, len(plain), plain | more, len(plain | more))
    assert list(reversed(copy)) == list(copy)[::-1]


FAR = st.one_of(st.integers(0, 40), st.integers(500, 1_100))
LIKE_IDS = st.sets(
    st.one_of(st.integers(1, 300), st.integers(3_000, 3_100), st.sampled_from([2**24 - 1, 2**24, 2**40]))
)


@settings(max_examples=examples(25, 1_000))
@given(LIKE_IDS, LIKE_IDS, LIKE_IDS, FAR, st.integers(0, 30))
def test_the_edges_tell_the_same_spans_as_all_ids_do(
    some: set[int], others: set[int], gone: set[int], far: int, around: int
) -> None:
    edges = merge(IdSet(some).edges(far), IdSet(others).edges(far))
    of_all = find_spans(sorted(some | others), sorted(gone), far, around)
    assert find_spans(edges, sorted(gone), far, around) == of_all


def test_of_millions_few_are_edges() -> None:
    ids = IdSet(range(1, 1_000_001))
    assert list(ids.edges(400_000)) == [1, 399_999, 400_000, 799_999, 800_000, 1_000_000]
    ids.discard(399_999)
    assert list(ids.edges(400_000))[1:3] == [399_998, 400_000]
