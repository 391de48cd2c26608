"""One GET: token, pace, retry policy, whose answer it is, JSON out."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from http import HTTPStatus
from sys import maxsize
from typing import Any
from urllib.parse import urlencode

import tenacity

from etl.errors import Denied, Limited, NotFound, TooSlow, TryAgain, Unreadable, VendorError
from etl.extract.decoding import decode, is_json
from etl.extract.exchange import Answer, Exchange
from etl.extract.memory import CrowdedError, Memory, Room
from etl.extract.pacing import LONGEST_WAIT, SOON, Pace, kind_of
from etl.extract.quotes import Quotes
from etl.extract.refusals import reason_of
from etl.settings.settings import Settings

log = logging.getLogger(__name__)

Query = Sequence[tuple[str, str | int]]
Check = Callable[[Any], None]

LONGEST_RETRYING = 600
# Requests that the server lets in again at once are no failures; and yet not without end.
MOST_IN_ONE_ATTEMPT = 30
REDIRECTS = {301, 302, 303, 307, 308}
WORTH_RETRYING = {408, 425, *range(500, 600)}
# What a search is for: it may be somebody's name.
TERM = "q"
# What the vendor says of a token or a record. It says so in JSON, and says nothing else: a 403, also in JSON, is the
# word of whatever stands between (its section 6).
REFUSALS: dict[int, type[VendorError]] = {401: Denied, 404: NotFound}


def _backoff(state: tenacity.RetryCallState) -> float:
    """Wait as long as the server asked, else exponentially longer with jitter, at most a minute."""
    error = state.outcome and state.outcome.exception()
    if isinstance(error, TryAgain) and error.wait is not None:
        return min(error.wait, LONGEST_WAIT)
    return tenacity.wait_random_exponential(multiplier=1, max=60)(state)


def _stop_after(most: int, attempts: int, slow: int) -> Callable[[tenacity.RetryCallState], bool]:
    """Stop after the most attempts that the settings allow, or the fewer of a caller that can ask in another way.

    attempts: those that only met a limit are not stopped by it. slow: of those at what is too slow.
    """
    by_settings = tenacity.stop_after_attempt(most) | tenacity.stop_after_delay(LONGEST_RETRYING)

    def is_enough(state: tenacity.RetryCallState) -> bool:
        failed = state.outcome and state.outcome.exception()
        allowed = min(attempts, slow) if isinstance(failed, TooSlow) else attempts
        return by_settings(state) or (not isinstance(failed, Limited) and state.attempt_number >= allowed)

    return is_enough


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
        self._exchange = Exchange(settings, self.quotes)
        self._memory = Memory(settings.memory_mb, settings.concurrency + 1)  # the main thread asks, too
        self._attempts = settings.retry_attempts
        self._lock = threading.Lock()
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TryAgain),
            wait=_backoff,
            before_sleep=_log_wait,
            sleep=sleep,
            reraise=True,
        )

    def get(
        self,
        path: str,
        query: Query = (),
        check: Check = _accept,
        attempts: int = maxsize,
        slow: int = maxsize,
    ) -> Any:
        """Return the JSON that the vendor answers.

        check: raises TryAgain when that answers another question.

        attempts, slow: how many are made at most, and how many at what is too slow, where the settings have more: for
        what can be asked for in another way.
        Raise NotFound (404) or Denied (401) where the vendor says so, Unreadable where nothing was answered that says
        anything, or VendorError for everything else that no retry mended; each has the address and the beginning of the
        answer, unless personal data are not kept, and never the token.
        """
        url, address = self.url(path, query), self.address(path, query)
        ask, begun = partial(self._attempt, url, address, kind_of(path), check), time.monotonic()
        try:
            return ask(1)
        except TryAgain as error:
            failed = [error]
        # What nearly every request does without comes in here, with the first failure as its own.
        for attempt in self._retrying.copy(stop=_stop_after(self._attempts, attempts, slow)):
            with attempt:
                if failed:
                    attempt.retry_state.start_time = begun
                    raise failed.pop()
                return ask(attempt.retry_state.attempt_number)
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
        return f"{self.base_url}{where}{_asked(tuple(query))}"

    def address(self, path: str, query: Query = ()) -> str:
        """Return the address of a path as errors show it: with the term of a search only where it may be quoted."""
        return self.url(
            path, [(name, self.quotes.of_term(str(value)) if name == TERM else value) for name, value in query]
        )

    def _attempt(self, url: str, address: str, kind: str, check: Check, number: int) -> Any:
        try:
            with self._memory.room() as room:
                for at in range(1, MOST_IN_ONE_ATTEMPT + 1):
                    room.wait()
                    self._count(is_repeated=number > 1 or at > 1)
                    try:
                        answer = self._answer(url, kind, room)
                        check(answer)
                    except (Limited, CrowdedError) as error:
                        _pass_over(error, is_last=at == MOST_IN_ONE_ATTEMPT)
                    else:
                        return answer
        except VendorError as error:
            self._exchange.leave_connection()  # it may be out of step, and bring this answer to the next question
            error.address = address
            raise
        raise AssertionError("the last one returns or raises")  # pragma: no cover

    def _count(self, is_repeated: bool) -> None:
        with self._lock:
            self.requests += 1
            self.retries += is_repeated

    def _answer(self, url: str, kind: str, room: Room) -> Any:
        ticket = self._pace.wait(kind)
        passed = False
        try:
            answer = self._exchange.get(url, room.take)
            passed = answer.status != HTTPStatus.TOO_MANY_REQUESTS
            if not passed:
                seconds = self._pace.limited(ticket, _retry_after(answer))
                raise Limited(f"too many requests (429); those like it wait {seconds:.0f} s.", seconds)
        finally:
            self._pace.done(ticket, passed)
        try:
            self._raise_for_status(answer)
            room.take_values(answer.body)
            return decode(answer.body, self.quotes)
        except VendorError as error:
            error.status = answer.status
            raise

    def _raise_for_status(self, answer: Answer) -> None:
        status = answer.status
        if status == HTTPStatus.OK:
            return
        if status in REDIRECTS and "Location" in answer.headers:
            said = "redirected, and the token is not sent there; set ETL_BASE_URL."
            raise VendorError(said, self.quotes.of_answer(answer.headers["Location"].encode()))
        said, quote = f"the server answered {status}.", self.quotes.of_answer(answer.body)
        if status in WORTH_RETRYING:
            kind = TooSlow if status == HTTPStatus.GATEWAY_TIMEOUT else TryAgain
            raise kind(said, quote, wait=_retry_after(answer))
        if status not in REFUSALS or not (answer.says_json and is_json(answer.body)):
            raise Unreadable(said, quote)
        refused = REFUSALS[status](said, quote)
        refused.reason = reason_of(bytes(answer.body))
        raise refused


@lru_cache(maxsize=1_000)
def _asked(query: Query) -> str:
    return f"?{urlencode(query, safe='[]')}" if query else ""


def _pass_over(error: Limited | CrowdedError, is_last: bool) -> None:
    """Pass over what is no failure of a request: that it is let in in a moment, or had no room for its answer."""
    if isinstance(error, CrowdedError):
        if is_last:
            raise TryAgain("other answers took all the room of ETL_MEMORY_MB.") from None
        return
    if is_last:
        error.wait = None  # at once was too soon so often that the next attempt backs off
    if error.seconds > SOON or is_last:
        raise error


def _retry_after(answer: Answer) -> float | None:
    """Read Retry-After, which is a number of seconds or a date; None when absent or unreadable."""
    value = answer.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        # By the server's own clock, where it tells the time: ours may be wrong.
        sent = parsedate_to_datetime(answer.headers["Date"]) if "Date" in answer.headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(value) - sent).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
