"""The log: lines on standard error, for people or as JSON."""

import logging
import sys
from collections.abc import Callable
from typing import TextIO

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars, merge_contextvars

from etl import faults
from etl.steady_output import takes_everything

# Loggers of libraries that are silenced, and why.
SILENT = (
    # What it would log is raised, too, and logged in one sentence.
    "sqlalchemy",
    # It quotes whole addresses, and that of a ping is a secret.
    "urllib3",
    # The worker logs why a job failed; procrastinate would log all its arguments and causes, too.
    "procrastinate",
    # The worker logs that the database is away: once, and not for each connection.
    "psycopg.pool",
    # It quotes exceptions; the worker tells of them itself.
    "asyncio",
)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is now, so that a progress display which takes it over keeps whole lines."""

    def __init__(self, style: str) -> None:
        super().__init__(sys.stderr)
        self.style = style

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- logging's name for it
        """Tell of a line that cannot be made, without what it was made of."""
        del record
        if error := sys.exc_info()[1]:
            sys.stderr.write(f"etl: {faults.report(error)}\n")


def configure(style: str) -> None:
    """Send everything that is logged to standard error: `json` one object a line, `console` text."""
    shared: list[structlog.typing.Processor] = [
        # For people, to whom one run follows another, account and run would only be in the way.
        *([merge_contextvars] if style == "json" else []),
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _tell_fault,
        structlog.processors.TimeStamper(fmt="iso" if style == "json" else "%H:%M:%S", utc=style == "json"),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=not takes_everything(sys.stderr))
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
        )
    )
    handler = _StandardError(style)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("etl").setLevel(logging.INFO)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _tell_fault(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Say where an exception happened that is logged with its traceback, which would show data."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        event["event"] = f"{event['event']} {faults.report(error)}"
    return event


def is_json() -> bool:
    """Return whether the lines of the log are JSON, so that their collector can read no other ones."""
    return any(getattr(handler, "style", None) == "json" for handler in logging.getLogger().handlers)


def bind_run(account_id: int, run_id: int | None = None) -> None:
    """Add the account, and the run once it has a number, to the JSON lines from here on."""
    clear_contextvars()
    bind_contextvars(account_id=account_id, **({"run_id": run_id} if run_id is not None else {}))


def unbind_run() -> None:
    """Add no account or run to the lines from here on."""
    clear_contextvars()


def inherit_run() -> Callable[[], None]:
    """Return a function for a new thread to call, so that its lines name the same run as those of this one."""
    bound = get_contextvars()

    def tell() -> None:
        bind_contextvars(**bound)

    return tell
