"""A server that a test scripts byte by byte, for what no proper server does: interim answers, late bodies, dripping."""

import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from urllib.parse import parse_qsl, urlsplit

from etl.demo.server import Answer, App, Request

# So long lies between two pieces of a late answer: enough for a client that does not wait to be seen.
MOMENT = 0.05


class Exchange:
    """One request on a connection, and the way to answer it.

    gone: set when the server ends. late: sends in a while, unless the client has hung up meanwhile.
    """

    def __init__(self, request: Request, connection: socket.socket, gone: Event) -> None:
        self.request, self._connection, self._gone = request, connection, gone

    def send(self, said: bytes) -> None:
        self._connection.sendall(said)

    def late(self, said: bytes) -> None:
        self._gone.wait(MOMENT)
        self.send(said)

    def drip(self, said: bytes) -> None:
        """Send a byte at a time, with a pause after each, until the client hangs up."""
        for at in range(len(said)):
            self.send(said[at : at + 1])
            if self._gone.wait(MOMENT / 5):
                return


Script = Callable[[Exchange], None]


def whole(answer: Answer) -> bytes:
    """Return an answer as it goes over the wire."""
    headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))} | answer.headers
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Said\r\n{head}\r\n".encode("latin-1") + answer.body


def scripted(app: App, script: Callable[[Exchange, Answer], bool]) -> Script:
    """Return what answers as the app does, but where the script has done so itself: then it returns True."""

    def answer(exchange: Exchange) -> None:
        proper = app(exchange.request)
        if not script(exchange, proper):
            exchange.send(whole(proper))

    return answer


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    script: Script

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.gone, self.lock, self.connections = Event(), Lock(), 0


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        with self.server.lock:
            self.server.connections += 1
        with suppress(OSError):
            while line := self.rfile.readline():
                headers = {}
                while pair := self.rfile.readline().strip().decode("latin-1"):
                    name, _, value = pair.partition(":")
                    headers[name.lower()] = value.strip()
                url = urlsplit(line.split()[1].decode())
                request = Request(url.path, parse_qsl(url.query, keep_blank_values=True), headers)
                self.server.script(Exchange(request, self.connection, self.server.gone))


class Raw:
    """A server that runs. url: its base; connections: how many were made to it so far."""

    def __init__(self, server: _Server) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    @property
    def connections(self) -> int:
        return self.server.connections


@contextmanager
def serve_raw(script: Script) -> Iterator[Raw]:
    """Serve a script until the block ends."""
    server = _Server()
    server.script = script
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Raw(server)
    finally:
        server.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
