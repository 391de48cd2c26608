"""What a run writes down of its account's calendar, and what it says of time zones and working hours."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings
from tests.scripted_account import Job, account_of, job, notes_of

CALENDAR = "SELECT time_zone, week_starts, weekend, holidays FROM accounts"
OPEN = [{"day_of_week": day, "open_all_day": True} for day in range(7)]
# Another list of names, of which the server has no files: as new images have none of the old ones.
OTHER_NAMES = """
    CREATE OR REPLACE FUNCTION helpdesk.time_zone_links() RETURNS TABLE (today text, names text[])
    LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC VALUES ('Asia/Kolkata', '{Asia/Oldtown}'::text[]); END
"""


def rename_zones(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(OTHER_NAMES))


def holidays(etl: Job, where: str = "true") -> list[tuple[Any, ...]]:
    return etl.rows(f"SELECT country, day::text, name FROM holidays WHERE {where} ORDER BY 1, 2")


@pytest.mark.long
def test_a_run_writes_the_calendar_down_and_the_next_one_what_was_changed(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        etl.run()
        assert etl.rows(CALENDAR) == [("UTC", 1, [6, 7], [])]
        etl.run(timezone="Asia/Jerusalem")
        assert etl.rows(CALENDAR) == [("Asia/Jerusalem", 7, [5, 6], [])]
        etl.run(timezone="Asia/Jerusalem", week_starts="monday", weekend="saturday", holidays="IL,DE-BY")
        assert etl.rows(CALENDAR) == [("Asia/Jerusalem", 1, [6], ["IL", "DE-BY"])]


@pytest.mark.long
def test_two_accounts_have_a_calendar_each(engine: Engine) -> None:
    with job([account_of(1), account_of(1, number=2)], engine) as etl:
        etl.run(holidays="IL", timezone="Asia/Jerusalem")
        etl.run(account_id=2, holidays="GB")
        etl.run(holidays="DE", timezone="Asia/Jerusalem")
        assert etl.rows("SELECT account_id, week_starts, weekend, holidays FROM accounts ORDER BY 1") == [
            (1, 7, [5, 6], ["DE"]),
            (2, 1, [6, 7], ["GB"]),
        ]
        assert etl.rows("SELECT DISTINCT account_id, country FROM holidays ORDER BY 1") == [(1, "DE"), (2, "GB")]


@pytest.mark.long
def test_holidays_are_kept_from_the_first_conversation_to_the_end_of_the_next_year(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "en_US")  # names are the country's own, whoever runs it
    with job(account_of(1), engine) as etl:  # of 2023-11-14
        assert etl.run(holidays="DE-BY,IL").outcome == "complete"
        years = etl.rows("""
            SELECT country, min(extract(year FROM day))::int, max(extract(year FROM day)) - extract(year FROM now())
            FROM holidays GROUP BY 1 ORDER BY 1
        """)
        assert years == [("DE-BY", 2023, 1), ("IL", 2023, 1)]
        assert holidays(etl, "day BETWEEN '2024-01-01' AND '2024-05-31'") == [
            ("DE-BY", "2024-01-01", "Neujahr"),
            ("DE-BY", "2024-01-06", "Heilige Drei Könige"),
            ("DE-BY", "2024-03-29", "Karfreitag"),
            ("DE-BY", "2024-04-01", "Ostermontag"),
            ("DE-BY", "2024-05-01", "Erster Mai"),
            ("DE-BY", "2024-05-09", "Christi Himmelfahrt"),
            ("DE-BY", "2024-05-20", "Pfingstmontag"),
            ("DE-BY", "2024-05-30", "Fronleichnam"),
            ("IL", "2024-04-23", "פסח"),
            ("IL", "2024-04-29", "שביעי של פסח"),
            ("IL", "2024-05-14", "יום העצמאות (נצפה)"),
        ]


@pytest.mark.long
def test_holidays_that_are_as_they_were_are_not_written_again_and_what_differs_is(engine: Engine) -> None:
    versions = "SELECT country, day::text, xmin::text FROM holidays ORDER BY 1, 2"
    with job(account_of(1), engine) as etl:
        etl.run(holidays="GB,IL")
        first, told = etl.rows(versions), holidays(etl)
        etl.run(holidays="GB,IL")
        assert etl.rows(versions) == first
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE helpdesk.holidays SET name = 'x' WHERE country = 'GB' AND day = '2024-12-25'")
            )
            connection.execute(text("DELETE FROM helpdesk.holidays WHERE day = '2024-12-26'"))
            connection.execute(text("INSERT INTO helpdesk.holidays VALUES (1, 'IL', '2024-12-24', 'none')"))
        etl.run(holidays="GB,IL")
        assert holidays(etl) == told
        assert len(set(etl.rows(versions)) - set(first)) == 2


def test_the_holidays_of_a_country_that_is_left_out_go(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        etl.run(holidays="GB,IL")
        etl.run(holidays="IL")
        assert etl.rows("SELECT DISTINCT country FROM holidays") == [("IL",)]
        etl.run()
        assert holidays(etl) == []


@pytest.mark.long
def test_new_holidays_are_in_the_figures_of_the_run_that_wrote_them(engine: Engine) -> None:
    account = account_of(1, messages=1)
    for inbox in account.inboxes.values():
        inbox.timezone, inbox.working_hours_enabled, inbox.working_hours = "UTC", True, OPEN
    closed = "SELECT count(*) > 0 FROM inbox_days WHERE day = '2024-12-25' AND opens IS NULL"
    with job(account, engine) as etl:
        etl.run()
        assert etl.rows(closed) == [(False,)]
        etl.run(holidays="GB")
        assert etl.rows(closed) == [(True,)]
        assert etl.rows("SELECT is_holiday, holiday FROM bi.calendar WHERE day = '2024-12-25'") == [
            (True, "Christmas Day")
        ]


def test_an_old_name_of_the_time_zone_that_postgresql_lacks_is_todays_name_and_noted(engine: Engine) -> None:
    rename_zones(engine)
    with job(account_of(1), engine) as etl:
        settings = Settings(base_url=etl.url, account_id=1, api_token="demo-token")
        # Not by a real name: which of these a server lacks is another question on every machine.
        old = settings.model_copy(update={"timezone": "Asia/Oldtown"})
        run = sync.run(old, engine, Selection(), sync.Hooks())
        assert (run.outcome, notes_of(run)) == (
            "complete",
            ["Days are those of Asia/Kolkata, by which name PostgreSQL knows Asia/Oldtown (ETL_TIMEZONE)."],
        )
        assert etl.rows("SELECT notes FROM sync_runs") == [(run.notes,)]
        assert etl.rows("SELECT DISTINCT time_zone FROM bi.calendar") == [("Asia/Kolkata",)]


@pytest.mark.long
def test_a_name_that_postgresql_takes_for_an_abbreviation_without_summer_time_is_not_used(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        assert notes_of(etl.run(timezone="CET")) == [
            "Days are those of Europe/Brussels, by which name PostgreSQL knows CET (ETL_TIMEZONE)."
        ]
        assert etl.rows("SELECT max(ends_at - starts_at) = interval '25 hours' FROM bi.calendar") == [(True,)]


def test_inboxes_whose_working_hours_cannot_be_counted_by_are_named(engine: Engine) -> None:
    rename_zones(engine)
    account = account_of(1)
    for number, (zone, is_on, hours) in enumerate(
        [
            ("Asia/Oldtown", True, OPEN),
            ("Asia/Atlantis", True, OPEN),
            ("Asia/Atlantis", False, OPEN),
            ("Mars/Station", True, OPEN),
            ("UTC", True, [{"day_of_week": 9}]),
            ("UTC", False, []),
        ],
        1,
    ):
        inbox = account.inboxes.setdefault(number, type(account.inboxes[1])(number, "New", "Channel::Api"))
        inbox.timezone, inbox.working_hours_enabled, inbox.working_hours = zone, is_on, hours
    with job(account, engine) as etl:
        run = etl.run()
        assert (run.outcome, notes_of(run)) == (
            "complete",
            [
                "Inbox 5 has no business hours: the opening times are not such as the API describes.",
                "Inboxes 2, 4 have no business hours: PostgreSQL does not know the time zone, by whatever name.",
            ],
        )
        assert etl.rows("SELECT notes FROM sync_runs") == [(run.notes,)]
        assert etl.rows("SELECT inbox_id, time_zone FROM business_hours") == [(1, "Asia/Kolkata")]
        assert etl.rows("SELECT DISTINCT inbox_id FROM inbox_days") == [(1,)]
