"""Starts Superset with the dashboard in it on this machine alone, speaks to it through its API, and stops it."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from etl.settings.settings import inherited_environment

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "superset"
PROGRAMS = BUILD / "env" / "bin"
LOG = BUILD / "superset.log"
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 400, 20, 120


class Failed(Exception):
    """The dashboard does not work; the message says where."""


class Superset:
    """A running Superset, spoken to through its API as its administrator."""

    def __init__(self, address: str, environment: dict[str, str]) -> None:
        self.address, self.environment = address, environment
        self.session = requests.Session()

    def sign_in(self) -> None:
        """Get a token for reading, and another that Superset asks for when something is written."""
        who = {"username": "admin", "password": self.environment["BI_ADMIN_PASSWORD"], "provider": "db"}
        self.session.headers["Authorization"] = f"Bearer {self.post('security/login', who)['access_token']}"
        self.session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str) -> Any:
        """Return what the API answers at a path, parsed."""
        return self._answer(self.session.get(f"{self.address}/api/v1/{path}", timeout=ANSWER_SECONDS))

    def post(self, path: str, body: Any) -> Any:
        """Send a JSON body to a path, and return the answer, parsed."""
        return self._answer(self.session.post(f"{self.address}/api/v1/{path}", json=body, timeout=ANSWER_SECONDS))

    def speak(self, language: str) -> None:
        """Load the dashboard over itself in a language, as the next start with another ETL_LANGUAGE does."""
        environment = self.environment | {
            "ETL_LANGUAGE": language,
            "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        }
        with LOG.open("ab") as log:
            command = [PROGRAMS / "python", HERE / "load.py"]
            subprocess.run(command, env=environment, stdout=log, stderr=subprocess.STDOUT, check=True)

    def _answer(self, answer: requests.Response) -> Any:
        if not answer.ok:
            raise Failed(f"Superset answered {answer.status_code} at {answer.url}: {answer.text[:2000]}")
        return answer.json()


def environment_of(address: str, password: str, database_url: str) -> dict[str, str]:
    """Return what start.sh and load.py ask for; the secrets are drawn by lot."""
    home = BUILD / "home"
    return inherited_environment(
        PATH=f"{PROGRAMS}:{os.environ['PATH']}",
        SUPERSET_HOME=str(home),
        SUPERSET_SECRET_KEY=secrets.token_urlsafe(32),
        BI_DATABASE_URL=database_url,
        BI_ADMIN_PASSWORD=password,
        BI_ADDRESS=address,
        ETL_LANGUAGE="",
    )


@contextmanager
def running(database_url: str) -> Iterator[Superset]:
    """Start Superset with the dashboard on a database, wait until it answers, and stop it at the end.

    Its own database is made anew each time: nothing is left of an earlier start.
    """
    address, password = f"127.0.0.1:{_free_port()}", secrets.token_urlsafe()
    environment = environment_of(address, password, database_url)
    home = Path(environment["SUPERSET_HOME"])
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [HERE / "start.sh"], env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        superset = Superset(f"http://{address}", environment)
        _wait(superset, process)
        yield superset
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait(superset: Superset, process: subprocess.Popen[bytes]) -> None:
    def is_up() -> bool:
        if process.poll() is not None:
            raise Failed(f"Superset ended with {process.returncode}. The end of {LOG}:\n{LOG.read_text()[-3000:]}")
        try:
            return requests.get(f"{superset.address}/health", timeout=5).ok
        except requests.RequestException:
            return False

    waiting = Retrying(
        stop=stop_after_delay(START_SECONDS), wait=wait_fixed(1), retry=retry_if_result(lambda up: not up)
    )
    try:
        waiting(is_up)
    except RetryError:
        raise Failed(f"Superset did not answer within {START_SECONDS} seconds; its log is {LOG}") from None
    superset.sign_in()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End Superset with all that it started, which is the group of the process."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue
