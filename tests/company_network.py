"""The network of a company: a server with a certificate of a private CA, and proxies that lead to it.

Nothing but the loopback interface: the proxies lead every name to where the test says.
"""

import socket
import socketserver
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TypeVar

import trustme

from etl.demo.server import App, _Connection, _Server
from tests.raw_server import Script, serve_raw
from tests.waits import LONGEST

# The name of a server that only the proxies know.
VENDOR = "vendor.example"
Kind = TypeVar("Kind", bound=socketserver.BaseServer)
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def speak_tls(server: socketserver.BaseServer, certificate: trustme.LeafCert) -> None:
    """Have a server that runs take connections over TLS only; who does not trust it is not let in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    plain = server.get_request

    def shaken() -> tuple[socket.socket, object]:
        connection, address = plain()
        connection.settimeout(LONGEST)
        return context.wrap_socket(connection, server_side=True), address

    server.get_request = shaken


@contextmanager
def serve_tls(app: App, certificate: trustme.LeafCert) -> Iterator[int]:
    """Serve an app with a certificate until the block ends; yield the port."""
    server = _Server(("127.0.0.1", 0), _Connection)
    server.app = app
    speak_tls(server, certificate)
    with running(server):
        yield server.server_address[1]
        server.hang_up()


@contextmanager
def serve_raw_tls(script: Script, certificate: trustme.LeafCert) -> Iterator[int]:
    """Serve what a test scripts byte by byte in the same way."""
    with serve_raw(script) as raw:
        speak_tls(raw.server, certificate)
        yield raw.server.server_address[1]


@contextmanager
def running(server: Kind) -> Iterator[Kind]:
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Proxy(socketserver.ThreadingTCPServer):
    """Leads whoever has the login to one port, whatever is asked for.

    asked: what was, in order; logins: with which logins. answer: given in place of the connection. pause: between
    its bytes, in seconds. port: its own.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, leads_to: int, login: str | None, way: Callable[["Proxy", socket.socket], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _ProxyConnection)
        self.leads_to, self.login, self.way = leads_to, login, way
        self.asked: list[str] = []
        self.logins: list[str | None] = []
        self.answer: bytes | None = None
        self.pause, self._gone = 0.0, Event()

    def give(self, client: socket.socket, said: bytes) -> None:
        if not self.pause:
            client.sendall(said)
            return
        for at in range(len(said)):
            client.sendall(said[at : at + 1])
            if self._gone.wait(self.pause):
                return

    def server_close(self) -> None:
        self._gone.set()
        super().server_close()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """Whoever hangs up in the middle does so on purpose."""


class _ProxyConnection(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        self.request.settimeout(LONGEST)
        if self.server.way(self.server, self.request):
            with socket.create_connection(("127.0.0.1", self.server.leads_to)) as there:
                back = Thread(target=_hand_on, args=(there, self.request), daemon=True)
                back.start()
                _hand_on(self.request, there)
                back.join(LONGEST)


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(2**16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def by_connect(proxy: Proxy, client: socket.socket) -> bool:
    """Speak HTTP: CONNECT, with Proxy-Authorization."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = client.recv(1)
        if not piece:
            return False
        head += piece
    first, *lines = head.decode("latin-1").split("\r\n")
    method, place, _ = first.split()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    given = headers.get("proxy-authorization")
    proxy.asked.append(f"{method} {place}")
    proxy.logins.append(b64decode(given.removeprefix("Basic ")).decode() if given else None)
    if proxy.answer is None and proxy.login not in {None, proxy.logins[-1]}:
        proxy.answer = b"HTTP/1.1 407 Who are you, %s?\r\nProxy-Authenticate: Basic\r\n\r\n" % (given or "").encode()
    proxy.give(client, proxy.answer or ESTABLISHED)
    return proxy.answer is None


def by_socks5(proxy: Proxy, client: socket.socket) -> bool:
    """Speak SOCKS 5 (RFC 1928), with user and password (RFC 1929)."""

    def take(count: int) -> bytes:
        return b"".join(client.recv(1) for _ in range(count))

    take(take(2)[1])
    client.sendall(b"\5\2" if proxy.login else b"\5\0")
    if proxy.login:
        take(1)
        user, password = (take(take(1)[0]).decode() for _ in range(2))
        proxy.logins.append(f"{user}:{password}")
        is_known = proxy.logins[-1] == proxy.login
        client.sendall(b"\1\0" if is_known else b"\1\1")
        if not is_known:
            return False
    _, _, _, kind = take(4)
    name = take(take(1)[0]).decode() if kind == 3 else socket.inet_ntoa(take(4))
    proxy.asked.append(f"{name}:{int.from_bytes(take(2))}")
    client.sendall(proxy.answer or b"\5\0\0\1\0\0\0\0\0\0")
    return proxy.answer is None


@contextmanager
def proxy_to(
    leads_to: int, login: str | None = None, way: Callable[[Proxy, socket.socket], bool] = by_connect
) -> Iterator[Proxy]:
    with running(Proxy(leads_to, login, way)) as proxy:
        yield proxy
