"""Where the ids of an account lie densely, by what a run has seen and what the tables know, and which are settled."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import Self

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.id_set import IdSet
from etl.load import ledger_entries
from etl.load.ledger_entries import DELETED
from etl.run.spans import AROUND, between, distance, find_spans

MOST_ASKED = 1_000_000
# Where too many are missing, ids are far from each other from a smaller distance on, down to this.
LEAST_FAR = 1_000


@dataclass
class Ground:
    """What is known of the ids of an account.

    seen: ids that this run has taken in. known: state -> ids found so by earlier runs, which are not asked for again.
    far: from which distance on an id is far from all others. around: how many ids before such a one may have been any.
    """

    engine: Engine
    account_id: int
    seen: IdSet
    known: dict[str, set[int]]
    far: int = 0
    around: int = AROUND

    @classmethod
    def of(cls, engine: Engine, account_id: int, asker: str, seen: IdSet) -> Self:
        """Return the ground by what the tables know; asker: the digest of the token that asks."""
        with transaction(engine) as connection:
            known = ledger_entries.known_gone(connection, account_id, asker)
        return cls(engine, account_id, seen, known)

    def gaps(self) -> Iterator[int]:
        """Return the ids of which nothing is known, where others are near; none where they are too many."""
        spans = self.survey(MOST_ASKED)
        return self.unsettled(spans) if self.missing(spans) <= MOST_ASKED else iter(())

    def survey(self, most: int) -> list[range]:
        """Settle what is far, and return where ids lie densely; where so many are missing, what is far is nearer."""
        self.far = distance(len(self.seen) + sum(map(len, self.known.values())))
        spans = self.spans(set())
        while self.missing(spans) > most and self.far > LEAST_FAR:
            self.far //= 2
            spans = self.spans(set())
        return spans

    def spans(self, gone: set[int]) -> list[range]:
        """Return where the ids lie densely that this run or an earlier one has seen, or was refused.

        gone: ids of which this run has found that they no longer are.
        """
        gaps = sorted(gone | self.known[DELETED])
        with transaction(self.engine) as connection:
            highest = ledger_entries.highest_there(connection, self.account_id)
            # Without all that are there, which takes a second for a million ids: one below the last changes nothing.
            seen = self.seen.edges(self.far)
            spans = find_spans(chain(seen, [highest] if highest else []), gaps, self.far, self.around)
            if between(spans) or highest in gone:
                there = ledger_entries.all_there(connection, self.account_id)
                there -= gone
                known = merge(self.seen.edges(self.far), there.edges(self.far))
                spans = find_spans(known, gaps, self.far, self.around)
        return spans

    def highest(self, gone: set[int]) -> int:
        """Return the last id of the last span; 0 when there is none."""
        spans = self.spans(gone)
        return spans[-1][-1] if spans else 0

    def missing(self, spans: list[range]) -> int:
        """Return of how many ids in some spans nothing is known yet."""
        settled = self._settled()
        return sum(map(len, spans)) - sum(map(settled.count_within, spans))

    def unsettled(self, spans: list[range]) -> Iterator[int]:
        """Yield the ids in some spans that have to be asked for, in order: nothing is known of them yet."""
        return chain.from_iterable(map(self._settled().lacks, spans))

    def _settled(self) -> IdSet:
        settled = IdSet(self.seen)
        settled.update(*self.known.values())
        return settled
