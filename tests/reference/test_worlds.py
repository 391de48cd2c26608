"""Holds every view of figures against an independent reading of docs/metrics.md, on made-up desks of all kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from sqlalchemy import Engine, text

from etl.views import schema
from tests.examples import in_the_long_run
from tests.reference.compare import Row, base_tables, rows, stored
from tests.reference.compare import differences as by_conversation
from tests.reference.compare import read as openings_and_waits
from tests.reference.events import events_of
from tests.reference.examined import ELSEWHERE, differences, examined
from tests.reference.figures import FIGURES, figures
from tests.reference.sums import STOCK_WITHOUT_FLOW, SUMS, WIDE_SUMS
from tests.reference.worlds import EVENTS_FROM, world

PAIRS = {**SUMS, **WIDE_SUMS}


@dataclass
class Loaded:
    """A world in the tables, and what the document says of it."""

    engine: Engine
    wanted: dict[str, list[Row]]


@pytest.fixture(scope="module", params=[0, 1, EVENTS_FROM, *in_the_long_run(*range(2, 60), *range(101, 120))])
def loaded(request: pytest.FixtureRequest, server_url: str, template: str) -> Iterator[Loaded]:
    """The world of a seed."""
    with world(request.param, server_url, template) as engine:
        yield Loaded(engine, examined(engine))


def test_every_view_is_what_the_document_says(loaded: Loaded) -> None:
    assert differences(loaded.wanted, loaded.engine) == {}


def test_what_the_views_rest_on_is_what_the_document_says(loaded: Loaded) -> None:
    tables = base_tables(loaded.engine)
    wanted = (*openings_and_waits(tables), events_of(tables))
    for name, rows_of_it in zip(FIGURES, wanted, strict=True):
        assert by_conversation(rows_of_it, stored(loaded.engine, name, FIGURES[name])) == {}


def test_every_column_of_every_view_is_examined_or_named_with_what_holds_it(loaded: Loaded) -> None:
    query = "SELECT table_name AS view, column_name AS name FROM information_schema.columns WHERE table_schema = 'bi'"
    told = rows(loaded.engine, query)
    there = {view: {row["name"] for row in told if row["view"] == view} for view in schema.PUBLIC}
    others = {view: set(names.split()) or there[view] for view, (names, _) in ELSEWHERE.items()}
    # Where a world has no row of a view, as of surveys, nothing tells which columns are read.
    read = {
        view: set(of_view[0]) if of_view else there[view] - others.get(view, set())
        for view, of_view in loaded.wanted.items()
    }
    for view in schema.PUBLIC:
        assert read.get(view, set()) & others.get(view, set()) == set(), view
        assert read.get(view, set()) | others.get(view, set()) == there[view], view


def test_what_a_view_counts_is_what_the_rows_of_another_add_up_to(loaded: Loaded) -> None:
    with loaded.engine.connect() as connection:
        found = {name: [connection.scalar(text(query)) or 0 for query in pair] for name, pair in PAIRS.items()}
    assert {name: both for name, both in found.items() if both[0] != both[1]} == {}
    of_nothing = {name for name, (one, _) in found.items() if not one}
    assert len(of_nothing) < len(PAIRS) / 4


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
DISAGREES = """
    SELECT * FROM bi.service_levels
    WHERE (result = 'not known') <> (is_met IS NULL) OR is_met <> (result = 'met')
       OR is_breached <> (result = 'breached') OR is_unanswered <> (result = 'unanswered')
       OR result = 'running' AND is_running IS NOT TRUE
       OR result = 'met' AND (ended_at > due_at OR elapsed_seconds > within_seconds)
       OR result = 'breached' AND (ended_at <= due_at OR elapsed_seconds < within_seconds)
"""
# Of what came while the run was reading it may have seen either side.
SEEN_OPEN_AND_NOT_SO = """
    SELECT run.run_id, state.conversation_id
    FROM helpdesk.whole_runs AS run
    JOIN helpdesk.conversation_states AS state
      ON state.account_id = run.account_id AND state.status <> 'resolved' AND state.valid_from <= run.started_at
     AND (state.valid_to IS NULL OR state.valid_to > run.finished_at)
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = run.account_id AND conversation.id = state.conversation_id
     AND (conversation.deleted_at IS NULL OR conversation.deleted_at > run.finished_at)
    WHERE run.has_seen_all AND NOT EXISTS (
        SELECT FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = run.account_id AND opening.conversation_id = state.conversation_id
          AND opening.opened_at <= run.finished_at
          AND (opening.resolved_at IS NULL OR opening.resolved_at >= run.started_at)
    )
"""
NEVER = {
    "a stock that the flow does not lead to": STOCK_WITHOUT_FLOW,
    "parts of a time that do not add up": PARTS_THAT_DO_NOT_ADD_UP,
    "a service level that contradicts itself": DISAGREES,
    "what a run saw open and is not": SEEN_OPEN_AND_NOT_SO,
}


def test_nothing_contradicts_itself(loaded: Loaded) -> None:
    assert {what: found for what, query in NEVER.items() if (found := rows(loaded.engine, query))} == {}


def test_openings_do_not_overlap_and_follow_each_other(loaded: Loaded) -> None:
    openings = stored(loaded.engine, "conversation_openings", FIGURES["conversation_openings"])
    for before, after in pairwise(openings):
        if before["conversation_id"] == after["conversation_id"]:
            assert after["opening"] == before["opening"] + 1
            assert before["opened_at"] <= before["resolved_at"] <= after["opened_at"]


def test_what_was_computed_run_by_run_is_what_is_computed_at_once(loaded: Loaded) -> None:
    before = figures(loaded.engine)
    with loaded.engine.begin() as connection:
        schema.refresh(connection, everything=True)
    assert figures(loaded.engine) == before
