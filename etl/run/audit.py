"""Accounts for every message id, against the second witness.

`/conversations/search` without a search term names every message of 25 conversations in one answer, in few fields, on
every server version (the vendor's section 3). What it names and the tables lack is asked for by id; what even then
cannot be had is saved as the witness has it, `partial`.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client, Query
from etl.extract.history import NEWEST, Histories
from etl.extract.walk import BY_CREATION, walk
from etl.id_set import IdSet
from etl.load import conversations
from etl.load.tally import Unproved
from etl.transform import rows
from etl.transform.batch import Batch

SEARCH = "conversations/search"
NEWEST_FIRST: Query = [("status", "all")]
OLDEST_FIRST: Query = [("status", "all"), BY_CREATION]

Messages = dict[int, Any]


@dataclass
class Audit:
    """The accounting of the messages of one run.

    save: saves a batch. unproved: by conversation id, those whose history is not proved to be complete; their marks are
    closed when the witness agrees. done: conversations settled. counts: {messages, witnessed, unaccounted}.
    left: how many were not compared. removed: messages that the vendor no longer has. not_used: why the witness could
    not be used, or not to its end.
    """

    client: Client
    pool: Executor
    engine: Engine
    histories: Histories
    save: Callable[[Batch], None]
    unproved: dict[int, Unproved]
    done: IdSet = field(default_factory=IdSet)
    counts: Counter[str] = field(default_factory=Counter)
    left: int = 0
    removed: int = 0
    not_used: str | None = None
    _newest: int = 0

    def settle(self, everything: bool) -> dict[str, int] | None:
        """Compare what the witness names with the tables: of every conversation, or of those with open marks only.

        Return {conversations, messages, read, witnessed, unaccounted}; messages is the sum of the last three. None when
        the witness could not be used. Conversations begun since the ledger was settled are left to the next run.
        """
        self._newest = max(self._living(), default=0)
        for query in (OLDEST_FIRST, NEWEST_FIRST) if everything else (NEWEST_FIRST, OLDEST_FIRST):
            try:
                self._walk(query, everything)
            except VendorError as error:
                self.not_used = str(error)
            self.left = len(self._left(everything))
            if not self.left:
                break
        if self.not_used and not self.done:
            return None
        read = self.counts["messages"] - self.counts["witnessed"] - self.counts["unaccounted"]
        return {
            "conversations": len(self.done),
            "messages": self.counts["messages"],
            "read": read,
            "witnessed": self.counts["witnessed"],
            "unaccounted": self.counts["unaccounted"],
        }

    def _walk(self, query: Query, everything: bool) -> None:
        for page in walk(self.client, self.pool, query, SEARCH):
            named = {number: messages for number, messages in _named(page.payloads) if number not in self.done}
            if everything:
                named = {number: messages for number, messages in named.items() if number <= self._newest}
            else:
                named = {number: messages for number, messages in named.items() if number in self.unproved}
            self._compare(named)
            if not everything and not self._left(everything):
                return

    def _left(self, everything: bool) -> Set[int]:
        """Return the conversations that no page of the witness has shown."""
        return (self._living() if everything else self.unproved.keys()) - self.done

    def _living(self) -> IdSet:
        """Return the conversations that are in the tables and not deleted."""
        with transaction(self.engine) as connection:
            return conversations.living(connection, self.client.account_id)

    def _compare(self, named: dict[int, Messages]) -> None:
        """Save what the tables lack of the messages named, and count all of them."""
        held = self._held(named)
        batch = Batch(self.client.account_id)
        futures = {}
        for number in held:
            if doubtful := self._doubtful(number, named[number], held[number]):
                futures[number] = self.pool.submit(self._fetch, number, named[number], doubtful)
        unsure = set()
        for number, future in futures.items():
            found, failed = future.result()
            rows.add_history(batch, number, found.values())
            rest = {one for one in named[number].keys() - found.keys() if held[number].get(one, True)}
            rows.add_witnessed(batch, number, [named[number][one] for one in sorted(rest)])
            if failed or (number in self.unproved and found.keys() - named[number].keys()):
                unsure.add(number)
        self.save(batch)
        settled = {number: messages for number, messages in named.items() if number not in unsure}
        self._count(settled, self._held(settled))

    def _doubtful(self, number: int, named: Messages, held: dict[int, bool]) -> set[int]:
        """Return the messages to ask for: those that the tables lack, or hold in part where every one can be had.

        Where the witness decides whether a history is complete, also those that this run's reading did not give, as
        they may have been edited; and those that it does not name: before it is believed that a message is gone, the
        server is asked.
        """
        lacking = named.keys() - held.keys()
        if not self.histories.walks_back:
            lacking |= {one for one, partial in held.items() if partial}
        if number not in self.unproved:
            return lacking
        return lacking | (named.keys() ^ set(self.unproved[number].read)) | (held.keys() - named.keys())

    def _fetch(self, number: int, named: Messages, doubtful: set[int]) -> tuple[Messages, bool]:
        """Ask for messages: for the history once more, then for each that is still missing.

        Return what was found, and whether something could not be asked for, so that the next run has to try again.
        """
        found: Messages = {}
        try:
            if not self.histories.walks_back:
                found = _by_id(self.histories.read(number, set()).messages)
            hidden = _hidden(named) if self.histories.walks_back else set()
            for one in sorted(doubtful - hidden):
                if one not in found:
                    found |= _by_id(self.histories.read_one(number, one))
        except VendorError:
            return found, True  # the witness has at least a part of what cannot be asked for
        return found, False

    def _held(self, named: dict[int, Messages]) -> dict[int, dict[int, bool]]:
        """Return, for the conversations that are in the tables, message id -> whether the row is partial."""
        with transaction(self.engine) as connection:
            return conversations.messages_held(connection, self.client.account_id, list(named))

    def _count(self, named: dict[int, Messages], held: dict[int, dict[int, bool]]) -> None:
        """Count the messages of a page, and close the marks of the conversations that lack none."""
        agreed = {}
        for number, messages in named.items():
            have = held.get(number, {})
            lacking = len(messages.keys() - have.keys())
            self.counts["messages"] += len(messages)
            self.counts["unaccounted"] += lacking
            self.counts["witnessed"] += sum(have.get(one, False) for one in messages)
            self.done.add(number)
            if not lacking and number in self.unproved:
                agreed[number] = self.unproved[number].mark
        if agreed:
            kept = [one for number in agreed for one in named[number]]
            with transaction(self.engine) as connection:
                now = datetime.now(UTC)
                conversations.close_marks(connection, self.client.account_id, agreed, now)
                self.removed += conversations.mark_removed(connection, self.client.account_id, list(agreed), kept, now)


def _hidden(named: Messages) -> set[int]:
    """Return the messages that servers before 2.16 do not give even when asked for by number.

    They answer the oldest 20 of those with at least this number, so that 20 older ones with higher numbers hide it.
    """
    hidden: set[int] = set()
    oldest: list[float] = []
    for number in sorted(named, reverse=True):
        at = named[number].get("created_at")
        if isinstance(at, int | float):
            if len(oldest) == NEWEST and oldest[-1] < at:
                hidden.add(number)
            insort(oldest, at)
            del oldest[NEWEST:]
    return hidden


def _named(payloads: list[Any]) -> Iterator[tuple[int, Messages]]:
    for one in payloads:
        if isinstance(one, dict) and isinstance(one.get("id"), int):
            messages = one.get("messages")
            if isinstance(messages, list):
                yield one["id"], _by_id(messages)


def _by_id(messages: list[Any]) -> Messages:
    return {one["id"]: one for one in messages if isinstance(one, dict) and isinstance(one.get("id"), int)}
