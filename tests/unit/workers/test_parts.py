import pytest

from etl.workers.parts import Part, cut


@pytest.mark.parametrize(
    ("about", "last_pages"),
    [
        (0, [None]),
        (1, [None]),
        (4, [None]),
        (5, [4, None]),
        (8, [4, None]),
        (9, [4, 8, None]),
    ],
)
def test_a_walk_is_cut_into_four_pages_each_and_the_last_part_is_open_at_its_end(
    about: int, last_pages: list[int | None]
) -> None:
    assert cut({"open": about}) == [
        Part(number, "open", 4 * number - 3, last) for number, last in enumerate(last_pages, start=1)
    ]


def test_the_parts_of_several_walks_are_numbered_one_after_the_other() -> None:
    assert cut({"open": 6, "resolved": 0, "pending": 9}) == [
        Part(1, "open", 1, 4),
        Part(2, "open", 5, None),
        Part(3, "resolved", 1, None),
        Part(4, "pending", 1, 4),
        Part(5, "pending", 5, 8),
        Part(6, "pending", 9, None),
    ]


@pytest.mark.parametrize("about", range(40))
def test_the_parts_of_a_walk_are_all_its_pages_and_none_twice(about: int) -> None:
    parts = cut({"open": about})
    pages = [page for one in parts[:-1] for page in range(one.first_page, (one.last_page or 0) + 1)]
    assert [*pages, parts[-1].first_page] == list(range(1, parts[-1].first_page + 1))
    assert [one.last_page is None for one in parts] == [False] * (len(parts) - 1) + [True]


def test_a_count_that_is_not_true_makes_no_more_parts_than_a_large_account_and_the_last_takes_the_rest() -> None:
    parts = cut({"open": 80_000_000})
    assert len(parts) == 10_000
    assert (parts[-1].first_page, parts[-1].last_page) == (39_997, None)
