"""Nights in databases that others set up, by cron and by a worker: exact, and without a gap in the journal."""

import asyncio
import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.partitioned import statements
from etl.commands.check import check_database
from etl.database import migrate
from etl.database.engine import make_engine
from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, change_conversation
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.load.upsert import psycopg_of
from etl.settings import accounts
from etl.settings.settings import DatabaseSettings, load
from etl.views import attribute_columns, schema
from etl.workers import queue, scheduler
from etl.workers.worker import Worker
from tests.databases import execute, new_database, query, url_of
from tests.dumps import dump, restore
from tests.etl_process import TOKEN, RunEtl, settings
from tests.integration.run.truth import assert_equal
from tests.roles import as_role, grants_of_runs, new_role, quoted
from tests.scripted_account import DAY, LONG_AGO, Job, account_of

NIGHTS = 3
ODD_NAME = 'תיק "our.own" 50% a/b'

Made = Callable[[ExitStack, str, str, Path], str]


def owned_by(stack: ExitStack, server_url: str, url: str, name: str = "owner") -> str:
    """Return the URL of a database with a new role that may do in it what its owner may."""
    role = stack.enter_context(new_role(server_url, name))
    ((owner,),) = query(url, "SELECT current_user")
    execute(url, f"GRANT {quoted(owner)} TO {quoted(role)}")
    return as_role(url, role)


def restored(stack: ExitStack, server_url: str, template: str, folder: Path) -> str:
    """Restored from a dump of schema helpdesk alone, and made whole by `etl migrate`."""
    source = stack.enter_context(new_database(server_url, template))
    url = stack.enter_context(new_database(server_url))
    restore(url, dump(source, folder / "dump", "--schema=helpdesk"), "--no-owner", "--no-privileges")
    engine = make_engine(url)
    assert migrate.migrate(engine)
    engine.dispose()
    return url


def of_runs_only(stack: ExitStack, server_url: str, template: str, _: Path) -> str:
    """With a user who has what operations.md gives it, and nothing else."""
    url = stack.enter_context(new_database(server_url, template))
    role = stack.enter_context(new_role(server_url, "runs"))
    execute(url, grants_of_runs(role))
    return as_role(url, role)


def impatient(stack: ExitStack, server_url: str, template: str, _: Path) -> str:
    """With a role whose statements, transactions and idle connections are ended soon, and whose reads are snapshots."""
    url = owned_by(stack, server_url, stack.enter_context(new_database(server_url, template)), "impatient")
    role = query(url, "SELECT current_user")[0][0]
    for setting, value in (
        ("statement_timeout", "10s"),
        ("idle_session_timeout", "100ms"),
        ("idle_in_transaction_session_timeout", "100ms"),
        ("default_transaction_isolation", "serializable"),
    ):
        execute(url, f"ALTER ROLE {quoted(role)} SET {setting} = '{value}'")
    return url


def oddly_named(stack: ExitStack, server_url: str, template: str, _: Path) -> str:
    """With names that have to be quoted everywhere: in SQL, in the URL, in what psql is given."""
    name = f"{ODD_NAME} {uuid4().hex[:8]}"
    execute(server_url, f"CREATE DATABASE {quoted(name)} TEMPLATE {template}")
    stack.callback(execute, server_url, f"DROP DATABASE {quoted(name)} WITH (FORCE)")
    return owned_by(stack, server_url, url_of(server_url, name), ODD_NAME)


def partitioned(stack: ExitStack, server_url: str, template: str, _: Path) -> str:
    """With tables cut into partitions, as docs/scaling.md has it."""
    url = stack.enter_context(new_database(server_url, template))
    engine = make_engine(url)
    with engine.begin() as connection:
        attribute_columns.drop_views(psycopg_of(connection))
        schema.drop(psycopg_of(connection))
    execute(url, statements("by account"))
    migrate.migrate(engine)
    engine.dispose()
    return url


@pytest.mark.parametrize("make", [restored, of_runs_only, impatient, oddly_named, partitioned])
def test_three_nights_by_cron_and_three_by_a_worker_are_exact(
    make: Made, etl: RunEtl, server_url: str, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_of(8)
    with ExitStack() as stack:
        url = make(stack, server_url, template, tmp_path)
        base_url = stack.enter_context(serve(vendor := Vendor(account, token=TOKEN)))
        variables = settings(base_url, url)
        engine = make_engine(url)
        stack.callback(engine.dispose)
        for number in range(NIGHTS):
            something_happens(account, number)
            done = etl("sync", "--json", **variables)
            assert done.returncode == 0, done.stdout + done.stderr
            assert json.loads(done.stdout)["problems"] == []
            assert_equal(Job(vendor, base_url, engine), account)
        monkeypatch.chdir(tmp_path)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for number in range(NIGHTS, 2 * NIGHTS):
            something_happens(account, number)
            asyncio.run(a_night_of_a_worker(url, datetime.now(UTC) + timedelta(days=number)))
            assert_equal(Job(vendor, base_url, engine), account)
        journal = Job(vendor, base_url, engine).rows("SELECT run_id, outcome, problems FROM sync_runs ORDER BY 1")
        assert journal == [(number, "complete", None) for number in range(1, 2 * NIGHTS + 1)]
        assert {one.name for one in check_database(engine) if not one.ok} <= {"timeouts"}
        shown = etl("psql", "-At", "-c", "SELECT count(*) FROM messages", DATABASE_URL=url)
        assert shown.stdout == f"{sum(len(one.messages) for one in account.conversations.values())}\n", shown.stderr


async def a_night_of_a_worker(url: str, now: datetime) -> None:
    """Queue what is due at a moment, and do what is queued."""
    app = queue.open_app(url)
    engine = make_engine(url)
    async with app.open_async():
        Worker(app, load(DatabaseSettings), asyncio.get_running_loop()).register()
        await scheduler.queue_due_runs(app, engine, accounts.load_all(), now)
        await app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
    assert queue.listed(engine) == []
    engine.dispose()


def something_happens(account: Account, number: int) -> None:
    at = LONG_AGO + (100 + number) * DAY
    add_message(account, 1 + number, f"message of night {number}", at)
    begun = add_conversation(account, contact_id=1, inbox_id=1, at=at)
    add_message(account, begun.id, "שלום 🙂", at + 60)
    change_conversation(account, 2, at + 90, by=1, priority=("low", "high")[number % 2])
