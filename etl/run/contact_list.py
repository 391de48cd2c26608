"""Reads the vendor's list of contacts into the tables, in as many orders as it takes, and single ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from etl.errors import NotFound, VendorError
from etl.extract.belonging import PROBES
from etl.extract.client import Client
from etl.extract.contacts import COUNT, ORDERS, get_contact, walk_contacts
from etl.extract.ids import id_of
from etl.extract.walk import Page
from etl.id_set import IdSet
from etl.run.intake import Intake
from etl.run.ledger import ASKED_AT_ONCE
from etl.run.lists import named, objects_of
from etl.transform.batch import Batch
from etl.transform.entities import LISTED_CONTACT

# What is saved in one transaction.
CONTACTS_AT_ONCE = 300
# How many are asked for one by one in a run, unless deletions are accepted.
MOST_CONTACTS_ASKED = 1_000
# Somebody may go and another come while one order is read. A count that is further off is none.
MOST_BEYOND_COUNT, SHARE_BEYOND_COUNT = 5, 0.1


@dataclass
class Listing:
    """The reading of the list of contacts.

    seen: ids that any page has shown. gone: those of them that are not there any more. counts: what the vendor counted
    page by page, in the order that was read last; none of them where it is false. failed: why pages could not be read.
    false_count: what the vendor counted in an order that showed many more, and how many these were.
    """

    client: Client
    intake: Intake
    seen: IdSet = field(default_factory=IdSet)
    gone: set[int] = field(default_factory=set)
    counts: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    false_count: tuple[int, int] | None = None
    _taken: list[Any] = field(default_factory=list)
    _odd: set[str] = field(default_factory=set)

    @property
    def present(self) -> int:
        """How many were shown and are not known to be gone."""
        return len(self.seen) - len(self.gone)

    @property
    def missing(self) -> int:
        """How many more the vendor counts than it has shown."""
        return max(0, self.counts[-1] - self.present) if self.counts else 0

    def read(self) -> None:
        """Read the list in one order after the other, until all that the vendor counts were seen.

        When the count falls meanwhile, somebody who was seen is gone, and hides in the sum that somebody else was not
        seen: the best order, read again, tells who it is. Where the vendor counts nothing, the last is the one that
        shows nobody new.
        """
        fell = False
        for number, order in enumerate(ORDERS):
            known, fell_before = len(self.seen), fell
            shown, fell = self._walk(ORDERS[0] if fell else order)
            if number and (fell or fell_before):
                unseen = (one for one in self.seen if one not in shown and one not in self.gone)
                _, vanished = self.ask(islice(unseen, MOST_CONTACTS_ASKED))
                self.gone |= vanished
            is_sure = number or not fell
            if is_sure and not self.missing and (self.counts or len(self.seen) == known):
                return

    def _walk(self, order: str) -> tuple[IdSet, bool]:
        """Read the list in an order; return whom it showed, and whether the vendor's count fell meanwhile."""
        shown, highest = IdSet(), max(self.counts[-1:], default=0)
        self.counts = []
        for page in walk_contacts(self.client, self.intake.pool, order):
            self.take(page)
            shown.update(_ids(page.payloads))
            self.counts += [page.counts[COUNT]] if COUNT in page.counts else []
        self.save_taken()
        beyond = len(shown) - max(self.counts, default=len(shown))
        if beyond > max(MOST_BEYOND_COUNT, SHARE_BEYOND_COUNT * len(shown)):
            self.false_count, self.counts = (max(self.counts), len(shown)), []
        return shown, bool(self.counts) and self.counts[-1] < max(highest, *self.counts)

    def take(self, page: Page) -> None:
        """Take in the contacts of a page that no page has shown before, and save them as soon as there are enough."""
        self.failed += [page.failed] if page.failed else []
        for payload in page.payloads:
            number = id_of(payload)
            # What has no number that can be read is rejected once, however many orders show it.
            self._taken += [] if number in self.seen or repr(payload) in self._odd else [payload]
            self._odd |= {repr(payload)} if number is None else set()
        self.seen.update(_ids(page.payloads))
        if len(self._taken) >= CONTACTS_AT_ONCE:
            self.save_taken()

    def save_taken(self) -> None:
        """Have what was taken in saved."""
        taken, self._taken = self._taken, []
        self.save(taken)

    def save(self, payloads: Iterable[Any], *, listed: bool = True) -> None:
        """Have contacts saved; listed: whether they are in the list."""
        batch = Batch(self.client.account_id)
        for payload in objects_of(batch, LISTED_CONTACT, payloads):
            batch.observed.add(LISTED_CONTACT, payload)
            # The list may embed whole inboxes, with their secrets: only what has a column is kept.
            fields = named(LISTED_CONTACT, payload)
            batch.convert(LISTED_CONTACT, fields, listed=listed, deleted_at=None, merged_into=None)
        self.intake.writer.begin(batch)

    def ask(self, contact_ids: Iterable[int]) -> tuple[list[Any], set[int]]:
        """Ask for contacts one by one; return those that are there, and the ids of those that the vendor has not.

        Of the others nothing is known; where it is so of 25 in a row, nobody else is asked for.
        """
        found: list[Any] = []
        gone: set[int] = set()
        ids = iter(contact_ids)
        while block := list(islice(ids, ASKED_AT_ONCE)):
            answered = 0
            for number, future in [(one, self.intake.pool.submit(get_contact, self.client, one)) for one in block]:
                try:
                    found.append(future.result())
                except NotFound:
                    gone.add(number)
                except VendorError:
                    continue
                answered += 1
            if not answered:
                break
        return found, gone

    def shows_single_ones(self) -> bool:
        """Return whether the server shows any of the contacts by itself that it has just listed."""
        newest = islice((one for one in reversed(self.seen) if one not in self.gone), PROBES)
        found, _ = self.ask(sorted(newest))
        return bool(found)


def _ids(payloads: Iterable[Any]) -> Iterator[int]:
    return (number for number in map(id_of, payloads) if number is not None)
