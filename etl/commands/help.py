"""How `etl COMMAND --help` looks, and what it says below a command's options: examples, settings, exit codes."""

import re
from inspect import cleandoc
from typing import Any

from typer.core import TyperCommand, TyperGroup

EXIT_CODES = """
Exit codes
  0  complete, or done
  1  failed, or interrupted; what was saved stays
  2  the command line or a setting is wrong; nothing was read
  3  finished, but not complete; the summary says why
  4  another run of this account goes on
Of several accounts the worst: 1 over 3 over 4 over 0.
"""

RUNS = (
    "Exit codes: 0 complete, 1 failed or interrupted, 2 usage or settings, 3 finished but not complete, 4 another run."
)
OTHERS = "Exit codes: 0 done, 1 failed, 2 usage or settings."
VENDOR = (
    "Settings: ETL_ACCOUNT_ID and ETL_API_TOKEN, or ETL_ACCOUNTS; DATABASE_URL unless the database is the embedded one."
)
DATABASE = "Settings: DATABASE_URL, unless the database is the embedded one. Needs no token."

EPILOGS = {
    "sync": f"""
        Examples
          etl sync                  every night
          etl sync --audit          once a week, in its place
          etl sync --all --json     every account, an object a line

        {VENDOR}
        {RUNS}
        """,
    "backfill": f"""
        Examples
          etl backfill --since 2026-03-01 --until 2026-03-31
          etl backfill --status resolved --inbox-id 3 --label billing --label refund
          etl backfill --search "order 1234"
          etl backfill --conversation 17 --conversation 42
          etl backfill --queue      everything again, by the workers

        {VENDOR}
        {RUNS}
        """,
    "migrate": f"""
        {DATABASE}
        {OTHERS}
        """,
    "check": f"""
        A line begins with ok, note (worth knowing, and no fault) or FAULT.

        {VENDOR}
        Exit codes: 0 no fault, 1 a fault, 2 usage or settings.
        """,
    "worker": f"""
        {VENDOR}
        ETL_SCHEDULE, ETL_SCHEDULE_RECENT and ETL_SCHEDULE_AUDIT say when runs are due.
        Exit codes: 0 stopped as asked, 1 no database or a fault, 2 usage or settings.
        """,
    "jobs": f"""
        {DATABASE}
        {OTHERS}
        """,
    "runs": f"""
        Examples
          etl runs --limit 5
          etl runs --run 7          what was selected, and why records were rejected

        {DATABASE}
        {OTHERS}
        """,
    "status": f"""
        Examples
          etl status
          etl status --max-age 2d --json

        Of which accounts: ETL_ACCOUNT_ID, else those of ETL_ACCOUNTS, else every one in the database.
        {DATABASE}
        Exit codes: 0 all is well, 1 it is not or the database does not answer, 2 usage or settings.
        """,
    "psql": f"""
        Examples
          etl psql
          etl psql -c "TABLE accounts"
          etl psql --demo -f report.sql

        {DATABASE}
        Exit codes: those of psql; 1 no database, 2 settings.
        """,
    "grant": f"""
        Examples
          etl psql -c "CREATE ROLE bi_reader LOGIN PASSWORD '...'"
          etl grant --role bi_reader

        {DATABASE}
        {OTHERS}
        """,
    "demo": f"""
        Examples
          etl demo --conversations 5000
          etl psql --demo           looks at what it has filled

        Settings: none, but ETL_HOME if the embedded database shall be elsewhere.
        {RUNS}
        """,
    "redact": f"""
        Examples
          ETL_PII=drop etl redact
          etl redact --all --yes    every account, without asking

        Settings: ETL_PII, ETL_PII_KEY, and those of a run.
        {OTHERS}
        """,
    "forget": f"""
        Examples
          etl forget --contact 12 --contact 40
          etl forget --contact 12 --account 23 --yes

        {VENDOR}
        {OTHERS}
        """,
}


class Group(TyperGroup):
    """All commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the options, as they are shown."""
        return _as_shown(super().get_params(ctx))


class Command(TyperCommand):
    """One command: its docstring flows, and what EPILOGS has of it comes last."""

    def __init__(self, name: str | None, *, help: str | None = None, **given: Any) -> None:  # noqa: A002 -- Typer's name
        super().__init__(name, help=_flowing(help or ""), **given | {"epilog": cleandoc(EPILOGS.get(name or "", ""))})

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the options, as they are shown."""
        return _as_shown(super().get_params(ctx))


def _flowing(text: str) -> str:
    """Join the lines of each paragraph: where they end is the docstring's business, not the terminal's."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(text))


def _as_shown(options: list[Any]) -> list[Any]:
    """Name no type of a switch: it takes no value."""
    for one in options:
        if getattr(one, "is_flag", False):
            one.metavar = ""
    return options
