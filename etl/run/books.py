"""Holds what was loaded against the vendor's own books: its counts of conversations and messages, the third witness.

It is asked when a run begins and when it ends, one request each. Where the tables differ then, the conversations of the
days that differ are read again. What differs even so is a problem, unless the vendor's past changed meanwhile.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from sqlalchemy import Connection

from etl.database.engine import transaction
from etl.errors import NotFound, VendorError
from etl.extract.belonging import get_conversation
from etl.extract.client import Client
from etl.extract.reports import METRICS, Counts, TimeSpan, count_everything, count_in
from etl.load import books
from etl.load.acceptances import FaultKind
from etl.load.books import Count
from etl.load.quiet_seconds import quiet_second
from etl.load.tally import Tally
from etl.run import books_sayings as sayings
from etl.run.accepted import Accepted
from etl.run.audit import Audit
from etl.run.books_spans import Balance, Search
from etl.run.intake import Intake
from etl.run.rereading import HISTORIES_AT_ONCE

# What was written so shortly before the run began may be known to one side only: clocks differ, too.
QUIET_SECONDS = 600
# How many conversations are read again in one run, with two requests each: those of the days that differ, then, if
# these still do, the ones whose reading is oldest. So what is too much for one night is read in several.
MOST_READ, MOST_NEAR = 1_000, 900


@dataclass
class Books:
    """The comparison of one run with the vendor's counts.

    until: up to when rows are counted, in seconds since 1970; 0: nothing is compared. gone: conversations of which the
    vendor said, after the ledger was settled, that they are no more. changed: whether it counts otherwise than when the
    run began. accepted: what is known not to be complete. _asked, _first: what it counted before anything was read.
    _read: how many conversations were read again.
    """

    client: Client
    intake: Intake
    until: int = 0
    gone: set[int] = field(default_factory=set)
    changed: bool = False
    accepted: Accepted | None = None
    _asked: Future[dict[TimeSpan, Counts]] | None = None
    _first: dict[TimeSpan, Counts] | None = None
    _read: int = 0

    def ask(self, sees_everything: bool) -> None:
        """Ask what the vendor counts before anything is read, where the run reads everything and may see it."""
        run, settings = self.intake.run, self.intake.settings
        if run.selection is not None or not sees_everything or (settings.messages, settings.books) != ("full", "on"):
            return
        before = int(run.started_at.timestamp()) - QUIET_SECONDS
        with transaction(self.intake.engine) as connection:
            self.until = quiet_second(connection, run.account_id, before)
        self._asked = self.intake.pool.submit(count_everything, self.client, self.until)

    def begin(self) -> None:
        """Wait for what was asked."""
        if self._asked:
            try:
                self._first = self._asked.result()
            except VendorError as error:
                self.intake.run.notes.append(sayings.not_compared(error))

    def settle(self) -> None:
        """Compare the tables with what the vendor counts now, and have read again what differs."""
        if self._first is None or self.intake.histories.refused:
            return
        whole, days = list[Balance](), list[Balance]()
        try:
            now = count_everything(self.client, self.until)
            self.changed = now != self._first
            whole = self._compare(now)
            if spans := self._find(whole):
                days = self._read_again(spans)
                now = count_everything(self.client, self.until)
                self.changed |= now != self._first
                days = [self.explain(one) for one in days]
                whole = [self.explain(one) for one in self._compare(now)]
                whole = [sayings.explain_by_days(one, days) for one in whole]
        except VendorError as error:
            self.intake.run.notes.append(sayings.not_compared(error))
            whole = [self.explain(one) for one in whole]
            if not any(one.is_in_doubt for one in whole):
                return  # else it differed before the vendor failed, which is to be said
        self.write_down(whole, days, sayings.how_many(self._read))

    def _find(self, whole: list[Balance]) -> dict[TimeSpan, datetime]:
        """Return the spans that differ, and since when: days are asked for by their bounds, as their zones are odd."""
        search = Search(self.client, self.intake.engine, self.intake.run.run_id, self.gone)
        told = {span: count_in(self.client, span) for span in search.find(whole)}
        in_doubt = [one for one in self._compare(told) if one.is_in_doubt] or [one for one in whole if one.is_in_doubt]
        spans: dict[TimeSpan, datetime] = {}
        with transaction(self.intake.engine) as connection:
            for one in in_doubt:
                since = self._differs_since(connection, one)
                spans[one.span] = max(since, spans.get(one.span, since))
        return spans

    def _differs_since(self, connection: Connection, one: Balance) -> datetime:
        counted = {
            "metric": one.metric,
            "since": books.at(one.span.since),
            "until": books.at(one.span.until),
            "vendor": one.vendor,
            "ours": one.ours.number,
        }
        return books.differs_since(connection, self.client.account_id, counted, self.intake.run.started_at)

    def _compare(self, told: dict[TimeSpan, Counts]) -> list[Balance]:
        """Return what the vendor told of some spans beside what the tables have of them."""
        compared = []
        with transaction(self.intake.engine) as connection:
            for span, counts in told.items():
                (ours,) = books.count_ours(connection, self.client.account_id, span, self.gone)
                compared += [Balance(one, span, counts[one], ours.get(one, Count())) for one in METRICS]
        return list(map(self._accept, compared))

    def _accept(self, compared: Balance) -> Balance:
        """Let the vendor count more by just as much as was accepted of this metric and span."""
        name = sayings.span_name(compared.metric, compared.span, is_whole=compared.span in self._whole())
        more = self.accepted.counted_more(name) if self.accepted else 0
        known = replace(compared, accepted=more)
        return replace(known, explained_by=sayings.AS_ACCEPTED) if more and not known.difference else known

    def _read_again(self, spans: dict[TimeSpan, datetime]) -> list[Balance]:
        """Read again the conversations of some spans, then those whose reading is oldest; compare the spans anew."""
        account = self.client.account_id
        with transaction(self.intake.engine) as connection:
            near = books.find_near(connection, account, spans, MOST_NEAR)
        self.take(iter(near))
        compared = self._compare({span: count_in(self.client, span) for span in spans})
        if any(one.is_in_doubt for one in compared):
            before = max(spans.values())
            with transaction(self.intake.engine) as connection:
                others = books.find_oldest(connection, account, before, MOST_READ - len(near))
            self.take(iter(others))
            if others:
                compared = self._compare({span: count_in(self.client, span) for span in spans})
        return compared

    def take(self, conversation_ids: Iterator[int]) -> None:
        """Take in conversations with their histories, whatever is known of them."""
        run, account = self.intake.run, self.client.account_id
        while block := list(islice(conversation_ids, HISTORIES_AT_ONCE)):
            self._read += len(block)
            with self.intake.writer.transaction() as connection:
                books.doubt(connection, account, block)
            futures = {one: self.intake.pool.submit(get_conversation, self.client, one) for one in block}
            found = []
            for conversation_id, future in futures.items():
                try:
                    found.append(future.result())
                except NotFound:
                    self.gone.add(conversation_id)
                except VendorError as error:
                    run.tally += Tally(unread=1, why=str(error))
            self.intake.take(found)
            self._prove(block)

    def _prove(self, conversation_ids: list[int]) -> None:
        """Have the search prove what walking back does not: what it does not prove, the next run reads again."""
        unproved = self.intake.run.tally.unproved
        if mine := {one: unproved[one] for one in conversation_ids if one in unproved}:
            audit = Audit(self.client, self.intake, everything=False)
            audit.unproved = mine
            audit.settle()

    def explain(self, compared: Balance) -> Balance:
        """Say why a count differs, where that is known and no fault of the tables."""
        run, why = self.intake.run, None
        ledger = run.ledger or {}
        if compared.difference == 0:
            return compared
        if compared.is_of_deleted:
            why = sayings.DELETED
        elif self.changed:
            why = sayings.CHANGED
        elif compared.difference > 0 and (run.tally.unread or ledger.get("unaccounted")):
            why = sayings.UNREAD  # which is a problem already
        elif compared.difference > 0 and len(run.known.get(FaultKind.CONVERSATION, ())) < ledger.get("unreadable", 0):
            why = sayings.UNSHOWN  # as above
        elif compared.difference > 0 and ledger.get("forbidden"):
            why = sayings.REFUSED
        return replace(compared, explained_by=why)

    def write_down(self, whole: list[Balance], days: list[Balance], read: str) -> None:
        """Keep the counts, and say what differs, after what was read again."""
        run = self.intake.run
        told = sayings.sums(whole)
        run.books = (run.books or {}) | {one.metric: sayings.to_json(one, days) for one in told}
        rows = [(one, "all") for one in told] + [(one, "day") for one in days if one.span not in self._whole()]
        at = run.clock.now()
        with self.intake.writer.transaction() as connection:
            books.keep_counts(connection, [sayings.to_row(one, grain, run, at) for one, grain in rows])
            begins = sorted({one.span.since for one in days})
            names = dict(zip(begins, books.days_of(connection, run.account_id, begins), strict=True))
        problems, notes = sayings.said(whole, days, names, read)
        run.problems += problems
        run.notes += notes

    def _whole(self) -> set[TimeSpan]:
        return set(self._first or {})
