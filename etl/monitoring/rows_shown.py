"""How far an export is: on a terminal, once it takes longer than a moment."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

SECONDS_BEFORE = 2


@contextmanager
def showing_rows(what: str) -> Iterator[Callable[[int], None]]:
    """Yield what is told how many rows there are by now; nothing is shown in a pipe, nor of what is soon done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(what, total=None)
    begin = threading.Timer(SECONDS_BEFORE, progress.start)
    begin.daemon = True
    begin.start()
    try:
        yield lambda rows: progress.update(task, completed=rows)
    finally:
        begin.cancel()
        begin.join()  # it may be about to begin
        progress.stop()
