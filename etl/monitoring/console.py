"""How anything is printed: standard output, facts, tables, times and durations."""

import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl.steady_output import takes_everything

MINUTE = 60
# What is no failure and wants to be looked at: yellow cannot be read on a light background.
ATTENTION = "magenta"
LABEL_WIDTH = len("kept in extra")


def spell_pages(count: int) -> str:
    """Spell out a number of pages."""
    return f"{count:,} page{'' if count == 1 else 's'}"


def output() -> Console:
    """Return standard output: as wide as the terminal, in a pipe wide enough that no line is broken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def print_line(said: Text, console: Console) -> None:
    """Print what is one line in a pipe, however long; a terminal's width breaks it between words."""
    console.print(said, soft_wrap=not console.is_terminal)


def print_json(value: Any, default: Callable[[Any], Any] | None = None) -> None:
    """Print a value as JSON on one line; what the output has no character for is escaped."""
    sys.stdout.write(json.dumps(value, default=default, ensure_ascii=not takes_everything(sys.stdout)) + "\n")
    sys.stdout.flush()


def print_facts(facts: Iterable[tuple[str, str]], console: Console) -> None:
    """Print facts, each a name and a text, indented like a summary."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=LABEL_WIDTH)
    for name, said in facts:
        table.add_row(name, Text(said, overflow="fold"))
    console.print(Padding.indent(table, 2))


def print_said(word: str, said: str, console: Console, style: str = "") -> None:
    """Print a sentence behind the word that says what it is, indented like a summary; in a pipe it is one line."""
    begin = Text(f"{word}:", style=style)
    if not console.is_terminal:
        print_line(Text.assemble("  ", begin, " ", said), console)
        return
    table = Table.grid(padding=(0, 1))
    table.add_row(begin, Text(said, overflow="fold"))  # an address is broken, and not cut
    console.print(Padding.indent(table, 2))


def print_table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print rows below the names of their columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    output().print(table)


def utc(moment: datetime) -> str:
    """Return a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def spell_seconds(seconds: float) -> str:
    """Spell out a duration, which is given in seconds."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
