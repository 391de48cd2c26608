"""How long a test waits, whatever for: until it happens, and no longer than a machine that is busy may need."""

import time
from collections.abc import Callable

# For an event that comes in any case. It is reached by a fault only: nobody waits for so long.
LONGEST = 180
# What a loop that only counts has of a processor, in seconds.
SPIN = 0.2


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for an event that nobody can tell us of; fail when it does not come."""
    end = time.monotonic() + LONGEST
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def slowness() -> float:
    """Return how many seconds pass while a process gets one of a processor: 1 where nothing else goes on.

    A promise in seconds is kept where the machine gives them: a test multiplies it by this.
    """
    begun, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < SPIN:
        pass
    return max(1.0, (time.monotonic() - begun) / SPIN)
