"""When runs are due: cron expressions in a time zone, over the changes of the clock, and nights that were missed: pure.

As Debian's cron has it: a time that the clock skips is that of the change, and one that it shows twice is one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5
RECENT, FULL, AUDIT = "recent", "full", "audit"


def check_cron(value: str) -> str:
    """Accept a cron expression of five fields; raise ValueError for anything else."""
    try:
        CronSim(value, datetime.now(UTC))
    except CronSimError:
        is_one = False
    else:
        is_one = len(value.split()) == FIELDS  # a sixth would be seconds
    if not is_one:
        raise ValueError("must be a cron expression of five fields, such as 30 2 * * *")
    return value


@dataclass(frozen=True)
class Times:
    """When runs begin, by the clock of a zone: over everything, over what is recent, over everything with an audit."""

    full: str
    recent: str | None = None
    audit: str | None = None
    zone: str = "UTC"

    def last(self, now: datetime) -> tuple[datetime, str] | None:
        """Give the last moment (UTC) up to `now` at which a run was due, and its kind: recent, full or audit.

        Of several at once the one that does more counts. None when none is due in any year.
        """
        found = []
        for weight, (kind, cron) in enumerate(self._by_kind()):
            if moment := _previous(cron, self.zone, now):
                found.append((moment, weight, kind))
        if not found:
            return None
        moment, _, kind = max(found)
        return moment, kind

    def next(self, now: datetime) -> datetime | None:
        """Give the first moment (UTC) after `now` at which a run is due."""
        moments = [_next(cron, self.zone, now) for _, cron in self._by_kind()]
        return min((one for one in moments if one), default=None)

    def _by_kind(self) -> list[tuple[str, str]]:
        """Give the kinds that are wanted, the one that does least first."""
        wanted = ((RECENT, self.recent), (FULL, self.full), (AUDIT, self.audit))
        return [(kind, cron) for kind, cron in wanted if cron]


def _previous(cron: str, zone: str, now: datetime) -> datetime | None:
    # It looks for what is before a moment, and `now` itself counts.
    begin = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return _first(CronSim(cron, begin, reverse=True))


def _next(cron: str, zone: str, now: datetime) -> datetime | None:
    return _first(CronSim(cron, now.astimezone(ZoneInfo(zone))))


def _first(moments: CronSim) -> datetime | None:
    moment = next(moments, None)
    return moment.astimezone(UTC) if moment else None
