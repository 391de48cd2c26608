"""ETL_LOG_FORMAT=json: every line says which run of which account it is of, whichever thread wrote it."""

import json
import threading
from typing import Any

import pytest

from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from tests.etl_process import TOKEN, RunEtl, settings
from tests.scripted_account import account_of, server_fault


class FailsOnce:
    """A vendor that answers each history, and each first page, with an error the first time."""

    def __init__(self) -> None:
        self.vendor = Vendor(account_of(3), token=TOKEN)
        self.failed: set[str] = set()
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        with self.lock:
            if request.path not in self.failed and request.path.endswith(("/messages", "/conversations")):
                self.failed.add(request.path)
                return server_fault()
        return self.vendor(request)


def lines_of(stderr: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr.splitlines()]


@pytest.mark.long
def test_each_line_of_a_run_has_event_run_and_account(etl: RunEtl, database_url: str) -> None:
    with serve(FailsOnce()) as base_url:
        done = etl("sync", "--json", **settings(base_url, database_url, ETL_LOG_FORMAT="json"))
    assert done.returncode == 0, done.stderr
    lines = lines_of(done.stderr)
    # Those of the threads that read: of each history that was tried again.
    assert sum("/messages" in line["event"] for line in lines) == 3
    assert {(line["run_id"], line["account_id"]) for line in lines} == {(1, 1)}
    assert all(line["event"] and line["timestamp"].endswith("Z") and line["level"] for line in lines)
    (last,) = [line for line in lines if "summary" in line]
    assert (last["event"], last["level"]) == ("Run 1 of account 1: sync complete.", "info")
    assert last["summary"] == json.loads(done.stdout)
    assert TOKEN not in done.stderr
    assert "dana@example.com" not in done.stderr
    assert "message 0 of" not in done.stderr


def test_the_problems_of_a_failed_run_are_lines_of_it(etl: RunEtl, database_url: str) -> None:
    with serve(Vendor(account_of(1), token="another")) as base_url:
        done = etl("sync", **settings(base_url, database_url, ETL_LOG_FORMAT="json"))
    assert done.returncode == 2
    lines = lines_of(done.stderr)
    problems = [line["event"] for line in lines if line["level"] == "error"]
    assert [one[:9] for one in problems] == ["problem: "]
    assert [line["summary"]["outcome"] for line in lines if "summary" in line] == ["failed"]
    assert f"  {problems[0]}\n" in done.stdout
    assert {(line["run_id"], line["account_id"]) for line in lines} == {(1, 1)}


@pytest.mark.parametrize("command", ["sync", "status"])
def test_the_last_word_of_a_command_that_could_not_begin_is_a_line_too(etl: RunEtl, command: str) -> None:
    url = "postgresql://user:pass-word@127.0.0.1:9/tables"
    done = etl(command, **settings("http://127.0.0.1:9", url, ETL_LOG_FORMAT="json"))
    assert done.returncode == 1
    (line,) = lines_of(done.stderr)
    assert line["event"].startswith("PostgreSQL at 127.0.0.1:9/tables: ")
    assert line["level"] == "error"
    assert line.get("account_id") == (1 if command == "sync" else None)
    assert "pass-word" not in done.stderr
