"""The way of requests to urllib3: whose answers have one deadline, and whose proxies get their login from us.

Two things that http.client leaves open are settled here. Its time-out is of each piece, so that a byte a second is
waited for without end: the whole answer has one deadline, by the monotonic clock. And of the interim answers it knows
only 100: another one would pass for the answer, and whatever comes after it for the answer to the next request.

A proxy's login is never a part of an address here: requests and urllib3 quote addresses in what they raise.
"""

import http.client
import io
import math
import re
import socket
import time
from base64 import b64encode
from functools import cache
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from etl.settings.route import Proxy, Route

MOST_INTERIM_ANSWERS = 10
# Status and headers of nearly every answer, with nothing in them that could be read in more than one way.
USUAL_HEAD = re.compile(rb"HTTP/1\.1 200 ([ -~]*)\r\n((?:[!-9;-~]+: [!-~][ -~]*\r\n){1,50})\r\n")
USUAL_LENGTH = re.compile("[0-9]{1,15}")


class Adapter(HTTPAdapter):
    """Goes by one route, with one connection."""

    def __init__(self, route: Route) -> None:
        self._proxy = route.proxy
        super().__init__(pool_connections=1, pool_maxsize=1)
        if route.proxy and route.proxy.scheme.startswith("socks"):
            self.proxy_manager[route.proxy.url] = _socks_manager(route.proxy)

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """Return the login of the proxy, in UTF-8: requests would refuse what is not Latin-1."""
        del proxy  # ours, without its login
        if self._proxy is None or self._proxy.login is None:
            return {}
        login = ":".join(part.get_secret_value() for part in self._proxy.login)
        return {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"}

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        """Return a pool whose connections read answers as `_Response` does; through any proxy."""
        pool: Any = super().get_connection_with_tls_context(*args, **named)
        pool.ConnectionCls = _in_time(pool.ConnectionCls)
        return pool

    def pool(self, request: PreparedRequest, way: dict[str, Any]) -> Any:
        """Return the pool of connections that `send` would take for a request to the same place; raise OSError."""
        pool = self.get_connection_with_tls_context(request, way["verify"], proxies=way["proxies"])
        self.cert_verify(pool, str(request.url), way["verify"], None)  # type: ignore[no-untyped-call]  # -- in its stubs
        return pool


def way_of(route: Route) -> dict[str, Any]:
    """Return what a request is sent with: proxies and certificates, and nothing else of the environment."""
    return {
        "proxies": {"all": route.proxy.url} if route.proxy else {},
        "verify": route.bundle.path if route.bundle else True,
    }


def _socks_manager(proxy: Proxy) -> Any:
    from urllib3.contrib.socks import SOCKSProxyManager

    # Without a login None: of an empty one the proxy would be told.
    user, password = (part.get_secret_value() for part in proxy.login) if proxy.login else (None, None)
    return SOCKSProxyManager(proxy.url, username=user, password=password, num_pools=1, maxsize=1)


class _Timed(io.RawIOBase):
    """What comes in over a socket until a deadline, a number of the monotonic clock."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock
        seconds = sock.gettimeout()
        self._deadline = time.monotonic() + (math.inf if seconds is None else seconds)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(None if left == math.inf else left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer with one deadline, after which only a whole 200 leaves its connection open.

    Of every other status it is not certain where its body ends: 204 and 304 have none, and yet one may follow.
    """

    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:
        super().__init__(sock, *args, **named)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read status and headers of the final answer: interim ones, such as 103 Early Hints, come before it."""
        if self._begin_as_usual():
            return
        super().begin()
        for _ in range(MOST_INTERIM_ANSWERS):
            if not _is_interim(self.status):
                break
            vars(self).update(headers=None, msg=None)  # how http.client says that nothing was read yet
            super().begin()
        if self.status != http.client.OK:
            self.will_close = True

    def _begin_as_usual(self) -> bool:
        """Read status and headers as http.client would, for a fifth of the time; leave all to it if they are unusual.

        What it takes so long for is to read them as those of a mail.
        """
        head = USUAL_HEAD.match(self.fp.peek())
        if head is None:
            return False
        reason, lines = head.group(1, 2)
        pairs = [line.split(": ", 1) for line in lines.decode("ascii").splitlines()]
        first = {name.lower(): value for name, value in reversed(pairs)}
        length = first.get("content-length")
        if length is not None and not USUAL_LENGTH.fullmatch(length):
            return False
        self.fp.read(head.end())
        self.headers = self.msg = http.client.HTTPMessage()
        for name, value in pairs:
            self.headers.set_raw(name, value)
        self.version, self.status, self.reason = 11, int(http.client.OK), reason.decode("ascii").strip()
        self.code = self.status
        self.chunked, self.chunk_left = first.get("transfer-encoding", "").lower() == "chunked", None
        self.length = None if length is None or self.chunked else int(length)
        self.will_close = "close" in first.get("connection", "").lower() or not (self.chunked or length)
        return True


def _is_interim(status: int) -> bool:
    return http.client.CONTINUE <= status < http.client.OK and status != http.client.SWITCHING_PROTOCOLS


@cache
def _in_time(connection: type) -> type:
    """Return a class of connections with answers of ours; the class itself where it has them already."""
    if getattr(connection, "response_class", None) is _Response:
        return connection
    return type(connection.__name__, (connection,), {"response_class": _Response})
