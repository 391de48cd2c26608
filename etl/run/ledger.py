"""Accounts for every conversation id: loaded, deleted upstream, forbidden to this token, unreadable, or unaccounted.

Ids are the account's own running number: every id from 1 to the highest was given out once and is never given again
(the vendor's section 2). A walk skips some and is silent about deleted ones, so whatever it did not show is asked for,
where ids lie densely (`spans`): what lies in a jump between them is asked for only while the vendor counts more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from sqlalchemy import Engine

from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import PROBES, can_be_asked, get_conversation
from etl.extract.client import Client
from etl.extract.refusals import NO_RIGHT
from etl.id_set import IdSet
from etl.load.journal import COUNTS, Run
from etl.load.ledger_entries import DELETED, FORBIDDEN, UNREADABLE, Reason
from etl.run import entries
from etl.run.far_ids import said_of_denied, said_of_jumps, said_of_strays
from etl.run.ground import MOST_ASKED, Ground
from etl.run.rewalk import walk_again
from etl.run.spans import between, within
from etl.run.stubborn import Stubborn

ASKED_AT_ONCE = 25
MOST_BLOCKS_ABOVE = 400
MOST_ASKED_AGAIN = 1000
SEES_NOTHING = (
    "The token sees no conversation, and was refused some that were asked for by their numbers: what is there is not"
    " known. Use an administrator's token."
)
NOT_SHOWN = "The server does not show single conversations: what the pages skip was walked again."


@dataclass
class Ledger:
    """The accounting of one run.

    take: takes in payloads of conversations. run: to which problems and notes are added.
    gone, forbidden: ids found so in this run. unreadable: id -> what the vendor answered; above: of ids above the last.
    asker: the digest of the token that asks. stubborn: what earlier runs could not read. ground: what is known of ids.
    """

    client: Client
    pool: Executor
    engine: Engine
    take: Callable[[list[Any]], None]
    run: Run
    asker: str
    stubborn: Stubborn
    gone: set[int] = field(default_factory=set)
    forbidden: set[int] = field(default_factory=set)
    unreadable: dict[int, Reason] = field(default_factory=dict)
    above: dict[int, Reason] = field(default_factory=dict)
    ground: Ground = field(init=False)

    @property
    def seen(self) -> IdSet:
        """The ids that were taken in; `take` adds to them."""
        return self.run.tally.seen

    def settle(self, accept_deletions: bool = False) -> dict[str, int]:
        """Ask for every id that was not seen, and write down what became of it.

        Return {highest_id, loaded, deleted, forbidden, unreadable, unaccounted}; highest_id is the sum of the others,
        and of the ids in jumps, none of which was asked for.
        Raise DeletionsRefused, before anything is written down, when so many are gone that the token is doubted.
        """
        self.ground = Ground.of(self.engine, self.client.account_id, self.asker, self.seen)
        spans, refused = self.ground.survey(MOST_ASKED), len(self.forbidden)
        if not self._ask_within(spans):
            said = f"{self.ground.missing(spans)} ids up to {spans[-1][-1]} are missing: too many to ask for each."
            self.run.problems.append(said)
        if len(self.forbidden) > refused:
            self.check_token()
        is_counted = self.run.proof == COUNTS
        by_status = None if is_counted else entries.count(self.client, self.run)
        counted = len(self.seen) if is_counted else None if by_status is None else sum(by_status.values())
        for span in () if is_counted else spans or [range(1, 1)]:
            self.ask_above(span.stop - 1)
        self._look_for_others(spans, counted)
        if not accept_deletions:
            entries.refuse_too_many(self.engine, self.client.account_id, self.gone)
        self._write_down()
        if not (
            self._lacks(counted) and self.stubborn.known(self.unreadable)
        ):  # else it would take what is lacking for these
            entries.note_counted(self.engine, self.run, self.gone | self.forbidden, self.unreadable, by_status)
        self._compare(counted)
        return self._sum(self.ground.spans(self.gone))

    def _look_for_others(self, spans: list[range], counted: int | None) -> None:
        """Ask for what the vendor may count besides what was seen."""
        if counted is not None and self.run.proof != COUNTS and self._lacking(counted):
            self.ask(iter(self.stop_leaving()))
        if counted is None or self._lacks(counted):
            self._ask_within(between(spans))
        if self._lacks(counted):
            self._ask_again()
        if self.gone and not can_be_asked(self.client, self.seen):
            self.run.notes.append(NOT_SHOWN)
            self.gone.clear()
            self.ground.around = 0
            walk_again(self.client, self.pool, self.take, self.seen, counted or 0)
        if 0 < len(self.above) <= self._lacking(counted):
            self.unreadable |= self.above  # the newest conversations are broken
        self.unreadable = {one: why for one, why in self.unreadable.items() if one not in self.seen}

    def _ask_within(self, spans: list[range]) -> bool:
        """Ask for every id in some ranges that is not settled; return whether they are not too many for that."""
        if self.ground.missing(spans) > MOST_ASKED:
            return False
        self.ask(one for one in self.ground.unsettled(spans) if not self.has_asked(one))
        return True

    def _lacking(self, counted: int | None) -> int:
        """Return how many more the vendor counts than were seen and what is known of; negative, if it counts less."""
        known = self.stubborn.known({one: why for one, why in self.unreadable.items() if one not in self.seen})
        return (counted or 0) - len(self.seen) - len(known - self.stubborn.uncounted(known))

    def _lacks(self, counted: int | None) -> bool:
        return self._lacking(counted) > 0

    def stop_leaving(self) -> list[int]:
        """Return what was left alone so far, to be asked for after all: what the vendor counts is not as it was."""
        left = sorted(filter(self.stubborn.is_left, self.unreadable))
        self.stubborn = replace(self.stubborn, leaves_any=False)
        for one in left:
            del self.unreadable[one]
        return left

    def has_asked(self, one: int) -> bool:
        """Return whether an id was asked for in vain."""
        return one in self.gone or one in self.forbidden or one in self.unreadable

    def ask(self, ids: Iterator[int]) -> None:
        """Ask for conversations, 25 at a time; take in those that are there, and note the others."""
        while block := list(islice(ids, ASKED_AT_ONCE)):
            left = set(filter(self.stubborn.is_left, block))
            self.unreadable |= {one: self.stubborn.was[one].reason for one in left}
            found, asked = [], (one for one in block if one not in left)
            futures = {number: self.pool.submit(self.stubborn.get, self.client, number) for number in asked}
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
                        self.check_token()
                    # Not the error itself: it would keep the answer in memory.
                    quote, failure = error.quote or None, error.sentence
                    self.unreadable[conversation_id] = Reason(UNREADABLE, str(error), quote, failure=failure)
            self.take(found)

    def ask_above(self, highest: int) -> None:
        """Ask for ids above the highest until 25 in a row are not there: the highest may itself have been skipped.

        Ids that are not there are no gaps: they have not been given out yet.
        """
        for _ in range(MOST_BLOCKS_ABOVE):
            above = range(highest + 1, highest + 1 + ASKED_AT_ONCE)
            self.ask(iter(above))
            if self.forbidden.intersection(above):
                self.check_token()
            highest = max((one for one in above if one in self.seen or one in self.forbidden), default=highest)
            beyond = set(range(highest + 1, above.stop))
            # A conversation that began meanwhile may have been answered with 404 just before it did.
            doubtful = self.gone.intersection(above)
            self.gone -= doubtful
            self.ask(iter(sorted(doubtful - beyond)))
            self.above = {one: self.unreadable.pop(one) for one in beyond & self.unreadable.keys()}
            if len(beyond) == ASKED_AT_ONCE:
                return
        self.run.problems.append(f"Beyond conversation {highest} there are still others: they were not asked for.")

    def _ask_again(self) -> None:
        """Ask again for those that are gone, newest first: the vendor counts more than were seen."""
        again = sorted(self.gone | self.ground.known[DELETED], reverse=True)[:MOST_ASKED_AGAIN]
        self.gone.difference_update(again)
        self.ground.known[DELETED].difference_update(again)
        self.ask(iter(again))

    def check_token(self) -> None:
        """Raise Denied when conversations that the list has just shown are refused, too: then the token may see none.

        Where the list shows nothing, a refusal says nothing about an id, and the refused ids are dropped; but there is
        something behind it.
        """
        if not self.seen:
            if SEES_NOTHING not in self.run.problems:
                self.run.problems.append(SEES_NOTHING)
            self.forbidden.clear()
        for conversation_id in sorted(islice(reversed(self.seen), PROBES)):
            try:
                get_conversation(self.client, conversation_id)
            except Denied:
                raise
            except VendorError:
                continue
            return

    def _compare(self, counted: int | None) -> None:
        """Hold what was loaded against the vendor's count, and say so of what only pages show."""
        loaded = len(self.seen)
        if self._lacks(counted):
            self.run.problems.append(f"The vendor counts {counted} conversations, and {loaded} were loaded.")
        if self.run.tally.denied:
            is_said = counted is not None and not self._lacks(counted)
            (self.run.notes if is_said else self.run.problems).append(said_of_denied(self.run.tally.denied))

    def _write_down(self) -> None:
        """Set tombstones, and write down the ids without a conversation, and why.

        A gap among the newest ids is not written down yet: ids are given out before the conversation can be seen, so
        that a lower one may appear after a higher one. The next run asks again.
        """
        oldest_of_the_new = self.ground.highest(self.gone) - ASKED_AT_ONCE
        reasons = {one: Reason(DELETED) for one in self.gone if one <= oldest_of_the_new}
        reasons |= dict.fromkeys(self.forbidden, Reason(FORBIDDEN, asker=self.asker))
        reasons |= {one: why for one, why in self.unreadable.items() if not self.stubborn.is_left(one)}
        entries.write_down(self.engine, self.run, self.gone, reasons)

    def _sum(self, spans: list[range]) -> dict[str, int]:
        """Add up what became of the ids in some spans, and say what lies between them, and what no longer counts."""
        gone = (self.gone | self.ground.known[DELETED]) - self.seen
        parts = {
            "loaded": len(self.seen),
            "deleted": sum(1 for _ in within(spans, gone)),
            "forbidden": len((self.forbidden | self.ground.known[FORBIDDEN]) - self.seen),
            "unreadable": len(self.unreadable),
        }
        self.run.notes += said_of_jumps(between(spans), ASKED_AT_ONCE)
        buried = entries.buried(self.engine, self.client.account_id, self.gone)
        self.run.notes += said_of_strays(buried - set(within(spans, self.gone)))
        unaccounted = sum(map(len, spans)) - sum(parts.values())
        return {"highest_id": spans[-1][-1] if spans else 0, **parts, "unaccounted": unaccounted}
