"""ETL_PING_URL: who watches is told of every run, and cannot hold it up, fail it, or learn what is not theirs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.load import journal, run_lock
from etl.load.journal import Run
from tests.etl_process import TOKEN, RunEtl, assert_in_time, run_into, settings, terminate
from tests.examples import in_the_long_run
from tests.held_vendor import Trap
from tests.ping_service import BROKEN, FAILED, NO_ANSWER, OK, SECRET, Pinged, pinged, redirect_to
from tests.scripted_account import account_of

FORMATS = pytest.mark.parametrize("form", ["console", "json"])


@pytest.fixture
def vendor() -> Vendor:
    return Vendor(account_of(3), token=TOKEN)


@pytest.fixture
def trap(vendor: Vendor) -> Trap:
    return Trap(vendor)


@pytest.fixture
def service() -> Iterator[Pinged]:
    with pinged() as one:
        yield one


@pytest.fixture
def variables(trap: Trap, service: Pinged, database_url: str) -> Iterator[dict[str, str]]:
    with serve(trap) as base_url:
        yield settings(base_url, database_url, ETL_PING_URL=service.url)


@pytest.mark.long
def test_a_complete_run_tells_its_begin_and_its_success_in_figures(
    etl: RunEtl, service: Pinged, variables: dict[str, str]
) -> None:
    done = etl("sync", **variables)
    assert done.returncode == 0, done.stderr
    (begun, said_first), (ended, said_last) = service.told
    assert (begun, ended) == (f"/{SECRET}/start", f"/{SECRET}")
    assert said_first == "Run 1 of account 1: sync begun."
    assert said_last.startswith("Run 1 of account 1: sync complete. seconds ")
    assert "conversations 3, messages 9, rejected 0, problems 0, loaded ids 3." in said_last
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.long
def test_the_address_may_lie_in_a_file(etl: RunEtl, service: Pinged, variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "ping_url").write_text(service.url + "\n")
    done = etl("sync", **variables | {"ETL_PING_URL": "", "ETL_PING_URL_FILE": "ping_url"})
    assert done.returncode == 0, done.stderr
    assert service.steps() == ["/start", ""]
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.long
def test_an_incomplete_and_a_failed_run_tell_a_failure_without_what_the_server_said(
    etl: RunEtl, vendor: Vendor, service: Pinged, variables: dict[str, str]
) -> None:
    vendor.accounts[0].conversations[2].contact_id = 99
    assert etl("backfill", "--conversation", "2", ETL_RETRY_ATTEMPTS="1", **variables).returncode == 3
    assert "backfill incomplete. " in service.told[-1][1]
    assert "problems 1" in service.told[-1][1]
    assert "500" not in service.told[-1][1]
    assert service.steps() == ["/start", "/fail"]

    assert etl("sync", **variables | {"ETL_API_TOKEN": "of-another-account"}).returncode == 2
    assert "sync failed. " in service.told[-1][1]
    assert service.steps() == ["/start", "/fail"]


def test_a_run_that_cannot_begin_tells_a_failure(
    etl: RunEtl, service: Pinged, variables: dict[str, str], empty_database_url: str
) -> None:
    nowhere = "postgresql://user:pass-word@127.0.0.1:9/tables"
    for url, code, kind in ((nowhere, 1, "DatabaseError"), (empty_database_url, 2, "Unfit")):
        assert etl("sync", **variables | {"DATABASE_URL": url}).returncode == code
        assert service.told[-1][1] == f"A run of account 1 failed: {kind}, see its log."
        assert service.steps() == ["/fail"]


def test_a_second_run_tells_nothing_while_the_first_goes_on(
    etl: RunEtl, engine: Engine, service: Pinged, variables: dict[str, str]
) -> None:
    with run_lock.hold(engine, 1):
        with transaction(engine) as connection:
            connection.exec_driver_sql("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, '')")
        journal.open_run(engine, Run(1, "sync"))
        assert etl("sync", **variables).returncode == 4
    assert service.told == []


def test_a_run_that_is_stopped_tells_a_failure_and_still_ends_in_time(
    tmp_path: Path, trap: Trap, service: Pinged, variables: dict[str, str]
) -> None:
    service.answer = NO_ANSWER
    process, _, seconds = run_into(trap, 12, terminate, tmp_path, **variables)
    assert process.returncode == 1
    assert_in_time(seconds)
    assert service.steps()[0] == "/start"


@pytest.mark.long
def test_other_commands_tell_nothing(etl: RunEtl, service: Pinged, variables: dict[str, str]) -> None:
    for command in ("migrate", "check", "runs", "status"):
        etl(command, **variables)
    assert service.told == []


@pytest.mark.long
@FORMATS
@pytest.mark.parametrize("answer", [FAILED, *in_the_long_run(BROKEN, NO_ANSWER)], ids=["failed", "broken", "none"])
def test_a_ping_that_fails_is_one_warning_without_the_address_and_nothing_else(
    etl: RunEtl, service: Pinged, variables: dict[str, str], answer: bytes, form: str
) -> None:
    service.answer = answer
    done = etl("sync", "--json", ETL_LOG_FORMAT=form, **variables)  # the service would hold it for longer than we wait
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "complete"
    assert service.steps()[0] == "/start"
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    assert len(warnings) == (answer != BROKEN), done.stderr  # which is an answer all the same
    assert all("ETL_PING_URL" in line for line in warnings)
    assert SECRET not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_service_that_is_not_there_is_one_warning(etl: RunEtl, variables: dict[str, str]) -> None:
    done = etl("sync", **variables | {"ETL_PING_URL": f"http://127.0.0.1:9/{SECRET}"})
    assert done.returncode == 0
    (warning,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert "no connection (ConnectionError). The run itself is not touched by it." in warning
    assert SECRET not in done.stderr


@pytest.mark.long
def test_a_redirect_is_not_followed(etl: RunEtl, service: Pinged, variables: dict[str, str]) -> None:
    with pinged() as elsewhere:
        service.answer = redirect_to(elsewhere.url)
        done = etl("sync", **variables)
        assert elsewhere.told == []
    assert done.returncode == 0
    assert "the server answered 302" in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.long
def test_the_account_stands_in_the_address_and_a_query_stays_behind_the_step(
    etl: RunEtl, service: Pinged, variables: dict[str, str]
) -> None:
    assert service.answer == OK
    address = service.base + "/key/etl-{account_id}/?create=1"
    assert etl("sync", **variables | {"ETL_PING_URL": address}).returncode == 0
    assert [path for path, _ in service.told] == ["/key/etl-1/start?create=1", "/key/etl-1?create=1"]
