"""The database in trouble: each kind ends in one clear sentence and exit code 1, and the next run completes."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from etl.commands import check
from etl.database import migrate
from etl.database.engine import make_engine, transaction, where
from etl.database.session import SETTINGS
from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from etl.errors import DatabaseError
from tests.databases import OF_ETL, execute, outcomes, plain, query, tables, waiting_for_a_lock
from tests.etl_process import TOKEN, RunEtl, assert_in_time, run_into, sentence, settings, start_etl, terminate
from tests.examples import in_the_long_run
from tests.held_vendor import Trap, holding
from tests.scripted_account import account_of
from tests.waits import LONGEST, wait_until


@pytest.fixture
def trap() -> Trap:
    return Trap(Vendor(account_of(60), token=TOKEN))


@pytest.fixture
def variables(trap: Trap, database_url: str) -> Iterator[dict[str, str]]:
    with serve(trap) as base_url:
        yield settings(base_url, database_url)


@pytest.mark.parametrize("command", ["sync", "runs", "migrate"])
def test_a_server_that_cannot_be_reached_is_one_sentence(etl: RunEtl, variables: dict[str, str], command: str) -> None:
    done = etl(command, **variables | {"DATABASE_URL": "postgresql://user:pass-word@127.0.0.1:9/tables"})
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence(done.stderr).startswith("PostgreSQL at 127.0.0.1:9/tables: ")
    assert "Connection refused" in done.stderr
    assert "pass-word" not in done.stderr


def test_a_database_that_does_not_exist_is_one_sentence(
    etl: RunEtl, variables: dict[str, str], database_url: str
) -> None:
    other = make_url(database_url).set(database="no_such_database").render_as_string(hide_password=False)
    done = etl("sync", **variables | {"DATABASE_URL": other})
    assert (done.returncode, done.stdout) == (1, "")
    assert 'database "no_such_database" does not exist' in sentence(done.stderr)


@pytest.mark.long
def test_a_read_only_database_is_one_sentence_and_the_next_run_completes(
    etl: RunEtl, variables: dict[str, str], database_url: str
) -> None:
    name = make_url(database_url).database
    execute(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    done = etl("sync", **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert "read-only transaction. DATABASE_URL must lead to the primary" in sentence(done.stderr)
    with psycopg.connect(plain(database_url), options="-c default_transaction_read_only=off", autocommit=True) as own:
        own.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert etl("sync", **variables).returncode == 0


def test_a_server_that_is_too_old_is_one_sentence_and_its_connection_is_closed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl.database.requirements.OLDEST_SERVER", 99)
    engine = make_engine(database_url)
    too_old = rf"^PostgreSQL at {re.escape(where(engine))} is version \d+\.\d+.*; etl needs 99 or newer\."
    with pytest.raises(DatabaseError, match=too_old):
        migrate.migrate(engine)
    reached, finding = check.check_database(engine)
    assert (reached.ok, finding.ok, finding.name) == (True, False, "version")
    assert re.match(too_old, finding.said)
    engine.dispose()
    wait_until(lambda: not query(database_url, OF_ETL))


MAY_READ = ("USAGE ON SCHEMA helpdesk", "SELECT ON ALL TABLES IN SCHEMA helpdesk")
MAY_NUMBER = ("USAGE ON ALL SEQUENCES IN SCHEMA helpdesk",)


@contextmanager
def role(url: str, name: str) -> Iterator[str]:
    """Create a role with no rights at all; yield its URL of the database."""
    execute(url, f"CREATE ROLE {name} LOGIN")
    try:
        yield make_url(url).set(username=name).render_as_string(hide_password=False)
    finally:
        execute(url, f"DROP OWNED BY {name}; DROP ROLE {name}")


@pytest.mark.parametrize(
    "granted",
    [[], [*MAY_READ], [*MAY_READ, "INSERT, UPDATE ON helpdesk.accounts, helpdesk.sync_runs", *MAY_NUMBER]],
    ids=["no rights", "may read", "may write nothing but the journal"],
)
def test_a_user_without_the_rights_is_one_sentence(
    etl: RunEtl, variables: dict[str, str], database_url: str, granted: list[str]
) -> None:
    name = f"r_{make_url(database_url).database}"
    with role(database_url, name) as url:
        for one in granted:
            execute(database_url, f"GRANT {one} TO {name}")
        done = etl("sync", **variables | {"DATABASE_URL": url})
        assert done.returncode == 1
        assert "permission denied for " in sentence(done.stdout + done.stderr)
        assert "Grant it to the user of DATABASE_URL" in sentence(done.stdout + done.stderr)
    assert etl("sync", **variables).returncode == 0


@pytest.mark.long
def test_a_user_who_may_do_no_more_than_the_job_needs_can_run_it(
    etl: RunEtl, variables: dict[str, str], database_url: str
) -> None:
    name = f"r_{make_url(database_url).database}"
    with role(database_url, name) as url:
        for one in (
            "USAGE ON SCHEMA helpdesk",
            "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA helpdesk",
            "USAGE ON ALL SEQUENCES IN SCHEMA helpdesk",
            "EXECUTE ON ALL FUNCTIONS IN SCHEMA helpdesk",
        ):
            execute(database_url, f"GRANT {one} TO {name}")
        done = etl("sync", **variables | {"DATABASE_URL": url})
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_connection_stops_waiting_for_a_lock_after_a_minute(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW lock_timeout")) == "1min"
    engine.dispose()


def test_a_table_locked_by_another_session_is_one_sentence(
    database_url: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "lock_timeout", "'100ms'")
    engine = make_engine(database_url)
    with psycopg.connect(plain(database_url)) as other:
        other.execute("LOCK TABLE helpdesk.messages IN ACCESS EXCLUSIVE MODE")
        with (
            pytest.raises(DatabaseError, match=r"Another session holds a lock on the tables: see pg_locks"),
            transaction(engine) as connection,
        ):
            connection.execute(text("SELECT count(*) FROM helpdesk.messages"))
    engine.dispose()


def test_a_run_that_waits_for_a_locked_table_stops_within_ten_seconds_when_asked_to(
    etl: RunEtl, tmp_path: Path, variables: dict[str, str], database_url: str
) -> None:
    with psycopg.connect(plain(database_url)) as other:
        other.execute("LOCK TABLE helpdesk.messages IN ACCESS EXCLUSIVE MODE")
        process = start_etl(tmp_path, "sync", **variables)
        wait_until(lambda: waiting_for_a_lock(database_url))
        terminate(process)
        begun = time.monotonic()
        out, err = process.communicate(timeout=LONGEST)
        assert_in_time(time.monotonic() - begun)
    assert process.returncode == 1
    assert "Stopped on request." in out
    assert "Traceback" not in err
    assert outcomes(database_url) == ["interrupted"]
    assert etl("sync", **variables).returncode == 0


@pytest.mark.long
def test_a_run_that_cannot_even_be_closed_stops_within_ten_seconds_when_asked_to(
    etl: RunEtl, tmp_path: Path, trap: Trap, variables: dict[str, str], database_url: str
) -> None:
    with psycopg.connect(plain(database_url)) as other:

        def lock_and_stop(process: "subprocess.Popen[str]") -> None:
            other.execute("LOCK TABLE helpdesk.sync_runs IN ACCESS EXCLUSIVE MODE")
            terminate(process)

        process, said, seconds = run_into(trap, 20, lock_and_stop, tmp_path, **variables)
    assert process.returncode == 1
    assert_in_time(seconds)
    assert "Stopped on request." in said
    assert "Traceback" not in said
    trap.set(0, lambda: None)
    assert etl("sync", **variables).returncode == 0
    assert outcomes(database_url) == ["interrupted", "complete"]


def test_a_run_that_fails_does_not_wait_for_requests_that_are_under_way(tmp_path: Path, database_url: str) -> None:
    vendor, asked, go = Vendor(account_of(60), token=TOKEN), threading.Event(), threading.Event()

    def app(request: Request) -> Answer:
        page = dict(request.query).get("page")
        if page == "2":
            execute(database_url, "ALTER TABLE helpdesk.messages RENAME TO gone")
            assert asked.wait(LONGEST)
        if page == "4":
            asked.set()
            go.wait(2 * LONGEST)
        return vendor(request)

    with serve(app) as base_url:
        # It would wait for longer than we do.
        process = start_etl(tmp_path, "sync", **settings(base_url, database_url, ETL_TIMEOUT_SECONDS="600"))
        assert asked.wait(LONGEST)
        try:
            said = "".join(process.communicate(timeout=LONGEST))
        finally:
            go.set()
    assert process.returncode == 1
    assert "messages" in sentence(said)
    assert outcomes(database_url) == ["failed"]


@pytest.mark.long
@pytest.mark.parametrize("at", [40, *in_the_long_run(1, 90)])
def test_connections_terminated_in_the_middle_fail_clearly_or_are_made_again_and_the_next_run_is_exact(
    etl: RunEtl, tmp_path: Path, trap: Trap, variables: dict[str, str], database_url: str, at: int
) -> None:
    ended = f"SELECT pg_terminate_backend(pid) FROM ({OF_ETL}) AS one"
    process, said, seconds = run_into(trap, at, lambda _: query(database_url, ended), tmp_path, **variables)
    assert process.returncode in {0, 1}
    assert_in_time(seconds)
    assert "Traceback" not in said, said
    if process.returncode:
        # What is told first depends on whether the run was speaking or found the connection closed.
        assert "terminating connection due to administrator command" in said or "the connection is lost" in said
        assert sentence(said)
    trap.set(0, lambda: None)
    done = etl("sync", "--json", **variables)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger"]["loaded"] == 60
    assert len(tables(database_url)["messages"]) == 180


@pytest.mark.long
def test_the_second_of_two_runs_at_once_exits_with_4_and_says_who_runs_since_when(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    with holding(Vendor(account_of(3), token=TOKEN)) as (vendor, base_url):
        variables = settings(base_url, database_url)
        first = start_etl(tmp_path, "sync", **variables)
        vendor.wait_until_asked()
        for _ in range(2):
            second = etl("sync", "--json", **variables)
            assert (second.returncode, second.stdout) == (4, "")
            ((since, host),) = query(
                database_url,
                "SELECT to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), host FROM sync_runs",
            )
            assert second.stderr == (
                f"etl: Run 1 of account 1 is going on since {since} UTC (process {first.pid} on {host})."
                " This one did nothing; wait for it, or stop it.\n"
            )
        vendor.let_go()
        out, err = first.communicate(timeout=LONGEST)
        assert first.returncode == 0, out + err
        assert etl("sync", **variables).returncode == 0
    assert outcomes(database_url) == ["complete", "complete"]


@pytest.mark.long
def test_two_accounts_are_read_into_one_database_at_once(tmp_path: Path, database_url: str) -> None:
    vendor = Vendor([account_of(60), account_of(60, number=2)], token=TOKEN)
    together = threading.Barrier(2, timeout=LONGEST)
    met = {"1": False, "2": False}

    def app(request: Request) -> Answer:
        account = request.path.split("/")[4] if request.path.startswith("/api/v1/accounts/") else ""
        if account in met and request.path.endswith("/conversations") and not met[account]:
            met[account] = True
            together.wait()  # neither begins before the other one does
        return vendor(request)

    with serve(app) as base_url:
        processes = [
            start_etl(tmp_path, "sync", **settings(base_url, database_url, ETL_ACCOUNT_ID=number))
            for number in ("1", "2")
        ]
        for process in processes:
            out, err = process.communicate(timeout=LONGEST)
            assert process.returncode == 0, out + err
    assert query(database_url, "SELECT account_id, count(*) FROM messages GROUP BY 1 ORDER BY 1") == [
        (1, 180),
        (2, 180),
    ]
    assert sorted(outcomes(database_url)) == ["complete", "complete"]
