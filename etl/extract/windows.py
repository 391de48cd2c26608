"""Reads a range of ids in windows as wide as the server can answer, where it cannot answer all of it at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from etl.errors import Limited, TooLarge, TryAgain

# What less can be asked for at once: it may be the amount that was too much.
TOO_MUCH = (TryAgain, TooLarge)
# Messages that a window should have: enough for few requests, few enough for a slow server.
GOOD = 100
MOST_FAILURES = 40

Read = Callable[[int, int], list[Any]]


@dataclass
class Windows:
    """Reads windows of ids, one beside the other; each failure makes them narrower, down to a single id.

    read: returns the messages from one id to below another. found: what was read. lost: why single ids could not be
    read, or why the rest was given up. failures: how many there were.
    """

    read: Read
    width: int
    found: list[Any] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)
    failures: int = 0
    _good: int = GOOD

    def go(self, start: int, end: int) -> None:
        """Read from one id towards another, up or down; give up the rest after MOST_FAILURES."""
        at, width = start, self.width
        while at != end and self.failures < MOST_FAILURES:
            edge = max(at - width, end) if end < at else min(at + width, end)
            messages = self._try(min(at, edge), max(at, edge))
            if messages is None:
                width = max(1, abs(edge - at) // 2)
                continue
            self.found += messages
            at = edge
            # Where ids lie far apart wider windows hold no more; and none shall hold as many as the one that failed.
            if len(messages) < self._good:
                width *= 2

    def _try(self, after: int, before: int) -> list[Any] | None:
        """Return the messages of a window; None when it has to be narrower, nothing when it cannot be."""
        try:
            return self.read(after, before)
        except Limited:
            raise
        except TOO_MUCH as error:
            self.failures += 1
            self._good = max(1, self._good // 2)
            if before - after > 1 and self.failures < MOST_FAILURES:
                return None
            self.lost.append(error)
            return []
