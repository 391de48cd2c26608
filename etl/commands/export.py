"""`etl export`: one view of schema `bi` as a file, for a spreadsheet or for programs."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, say_below
from etl.commands.options import LONGEST_AGE, age
from etl.commands.whole_file import STANDARD_OUTPUT, written
from etl.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.views.exported import Exported

CSV, PARQUET = ".csv", ".parquet"
OLD = age(LONGEST_AGE)
FOR_ALL, FOR_ONE = 0o666, 0o600


@say_below(f"""
    Examples
      etl export conversations --to conversations.csv
      etl export messages --to messages.parquet --personal-data
      etl export daily_volume --account 23 --to -

    In CSV a text that begins with = + - or @, which spreadsheets compute, has
    a ' before it. Times are those of the account's clocks, to the second.
    {DATABASE}
    {OTHERS}
""")
def export(
    view: Annotated[str, typer.Argument(metavar="VIEW", help="A view of schema bi, such as conversations.")],
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="A file .csv or .parquet, which is replaced; - prints CSV.")
    ],
    account: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Only this account, where the tables have several.")
    ] = None,
    with_personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Names, addresses, phone numbers and texts in clear.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="From the database that `etl demo` filled.")] = False,
) -> None:
    """Write a view of schema bi to a file: CSV that Excel opens right, or Parquet for programs.

    Contacts have numbers instead of names, and neither addresses, phone numbers nor texts, unless --personal-data is
    given. The file is there whole or not at all. How many rows it has, and since when the data are, is said at the end.
    """
    from etl.database.engine import chosen_address, make_engine
    from etl.database.migrate import require_head
    from etl.settings.settings import DatabaseSettings
    from etl.views import parquet_file

    kind = _kind(to)
    if kind == PARQUET:
        parquet_file.require_parquet()
    engine = make_engine(chosen_address(accounts.read_settings(DatabaseSettings), demo=demo))
    try:
        require_head(engine)
        said, warnings = _told_of(engine, account)
        rows, exported = _write(engine, (view, account), to, with_personal_data)
    finally:
        engine.dispose()
    seen = "in clear" if with_personal_data else "masked"
    target = sys.stderr if to == STANDARD_OUTPUT else sys.stdout
    zone = f", times of {exported.zone}" if exported.zone else ""
    place = "" if to == STANDARD_OUTPUT else f" in {to}"
    what = f"{rows:,} row{'' if rows == 1 else 's'} of {exported.name}{place}"
    typer.echo(f"{what}, personal data {seen}{zone}; {said}.", file=target)
    for warning in [*warnings, *_too_long(kind, rows)]:
        accounts.complain(warning)


def _kind(to: str) -> str:
    """Return what is written: .csv or .parquet."""
    kind = CSV if to == STANDARD_OUTPUT else Path(to).suffix.lower()
    if kind not in {CSV, PARQUET}:
        raise SettingsError(f"--to {to}: the name has to end in {CSV} or {PARQUET}, which says what is written.")
    return kind


def _write(
    engine: "Engine", which: tuple[str, int | None], to: str, with_personal_data: bool
) -> "tuple[int, Exported]":
    """Write the file; return how many rows it has, and of what. which: the view's name and the account's number."""
    from sqlalchemy import text

    from etl.database.engine import transaction
    from etl.database.session import lift_limits
    from etl.load.upsert import psycopg_of
    from etl.monitoring.rows_shown import showing_rows
    from etl.views import csv_file, exported, parquet_file

    mode = FOR_ONE if with_personal_data else FOR_ALL & ~_umask()
    with written(to, mode) as file, transaction(engine) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        found = exported.find(connection, *which)
        exported.protect(connection, found.name, with_personal_data)
        raw = psycopg_of(connection)
        lift_limits(raw)
        with showing_rows(found.name) as seen:
            if _kind(to) == PARQUET:
                return parquet_file.write_parquet(raw, found, (file, seen)), found
            zone = exported.require_one_zone(connection, found)
            return csv_file.write_csv(raw, found, zone, (file, seen)), found


def _umask() -> int:
    """Return which rights new files do not get; it can be asked for only by setting it."""
    mask = os.umask(FOR_ONE)
    os.umask(mask)
    return mask


def _told_of(engine: "Engine", account_id: int | None) -> tuple[str, list[str]]:
    """Return since when the data are, and what is wrong with that.

    It is asked before anything is read: what a run brings meanwhile is newer than what is said.
    """
    from etl.load import clock, earlier_runs
    from etl.monitoring.run_history import standings

    wanted = [account_id] if account_id else [one.account_id for one in standings(engine)]
    since = {one: earlier_runs.last_complete_start(engine, one) for one in wanted}
    now = clock.now(engine)
    known = [moment for moment in since.values() if moment]
    missing = [
        f"Of account {one} no run over everything is complete yet: there is less than there should be."
        for one, moment in since.items()
        if not moment
    ]
    old = [
        f"The data of account {one} are of {_utc(moment)}, more than {OLD.total_seconds() / 3600:.0f} hours ago;"
        " `etl status` tells more."
        for one, moment in since.items()
        if moment and now - moment >= OLD
    ]
    if not since:
        missing = ["There is no account in the tables yet: run `etl sync` first."]
    return (f"data as of {_utc(min(known))}" if known else "no complete run yet"), missing + old


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _too_long(kind: str, rows: int) -> list[str]:
    from etl.views.csv_file import MOST_ROWS_OF_EXCEL

    if kind != CSV or rows <= MOST_ROWS_OF_EXCEL:
        return []
    return [f"Excel shows the first {MOST_ROWS_OF_EXCEL:,} rows of a file only, and {rows - MOST_ROWS_OF_EXCEL:,} not."]
