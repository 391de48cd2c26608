"""A run that reads what changed, and proves by the vendor's counts that nothing else is missing.

What changed is read first. Then the vendor's count of each status, as it was when its first page was read and as it is
now, is held against the tables. Where they differ, what moved meanwhile is read, ids above the highest are asked for,
and the conversations that differ are searched by their rank. Where that does not settle it, every page is walked.
Counts do not tell of two conversations that changed places between two statuses; `docs/scaling.md` has what each kind
of run proves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from etl.database.engine import transaction
from etl.extract.ids import id_of
from etl.extract.recent import Recent
from etl.extract.walk import BY_CREATION, Listing, count_each, try_page
from etl.id_set import IdSet
from etl.load import conversations, journal, ledger_entries
from etl.load.journal import COUNTS
from etl.load.proofs import Visible
from etl.run.ground import Ground
from etl.run.intake import Intake
from etl.run.ledger import Ledger
from etl.run.ranks import Listed, RankSearch, Row, UnrankedError
from etl.selection import STATUSES
from etl.transform.edits import MOVED

MOST_COUNTINGS = 5
MOST_HIDDEN = 1  # times that pages do not show all as something moved meanwhile; else they skip some of one second
# How far before the run began what moved meanwhile is read: the clocks of two machines differ, and pages may be late.
MARGIN = timedelta(minutes=10)
# More of them in doubt, or that differ, are found by a walk.
MOST_IN_DOUBT, MOST_DIFFERING = 1_000, 1_000

SILENT = (
    "This server does not tell what changes without a new message or somebody's doing, as a snooze that ends: what such"
    " changes left in balance is seen by the walk of every page, every {} days."
)

Reads = Callable[[Recent], None]


@dataclass
class CountProof:
    """The proof of one run. read: reads what changed. why: why every page has to be walked after all."""

    intake: Intake
    ledger: Ledger
    recent: Recent
    read: Reads
    why: str = ""
    _hidden: int = 0

    def prove(self) -> bool:
        """Read what changed, and prove that nothing else is missing; return whether that could be done.

        Then all that the tables have counts as seen; else `why` says what is in doubt, and nothing counts as seen.
        """
        self._read()
        rounds = MOST_COUNTINGS if not self.why and self._ask_for_doubts() else 0
        while not self.why and rounds:
            if self._agrees():
                self._conclude()
                return True
            rounds -= 1
        self.why = self.why or f"counts and tables did not agree in {MOST_COUNTINGS} rounds"
        self.intake.run.tally.seen = IdSet()
        del self.intake.run.tally.edits[MOVED]  # the walk is told of them again
        self.ledger.gone, self.ledger.forbidden = set(), set()
        known = self.ledger.stubborn
        # What fails as it did for nights, or as it was accepted, is asked for once in a night.
        self.ledger.unreadable = {one: why for one, why in self.ledger.unreadable.items() if known.is_asked_once(one)}
        return False

    def _read(self) -> None:
        """Read what changed; what is shown is there, whatever was answered when it was asked for."""
        self.read(self.recent)
        if self.recent.kept_silent:
            self.why = "the server failed at what it could tell of changes"
            return
        self.ledger.gone = {one for one in self.ledger.gone if one not in self.ledger.seen}
        self._ask_for_gaps()

    def _agrees(self) -> bool:
        """Return whether vendor and tables agree; else settle what differs, and read what moved meanwhile."""
        before = {status: self.recent.counts.get(status, {}).get("all_count") for status in STATUSES}
        counted = count_each(self.ledger.client)
        if counted is None:
            self.why = "the vendor's counts could not be read"
            return False
        if None in before.values():
            self.why = "a page that has the vendor's counts could not be read"
            return False
        ours = self._count()
        if before == counted == ours:
            if not self.recent.active or self._has_shown_all(counted):
                return True
            self._hidden += 1
            if self._hidden > MOST_HIDDEN:
                self.why = "pages in the order of the last activity skip some"
                return False
        elif before == counted and not self._search(counted, ours):
            return False
        self.recent = self.recent.again(self.intake.run.started_at - MARGIN)
        self._read()
        return False

    @property
    def _visible(self) -> Visible:
        ledger = self.ledger
        uncounted = ledger.stubborn.uncounted(ledger.unreadable)
        return Visible(self.intake.run.account_id, ledger.gone | ledger.forbidden | uncounted)

    def _ids(self) -> IdSet:
        with transaction(self.intake.engine) as connection:
            return self._visible.ids(connection)

    def _count(self) -> dict[str, int]:
        """Return how many of each status the vendor should count: those of the tables, and what has no row as known."""
        unreadable = self.ledger.unreadable
        with transaction(self.intake.engine) as connection:
            without_row = unreadable.keys() - conversations.present(connection, self.intake.run.account_id, unreadable)
            ours = self._visible.count_each(connection)
        counted = self.ledger.stubborn.counted(without_row)
        return {status: number + counted[status] for status, number in ours.items()}

    def _has_shown_all(self, counted: dict[str, int]) -> bool:
        """Return whether pages in order of the last activity, which may skip some, showed what the tables now have.

        What the tables have there and no page showed is asked for: then whatever was skipped is one more of its time.
        """
        with transaction(self.intake.engine) as connection:
            shown, ours = self.recent.active, self._visible.active(connection, self.recent.since)
        showed = {one for rows in shown.values() for _, one in rows}
        unreadable = self.ledger.unreadable
        hidden = {one for status in shown for _, one in ours[status] if one not in showed and one not in unreadable}
        if len(hidden) > MOST_IN_DOUBT:
            return False
        if hidden:
            self._ask(iter(sorted(hidden)))
            with transaction(self.intake.engine) as connection:
                ours = self._visible.active(connection, self.recent.since)
        is_same = all(
            sorted(at for at, _ in rows) == sorted(at for at, _ in ours[name]) for name, rows in shown.items()
        )
        return is_same and self.recent.is_whole and (not hidden or self._count() == counted)

    def _ask_for_gaps(self) -> None:
        """Ask for ids of which nothing is known, before what is behind one makes up in a count for what is gone."""
        ledger = self.ledger
        gaps = Ground.of(ledger.engine, self.intake.run.account_id, ledger.asker, self._ids()).gaps()
        self._ask(one for one in gaps if one not in ledger.seen and not ledger.has_asked(one))

    def _ask_for_doubts(self) -> bool:
        """Ask for what no count vouches for; return whether it is not too much for that."""
        reads_histories = self.intake.settings.messages == "full"
        with transaction(self.intake.engine) as connection:
            doubts = self._visible.in_doubt(connection, MOST_IN_DOUBT, reads_histories=reads_histories)
        if len(doubts) == MOST_IN_DOUBT:
            self.why = f"{MOST_IN_DOUBT} conversations or more are to be read again"
        else:
            doubts = sorted({*doubts, *self.ledger.stubborn.was})
            self._ask(one for one in doubts if one not in self.ledger.seen and not self.ledger.has_asked(one))
        return not self.why

    def _search(self, counted: dict[str, int], ours: dict[str, int]) -> bool:
        """Ask for what differs; return whether anything was found to be asked for, else say why not."""
        if left := self.ledger.stop_leaving():
            self._ask(iter(left))
            return True
        if sum(abs(ours[status] - counted[status]) for status in STATUSES) > MOST_DIFFERING:
            self.why = f"the vendor counts {sum(counted.values())} conversations, and the tables {sum(ours.values())}"
            return False
        if sum(counted.values()) > sum(ours.values()):
            self.ledger.ask_above(self._highest())
            ours = self._count()
        try:
            found = {one for status in STATUSES for one in self._find(status, counted[status], ours[status])}
        except UnrankedError:
            self.why = "the vendor counts otherwise than the tables, and its pages do not tell where"
            return False
        with self.intake.writer.transaction() as connection:
            # Whatever the vendor sends of them, also as before, the rows are not what it says.
            conversations.forget_digests(connection, self.intake.run.account_id, found)
        self._ask(iter(sorted(found)))
        return True

    def _ask(self, ids: Iterator[int]) -> None:
        """Ask for conversations one by one; where some are refused, the token may be the reason."""
        refused = len(self.ledger.forbidden)
        self.ledger.ask(ids)
        self.intake.run.tally.seen -= self.ledger.gone  # a page may have shown it before
        if len(self.ledger.forbidden) > refused:
            self.ledger.check_token()

    def _highest(self) -> int:
        with transaction(self.intake.engine) as connection:
            return ledger_entries.highest_there(connection, self.intake.run.account_id)

    def _find(self, status: str, counted: int, ours: int) -> set[int]:
        """Return the conversations of a status that only one side has, where their numbers differ."""
        if counted == ours:
            return set()
        with transaction(self.intake.engine) as connection:
            times, ids = self._visible.by_creation(connection, status)
        if len(times) != ours:  # of some it is not known when they were created
            raise UnrankedError
        return RankSearch(Listed(times, ids), counted, partial(self._page, status)).find()

    def _page(self, status: str, number: int) -> list[Row] | None:
        page = try_page(self.ledger.client, Listing([("status", status), BY_CREATION]), number, None)
        self.intake.run.tally.pages += 1
        return None if page.failed else [_row(payload) for payload in page.payloads]

    def _conclude(self) -> None:
        run = self.intake.run
        for status, counts in self.recent.counts.items():
            journal.save_counts(self.intake.engine, run, status, counts)
        unreadable = {one for one in self.ledger.unreadable if one not in run.tally.seen}
        run.tally.seen.update(self._ids())
        run.tally.seen -= unreadable
        run.proof, run.sees_silent_moves = COUNTS, self.recent.sees_silent_moves
        if not run.sees_silent_moves:
            run.notes.append(SILENT.format(self.intake.settings.walk_days))


def _row(payload: Any) -> Row:
    """Return when a conversation was created, and its id; raise UnrankedError where a payload does not tell them."""
    number, created = id_of(payload), payload.get("created_at") if isinstance(payload, dict) else None
    if number is None or not isinstance(created, int | float) or not created:
        raise UnrankedError
    return int(created), number
