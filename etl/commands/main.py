"""The commands: parse, call one function, turn an error into an exit code.

Imports that cost time stand inside the commands: `etl --help` waits for none of them.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from etl import job_commands, privacy_commands, run_commands, series, usage
from etl.errors import DatabaseError, EtlError, Interrupted
from etl.series import COMPLETE, FAILED, INCOMPLETE

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.accounts import Account
    from etl.selection import Selection
    from etl.settings import DatabaseSettings

app = typer.Typer(
    cls=usage.Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Every conversation of a 99digital (Chatwoot) account, complete and exact in PostgreSQL.\n\n"
    "Settings come from the environment and from [bold].env[/bold]; `etl check` says whether they are right.",
    epilog=usage.EXIT_CODES,
)


class Status(StrEnum):
    """The statuses that the vendor documents; others it answers with nothing, or with an error."""

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
AsJson = Annotated[bool, typer.Option("--json", help="Print the run as one JSON object, and nothing else.")]


def main() -> None:
    """Run the command line; every failure that has a name ends in one message and its exit code."""
    try:
        app()
    except EtlError as error:
        series.complain(str(error))
        if isinstance(error, Interrupted):
            series.leave_at_once(FAILED)
        sys.exit(series.code_of(error))
    except KeyboardInterrupt:
        series.complain("Interrupted. What was saved stays; the next run goes on from there.")
        sys.exit(FAILED)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"etl {version('etl-99digital')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version  # the eager callback has already acted on it


@app.command()
def sync(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    status: Statuses = None,
    recent: Annotated[
        bool, typer.Option("--recent", help="Only what was active since the last complete run. No ledger.")
    ] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Compare every message with the vendor's search, too. Once a week, say.")
    ] = False,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", help="Believe it when many conversations are gone.")
    ] = False,
    account: series.Accounts = None,
    all_accounts: series.AllAccounts = False,
    as_json: AsJson = False,
) -> None:
    """Read everything that changed into the tables. The nightly job.

    Walks every page of the four statuses, reads the complete message history of each conversation that changed, and
    upserts all of it. Then it asks for every conversation id that no page showed, so that each is loaded, deleted
    upstream, forbidden or unreadable. Killed and started again, it goes on where it was. With --status or --recent the
    ids are not accounted for: run it without them once a week.
    """
    from etl.selection import Selection

    if audit and (status or recent):
        raise typer.BadParameter(
            "an audit compares all messages: leave --status and --recent out", param_hint="--audit"
        )
    chosen = Selection(statuses=_statuses(status), recent=recent, audit=audit, accept_deletions=accept_deletions)
    _run(chosen, as_json, series.choose(account, all_accounts, "--account ID, or all: --all"))


@app.command()
def backfill(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Going on at or after this day.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Going on at or before this day.")] = None,
    status: Statuses = None,
    inbox_id: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Only this inbox.")] = None,
    team_id: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Only this team.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With this label. Repeated: with any of them.")
    ] = None,
    assignee_type: Annotated[
        AssigneeType | None,
        typer.Option(metavar="WHOSE", help="me, unassigned, assigned or all, seen from the token's user."),
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="TERM", help="With a message that contains this.")] = None,
    conversation: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="Only this conversation. May be repeated.")
    ] = None,
    account: series.Accounts = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to the workers, and return at once.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read a selection again, every history in it, whatever the tables already have.

    A conversation was going on from its creation to its last activity. A day is a day in UTC (2026-03-01), or with an
    offset (2026-03-01+02:00). Without any option everything is read again. Conversation ids are not accounted for,
    unless everything is read. Killed and started again with the same options within a day, it goes on where it was.
    """
    from etl.selection import Selection

    if conversation and (since or until or status or inbox_id or team_id or label or assignee_type or search):
        raise typer.BadParameter(
            "name conversations, or select them by other options: not both", param_hint="--conversation"
        )
    chosen = Selection(
        kind="backfill",
        statuses=_statuses(status),
        since=_day(since, "--since") if since else None,
        until=_day(until, "--until", days_later=1) if until else None,
        inbox_id=inbox_id,
        team_id=team_id,
        labels=tuple(label or ()),
        assignee_type=assignee_type.value if assignee_type else None,
        search=search,
        conversations=tuple(dict.fromkeys(conversation or ())),
    )
    if queue:
        job_commands.queue_run(chosen, series.choose(account))
    else:
        _run(chosen, as_json, series.choose(account))


@app.command()
def migrate(
    drop_views: Annotated[
        bool, typer.Option("--drop-views", help="Only drop the views, to partition the tables they rest on, say.")
    ] = False,
) -> None:
    """Create the tables and views, or bring them to this version.

    Run it once at first, and after every upgrade. It is one transaction: all of it happens, or nothing.
    """
    from etl import attributes, views
    from etl import migrate as migrations
    from etl.database import transaction
    from etl.load import psycopg_of

    with _database() as engine:
        before, head = migrations.versions(engine)
        if drop_views:
            with transaction(engine) as connection:
                raw = psycopg_of(connection)
                attributes.drop_views(raw)
                views.drop(raw)
            typer.echo("The views are dropped. `etl migrate` makes them again.")
            return
        migrations.migrate(engine)
        try:
            with transaction(engine) as connection:
                attributes.renew_views(connection)
        except DatabaseError as error:
            series.complain(f"The views of the custom attributes stay as they were; the next run tries again. {error}")
        typer.echo(f"The tables are at revision {head}" + (", as before." if before == head else "."))


@app.command()
def check(account: series.Accounts = None) -> None:
    """Try settings, server, token, account and database; say what to do about each fault.

    All accounts of ETL_ACCOUNTS, unless some are named.
    """
    from etl.check import check_database, check_vendor, print_findings

    chosen = series.choose(account, everything=not account)
    with _database(chosen[0].settings) as engine:
        code = series.each(chosen, lambda one: FAILED if print_findings(check_vendor(one.settings)) else COMPLETE)
        if len(chosen) > 1:
            series.heading("the database")
        faults = print_findings(check_database(engine))
    raise typer.Exit(FAILED if faults else code)


app.command()(job_commands.worker)
app.command()(job_commands.jobs)
app.command()(run_commands.runs)
app.command()(run_commands.status)


@app.command(
    options_metavar="[OPTIONS] [OPTIONS OF PSQL]...",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def psql(
    context: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="Open the database that `etl demo` filled.")] = False,
) -> None:
    """Open the database in psql, at the tables.

    All that etl does not know is handed on to psql, which comes with it.
    """
    import subprocess

    from etl import accounts, database
    from etl.settings import DatabaseSettings, inherited_environment

    settings = series.read_settings(DatabaseSettings)
    address = database.demo_address(settings) if demo else database.address(settings)
    command, secrets = database.psql_command(address)
    environment = inherited_environment(accounts.token_variables(settings.accounts), **secrets)
    done = subprocess.run([*command, *context.args], env=environment, check=False)  # noqa: S603 -- psql itself
    raise typer.Exit(done.returncode)


@app.command()
def grant(
    role: Annotated[str, typer.Option(metavar="NAME", help="A role of the database, made by CREATE ROLE before.")],
    with_personal_data: Annotated[
        bool, typer.Option("--with-personal-data", help="Names, addresses, phone numbers and texts in clear.")
    ] = False,
) -> None:
    """Let a role read the views of schema bi, and nothing else.

    Without --with-personal-data contacts have numbers instead of names, and neither addresses, phone numbers nor texts;
    given again without it, the role no longer sees them.
    """
    from etl.grant import grant as give
    from etl.migrate import open_at_head
    from etl.settings import DatabaseSettings

    with open_at_head(series.read_settings(DatabaseSettings)) as engine:
        give(engine, role, with_personal_data)
    seen = "with personal data in clear" if with_personal_data else "with personal data masked"
    typer.echo(f"{role} may read the views of schema bi, {seen}.")


@app.command()
def demo(
    conversations: Annotated[int, typer.Option(min=1, max=200_000, metavar="N", help="How many to make up.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Fill the embedded PostgreSQL from a made-up account on a local server, and look at it.

    Needs no settings and touches no database but its own, called demo. Run it again to see a quiet night.
    """
    from etl import tour
    from etl.settings import DatabaseSettings

    raise typer.Exit(_exit_code(tour.run(series.read_settings(DatabaseSettings), conversations, as_json)))


app.command()(privacy_commands.redact)
app.command()(privacy_commands.forget)

# Here and not at each of them, so that none is left out.
for _one in app.registered_commands:
    _one.cls = usage.Command


def _run(selection: "Selection", as_json: bool, accounts: "list[Account]") -> None:
    from etl import report, sync
    from etl.interrupt import check_asked
    from etl.migrate import open_at_head
    from etl.observed import observed

    def run(account: "Account") -> int:
        with observed(account.settings) as observer, open_at_head(account.settings) as engine:
            with report.watching(series.whose(account, accounts)) as watch:
                done = sync.run(account.settings, engine, selection, sync.Hooks(watch, observer.begun))
            observer.ended(engine, done)
        report.print_run(done, as_json)
        return _exit_code(done.outcome)

    code = series.each(accounts, run, headings=not as_json, before=check_asked)
    if code == FAILED:
        series.leave_at_once(FAILED)
    raise typer.Exit(code)


def _exit_code(outcome: str) -> int:
    return {"complete": COMPLETE, "incomplete": INCOMPLETE}.get(outcome, FAILED)


@contextmanager
def _database(settings: "DatabaseSettings | None" = None) -> "Iterator[Engine]":
    from etl import database
    from etl.settings import DatabaseSettings

    with database.open_database(settings or series.read_settings(DatabaseSettings)) as engine:
        yield engine


def _statuses(chosen: list[Status] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.value for one in chosen or Status))


def _day(value: str, option: str, days_later: int = 0) -> datetime:
    """Read a day, in UTC or with an offset, as the moment when it, or a later one, begins."""
    form = re.fullmatch(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:?\d{2})?", value)
    try:
        if form:
            begins = datetime.fromisoformat(f"{form[1]}T00:00:00{form[2] or 'Z'}")
            return (begins + timedelta(days=days_later)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{value!r} is no day such as 2026-03-01 or 2026-03-01+02:00", param_hint=option)
