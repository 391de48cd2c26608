"""Kills and requests to stop: whenever they come, the same command again ends where an undisturbed run does."""

import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from etl.demo.account import Account
from etl.demo.generate import generate
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import (
    OF_ETL,
    assert_each_run_counted_what_it_saved,
    new_database,
    outcomes,
    plain,
    query,
    tables,
    waiting_for_a_lock,
)
from tests.etl_process import (
    TOKEN,
    assert_in_time,
    kill,
    run_etl,
    run_into,
    settings,
    start,
    start_etl,
    terminate,
)
from tests.examples import in_the_long_run
from tests.held_vendor import Holding, Trap, holding
from tests.waits import LONGEST, wait_until


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


def complete(folder: Path, variables: dict[str, str]) -> None:
    done = run_etl(folder, "sync", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_each_run_counted_what_it_saved(variables["DATABASE_URL"])


# A run of kills, and of each length one more in the long run.
@pytest.mark.long
@pytest.mark.parametrize(
    ("seed", "kills"),
    [(4, 3), *in_the_long_run((4, 15), (5, 15))],
)
def test_kills_one_after_the_other_end_where_an_undisturbed_run_does(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path, seed: int, kills: int
) -> None:
    expected, _, requests_of_a_quiet_run = undisturbed
    trap, base_url = served
    variables = settings(base_url, database_url)
    # No run has fewer requests than a quiet one, so each of these moments comes.
    moments = random.Random(seed).choices(range(1, requests_of_a_quiet_run), k=kills)
    for number, moment in enumerate(moments, start=1):
        process, _, _ = run_into(trap, moment, kill, tmp_path, **variables)
        assert process.returncode == -signal.SIGKILL
        # Each run closes the one that died before it, and none finds the lock taken.
        assert outcomes(database_url) == ["interrupted"] * (number - 1) + ["running"]
    trap.set(0, lambda: None)
    complete(tmp_path, variables)
    assert outcomes(database_url) == ["interrupted"] * kills + ["complete"]
    assert tables(database_url) == expected


@pytest.mark.parametrize("part", [0.5, 0.97, *in_the_long_run(0.02, 0.25, 0.75)])
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


@pytest.mark.long
def test_a_run_killed_in_the_middle_of_a_transaction_leaves_nothing_of_it(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path
) -> None:
    _, base_url = served
    variables = settings(base_url, database_url)
    with psycopg.connect(plain(database_url)) as other:
        other.execute("LOCK TABLE helpdesk.messages IN ACCESS EXCLUSIVE MODE")
        process = start_etl(tmp_path, "sync", **variables)
        wait_until(lambda: waiting_for_a_lock(database_url))
        kill(process)
        process.communicate(timeout=LONGEST)
        other.rollback()
    wait_until(lambda: not query(database_url, OF_ETL))
    assert tables(database_url)["conversations"] == []
    complete(tmp_path, variables)
    assert outcomes(database_url) == ["interrupted", "complete"]
    assert tables(database_url) == undisturbed[0]


# At the first page, in the middle, and while the ledger asks for ids.
@pytest.mark.long
@pytest.mark.parametrize(("number", "part"), [(signal.SIGTERM, 0.14), (signal.SIGINT, 0.5), (signal.SIGTERM, 0.97)])
def test_a_run_asked_to_stop_finishes_the_page_in_hand_and_the_next_one_completes(
    undisturbed: Any, served: tuple[Trap, str], database_url: str, tmp_path: Path, number: signal.Signals, part: float
) -> None:
    expected, requests, _ = undisturbed
    trap, base_url = served
    variables = settings(base_url, database_url)
    at = int(requests * part)
    process, said, seconds = run_into(trap, at, lambda one: one.send_signal(number), tmp_path, **variables)
    assert process.returncode == 1
    assert_in_time(seconds)
    assert "Traceback" not in said
    assert query(database_url, "SELECT outcome, problems FROM sync_runs") == [
        ("interrupted", ["Stopped on request. What was saved stays; the next run goes on from there."])
    ]
    (saved,) = query(database_url, "SELECT count(*), count(mark) FROM conversations")
    assert saved[0] == saved[1]
    if part == 0.14:
        assert saved[0] == 10  # the first page of the open ones has no more
    trap.set(0, lambda: None)
    complete(tmp_path, variables)
    assert tables(database_url) == expected


@pytest.fixture
def silent() -> Iterator[tuple[Holding, str]]:
    with holding(Vendor(an_account(), token=TOKEN)) as held:
        yield held


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, *in_the_long_run(signal.SIGINT)])
def test_a_run_whose_server_never_answers_stops_within_ten_seconds(
    silent: tuple[Holding, str], database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    server, base_url = silent
    process = start_etl(tmp_path, "sync", **settings(base_url, database_url))
    server.wait_until_asked()
    begun = time.monotonic()
    process.send_signal(number)
    said = "".join(process.communicate(timeout=LONGEST))
    assert_in_time(time.monotonic() - begun)
    assert process.returncode == 1
    assert "Stopped on request." in said
    assert "Traceback" not in said
    assert outcomes(database_url) == ["interrupted"]


# So that it does not end because the server is given up.
NO_TIMEOUT = {"ETL_TIMEOUT_SECONDS": "600"}
# As `etl sync`, but for the time that it takes by itself after the first signal: nobody lives to see it pass.
IN_NO_HURRY = """
import sys
from etl import interrupt
from etl.commands.main import main
from tests.examples import in_the_long_run

interrupt.SECONDS_TO_FINISH = 86_400
sys.argv = ["etl", "sync"]
sys.exit(main())
"""


@pytest.mark.long
@pytest.mark.parametrize("signals", [2, 6])
def test_a_second_signal_insists_and_further_ones_do_no_harm(
    silent: tuple[Holding, str], database_url: str, tmp_path: Path, signals: int
) -> None:
    server, base_url = silent
    process = start([sys.executable, "-c", IN_NO_HURRY], tmp_path, settings(base_url, database_url) | NO_TIMEOUT)
    server.wait_until_asked()
    # Not twice the same: of two alike that come at once, a process hears one.
    for number in range(signals):
        process.send_signal((signal.SIGINT, signal.SIGTERM)[number % 2])
    said = "".join(process.communicate(timeout=LONGEST))
    assert process.returncode == 1
    assert "Traceback" not in said, said
    assert outcomes(database_url) == ["interrupted"]


def test_a_run_that_is_insistently_stopped_while_it_computes_figures_says_so_in_the_journal(
    served: tuple[Trap, str], database_url: str, tmp_path: Path
) -> None:
    _, base_url = served
    variables = settings(base_url, database_url)
    with psycopg.connect(plain(database_url)) as other:
        other.execute("LOCK TABLE helpdesk.figures_computed IN ACCESS EXCLUSIVE MODE")
        process = start_etl(tmp_path, "sync", **variables)
        wait_until(lambda: waiting_for_a_lock(database_url))
        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        said = "".join(process.communicate(timeout=LONGEST))
        assert (process.returncode, "Traceback" in said) == (1, False), said
        assert outcomes(database_url) == ["interrupted"]
        assert "Run 1 · sync of account 1 · interrupted" in said
    complete(tmp_path, variables)


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
        said += "".join(process.communicate(timeout=LONGEST))
        assert_in_time(time.monotonic() - begun)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert outcomes(database_url) == ["interrupted"]
