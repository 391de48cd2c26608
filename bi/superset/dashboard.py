"""Shows that the dashboard works: starts Superset with it on the demo's database, asks every chart, takes a picture.

`make dashboard` calls it, and has made Superset's own environment before. Nothing listens beyond this machine, and
nothing runs on afterwards. The picture needs Debian's chromium and chromium-driver; without them the rest is done.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, make_url, text
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from etl.database.engine import demo_address, make_engine, transaction
from etl.demo.generate import UNTIL
from etl.errors import EtlError
from etl.settings.settings import DatabaseSettings, inherited_environment, load
from etl.views.grants import grant

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "superset"
PROGRAMS = BUILD / "env" / "bin"
LOG = BUILD / "superset.log"
PICTURE = ROOT / "docs" / "dashboard.png"

SLUG = "helpdesk"
ROLE = "etl_dashboard"
DAY_FILTER = "NATIVE_FILTER-day"
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 400, 20, 120
HOW_TO_GET_CHROMIUM = "No picture: `apt-get install chromium chromium-driver`, then `make dashboard` again."


class Failed(Exception):
    """The dashboard does not work; the message says where."""


class Superset:
    """A running Superset, spoken to through its API as its administrator."""

    def __init__(self, address: str, password: str) -> None:
        self.address, self.password = address, password
        self.session = requests.Session()

    def sign_in(self) -> None:
        """Get a token for reading, and another that Superset asks for when something is written."""
        who = {"username": "admin", "password": self.password, "provider": "db"}
        self.session.headers["Authorization"] = f"Bearer {self.post('security/login', who)['access_token']}"
        self.session.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def get(self, path: str) -> Any:
        """Return what the API answers at a path, parsed."""
        return self._answer(self.session.get(f"{self.address}/api/v1/{path}", timeout=ANSWER_SECONDS))

    def post(self, path: str, body: Any) -> Any:
        """Send a JSON body to a path, and return the answer, parsed."""
        return self._answer(self.session.post(f"{self.address}/api/v1/{path}", json=body, timeout=ANSWER_SECONDS))

    def _answer(self, answer: requests.Response) -> Any:
        if not answer.ok:
            raise Failed(f"Superset answered {answer.status_code} at {answer.url}: {answer.text[:2000]}")
        return answer.json()


@contextmanager
def running(database_url: str) -> Iterator[Superset]:
    """Start Superset with the dashboard on a database, wait until it answers, and stop it at the end.

    Its own database is made anew each time, and its secrets are drawn by lot: nothing is left of an earlier start.
    """
    home, address, password = BUILD / "home", f"127.0.0.1:{_free_port()}", secrets.token_urlsafe()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    environment = inherited_environment(
        PATH=f"{PROGRAMS}:{os.environ['PATH']}",
        SUPERSET_HOME=str(home),
        SUPERSET_SECRET_KEY=secrets.token_urlsafe(32),
        BI_DATABASE_URL=database_url,
        BI_ADMIN_PASSWORD=password,
        BI_ADDRESS=address,
    )
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [HERE / "start.sh"], env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        superset = Superset(f"http://{address}", password)
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


@contextmanager
def demo_database() -> Iterator[str]:
    """Fill the demo's database, and yield its address as a role that `etl grant` lets read; the role goes afterwards.

    The people in it are made up, so that the role may see them.
    """
    etl = Path(sys.executable).with_name("etl")
    subprocess.run([etl, "demo", "--json"], check=True, stdout=subprocess.DEVNULL)
    url = make_url(demo_address(load(DatabaseSettings)))
    engine = make_engine(url.render_as_string(hide_password=False))
    # A run that was killed has left the role.
    _execute(engine, f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    try:
        grant(engine, ROLE, with_personal_data=True)
        yield url.set(drivername="postgresql+psycopg2", username=ROLE).render_as_string(hide_password=False)
    finally:
        grant(engine, ROLE, with_personal_data=False)
        _execute(engine, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")
        engine.dispose()


def _execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for one in statements:
            connection.execute(text(one))


def ask_charts(superset: Superset) -> None:
    """Run every chart's query and print how many rows it gave; raises Failed when one has an error, or no row."""
    empty = []
    charts = superset.get(f"dashboard/{SLUG}/charts")["result"]
    for chart in sorted(charts, key=lambda one: str(one["slice_name"])):
        results = superset.get(f"chart/{chart['id']}/data/")["result"]
        if errors := [one["error"] for one in results if one["error"]]:
            raise Failed(f"{chart['slice_name']}: {errors}")
        rows = sum(one["rowcount"] for one in results)
        print(f"{rows:7} rows  {chart['slice_name']}")
        if not rows:
            empty.append(chart["slice_name"])
    if empty or not charts:
        raise Failed(f"Without a row: {', '.join(empty)}" if charts else "The dashboard has no charts")


def take_picture(superset: Superset) -> None:
    """Photograph the dashboard with the demo's last 90 days and the runs since, from which the backlog is known."""
    until = datetime.now(UTC) + timedelta(days=1)
    days = f"{datetime.fromtimestamp(UNTIL, UTC) - timedelta(days=90):%Y-%m-%d} : {until:%Y-%m-%d}"
    mask = {"id": DAY_FILTER, "extraFormData": {"time_range": days}, "filterState": {"value": days}}
    link = superset.post(f"dashboard/{SLUG}/permalink", {"dataMask": {DAY_FILTER: mask}})["url"]
    subprocess.run(
        [PROGRAMS / "python", HERE / "browser.py", superset.address, link, PICTURE],
        env=inherited_environment(BI_ADMIN_PASSWORD=superset.password),
        check=True,
    )
    print(f"The picture is {PICTURE.relative_to(ROOT)}, {PICTURE.stat().st_size // 1024} KiB")


def main() -> None:
    """Do it all; exit 1 with a sentence when something does not work."""
    try:
        with demo_database() as url, running(url) as superset:
            ask_charts(superset)
            if shutil.which("chromium") and shutil.which("chromedriver"):
                take_picture(superset)
            else:
                print(HOW_TO_GET_CHROMIUM)
    except (Failed, EtlError, subprocess.CalledProcessError, requests.RequestException) as error:
        sys.exit(f"make dashboard: {error}")


if __name__ == "__main__":
    main()
