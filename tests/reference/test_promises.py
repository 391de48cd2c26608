"""Holds bi.service_levels against an independent reading of docs/metrics.md, on desks with targets of all kinds."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Engine, insert

from etl.database.dimensions import Label
from etl.database.models import ConversationLabel
from etl.database.targets import Target
from etl.database.witnesses import FieldChange
from etl.views import schema
from tests.databases import new_engine
from tests.examples import in_the_long_run
from tests.reference.compare import Row, base_tables, rows
from tests.reference.nights import ZONES, Desk, every_hour, every_night, mixed
from tests.reference.promises import Account, place_of
from tests.reference.world import FIRST_DAY, INBOXES, TEAMS, wild

DAYS = 8
EVENTS_FROM = 100
LABELS = ("bug", "vip")
RESULTS = ("met", "breached", "running", "unanswered", "not known")
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture(scope="module", params=[0, 1, EVENTS_FROM, *in_the_long_run(*range(2, 50), *range(101, 105))])
def promised(request: pytest.FixtureRequest, server_url: str, template: str) -> Iterator[Engine]:
    """A wild world of a seed with targets and labels, loaded by runs of all kinds, each night, or every three hours."""
    seed = request.param
    plan = (mixed(seed, DAYS), every_night(DAYS), every_hour(DAYS)[::3])[seed % 3]
    with new_engine(server_url, template) as engine:
        desk = Desk(
            engine, wild(seed, days=DAYS), zone=ZONES[seed % len(ZONES)], seed=seed, has_events=seed >= EVENTS_FROM
        )
        desk.open()
        for night in plan:
            desk.run(night)
        chance = Random(seed)
        with engine.begin() as connection:
            connection.execute(insert(Target), list(_targets(chance)))
            connection.execute(insert(Label), [{"account_id": 1, "title": one} for one in LABELS])
        _relabel(engine, chance, [night.finished_at for night in plan])
        # Of those whose labels changed; all others are as the runs computed them.
        with engine.begin() as connection:
            schema.refresh(connection)
        yield engine


def _targets(chance: Random) -> Iterator[Row]:
    """Yield targets, of which each kind of reply and resolution has one that is for everything, and two versions."""
    whats = ("first_reply", "next_reply", "resolution")
    for number in range(12):
        for version in range(chance.choice((1, 1, 2))):
            some = {"inbox": INBOXES, "team": TEAMS, "priority": ("low", "urgent"), "label": LABELS}
            filters = {
                key: chance.sample(of, k=chance.choice((1, len(of)))) if number > 2 and chance.random() < 0.3 else None
                for key, of in some.items()
            }
            yield {
                "account_id": 1,
                "name": f"target {number}",
                "valid_from": FIRST_DAY.date() + timedelta(days=chance.randrange(4) + 4 * version - 3),
                "what": whats[number % 3],
                "within_seconds": chance.choice((5 * MINUTE, HOUR, 8 * HOUR, 30 * HOUR, 5 * DAY, 300 * DAY)),
                "time": chance.choice(("business", "calendar")),
                "unseen": chance.choice(("not_known", "as_next_seen")),
                "channel": None,
                **filters,
            }


def _relabel(engine: Engine, chance: Random, moments: list[datetime]) -> None:
    """Have runs see other labels on some conversations."""
    changes, held = [], []
    for row in rows(engine, "SELECT id, first_synced_at FROM helpdesk.conversations ORDER BY id"):
        labels: list[str] = []
        seen = [one for one in moments if one > row["first_synced_at"]]
        for moment in sorted(chance.sample(seen, k=min(len(seen), chance.choice((0, 0, 1, 2))))):
            after = sorted(chance.sample(LABELS, k=chance.choice((0, 1, 1, 2))))
            if after != labels:
                change = {"account_id": 1, "entity": "conversation", "entity_id": row["id"], "field": "labels"}
                changes.append(change | {"before": labels, "after": after, "seen_at": moment})
                labels = after
        held += [{"account_id": 1, "conversation_id": row["id"], "label": one} for one in labels]
    with engine.begin() as connection:
        connection.execute(insert(FieldChange), changes)
        connection.execute(insert(ConversationLabel), held)


def _tables(engine: Engine) -> dict[str, list[Row]]:
    others = ("targets", "conversation_labels", "field_changes")
    return base_tables(engine) | {
        name: rows(engine, f"SELECT * FROM helpdesk.{name} WHERE account_id = 1") for name in others
    }


def test_service_levels_are_what_the_document_says(promised: Engine) -> None:
    wanted = Account(_tables(promised), datetime.now(UTC)).levels()
    names = ", ".join(wanted[0])
    found = sorted(rows(promised, f"SELECT {names} FROM bi.service_levels"), key=place_of)
    both = zip(wanted, found, strict=True)
    assert [{name: (one[name], other[name]) for name in one if one[name] != other[name]} for one, other in both] == (
        [{}] * len(wanted)
    )
    assert {row["result"] for row in wanted} <= set(RESULTS)


def test_what_is_told_of_a_row_agrees(promised: Engine) -> None:
    assert rows(promised, DISAGREES) == []


def test_what_is_owed_is_the_same_where_everything_is_computed(promised: Engine) -> None:
    stored = "SELECT * FROM helpdesk.obligations ORDER BY conversation_id, number"
    before = rows(promised, stored)
    with promised.begin() as connection:
        schema.refresh(connection, everything=True)
    assert rows(promised, stored) == before


DISAGREES = """
    SELECT * FROM bi.service_levels
    WHERE (result = 'not known') <> (is_met IS NULL) OR is_met <> (result = 'met')
       OR is_breached <> (result = 'breached') OR is_unanswered <> (result = 'unanswered')
       OR result = 'running' AND is_running IS NOT TRUE
       OR result = 'met' AND (ended_at > due_at OR elapsed_seconds > within_seconds)
       OR result = 'breached' AND (ended_at <= due_at OR elapsed_seconds < within_seconds)
"""


def test_days_add_up_to_the_rows(promised: Engine) -> None:
    key = ("day", "target", "inbox_id", "team_id")
    by_day: dict[tuple[date | int | str | None, ...], Counter[str]] = {}
    for row in rows(promised, "SELECT began_on AS day, * FROM bi.service_levels"):
        by_day.setdefault(tuple(row[name] for name in key), Counter()).update([row["result"], "total"])
    told = {
        tuple(row[name] for name in key): Counter({name: row[name.replace(" ", "_")] for name in (*RESULTS, "total")})
        for row in rows(promised, "SELECT * FROM bi.daily_service_levels")
    }
    assert {place: +counted for place, counted in told.items()} == by_day
