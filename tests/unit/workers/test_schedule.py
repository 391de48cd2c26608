from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from etl.settings.cron import check_cron
from etl.workers.schedule import AUDIT, FULL, RECENT, Times

JERUSALEM = ZoneInfo("Asia/Jerusalem")
NIGHTLY = Times("0 2 * * *", zone="Asia/Jerusalem")
# At 02:00 the clock goes on to 03:00 in spring, and back to 01:00 in autumn.
FORWARD, BACK = (date(2026, 3, 27), date(2027, 3, 26)), (date(2026, 10, 25), date(2027, 10, 31))
A_MICROSECOND = timedelta(microseconds=1)


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def moments(times: Times, begin: datetime, end: datetime) -> list[datetime]:
    """Return every moment after `begin` and before `end`."""

    def following() -> Iterator[datetime]:
        now = begin
        while (moment := times.next(now)) is not None:
            yield moment
            now = moment

    return list(takewhile(lambda one: one < end, following()))


@pytest.mark.parametrize("expression", ["30 2 * * *", "*/15 * * * *", "0 2 * * MON-FRI", "0 2 1,15 * *"])
def test_an_expression_of_five_fields_is_accepted_as_it_is(expression: str) -> None:
    assert check_cron(expression) == expression


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "0 30 2 * * *", "60 2 * * *", "0 24 * * *", "at two", "@daily", "0 0 30 2 *"]
)
def test_anything_else_is_refused_with_an_example(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a cron expression .*, such as 30 2 \* \* \*, or never$"):
        check_cron(expression)


def test_every_night_of_two_years_has_one_moment_over_all_four_changes_of_the_clock() -> None:
    nights = [one.astimezone(JERUSALEM) for one in moments(NIGHTLY, utc("2025-12-31 12:00"), utc("2027-12-31 12:00"))]
    assert [one.date() for one in nights] == [date(2026, 1, 1) + timedelta(days=number) for number in range(730)]
    assert {(one.date(), one.hour, one.minute) for one in nights if (one.hour, one.minute) != (2, 0)} == {
        (day, 3, 0) for day in FORWARD  # there is no 02:00
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cron", "begin", "expected"),
    [
        ("0 2 * * *", "2026-03-25 12:00", ["2026-03-26 00:00", "2026-03-27 00:00", "2026-03-27 23:00"]),
        ("0 2 * * *", "2026-10-23 12:00", ["2026-10-23 23:00", "2026-10-25 00:00", "2026-10-26 00:00"]),
        ("0 2 * * *", "2027-03-24 12:00", ["2027-03-25 00:00", "2027-03-26 00:00", "2027-03-26 23:00"]),
        ("0 2 * * *", "2027-10-29 12:00", ["2027-10-29 23:00", "2027-10-31 00:00", "2027-11-01 00:00"]),
        # 02:30 is not shown in spring, and 01:30 twice in autumn: it counts when it comes first.
        ("30 2 * * *", "2026-03-25 12:00", ["2026-03-26 00:30", "2026-03-27 00:00", "2026-03-27 23:30"]),
        ("30 1 * * *", "2026-10-23 12:00", ["2026-10-23 22:30", "2026-10-24 22:30", "2026-10-25 23:30"]),
    ],
)  # fmt: skip
def test_around_a_change_the_nights_come_at_these_moments(cron: str, begin: str, expected: list[str]) -> None:
    times = Times(cron, zone="Asia/Jerusalem")
    end = utc(expected[-1])
    assert moments(times, utc(begin), end + A_MICROSECOND) == [utc(one) for one in expected]
    assert times.last(end) == [(end, FULL)]


def test_the_last_moment_is_the_one_that_the_next_ones_come_to_on_every_day_of_a_change() -> None:
    """Every ten minutes of the days around each change, and just before and after each moment."""
    for day in (*FORWARD, *BACK):
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
        nights = moments(NIGHTLY, begin - timedelta(days=1), begin + timedelta(days=3))
        clocks = [begin + timedelta(minutes=10 * number) for number in range(3 * 144)]
        clocks += [night + some for night in nights[1:] for some in (-A_MICROSECOND, timedelta(0), A_MICROSECOND)]
        for now in clocks:
            assert NIGHTLY.last(now) == [(max(one for one in nights if one <= now), FULL)]


def test_a_moment_counts_when_it_is_there_to_the_microsecond() -> None:
    night = utc("2026-06-01 23:00")
    assert NIGHTLY.last(night) == [(night, FULL)]
    assert NIGHTLY.last(night - A_MICROSECOND) == [(utc("2026-05-31 23:00"), FULL)]
    assert NIGHTLY.last(night + A_MICROSECOND) == [(night, FULL)]
    assert NIGHTLY.next(night - A_MICROSECOND) == night
    assert NIGHTLY.next(night) == utc("2026-06-02 23:00")
    assert NIGHTLY.next(night + timedelta(seconds=59, microseconds=999_999)) == utc("2026-06-02 23:00")


def test_the_clock_may_be_told_in_any_zone() -> None:
    now = utc("2026-06-01 23:00").astimezone(ZoneInfo("America/New_York"))
    assert NIGHTLY.last(now) == [(utc("2026-06-01 23:00"), FULL)]
    assert NIGHTLY.next(now) == utc("2026-06-02 23:00")


def test_of_full_and_recent_runs_and_audits_each_has_its_last_moment_and_the_one_that_does_most_comes_first() -> None:
    times = Times("0 2 * * *", "0 */2 * * *", "0 2 * * 6")  # the sixth of June is a Saturday
    assert times.last(utc("2026-06-06 01:59")) == [
        (utc("2026-05-30 02:00"), AUDIT), (utc("2026-06-05 02:00"), FULL), (utc("2026-06-06 00:00"), RECENT),
    ]  # fmt: skip
    assert times.last(utc("2026-06-06 02:00")) == [(utc("2026-06-06 02:00"), one) for one in (AUDIT, FULL, RECENT)]
    assert times.next(utc("2026-06-05 02:00")) == utc("2026-06-05 04:00")
    assert Times("30 2 * * *", "0 */2 * * *").next(utc("2026-06-05 02:00")) == utc("2026-06-05 02:30")
    assert Times("30 2 * * *", audit="15 2 * * *").next(utc("2026-06-05 02:00")) == utc("2026-06-05 02:15")


@pytest.mark.parametrize("never", ["never", "0 0 */31 * SUN#2"])  # the first of a month is never its second Sunday
def test_what_never_comes_is_never_due_and_keeps_nothing_else_from_being_due(never: str) -> None:
    assert check_cron(never) == never
    now = utc("2026-06-01 12:34")
    assert (Times(never).last(now), Times(never).next(now)) == ([], None)
    some = Times(never, "0 * * * *")
    assert (some.last(now), some.next(now)) == ([(utc("2026-06-01 12:00"), RECENT)], utc("2026-06-01 13:00"))
    some = Times("0 * * * *", never)
    assert (some.last(now), some.next(now)) == ([(utc("2026-06-01 12:00"), FULL)], utc("2026-06-01 13:00"))


def test_a_day_that_few_years_have_is_found_backward_and_forward() -> None:
    leap = Times("0 0 29 2 *")
    assert leap.last(utc("2026-06-01 00:00")) == [(utc("2024-02-29 00:00"), FULL)]
    assert leap.next(utc("2026-06-01 00:00")) == utc("2028-02-29 00:00")
