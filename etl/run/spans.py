"""Where the numbers of conversations lie densely, and which of them are far from all others: pure.

Numbers are given out one after the other, but sequences do jump, and one number may be a mistake. Only where they lie
densely can whatever is missing have been a conversation.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

# Far is more than ten times as many numbers away as numbers are known, and these besides, but never more than those.
TIMES_KNOWN, BESIDES, FARTHEST = 10, 10_000, 1_000_000
# How many numbers are asked for around one that is far from the others.
AROUND = 25
# Numbers from here to a landmark on need no landmark of their own.
APART = 1_000


def distance(known: int) -> int:
    """Return how far a number has to be from all others to be far from them, when so many are known."""
    return min(TIMES_KNOWN * known + BESIDES, FARTHEST)


def find_spans(there: Iterable[int], gone: Iterable[int], far: int, around: int = AROUND) -> list[range]:
    """Return the spans in which numbers lie densely, lowest first; between them lies a jump, and before the first may.

    there, gone: the numbers of what is there, and of what no longer is; both in order. What is gone makes no span.
    around: how many numbers before the first of what is far from the others belong to its span.
    """
    found: list[range] = []
    first, last, lost = 1, 0, deque(gone)
    for number in chain(there, [None]):
        while lost and (number is None or lost[0] < number):
            missed = lost.popleft()
            last = max(last, missed) if missed - last <= far else last
        if number is not None and number - last > far:
            found.append(range(first, last + 1))
            first = max(number - around, last + 1)
        last = max(last, number or 0)
    return [span for span in (*found, range(first, last + 1)) if span]


def between(spans: Sequence[range]) -> list[range]:
    """Return the jumps: what lies between the spans, and before the first."""
    return [range(low.stop, high.start) for low, high in pairwise([range(1, 1), *spans]) if low.stop < high.start]


def within(spans: Sequence[range], numbers: Iterable[int]) -> Iterator[int]:
    """Yield those of the numbers that lie in one of the spans."""
    starts = [span.start for span in spans]
    return (one for one in numbers if (at := bisect_left(starts, one + 1)) and one in spans[at - 1])


@dataclass
class Landmarks:
    """Numbers that are known, as many as it takes to tell which others are near: thousands stand for millions."""

    _numbers: list[int] = field(default_factory=lambda: [0])

    def is_near(self, number: int, far: int) -> bool:
        """Return whether a number is not far from one that is known."""
        at = bisect_left(self._numbers, number)
        return any(abs(number - one) <= far for one in self._numbers[max(at - 1, 0) : at + 1])

    def add(self, number: int) -> None:
        """Take a number for known."""
        if not self.is_near(number, APART):
            insort(self._numbers, number)
