"""The figures that take long are computed by the runs: when something was written, and only then."""

import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.load.upsert import psycopg_of
from etl.views import schema
from tests.scripted_account import DAY, LONG_AGO, account_of, job

OPENINGS = "SELECT count(*) FROM conversation_openings"


def drop_views(engine: Engine) -> None:
    with engine.begin() as connection:
        schema.drop(psycopg_of(connection))


def test_after_a_run_every_conversation_has_its_opening(engine: Engine) -> None:
    account = account_of(30)
    with job(account, engine) as etl:
        etl.run()
        assert etl.rows(OPENINGS) == [(30,)]
        events.delete_conversation(account, 7)
        events.set_custom_attributes(account, 8, {"plan": "gold"}, LONG_AGO + DAY)
        etl.run()
        assert etl.rows(OPENINGS) == [(30,)]


def test_a_run_that_writes_nothing_computes_nothing(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        etl.run()
        drop_views(engine)
        assert (etl.run().outcome, etl.run().problems) == ("complete", [])

        events.set_custom_attributes(account, 2, {"plan": "gold"}, LONG_AGO + DAY)
        run = etl.run()
        assert run.outcome == "incomplete"
        assert len(run.problems) == 1
        assert run.problems[0].startswith("Reply times and resolutions in schema bi are those of an earlier run. ")
        assert 'relation "helpdesk.conversation_openings" does not exist' in run.problems[0]


@pytest.mark.parametrize("outcome", ["failed", "interrupted", "incomplete"])
def test_what_a_run_wrote_and_did_not_count_is_counted_by_the_next_one(engine: Engine, outcome: str) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE helpdesk.sync_runs SET outcome = '{outcome}'")
            connection.exec_driver_sql("INSERT INTO helpdesk.conversations (account_id, id) VALUES (1, 4)")
        etl.run()
        assert etl.rows(OPENINGS) == [(4,)]
