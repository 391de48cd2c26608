"""Pages of what changed since a time: all in one answer where the server knows `updated_within`, else the newest pages.

`updated_within` (3.6 and later) goes by `updated_at`, which moves for nearly everything. Pages in order of the last
activity show new messages and what people did, and not what moves without: a snooze that ended, an assignment by a
rule, a merge of contacts (the vendor's section 5).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from etl.errors import VendorError
from etl.extract.client import Client, Query
from etl.extract.ids import id_of
from etl.extract.walk import Listing, Page, Span, get_page, try_page, walk

RECENT_PAGES_AHEAD = 3
WITHIN = "updated_within"
# A page may be longer than others by those that come first, whatever the order.
MOST_PINNED = 2


@dataclass
class Recent:
    """The walks of one reading of what changed. since, now(): by the same clock.

    known_failures: see Listing.
    counts: walk -> the vendor's counts, as they were when its first page was read.
    active: walk -> the last activities (seconds since 1970) since `since`, and whose they are, as often as its pages
    showed them; only of walks in the order of the last activity. is_whole: whether all these pages could be read.
    """

    client: Client
    pool: Executor
    since: datetime
    now: Callable[[], datetime]
    known_failures: frozenset[str] = frozenset()
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    active: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    is_whole: bool = True
    _knows_updated_within: bool = False

    @property
    def sees_silent_moves(self) -> bool:
        """Whether what moved no activity was read, too."""
        return not self.active

    @property
    def kept_silent(self) -> bool:
        """Whether the server knows `updated_within`, and did not say all the same what was updated."""
        return self._knows_updated_within and bool(self.active)

    def again(self, since: datetime) -> "Recent":
        """Return another reading, of what changed since a later time.

        Pages in order of the last activity may have skipped something: they are read from where they were before.
        """
        since = since if self.sees_silent_moves else self.since
        knows = self._knows_updated_within
        return Recent(self.client, self.pool, since, self.now, self.known_failures, _knows_updated_within=knows)

    def walk(self, name: str, query: Query) -> Iterator[Page]:
        """Yield the pages of a walk that have what changed, and more where it ends amid a page."""
        span = Span(ahead=RECENT_PAGES_AHEAD, known_failures=self.known_failures)
        pages = walk(self.client, self.pool, query, span=span)
        first = next(pages)
        self.counts[name] = first.counts
        answer = self._updated(query, first)
        yield first
        if answer is not None:
            size = len(first.payloads) or 1
            for at in range(0, len(answer), size):
                yield Page(2 + at // size, 1 + ceil(len(answer) / size), answer[at : at + size], {})
        elif not first.is_last:
            self.active[name] = []
            yield from self._newest(name, first, pages)

    def _newest(self, name: str, first: Page, pages: Iterator[Page]) -> Iterator[Page]:
        """Yield pages by last activity after the first, until a whole one is older.

        Never until the first row that is: pinned ones may come first (the vendor's section 2).
        """
        self._count(name, first)
        if self._is_older(first):
            return
        for page in pages:
            yield page
            self._count(name, page)
            if self._is_older(page):
                return

    def _count(self, name: str, page: Page) -> None:
        self.is_whole = self.is_whole and not page.failed
        for payload in page.payloads:
            if not self._is_before(payload):
                time, number = payload.get("timestamp") if isinstance(payload, dict) else None, id_of(payload)
                if isinstance(time, int | float) and number is not None:
                    self.active[name].append((int(time), number))
                else:
                    self.is_whole = False

    def _is_older(self, page: Page) -> bool:
        return not page.failed and all(map(self._is_before, page.payloads))

    def _is_before(self, payload: Any) -> bool:
        timestamp = payload.get("timestamp") if isinstance(payload, dict) else None
        return isinstance(timestamp, int | float) and timestamp < self.since.timestamp()

    def _updated(self, query: Query, first: Page) -> list[Any] | None:
        """Return what was updated since the time, in one answer; None where the server does not tell, or fails at it.

        An answer as long as a page, or longer, may be a page of another size: then the second one has to be the same.
        """
        if first.is_last or first.failed or not self._is_known(query, first):
            return None
        within = (WITHIN, ceil((self.now() - self.since).total_seconds()))
        try:
            answer = get_page(self.client, Listing([*query, within]), 1, None).payloads
            if len(answer) >= len(first.payloads) - MOST_PINNED:
                second = get_page(self.client, Listing([*query, within]), 2, None).payloads
                if not {*map(id_of, answer)} <= {*map(id_of, second)}:
                    return None
        except VendorError:
            return None  # one answer for all may be too much for the server: page by page it is less
        return answer

    def _is_known(self, query: Query, first: Page) -> bool:
        """Return whether the server knows `updated_within`: a tiny value then gives less than the first page.

        Or, where much has just been updated, the same on its second page: that of one who ignores it is another.
        """
        if not self._knows_updated_within:
            tiny = try_page(self.client, Listing([*query, (WITHIN, 1)]), 1, None)
            shown, is_known = {*map(id_of, tiny.payloads)}, not tiny.failed
            if len(tiny.payloads) >= len(first.payloads) and (is_known := shown != {*map(id_of, first.payloads)}):
                second = try_page(self.client, Listing([*query, (WITHIN, 1)]), 2, None)
                is_known = shown <= {*map(id_of, second.payloads)}
            self._knows_updated_within = is_known
        return self._knows_updated_within
