"""Pages of conversations, read ahead concurrently and given in order."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from etl.client import Client, Query
from etl.errors import VendorError

STATUSES = ("open", "resolved", "pending", "snoozed")
MOST_STALE_PAGES = 20
COUNTS = ("mine_count", "new_count", "assigned_count", "unassigned_count", "all_count")


@dataclass(frozen=True)
class Page:
    """The payloads of one list answer.

    about: how many pages with conversations the walk seems to have, from the vendor's count; None when it tells none.
    counts: the vendor's counts (`all_count` ...) as sent along.
    skipped: on the empty page, how many of the conversations that the vendor counts were on none of the pages.
    """

    number: int
    about: int | None
    payloads: list[Any]
    counts: dict[str, int]
    skipped: int = 0


def walk(client: Client, pool: Executor, query: Query, ahead: int) -> Iterator[Page]:
    """Give every page of a walk, the empty one that ends it included.

    There is no page count and no next link, and the page size is the server's setting: only an empty page ends a walk
    (the vendor's section 2). Its count only limits how far to read ahead: never past the page that should be empty.
    Raises VendorError when a page cannot be had, or when the walk would not end.
    """
    ids: set[int] = set()
    stale = 0
    for page in _read_ahead(client, pool, query, ahead):
        new = {one["id"] for one in page.payloads if isinstance(one, dict) and isinstance(one.get("id"), int)} - ids
        stale = 0 if new else stale + 1
        if stale > MOST_STALE_PAGES and page.payloads:
            # Without this a proxy that drops the query would keep the walk at page 1 for ever.
            raise VendorError(
                f"{client.url('conversations', query)}: the last {stale} pages, up to {page.number}, showed nothing"
                " new, and none was empty: the walk would not end. Does a proxy drop the query?"
            )
        ids |= new
        yield page if page.payloads else replace(page, skipped=max(0, page.counts.get("all_count", 0) - len(ids)))


def _read_ahead(client: Client, pool: Executor, query: Query, ahead: int) -> Iterator[Page]:
    page = _get_page(client, query, 1, None)
    yield page
    expected = page.about
    waiting: deque[Future[Page]] = deque()
    number = 2
    while page.payloads:
        while not waiting or (len(waiting) < ahead and number <= (expected or 0) + 1):
            waiting.append(pool.submit(_get_page, client, query, number, expected))
            number += 1
        page = waiting.popleft().result()
        yield page


def _get_page(client: Client, query: Query, number: int, about: int | None) -> Page:
    asked = [*query, ("page", number)]
    answer = client.get("conversations", asked)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("payload"), list):
        raise VendorError(f"{client.url('conversations', asked)}: the answer holds no list of conversations.")
    meta = data.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    counts = {name: meta[name] for name in COUNTS if isinstance(meta.get(name), int)}
    if about is None and data["payload"] and "all_count" in counts:
        about = ceil(counts["all_count"] / len(data["payload"]))
    return Page(number, about, data["payload"], counts)
