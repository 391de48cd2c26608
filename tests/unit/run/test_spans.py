"""Where numbers lie densely, and which are far from all others."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.run.spans import Landmarks, between, distance, find_spans, within


@pytest.mark.parametrize(("known", "far"), [(0, 10_000), (40, 10_400), (1_000, 20_000), (2_000_000, 1_000_000)])
def test_what_is_far_grows_with_what_is_known_and_has_a_bound(known: int, far: int) -> None:
    assert distance(known) == far


@pytest.mark.parametrize(
    ("there", "gone", "expected"),
    [
        ([], [], []),
        ([1, 2, 5], [], [range(1, 6)]),
        ([1, 100], [], [range(1, 101)]),
        ([1, 102], [], [range(1, 2), range(77, 103)]),
        ([1, 102, 103], [], [range(1, 2), range(77, 104)]),
        ([500], [], [range(475, 501)]),
        ([1, 10**9], [3, 103, 300], [range(1, 104), range(10**9 - 25, 10**9 + 1)]),
        ([1], [10**9], [range(1, 2)]),
        ([1, 150], [60], [range(1, 151)]),
        ([1, 200], [195, 199, 260, 400], [range(1, 2), range(175, 261)]),
    ],
)
def test_numbers_lie_in_spans_and_what_is_gone_makes_none(
    there: list[int], gone: list[int], expected: list[range]
) -> None:
    assert find_spans(there, gone, 100) == expected


def test_jumps_lie_between_spans_and_before_the_first() -> None:
    spans = [range(10, 20), range(20, 21), range(30, 40)]
    assert between(spans) == [range(1, 10), range(21, 30)]
    assert between([]) == between([range(1, 5)]) == []
    assert list(within(spans, [1, 10, 19, 20, 21, 29, 30, 39, 40])) == [10, 19, 20, 30, 39]
    assert list(within([], [1])) == []


def test_millions_of_dense_numbers_have_few_landmarks_and_all_are_near() -> None:
    known = Landmarks()
    for number in range(2_000_000, 0, -500):
        known.add(number)
    assert all(known.is_near(number, 10_000) for number in (1, 777_777, 2_010_000))
    assert [known.is_near(number, 10_000) for number in (2_010_001, 10**9)] == [False, False]
    assert len(known._numbers) <= 2_001


@given(st.sets(st.integers(1, 900)), st.sets(st.integers(1, 900)), st.integers(0, 60), st.integers(0, 30))
def test_all_that_is_there_lies_in_a_span_and_spans_are_in_order_and_apart(
    there: set[int], gone: set[int], far: int, around: int
) -> None:
    spans = find_spans(sorted(there), sorted(gone), far, around)
    assert set(within(spans, there)) == there
    assert all(low.stop <= high.start for low, high in pairwise(spans))
    assert all(span.start == 1 or span.start + around >= min(set(span) & there) for span in spans)
    assert {span[-1] for span in spans} <= there | gone
