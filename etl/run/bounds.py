"""What a random sample permits to say of everything that it was drawn from: pure."""

from dataclasses import dataclass
from math import exp, lgamma

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """How many of a population were drawn at random, how many of these could be compared, and how many differ.

    What could not be compared says nothing, and is no part of what the bound is of.
    """

    population: int = 0
    drawn: int = 0
    compared: int = 0
    differing: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything was drawn, so that nothing is left to chance."""
        return self.drawn == self.population

    @property
    def bound(self) -> float | None:
        """Return the share of which at most differs, from 0 to 1; None when nothing was compared.

        Where everything was drawn it is certain, and counts as differing what could not be compared.
        """
        if not self.compared:
            return None
        if self.is_whole:
            return (self.differing + self.drawn - self.compared) / self.population
        return most_differing(self.population, self.compared, self.differing) / self.population


def most_differing(population: int, drawn: int, differing: int, confidence: float = CONFIDENCE) -> int:
    """Return how many of a population differ at most, where so many of those drawn at random, none twice, do.

    That is the highest number of which a sample with so few differing ones is not less likely than the confidence
    leaves room for: the exact bound of the hypergeometric distribution.
    """
    low, high = differing, population - drawn + differing
    while low < high:
        middle = (low + high + 1) // 2
        if likelihood(population, middle, drawn, differing) >= 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def likelihood(population: int, wrong: int, drawn: int, differing: int) -> float:
    """Return how likely it is that at most so many of those drawn differ, where so many of the population are wrong."""
    least = max(0, drawn - (population - wrong))
    ways = _ways(population, drawn)
    terms = (
        _ways(wrong, found) + _ways(population - wrong, drawn - found) - ways
        for found in range(least, min(differing, wrong, drawn) + 1)
    )
    return min(1.0, sum(map(exp, terms)))


def _ways(among: int, chosen: int) -> float:
    """Return the logarithm of in how many ways so many are chosen among others."""
    return lgamma(among + 1) - lgamma(chosen + 1) - lgamma(among - chosen + 1)
