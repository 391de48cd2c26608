"""One command for several accounts, one after the other: which, under what heading, with which exit code in the end."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from etl.errors import AnotherRun, EtlError, Interrupted, SettingsError

if TYPE_CHECKING:
    from etl.accounts import Account
    from etl.settings import AnySettings

log = logging.getLogger(__name__)

COMPLETE, FAILED, USAGE, INCOMPLETE, ANOTHER_RUN = 0, 1, 2, 3, 4
# Which exit code counts when those of several accounts differ.
WORST_FIRST = (FAILED, INCOMPLETE, ANOTHER_RUN, COMPLETE)

OneAccount = Annotated[
    int | None, typer.Option("--account", min=1, metavar="ID", help="Whose, if ETL_ACCOUNTS has several.")
]
Accounts = Annotated[
    list[int] | None,
    typer.Option("--account", min=1, metavar="ID", help="Only this account of ETL_ACCOUNTS. May be repeated."),
]
AllAccounts = Annotated[bool, typer.Option("--all", help="Every account of ETL_ACCOUNTS, one after the other.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on one line, and nothing else.")]


def read_settings(kind: "type[AnySettings]") -> "AnySettings":
    """Read the settings of a command that is for no account of its own, and log as they say."""
    from etl import logs, settings

    read = settings.load(kind)
    logs.configure(read.log_format)
    return read


def choose(ids: Sequence[int] | None, everything: bool = False, how: str = "--account ID") -> "list[Account]":
    """Give the accounts that a command is for, in the order of the file ETL_ACCOUNTS.

    how: what to give where there are several and none was chosen.
    Raises SettingsError when that is so, or when one is not known.
    """
    from etl import accounts, logs

    if ids and everything:
        raise typer.BadParameter("name accounts, or take all: not both", param_hint="--all")
    known = accounts.load_all()
    logs.configure(known[0].settings.log_format)
    file = known[0].settings.accounts
    for one in ids or ():
        if one not in {account.settings.account_id for account in known}:
            raise SettingsError(
                f"--account {one}: {file} has {listed(known)} only."
                if file
                else f"--account {one}: the settings are those of {listed(known)}. Several accounts stand in a file:"
                " see ETL_ACCOUNTS."
            )
    if not ids and not everything and len(known) > 1:
        raise SettingsError(f"{file} has {listed(known)}. Say which one: {how}.")
    return [one for one in known if not ids or one.settings.account_id in ids]


def listed(known: "list[Account]") -> str:
    """Name accounts, within a sentence."""
    return ", ".join(one.label for one in known)


def whose(account: "Account", chosen: "list[Account]") -> str:
    """Name the account in a line of the log or of the progress, if there are several."""
    return f"account {account.settings.account_id}" if len(chosen) > 1 else ""


def each(
    chosen: "list[Account]",
    act: "Callable[[Account], int]",
    headings: bool = True,
    before: Callable[[], None] = lambda: None,
) -> int:
    """Do something for one account after the other, which gives an exit code; give that of all.

    When it fails for one of several, that is said, and the next one has its turn all the same; only a request to stop
    ends the series. `before` is called before each.
    """
    if len(chosen) == 1:
        return act(chosen[0])  # what it raises is the command's own failure
    codes: list[int] = []
    for one in chosen:
        before()
        if headings:
            heading(one.label, is_first=not codes)
        codes.append(_attempt(act, one))
    return worst(codes)


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
        return code_of(error)
    except Exception:
        # A fault of this program: told in full, and no reason to keep the other accounts waiting.
        log.exception("%s failed", account.label)
        return FAILED


def worst(codes: Sequence[int]) -> int:
    """Give the exit code of several accounts: the worst, and 2 only when none could even begin."""
    if set(codes) == {USAGE}:
        return USAGE
    met = {FAILED if one == USAGE else one for one in codes}
    return next(one for one in WORST_FIRST if one in met)


def code_of(error: EtlError) -> int:
    """Give the exit code of a failure."""
    return {SettingsError: USAGE, AnotherRun: ANOTHER_RUN}.get(type(error), FAILED)


def complain(message: str) -> None:
    """Print a failure to standard error, or log it where the log is JSON."""
    from etl import logs

    if logs.is_json():
        log.error("%s", message)
        return
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text.assemble(("etl: ", "bold red"), message))


def leave_at_once(code: int) -> NoReturn:
    """End the process without waiting for threads whose requests are still under way: Python itself would."""
    from etl import embedded

    embedded.stop()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
