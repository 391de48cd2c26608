"""The calendar of an account's people: weeks, weekends, holidays, business hours, and the names of time zones."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.views import told_account
from tests.integration.views.told_account import Rows, Told

# Sunday to Thursday from 9 to 17, closed on Friday and Saturday.
HOURS = """[{"day_of_week": 0, "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0},
    {"day_of_week": 1, "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0},
    {"day_of_week": 2, "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0},
    {"day_of_week": 3, "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0},
    {"day_of_week": 4, "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0},
    {"day_of_week": 5, "closed_all_day": true}, {"day_of_week": 6, "closed_all_day": true}]"""
SWITCH_ON = """
    UPDATE helpdesk.inboxes
    SET working_hours_enabled = true, working_hours = CAST(:hours AS jsonb), timezone = :zone WHERE id = 1
"""


@pytest.fixture
def told(engine: Engine) -> Told:
    return told_account.tell(engine)


def week_of(told: Told, first: str, last: str) -> Rows:
    return told.rows(
        "SELECT to_char(day, 'MM-DD'), year, iso_year, iso_week, to_char(week_starts_on, 'MM-DD'), weekday, is_weekend"
        " FROM bi.calendar WHERE day BETWEEN CAST(:first AS date) AND CAST(:last AS date) ORDER BY day",
        first=first,
        last=last,
    )


def keep(told: Told, *holidays: tuple[str, str, str]) -> None:
    """Keep holidays: (country, day, name)."""
    for country, day, name in holidays:
        told.do(
            "INSERT INTO helpdesk.holidays (account_id, country, day, name) VALUES (1, :country, :day, :name)",
            country=country,
            day=date.fromisoformat(day),
            name=name,
        )


def test_the_week_around_new_year_belongs_to_one_year_and_begins_where_the_account_has_it(told: Told) -> None:
    told.conversation(1, "01-02 09:00", created_at="2025-01-02 09:00Z")
    assert week_of(told, "2025-12-27", "2026-01-05") == [
        ("12-27", 2025, 2025, 52, "12-22", 6, True),
        ("12-28", 2025, 2025, 52, "12-22", 7, True),
        ("12-29", 2025, 2026, 1, "12-29", 1, False),
        ("12-30", 2025, 2026, 1, "12-29", 2, False),
        ("12-31", 2025, 2026, 1, "12-29", 3, False),
        ("01-01", 2026, 2026, 1, "12-29", 4, False),
        ("01-02", 2026, 2026, 1, "12-29", 5, False),
        ("01-03", 2026, 2026, 1, "12-29", 6, True),
        ("01-04", 2026, 2026, 1, "12-29", 7, True),
        ("01-05", 2026, 2026, 2, "01-05", 1, False),
    ]
    told.do("UPDATE helpdesk.accounts SET week_starts = 7, weekend = '{5,6}'")
    assert week_of(told, "2025-12-27", "2026-01-05") == [
        ("12-27", 2025, 2025, 52, "12-21", 6, True),
        ("12-28", 2025, 2025, 52, "12-28", 7, False),
        ("12-29", 2025, 2026, 1, "12-28", 1, False),
        ("12-30", 2025, 2026, 1, "12-28", 2, False),
        ("12-31", 2025, 2026, 1, "12-28", 3, False),
        ("01-01", 2026, 2026, 1, "12-28", 4, False),
        ("01-02", 2026, 2026, 1, "12-28", 5, True),
        ("01-03", 2026, 2026, 1, "12-28", 6, True),
        ("01-04", 2026, 2026, 1, "01-04", 7, False),
        ("01-05", 2026, 2026, 2, "01-04", 1, False),
    ]


@pytest.mark.parametrize("week_starts", range(1, 8))
def test_a_week_has_seven_days_and_begins_on_its_day_whichever_that_is(told: Told, week_starts: int) -> None:
    told.conversation(1, "01-02 09:00")
    told.do("UPDATE helpdesk.accounts SET week_starts = :day", day=week_starts)
    assert told.rows(
        "SELECT DISTINCT extract(isodow FROM week_starts_on)::int, day - week_starts_on FROM bi.calendar ORDER BY 2"
    ) == [(week_starts, days) for days in range(7)]


def test_a_holiday_has_its_name_and_one_of_two_countries_both_names_once(told: Told) -> None:
    told.conversation(1, "04-01 09:00")
    keep(told, ("IL", "2026-04-02", "פסח"), ("DE-BY", "2026-04-03", "Karfreitag"), ("GB", "2026-04-03", "Good Friday"))
    keep(told, ("DE-BE", "2026-04-03", "Karfreitag"), ("IL", "2099-04-03", "פסח"))
    assert told.rows("SELECT day, is_holiday, holiday FROM bi.calendar WHERE day < '2026-04-05' ORDER BY day") == [
        (date(2026, 4, 1), False, None),
        (date(2026, 4, 2), True, "פסח"),
        (date(2026, 4, 3), True, "Good Friday; Karfreitag"),
        (date(2026, 4, 4), False, None),
    ]


def business_seconds(told: Told) -> Rows:
    return told.rows(
        "SELECT conversation_id, reply_seconds, reply_business_seconds FROM helpdesk.customer_waits ORDER BY 1"
    )


def two_conversations(told: Told) -> None:
    """Tell of two, asked on Wednesday 2026-04-01 at 12:00 in Jerusalem; the second one is answered on the same day."""
    told.do(SWITCH_ON, hours=HOURS, zone="Asia/Jerusalem")
    for number, answered in ((1, "04-05 07:00"), (2, "04-01 10:00")):
        told.conversation(number, "04-01 09:00")
        told.wrote(number, ("04-01 09:00", "in"), (answered, "Ann"))
    told.saw("04-05 22:00", (1, "open", 1), (2, "open", 1))


def test_a_holiday_has_no_business_seconds_and_whoever_waited_over_it_is_counted_anew(told: Told) -> None:
    two_conversations(told)
    # Five hours of Wednesday, eight of Thursday, one of Sunday.
    assert business_seconds(told) == [(1, 338_400, 50_400), (2, 3600, 3600)]
    keep(told, ("IL", "2026-04-02", "פסח"))
    assert told.compute() == 2  # all of the inbox: by how much each one changes is not asked
    assert business_seconds(told) == [(1, 338_400, 21_600), (2, 3600, 3600)]
    told.do("DELETE FROM helpdesk.holidays")
    assert told.compute() == 2
    assert business_seconds(told) == [(1, 338_400, 50_400), (2, 3600, 3600)]


def test_an_inbox_that_is_always_open_is_closed_on_a_holiday_of_its_own_day(told: Told) -> None:
    always = ", ".join(f'{{"day_of_week": {day}, "open_all_day": true}}' for day in range(7))
    told.do(SWITCH_ON, hours=f"[{always}]", zone="America/New_York")
    keep(told, ("US", "2026-04-02", "A day off"))
    told.conversation(1, "04-02 03:00")
    told.wrote(1, ("04-02 03:00", "in"), ("04-03 05:00", "Ann"))
    told.saw("04-05 22:00", (1, "open", 1))
    # There the holiday is from 04:00 to 04:00 UTC.
    assert business_seconds(told) == [(1, 26 * 3600, 2 * 3600)]


def test_holidays_of_days_to_come_and_of_days_that_were_closed_make_no_figure_stale(told: Told) -> None:
    two_conversations(told)
    keep(told, ("IL", "2099-04-05", "פסח"), ("IL", "2026-04-03", "on a Friday"), ("IL", "2025-04-13", "before all"))
    assert told.compute() == 0


def test_an_account_without_a_conversation_has_no_opening_days(told: Told) -> None:
    told.do(SWITCH_ON, hours=HOURS, zone="Asia/Jerusalem")
    assert told.compute() == 0
    assert told.rows("SELECT count(*) FROM helpdesk.inbox_days") == [(0,)]


@pytest.mark.parametrize(
    ("zone", "known_as"),
    [
        ("Asia/Jerusalem", {"Asia/Jerusalem"}),
        ("UTC", {"UTC"}),
        ("Etc/GMT+3", {"Etc/GMT+3"}),
        ("America/Port-au-Prince", {"America/Port-au-Prince"}),
        ("EST5EDT", {"EST5EDT"}),
        # By the server's own files where it has them, which some have not.
        ("Asia/Calcutta", {"Asia/Calcutta", "Asia/Kolkata"}),
        ("Europe/Kiev", {"Europe/Kiev", "Europe/Kyiv"}),
        ("US/Pacific", {"US/Pacific", "America/Los_Angeles"}),
        # PostgreSQL takes them for abbreviations, which have no summer time.
        ("CET", {"Europe/Brussels"}),
        ("EET", {"Europe/Athens"}),
        ("EST", {"America/Panama"}),
        # What is no name of a zone, though PostgreSQL would take some of it.
        ("IST", {None}),
        ("Jerusalem", {None}),
        ("Berlin-1", {None}),
        ("Europe/Berlin-1", {None}),
        ("Asia/Atlantis", {None}),
        ("(GMT+02:00) Jerusalem", {None}),
        ("Pacific Time (US & Canada)", {None}),
        ("../../etc/passwd", {None}),
        ("", {None}),
        (None, {None}),
    ],
)
def test_a_time_zone_has_the_name_by_which_the_server_knows_it(engine: Engine, zone: str, known_as: set[Any]) -> None:
    ((found,),) = Told(engine).rows("SELECT helpdesk.known_time_zone(:zone)", zone=zone)
    assert found in known_as


@pytest.mark.parametrize(
    ("zone", "known_as"),
    [
        ("Asia/Oldtown", "Asia/Jerusalem"),
        ("Asia/Tel_Aviv_Old", "Asia/Jerusalem"),
        ("Europe/Newtown", "Europe/Berlin"),
        ("Europe/Newertown", "Europe/Berlin"),
        ("Mars/Old", None),
        ("Mars/New", None),
    ],
)
def test_an_old_name_that_the_server_lacks_is_found_by_todays_and_a_new_one_by_an_old_one(
    told: Told, zone: str, known_as: str | None
) -> None:
    """With a list of other names, of which the server has no files, as new images have none of the old ones."""
    told.do("""
        CREATE OR REPLACE FUNCTION helpdesk.time_zone_links() RETURNS TABLE (today text, names text[])
        LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
            VALUES ('Asia/Jerusalem', '{Asia/Oldtown,Asia/Tel_Aviv_Old}'::text[]), ('Mars/New', '{Mars/Old}'::text[]),
                ('Europe/Newtown', '{Europe/Newertown,Europe/Berlin}'::text[]);
        END
    """)
    told.do(SWITCH_ON, hours=HOURS, zone=zone)
    known = [(1, known_as)] if known_as else []
    assert told.rows("SELECT inbox_id, time_zone FROM helpdesk.business_hours") == known


def test_every_name_of_the_list_is_known_on_this_server_and_has_todays_time(engine: Engine) -> None:
    assert Told(engine).rows("""
        SELECT count(*) > 200, bool_and(now() AT TIME ZONE old.name = now() AT TIME ZONE new.name)
        FROM helpdesk.time_zone_links() AS link CROSS JOIN unnest(link.names) AS one (name)
        CROSS JOIN helpdesk.known_time_zone(one.name) AS old (name)
        CROSS JOIN helpdesk.known_time_zone(link.today) AS new (name)
        HAVING count(old.name) = count(*)
    """) == [(True, True)]
