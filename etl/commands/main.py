"""The command line: every command, and how a failure that has a sentence ends it; `__main__` has all others.

Slow imports stand inside the commands, so that `etl --help` need not wait for them.
"""

from typing import Annotated, Any

import typer

from etl.commands import (
    accept,
    accounts,
    check,
    database,
    demo,
    export,
    figures,
    init,
    privacy,
    runs,
    serve,
    sync,
    verify,
    workers,
)
from etl.commands.help import EXIT_CODES, Command, Group
from etl.errors import EtlError, Interrupted
from etl.exit_codes import ExitCode

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Every conversation of a 99digital (Chatwoot) account, complete and exact in PostgreSQL.\n\n"
    "Settings come from the environment and from [bold].env[/bold]; `etl check` says whether they are right.",
    epilog=EXIT_CODES,
)


def main() -> int:
    """Run the command line; return the exit code of an EtlError, which is printed as one message."""
    try:
        app()
    except EtlError as error:
        accounts.complain(str(error))
        if isinstance(error, Interrupted):
            from etl.database.embedded import leave_at_once

            leave_at_once(ExitCode.FAILED)
        return ExitCode.of(error)
    return ExitCode.COMPLETE


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


# In the order in which `etl --help` lists them.
COMMANDS = (
    *(sync.sync, sync.backfill, verify.verify),
    *(init.init, database.migrate, check.check),
    *(workers.worker, workers.jobs),
    *(runs.runs, runs.status, accept.accept),
    *(database.psql, database.grant, figures.figures),
    *(export.export, serve.serve),
    demo.demo,
    *(privacy.redact, privacy.forget),
)
# Options that etl does not know are passed on to psql.
PSQL: dict[str, Any] = {
    "options_metavar": "[OPTIONS] [OPTIONS OF PSQL]...",
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
for _command in COMMANDS:
    app.command(cls=Command, **(PSQL if _command is database.psql else {}))(_command)
