"""Progress while a run goes on, and the summary after it."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from etl.journal import COMPLETE, COUNTED, INCOMPLETE, NOTHING, RUNNING, Run

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10
MINUTE = 60
AUDIT = {"read": "read", "witnessed": "from the search alone", "unaccounted": "unaccounted"}
LABEL_WIDTH = len("kept in extra")
LEDGER = ("loaded", "deleted", "forbidden", "unreadable", "unaccounted")


class PageRead(Protocol):
    """What the progress display needs of a page; `walk.Page` is one."""

    @property
    def number(self) -> int: ...  # noqa: D102 -- described there
    @property
    def about(self) -> int | None: ...  # noqa: D102
    @property
    def is_last(self) -> bool: ...  # noqa: D102


Watch = Callable[[Run, str, PageRead], None]


@contextmanager
def watching(whose: str = "") -> Iterator[Watch]:
    """Give what shows the progress: a display on a terminal that vanishes at the end, lines in a pipe.

    whose: names the account where there are several.
    """
    prefix = f"{whose}, " if whose else ""
    if not sys.stderr.isatty():
        yield Lines(prefix)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description:<9}"), BarColumn(), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Display(progress, prefix)


class Lines:
    """Logs a line at the end of each walk, and every ten seconds within a long one."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._last = time.monotonic()

    def __call__(self, run: Run, name: str, page: PageRead) -> None:
        """Log where the run is, unless it has just been logged."""
        now = time.monotonic()
        if not page.is_last and now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        log.info("%s%s: %s", self._prefix, name, _where(run, page))


class Display:
    """Draws a bar for each walk."""

    def __init__(self, progress: Progress, prefix: str) -> None:
        self._progress, self._prefix = progress, prefix
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, run: Run, name: str, page: PageRead) -> None:
        """Move the walk's bar."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"{self._prefix}{name}", said="", total=None)
        total = page.number if page.is_last else page.about
        self._progress.update(self._tasks[name], completed=page.number, total=total, said=_where(run, page))


def _where(run: Run, page: PageRead) -> str:
    at = f"page {page.number:,} of about {page.about or page.number:,}" if not page.is_last else _pages(page.number - 1)
    rows = " · ".join(f"{run.counts[table]['seen']:,} {table}" for table in ("conversations", "messages"))
    return f"{at} · {rows} · {run.requests / max(run.seconds, 0.001):,.0f} requests/s"


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"


def print_run(run: Run, as_json: bool) -> None:
    """Print a run to standard output: as a summary for people, or as one JSON object and nothing else."""
    if as_json:
        # At once: other accounts may follow, for hours.
        print(json.dumps(to_json(run), ensure_ascii=False), flush=True)  # noqa: T201 -- the output itself
        for problem in run.problems:
            log.error("%s", problem)
    else:
        print_summary(run, output())


def output() -> Console:
    """Give standard output: as wide as the terminal, in a pipe wide enough that no line is broken."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def to_json(run: Run) -> dict[str, Any]:
    """Give the run as `--json` prints it; times in ISO 8601 (UTC), ledger null for a selection."""
    return {
        "run_id": run.run_id,
        "account_id": run.account_id,
        "kind": run.kind,
        "outcome": run.outcome,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "seconds": round(run.seconds, 3) if run.finished_at or run.outcome == RUNNING else None,
        "requests": run.requests,
        "retries": run.retries,
        "pages": run.pages,
        **run.counts,
        "rejected": run.rejected,
        "unknown_fields": sorted(run.unknown_fields),
        "ledger": run.ledger,
        "audit": run.audit,
        "notes": run.notes,
        "problems": run.problems,
    }


def print_summary(run: Run, console: Console, has_figures: bool = True) -> None:
    """Print what a run did, and first of all whether that is everything; the figures of one that goes on come later."""
    colours = {COMPLETE: "green", INCOMPLETE: "yellow", RUNNING: "default"}
    colour = colours.get(run.outcome, "red")
    console.print(
        Text.assemble(
            f"Run {run.run_id} · {run.kind} of account {run.account_id} · ",
            (run.outcome, f"bold {colour}"),
            f" after {_seconds(run.seconds)}" if run.finished_at or run.outcome == RUNNING else "",
        )
    )
    for problem in run.problems:
        console.print(Padding.indent(Text(problem, style=colour), 2))
    for note in run.notes:
        console.print(Padding.indent(Text(note), 2))
    if has_figures:
        _print_counts(run, console)
        print_facts(_facts(run), console)


def _print_counts(run: Run, console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", min_width=LABEL_WIDTH)
    for name in NOTHING:
        table.add_column(name, justify="right")
    for name in COUNTED:
        table.add_row(name, *(f"{run.counts[name][one]:,}" for one in NOTHING))
    console.print(Padding.indent(table, 2))


def print_facts(facts: Iterable[tuple[str, str]], console: Console) -> None:
    """Print names and what is said of them, below what a summary has."""
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=LABEL_WIDTH)
    for name, said in facts:
        table.add_row(name, Text(said))
    console.print(Padding.indent(table, 2))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    if run.ledger:
        sum_of = " + ".join(f"{run.ledger[name]:,} {name}" for name in LEDGER if run.ledger[name] or name == "loaded")
        yield "ledger", f"{run.ledger['highest_id']:,} ids = {sum_of}"
    if run.audit:
        read = " + ".join(
            f"{run.audit[name]:,} {said}" for name, said in AUDIT.items() if run.audit[name] or name == "read"
        )
        yield "audit", f"{run.audit['messages']:,} messages of {run.audit['conversations']:,} conversations = {read}"
    retries = f", {run.retries:,} of them retries" if run.retries else ""
    yield "requests", f"{run.requests:,}{retries} · {_pages(run.pages)}"
    if run.rejected:
        yield "rejected", f"{run.rejected:,} records (table rejected_records)"
    if run.unknown_fields:
        yield "kept in extra", ", ".join(sorted(run.unknown_fields))


def print_table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print rows below the names of their columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    output().print(table)


def print_runs(runs: Sequence[Any], console: Console) -> None:
    """Print runs, newest first, as a table; a run is a row with the columns of sync_runs."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("run", "account", "kind", "started (UTC)", "took"):
        table.add_column(name, no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for name in ("conversations", "messages", "unaccounted", "rejected"):
        table.add_column(name, justify="right")
    for run in runs:
        ended = run.finished_at or (datetime.now(UTC) if run.outcome == RUNNING else None)
        table.add_row(
            str(run.run_id),
            str(run.account_id),
            run.kind,
            utc(run.started_at),
            _seconds((ended - run.started_at).total_seconds()) if ended else "",
            Text(run.outcome, style="" if run.outcome in {COMPLETE, RUNNING} else "yellow"),
            *(_changes(run, table) for table in ("conversations", "messages")),
            "" if run.unaccounted is None else f"{run.unaccounted:,}",
            "" if run.rejected is None else f"{run.rejected:,}",
        )
    console.print(table)


def utc(moment: datetime) -> str:
    """Give a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _changes(run: Any, table: str) -> str:
    counts = (run.counts or {}).get(table)
    return f"+{counts['inserted']:,} ~{counts['updated']:,}" if counts else ""


def _seconds(seconds: float) -> str:
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
