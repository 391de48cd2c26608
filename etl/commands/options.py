"""Options that several commands take."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

OneAccount = Annotated[
    int | None, typer.Option("--account", min=1, metavar="ID", help="Whose, if ETL_ACCOUNTS has several.")
]


Accounts = Annotated[
    list[int] | None,
    typer.Option("--account", min=1, metavar="ID", help="Only this account of ETL_ACCOUNTS. May be repeated."),
]


AllAccounts = Annotated[bool, typer.Option("--all", help="Every account of ETL_ACCOUNTS, one after the other.")]


# How old the data may be before somebody is told: a night, and two hours for it to take.
LONGEST_AGE = "26h"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on one line, and nothing else.")]


class Status(StrEnum):
    """The statuses that the vendor documents; it answers others with nothing, or with an error."""

    open = "open"
    resolved = "resolved"
    pending = "pending"
    snoozed = "snoozed"


class AssigneeType(StrEnum):
    """Whose conversations, from the point of view of the token's user."""

    me = "me"
    unassigned = "unassigned"
    all = "all"
    assigned = "assigned"


Statuses = Annotated[
    list[Status] | None,
    typer.Option(
        "--status", metavar="STATUS", help="Only this status: open, resolved, pending, snoozed. May be repeated."
    ),
]


Since = Annotated[str | None, typer.Option(metavar="DAY", help="Going on at or after this day.")]


Until = Annotated[str | None, typer.Option(metavar="DAY", help="Going on at or before this day.")]


def day(value: str, option: str, days_later: int = 0) -> datetime:
    """Parse a day, in UTC or with an offset; return the moment when it begins, or so many days later."""
    form = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:?\d{2})?", value)
    try:
        if form:
            begins = datetime.fromisoformat(f"{form[1]}T00:00:00{form[2] or 'Z'}")
            return (begins + timedelta(days=days_later)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{value!r} is no day such as 2026-03-01 or 2026-03-01+02:00", param_hint=option)


def age(value: str, option: str = "") -> timedelta:
    """Parse an age such as 90m, 26h or 2d."""
    form = re.fullmatch(r"(\d{1,6})([mhd])", value)
    if not form:
        raise typer.BadParameter(f"{value!r} is no age such as 90m, 26h or 2d", param_hint=option)
    return timedelta(**{UNITS[form[2]]: int(form[1])})
