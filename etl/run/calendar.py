"""The calendar of an account's people in the database: time zone, weeks, weekends, public holidays, business hours."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, delete, func, insert, literal_column, select, text, tuple_

from etl.database.figures import Holiday
from etl.database.models import WRITTEN_AT, Conversation, Message
from etl.load.journal import Run
from etl.settings import calendar
from etl.settings.settings import Settings

KNOWN_AS = text("SELECT helpdesk.known_time_zone(:name)")
EARLIEST_YEAR = 1970  # as in the views
WITHOUT_HOURS = text("""
    SELECT helpdesk.are_working_hours(working_hours), array_agg(id ORDER BY id)
    FROM helpdesk.inboxes
    WHERE account_id = :account_id AND working_hours_enabled
      AND NOT (helpdesk.are_working_hours(working_hours) AND helpdesk.known_time_zone(timezone) IS NOT NULL)
    GROUP BY 1 ORDER BY 1
""")
WHY = {
    True: "PostgreSQL does not know the time zone, by whatever name",
    False: "the opening times are not such as the API describes",
}


def columns(connection: Connection, settings: Settings, run: Run) -> dict[str, Any]:
    """Return what the account's row says of its calendar; note it where PostgreSQL has another name for the time zone.

    Raise the driver's error when it knows the zone by no name: the views would fail later.
    """
    zone = connection.scalar(KNOWN_AS, {"name": settings.timezone}) or settings.timezone
    connection.execute(select(func.timezone(zone, func.now())))
    if zone != settings.timezone:
        run.notes.append(
            f"Days are those of {zone}, by which name PostgreSQL knows {settings.timezone} (ETL_TIMEZONE)."
        )
    return {
        "time_zone": zone,
        "week_starts": calendar.week_start(settings.week_starts, settings.timezone),
        "weekend": calendar.weekend(settings.weekend, settings.timezone),
        "holidays": calendar.countries(settings.holidays),
    }


def keep_holidays(connection: Connection, settings: Settings) -> None:
    """Write the public holidays of the account's countries, from its first conversation to the end of the next year.

    Only what differs is written, and what is none any more goes.
    """
    account_id = settings.account_id
    countries = calendar.countries(settings.holidays)
    years = _years(connection, account_id) if countries else range(0)
    wanted = {(country, day): name for country in countries for day, name in _holidays(country, years).items()}
    of_account = Holiday.account_id == account_id
    stored = {
        (one.country, one.day): one.name
        for one in connection.execute(select(Holiday.country, Holiday.day, Holiday.name).where(of_account))
    }
    if outdated := [key for key, name in stored.items() if wanted.get(key) != name]:
        connection.execute(delete(Holiday).where(of_account, tuple_(Holiday.country, Holiday.day).in_(outdated)))
    if new := [key for key, name in wanted.items() if stored.get(key) != name]:
        rows = [{"account_id": account_id, "country": key[0], "day": key[1], "name": wanted[key]} for key in new]
        connection.execute(insert(Holiday), rows)


def _years(connection: Connection, account_id: int) -> range:
    """Return the years of the calendar, as the views have it, and the next one."""
    conversations = select(func.min(Conversation.created_at)).where(Conversation.account_id == account_id)
    messages = select(func.min(literal_column(WRITTEN_AT, DateTime))).where(Message.account_id == account_id)
    first, now = connection.execute(
        select(func.least(conversations.scalar_subquery(), messages.scalar_subquery()), func.now())
    ).one()
    # A day earlier, as the year may begin later in UTC than there.
    first_year = min(first - timedelta(days=1), now).year if first else now.year
    return range(max(EARLIEST_YEAR, first_year), now.year + 2)


def _holidays(name: str, years: range) -> dict[date, str]:
    """Return the holidays of a country, or of a part of one, as its people call them."""
    # Takes a third of a second, and only who names a country waits for it.
    import holidays

    country, _, part = name.partition("-")
    known = holidays.country_holidays(country, subdiv=part or None)
    # Without a language it would be that of this process' environment.
    return dict(
        holidays.country_holidays(country, subdiv=part or None, years=years, language=known.default_language).items()
    )


def inboxes_without_hours(connection: Connection, account_id: int) -> Iterator[str]:
    """Yield sentences on the inboxes whose working hours are switched on and cannot be counted by."""
    for are_hours, ids in connection.execute(WITHOUT_HOURS, {"account_id": account_id}):
        whose = f"Inbox {ids[0]} has" if len(ids) == 1 else f"Inboxes {', '.join(map(str, ids))} have"
        yield f"{whose} no business hours: {WHY[are_hours]}."
