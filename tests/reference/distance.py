"""How far the figures are from the truth where the evidence does not tell all of it, by how often a run is made."""

from dataclasses import dataclass
from datetime import datetime
from statistics import mean

from tests.reference.compare import Row, read
from tests.reference.desks import of_bots, thanked, true_openings
from tests.reference.nights import Night, every_hour, every_night, tables_of
from tests.reference.world import Talk

A_DAY, DAYS = 40, 7
Opened = tuple[int, datetime, datetime | None]


@dataclass(frozen=True)
class Told:
    """What is told of a desk: resolutions, reopenings, their mean time, and how many are right to the second."""

    resolutions: int
    reopenings: int
    mean_seconds: int
    right: int


def told(openings: list[Opened], true: list[Opened]) -> Told:
    """Sum up openings, and hold each against those that truly were."""
    resolved = [(opened, until) for _, opened, until in openings if until is not None]
    return Told(
        len(resolved),
        len(openings) - len({number for number, *_ in openings}),
        round(mean((until - opened).total_seconds() for opened, until in resolved)),
        len({one for one in openings if one[2] is not None} & set(true)),
    )


def of_rows(rows: list[Row]) -> list[Opened]:
    return [(row["conversation_id"], row["opened_at"], row["resolved_at"]) for row in rows]


def distances() -> dict[tuple[str, str], Told]:
    """Return what is told of each desk, by the desk and by what tells it."""
    found = {}
    for desk, talks in DESKS.items():
        for often, nights in OFTEN.items():
            made = talks(1, A_DAY, DAYS)
            true = true_openings(made, nights[-1].started_at)
            found[desk, "What happened"] = told(true, true)
            found[desk, often] = told(_read(made, nights), true)
        made, last = talks(1, A_DAY, DAYS), every_night(DAYS)[-1:]
        true = true_openings(made, last[0].started_at)
        found[desk, WITH_EVENTS] = told(_read(made, last, has_events=True), true)
    return found


def _read(talks: list[Talk], nights: list[Night], *, has_events: bool = False) -> list[Opened]:
    openings, _ = read(tables_of(talks, nights, has_events=has_events))
    return of_rows(openings)


DESKS = {
    "Every resolution leaves an activity; 3 of 10 contacts say thanks hours later, and it is resolved again": thanked,
    "A bot resolves half of them hours after the last word, and leaves no activity; 3 of 10 contacts return": of_bots,
}
WITH_EVENTS = "One run after all of it, where the vendor tells its own events"
OFTEN = {"A run a night": every_night(DAYS), "A run an hour": every_hour(DAYS + 1)}
