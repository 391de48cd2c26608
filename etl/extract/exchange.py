"""One exchange over HTTP: a request out, its own answer back, within a time and a room that nothing can stretch."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
import urllib3

from etl.errors import TooLarge, VendorError
from etl.extract import way_faults
from etl.extract.adapter import Adapter, way_of
from etl.extract.decoding import begins_as_json
from etl.extract.quotes import Quotes
from etl.settings.route import route_to
from etl.settings.settings import Settings

# Every server version knows the header in both spellings; proxies often drop the one with underscores.
TOKEN_HEADER = "api-access-token"  # noqa: S105 -- the header's name, no secret
CHUNK = 2**18


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


class _Headers(dict[str, str]):
    """The headers of a request, shown without the token."""

    def __repr__(self) -> str:
        return f"<{len(self)} headers>"


class Exchange:
    """Sends the requests of all threads, each over a connection of its own: requests does not promise more."""

    def __init__(self, settings: Settings, quotes: Quotes) -> None:
        """Raise SettingsError where the environment names a proxy or certificates that are none."""
        self._quotes = quotes
        self._local = threading.local()
        # The environment is asked once: at every request it would take as long as the request itself.
        self._route = route_to(settings.base_url)
        self._base_url, self._request = settings.base_url, _prepare(settings)
        self._headers = _Headers(self._request.headers)
        # The time-out in total: what it takes to connect is no longer there for the answer.
        self._timeout = urllib3.Timeout(total=settings.timeout_seconds)

    def get(self, url: str, take: Callable[[bytearray], None]) -> Answer:
        """Return the answer to a GET; never one to another request.

        take: called with the body as far as it has come, after each piece; may raise, and the rest is not read.
        Raise VendorError when there is no whole answer in time.
        """
        body = bytearray()
        try:
            answer = self._send(url)
            try:
                for piece in answer.stream(CHUNK, decode_content=True):
                    body += piece
                    take(body)
                return Answer(answer.status, answer.headers, body)
            finally:
                answer.close()
        except TooLarge as error:
            if not begins_as_json(body):
                error.quote = self._quotes.of_answer(body)
            raise
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise self._failure(requests.RequestException(error)) from None

    def leave_connection(self) -> None:
        """Close this thread's connection, so that the next request has another one."""
        adapter, _ = vars(self._local).pop("connection", (None, None))
        if adapter:
            adapter.close()

    def _send(self, url: str) -> Any:
        """Send a request; return the answer as urllib3 has it, whose body is still to be read.

        As `Adapter.send` does it, by the same pool: what else requests does around it takes as long as the request
        itself. Not through a session: it would keep cookies, and read the body of a redirect without bounds.
        """
        adapter, pool = self._connection()
        return pool.urlopen(
            "GET",
            url.removeprefix(self._base_url),
            headers=self._headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=adapter.max_retries,
            timeout=self._timeout,
        )

    def _connection(self) -> tuple[Adapter, Any]:
        """Return this thread's adapter, and the pool that its one connection is in."""
        made: tuple[Adapter, Any] | None = getattr(self._local, "connection", None)
        if made is None:
            adapter = Adapter(self._route)
            made = self._local.connection = adapter, adapter.pool(self._request, way_of(self._route))
        return made

    def _failure(self, error: OSError) -> VendorError:
        failed = way_faults.failure(error, self._route)
        if failed is None:
            failed = self._quotes.failure(error)
            if self._route.proxy:
                failed.sentence = f"by the proxy {self._route.proxy}: {failed.sentence}"
        return failed


def _prepare(settings: Settings) -> requests.PreparedRequest:
    """Return a request to the server, with the headers that all requests have."""
    session = requests.Session()
    session.auth = _no_auth
    session.trust_env = False
    session.headers.update({TOKEN_HEADER: settings.api_token.get_secret_value(), "Accept": "application/json"})
    return session.prepare_request(requests.Request("GET", settings.base_url))


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from sending a login out of ~/.netrc along."""
    return request
