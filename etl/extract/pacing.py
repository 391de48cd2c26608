"""The request rate: as fast as asked until the server says 429, then below the ceiling that it showed.

The vendor counts requests in windows aligned to the clock minute, by IP address, and sends no Retry-After (its
section 6): so the only thing to learn is how many requests of one clock minute it let pass.
"""

import threading
import time
from collections.abc import Callable

MINUTE = 60
LONGEST_WAIT = 120


class Pace:
    """Lets requests through, for all threads together: each calls wait() before a request and done() after it.

    per_minute: requests a clock minute, None until the server shows its limit.
    clock: gives seconds since 1970; sleep: waits for seconds. Tests pass their own.
    """

    def __init__(
        self,
        per_minute: int | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._minute = -1
        self._from_its_start = False
        self._under_way = 0
        self._sent = self._carried = self._refused = self._most = 0
        self._resume_at = 0.0

    def wait(self) -> int:
        """Wait until one more request may be sent; return the clock minute in which it is counted."""
        while True:
            with self._lock:
                seconds = self._take()
                minute = self._minute
            if seconds <= 0:
                return minute
            self._sleep(seconds)

    def done(self) -> None:
        """Take note that a request was answered, or given up."""
        with self._lock:
            # The minute may have turned while it was under way: the server may count it in the new one.
            self._turn(self._clock())
            self._under_way -= 1

    def limited(self, minute: int, retry_after: float | None) -> float:
        """Take note of a 429 for a request of that clock minute; return the seconds that everybody now waits.

        Only a minute that we used from its start shows the limit: others, or an earlier run, may have used up a part of
        the one in which this run began.
        """
        with self._lock:
            now = self._clock()
            if minute == self._minute and self._from_its_start:
                self._refused += 1
                # A burst of others in one minute at most halves the rate: it may be gone in the next.
                passed = max(1, self._most // 2, self._sent - self._carried - self._refused)
                self.per_minute = min(passed, self.per_minute or passed)
            until_next_minute = MINUTE - now % MINUTE
            self._resume_at = max(self._resume_at, now + min(retry_after or until_next_minute, LONGEST_WAIT))
            return self._resume_at - now

    def _take(self) -> float:
        """Count a request and return 0, or return the seconds to wait first."""
        now = self._clock()
        if now < self._resume_at:
            return self._resume_at - now
        self._turn(now)
        if self.per_minute is not None and self._sent >= self.per_minute:
            return MINUTE - now % MINUTE
        self._sent += 1
        self._under_way += 1
        return 0

    def _turn(self, now: float) -> None:
        """Begin the clock minute unless it has begun already."""
        minute = int(now // MINUTE)
        if minute == self._minute:
            return
        self._from_its_start = self._minute >= 0
        self._most = max(self._most if self.per_minute is None else 0, self._sent - self._refused)
        # What is under way when the minute turns may arrive in either, and is counted in both.
        self._minute, self._sent, self._carried, self._refused = minute, self._under_way, self._under_way, 0
