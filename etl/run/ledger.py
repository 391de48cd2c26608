"""Accounts for every conversation id: loaded, deleted upstream, forbidden to this token, unreadable, or unaccounted.

Ids are the account's own running number: every id from 1 to the highest was given out once and is never given again
(the vendor's section 2). A walk skips some and is silent about deleted ones, so whatever it did not show is asked for.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice
from typing import Any

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import DeletionsRefused, Denied, NotFound, VendorError
from etl.extract.belonging import get_conversation
from etl.extract.client import Client
from etl.extract.refusals import NO_RIGHT
from etl.extract.walk import BY_CREATION, is_count, walk
from etl.id_set import IdSet
from etl.load import ledger_entries
from etl.load.ledger_entries import DELETED, FORBIDDEN, UNREADABLE, Reason
from etl.selection import STATUSES

ASKED_AT_ONCE = 25
PROBES = 3
MOST_ROUNDS = 5
MOST_BLOCKS_ABOVE = 400
MOST_ASKED_AGAIN = 1000
MOST_ASKED = 1_000_000
# More deletions than these, both in number and in share, look like a token that lost its scope.
SUSPICIOUS_DELETIONS, SUSPICIOUS_SHARE = 25, 0.1
SEES_NOTHING = (
    "The token sees no conversation, and was refused some that were asked for by their numbers: what is there is not"
    " known. Use an administrator's token."
)


@dataclass
class Ledger:
    """The accounting of one run.

    take: takes in payloads of conversations. seen: the ids taken in; `take` adds to them.
    gone, forbidden: ids found so in this run. unreadable: id -> what the vendor answered. known: state -> ids found so
    before, which are not asked for again.
    asker: the digest of the token that asks. problems, notes: sentences for the summary.
    """

    client: Client
    pool: Executor
    engine: Engine
    take: Callable[[list[Any]], None]
    seen: IdSet
    asker: str
    gone: set[int] = field(default_factory=set)
    forbidden: set[int] = field(default_factory=set)
    unreadable: dict[int, Reason] = field(default_factory=dict)
    known: dict[str, set[int]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def settle(self, accept_deletions: bool = False) -> dict[str, int]:
        """Ask for every id that the walks did not show, and write down what became of it.

        Return {highest_id, loaded, deleted, forbidden, unreadable, unaccounted}; highest_id is the sum of the others.
        Raise DeletionsRefused, before anything is written down, when so many are gone that the token is doubted.
        """
        with transaction(self.engine) as connection:
            self.known = ledger_entries.known_gone(connection, self.client.account_id, self.asker)
        highest = self._highest()
        missing = highest - len(self.seen) - sum(map(len, self.known.values()))
        if missing <= MOST_ASKED:
            self._ask(
                conversation_id for conversation_id in range(1, highest + 1) if not self._is_settled(conversation_id)
            )
        else:
            self.problems.append(f"{missing} ids up to {highest} are missing: too many to ask for each.")
        if self.forbidden:
            self._check_token()
        counted = self._counted()
        self._ask_above(highest)
        if len(self.seen) < counted:
            self._ask_again()
        if self.gone and not self._can_be_asked():
            self.notes.append("The server does not show single conversations: what the pages skip was walked again.")
            self.gone.clear()
            self._walk_again(counted)
        if not accept_deletions:
            self._refuse_too_many()
        self._write_down()
        if len(self.seen) < counted:
            self.problems.append(f"The vendor counts {counted} conversations, and {len(self.seen)} were loaded.")
        return self._sum()

    def _is_settled(self, conversation_id: int) -> bool:
        return conversation_id in self.seen or any(conversation_id in ids for ids in self.known.values())

    def _highest(self) -> int:
        """Return the highest id ever seen, by this run or before."""
        with transaction(self.engine) as connection:
            known = ledger_entries.highest_known(connection, self.client.account_id)
        return max(known, max(self.seen, default=0))

    def _ask(self, ids: Iterator[int]) -> None:
        """Ask for conversations, 25 at a time; take in those that are there, and note the others."""
        while block := list(islice(ids, ASKED_AT_ONCE)):
            found = []
            futures = {number: self.pool.submit(get_conversation, self.client, number) for number in block}
            for conversation_id, future in futures.items():
                try:
                    found.append(future.result())
                except NotFound:
                    self.gone.add(conversation_id)
                except VendorError as error:
                    if error.reason == NO_RIGHT:
                        self.forbidden.add(conversation_id)
                        continue
                    if isinstance(error, Denied):
                        self._check_token()
                    # Not the error itself: it would keep the answer in memory.
                    self.unreadable[conversation_id] = Reason(UNREADABLE, str(error), error.quote or None)
            self.take(found)

    def _ask_above(self, highest: int) -> None:
        """Ask for ids above the highest until 25 in a row are not there: the highest may itself have been skipped.

        Ids that are not there are no gaps: they have not been given out yet.
        """
        for _ in range(MOST_BLOCKS_ABOVE):
            above = range(highest + 1, highest + 1 + ASKED_AT_ONCE)
            self._ask(iter(above))
            if self.forbidden.intersection(above):
                self._check_token()
            highest = max((one for one in above if one in self.seen or one in self.forbidden), default=highest)
            beyond = set(range(highest + 1, above.stop))
            # A conversation that began meanwhile may have been answered with 404 just before it did.
            doubtful = self.gone.intersection(above)
            self.gone -= doubtful
            self._ask(iter(sorted(doubtful - beyond)))
            self.unreadable = {
                conversation_id: error
                for conversation_id, error in self.unreadable.items()
                if conversation_id not in beyond
            }
            if len(beyond) == ASKED_AT_ONCE:
                return
        self.problems.append(f"Beyond conversation {highest} there are still others: they were not asked for.")

    def _ask_again(self) -> None:
        """Ask again for those that are gone, newest first: the vendor counts more than were seen."""
        again = sorted(self.gone | self.known[DELETED], reverse=True)[:MOST_ASKED_AGAIN]
        self.gone.difference_update(again)
        self.known[DELETED].difference_update(again)
        self._ask(iter(again))

    def _check_token(self) -> None:
        """Raise Denied when conversations that the list has just shown are refused, too: then the token may see none.

        Where the list shows nothing, a refusal says nothing about an id, and the refused ids are dropped; but there is
        something behind it.
        """
        if not self.seen:
            if SEES_NOTHING not in self.problems:
                self.problems.append(SEES_NOTHING)
            self.forbidden.clear()
        for conversation_id in sorted(nlargest(PROBES, self.seen)):
            try:
                get_conversation(self.client, conversation_id)
            except Denied:
                raise
            except VendorError:
                continue
            return

    def _can_be_asked(self) -> bool:
        """Return whether the server shows single conversations: ask for some that the list has just shown."""
        probes = sorted(nlargest(PROBES, self.seen))
        for conversation_id in probes:
            try:
                get_conversation(self.client, conversation_id)
            except NotFound:
                continue
            except VendorError:
                return True
            return True
        return not probes

    def _walk_again(self, counted: int) -> None:
        """Walk by time of creation, which rarely ties, until all that the vendor counts was seen or nothing is new."""
        for _ in range(MOST_ROUNDS):
            before = len(self.seen)
            for status in STATUSES:
                for page in walk(self.client, self.pool, [("status", status), BY_CREATION]):
                    self.take(page.payloads)
            if len(self.seen) >= counted or len(self.seen) == before:
                return

    def _counted(self) -> int:
        """Return the sum of the vendor's own counts, read now; 0 where it does not count."""
        counts = []
        with suppress(VendorError, KeyError, TypeError):
            for status in STATUSES:
                counts.append(self.client.get("conversations/meta", [("status", status)])["meta"]["all_count"])
        if len(counts) < len(STATUSES) or not all(map(is_count, counts)):
            self.notes.append("The vendor's counts could not be read, and were not compared.")
            return 0
        return sum(counts)

    def _refuse_too_many(self) -> None:
        with transaction(self.engine) as connection:
            held, doomed = ledger_entries.count_doomed(connection, self.client.account_id, self.gone)
        if doomed > SUSPICIOUS_DELETIONS and doomed > SUSPICIOUS_SHARE * held:
            raise DeletionsRefused(
                f"{doomed} of {held} known conversations are no longer there. That looks like a token that lost"
                " its scope, or another account, so nothing was marked as deleted. If they really were deleted, run"
                " `etl sync --accept-deletions` once."
            )

    def _write_down(self) -> None:
        """Set tombstones, and write down the ids without a conversation, and why.

        A gap among the newest ids is not written down yet: ids are given out before the conversation can be seen, so
        that a lower one may appear after a higher one. The next run asks again.
        """
        oldest_of_the_new = self._highest() - ASKED_AT_ONCE
        gaps = [conversation_id for conversation_id in self.gone if conversation_id <= oldest_of_the_new]
        reasons: dict[int, Reason] = dict.fromkeys(gaps, Reason(DELETED))
        reasons |= dict.fromkeys(self.forbidden, Reason(FORBIDDEN, asker=self.asker))
        reasons |= self.unreadable
        with transaction(self.engine) as connection:
            ledger_entries.write_down(connection, self.client.account_id, self.gone, reasons)

    def _sum(self) -> dict[str, int]:
        gone = (self.gone | self.known[DELETED]) - self.seen
        forbidden = (self.forbidden | self.known[FORBIDDEN]) - self.seen
        parts = {
            "loaded": len(self.seen),
            "deleted": len(gone),
            "forbidden": len(forbidden),
            "unreadable": len(self.unreadable),
        }
        highest = max(self._highest(), max(gone | forbidden | self.unreadable.keys(), default=0))
        return {"highest_id": highest, **parts, "unaccounted": highest - sum(parts.values())}
