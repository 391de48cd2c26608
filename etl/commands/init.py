"""`etl init`: the file of settings, to be filled in."""

import os
from pathlib import Path

import typer

from etl.commands.help import say_below
from etl.errors import EtlError, SettingsError

FILE = Path(".env")
FOR_THE_OWNER = 0o600


@say_below("""
    Examples
      etl init
      etl check                 says whether it is filled in right

    Settings: none.
    Exit codes: 0 done, 1 it could not be written, 2 there is one already.
""")
def init() -> None:
    """Write .env into this folder: every setting with its meaning and its default, to be filled in.

    Never over one that is there. Nobody but you can read it.
    """
    try:
        number = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FOR_THE_OWNER)
    except FileExistsError:
        raise SettingsError(f"{FILE} is there already, and stays as it is. `etl check` tries it.") from None
    except OSError as error:
        raise EtlError(f"{FILE} cannot be written in {Path.cwd()}: {error.strerror}.") from error
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(_example().read_text(encoding="utf-8"))
    except OSError as error:
        FILE.unlink()  # half of it would be in the way of the next try
        raise EtlError(f"{FILE} could not be written in {Path.cwd()}: {error.strerror}.") from error
    typer.echo(
        f"{FILE} is there. Fill in ETL_ACCOUNT_ID and ETL_API_TOKEN; `etl check` then says whether all is right."
    )


def _example() -> Path:
    """Return where the text lies: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed, checkout = package / "env.example", package.parent / ".env.example"
    return installed if installed.exists() else checkout
