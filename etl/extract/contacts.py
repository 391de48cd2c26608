"""The vendor's list of contacts: its pages in any order, its count, and single contacts.

It has only those with an e-mail address, a phone number or an identifier, and no order of its own. Whatever order is
asked for has no tie-breaker, so that pages repeat some contacts and skip others (the vendor's section 7).
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from math import ceil
from typing import Any

from etl.errors import TryAgain, Unreadable, VendorError
from etl.extract.belonging import get_list
from etl.extract.client import Client, Query
from etl.extract.ids import id_of
from etl.extract.walk import PAGES_AHEAD, Page, Span, follow, is_count, read_ahead

CONTACTS = "contacts"
# Orders to walk in, until as many were shown as are counted. The server takes several keys, and ignores those that it
# does not know (2.x has no `created_at`): the first order hardly ties, as e-mail addresses and numbers are unique.
ORDERS = ("email,phone_number,name,last_activity_at,created_at", "email", "-last_activity_at", "name")
NEWEST_FIRST = "-last_activity_at"
# Otherwise older servers put whole inboxes into each contact, with their passwords.
WITHOUT_INBOXES = ("include_contact_inboxes", "false")
COUNT = "all_count"


def walk_contacts(client: Client, pool: Executor, order: str, ahead: int = PAGES_AHEAD) -> Iterator[Page]:
    """Yield every page of the list in an order, the empty one that ends it included; a broken one is marked as failed.

    Raise VendorError when the first page cannot be had, when several in a row cannot, or when it would not end.
    """
    pages = read_ahead(partial(_try_page, client, order), pool, Span(ahead=ahead))
    yield from follow(pages, client.address(CONTACTS, [("sort", order)]), _give_up)


def count_contacts(client: Client) -> int | None:
    """Return how many contacts the list has now, by the vendor's own count; None where it tells none.

    Raise VendorError when it cannot be had.
    """
    return _get_page(client, ORDERS[0], 1, None).counts.get(COUNT)


def get_contact(client: Client, contact_id: int) -> Any:
    """Return the payload of one contact.

    Raise VendorError when it cannot be had, NotFound where the vendor says that there is none.
    """

    def check(answer: Any) -> None:
        named = id_of(_payload(answer))
        if named != contact_id:
            raise TryAgain(f"the answer belongs to contact {named}, and was asked for contact {contact_id}.")

    return _payload(client.get(f"{CONTACTS}/{contact_id}", [WITHOUT_INBOXES], check))


def _payload(answer: Any) -> Any:
    return answer.get("payload") if isinstance(answer, dict) else None


def _give_up(page: Page) -> None:
    raise VendorError(f"several pages in a row could not be read. {page.failed}")


def _try_page(client: Client, order: str, number: int, about: int | None) -> Page:
    """Get a page, marked as failed when it fails for good, unless it is the first: then there is no list to be had."""
    try:
        return _get_page(client, order, number, about)
    except Unreadable as error:
        if number == 1:
            raise
        return Page(number, about, [], {}, failed=str(error))


def _get_page(client: Client, order: str, number: int, about: int | None) -> Page:
    query: Query = [("sort", order), WITHOUT_INBOXES, ("page", number)]
    answer = get_list(client, CONTACTS, query)
    payload = answer if isinstance(answer, list) else _payload(answer)
    if not isinstance(payload, list):
        raise VendorError("the answer holds no list of contacts.", address=client.address(CONTACTS, query))
    meta = answer.get("meta") if isinstance(answer, dict) else None
    counts = {COUNT: meta["count"]} if isinstance(meta, dict) and is_count(meta.get("count")) else {}
    if about is None and payload and counts:
        about = ceil(counts[COUNT] / len(payload))
    return Page(number, about, payload, counts)
