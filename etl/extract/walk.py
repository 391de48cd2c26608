"""Pages of conversations, read ahead concurrently and given in order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from sys import maxsize
from typing import Any, NamedTuple

from etl.errors import Denied, Limited, NotFound, TooLarge, TryAgain, Unreadable, VendorError
from etl.extract.belonging import require_conversations
from etl.extract.client import Client, Query
from etl.extract.ids import id_of
from etl.id_set import IdSet
from etl.selection import STATUSES

MOST_STALE_PAGES = 20
# How many more conversations than the vendor counts a walk may show: in tens of its count, and besides.
MOST_TIMES_COUNTED, MOST_BESIDES = 10, 100_000
# How many pages are read ahead in a walk that goes to its end.
PAGES_AHEAD = 16
FAILURES_THAT_ALARM = 3
HIGHEST_ID = 2**31 - 1
LIST = "conversations"
# The order with the fewest ties; known from 2.7 to today, and harmless elsewhere (the vendor's section 2).
BY_CREATION = ("sort_by", "sort_on_created_at")
COUNTS = ("mine_count", "new_count", "assigned_count", "unassigned_count", "all_count")


@dataclass(frozen=True)
class Page:
    """The payloads of one list answer.

    about: how many pages with conversations the walk seems to have, from the vendor's count; None when it tells none.
    counts: the vendor's counts (`all_count` ...) as sent along.
    failed: why the page could not be had; it then has no payloads, and the walk goes on after it. refused: whether
    somebody else than the vendor refused it; no fault of the server, and not too large.
    distinct: on the empty page, how many different conversations the walk has shown.
    """

    number: int
    about: int | None
    payloads: list[Any]
    counts: dict[str, int]
    failed: str | None = None
    distinct: int = 0
    refused: bool = False

    @property
    def is_last(self) -> bool:
        """Whether the page ends its walk: it was answered, and empty."""
        return not self.payloads and not self.failed


@dataclass(frozen=True)
class Span:
    """Which pages of a walk: first to last, or to the empty one that ends it.

    ahead: how many are read ahead. known_failures: see Listing.
    """

    first: int = 1
    last: int | None = None
    ahead: int = PAGES_AHEAD
    known_failures: frozenset[str] = frozenset()


class Listing(NamedTuple):
    """What pages are asked of: query and path.

    known_failures: sentences with which pages fail for good, as a conversation in them does: these are not retried.
    """

    query: Query
    path: str = LIST
    known_failures: frozenset[str] = frozenset()


WHOLE = Span()


def walk(client: Client, pool: Executor, query: Query, path: str = LIST, span: Span = WHOLE) -> Iterator[Page]:
    """Yield every page of a walk, the empty one that ends it included; `path` is below the account.

    There is no page count and no next link, and the page size is the server's setting: only an empty page ends a walk
    (the vendor's section 2). `all_count` only limits how far to read ahead: never past the page that should be empty.
    Raise Denied or NotFound when the walk is refused, VendorError when it would not end.
    """
    read = partial(try_page if path == LIST else get_page, client, Listing(query, path, span.known_failures))
    yield from follow(read_ahead(read, pool, span), client.address(path, query), partial(_check_alive, client))


def follow(pages: Iterator[Page], address: str, check_alive: Callable[[Page], None]) -> Iterator[Page]:
    """Yield pages until the empty one, which then says how many different records they have shown.

    check_alive: called when several in a row failed; raises where it is not these pages that are broken.
    Raise VendorError when it would not end.
    """
    ids = IdSet()
    stale = failing = 0
    for page in pages:
        shown = (number for number in map(id_of, page.payloads) if number is not None)
        new = {conversation_id for conversation_id in shown if conversation_id not in ids}
        stale = 0 if new else stale + 1
        if stale > MOST_STALE_PAGES and not page.is_last:
            # Without this a proxy that drops the query would keep the walk at page 1 for ever.
            raise VendorError(
                f"the last {stale} pages, up to {page.number}, showed nothing new, and none was empty: the walk would"
                f" not end. {page.failed or 'Does a proxy drop the query?'}",
                address=address,
            )
        failing = failing + 1 if page.failed else 0
        if failing and failing % FAILURES_THAT_ALARM == 0:
            check_alive(page)
        ids.update(new)
        _require_end(page, len(ids), address)
        yield replace(page, distinct=len(ids)) if page.is_last else page


def _require_end(page: Page, shown: int, address: str) -> None:
    """Raise VendorError when a walk shows so many more conversations than are counted that they must be made up."""
    counted = page.counts.get("all_count")
    if counted is not None and shown > MOST_TIMES_COUNTED * counted + MOST_BESIDES:
        said = f"{shown} conversations were shown up to page {page.number}, and the server counts {counted}: the walk"
        raise VendorError(f"{said} would not end.", address=address)


def read_ahead(read: Callable[[int, int | None], Page], pool: Executor, span: Span) -> Iterator[Page]:
    """Yield pages in order, some of them got ahead; read: of a number, and about how many there seem to be."""
    page = read(span.first, None)
    yield page
    expected = page.about
    waiting: deque[Future[Page]] = deque()
    number, last = span.first + 1, span.last or maxsize
    while not page.is_last and (waiting or number <= last):
        while number <= last and (not waiting or (len(waiting) < span.ahead and number <= (expected or 0) + 1)):
            waiting.append(pool.submit(read, number, expected))
            number += 1
        page = waiting.popleft().result()
        expected = expected or page.about
        yield page


def first_page(client: Client, query: Query) -> Page:
    """Return the first page of a walk of the list: its counts, and how many pages it seems to have.

    Raise VendorError when it cannot be had.
    """
    return get_page(client, Listing(query), 1, None)


def _check_alive(client: Client, _: Page) -> None:
    """Raise VendorError when the server answers nothing else either: then it is down, and no page is broken."""
    with suppress(Denied, NotFound, Limited):
        client.get("conversations/meta", [("status", STATUSES[0])])


def try_page(client: Client, of: Listing, number: int, about: int | None) -> Page:
    """Get a page, marked as failed when it fails for good: one broken conversation makes its whole page fail.

    A refusal by the vendor, or an answer of another shape, is raised: it says something about the token or the address.
    """
    try:
        return _get_known(client, of, number, about) if of.known_failures else get_page(client, of, number, about)
    except Unreadable as error:
        refused = not isinstance(error, TryAgain | TooLarge)
        return Page(number, about, [], {}, failed=str(error), refused=refused)


def _get_known(client: Client, of: Listing, number: int, about: int | None) -> Page:
    """Get a page once, and with retries where it fails otherwise than is known: that may pass."""
    try:
        return get_page(client, of, number, about, attempts=1)
    except TryAgain as error:
        if error.sentence in of.known_failures:
            raise
    return get_page(client, of, number, about)


def get_page(client: Client, of: Listing, number: int, about: int | None, attempts: int = maxsize) -> Page:
    """Get a page; about: how many there seem to be, None: tell by the vendor's count. Raise VendorError."""
    path, asked = of.path, [*of.query, ("page", number)]
    answer = client.get(
        path, asked, lambda sent: require_conversations(_payloads(path, sent), client.account_id), attempts
    )
    data = _data(path, answer)
    if not isinstance(data, dict) or not isinstance(data.get("payload"), list):
        raise VendorError("the answer holds no list of conversations.", address=client.address(path, asked))
    meta = data.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    counts = {name: meta[name] for name in COUNTS if is_count(meta.get(name))}
    if about is None and data["payload"] and "all_count" in counts:
        about = ceil(counts["all_count"] / len(data["payload"]))
    return Page(number, about, data["payload"], counts)


def count_each(client: Client) -> dict[str, int] | None:
    """Return the vendor's own count of each status, read now; None where they cannot be read."""
    counts = {}
    # Not at once: where they have a limit of their own, the first that is refused would have the others wait for it.
    with suppress(VendorError, KeyError, TypeError):
        for status in STATUSES:
            counts[status] = client.get(f"{LIST}/meta", [("status", status)])["meta"]["all_count"]
    return counts if len(counts) == len(STATUSES) and all(map(is_count, counts.values())) else None


def is_count(value: Any) -> bool:
    """Return whether a value can be the number of an account's conversations, whose ids have 31 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_ID


def _data(path: str, answer: Any) -> Any:
    """Return what holds counts and conversations: the list wraps it in `data`, the search does not."""
    return answer.get("data") if path == LIST and isinstance(answer, dict) else answer


def _payloads(path: str, answer: Any) -> Any:
    data = _data(path, answer)
    return data.get("payload") if isinstance(data, dict) else None
