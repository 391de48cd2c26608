"""One GET: session, token, time-outs, retry policy, no redirects, JSON out."""

import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import requests
import tenacity
from requests.adapters import HTTPAdapter

from etl.errors import Denied, NotFound, TryAgain, VendorError
from etl.extract.pacing import LONGEST_WAIT, Pace
from etl.extract.quotes import Quotes
from etl.extract.refusals import reason_of
from etl.settings.settings import Settings
from etl.settings.validators import is_loopback

log = logging.getLogger(__name__)

Query = Sequence[tuple[str, str | int]]
Check = Callable[[Any], None]

# Every server version knows the header in both spellings; proxies often drop the one with underscores.
TOKEN_HEADER = "api-access-token"  # noqa: S105 -- the header's name, no secret
LONGEST_RETRYING = 600
WORTH_RETRYING = {408, 425, 429, *range(500, 600)}
LARGEST_BODY = 256 * 2**20
LONGEST_ANSWER = 600
CHUNK = 2**18
# What a search is for: it may be somebody's name.
TERM = "q"
REFUSALS: dict[int, type[VendorError]] = {401: Denied, 403: Denied, 404: NotFound}
# In a number, not in a text: the long ids of other systems are texts of digits.
BEYOND_64_BITS = re.compile(rb"[:,\[]\s*-?[0-9]{20}")


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
        "timeout": settings.timeout_seconds
    }


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from sending a login out of ~/.netrc along."""
    return request


def _backoff(state: tenacity.RetryCallState) -> float:
    """Wait as long as the server asked, else exponentially longer with jitter, at most a minute."""
    error = state.outcome and state.outcome.exception()
    if isinstance(error, TryAgain) and error.wait is not None:
        return min(error.wait, LONGEST_WAIT)
    return tenacity.wait_random_exponential(multiplier=1, max=60)(state)


def _log_wait(state: tenacity.RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    seconds = state.next_action.sleep if state.next_action else 0
    log.warning("%s Attempt %d, next in %.1f s.", error, state.attempt_number, seconds)


def _accept(_: Any) -> None:
    """Take an answer as it is."""


class Client:
    """Reads JSON from one account of the vendor; made once a run and shared by all threads.

    Paths are below the account (`conversations/7`), or from the server's root with a leading slash (`/api`).
    requests, retries: how many were sent so far, repeated ones included, and how many of them were repeated.
    quotes: what its errors quoted so far.
    """

    def __init__(
        self, settings: Settings, pace: Pace | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.base_url = settings.base_url
        self.account_id = settings.account_id
        self.requests = 0
        self.retries = 0
        self._counted = (0, 0)
        self.quotes = Quotes(settings)
        self._pace = pace or Pace(settings.requests_per_minute, sleep=sleep)
        self._local = threading.local()
        self._request, self._way = _prepare(settings)
        self._lock = threading.Lock()
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgain),
            stop=tenacity.stop_after_attempt(settings.retry_attempts) | tenacity.stop_after_delay(LONGEST_RETRYING),
            wait=_backoff,
            before_sleep=_log_wait,
            sleep=sleep,
            reraise=True,
        )

    def get(self, path: str, query: Query = (), check: Check = _accept) -> Any:
        """Return the JSON that the vendor answers; check: raises TryAgain when that answers another question.

        Raise NotFound (404), Denied (401, 403), or VendorError for everything else that no retry mended; each has the
        address and the beginning of the answer, unless personal data are not kept, and never the token.
        """
        url, address = self.url(path, query), self.address(path, query)
        for attempt in self._retrying:
            with attempt:
                with self._lock:
                    self.requests += 1
                    self.retries += attempt.retry_state.attempt_number > 1
                return self._once(url, address, check)
        raise AssertionError("tenacity always returns or raises")  # pragma: no cover

    def take_counts(self) -> tuple[int, int]:
        """Return how many requests, and repeated ones, were sent since this was last asked: each is counted once."""
        with self._lock:
            before, self._counted = self._counted, (self.requests, self.retries)
            return self.requests - before[0], self.retries - before[1]

    def forget_counts(self) -> None:
        """Start to count and to quote from nothing: what came before belongs to other work."""
        self.take_counts()
        self.quotes.clear()

    def url(self, path: str, query: Query = ()) -> str:
        """Return the whole address of a path."""
        where = path if path.startswith("/") else f"/api/v1/accounts/{self.account_id}/{path}"
        return f"{self.base_url}{where}" + (f"?{urlencode(query, safe='[]')}" if query else "")

    def address(self, path: str, query: Query = ()) -> str:
        """Return the address of a path as errors show it: with the term of a search only where it may be quoted."""
        return self.url(
            path, [(name, self.quotes.of_term(str(value)) if name == TERM else value) for name, value in query]
        )

    def _once(self, url: str, address: str, check: Check) -> Any:
        try:
            answer = self._answer(url)
            check(answer)
        except VendorError as error:
            self._adapter().close()  # it may be out of step, and bring this answer to the next question
            error.address = address
            raise
        return answer

    def _answer(self, url: str) -> Any:
        minute = self._pace.wait()
        try:
            answer, body = self._ask(url)
            if answer.status_code == requests.codes.too_many_requests:
                waits = self._pace.limited(minute, _retry_after(answer))
                raise TryAgain(f"too many requests (429); all requests wait {waits:.0f} s.", wait=0)
        finally:
            self._pace.done()
        self._raise_for_status(answer, body)
        return self._decode(body)

    def _ask(self, url: str) -> tuple[requests.Response, bytes]:
        request = self._request.copy()
        request.url = url
        try:
            # Not through a session: it would keep cookies, and read the body of a redirect without bounds.
            with self._adapter().send(request, **self._way) as answer:
                return answer, self._read(answer)
        except requests.RequestException as error:
            raise self.quotes.failure(error) from None

    def _read(self, answer: requests.Response) -> bytes:
        """Read the body, within bounds: requests' own time-out is of each piece, not of the whole."""
        begun, body = time.monotonic(), bytearray()
        for piece in answer.iter_content(CHUNK):
            body += piece
            if len(body) > LARGEST_BODY:
                said = f"the answer is larger than {LARGEST_BODY // 2**20} MiB."
                raise VendorError(said, self.quotes.of_answer(bytes(body[:1000])))
            if time.monotonic() - begun > LONGEST_ANSWER:
                raise TryAgain(f"the answer was not complete after {LONGEST_ANSWER} s.")
        return bytes(body)

    def _raise_for_status(self, answer: requests.Response, body: bytes) -> None:
        status = answer.status_code
        if status == requests.codes.ok:
            return
        if answer.is_redirect:
            said = "redirected, and the token is not sent there; set ETL_BASE_URL."
            raise VendorError(said, self.quotes.of_answer(answer.headers["Location"].encode()))
        said, quote = f"the server answered {status}.", self.quotes.of_answer(body)
        if status in WORTH_RETRYING:
            raise TryAgain(said, quote, wait=_retry_after(answer))
        refused = REFUSALS.get(status, VendorError)(said, quote)
        refused.reason = reason_of(body)
        raise refused

    def _decode(self, body: bytes) -> Any:
        try:
            if not BEYOND_64_BITS.search(body):
                return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
        try:
            # orjson refuses half of a surrogate pair, and rounds numbers beyond 64 bits: real messages have both.
            return json.loads(body, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            if body.lstrip()[:1] in {b"{", b"["}:
                # What begins as JSON holds what people wrote, and has no place in a log.
                raise TryAgain("the answer is no JSON: cut short or broken.") from None
            raise TryAgain("the answer is no JSON.", self.quotes.of_answer(body)) from None

    def _adapter(self) -> HTTPAdapter:
        """Return this thread's connection: requests does not promise that one may be shared."""
        adapter: HTTPAdapter | None = getattr(self._local, "adapter", None)
        if adapter is None:
            adapter = self._local.adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1)
        return adapter


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"{digits} is beyond any number")
    return value


def _retry_after(answer: requests.Response) -> float | None:
    """Read Retry-After, which is a number of seconds or a date; None when absent or unreadable."""
    value = answer.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
