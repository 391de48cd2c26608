"""The figures that take long are computed by the runs: when something was written, and only then."""

import pytest
from sqlalchemy import Engine

from etl.database import migrate
from etl.demo import events
from etl.load.upsert import psycopg_of
from etl.selection import Selection
from etl.views import schema
from tests.scripted_account import DAY, LONG_AGO, account_of, job

OPENINGS = "SELECT count(*) FROM conversation_openings"


def drop_views(engine: Engine) -> None:
    with engine.begin() as connection:
        schema.drop(psycopg_of(connection))


@pytest.mark.long
def test_after_a_run_every_conversation_has_its_opening(engine: Engine) -> None:
    account = account_of(30)
    with job(account, engine) as etl:
        etl.run()
        assert etl.rows(OPENINGS) == [(30,)]
        events.delete_conversation(account, 7)
        events.set_custom_attributes(account, 8, {"plan": "gold"}, LONG_AGO + DAY)
        etl.run()
        assert etl.rows(OPENINGS) == [(30,)]


def computed(engine: Engine) -> str:
    """Return which versions of their rows the figures have."""
    tables = ("conversation_openings", "customer_waits", "conversation_events", "inbox_days")
    tables += ("open_spans", "obligations", "conversation_sums")
    rows = [f"SELECT '{one}', ctid, xmin FROM helpdesk.{one}" for one in tables]
    with engine.connect() as connection:
        return repr(sorted(map(repr, connection.exec_driver_sql(" UNION ALL ".join(rows)))))


@pytest.mark.long
def test_a_run_that_writes_nothing_computes_nothing(engine: Engine) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        before = computed(engine)
        assert (etl.run().outcome, computed(engine)) == ("complete", before)


def test_a_run_computes_the_figures_of_what_it_changed_and_of_nothing_else(engine: Engine) -> None:
    account = account_of(30)
    with job(account, engine) as etl:
        etl.run()
        events.add_message(account, 7, "and one more thing", at=LONG_AGO + DAY)
        etl.run()
        last = "SELECT xmin FROM figures_computed"
        assert etl.rows(f"SELECT conversation_id FROM conversation_openings WHERE xmin = ({last})") == [(7,)]
        with etl.engine.begin() as connection:
            assert schema.refresh(connection, everything=True) == 30


def test_figures_that_cannot_be_computed_are_a_problem_and_the_next_run_computes_them(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        etl.run()
        drop_views(engine)
        events.add_message(account, 2, "and one more thing", at=LONG_AGO + DAY)
        run = etl.run()
        assert run.outcome == "incomplete"
        assert len(run.problems) == 1
        assert run.problems[0].startswith("Reply times and resolutions in schema bi are those of an earlier run. ")
        assert "does not exist" in run.problems[0]
        assert etl.rows("SELECT outcome, problems FROM sync_runs ORDER BY run_id DESC LIMIT 1") == [
            ("incomplete", run.problems)
        ]
        # With the views went what notes changes: so everything is computed anew.
        assert etl.rows("SELECT conversation_id FROM stale_figures") == []
        migrate.migrate(engine)
        assert etl.run().outcome == "complete"
        last = "SELECT xmin FROM figures_computed"
        assert etl.rows(f"SELECT count(*) FROM conversation_openings WHERE xmin = ({last})") == [(3,)]


@pytest.mark.long
@pytest.mark.parametrize("outcome", ["failed", "interrupted", "incomplete"])
def test_what_a_run_wrote_and_did_not_count_is_counted_by_the_next_one(engine: Engine, outcome: str) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE helpdesk.sync_runs SET outcome = '{outcome}'")
            connection.exec_driver_sql("INSERT INTO helpdesk.conversations (account_id, id) VALUES (1, 4)")
        etl.run()
        assert etl.rows(OPENINGS) == [(4,)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("selection", "confirms"),
    [
        (Selection(recent=True), True),
        (Selection(recent=True, audit=True), True),
        (Selection(audit=True), True),
        (Selection(kind="backfill"), True),  # of everything, with a ledger
        (Selection(kind="backfill", statuses=("open",)), False),
        (Selection(statuses=("open",)), False),
    ],
)
def test_a_real_run_counts_as_a_look_at_the_whole_account_only_where_it_was(
    engine: Engine, selection: Selection, confirms: bool
) -> None:
    """How a run is written down and how the figures read that have to agree: nothing else would tell."""
    with job(account_of(3), engine) as etl:
        etl.run()
        run = etl.run(selection)
        whole = [number for (number,) in etl.rows("SELECT run_id FROM whole_runs WHERE has_seen_all")]
    assert (run.outcome, run.run_id in whole) == ("complete", confirms)
