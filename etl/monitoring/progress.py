"""Progress while a run goes on: a display on a terminal, lines in a pipe."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from etl.load.journal import Run
from etl.monitoring.console import spell_pages

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 10


class PageRead(Protocol):
    """What the progress display needs of a page; `walk.Page` is one."""

    @property
    def number(self) -> int: ...  # noqa: D102 -- described there
    @property
    def about(self) -> int | None: ...  # noqa: D102 -- described there
    @property
    def is_last(self) -> bool: ...  # noqa: D102 -- described there


Watch = Callable[[Run, str, PageRead], None]


@contextmanager
def watching(whose: str = "") -> Iterator[Watch]:
    """Yield what shows the progress: a display on a terminal that vanishes at the end, lines in a pipe.

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
    at = (
        f"page {page.number:,} of about {page.about or page.number:,}"
        if not page.is_last
        else spell_pages(page.number - 1)
    )
    rows = " · ".join(f"{run.tally.counts[table]['seen']:,} {table}" for table in ("conversations", "messages"))
    return f"{at} · {rows} · {run.tally.requests / max(run.seconds, 0.001):,.0f} requests/s"
