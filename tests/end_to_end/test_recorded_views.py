"""The recorded account, loaded by a run, through every view: no error, and the totals of the tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl import database, views
from tests.conftest import new_database, run_etl
from tests.end_to_end.test_recorded_account import recorded_account

NAMES = (*views.PUBLIC, "conversation_attribute_columns", "contact_attribute_columns")
ZONE = "Asia/Jerusalem"


@pytest.fixture(scope="module")
def loaded(template: str, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with new_database(server_url, template) as url, recorded_account(url) as (_, settings):
        done = run_etl(tmp_path_factory.mktemp("recorded"), "sync", **settings, ETL_TIMEZONE=ZONE)
        assert done.returncode == 0, done.stderr
        engine = database.make_engine(url)
        yield engine
        engine.dispose()


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def value(engine: Engine, query: str) -> Any:
    ((found,),) = rows(engine, query)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_view_is_of_the_account_and_what_it_names_is_there(loaded: Engine, name: str) -> None:
    with loaded.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM bi.{name}")).mappings().all()
    assert found
    assert {row["account_id"] for row in found} == {1}
    tables = {
        "conversation_id": "conversations",
        "message_id": "messages",
        "question_message_id": "messages",
        "answer_message_id": "messages",
        "contact_id": "contacts",
        "agent_id": "agents",
        "inbox_id": "inboxes",
        "team_id": "teams",
    }
    for column in tables.keys() & found[0].keys():
        there = {id_ for (id_,) in rows(loaded, f"SELECT id FROM helpdesk.{tables[column]}")}
        assert {row[column] for row in found} - {None} <= there
