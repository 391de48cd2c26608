"""Holds what the tables say against an independent reading of docs/metrics.md, on made-up desks of all kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from sqlalchemy import Engine, insert

from etl.database.bookkeeping import SyncRun
from etl.database.models import Conversation, Message
from etl.database.states import ConversationState
from etl.views import schema
from tests.databases import new_engine
from tests.examples import in_the_long_run
from tests.reference.compare import Row, base_tables, differences, read, rows, stored
from tests.reference.events import events_of
from tests.reference.nights import ZONES, Desk, every_hour, every_night, mixed
from tests.reference.world import wild

DAYS = 8
FIGURES = {
    "conversation_openings": "conversation_id, opening",
    "customer_waits": "conversation_id, opening, waiting_since, question_message_id",
    "conversation_events": "conversation_id, number",
}
# What may change of an opening later is who is told to have answered in it: the vendor deletes users.
SAID = ("conversation_id", "opening", "opened_at", "opened_by", "resolved_at", "resolved_at_is", "resolved_by")


@dataclass
class Loaded:
    """A world in the tables."""

    engine: Engine

    def figures(self, account_id: int = 1) -> dict[str, list[Row]]:
        """Return every column of every row that is computed."""
        return {
            name: rows(self.engine, f"SELECT * FROM helpdesk.{name} WHERE account_id = {account_id} ORDER BY {order}")
            for name, order in FIGURES.items()
        }


EVENTS_FROM = 100


@pytest.fixture(scope="module", params=[0, 1, EVENTS_FROM, *in_the_long_run(*range(2, 60), *range(101, 105))])
def loaded(request: pytest.FixtureRequest, server_url: str, template: str) -> Iterator[Loaded]:
    """A wild world of a seed, loaded by runs of all kinds, or every night, or every three hours.

    From EVENTS_FROM on with the vendor's own events.
    """
    seed = request.param
    plan = (mixed(seed, DAYS), every_night(DAYS), every_hour(DAYS)[::3])[seed % 3]
    with new_engine(server_url, template) as engine:
        desk = Desk(
            engine, wild(seed, days=DAYS), zone=ZONES[seed % len(ZONES)], seed=seed, has_events=seed >= EVENTS_FROM
        )
        desk.open()
        for night in plan:
            desk.run(night)
        yield Loaded(engine)


def test_openings_are_what_the_document_says(loaded: Loaded) -> None:
    openings, _ = read(base_tables(loaded.engine))
    assert differences(openings, stored(loaded.engine, "conversation_openings", "conversation_id, opening")) == {}


def test_waits_are_what_the_document_says(loaded: Loaded) -> None:
    _, waits = read(base_tables(loaded.engine))
    assert differences(waits, stored(loaded.engine, "customer_waits", FIGURES["customer_waits"])) == {}


def test_events_are_what_the_document_says(loaded: Loaded) -> None:
    events = events_of(base_tables(loaded.engine))
    assert differences(events, stored(loaded.engine, "conversation_events", FIGURES["conversation_events"])) == {}


def test_what_was_computed_run_by_run_is_what_is_computed_at_once(loaded: Loaded) -> None:
    before = loaded.figures()
    with loaded.engine.begin() as connection:
        schema.refresh(connection, everything=True)
    assert loaded.figures() == before


def test_openings_do_not_overlap_and_follow_each_other(loaded: Loaded) -> None:
    for before, after in _pairs(stored(loaded.engine, "conversation_openings", "conversation_id, opening")):
        assert after["opening"] == before["opening"] + 1
        assert before["opened_at"] <= before["resolved_at"] <= after["opened_at"]


def test_what_a_run_saw_open_is_open_then(loaded: Loaded) -> None:
    """Of what came while the run was reading it may have seen either side."""
    assert rows(loaded.engine, SEEN_OPEN_AND_NOT_SO) == []


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


@pytest.mark.parametrize("seed", [0, *in_the_long_run(*range(1, 20))])
def test_what_comes_later_changes_nothing_of_an_earlier_opening(seed: int, server_url: str, template: str) -> None:
    with new_engine(server_url, template) as engine:
        desk = Desk(engine, wild(seed, days=DAYS, meets_runs=False), seed=seed)
        desk.open()
        said: dict[tuple[int, int], Row] = {}
        for night in every_night(DAYS):
            desk.run(night)
            now = stored(engine, "conversation_openings", "conversation_id, opening")
            now = [{name: row[name] for name in SAID} for row in now if row["resolved_at"] is not None]
            by_key = {(row["conversation_id"], row["opening"]): row for row in now}
            assert {key: by_key.get(key) for key in said} == said
            said = by_key


@pytest.mark.parametrize("seed", [0, *in_the_long_run(*range(1, 20))])
def test_the_order_of_loading_and_a_second_account_change_nothing(seed: int, server_url: str, template: str) -> None:
    with new_engine(server_url, template) as engine:
        desk = Desk(engine, wild(seed, days=DAYS), seed=seed)
        desk.open()
        for night in mixed(seed, DAYS):
            desk.run(night)
        before = Loaded(engine).figures()
        Desk(engine, [], account_id=2).open()
        _copy_one_by_one(engine, base_tables(engine))
        assert Loaded(engine).figures() == before
        there = Loaded(engine).figures(2)
        assert {name: [row | {"account_id": 1} for row in of_it] for name, of_it in there.items()} == before


def _copy_one_by_one(engine: Engine, tables: dict[str, list[Row]]) -> None:
    """Write the rows of one account as another's, the last conversation first, and compute after each few."""
    with engine.begin() as connection:
        connection.execute(insert(SyncRun), [_theirs(row, "run_id") for row in tables["sync_runs"]])
    for number in sorted((row["id"] for row in tables["conversations"]), reverse=True):
        with engine.begin() as connection:
            own = [_theirs(row) for row in tables["conversations"] if row["id"] == number]
            connection.execute(insert(Conversation), own)
            for name, model in (("messages", Message), ("conversation_states", ConversationState)):
                own = [_theirs(row, *GENERATED) for row in tables[name] if row["conversation_id"] == number]
                if own:
                    connection.execute(insert(model), own[::-1])
            if number % 4 == 0 or number == 1:
                schema.refresh(connection, 2)


GENERATED = ("contact_id", "agent_id")


def _theirs(row: Row, *without: str) -> Row:
    return {name: value for name, value in row.items() if name not in without} | {"account_id": 2}


def _pairs(openings: list[Row]) -> Iterator[tuple[Row, Row]]:
    for before, after in pairwise(openings):
        if before["conversation_id"] == after["conversation_id"]:
            yield before, after
