"""Holds bi.conversation_metrics against an independent reading of docs/metrics.md, on made-up desks of all kinds."""

import pytest
from sqlalchemy import Engine

from tests.databases import new_engine
from tests.reference.compare import Row, base_tables, rows
from tests.reference.metrics import metrics_of
from tests.reference.nights import Desk, every_night
from tests.reference.world import wild

DAYS = 8


def differences(wanted: list[Row], engine: Engine) -> dict[int, Row]:
    """Return, by conversation, what is not the same: {column: (as the document says, as the view says)}."""
    names = ", ".join(wanted[0])
    found = rows(engine, f"SELECT {names} FROM bi.conversation_metrics ORDER BY conversation_id")
    pairs = zip(wanted, found, strict=True)
    differing = ((one, other) for one, other in pairs if one != other)
    return {
        one["conversation_id"]: {name: (one[name], other[name]) for name in one if one[name] != other[name]}
        for one, other in differing
    }


@pytest.mark.long
def test_what_a_run_that_was_not_complete_tells_later_makes_nothing_longer(server_url: str, template: str) -> None:
    """The last run that was complete came days before the last one."""
    with new_engine(server_url, template) as engine:
        desk = Desk(engine, wild(7, days=DAYS), seed=7)
        desk.open()
        nights = every_night(DAYS)
        for night in (*nights[:6], *every_night(DAYS, 7, outcome="incomplete", misses=0.3)):
            desk.run(night)
        wanted = metrics_of(base_tables(engine))
        assert {row["as_of"] for row in wanted} == {nights[5].started_at}
        assert differences(wanted, engine) == {}


@pytest.mark.long
def test_before_a_run_was_complete_nothing_that_goes_on_has_seconds(server_url: str, template: str) -> None:
    with new_engine(server_url, template) as engine:
        desk = Desk(engine, wild(8, days=DAYS), seed=8)
        desk.open()
        for night in every_night(DAYS, outcome="incomplete", misses=0.3):
            desk.run(night)
        wanted = metrics_of(base_tables(engine))
        assert differences(wanted, engine) == {}
        assert rows(engine, "SELECT DISTINCT as_of, age_seconds, silence_seconds FROM bi.conversation_metrics") == [
            {"as_of": None, "age_seconds": None, "silence_seconds": None}
        ]
