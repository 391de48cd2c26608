"""Pings: tell a service such as healthchecks.io where a run is; none of them can hold a run up or fail it."""

from threading import Thread
from urllib.parse import urlsplit

import requests

from etl.errors import SettingsError
from etl.extract import way_faults
from etl.extract.adapter import Adapter, way_of
from etl.settings.route import Route, route_to

# To connect, and for the answer.
TIMEOUT = 3


class Pings:
    """The pings of one run, sent in their order by threads of their own.

    failures: what went wrong, in few words. They never hold the address, which is a secret.
    """

    def __init__(self, address: str) -> None:
        self.failures: list[str] = []
        self._address = address
        self._last: Thread | None = None

    def send(self, step: str, said: str) -> None:
        """Send a step (start, fail; empty for success) in a thread of its own, and return at once."""
        self._last = Thread(target=self._send, args=(self._last, step, said), name="etl-ping", daemon=True)
        self._last.start()

    def wait(self, seconds: float) -> None:
        """Wait until all pings are sent, but no longer than so many seconds."""
        if self._last:
            self._last.join(seconds)
            if self._last.is_alive():
                self.failures.append("no answer in time")

    def _send(self, before: Thread | None, step: str, said: str) -> None:
        if before:
            before.join()
        if failure := _post(_with_step(self._address, step), said):
            self.failures.append(failure)


def _with_step(address: str, step: str) -> str:
    """Add a step to the path of an address, which may have a query (`?create=1` of healthchecks.io)."""
    parts = urlsplit(address)
    return parts._replace(path="/".join([parts.path.rstrip("/"), step]).rstrip("/")).geturl()


def _post(url: str, said: str) -> str | None:
    """Send one ping, once; return what went wrong."""
    try:
        route = route_to(url)
    except SettingsError as error:
        return str(error).removesuffix(".")
    session = requests.Session()
    session.auth = lambda request: request  # no login out of ~/.netrc
    session.trust_env = False
    session.mount("https://", Adapter(route))
    try:
        # No redirects: the address would be told to somebody else. The answer's body is not needed.
        with session.post(
            url, said.encode(), timeout=TIMEOUT, allow_redirects=False, stream=True, **way_of(route)
        ) as answer:
            is_well = answer.status_code // 100 == 2  # noqa: PLR2004 -- every 2xx
            return None if is_well else f"the server answered {answer.status_code}"
    except Exception as error:  # noqa: BLE001 -- of any kind: its traceback would show the address
        return _what_failed(error, route)


def _what_failed(error: Exception, route: Route) -> str:
    """Return why there is no answer, without the address."""
    if failed := way_faults.failure(error, route):
        return failed.sentence.removesuffix(".")
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return f"no connection ({type(error).__name__})"
