"""Finds which conversations of a status differ between vendor and tables, by the rank of rows: a few pages of many.

In the order of creation nothing changes its place but by what left or entered before it. So wherever a page shows the
time of creation change, the number of rows before that moment is known on both sides, and tells whether a difference
lies before or behind it. A span whose ends differ is halved until its pages are read; then the two sets of ids are
compared. Rows of one moment are never taken apart: their order may be another one on each page.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, inf

Row = tuple[int, int]
Cut = tuple[float, int]

# Where so large a part of a status has to be read, its walk costs no more, and proves more.
MOST_OF_A_STATUS, FEWEST_PAGES = 0.5, 20


class UnrankedError(Exception):
    """The pages do not tell ranks: they are in another order, changed meanwhile, or too many are needed."""


@dataclass
class Listed:
    """The conversations of a status as the tables have them, in order of creation. times: in seconds since 1970."""

    times: Sequence[int]
    ids: Sequence[int]

    def before(self, moment: float) -> int:
        """Return how many were created before a moment."""
        return bisect_left(self.times, moment)

    def between(self, first: float, last: float) -> set[int]:
        """Return the ids of those created from one moment on and before another."""
        return set(self.ids[self.before(first) : self.before(last)])


@dataclass
class RankSearch:
    """The search in one status.

    ours: what the tables have. count: how many the vendor counts. get_page: of a number from 1 on, the rows of a page:
    time of creation and id, as the vendor sorts them; None where it is broken.
    """

    ours: Listed
    count: int
    get_page: Callable[[int], list[Row] | None]
    _pages: dict[int, list[Row] | None] = field(default_factory=dict)
    _size: int = 0

    def find(self) -> set[int]:
        """Return the ids that one side has and the other has not, as far as counts tell that there are any.

        Of a page that is broken, all that the tables have there. Raise UnrankedError when the pages do not tell.
        """
        if not self.count:
            return set(self.ours.ids)
        self._read(1)
        last = ceil(self.count / self._size)
        while unread := self._unread():
            if len(self._pages) >= max(FEWEST_PAGES, MOST_OF_A_STATUS * last):
                raise UnrankedError
            self._read(unread[len(unread) // 2])
        return {one for span in self._differing() for one in self._compare(*span)}

    def _read(self, number: int) -> None:
        """Read a page; each must be as long as the first one, but for the last, and go on after those before it."""
        page = self._pages[number] = self.get_page(number)
        if page is None and number > 1:
            return
        self._size = self._size or len(page or ())
        if not page or len(page) != min(self._size, self.count - (number - 1) * self._size):
            raise UnrankedError
        shown = [row[0] for at in sorted(self._pages) for row in self._pages[at] or ()]
        if any(later < earlier for earlier, later in pairwise(shown)):
            raise UnrankedError

    def _unread(self) -> list[int]:
        """Return the pages of the first span that differs and is not read whole."""
        unread = ([one for one in self._pages_of(span) if one not in self._pages] for span in self._differing())
        return next(filter(None, unread), [])

    def _differing(self) -> Iterator[tuple[Cut, Cut]]:
        """Yield the spans between two neighbouring cuts in which one side has more than the other."""
        for first, last in pairwise(self._cuts()):
            if self._difference(first) != self._difference(last):
                yield first, last

    def _difference(self, cut: Cut) -> int:
        moment, rank = cut
        return self.ours.before(moment) - rank

    def _cuts(self) -> Iterator[Cut]:
        """Yield the moments at which it is known how many conversations of the vendor's were created before."""
        yield -inf, 0
        previous: tuple[int, int] | None = None  # where the last row was, and its time
        for number in sorted(self._pages):
            for at, (time, _) in enumerate(self._pages[number] or (), (number - 1) * self._size):
                if previous and at == previous[0] + 1 and time > previous[1]:
                    yield time, at
                previous = at, time
        yield inf, self.count

    def _pages_of(self, span: tuple[Cut, Cut]) -> range:
        """Return the pages on which the rows of a span are; none when it has no row of the vendor's."""
        (_, first), (_, behind) = span
        return range(first // self._size + 1, (behind - 1) // self._size + 2) if behind > first else range(0)

    def _compare(self, first: Cut, last: Cut) -> set[int]:
        """Return the ids of a span that only one side has; its pages are read."""
        shown = {
            number
            for page in self._pages_of((first, last))
            for time, number in self._pages[page] or ()
            if first[0] <= time < last[0]
        }
        return shown ^ self.ours.between(first[0], last[0])
