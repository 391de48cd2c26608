"""How `etl COMMAND --help` looks, and what it says below a command's options: examples, settings, exit codes."""

import re
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

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

EPILOGS: dict[str, str] = {}

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., None])


def say_below(said: str) -> Callable[[AnyCommand], AnyCommand]:
    """Keep what the help of a command, which is named as its function, says below the options."""

    def keep(command: AnyCommand) -> AnyCommand:
        EPILOGS[command.__name__] = cleandoc(said)
        return command

    return keep


class Group(TyperGroup):
    """All commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, as they are shown."""
        return _as_shown(super().get_params(ctx))


class Command(TyperCommand):
    """One command: its docstring flows, and what EPILOGS has of it comes last."""

    def __init__(self, name: str | None, *, help: str | None = None, **given: Any) -> None:  # noqa: A002 -- Typer's name
        super().__init__(name, help=_flowing(help or ""), **given | {"epilog": cleandoc(EPILOGS.get(name or "", ""))})

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, as they are shown."""
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
