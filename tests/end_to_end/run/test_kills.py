"""Kills and requests to stop: whenever they come, the same command again ends where an undisturbed run does."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from etl.demo.account import Account
from etl.demo.generate import generate
from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from tests.conftest import ETL, environment_of, new_database, run_etl

TOKEN = "a-token-of-twenty-letters"
SECONDS_TO_EXIT = 10

# What tells when, where and by which run something was read, and not what was read.
TIMES = {"base_url", "first_synced_at", "changed_at", "history_read_at", "valid_from", "valid_to", "run_id"}


class Trap:
    """Serves a vendor, and does something once when the k-th request since `set` arrives."""

    def __init__(self, vendor: Callable[[Request], Answer]) -> None:
        self.vendor, self.arrived, self.at = vendor, 0, 0
        self.act: Callable[[], object] = lambda: None
        self.lock = threading.Lock()

    def set(self, at: int, act: Callable[[], object]) -> None:
        with self.lock:
            self.arrived, self.at, self.act = 0, at, act

    def __call__(self, request: Request) -> Answer:
        with self.lock:
            self.arrived += 1
            if self.arrived == self.at:
                self.act()
        return self.vendor(request)


def start_etl(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start the command line as `run_etl` does, and do not wait for it."""
    return subprocess.Popen(
        [ETL, *arguments],
        env=environment_of(folder) | variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_into(trap: Trap, at: int, act: Callable[["subprocess.Popen[str]"], object], folder: Path, **variables: str):
    """Run `etl sync` and do something to its process when its request number `at` arrives.

    Return the process, what it wrote, and the seconds from then until it had ended.
    """
    started: list[subprocess.Popen[str]] = []
    acted: list[float] = []

    def now() -> None:
        acted.append(time.monotonic())
        act(started[0])

    trap.set(at, now)
    started.append(start_etl(folder, "sync", **variables))
    out, err = started[0].communicate(timeout=120)
    assert acted, f"the run ended before its request {at}: {out}{err}"
    return started[0], out + err, time.monotonic() - acted[0]


def query(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute("SET search_path TO helpdesk")
        return connection.execute(statement, values).fetchall()


def tables(url: str) -> dict[str, list[str]]:
    """Return every row of every table as text, without times; of the vendor's counts those of the last run."""
    names = [
        row[0]
        for row in query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk' AND tablename <> ALL(%s)",
                         ["sync_runs", "alembic_version"])
    ]  # fmt: skip
    last = " WHERE run_id = (SELECT max(run_id) FROM sync_runs)"
    return {
        name: sorted(
            row[0]
            for row in query(
                url,
                f"SELECT (to_jsonb(one) - %s::text[])::text FROM {name} AS one"
                + (last if name == "account_counts" else ""),
                sorted(TIMES),
            )
        )
        for name in names
    }


def settings(base_url: str, database_url: str, **more: str) -> dict[str, str]:
    return {
        "ETL_BASE_URL": base_url,
        "ETL_ACCOUNT_ID": "1",
        "ETL_API_TOKEN": TOKEN,
        "DATABASE_URL": database_url,
        "ETL_REREAD_DAYS": "0",
        "ETL_CONCURRENCY": "4",
    } | more


def an_account() -> Account:
    return generate(100, seed=4)


@pytest.fixture(scope="module")
def undisturbed(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, list[str]], int, int]]:
    """What an undisturbed run leaves in the tables, and how many requests it, and a second one, takes."""
    with new_database(server_url, template) as url, serve(trap := Trap(Vendor(an_account(), token=TOKEN))) as base_url:
        counted = []
        for _ in range(2):
            trap.set(0, lambda: None)
            done = run_etl(tmp_path_factory.mktemp("undisturbed"), "sync", **settings(base_url, url))
            assert done.returncode == 0, done.stdout + done.stderr
            counted.append(trap.arrived)
        found = tables(url)
        assert len(found["conversations"]) == 100
        assert len(found["messages"]) > 500
        yield found, *counted


@pytest.fixture
def served() -> Iterator[tuple[Trap, str]]:
    with serve(trap := Trap(Vendor(an_account(), token=TOKEN))) as base_url:
        yield trap, base_url


def kill(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)


def terminate(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGTERM)


def complete(folder: Path, variables: dict[str, str]) -> None:
    done = run_etl(folder, "sync", **variables)
    assert done.returncode == 0, done.stdout + done.stderr


def outcomes(url: str) -> list[str]:
    return [row[0] for row in query(url, "SELECT outcome FROM sync_runs ORDER BY run_id")]


@pytest.mark.parametrize("seed", [4, 5])
def test_kills_one_after_the_other_end_where_an_undisturbed_run_does(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path, seed: int
) -> None:
    expected, _, requests_of_a_quiet_run = undisturbed
    trap, base_url = served
    variables = settings(base_url, database_url)
    # No run has fewer requests than a quiet one, so each of these moments comes.
    moments = random.Random(seed).choices(range(1, requests_of_a_quiet_run), k=15)
    for number, moment in enumerate(moments, start=1):
        process, _, _ = run_into(trap, moment, kill, tmp_path, **variables)
        assert process.returncode == -signal.SIGKILL
        # Each run closes the one that died before it, and none finds the lock taken.
        assert outcomes(database_url) == ["interrupted"] * (number - 1) + ["running"]
    trap.set(0, lambda: None)
    complete(tmp_path, variables)
    assert outcomes(database_url) == ["interrupted"] * 15 + ["complete"]
    assert tables(database_url) == expected


@pytest.mark.parametrize("part", [0.02, 0.25, 0.5, 0.75, 0.97])
def test_a_first_run_killed_at_any_part_of_it_leaves_no_half_page_and_the_next_one_ends_complete(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path, part: float
) -> None:
    expected, requests, _ = undisturbed
    trap, base_url = served
    variables = settings(base_url, database_url)
    run_into(trap, int(requests * part), kill, tmp_path, **variables)
    # A conversation is there with its whole history, and with its mark, or not at all.
    held = set(tables(database_url)["messages"])
    assert held <= set(expected["messages"])
    ids = [row[0] for row in query(database_url, "SELECT id FROM conversations WHERE mark IS NOT NULL")]
    of_these = "SELECT count(*) FROM messages WHERE conversation_id = ANY(%s)"
    saved = query(database_url, of_these, ids)
    trap.set(0, lambda: None)
    complete(tmp_path, variables)
    assert saved == query(database_url, of_these, ids)
    assert tables(database_url) == expected


def test_a_run_killed_in_the_middle_of_a_transaction_leaves_nothing_of_it(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path
) -> None:
    _, base_url = served
    variables = settings(base_url, database_url)
    address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as other:
        other.execute("LOCK TABLE helpdesk.messages IN ACCESS EXCLUSIVE MODE")
        process = start_etl(tmp_path, "sync", **variables)
        wait_until(lambda: waiting_for_a_lock(database_url))
        kill(process)
        process.communicate(timeout=SECONDS_TO_EXIT)
        other.rollback()
    wait_until(lambda: not query(database_url, OF_ETL))
    assert tables(database_url)["conversations"] == []
    complete(tmp_path, variables)
    assert outcomes(database_url) == ["interrupted", "complete"]
    assert tables(database_url) == undisturbed[0]


OF_ETL = "SELECT pid FROM pg_stat_activity WHERE application_name = 'etl' AND datname = current_database()"


def waiting_for_a_lock(url: str) -> bool:
    return bool(query(url, f"{OF_ETL} AND wait_event_type = 'Lock'"))


def wait_until(happened: Callable[[], bool], seconds: float = 30) -> None:
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < seconds, "it did not happen"
        time.sleep(0.02)


# At the first page, in the middle, and while the ledger asks for ids.
@pytest.mark.parametrize(("number", "part"), [(signal.SIGTERM, 0.05), (signal.SIGINT, 0.5), (signal.SIGTERM, 0.97)])
def test_a_run_asked_to_stop_finishes_the_page_in_hand_and_the_next_one_completes(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path, number: signal.Signals, part: float
) -> None:
    expected, requests, _ = undisturbed
    trap, base_url = served
    variables = settings(base_url, database_url)
    at = int(requests * part)
    process, said, seconds = run_into(trap, at, lambda one: one.send_signal(number), tmp_path, **variables)
    print(f"{number.name} at request {at} of {requests}: {seconds:.2f} s")  # noqa: T201 -- measured: `pytest -s` shows it
    assert process.returncode == 1
    assert seconds < SECONDS_TO_EXIT
    assert "Traceback" not in said
    assert query(database_url, "SELECT outcome, problems FROM sync_runs") == [
        ("interrupted", ["Stopped on request. What was saved stays; the next run goes on from there."])
    ]
    (saved,) = query(database_url, "SELECT count(*), count(mark) FROM conversations")
    assert saved[0] == saved[1]
    if part == 0.05:
        assert saved[0] == 10  # the first page of the open ones has no more
    trap.set(0, lambda: None)
    complete(tmp_path, variables)
    assert tables(database_url) == expected


class Silent:
    """Answers no history until it is let go."""

    def __init__(self) -> None:
        self.vendor, self.go, self.asked = Vendor(an_account(), token=TOKEN), threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Answer:
        if request.path.endswith("/messages"):
            self.asked.set()
            self.go.wait(60)
        return self.vendor(request)


@pytest.fixture
def silent() -> Iterator[tuple[Silent, str]]:
    server = Silent()
    with serve(server) as base_url:
        yield server, base_url
        server.go.set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_whose_server_never_answers_stops_within_ten_seconds(
    silent: tuple[Silent, str], database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    server, base_url = silent
    process = start_etl(tmp_path, "sync", **settings(base_url, database_url))
    assert server.asked.wait(30)
    begun = time.monotonic()
    process.send_signal(number)
    said = "".join(process.communicate(timeout=30))
    seconds = time.monotonic() - begun
    print(f"{number.name} at a silent server: {seconds:.2f} s")  # noqa: T201 -- measured: `pytest -s` shows it
    assert process.returncode == 1
    assert seconds < SECONDS_TO_EXIT
    assert "Stopped on request." in said
    assert "Traceback" not in said
    assert outcomes(database_url) == ["interrupted"]


@pytest.mark.parametrize("signals", [2, 6])
def test_a_second_signal_insists_and_further_ones_do_no_harm(
    silent: tuple[Silent, str], database_url: str, tmp_path: Path, signals: int
) -> None:
    server, base_url = silent
    process = start_etl(tmp_path, "sync", **settings(base_url, database_url))
    assert server.asked.wait(30)
    begun = time.monotonic()
    # Not twice the same: of two alike that come at once, a process hears one.
    for number in range(signals):
        process.send_signal((signal.SIGINT, signal.SIGTERM)[number % 2])
    said = "".join(process.communicate(timeout=100))
    seconds = time.monotonic() - begun
    print(f"two signals: {seconds:.2f} s")  # noqa: T201 -- measured: `pytest -s` shows it
    assert process.returncode == 1
    assert seconds < 4
    assert "Traceback" not in said, said
    assert outcomes(database_url) == ["interrupted"]


def test_a_run_that_waits_for_the_next_minute_stops_within_ten_seconds(database_url: str, tmp_path: Path) -> None:
    with serve(Vendor(an_account(), token=TOKEN, requests_per_minute=1)) as base_url:
        process = start_etl(tmp_path, "sync", **settings(base_url, database_url))
        assert process.stderr is not None
        said = ""
        while "too many requests" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        begun = time.monotonic()
        terminate(process)
        said += "".join(process.communicate(timeout=100))
        seconds = time.monotonic() - begun
    print(f"SIGTERM while waiting for a 429: {seconds:.2f} s")  # noqa: T201 -- measured: `pytest -s` shows it
    assert process.returncode == 1
    assert seconds < SECONDS_TO_EXIT
    assert "Traceback" not in said
    assert outcomes(database_url) == ["interrupted"]
