"""When runs are due: cron expressions in a time zone, over the changes of the clock, and nights that were missed: pure.

As Debian's cron has it: a time that the clock skips is that of the change, and one that it shows twice is one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS = 5


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
    """When the runs of an account begin: over everything (`full`) and over what is recent, by the clock of a zone."""

    full: str
    recent: str | None = None
    zone: str = "UTC"

    def last(self, now: datetime) -> tuple[datetime, bool] | None:
        """Give the last moment (UTC) up to `now` at which a run was due, and whether it was one over what is recent.

        Where both were due at once, the one over everything counts. None when neither is due in any year.
        """
        moments = [(_previous(self.full, self.zone, now), False)]
        if self.recent:
            moments.append((_previous(self.recent, self.zone, now), True))
        found = [(moment, not recent) for moment, recent in moments if moment]
        if not found:
            return None
        moment, is_full = max(found)
        return moment, not is_full

    def next(self, now: datetime) -> datetime | None:
        """Give the first moment (UTC) after `now` at which a run is due."""
        moments = [_next(one, self.zone, now) for one in (self.full, self.recent) if one]
        return min((one for one in moments if one), default=None)


def _previous(cron: str, zone: str, now: datetime) -> datetime | None:
    # It looks for what is before a moment, and `now` itself counts.
    begin = now.astimezone(ZoneInfo(zone)) + timedelta(microseconds=1)
    return _first(CronSim(cron, begin, reverse=True))


def _next(cron: str, zone: str, now: datetime) -> datetime | None:
    return _first(CronSim(cron, now.astimezone(ZoneInfo(zone))))


def _first(moments: CronSim) -> datetime | None:
    moment = next(moments, None)
    return moment.astimezone(UTC) if moment else None
