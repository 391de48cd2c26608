"""A request to stop, by SIGTERM or Ctrl-C: the page in hand is finished, the run closed, and the process ends soon."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar
from weakref import WeakSet

from etl.errors import EtlError, Interrupted

# The page in hand is given up after the first, and writing the run's end into the journal after the second: Docker, for
# one, kills a process ten seconds after it asked it to stop.
SECONDS_TO_FINISH = 5
SECONDS_TO_CLOSE = 3
# A signal that comes just before the main thread begins to wait does not wake it (Python handles it only afterwards),
# so an alarm that is repeated does.
SECONDS_TO_NOTICE = 1

STOPPED = "Stopped on request. What was saved stays; the next run goes on from there."


def check_asked() -> None:
    """Raise Interrupted when any run of this process was asked to stop: then no other run shall begin."""
    if Interrupt.asked:
        raise Interrupted(STOPPED)


class Interrupt:
    """Tells all threads of a run that it shall stop.

    asked: whether any run of this process was asked to stop, as a signal is meant for the whole process.
    each_second: called by the main thread every second, whatever it waits for; may raise, to end that wait.
    """

    asked: ClassVar[bool] = False
    _living: ClassVar["WeakSet[Interrupt]"] = WeakSet()
    _counting: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.each_second: Callable[[], None] = lambda: None
        self._insisted = False
        self._failure: EtlError | None = None
        self._give_up_at = 0.0
        # Reentrant, which an Event is not: the signal may come while the main thread itself holds it.
        self._wake = threading.Condition(threading.RLock())
        with Interrupt._counting:
            Interrupt._living.add(self)
            self._stopped = Interrupt.asked

    @contextmanager
    def looking(self, each_second: Callable[[], None]) -> Iterator[None]:
        """Look each second for what ends a run, and no longer: what was raised once is being told already."""
        self.each_second = each_second
        try:
            yield
        finally:
            self.each_second = lambda: None

    @classmethod
    def ask_all(cls) -> None:
        """Ask every run of this process to stop: for a main thread that hears the signals itself."""
        with cls._counting:
            cls.asked = True
            living = list(cls._living)
        for interrupt in living:
            interrupt._stop()

    def _stop(self) -> None:
        self._stopped = True
        with self._wake:
            self._wake.notify_all()

    def fail(self, failure: EtlError) -> None:
        """Have every wait of this run end with a failure that another thread has found out."""
        self._failure = failure
        self._stop()

    def sleep(self, seconds: float) -> None:
        """Wait for seconds; raise Interrupted as soon as the run shall stop, or what makes it fail."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopped, seconds)
        if self._stopped:
            raise self._failure or Interrupted(STOPPED)

    def check(self) -> None:
        """Raise Interrupted when the run shall stop."""
        self.sleep(0)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to SIGTERM, SIGHUP and Ctrl-C: the first asks to stop, a second one or five seconds insist."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread of a process hears signals
            return
        heard = [signal.SIGTERM, signal.SIGINT, signal.SIGALRM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
            heard.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._heard) for number in heard}
        signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_NOTICE, SECONDS_TO_NOTICE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                # Once stopped, the process is about to end: an impatient third signal shall not break that off.
                signal.signal(number, signal.SIG_IGN if self._stopped and not self._failure else handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        asked = number != signal.SIGALRM
        if asked and not self._stopped:
            Interrupt.asked = True
            self._give_up_at = time.monotonic() + SECONDS_TO_FINISH
            self._stop()
        elif self._stopped and (time.monotonic() > self._give_up_at or (asked and not self._insisted)):
            self._insisted = True
            self._give_up_at = time.monotonic() + SECONDS_TO_CLOSE
            self.check()
        elif not self._stopped:
            self.each_second()
