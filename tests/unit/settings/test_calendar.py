import subprocess
import sys

import pytest

from etl.errors import SettingsError
from etl.settings import calendar
from etl.settings.settings import Settings, load

pytestmark = pytest.mark.usefixtures("bare_environment")

NEEDED = {"account_id": 1, "api_token": "t0ken"}


def of(**given) -> tuple[int, list[int], list[str]]:
    """Return with which day weeks begin, the weekend, and the countries."""
    read = load(Settings, **(NEEDED | given))
    return (
        calendar.week_start(read.week_starts, read.timezone),
        calendar.weekend(read.weekend, read.timezone),
        calendar.countries(read.holidays),
    )


@pytest.mark.parametrize(
    ("zone", "week_start", "weekend"),
    [
        ("UTC", 1, [6, 7]),
        ("Europe/Berlin", 1, [6, 7]),
        ("Asia/Jerusalem", 7, [5, 6]),
        ("Asia/Tel_Aviv", 7, [5, 6]),
        ("Israel", 7, [5, 6]),
    ],
)
def test_weeks_and_weekends_are_those_of_the_time_zone_where_nothing_is_said(zone, week_start, weekend):
    assert of(timezone=zone) == (week_start, weekend, [])


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"week_starts": " Sunday ", "weekend": "SUNDAY"}, (7, [7], [])),
        ({"week_starts": "saturday", "weekend": "friday,Thursday , friday"}, (6, [4, 5], [])),
        ({"timezone": "Asia/Jerusalem", "week_starts": "monday", "weekend": "saturday,sunday"}, (1, [6, 7], [])),
        ({"holidays": "il, us-ca ,DE-BY,IL,"}, (1, [6, 7], ["IL", "US-CA", "DE-BY"])),
        ({"holidays": ""}, (1, [6, 7], [])),
    ],
)
def test_what_is_said_holds(given, read):
    assert of(**given) == read


NO_WEEKDAY = "ETL_WEEK_STARTS: must be the name of a weekday, such as monday or sunday"
NO_WEEKEND = "ETL_WEEKEND: must be names of weekdays, not of all seven, such as friday,saturday"
NO_COUNTRY = "ETL_HOLIDAYS: must be countries such as IL, or parts such as DE-BY, whose holidays are known, and holds "


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"week_starts": "7"}, NO_WEEKDAY),
        ({"week_starts": "sun"}, NO_WEEKDAY),
        ({"week_starts": "saturday,sunday"}, NO_WEEKDAY),
        ({"weekend": "friday saturday"}, NO_WEEKEND),
        ({"weekend": "friday,someday"}, NO_WEEKEND),
        ({"weekend": "friday,"}, NO_WEEKEND),
        ({"weekend": "monday,tuesday,wednesday,thursday,friday,saturday,sunday"}, NO_WEEKEND),
        ({"holidays": "XX"}, NO_COUNTRY + "XX"),
        ({"holidays": "IL,DE-ZZ,QQ"}, NO_COUNTRY + "DE-ZZ, QQ"),
        ({"holidays": "ISR"}, NO_COUNTRY + "something else"),
        ({"holidays": "Israel"}, NO_COUNTRY + "something else"),
        ({"holidays": "DE/BY"}, NO_COUNTRY + "something else"),
    ],
)
def test_what_is_no_weekday_and_no_country_is_refused(given, said):
    with pytest.raises(SettingsError) as refused:
        load(Settings, **(NEEDED | given))
    assert str(refused.value) == f"The settings have faults:\n  {said}"


@pytest.mark.long
def test_who_names_no_country_does_not_wait_for_the_list_of_holidays():
    program = (
        "import sys; from etl.settings.settings import Settings; import etl.run.sync\n"
        "Settings(account_id=1, api_token='t'); print('holidays' in sys.modules)\n"
        "Settings(account_id=1, api_token='t', holidays='IL'); print('holidays' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\nTrue\n"
