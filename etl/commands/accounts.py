"""One command for several accounts, one after the other: which, under what heading, with which exit code in the end."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from etl import faults
from etl.errors import EtlError, Interrupted, SettingsError
from etl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.settings.accounts import Account
    from etl.settings.settings import AnySettings, DatabaseSettings

log = logging.getLogger(__name__)


def read_settings(kind: "type[AnySettings]") -> "AnySettings":
    """Read the settings of a command that needs no account, and set the log up as they say."""
    from etl import logs
    from etl.settings import settings

    read = settings.load(kind)
    logs.configure(read.log_format)
    return read


def choose(ids: Sequence[int] | None, everything: bool = False, how: str = "--account ID") -> "list[Account]":
    """Return the accounts that a command is for, in the order of the file ETL_ACCOUNTS.

    how: which options to give when there are several accounts and none was chosen.
    Raise SettingsError then, or when an account is not known.
    """
    from etl import logs
    from etl.settings.accounts import listed, load_all

    if ids and everything:
        raise typer.BadParameter("name accounts, or take all: not both", param_hint="--all")
    known = load_all()
    logs.configure(known[0].settings.log_format)
    file = known[0].settings.accounts
    for account_id in ids or ():
        if account_id not in {account.settings.account_id for account in known}:
            raise SettingsError(
                f"--account {account_id}: {file} has {listed(known)} only."
                if file
                else f"--account {account_id}: the settings are those of {listed(known)}. Several accounts stand in a"
                " file: see ETL_ACCOUNTS."
            )
    if not ids and not everything and len(known) > 1:
        raise SettingsError(f"{file} has {listed(known)}. Say which one: {how}.")
    return [account for account in known if not ids or account.settings.account_id in ids]


def account_prefix(account: "Account", chosen: "list[Account]") -> str:
    """Name the account in a line of the log or of the progress, if there are several."""
    return f"account {account.settings.account_id}" if len(chosen) > 1 else ""


def each(
    chosen: "list[Account]",
    act: "Callable[[Account], int]",
    headings: bool = True,
    before: Callable[[], None] = lambda: None,
) -> int:
    """Call `act`, which returns an exit code, for one account after the other; return the exit code of all.

    When it fails for one of several accounts, the failure is printed and the next account follows all the same; only a
    request to stop ends the series. `before` is called before each account.
    """
    if len(chosen) == 1:
        return act(chosen[0])  # what it raises is the command's own failure
    codes: list[int] = []
    for account in chosen:
        before()
        if headings:
            heading(account.label, is_first=not codes)
        codes.append(_attempt(act, account))
    return ExitCode.worst(codes)


def heading(said: str, is_first: bool = False) -> None:
    """Print what the lines below are about."""
    typer.secho(("" if is_first else "\n") + said[:1].upper() + said[1:], bold=True)


def _attempt(act: "Callable[[Account], int]", account: "Account") -> int:
    try:
        return act(account)
    except (Interrupted, typer.Exit, typer.Abort):
        raise
    except EtlError as error:
        complain(f"{account.label}: {error}")
        return ExitCode.of(error)
    except Exception as error:  # noqa: BLE001 -- a fault of this program is told; the other accounts follow all the same
        complain(f"{account.label}: {faults.report(error)}")
        return ExitCode.FAILED


def complain(message: str) -> None:
    """Print a failure to standard error, or log it where the log is JSON."""
    from etl import logs

    if logs.is_json():
        log.error("%s", message)
        return
    from rich.console import Console
    from rich.text import Text

    from etl.monitoring.console import print_line

    print_line(Text.assemble(("etl: ", "bold red"), message), Console(stderr=True, highlight=False))


@contextmanager
def open_database(settings: "DatabaseSettings | None" = None) -> "Iterator[Engine]":
    """Yield an engine for the configured database, whose tables may be of any version."""
    from etl.database import engine
    from etl.settings.settings import DatabaseSettings

    with engine.open_database(settings or read_settings(DatabaseSettings)) as opened:
        yield opened
