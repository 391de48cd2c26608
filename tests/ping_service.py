"""A service that is pinged, on the loopback interface: keeps what it was told, and answers as a test wants."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event, Thread

from tests.waits import LONGEST

SECRET = "b7Qe9fKx-pings-2TzM4wVn"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
# urllib3 complains of such an answer in a log of its own, with the whole address.
BROKEN = b"HTTP/1.1 200 OK\r\nno header at all\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
NO_ANSWER = b""


class Pinged:
    """told: path and body of each ping, in the order in which they came; base: where, without the secret."""

    def __init__(self, base: str, answer: bytes) -> None:
        self.base, self.answer = base, answer
        self.told: list[tuple[str, str]] = []
        self.has_ended = Event()

    @property
    def url(self) -> str:
        return f"{self.base}/{SECRET}"

    def steps(self) -> list[str]:
        """Return what was told since the last time, by the end of the path."""
        steps = [path.removeprefix(f"/{SECRET}") for path, _ in self.told]
        self.told.clear()
        return steps


@contextmanager
def pinged(answer: bytes = OK) -> Iterator[Pinged]:
    class Connection(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = self.rfile.read(int(self.headers["Content-Length"])).decode()
            service.told.append((self.path, told))
            if not service.answer:
                service.has_ended.wait(2 * LONGEST)
            self.wfile.write(service.answer)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        service = Pinged(f"http://127.0.0.1:{server.server_address[1]}", answer)
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.has_ended.set()
            server.shutdown()
            thread.join()


def redirect_to(url: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
