"""A request to stop ends every command with 1 and one line, whenever it comes: at an import, in a wait, in psql."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.broken_python import held_at
from tests.databases import query
from tests.etl_process import TOKEN, Process, settings, start_etl
from tests.examples import in_the_long_run
from tests.held_vendor import Trap
from tests.scripted_account import account_of
from tests.waits import LONGEST, wait_until

STOPPED = "etl: Stopped on request. What was saved stays; the next run goes on from there.\n"
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])


@pytest.fixture
def variables(database_url: str) -> dict[str, str]:
    return settings("http://127.0.0.1:9", database_url)


def ended(process: Process) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=LONGEST)
    return process.returncode, out, err


@SIGNALS
@pytest.mark.parametrize("module", ["typer", "sqlalchemy", *in_the_long_run("etl.commands.sync", "pydantic")])
def test_a_request_to_stop_at_an_import_is_one_line(
    tmp_path: Path, variables: dict[str, str], module: str, number: int
) -> None:
    held, reached = held_at(tmp_path, module)
    process = start_etl(tmp_path, "worker", **variables | held)
    wait_until(reached.exists)
    process.send_signal(number)
    assert ended(process) == (1, "", STOPPED)


def test_it_is_a_line_of_json_where_the_log_is(tmp_path: Path, variables: dict[str, str]) -> None:
    held, reached = held_at(tmp_path, "sqlalchemy")
    process = start_etl(tmp_path, "status", **variables | held | {"ETL_LOG_FORMAT": "json"})
    wait_until(reached.exists)
    process.send_signal(signal.SIGTERM)
    code, out, err = ended(process)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith('{"event": "Stopped on request. ')


def test_what_whoever_started_it_ignores_is_ignored(tmp_path: Path, variables: dict[str, str]) -> None:
    """As nohup has it."""
    held, reached = held_at(tmp_path, "sqlalchemy")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start_etl(tmp_path, "status", **variables | held)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_until(reached.exists)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert ended(process) == (1, "", STOPPED)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        *(("migrate", signal.SIGTERM), ("sync", signal.SIGHUP), ("worker", signal.SIGTERM), ("status", signal.SIGINT)),
        *in_the_long_run(("check", signal.SIGTERM), ("runs", signal.SIGTERM), ("grant --role nobody", signal.SIGTERM)),
    ],
)
def test_a_request_to_stop_in_a_wait_for_the_database_is_one_line_and_leaves_no_statement(
    tmp_path: Path, variables: dict[str, str], database_url: str, command: str, number: int
) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as holder:
        holder.execute("LOCK TABLE helpdesk.alembic_version IN ACCESS EXCLUSIVE MODE")
        process = start_etl(tmp_path, *command.split(), **variables)
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        wait_until(lambda: bool(query(database_url, waiting)))
        process.send_signal(number)
        code, _, err = ended(process)
        assert (code, err) == (1, STOPPED)
        wait_until(lambda: not query(database_url, waiting))


@pytest.mark.long
def test_a_run_whose_terminal_is_closed_is_closed_as_interrupted(tmp_path: Path, database_url: str) -> None:
    started: list[Process] = []
    trap = Trap(Vendor(account_of(3), token=TOKEN))
    trap.set(8, lambda: started[0].send_signal(signal.SIGHUP))
    with serve(trap) as base_url:
        started.append(start_etl(tmp_path, "sync", **settings(base_url, database_url)))
        code, _, err = ended(started[0])
    assert code == 1
    assert "Traceback" not in err
    assert query(database_url, "SELECT outcome FROM helpdesk.sync_runs") == [("interrupted",)]


ASLEEP = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%pg_sleep(600)'"
    " AND pid <> pg_backend_pid()"
)


@SIGNALS
def test_psql_gets_what_is_meant_for_it_and_ends_with_1(
    tmp_path: Path, variables: dict[str, str], database_url: str, number: int
) -> None:
    process = start_etl(tmp_path, "psql", "-c", "SELECT pg_sleep(600)", **variables)
    wait_until(lambda: bool(query(database_url, ASLEEP)))
    # Ctrl-C goes to all of the terminal's group, SIGTERM to the process alone that somebody named.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    code, _, err = ended(process)
    assert code == 1
    assert "Traceback" not in err
    assert ("canceling statement due to user request" in err) == (number == signal.SIGINT)
    with pytest.raises(ProcessLookupError):  # nobody is left of its group
        os.killpg(process.pid, 0)
    query(database_url, f"SELECT pg_terminate_backend(pid) FROM ({ASLEEP}) AS one")
