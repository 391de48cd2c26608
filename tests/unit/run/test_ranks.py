"""Differences of a status are found by the rank of rows, whatever ties, and by few pages."""

import random
from array import array
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.run.ranks import Listed, Row, Search, UnrankedError

SIZE = 25


class Vendor:
    """The pages of a status: sorted by time, the rows of one second in another order on each page."""

    def __init__(self, rows: list[Row], broken: frozenset[int] = frozenset(), *, stable: bool = True) -> None:
        self.rows, self.broken, self.stable, self.asked = sorted(rows), broken, stable, list[int]()

    def get_page(self, number: int) -> list[Row] | None:
        self.asked.append(number)
        if number in self.broken:
            return None
        dice = random.Random(0 if self.stable else number)
        rows = sorted(self.rows, key=lambda row: (row[0], dice.random()))
        return rows[(number - 1) * SIZE : number * SIZE]


def listed(rows: list[Row]) -> Listed:
    ordered = sorted(rows)
    return Listed(array("q", [time for time, _ in ordered]), array("q", [number for _, number in ordered]))


def search(ours: list[Row], vendor: Vendor) -> Search:
    return Search(listed(ours), len(vendor.rows), vendor.get_page)


def rows_of(times: list[int]) -> list[Row]:
    return list(zip(sorted(times), range(1, len(times) + 1), strict=True))


@given(st.data())
def test_whatever_only_one_side_has_is_found_where_the_others_has_nothing_else(data: st.DataObject) -> None:
    """Deleted or moved away: only the tables have them. Ties of up to whole pages."""
    rows = rows_of(data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=300)))
    gone = set(data.draw(st.lists(st.sampled_from(rows), max_size=6)))
    kept = [row for row in rows if row not in gone]
    is_more_ours = data.draw(st.booleans())
    ours, theirs = (rows, kept) if is_more_ours else (kept, rows)
    assert search(ours, Vendor(theirs)).find() == {number for _, number in gone}


@given(st.integers(0, 2**32), st.integers(0, 4), st.integers(0, 4))
def test_what_both_sides_have_alone_is_found_unless_it_makes_up_for_each_other(seed: int, lost: int, came: int) -> None:
    dice = random.Random(seed)
    rows = rows_of([dice.randrange(5_000) for _ in range(1_000)])
    gone, new = set(dice.sample(rows, lost)), set(dice.sample(rows, came))
    ours, theirs = [row for row in rows if row not in new], [row for row in rows if row not in gone - new]
    ours += list(gone & new)
    found = search(ours, Vendor(theirs)).find()
    differing = {number for _, number in set(ours) ^ set(theirs)}
    left = {row for row in set(ours) ^ set(theirs) if row[1] not in found}
    assert found <= differing
    assert len([row for row in left if row in ours]) == len([row for row in left if row in theirs])


def test_nothing_is_found_and_one_page_read_where_both_sides_have_the_same() -> None:
    rows = rows_of(list(range(0, 40_000, 4)))
    vendor = Vendor(rows)
    assert (search(rows, vendor).find(), vendor.asked) == (set(), [1])


@pytest.mark.parametrize("size", [1_000, 10_000, 100_000])
def test_five_that_are_gone_cost_some_logarithm_of_the_pages_each(size: int) -> None:
    rows = rows_of([at * 7 for at in range(size)])
    gone = random.Random(size).sample(rows, 5)
    vendor = _Unshuffled(sorted(set(rows) - set(gone)))
    assert search(rows, vendor).find() == {number for _, number in gone}
    assert len(vendor.asked) <= 5 * (log2(size / SIZE) + 2) + 1


class _Unshuffled(Vendor):
    def get_page(self, number: int) -> list[Row] | None:
        self.asked.append(number)
        return self.rows[(number - 1) * SIZE : number * SIZE]


def test_ties_in_another_order_on_each_page_give_no_more_to_ask_for_than_what_is_tied() -> None:
    rows = rows_of([at // 4 for at in range(400)])
    vendor = Vendor([row for row in rows if row != rows[200]], stable=False)
    found = search(rows, vendor).find()
    assert rows[200][1] in found
    assert len(found) < 10


def test_of_a_broken_page_all_that_the_tables_have_there_is_to_be_asked_for() -> None:
    rows = rows_of(list(range(250)))
    vendor = Vendor([row for row in rows if row != rows[130]], broken=frozenset({6}))
    found = search(rows, vendor).find()
    assert {number for _, number in rows[126:150]} <= found <= {number for _, number in rows[124:152]}


def test_a_status_that_the_vendor_says_is_empty_needs_no_page() -> None:
    vendor = Vendor([])
    assert (search(rows_of([1, 2, 3]), vendor).find(), vendor.asked) == ({1, 2, 3}, [])


@pytest.mark.parametrize(
    ("pages", "count"),
    [
        pytest.param([[(5, 1), (4, 2)]], 2, id="in another order on a page"),
        pytest.param([[(1, 1), (9, 2)], [(3, 3), (4, 4)]], 4, id="in another order from page to page"),
        pytest.param([[(1, 1), (2, 2)], [(3, 3)]], 4, id="a page has become shorter"),
        pytest.param([[]], 1, id="a first page without rows"),
        pytest.param([None], 1, id="a first page that is broken"),
    ],
)
def test_pages_that_tell_no_ranks_are_not_believed(pages: list[list[Row] | None], count: int) -> None:
    with pytest.raises(UnrankedError):
        Search(listed([]), count, lambda number: pages[number - 1]).find()


def test_where_half_of_the_pages_would_be_read_the_walk_is_left_to_others() -> None:
    rows = rows_of(list(range(5_000)))
    vendor = _Unshuffled(rows[::2])
    with pytest.raises(UnrankedError):
        search(rows, vendor).find()
    assert len(vendor.asked) <= len(vendor.rows) / SIZE / 2 + 1
