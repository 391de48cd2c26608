"""What several unit tests share: a bare environment, a client of a local server, a clock that a test turns."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from etl.demo.server import Answer, App, Request, serve
from etl.extract.client import Client
from etl.extract.pacing import Pace
from etl.settings.settings import Settings, load

TOKEN = "t0ken-of-the-tests"
OF_THE_WAY_OUT = ("_PROXY", "_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


class TurnedClock:
    """Tells `now`; sleeping turns it on and is kept in `slept`."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class InTurn:
    """Gives one answer after the other, the last one again and again; `requests` keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


@pytest.fixture
def bare_environment(monkeypatch, tmp_path):
    """No variable of ours or of a proxy, and a working folder without `.env`."""
    for name in list(os.environ):
        if name.upper().startswith(("ETL_", "DATABASE_URL")) or name.upper().endswith(OF_THE_WAY_OUT):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def waits() -> list[float]:
    """The seconds that clients made by `client_of` would have slept between attempts."""
    return []


@pytest.fixture
def in_turn() -> type[InTurn]:
    return InTurn


@pytest.fixture
def serving() -> Iterator[Callable[[App], str]]:
    """Serve an app until the test ends; yield its base URL."""
    with ExitStack() as until_the_test_ends:
        yield lambda app: until_the_test_ends.enter_context(serve(app))


@pytest.fixture
def client_of(bare_environment, waits) -> Callable[..., Client]:
    """Make a client of account 1 of the server at a base URL; settings may be given, and a pace."""

    def make(base_url: str, pace: Pace | None = None, **settings: object) -> Client:
        given = {"account_id": 1, "api_token": TOKEN, "timeout_seconds": 10} | settings
        return Client(load(Settings, base_url=base_url, **given), pace, waits.append)

    return make
