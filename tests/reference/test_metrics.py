"""Holds bi.conversation_metrics against an independent reading of docs/metrics.md, on made-up desks of all kinds."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from etl.views import schema
from tests.databases import new_engine
from tests.examples import in_the_long_run
from tests.reference.compare import Row, base_tables, rows
from tests.reference.metrics import metrics_of
from tests.reference.nights import ZONES, Desk, every_hour, every_night, mixed
from tests.reference.world import wild

DAYS = 8
EVENTS_FROM = 100
# Of every third survey the list has an answer, of every ninth one without a rating.
ANSWERS = """
    INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, message_id, rating)
    SELECT account_id, id, conversation_id, id, CASE WHEN id % 9 > 0 THEN 1 + id % 5 END
    FROM helpdesk.messages WHERE content_type = 'input_csat' AND id % 3 = 0
"""


@pytest.fixture(scope="module", params=[0, 1, EVENTS_FROM, *in_the_long_run(*range(2, 50), *range(101, 105))])
def loaded(request: pytest.FixtureRequest, server_url: str, template: str) -> Iterator[Engine]:
    """A wild world of a seed in the tables, also more than seven days old.

    From EVENTS_FROM on with the vendor's own events.
    """
    seed = request.param
    plan = (mixed(seed, DAYS), every_night(DAYS), every_hour(DAYS)[::3])[seed % 3]
    with new_engine(server_url, template) as engine:
        zone = ZONES[seed % len(ZONES)]
        desk = Desk(engine, wild(seed, days=DAYS), zone=zone, seed=seed, has_events=seed >= EVENTS_FROM)
        desk.open()
        for night in plan:
            desk.run(night)
        with engine.begin() as connection:
            connection.execute(text(ANSWERS))
        yield engine


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


def test_the_figures_of_conversations_are_what_the_document_says(loaded: Engine) -> None:
    wanted = metrics_of(base_tables(loaded))
    assert differences(wanted, loaded) == {}


def test_the_sums_are_the_same_where_everything_is_computed(loaded: Engine) -> None:
    stored = "SELECT * FROM helpdesk.conversation_sums ORDER BY conversation_id"
    before = rows(loaded, stored)
    with loaded.begin() as connection:
        schema.refresh(connection, everything=True)
    assert rows(loaded, stored) == before


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


def test_the_parts_of_a_time_add_up_to_it(loaded: Engine) -> None:
    assert rows(loaded, PARTS_THAT_DO_NOT_ADD_UP) == []


# Each part is rounded by itself.
PARTS_THAT_DO_NOT_ADD_UP = """
    SELECT conversation_id FROM bi.conversation_metrics
    WHERE abs(unresolved_seconds - open_seconds - pending_seconds - snoozed_seconds - status_unseen_seconds) > 30
       OR abs(unresolved_seconds - waiting_for_us_seconds - waiting_for_contact_seconds) > 0
       OR unassigned_seconds_at_most > unresolved_seconds + 30
       OR unassigned_seconds_at_least > unassigned_seconds_at_most
       OR first_assignment_seconds_at_least > first_assignment_seconds_at_most
       OR replies_without_agent > replies OR agents_replied > replies OR questions_answered > questions
       OR surveys_answered > surveys_asked
"""
