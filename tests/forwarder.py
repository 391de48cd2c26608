"""A connection that a balancer forgets: a port that hands on to PostgreSQL, and suddenly nothing in any direction."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import make_url


class Forwarder:
    """Hands on what comes, until it forgets: then what is sent is taken by nobody, and no end of it is told."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = [self._listening]
        self._forgot = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The database's URL by way of this."""
        port = self._listening.getsockname()[1]
        return self._url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)

    def forget(self) -> None:
        self._forgot.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                # Little is on its way unread: what is sent then is soon not taken any more.
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                theirs = self._reach()
                self._open += [ours, theirs]
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _reach(self) -> socket.socket:
        folder = str(self._url.query.get("host") or self._url.host)
        if not folder.startswith("/"):
            return socket.create_connection((folder, self._url.port or 5432))
        reached = socket.socket(socket.AF_UNIX)
        reached.connect(f"{folder}/.s.PGSQL.{self._url.port or 5432}")
        return reached

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while (taken := one.recv(65_536)) and not self._forgot.is_set():
                other.sendall(taken)
            if not self._forgot.is_set():
                other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # else who waits for something to come would go on waiting
            one.close()


@contextmanager
def forwarder(url: str) -> Iterator[Forwarder]:
    """Give a port that hands on to the database of a URL."""
    one = Forwarder(url)
    try:
        yield one
    finally:
        one.close()
