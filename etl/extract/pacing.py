"""The request rate: as fast as asked until the server says 429, then below the ceiling that it showed.

The vendor counts requests in windows aligned to the clock minute, by IP address, and sends no Retry-After (its
section 6): so the only thing to learn is how many requests of one clock minute it let pass. Some addresses have a limit
of their own: so each kind of address learns for itself, and all together only when all that was asked for is refused.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MINUTE = 60
LONGEST_WAIT = 120
# After so long without a 429 a learned limit is doubled: it may have been another's burst, or have been raised.
QUIET_BEFORE_MORE = 5 * MINUTE
# In seconds. A server that lets us in again so much before the minute ends does not count by the clock minute.
SOON = 2


class Ticket(NamedTuple):
    """One request that may be sent: of which kind, in which clock minute, and the how-manieth of all."""

    kind: str
    minute: int
    number: int


def kind_of(path: str) -> str:
    """Return the kind of address that a path is: the same for all conversations."""
    return re.sub(r"[0-9]+", "N", path)


@dataclass
class _Limit:
    """What one kind of address, or all together, may send in a clock minute; given: by the settings, never exceeded.

    Times are those of the monotonic clock.
    """

    given: int | None = None
    per_minute: int | None = None
    before: int | None = None
    sent: int = 0
    carried: int = 0
    under_way: int = 0
    refused: int = 0
    most: int = 0
    learned_at: float = 0.0
    resume_at: float = 0.0

    def turn(self, now: float) -> None:
        """Begin a clock minute; what is under way may arrive in either, and is counted in both."""
        self.most = max(self.most if self.per_minute is None else 0, self.sent - self.refused)
        self.sent = self.carried = self.under_way
        self.refused = 0
        if self.per_minute != self.given and now - self.learned_at >= QUIET_BEFORE_MORE:
            more = 2 * (self.per_minute or 1)
            self.per_minute, self.learned_at = min(more, self.given or more), now
        self.before = self.per_minute

    def seconds(self, now: float, left_of_minute: float) -> float:
        """Return how long to wait before one more is sent."""
        is_full = self.per_minute is not None and self.sent >= self.per_minute
        return max(self.resume_at - now, left_of_minute if is_full else 0)

    def learn(self, now: float) -> None:
        """Take what was let pass in this minute for the limit."""
        # A burst of others in one minute at most halves the rate: it may be gone in the next.
        passed = max(1, self.most // 2, self.sent - self.carried - self.refused)
        self.per_minute, self.learned_at = min(passed, self.per_minute or passed), now


class Pace:
    """Lets requests through, for all threads together: each calls wait() before a request and done() after it.

    clock: gives seconds since 1970, and is asked for the minute only: it may be set. monotonic: gives the seconds that
    waits are measured by. sleep: waits for seconds. Tests pass their own; one clock may be both.
    """

    def __init__(
        self,
        per_minute: int | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._monotonic = monotonic or (time.monotonic if clock is time.time else clock)
        self._lock = threading.Lock()
        self._all = _Limit(per_minute, per_minute, per_minute)
        self._kinds: defaultdict[str, _Limit] = defaultdict(_Limit)
        self._minute, self._number = -1, 0
        self._from_its_start = False
        self._refused_kinds: set[str] = set()
        self._passes_after = 0

    def limit_of(self, kind: str = "") -> int | None:
        """Return how many requests of a kind are sent a clock minute; None until the server shows its limit."""
        limits = (self._all.per_minute, self._kinds[kind].per_minute)
        return min((limit for limit in limits if limit is not None), default=None)

    def wait(self, kind: str = "") -> Ticket:
        """Wait until one more request of a kind may be sent; return what done() and limited() want to know of it."""
        while True:
            with self._lock:
                seconds = self._take(kind)
                ticket = Ticket(kind, self._minute, self._number)
            if seconds <= 0:
                return ticket
            self._sleep(seconds)

    def done(self, ticket: Ticket, passed: bool = True) -> None:
        """Take note that a request was answered, or given up; passed: whether the server had no limit for it."""
        with self._lock:
            # The minute may have turned while it was under way: the server may count it in the new one.
            self._turn()
            for limit in (self._all, self._kinds[ticket.kind]):
                limit.under_way -= 1
            if passed and ticket.number > self._passes_after:
                self._refused_kinds.clear()  # what was refused before was so by a limit of its own

    def limited(self, ticket: Ticket, retry_after: float | None) -> float:
        """Take note of a 429; return the seconds that all requests of this kind now wait.

        Only a minute that we used from its start shows the limit: others, or an earlier run, may have used up a part of
        the one in which this run began. All kinds wait when another one was refused, and none was let pass since.
        """
        with self._lock:
            now, left = self._monotonic(), self._left_of_minute()
            seconds = min(left if retry_after is None else retry_after, LONGEST_WAIT)
            of_kind = self._kinds[ticket.kind]
            is_now = ticket.minute == self._minute
            for limit in (self._all, of_kind):
                limit.refused += is_now
            if not self._refused_kinds:
                self._passes_after = self._number
            self._refused_kinds.add(ticket.kind)
            if len(self._refused_kinds) > 1:
                for kind in self._refused_kinds:
                    self._kinds[kind].per_minute = self._kinds[kind].before
            meant = self._all if len(self._refused_kinds) > 1 else of_kind
            meant.resume_at = max(meant.resume_at, now + seconds)
            if is_now and self._from_its_start and (retry_after is None or retry_after > max(left - SOON, SOON)):
                meant.learn(now)
            return meant.resume_at - now

    def _take(self, kind: str) -> float:
        """Count a request and return 0, or return the seconds to wait first."""
        self._turn()
        limits = (self._all, self._kinds[kind])
        seconds = max(limit.seconds(self._monotonic(), self._left_of_minute()) for limit in limits)
        if seconds <= 0:
            self._number += 1
            for limit in limits:
                limit.sent += 1
                limit.under_way += 1
        return seconds

    def _left_of_minute(self) -> float:
        return MINUTE - self._clock() % MINUTE

    def _turn(self) -> None:
        """Begin the clock minute unless it has begun already."""
        minute = int(self._clock() // MINUTE)
        if minute == self._minute:
            return
        self._from_its_start = self._minute >= 0
        self._minute = minute
        self._refused_kinds.clear()
        for limit in (self._all, *self._kinds.values()):
            limit.turn(self._monotonic())
