"""Vendors that hold a run where a test wants it: at the k-th request, or at the first history."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from etl.demo.server import Answer, App, Request, serve
from tests.waits import LONGEST


class Trap:
    """Serves a vendor, and does something once when the k-th request since `set` arrives."""

    def __init__(self, vendor: App) -> None:
        self.vendor, self.arrived, self.at = vendor, 0, 0
        self.act: Callable[[], object] = lambda: None
        self.lock = threading.Lock()

    def set(self, at: int, act: Callable[[], object]) -> None:
        with self.lock:
            self.arrived, self.at, self.act = 0, at, act

    def __call__(self, request: Request) -> Answer:
        with self.lock:
            self.arrived += 1
            if self.arrived == self.at:
                self.act()
        return self.vendor(request)


class Holding:
    """Serves a vendor, and answers no history until it is let go."""

    def __init__(self, vendor: App) -> None:
        self.vendor = vendor
        self._asked, self._go = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Answer:
        if request.path.endswith("/messages"):
            self._asked.set()
            self._go.wait(2 * LONGEST)  # longer than anybody waits for the one who is held
        return self.vendor(request)

    def wait_until_asked(self) -> None:
        assert self._asked.wait(LONGEST), "no history was asked for"

    def let_go(self) -> None:
        self._go.set()


@contextmanager
def holding(vendor: App) -> Iterator[tuple[Holding, str]]:
    """Serve a vendor that answers no history until it is let go, or the block ends."""
    one = Holding(vendor)
    with serve(one) as base_url:
        try:
            yield one, base_url
        finally:
            one.let_go()
