"""Holds satisfaction surveys against the vendor's own counts of them: how many were sent, and answers of each rating.

Answers that the vendor has destroyed, as it does with those of a contact that is merged into another, stay in bi.csat:
so the tables may have more of them, and never fewer.
"""

from concurrent.futures import Future
from dataclasses import dataclass, replace

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client
from etl.extract.reports import RATINGS, SENT, Counts, TimeSpan, count_surveys
from etl.load import books
from etl.load.books import Count
from etl.load.journal import COUNTS
from etl.run import books_sayings as sayings
from etl.run.books import MOST_NEAR, Books
from etl.run.books_spans import Balance
from etl.run.dimensions import Dimensions

DAY, MOST_DAYS_OF_SURVEYS = 86_400, 3
# Before anything was written: who counts something here does not look at the range.
NEVER = TimeSpan(1, 2)


@dataclass
class Surveys:
    """The comparison of surveys of one run; books: that of its messages.

    _asked, _first: what the vendor counted before anything was read.
    """

    client: Client
    dimensions: Dimensions
    books: Books
    _asked: Future[Counts] | None = None
    _first: Counts | None = None

    def ask(self) -> None:
        """Ask what the vendor counts before anything is read, where the books are compared."""
        if self.books.until:
            span = TimeSpan(0, self.books.until)
            self._asked = self.books.intake.pool.submit(count_surveys, self.client, span)

    def begin(self) -> None:
        """Wait for what was asked."""
        if self._asked:
            try:
                self._first = self._asked.result()
            except VendorError as error:
                self._say_not_compared(error)

    def settle(self) -> None:
        """Compare, and read again what differs: the list of answers, and what was written when surveys differ."""
        if self._first is None:
            return
        span, run = TimeSpan(0, self.books.until), self.books.intake.run
        try:
            told = count_surveys(self.client, span)
            compared = self._compare(span, told)
            if any(one.metric in RATINGS and one.difference for one in compared):
                # Also where it is explained: what the vendor has destroyed makes up for what the tables lack.
                self._read_list()
                compared = self._compare(span, told)
            if any(one.is_in_doubt for one in compared) and self._looks_at_ranges():
                self._read_again(compared)
                now = count_surveys(self.client, span)
                self.books.changed |= now != self._first
                compared = [self._explain(one) for one in self._compare(span, now)]
            elif any(one.is_in_doubt for one in compared):
                run.notes.append("The vendor counts surveys of any time, whatever is asked: they were not compared.")
                self._read_list()
                return
        except VendorError as error:
            self._say_not_compared(error)
            self._read_list()
            return
        self.books.write_down(compared, [], "the list of answers was read again")

    @property
    def are_counted(self) -> bool:
        """Whether the vendor's counts will tell of answers that the tables lack: then the list need not be read."""
        return self._first is not None

    def _read_list(self) -> None:
        """Read the list of answers where it was left out as counts should do."""
        if self.books.intake.run.proof == COUNTS:
            self.dimensions.read_surveys()

    def _say_not_compared(self, error: VendorError) -> None:
        said = f"The vendor's own counts of surveys were not compared. Why: {sayings.why(error)}."
        self.books.intake.run.notes.append(said)

    def _compare(self, span: TimeSpan, told: Counts) -> list[Balance]:
        with transaction(self.books.intake.engine) as connection:
            ours = books.count_surveys(connection, self.client.account_id, span, self.books.gone)
        return [_judge(Balance(one, span, told[one], ours.get(one, Count()))) for one in (SENT, *RATINGS)]

    def _explain(self, compared: Balance) -> Balance:
        """Say why a count still differs: answers are listed whole, whatever could not be read of conversations."""
        if not compared.is_in_doubt:
            return compared
        if compared.metric == SENT or compared.is_of_deleted:
            return self.books.explain(compared)
        return replace(compared, explained_by=sayings.CHANGED if self.books.changed else None)

    def _looks_at_ranges(self) -> bool:
        return not any(count_surveys(self.client, NEVER).values())

    def _read_again(self, compared: list[Balance]) -> None:
        in_doubt = {one.metric: one for one in compared if one.is_in_doubt}
        if in_doubt.keys() - {SENT}:
            self.dimensions.read_surveys()
        if SENT in in_doubt:
            days, now = self._narrow(in_doubt[SENT]), self.books.intake.run.started_at
            with transaction(self.books.intake.engine) as connection:
                near = books.find_near(connection, self.client.account_id, dict.fromkeys(days, now), MOST_NEAR)
            self.books.take(iter(near))

    def _narrow(self, whole: Balance) -> list[TimeSpan]:
        """Return days in which the number of surveys sent differs, by halving: there is no list of days of these.

        Both halves may differ, and which is looked at first is another one in each run: days that always differ, as
        their conversations are refused, hide nothing for good that another day lacks.
        """
        days, differing = list[TimeSpan](), [(whole.span, whole.difference, self.books.intake.run.run_id)]
        while differing and len(days) < MOST_DAYS_OF_SURVEYS:
            span, difference, turn = differing.pop()
            if span.until - span.since <= DAY:
                days.append(span)
                continue
            middle = (span.since + span.until) // 2
            first = TimeSpan(span.since, middle)
            sent, *_ = self._compare(first, count_surveys(self.client, first))
            halves = [(first, sent.difference), (TimeSpan(middle, span.until), difference - sent.difference)]
            found = [(half, number) for half, number in halves if number]
            if len(found) == len(halves):  # one bit of the run's number for each choice
                found, turn = found[:: 1 if turn % 2 else -1], turn // 2
            differing += [(half, number, turn) for half, number in found]
        return days


def _judge(compared: Balance) -> Balance:
    """Say why a count differs, where that is no fault of the tables whatever happens."""
    if compared.metric in RATINGS and compared.difference < 0:
        return replace(compared, explained_by=sayings.DESTROYED)
    return compared
