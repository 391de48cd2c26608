"""The commands about work that is queued: `etl worker` and `etl jobs`."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, VENDOR, say_below
from etl.commands.options import AsJson
from etl.errors import SettingsError

if TYPE_CHECKING:
    from etl.selection import Selection
    from etl.settings.accounts import Account
    from etl.workers.queue import Listed


@say_below(f"""
    {VENDOR}
    ETL_SCHEDULE, ETL_SCHEDULE_RECENT and ETL_SCHEDULE_AUDIT say when runs are due.
    Exit codes: 0 stopped as asked, 1 no database or a fault, 2 usage or settings.
""")
def worker() -> None:
    """Begin runs when they are due, and do what is queued, until stopped.

    Start any number, on any number of hosts. Runs of an account are due by ETL_SCHEDULE, a cron expression by the clock
    of ETL_TIMEZONE; what was missed while no worker ran is done once. First loads and wide backfills are cut into
    parts, which all workers share. What a worker had in hand when it died is done by another one.
    """
    from etl.settings.settings import DatabaseSettings
    from etl.workers.process import work

    work(accounts.read_settings(DatabaseSettings))


@say_below(f"""
    {DATABASE}
    {OTHERS}
""")
def jobs(
    cancel: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Take this job, which waits or failed, off the queue.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what waits for a worker, what runs, and what failed.

    A job is stalled when its worker gives no sign of life for half a minute; another one does it then. One that failed
    for good stays for thirty days.
    """
    from etl.database.migrate import open_at_head
    from etl.database.objects import require_queue
    from etl.monitoring import console
    from etl.settings.settings import DatabaseSettings
    from etl.workers import queue

    with open_at_head(accounts.read_settings(DatabaseSettings)) as engine:
        require_queue(engine)
        if cancel and not queue.cancel(engine, cancel):
            raise SettingsError(
                f"No job {cancel} waits or failed: `etl jobs` lists them. One that runs, ends by itself."
            )
        found = queue.listed(engine)
    if as_json:
        console.print_json([asdict(entry) for entry in found], datetime.isoformat)
    elif found:
        rows = (
            (str(entry.job), _what(entry), _state(entry), console.utc(entry.since), str(entry.attempts + 1))
            for entry in found
        )
        console.print_table(("job", "what", "state", "since (UTC)", "attempt"), rows)
    else:
        typer.echo("Nothing waits, runs or failed.")


def queue_run(selection: "Selection", chosen: "list[Account]") -> None:
    """Queue a run of each account for the workers."""
    from etl.database.migrate import open_at_head
    from etl.database.objects import require_queue
    from etl.workers import queue

    if selection.search is not None:
        # The term may name a person, and would be stored in the queue as it is.
        raise typer.BadParameter("a search cannot be queued: run it here, without --queue", param_hint="--search")
    with open_at_head(chosen[0].settings) as engine:
        require_queue(engine)
        for account in chosen:
            number = queue.queue_run(engine, account.settings.account_id, selection)
            typer.echo(f"Job {number}: {selection.kind} of {account.label}. `etl jobs` shows how it stands.")


def _what(entry: "Listed") -> str:
    if entry.task == "part":
        return (
            f"{entry.jobs} {'part' if entry.jobs == 1 else 'parts'} of run {entry.run_id} of account {entry.account_id}"
        )
    selection = entry.selection or {}
    kind = "recent sync" if selection.get("recent") else selection.get("kind")
    return f"{kind} of account {entry.account_id}"


def _state(entry: "Listed") -> str:
    return f"{entry.state} until {entry.until.astimezone(UTC):%H:%M}" if entry.until else entry.state
