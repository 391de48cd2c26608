"""Reads a range of ids in windows as wide as the server can answer, where it cannot answer all of it at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from etl.errors import Limited, TooLarge, TryAgain

# Failures after which less can be asked for at once, as it may have been the amount.
TOO_MUCH = (TryAgain, TooLarge)
# Messages that a window should have: enough for few requests, few enough for a slow server.
GOOD = 100
# In a row, without any message between them: enough to narrow a window of all ids down to one.
MOST_FAILURES = 40
# Ids that cannot be read even by themselves: when there are more, it is not the messages.
MOST_LOST = 5

Read = Callable[[int, int], list[Any]]


@dataclass
class Windows:
    """Reads windows of ids, one beside the other; each failure makes them narrower, down to a single id.

    read: returns the messages from one id to below another. found: what was read. lost: why single ids could not be
    read, or why the rest was given up.
    """

    read: Read
    found: list[Any] = field(default_factory=list)
    lost: list[Exception] = field(default_factory=list)
    _good: int = GOOD
    _failures: int = 0

    def go(self, start: int, end: int, width: int) -> None:
        """Read from one id towards another, up or down, first a window of that width."""
        at = start
        while at != end and self._failures < MOST_FAILURES and len(self.lost) < MOST_LOST:
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
            messages = self.read(after, before)
        except Limited:
            raise
        except TOO_MUCH as error:
            self._failures += 1
            self._good = max(1, self._good // 2)
            if before - after > 1 and self._failures < MOST_FAILURES:
                return None
            self.lost.append(error)
            return []
        if messages:
            self._failures = 0
        return messages
