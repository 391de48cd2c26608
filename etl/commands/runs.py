"""The commands about past runs: `etl runs` and `etl status`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, say_below
from etl.commands.options import LONGEST_AGE, AsJson, age
from etl.errors import SettingsError
from etl.exit_codes import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.settings.settings import AnySettings, StatusSettings

REASONS_SHOWN, LONGEST_REASON = 5, 120


@say_below(f"""
    Examples
      etl runs --limit 5
      etl runs --run 7          what was selected, and why records were rejected

    {DATABASE}
    {OTHERS}
""")
def runs(
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, newest first.")] = 20,
    run: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Show this run whole.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the last runs: when, how long, how complete; or show one of them whole."""
    from etl.monitoring import console, run_history, runs_table
    from etl.settings.settings import DatabaseSettings

    with _database(DatabaseSettings) as (_, engine):
        if run is not None:
            _show(engine, run, as_json)
            return
        found = run_history.last_runs(engine, limit)
    if as_json:
        console.print_json([_to_json(row) for row in found])
    elif found:
        runs_table.print_runs(found, console.output())
    else:
        typer.echo("No run yet: `etl sync` makes the first.")


@say_below(f"""
    Examples
      etl status
      etl status --max-age 2d --json

    Of which accounts: ETL_ACCOUNT_ID, else those of ETL_ACCOUNTS, else every one in the database.
    {DATABASE}
    Exit codes: 0 all is well, 1 it is not or the database does not answer, 2 usage or settings.
""")
def status(
    max_age: Annotated[
        str, typer.Option(metavar="AGE", help="How long ago the last complete run may have begun: 90m, 26h, 2d.")
    ] = LONGEST_AGE,
    as_json: AsJson = False,
) -> None:
    """Say in one line whether the data are fresh and complete; exit with 1 when not.

    They are when the last complete run over everything is young enough, the last one did not fail and was not
    incomplete, none was killed, and nothing is unaccounted for. Of several accounts it is a line each. For monitors.
    """
    from rich.text import Text

    from etl.load import clock
    from etl.monitoring import console, run_history
    from etl.monitoring import status as judging
    from etl.settings.settings import StatusSettings

    longest = age(max_age, "--max-age")
    with _database(StatusSettings) as (settings, engine):
        found, now = run_history.standings(engine, _wanted(settings)), clock.now(engine)
    verdicts = [judging.judge(standing, now, longest) for standing in found]
    is_well = bool(verdicts) and all(verdict.ok for verdict in verdicts)
    if as_json:
        told = [judging.verdict_to_json(verdict, now) for verdict in verdicts]
        console.print_json({"ok": is_well, "max_age_seconds": round(longest.total_seconds()), "accounts": told})
    else:
        said = [f"{'ok' if verdict.ok else 'FAULT':<5}  {verdict.said}" for verdict in verdicts]
        for line in said or ["FAULT  no run of any account yet"]:
            console.print_line(Text(line), console.output())
    raise typer.Exit(0 if is_well else 1)


def _wanted(settings: "StatusSettings") -> list[int]:
    """Return the ids of the accounts to report on; an empty list means all that are in the database."""
    from etl.settings import accounts

    if settings.account_id:
        return [settings.account_id]
    return accounts.ids(settings.accounts) if settings.accounts else []


def _show(engine: "Engine", run_id: int, as_json: bool) -> None:
    from etl.monitoring import console, run_history, summary

    row = run_history.find_run(engine, run_id)
    if row is None:
        raise SettingsError(f"There is no run {run_id}. `etl runs` lists the last ones.")
    run = run_history.run_of(row)
    reasons = run_history.rejected_reasons(engine, run)
    if as_json:
        told = [{"entity": reason.entity, "reason": reason.reason, "records": reason.records} for reason in reasons]
        console.print_json(_to_json(row) | {"rejected_reasons": told})
        return
    screen = console.output()
    summary.print_summary(run, screen, has_figures=row.requests is not None)
    console.print_facts([*_circumstances(row), *_reasons(reasons)], screen)


def _to_json(row: Any) -> dict[str, Any]:
    from etl.monitoring import run_history, summary

    return summary.run_to_json(run_history.run_of(row)) | {
        "selection": row.selection,
        "host": row.host,
        "process_id": row.process_id,
    }


def _circumstances(row: Any) -> Iterator[tuple[str, str]]:

    chosen = (row.selection or {}).items()
    said = (f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in chosen)
    yield "selection", "; ".join(said) or "everything"
    yield "started", _utc(row.started_at)
    ended = "not yet" if row.outcome == Outcome.RUNNING else "killed: it could not say when, nor what it did"
    yield "ended", _utc(row.finished_at) if row.finished_at else ended
    yield "on", f"{row.host}, process {row.process_id}"


def _reasons(reasons: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield why records were rejected, except those that a later run rejected again."""
    name = "reasons"
    for reason in reasons[:REASONS_SHOWN]:
        said = " ".join(reason.reason.split())
        shown = said if len(said) <= LONGEST_REASON else f"{said[: LONGEST_REASON - 3]}..."
        yield name, f"{reason.records:,} {reason.entity}: {shown}"
        name = ""
    if len(reasons) > REASONS_SHOWN:
        yield "", f"and {len(reasons) - REASONS_SHOWN:,} more (table rejected_records)"


def _utc(moment: datetime) -> str:
    from etl.monitoring import console

    return f"{console.utc(moment)} UTC"


@contextmanager
def _database(kind: "type[AnySettings]") -> "Iterator[tuple[AnySettings, Engine]]":
    """Yield the settings and an engine for the database, whose tables are of this version."""
    from etl.database.migrate import open_at_head

    settings = accounts.read_settings(kind)
    with open_at_head(settings) as engine:
        yield settings, engine
