"""One exchange over HTTP: a request out, its own answer back, within a time and a room that nothing can stretch.

Two things that http.client leaves open are settled here. Its time-out is of each piece, so that a byte a second is
waited for without end: the whole answer has one deadline, by the monotonic clock. And of the interim answers it knows
only 100: another one would pass for the answer, and whatever comes after it for the answer to the next request.
"""

import http.client
import io
import math
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from etl.errors import TooLarge
from etl.extract.decoding import begins_as_json
from etl.extract.quotes import Quotes
from etl.settings.settings import Settings
from etl.settings.validators import is_loopback

# Every server version knows the header in both spellings; proxies often drop the one with underscores.
TOKEN_HEADER = "api-access-token"  # noqa: S105 -- the header's name, no secret
CHUNK = 2**18
MOST_INTERIM_ANSWERS = 10


@dataclass(frozen=True)
class Answer:
    """What a server answered. headers: whatever the case of their names. body: decompressed."""

    status: int
    headers: Any
    body: bytearray

    @property
    def says_json(self) -> bool:
        """Return whether it says of itself that it is JSON."""
        kind = str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")


class Exchange:
    """Sends the requests of all threads, each over a connection of its own: requests does not promise more."""

    def __init__(self, settings: Settings, quotes: Quotes) -> None:
        self._quotes = quotes
        self._local = threading.local()
        self._request, self._way = _prepare(settings)

    def get(self, url: str, take: Callable[[bytearray], None]) -> Answer:
        """Return the answer to a GET; never one to another request.

        take: called with the body as far as it has come, after each piece; may raise, and the rest is not read.
        Raise VendorError when there is no whole answer in time.
        """
        request = self._request.copy()
        request.url = url
        body = bytearray()
        try:
            # Not through a session: it would keep cookies, and read the body of a redirect without bounds.
            with self._adapter().send(request, **self._way) as answer:
                for piece in answer.iter_content(CHUNK):
                    body += piece
                    take(body)
                return Answer(answer.status_code, answer.headers, body)
        except TooLarge as error:
            if not begins_as_json(body):
                error.quote = self._quotes.of_answer(body)
            raise
        except requests.RequestException as error:
            raise self._quotes.failure(error) from None

    def leave_connection(self) -> None:
        """Close this thread's connection, so that the next request has another one."""
        self._adapter().close()

    def _adapter(self) -> "_Adapter":
        adapter: _Adapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = _Adapter(pool_connections=1, pool_maxsize=1)
        return adapter


def _prepare(settings: Settings) -> tuple[requests.PreparedRequest, dict[str, Any]]:
    """Return the request that all requests are copies of, and how to send it: proxies, certificates, time-out.

    The environment is asked once: at every request it would take as long as the request itself.
    """
    session = requests.Session()
    session.auth = _no_auth
    session.trust_env = not is_loopback(urlsplit(settings.base_url).hostname or "")  # no proxy for this machine
    session.headers.update({TOKEN_HEADER: settings.api_token.get_secret_value(), "Accept": "application/json"})
    request = session.prepare_request(requests.Request("GET", settings.base_url))
    return request, session.merge_environment_settings(settings.base_url, {}, True, True, None) | {
        # In total: what it takes to connect is no longer there for the answer.
        "timeout": urllib3.Timeout(total=settings.timeout_seconds)
    }


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from sending a login out of ~/.netrc along."""
    return request


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
        super().begin()
        for _ in range(MOST_INTERIM_ANSWERS):
            if not _is_interim(self.status):
                break
            vars(self).update(headers=None, msg=None)  # how http.client says that nothing was read yet
            super().begin()
        if self.status != http.client.OK:
            self.will_close = True


def _is_interim(status: int) -> bool:
    return http.client.CONTINUE <= status < http.client.OK and status != http.client.SWITCHING_PROTOCOLS


class _Adapter(HTTPAdapter):
    """The way of requests to urllib3, whose connections read answers as `_Response` does; through any proxy."""

    def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **named)
        pool.ConnectionCls = _in_time(pool.ConnectionCls)
        return pool


@cache
def _in_time(connection: type) -> type:
    """Return a class of connections with answers of ours; the class itself where it has them already."""
    if getattr(connection, "response_class", None) is _Response:
        return connection
    return type(connection.__name__, (connection,), {"response_class": _Response})
