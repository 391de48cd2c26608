"""What is queued: by hand, as `etl jobs` lists it, without any secret, and while the database is away."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import execute, outcomes, query
from tests.end_to_end.workers.worker_processes import Slow, workers
from tests.etl_process import ETL, RunEtl, assert_in_time, command_lines, settings, start_etl
from tests.scripted_account import account_of
from tests.secret_values import TOKEN, no_secret, with_password
from tests.waits import LONGEST, wait_until

# Not due before the test is over: what is done is what was queued by hand.
NEVER = {"ETL_SCHEDULE": "never", "ETL_API_TOKEN": TOKEN}

STATES = "SELECT status::text, attempts FROM etl_jobs.procrastinate_jobs"


def everything_queued(url: str) -> str:
    names = query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'etl_jobs'")
    assert len(names) == 4
    return "\n".join(row[0] for (name,) in names for row in query(url, f"SELECT one::text FROM etl_jobs.{name} AS one"))


def listed(etl: RunEtl, variables: dict[str, str]) -> list[dict[str, Any]]:
    done = etl("jobs", "--json", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def cells(etl: RunEtl, variables: dict[str, str]) -> list[list[str]]:
    """Return the table that `etl jobs` prints, without the times."""
    done = etl("jobs", **variables)
    assert done.returncode == 0, done.stderr
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in done.stdout.splitlines()]


def unhurried() -> Slow:
    return Slow(Vendor(account_of(3), token=TOKEN))


def test_nothing_is_queued_at_first(etl: RunEtl, database_url: str) -> None:
    variables = {"DATABASE_URL": database_url}
    done = etl("jobs", **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing waits, runs or failed.\n", "")
    assert listed(etl, variables) == []


@pytest.mark.long
def test_a_backfill_that_is_queued_waits_is_run_by_a_worker_and_is_gone_from_the_list_without_any_secret(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    slow = unhurried()
    with serve(slow) as base_url:
        variables = settings(base_url, with_password(database_url)) | NEVER
        done = etl("backfill", "--queue", "--conversation", "1", "--conversation", "3", **variables)
        said = "Job 1: backfill of account 1. `etl jobs` shows how it stands.\n"
        assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
        (waiting,) = listed(etl, variables)
        chosen = waiting.pop("selection")
        assert (chosen["kind"], chosen["conversations"], waiting.pop("since")[:2]) == ("backfill", [1, 3], "20")
        assert waiting == {
            "job": 1, "task": "run", "state": "waits", "until": None, "attempts": 0, "jobs": 1, "account_id": 1,
            "run_id": None,
        }  # fmt: skip
        table = cells(etl, variables)
        assert [row[:3] + row[4:] for row in table] == [
            ["job", "what", "state", "attempt"], ["1", "backfill of account 1", "waits", "1"],
        ]  # fmt: skip
        with workers(tmp_path / "workers", variables) as some:
            some.start()
            wait_until(lambda: outcomes(database_url) == ["running"])
            assert [one["state"] for one in listed(etl, variables)] == ["runs"]
            no_secret(command_lines(some.started[0].pid))
            no_secret(everything_queued(database_url))
            slow.go.set()
            wait_until(lambda: outcomes(database_url) == ["complete"])
            wait_until(lambda: "figures" not in everything_queued(database_url))
            assert listed(etl, variables) == []
            some.started[0].stop()
            no_secret(some.said())
    ran = "SELECT selection, (counts #>> '{conversations,seen}')::int FROM sync_runs"
    assert query(database_url, ran) == [({"conversations": [1, 3]}, 2)]


def test_the_worker_of_the_command_line_shows_no_secret_and_ends_within_ten_seconds_with_0(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    slow = unhurried()
    with serve(slow) as base_url:
        variables = settings(base_url, with_password(database_url), ETL_LOG_FORMAT="json", ETL_API_TOKEN=TOKEN)
        process = start_etl(tmp_path, "worker", **variables)
        wait_until(lambda: outcomes(database_url) == ["running"])
        assert no_secret(command_lines(process.pid)).count(f"{ETL} worker") == 1
        no_secret(everything_queued(database_url))
        process.send_signal(signal.SIGTERM)
        slow.go.set()
        begun = time.monotonic()
        out, err = process.communicate(timeout=LONGEST)
        assert_in_time(time.monotonic() - begun)
    assert process.returncode == 0, err
    assert outcomes(database_url) == ["interrupted"]
    assert "Traceback" not in no_secret(out + err)
    assert {"event", "level", "timestamp"} <= json.loads(err.splitlines()[0]).keys()
    # It is there for whoever comes next.
    assert [(one["state"], one["attempts"]) for one in listed(etl, variables)] == [("waits", 1)]


@pytest.mark.long
def test_a_worker_whose_vendor_never_answers_is_gone_in_ten_seconds_too_and_its_run_can_be_done(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    slow = unhurried()
    with serve(slow) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN=TOKEN)
        with workers(tmp_path / "workers", variables) as some:
            (worker,) = some.start()
            wait_until(lambda: slow.waiting > 0)
            worker.stop()
        slow.go.set()
        assert etl("sync", **variables).returncode == 0
    assert outcomes(database_url) == ["interrupted", "complete"]


@pytest.mark.long
def test_a_run_that_fails_is_tried_again_later_and_one_that_failed_for_good_stays_in_the_list(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    with serve(Vendor(account_of(1), token="another")) as base_url:  # so that every request is refused
        variables = settings(base_url, database_url) | NEVER
        etl("backfill", "--queue", **variables)
        with workers(tmp_path / "workers", variables) as some:
            some.start()
            wait_until(lambda: query(database_url, STATES) == [("todo", 1)])
            (again,) = listed(etl, variables)
            assert (again["state"], again["until"] is None) == ("waits", False)
            assert cells(etl, variables)[1][2].startswith("waits until ")
            # The time that it waits for is here, and it was tried as often as it may be but once.
            last = "UPDATE etl_jobs.procrastinate_jobs SET attempts = 12, scheduled_at = now()"
            execute(database_url, f"SET search_path = etl_jobs; {last}")
            wait_until(lambda: query(database_url, STATES) == [("failed", 13)])
            row = cells(etl, variables)[1]
            assert row[:3] + row[4:] == ["1", "backfill of account 1", "failed", "13"]
            no_secret(some.said())
            assert "It is not tried again." in some.said()
    assert outcomes(database_url) == ["failed", "failed"]


@pytest.mark.long
def test_what_a_dead_worker_had_in_hand_is_listed_as_stalled(etl: RunEtl, tmp_path: Path, database_url: str) -> None:
    slow = unhurried()
    with serve(slow) as base_url:
        variables = settings(base_url, database_url) | NEVER
        etl("backfill", "--queue", **variables)
        with workers(tmp_path / "workers", variables) as some:
            (one,) = some.start()
            wait_until(lambda: outcomes(database_url) == ["running"])
            one.kill()
        execute(
            database_url, "UPDATE etl_jobs.procrastinate_workers SET last_heartbeat = now() - interval '31 seconds'"
        )
        assert [one["state"] for one in listed(etl, variables)] == ["stalled"]
        slow.go.set()


def test_a_search_is_not_queued_as_its_term_may_be_a_name(etl: RunEtl, database_url: str) -> None:
    variables = settings("http://127.0.0.1:9", database_url)
    done = etl("backfill", "--queue", "--search", "Dana", **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a search cannot be queued" in done.stderr
    assert listed(etl, variables) == []


def test_a_selection_of_settings_that_are_wrong_is_not_queued(etl: RunEtl, database_url: str) -> None:
    variables = settings("http://127.0.0.1:9", database_url)
    done = etl("backfill", "--queue", "--account", "5", **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert listed(etl, variables) == []


def test_a_worker_waits_while_the_database_is_away_and_goes_on_when_it_is_back(
    etl: RunEtl, tmp_path: Path, server_url: str, database_url: str
) -> None:
    name = make_url(database_url).database
    slow = unhurried()
    slow.go.set()
    with serve(slow) as base_url:
        variables = settings(base_url, database_url) | NEVER
        with workers(tmp_path / "workers", variables) as some:
            (worker,) = some.start()
            execute(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            query(server_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
            wait_until(lambda: some.said().count("The worker waits for it to pass.") > 2)
            assert worker.process.poll() is None
            execute(server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            assert etl("backfill", "--queue", **variables).returncode == 0
            wait_until(lambda: outcomes(database_url) == ["complete"])
            worker.stop()
    assert query(database_url, "SELECT count(*) FROM messages") == [(9,)]


@pytest.mark.parametrize("command", ["jobs", "worker"])
def test_without_tables_the_commands_say_what_to_do(etl: RunEtl, empty_database_url: str, command: str) -> None:
    done = etl(command, **settings("http://127.0.0.1:9", empty_database_url))
    assert (done.returncode, done.stdout) == (2, "")
    assert "etl migrate" in done.stderr
