"""A request to stop, by SIGTERM or Ctrl-C: the page in hand is finished, the run closed, and the process ends soon."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from etl.errors import Interrupted

# A page that is not finished by then is given up, and then the run's end in the journal is: whoever stops a job
# expects it to be gone in ten seconds.
SECONDS_TO_FINISH = 5
SECONDS_TO_CLOSE = 3


class Interrupt:
    """Tells all threads of a run that it shall stop."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._insisted = False

    def sleep(self, seconds: float) -> None:
        """Wait for seconds; raise Interrupted as soon as the run shall stop."""
        if self._stopped.wait(seconds):
            raise Interrupted("Stopped on request. What was saved stays; the next run goes on from there.")

    def check(self) -> None:
        """Raise Interrupted when the run shall stop."""
        self.sleep(0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to SIGTERM and Ctrl-C: the first asks to stop, a second one or five seconds insist."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread of a process hears signals
            return
        before = {one: signal.signal(one, self._heard) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for one, handler in before.items():
                # Once stopped, the process is about to end: an impatient third signal shall not break that off.
                signal.signal(one, signal.SIG_IGN if self._stopped.is_set() else handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopped.is_set():
            self._stopped.set()
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_FINISH)
        elif number == signal.SIGALRM or not self._insisted:
            self._insisted = True
            signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_CLOSE)
            self.check()
