"""`etl check --contract`: what the vendor sends of an account, field by field, as the runs have met it."""

from itertools import groupby
from typing import TYPE_CHECKING

from etl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.load.contract import Entry
    from etl.settings.accounts import Account

LONGEST_KINDS = 24


def print_contract(account: "Account") -> int:
    """Print a table for each kind of record; return the exit code, which tells whether there is anything to tell."""
    from etl.database.migrate import open_at_head

    with open_at_head(account.settings) as engine:
        known = _print(engine, account.settings.account_id)
    return ExitCode.COMPLETE if known else ExitCode.FAILED


def _print(engine: "Engine", account_id: int) -> bool:
    from etl.database.engine import transaction
    from etl.load import contract
    from etl.monitoring.console import output, print_table

    with transaction(engine) as connection:
        entries = contract.read(connection, account_id)
    if not entries:
        output().print("Nothing is known yet of what the vendor sends: run `etl sync` first.", soft_wrap=True)
        return False
    for sent_as, group in groupby(entries, lambda entry: entry.sent_as):
        fields = list(group)
        heading = f"{sent_as}: the share is of {max(entry.records for entry in fields):,} records"
        output().print(f"\n{heading}", style="bold", soft_wrap=True)
        print_table(("field", "kinds", "share", "runs", "stored"), map(_row, fields))
    return True


def _row(entry: "Entry") -> tuple[str, ...]:
    kinds = ", ".join(entry.kinds)
    return (
        entry.path,
        kinds if len(kinds) <= LONGEST_KINDS else kinds[: LONGEST_KINDS - 4] + " ...",
        f"{entry.share:.0%}" if entry.share in {0, 1} else f"{entry.share:.1%}",
        f"{entry.first_run_id}-{entry.last_run_id}",
        "yes" if entry.taken else "no",
    )
