"""When an inbox will have been open for so many seconds: the inverse of business_seconds, on random calendars."""

import json
from random import Random

import pytest
from sqlalchemy import Engine

from tests.integration.views import told_account

ZONES = ("Asia/Jerusalem", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kolkata", "UTC")
SET = """
    UPDATE helpdesk.inboxes
    SET working_hours_enabled = true, working_hours = CAST(:hours AS jsonb), timezone = :zone WHERE id = 1
"""
# For random moments and durations: when they are due, and what the seconds are until then, and until just before.
DUE = """
    SELECT since, seconds, due.at, helpdesk.business_seconds(since, first, due.at, last),
        helpdesk.business_seconds(since, first, due.at - interval '1 second', before), due.at > since
    FROM generate_series(timestamptz '2025-01-05 00:07:13Z', '2025-12-20Z', interval '1 day 07:31:17') AS since
    CROSS JOIN LATERAL (
        SELECT (array[1, 300, 3600, 14400, 86400, 400000])[1 + extract(doy FROM since)::int % 6]::bigint AS seconds
    ) AS wanted
    JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day WHERE day.starts_at <= since ORDER BY day.starts_at DESC LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.starts_at >= first.starts_at
          AND day.open_before + (day.closes - day.opens)
            >= helpdesk.open_until(since, first) + make_interval(secs => seconds)
        ORDER BY day.starts_at LIMIT 1
    ) AS reaching ON true
    CROSS JOIN LATERAL (
        SELECT helpdesk.business_due(helpdesk.open_until(since, first) + make_interval(secs => seconds), reaching) AS at
    ) AS due
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day WHERE day.starts_at <= due.at ORDER BY day.starts_at DESC LIMIT 1
    ) AS last ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.starts_at <= due.at - interval '1 second' ORDER BY day.starts_at DESC LIMIT 1
    ) AS before ON true
"""


def hours(chance: Random) -> str:
    """Return working hours: days that are closed, open all day, or open for hours that may reach to midnight."""
    days = []
    for day in range(7):
        opens, closes = sorted(chance.sample(range(25 * 4 - 3), k=2))
        told = {"day_of_week": day, "closed_all_day": chance.random() < 0.3, "open_all_day": chance.random() < 0.2}
        told |= {"open_hour": opens // 4, "open_minutes": opens % 4 * 15}
        days.append(told | {"close_hour": closes // 4, "close_minutes": closes % 4 * 15})
    days[chance.randrange(7)] |= {"closed_all_day": False, "open_all_day": True}
    return json.dumps(days)


@pytest.mark.parametrize("seed", range(8))
def test_it_is_due_at_the_first_moment_at_which_the_seconds_have_passed(engine: Engine, seed: int) -> None:
    chance, told = Random(seed), told_account.tell(engine)
    told.conversation(1, "01-02 09:00", created_at="2025-01-02 09:00Z")
    told.do(SET, hours=hours(chance), zone=ZONES[seed % len(ZONES)])
    for day in chance.sample(range(1, 29), k=9):
        told.do(
            "INSERT INTO helpdesk.holidays (account_id, country, day, name) VALUES (1, 'IL', CAST(:day AS date), 'x')",
            day=f"2025-{chance.randrange(1, 13):02}-{day:02}",
        )
    told.do("SELECT helpdesk.write_inbox_days(1)")
    rows = told.rows(DUE)
    assert len(rows) > 200
    for since, seconds, due, until_due, until_before, is_later in rows:
        assert (until_due, until_before, is_later) == (seconds, seconds - 1, True), (since, due)


def test_without_hours_nothing_is_due(engine: Engine) -> None:
    told = told_account.tell(engine)
    told.conversation(1, "01-02 09:00", created_at="2025-01-02 09:00Z")
    told.do("SELECT helpdesk.write_inbox_days(1)")
    assert told.rows("""
        SELECT helpdesk.business_due(interval '1 hour', NULL), helpdesk.business_seconds(now(), NULL, now(), NULL)
    """) == [(None, None)]


def test_where_it_is_never_open_nothing_is_due(engine: Engine) -> None:
    told = told_account.tell(engine)
    told.conversation(1, "01-02 09:00", created_at="2025-01-02 09:00Z")
    told.do(SET, hours=json.dumps([{"day_of_week": day, "closed_all_day": True} for day in range(7)]), zone="UTC")
    told.do("SELECT helpdesk.write_inbox_days(1)")
    assert {due for _, _, due, *_ in told.rows(DUE)} == {None}
