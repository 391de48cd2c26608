"""Finds where the vendor's counts and the tables differ: months first, then the days of these that do."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client
from etl.extract.reports import TimeSpan, count_by
from etl.load import books
from etl.load.books import Count

# The reports let 100 requests a minute through: what is more has its turn on a later night.
MOST_MONTHS, MOST_DAYS = 12, 31


@dataclass(frozen=True)
class Balance:
    """A count of the vendor beside that of the tables; explained_by: why they differ, where that is known.

    accepted: how many more the vendor counts of what cannot be read, as that was accepted.
    """

    metric: str
    span: TimeSpan
    vendor: int
    ours: Count
    explained_by: str | None = None
    accepted: int = 0

    @property
    def difference(self) -> int:
        """How many more the vendor counts than is known."""
        return self.vendor - self.ours.number - self.accepted

    @property
    def is_of_deleted(self) -> bool:
        """Whether the vendor counts just what lay in some of the conversations that were deleted of late."""
        sums = 1
        for number in self.ours.deleted:
            sums |= sums << number
        return self.difference > 0 and bool(sums >> self.difference & 1)

    @property
    def is_in_doubt(self) -> bool:
        """Whether both differ, and nothing explains it."""
        return self.difference != 0 and self.explained_by is None


@dataclass(frozen=True)
class Search:
    """Asks for the months and days in which counts differ; turn: by which it is decided whose turn it is, a number.

    gone: conversations that are not counted.
    """

    client: Client
    engine: Engine
    turn: int
    gone: Collection[int]
    _counted: dict[tuple[int, ...], list[dict[str, Count]]] = field(default_factory=dict)

    def find(self, whole: Iterable[Balance]) -> list[TimeSpan]:
        """Return the days that seem to differ; a whole span in doubt, where the vendor does not tell which days do.

        What is lost in one month and doubled in another one shows in no sum: so the months are asked for in any case.
        """
        found: set[TimeSpan] = set()
        for compared in whole:
            if compared.span.since < 0 and not compared.is_in_doubt:
                continue
            otherwise = [compared.span] if compared.is_in_doubt else []
            try:
                months = self._differing(compared.metric, compared.span, "month")
                for month in self._in_turn(months, MOST_MONTHS):
                    found.update(self._differing(compared.metric, month, "day") or [month])
                found.update([] if months else otherwise)
            except VendorError:
                found.update(otherwise)
        return self._in_turn(found, MOST_DAYS)

    def _differing(self, metric: str, span: TimeSpan, unit: str) -> list[TimeSpan]:
        """Return the months or days of a span in which a metric differs."""
        told = count_by(self.client, metric, span, unit)
        if not told:
            return []
        pairs = zip(told.items(), self._count_ours((*(one.since for one in told), span.until)), strict=True)
        return [one for (one, vendor), counts in pairs if vendor != counts.get(metric, Count()).number]

    def _count_ours(self, bounds: tuple[int, ...]) -> list[dict[str, Count]]:
        """Return what the tables count of all metrics, once for all whose spans have the same bounds."""
        if bounds not in self._counted:
            with transaction(self.engine) as connection:
                self._counted[bounds] = books.count_ours(connection, self.client.account_id, bounds, self.gone)
        return self._counted[bounds]

    def _in_turn(self, spans: Collection[TimeSpan], most: int) -> list[TimeSpan]:
        """Return as many spans as one night has time for; others have their turn with the next number."""
        newest_first = sorted(spans, reverse=True)
        begin = self.turn * most % len(spans) if len(spans) > most else 0
        return (newest_first[begin:] + newest_first[:begin])[:most]
