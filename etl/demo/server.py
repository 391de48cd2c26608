"""Serves a function from request to answer over HTTP on the loopback interface."""

import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

# How often the accepting thread looks whether it should stop, in seconds: the longest that closing the server can take.
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """Hold what a client asked for; the names of the headers are in lower case."""

    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        """Return the first value of a query parameter, None where it was not sent."""
        return next((value for key, value in self.query if key == name), None)


@dataclass(frozen=True)
class Answer:
    """Hold what goes back; a header given here wins over the one the server would send (a wrong length, say)."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


App = Callable[[Request], Answer]


def json_answer(value: object, status: int = 200) -> Answer:
    """Make an answer whose body is the value as JSON."""
    return Answer(status, orjson.dumps(value))


def text_answer(text: str, status: int = 200) -> Answer:
    """Make an answer of plain text."""
    return Answer(status, text.encode(), "text/plain")


@contextmanager
def serve(app: App, port: int = 0) -> Iterator[str]:
    """Serve the app until the block ends; yield its base URL, such as "http://127.0.0.1:54321".

    Port 0 takes a free one. Each connection has a thread of its own, so the app must be safe to call from several.
    """
    server = _Server(("127.0.0.1", port), _Connection)
    server.app = app
    thread = Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="demo-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        server.hang_up()


class _Server(socketserver.ThreadingTCPServer):
    """Accept connections; not http.server's class, which looks its own name up in the DNS when it starts."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    app: App

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.connections: set[socket.socket] = set()

    def hang_up(self) -> None:
        # A client that keeps its connection alive would hold its thread, waiting for a request that never comes.
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # With Nagle's algorithm a small answer can wait 40 ms for the client's acknowledgement.
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        self.server.connections.add(self.connection)
        try:
            # A client that goes away in the middle is its own affair; any other fault is the app's, and is shown.
            with suppress(ConnectionError):
                super().handle()
        finally:
            self.server.connections.discard(self.connection)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qsl(url.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.app(Request(url.path, query, headers)))

    def _send(self, answer: Answer) -> None:
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))} | answer.headers
        if headers.get("Connection", "").lower() == "close":
            self.close_connection = True
        phrase = self.responses.get(answer.status, ("",))[0]
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        # One write: two would be two packets, and the second could wait for the first one's acknowledgement.
        self.wfile.write(f"HTTP/1.1 {answer.status} {phrase}\r\n{head}\r\n".encode("latin-1") + answer.body)

    def log_message(self, *_: Any) -> None:
        """Stay silent: the command line that shows the demo has its own output."""
