"""How `etl COMMAND --help` looks, and what it says below a command's options: examples, settings, exit codes."""

import re
from collections.abc import Callable, Iterator
from inspect import cleandoc
from textwrap import fill
from typing import Any, TypeVar

from typer.core import TyperCommand, TyperGroup

from etl.exit_codes import WORST_FIRST, ExitCode

COLUMNS = 76  # what the frame leaves of a terminal's eighty


def _exit_codes() -> Iterator[str]:
    yield "Exit codes"
    for code in ExitCode:
        yield fill(code.meaning, COLUMNS, initial_indent=f"  {code:d}  ", subsequent_indent=" " * 5)
    yield f"Of several accounts the worst: {' over '.join(f'{code:d}' for code in WORST_FIRST)}."


EXIT_CODES = "\n".join(_exit_codes())
RUNS = f"Exit codes: {', '.join(f'{code:d} {code.brief}' for code in ExitCode)}."
OTHERS = "Exit codes: 0 done, 1 failed, 2 usage or settings."
VENDOR = (
    "Settings: ETL_ACCOUNT_ID and ETL_API_TOKEN, or ETL_ACCOUNTS; DATABASE_URL unless the database is the embedded one."
)
DATABASE = "Settings: DATABASE_URL, unless the database is the embedded one. Needs no token."

EPILOGS: dict[str, str] = {}

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., None])


def say_below(said: str) -> Callable[[AnyCommand], AnyCommand]:
    """Keep the text below the options in a command's help, under the name of the decorated function."""

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
    """One command: its docstring is wrapped to the terminal, and its text in EPILOGS comes last."""

    def __init__(self, name: str | None, *, help: str | None = None, **given: Any) -> None:  # noqa: A002 -- Typer's name
        super().__init__(name, help=_flowing(help or ""), **given | {"epilog": cleandoc(EPILOGS.get(name or "", ""))})

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, as they are shown."""
        return _as_shown(super().get_params(ctx))


def _flowing(text: str) -> str:
    """Join the lines of each paragraph, so that the terminal's width breaks them."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", cleandoc(text))


def _as_shown(options: list[Any]) -> list[Any]:
    """Show no type for a switch, which takes no value, nor for an argument, whose name says what to give."""
    for option in options:
        if option.param_type_name == "argument":
            option.display_type_rich = lambda **_: None
        if getattr(option, "is_flag", False):
            option.metavar = ""
    return options
