"""When runs are due: cron expressions in a time zone, across changes of the clock and missed nights; pure.

As in Debian's cron, a run at a time that the clock skips is due at the change, and one at a time that the clock shows
twice is due once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from etl.settings.cron import NEVER

RECENT, FULL, AUDIT = "recent", "full", "audit"


@dataclass(frozen=True)
class Times:
    """When runs begin, by the clock of a zone: over everything, over what is recent, over everything with an audit."""

    full: str
    recent: str | None = None
    audit: str | None = None
    zone: str = "UTC"

    def last(self, now: datetime) -> list[tuple[datetime, str]]:
        """Return the last moment (UTC) up to `now` at which each kind of run was due, the kind that does most first."""
        moments = [(_previous(cron, self.zone, now), kind) for kind, cron in self._by_kind()]
        return [(moment, kind) for moment, kind in moments if moment]

    def next(self, now: datetime) -> datetime | None:
        """Return the first moment (UTC) after `now` at which a run is due."""
        moments = [_next(cron, self.zone, now) for _, cron in self._by_kind()]
        return min((moment for moment in moments if moment), default=None)

    def _by_kind(self) -> list[tuple[str, str]]:
        """Return the kinds that are wanted, the one that does most first."""
        wanted = ((AUDIT, self.audit), (FULL, self.full), (RECENT, self.recent))
        return [(kind, cron) for kind, cron in wanted if cron and cron != NEVER]


def _previous(cron: str, zone: str, now: datetime) -> datetime | None:
    # CronSim looks for what is before a moment, but `now` itself counts.
    begin = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return _first(CronSim(cron, begin, reverse=True))


def _next(cron: str, zone: str, now: datetime) -> datetime | None:
    return _first(CronSim(cron, now.astimezone(ZoneInfo(zone))))


def _first(moments: CronSim) -> datetime | None:
    moment = next(moments, None)
    return moment.astimezone(UTC) if moment else None
