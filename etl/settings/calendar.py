"""The calendar of the people who use an account: when weeks begin, weekends, and whose public holidays are kept."""

import re

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ISRAEL = {"Asia/Jerusalem", "Asia/Tel_Aviv", "Israel"}
COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def check_week_start(value: str) -> str:
    """Accept the name of a weekday, in any letters."""
    if (name := value.strip().lower()) not in WEEKDAYS:
        raise ValueError("must be the name of a weekday, such as monday or sunday")
    return name


def check_weekend(value: str) -> str:
    """Accept names of weekdays with commas between them."""
    names = {name.strip().lower() for name in value.split(",")}
    if not names < set(WEEKDAYS):
        raise ValueError("must be names of weekdays, not of all seven, such as friday,saturday")
    return ",".join(name for name in WEEKDAYS if name in names)


def check_holidays(value: str) -> str:
    """Accept countries, or parts of them, whose holidays are known, with commas between them."""
    given = dict.fromkeys(name.strip().upper() for name in value.split(",") if name.strip())
    if wrong := [name for name in given if not (COUNTRY.fullmatch(name) and _is_known(name))]:
        # What has another form is not repeated, as no value is that may be something else.
        shown = ", ".join(name for name in wrong if COUNTRY.fullmatch(name)) or "something else"
        raise ValueError(
            f"must be countries such as IL, or parts such as DE-BY, whose holidays are known, and holds {shown}"
        )
    return ",".join(given)


def _is_known(name: str) -> bool:
    # Takes a third of a second, and only who names a country waits for it.
    import holidays

    country, _, part = name.partition("-")
    try:
        holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        return False
    return True


def week_start(value: str | None, time_zone: str) -> int:
    """Return the day with which weeks begin, from 1 (Monday) to 7."""
    return WEEKDAYS.index(value or ("sunday" if time_zone in ISRAEL else "monday")) + 1


def weekend(value: str | None, time_zone: str) -> list[int]:
    """Return the days of the weekend, from 1 (Monday) to 7."""
    names = value or ("friday,saturday" if time_zone in ISRAEL else "saturday,sunday")
    return [WEEKDAYS.index(name) + 1 for name in names.split(",")]


def countries(value: str | None) -> list[str]:
    """Return the countries, and parts of countries, whose holidays are kept."""
    return value.split(",") if value else []
