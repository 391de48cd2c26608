"""A figure is the same for whoever reads it: whatever time zone, style of dates or search_path a session has."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.views import schema
from tests.integration.views.test_schema import compute, put, put_states, rows
from tests.integration.views.written_rows import at

GENERATED = ("conversation_attribute_columns", "contact_attribute_columns")
# What refresh_figures computes.
FIGURES = ("conversation_openings", "customer_waits", "conversation_events", "open_spans", "inbox_days")
FIGURES += ("obligations", "conversation_sums")
ODD = (
    "SET TimeZone = 'Pacific/Kiritimati'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; "
    "SET search_path = public; SET extra_float_digits = -15; SET transform_null_equals = on"
)
# Its clocks change in the days of the written account.
JERUSALEM = "SET TimeZone = 'Asia/Jerusalem'; SET DateStyle = 'German'; SET search_path = helpdesk, bi"


def read(engine: Engine, session: str, relation: str) -> list[dict[str, Any]]:
    """Return the rows of a view as somebody sees them whose session begins so; not what moves with the clock."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"{session}; CREATE TEMP TABLE seen AS SELECT * FROM {relation}")
        # The values as they are: psycopg itself reads few styles of dates.
        connection.exec_driver_sql("SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET extra_float_digits = 1")
        found = [dict(row) for row in connection.exec_driver_sql("SELECT * FROM pg_temp.seen").mappings()]
        connection.rollback()
    return sorted((one | {"data_age_hours": None} for one in found), key=repr)


@pytest.mark.parametrize("name", [*schema.PUBLIC, *GENERATED])
def test_every_view_tells_every_session_the_same(written: Engine, name: str) -> None:
    here = read(written, "SET TimeZone = 'UTC'", f"bi.{name}")
    for session in (ODD, JERUSALEM):
        assert read(written, session, f"bi.{name}") == here


def test_the_figures_are_the_same_whoever_computes_them(written: Engine) -> None:
    relations = [f"helpdesk.{name}" for name in FIGURES]
    before = [read(written, "SET TimeZone = 'UTC'", name) for name in relations]
    for session in (ODD, JERUSALEM):
        with written.begin() as connection:
            connection.exec_driver_sql(session.replace("SET ", "SET LOCAL "))
            connection.exec_driver_sql("SELECT helpdesk.refresh_figures()")
        assert [read(written, "SET TimeZone = 'UTC'", name) for name in relations] == before


def test_the_day_after_a_day_has_24_hours_for_every_reader(engine: Engine) -> None:
    """After midnight in UTC the clocks go forward in New York: the day that begins there then has an hour less."""
    begun = datetime(2025, 3, 9, 23, 30, tzinfo=UTC)
    put(
        engine,
        conversations=[{"id": 1, "status": "open", "created_at": at(8, 10)}],
    )
    put_states(engine, {"conversation_id": 1, "valid_from": at(8, 10), "status": "open"})
    with engine.begin() as connection:
        run = text(
            "INSERT INTO helpdesk.sync_runs (account_id, kind, outcome, started_at, finished_at, host, process_id)"
            " VALUES (1, 'sync', 'complete', :begun, :begun, 'here', 1)"
        )
        connection.execute(run, {"begun": begun})
    compute(engine)
    for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
        found = read(engine, f"SET TimeZone = '{zone}'", "bi.daily_backlog")
        assert [(zone, str(one["day"]), one["open"]) for one in found] == [(zone, "2025-03-08", 1)]


def test_a_day_that_the_readers_zone_does_not_have_keeps_its_name(engine: Engine) -> None:
    """Samoa had no 30 December 2011, a Friday."""
    put(
        engine,
        conversations=[{"id": 1, "status": "open", "created_at": datetime(2011, 12, 30, 10, tzinfo=UTC)}],
    )
    compute(engine)
    assert rows(engine, "SELECT count(*) FROM bi.traffic_heatmap") == [(1,)]
    for name in ("traffic_heatmap", "calendar"):
        for zone in ("UTC", "Pacific/Apia"):
            found = read(
                engine, f"SET TimeZone = '{zone}'", f"(SELECT * FROM bi.{name} WHERE day = '2011-12-30') AS one"
            )
            assert [(one["weekday"], one["weekday_name"]) for one in found] == [(5, "Friday")]
