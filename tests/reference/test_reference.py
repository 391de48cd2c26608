"""What the figures do not hang on: what comes later, the order of loading, another account."""

import pytest
from sqlalchemy import Engine, insert

from etl.database.bookkeeping import SyncRun
from etl.database.models import Conversation, Message
from etl.database.states import ConversationState
from etl.views import schema
from tests.databases import new_engine
from tests.examples import in_the_long_run
from tests.reference.compare import Row, base_tables, stored
from tests.reference.figures import figures
from tests.reference.nights import Desk, every_night, mixed
from tests.reference.world import wild

DAYS = 8
# What may change of an opening later is who is told to have answered in it: the vendor deletes users.
SAID = ("conversation_id", "opening", "opened_at", "opened_by", "resolved_at", "resolved_at_is", "resolved_by")


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
        before = figures(engine)
        Desk(engine, [], account_id=2).open()
        _copy_one_by_one(engine, base_tables(engine))
        assert figures(engine) == before
        there = figures(engine, 2)
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
