"""What a random sample permits to say of everything that it was drawn from."""

from fractions import Fraction
from math import comb

import pytest

from etl.commands.verified import percent
from etl.run.bounds import Share, likelihood, most_differing


def exactly(population: int, wrong: int, drawn: int, differing: int) -> Fraction:
    """How likely it is that at most so many of those drawn differ, in whole numbers."""
    ways = sum(comb(wrong, found) * comb(population - wrong, drawn - found) for found in range(differing + 1))
    return Fraction(ways, comb(population, drawn))


def test_the_bound_is_the_highest_number_that_is_not_too_unlikely() -> None:
    for population in (1, 2, 7, 40):
        for drawn in range(1, population + 1):
            for differing in range(drawn + 1):
                possible = range(differing, population - drawn + differing + 1)
                likely = [
                    wrong for wrong in possible if exactly(population, wrong, drawn, differing) >= Fraction(1, 20)
                ]
                assert most_differing(population, drawn, differing) == max(likely)


@pytest.mark.parametrize(("population", "wrong", "drawn"), [(812_004, 1_600, 1_500), (10**8, 199_000, 1_500)])
def test_it_is_as_exact_where_the_population_is_large(population: int, wrong: int, drawn: int) -> None:
    none = Fraction(1)
    for at in range(drawn):
        none *= Fraction(population - wrong - at, population - at)
    assert likelihood(population, wrong, drawn, 0) == pytest.approx(float(none), rel=1e-4)


@pytest.mark.parametrize(
    ("share", "bound"),
    [
        (Share(812_004, 1_500, 1_500, 0), 0.001993),
        (Share(10**8, 1_500, 1_500, 0), 0.001995),  # the rule of three: 3 in 1,500
        (Share(812_004, 1_500, 1_500, 3), 0.005158),
        (Share(812_004, 1_500, 750, 0), 0.003984),  # half of them could not be compared, and say nothing
        (Share(100, 100, 100, 0), 0.0),
        (Share(100, 100, 90, 2), 0.12),  # of all it is certain: those that could not be compared count as differing
        (Share(100, 0, 0, 0), None),
        (Share(0, 0, 0, 0), None),
    ],
)
def test_the_share_of_which_at_most_differs(share: Share, bound: float | None) -> None:
    assert share.bound == (bound if bound is None else pytest.approx(bound, abs=1e-6))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.001993, "0.20 %"), (0.00121, "0.13 %"), (0.12, "12 %"), (0.1201, "13 %"), (1.0, "100 %")],
)
def test_a_share_is_never_said_to_be_less_than_it_is(share: float, said: str) -> None:
    assert percent(share) == said
