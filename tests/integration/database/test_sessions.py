"""What a role, a database, an environment or a pooler gives a session changes nothing that the job reads or writes."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from etl.database.engine import make_engine
from etl.demo.events import add_message
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import execute, new_database, outcomes, query, tables
from tests.end_to_end.workers.worker_processes import Workers
from tests.etl_process import RunEtl, settings
from tests.scripted_account import LONG_AGO, account_of, job
from tests.waits import wait_until

TOKEN = "demo-token"

# All that a session begins with otherwise than etl takes it.
ODD = {
    "search_path": "public",
    "client_encoding": "LATIN1",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "sql_standard",
    "TimeZone": "'Pacific/Kiritimati'",
    "default_transaction_isolation": "serializable",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "extra_float_digits": "-15",
    "quote_all_identifiers": "on",
    "bytea_output": "escape",
    "xmloption": "document",
}
OF_CLIENTS = {
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "German",
    "PGTZ": "Asia/Tokyo",
    "PGOPTIONS": "-c search_path=public",
}
LAST_SECOND = 253_402_300_799  # of the year 9999


@pytest.fixture
def odd_url(database_url: str) -> str:
    """A database whose sessions begin with all of it."""
    for name, value in ODD.items():
        execute(database_url, f"ALTER DATABASE {make_url(database_url).database} SET {name} = {value}")
    return database_url


def far_account() -> Any:
    """Return an account with Hebrew, an emoji, and times at the end of what Python knows."""
    account = account_of(3)
    add_message(account, 2, "תודה \\' 🙂", LONG_AGO + 50)
    account.conversations[1].snoozed_until = LAST_SECOND
    account.contacts[1].last_activity_at = LAST_SECOND
    return account


@pytest.mark.long
def test_runs_status_and_queue_are_the_same_in_a_session_that_begins_with_everything_odd(
    etl: RunEtl, tmp_path: Path, odd_url: str, server_url: str, template: str
) -> None:
    with serve(Vendor(far_account(), token=TOKEN)) as base_url, new_database(server_url, template) as plain_url:
        for url, environment in ((plain_url, {}), (odd_url, OF_CLIENTS)):
            variables = settings(base_url, url, ETL_API_TOKEN=TOKEN, ETL_SCHEDULE="never") | environment
            told = ("status", "runs", "runs --run 1", "jobs", "check") if environment else ()
            for command in ("migrate", "sync", "sync", "sync --audit", *told):
                done = etl(*command.split(), **variables)
                assert (command, done.returncode) == (command, 0), done.stdout + done.stderr
                assert "Traceback" not in done.stderr
            assert etl("backfill", "--queue", **variables).returncode == 0
            workers = Workers(tmp_path, variables)
            (worker,) = workers.start()
            execute(url, f"ALTER DATABASE {make_url(url).database} RESET ALL")
            wait_until(lambda url=url: outcomes(url) == ["complete"] * 4)
            worker.stop()
        assert tables(odd_url) == tables(plain_url)
        counts = "SELECT kind, counts, outcome, problems, notes, selection FROM sync_runs ORDER BY run_id"
        assert query(odd_url, counts) == query(plain_url, counts)
        # What the contract holds are shares of records, with all their digits.
        shares = "SELECT entity, path, kinds, share FROM api_contract ORDER BY entity, path"
        assert query(odd_url, shares) == query(plain_url, shares)


def test_every_session_has_all_of_it_whatever_it_inherits(odd_url: str) -> None:
    engine = make_engine(odd_url)
    with engine.connect() as connection:
        shown = {name: connection.scalar(text(f"SHOW {name}")) for name in ODD}
    engine.dispose()
    assert {name: value for name, value in shown.items() if name not in {"bytea_output", "xmloption"}} == {
        "search_path": "pg_catalog, pg_temp",
        "client_encoding": "UTF8",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "TimeZone": "UTC",
        "default_transaction_isolation": "read committed",
        "standard_conforming_strings": "on",
        "array_nulls": "on",
        "transform_null_equals": "off",
        "extra_float_digits": "1",
        "quote_all_identifiers": "off",
    }


BEYOND = ("infinity", "-infinity", "0044-03-15 12:00 BC", "10000-01-01", "294276-12-31 23:59:59+00")


def test_a_time_that_python_has_no_date_for_ends_no_run(database_url: str) -> None:
    engine = make_engine(database_url)
    times = ("last_activity_at", "snoozed_until", "waiting_since", "history_read_at", "agent_last_seen_at")
    with job(account_of(5), engine) as etl:
        etl.run()
        for name, value in zip(times, BEYOND, strict=True):
            execute(database_url, f"UPDATE helpdesk.conversations SET {name} = '{value}'")
        execute(database_url, "UPDATE helpdesk.contacts SET created_at = 'infinity', last_activity_at = '-infinity'")
        for selection in ({}, {"reread_days": 3650}):
            run = etl.run(**selection)
            assert (run.outcome, run.problems) == ("complete", [])
    with engine.connect() as connection:
        read = [connection.scalar(text(f"SELECT '{value}'::timestamptz")) for value in BEYOND]
        edge = connection.scalar(text("SELECT '9999-12-31 23:59:59.999999+00'::timestamptz"))
    engine.dispose()
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    assert read == [last, first, first, last, last]
    assert edge == last


def test_rows_that_a_policy_hides_are_an_error_and_not_missing(etl: RunEtl, database_url: str) -> None:
    name = f"r_{make_url(database_url).database}"
    execute(database_url, f"CREATE ROLE {name} LOGIN")
    try:
        for right in (
            "USAGE ON SCHEMA helpdesk",
            "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA helpdesk",
            "USAGE ON ALL SEQUENCES IN SCHEMA helpdesk",
            "EXECUTE ON ALL FUNCTIONS IN SCHEMA helpdesk",
        ):
            execute(database_url, f"GRANT {right} TO {name}")
        execute(database_url, "ALTER TABLE helpdesk.conversations ENABLE ROW LEVEL SECURITY")
        own = make_url(database_url).set(username=name).render_as_string(hide_password=False)
        with serve(Vendor(account_of(2), token=TOKEN)) as base_url:
            done = etl("sync", **settings(base_url, own, ETL_API_TOKEN=TOKEN))
            assert done.returncode == 2
            assert "Row security may hide rows of conversations" in done.stdout + done.stderr
            assert "BYPASSRLS" in done.stdout + done.stderr
            done = etl("sync", **settings(base_url, database_url, ETL_API_TOKEN=TOKEN))
            assert done.returncode == 0
    finally:
        execute(database_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


COMMANDS = (
    "migrate",
    "sync",
    "backfill --queue",
    "status",
    "runs",
    "jobs",
    "grant --role nobody",
    "forget --contact 1 --yes",
    "redact --yes",
    "check",
    "worker",
)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_is_not_utf8_is_refused_in_a_sentence_by_every_command(
    etl: RunEtl, server_url: str, encoding: str
) -> None:
    with new_database(server_url, f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'") as url:
        with serve(Vendor(account_of(1), token=TOKEN)) as base_url:
            for command in COMMANDS:
                done = etl(*command.split(), **settings(base_url, url, ETL_API_TOKEN=TOKEN))
                said = done.stdout + done.stderr
                code = 1 if command == "check" else 2
                assert (command, done.returncode, "Traceback" in said) == (command, code, False), said
                assert (
                    f"is in the encoding {encoding}, which cannot hold all that people write; etl needs UTF8." in said
                )
                assert "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0" in said
        assert query(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'helpdesk'") == [(0,)]


def test_a_session_that_checks_no_foreign_keys_is_refused(etl: RunEtl, database_url: str) -> None:
    execute(database_url, f"ALTER DATABASE {make_url(database_url).database} SET session_replication_role = replica")
    done = etl("status", DATABASE_URL=database_url)
    assert done.returncode == 2
    assert "foreign keys are not checked and triggers do not fire." in done.stdout + done.stderr
