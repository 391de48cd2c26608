"""Runs as a table that is never wider than where it is shown: columns are left out, and no number is cut."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from etl.exit_codes import Outcome
from etl.monitoring.console import ATTENTION, spell_seconds

BETWEEN = 2
# From here on a moment has its year.
WIDE = 80
FIGURES = ("conversations", "messages", "unaccounted", "rejected")
LACKING = ("unaccounted", "rejected")
# What has room first; what is lacking comes before these, and so does the account where there are several.
MOST_TELLING = ("run", "outcome", "conversations", "messages", "started (UTC)", *LACKING, "took", "account", "kind")


def print_runs(runs: Sequence[Any], console: Console) -> None:
    """Print runs, newest first; a run is a row with the columns of sync_runs. What has no room is named below."""
    columns = _columns(runs, console.width)
    shown = _with_room(columns, console.width)
    table = Table(box=None, padding=(0, BETWEEN, 0, 0), pad_edge=False, header_style="bold")
    for name in shown:
        table.add_column(name, no_wrap=True, justify="right" if name in FIGURES else "left")
    for cells in zip(*(columns[name] for name in shown), strict=True):
        told = zip(shown, cells, strict=True)
        table.add_row(*(Text(cell, style=_style(cell) if name == "outcome" else "") for name, cell in told))
    console.print(table)
    if left_out := [name for name in columns if name not in shown]:
        console.print(f"Not shown here: {', '.join(left_out)}. `etl runs --run ID` and `etl runs --json` have all.")


def _columns(runs: Sequence[Any], width: int) -> dict[str, list[str]]:
    """Return the cells of each column, in the order in which columns are shown."""
    moment = "%Y-%m-%d %H:%M" if width >= WIDE else "%m-%d %H:%M"
    return {
        "run": [str(run.run_id) for run in runs],
        "account": [str(run.account_id) for run in runs],
        "kind": [run.kind for run in runs],
        "started (UTC)": [f"{run.started_at.astimezone(UTC):{moment}}" for run in runs],
        "took": [_took(run) for run in runs],
        "outcome": [run.outcome for run in runs],
        "conversations": [_changes(run, "conversations") for run in runs],
        "messages": [_changes(run, "messages") for run in runs],
        "unaccounted": ["" if run.unaccounted is None else f"{run.unaccounted:,}" for run in runs],
        "rejected": ["" if run.rejected is None else f"{run.rejected:,}" for run in runs],
    }


def _with_room(columns: Mapping[str, Sequence[str]], width: int) -> list[str]:
    """Return the names of the columns that have room beside each other, the most telling ones first of all."""

    def is_first(name: str) -> bool:
        if name == "account":
            return len(set(columns[name])) > 1
        return name in {"run", "outcome"} or (name in LACKING and not {"", "0"}.issuperset(columns[name]))

    chosen, left = set[str](), width + BETWEEN  # nothing stands behind the last one
    for name in sorted(MOST_TELLING, key=is_first, reverse=True):
        needed = max(map(len, [name, *columns[name]])) + BETWEEN
        if needed <= left:
            chosen.add(name)
            left -= needed
    return [name for name in columns if name in chosen]


def _style(outcome: str) -> str:
    return "" if outcome in {Outcome.COMPLETE, Outcome.RUNNING} else ATTENTION


def _took(run: Any) -> str:
    ended = run.finished_at or (datetime.now(UTC) if run.outcome == Outcome.RUNNING else None)
    return spell_seconds(max(0.0, (ended - run.started_at).total_seconds())) if ended else ""


def _changes(run: Any, table: str) -> str:
    counts = (run.counts or {}).get(table)
    return f"+{counts['inserted']:,} ~{counts['updated']:,}" if counts else ""
