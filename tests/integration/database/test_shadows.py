"""Who may create in schema public shadows PostgreSQL's functions, and nobody calls them: nothing is unmasked."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from etl.commands.check import check_database
from etl.database import migrate
from etl.database.engine import make_engine
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.views import attribute_columns, schema
from tests.databases import execute, outcomes, plain, query
from tests.end_to_end.workers.worker_processes import Workers
from tests.etl_process import ROOT, RunEtl, settings
from tests.etl_process import start as start_process
from tests.integration.database import shadows
from tests.scripted_account import account_of
from tests.waits import LONGEST, wait_until

PERSONAL = ("Dana", "dana@example.com", "message 0 of 1")
TOKEN = "demo-token"
VIEWS = tuple(f"bi.{name}" for name in (*schema.PUBLIC, "contact_attribute_columns", "conversation_attribute_columns"))

# Contacts with an attribute of each type that a function of ours reads.
ATTRIBUTES = """
    INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://example.com');
    INSERT INTO helpdesk.contacts (account_id, id, name, email, custom_attributes)
    VALUES (1, 1, 'Dana', 'dana@example.com', '{"size": " 7 ", "since": "2026-01-31", "vip": "true"}');
    INSERT INTO helpdesk.custom_attribute_definitions
        (account_id, id, attribute_key, attribute_model, attribute_display_type)
    SELECT 1, number, key, 'contact_attribute', type
    FROM (VALUES (1, 'size', 'number'), (2, 'since', 'date'), (3, 'vip', 'checkbox'), (4, 'town', 'text'))
        AS one(number, key, type);
    INSERT INTO helpdesk.inboxes (account_id, id, channel_type, api_type) VALUES (1, 1, 'Channel::Api', 'wa_cloud');
"""


@pytest.fixture
def reader(empty_database_url: str) -> Iterator[str]:
    """A role that has made its functions before etl made anything."""
    with shadows.masked_reader(empty_database_url) as name:
        shadows.cast(empty_database_url, name)
        yield name


def test_no_command_calls_what_others_made_in_schema_public(etl: RunEtl, empty_database_url: str, reader: str) -> None:
    url = empty_database_url
    with serve(Vendor(account_of(2), token=TOKEN)) as base_url:
        variables = settings(base_url, url, ETL_API_TOKEN=TOKEN, ETL_REREAD_DAYS="3650")
        for command in (
            ["migrate"],
            ["grant", "--role", reader],
            ["sync"],
            ["sync", "--audit"],
            ["backfill", "--queue"],
            ["jobs"],
            ["status"],
            ["runs"],
            ["runs", "--run", "1"],
            ["migrate", "--drop-views"],
            ["migrate"],
            ["psql", "-c", "VACUUM", "-c", "SELECT length(content::varchar) FROM messages", "-c", r"\d messages"],
            ["psql", "-Xc", "SELECT lower(status::varchar) || 'x'::varchar FROM conversations"],
            ["forget", "--contact", "2", "--yes"],
            ["sync"],
        ):
            done = etl(*command, **variables)
            assert (command, done.returncode, shadows.called(url)) == (command, 0, []), done.stdout + done.stderr
        seen = everything_seen_by(url, reader)
        for command in (["redact", "--yes"], ["sync"]):
            done = etl(*command, **variables, ETL_PII="hash", ETL_PII_KEY="k" * 32)
            assert (command, done.returncode, shadows.called(url)) == (command, 0, []), done.stdout + done.stderr
    assert not [one for one in PERSONAL if one in seen]
    assert "Contact 1" in seen


@pytest.mark.long
def test_neither_do_the_queue_and_its_workers(
    etl: RunEtl, tmp_path: Path, empty_database_url: str, reader: str
) -> None:
    with serve(Vendor(account_of(2), token=TOKEN)) as base_url:
        variables = settings(base_url, empty_database_url, ETL_API_TOKEN=TOKEN, ETL_SCHEDULE="never")
        for command in ("migrate", "backfill --queue"):
            assert etl(*command.split(), **variables).returncode == 0
        workers = Workers(tmp_path, variables)
        (worker,) = workers.start()
        waiting = "SELECT count(*) FROM etl_jobs.procrastinate_jobs WHERE status IN ('todo', 'doing')"
        wait_until(lambda: outcomes(empty_database_url) == ["complete"] and workers.rows(waiting) == [(0,)])
        worker.stop()
    assert shadows.called(empty_database_url) == []


@pytest.mark.long
def test_neither_does_alembic_by_hand(tmp_path: Path, empty_database_url: str, reader: str) -> None:
    for step in (["upgrade", "head"], ["downgrade", "0001_tables"], ["upgrade", "head"]):
        command = [str(Path(sys.executable).with_name("alembic")), "-c", f"{ROOT}/alembic.ini", *step]
        process = start_process(command, tmp_path, {"DATABASE_URL": empty_database_url})
        _, said = process.communicate(timeout=LONGEST)
        assert (process.returncode, shadows.called(empty_database_url)) == (0, []), said


def at_head(url: str) -> None:
    """Make the tables and views, and rows for those of attributes."""
    engine = make_engine(url)
    migrate.migrate(engine)
    execute(url, ATTRIBUTES)
    with engine.begin() as connection:
        attribute_columns.renew_views(connection)
    engine.dispose()


def by_hand(url: str, *statements: str) -> list[str]:
    """Execute statements of somebody who looks into schema public first; return what of it has ever been called."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("SET search_path = public, pg_catalog, helpdesk")
        for statement in statements:
            connection.execute(statement.encode())
    return shadows.called(url)


def test_the_functions_are_called_where_schema_public_is_looked_into(empty_database_url: str, reader: str) -> None:
    assert query(empty_database_url, "SELECT hashtextextended('x'::varchar, 0::integer) <> 1") == [(True,)]
    assert shadows.called(empty_database_url) == []
    execute(empty_database_url, "SELECT hashtextextended('x'::varchar, 0::integer)")
    assert shadows.called(empty_database_url) == ["hashtextextended(varchar, integer)"]
    assert by_hand(empty_database_url, "SELECT '{}'::jsonb ->> 'x'")[1:] != []


@pytest.mark.long
def test_what_was_made_calls_none_of_them_whoever_reads_or_refreshes_it(empty_database_url: str, reader: str) -> None:
    at_head(empty_database_url)
    reads = [f"SELECT * FROM {view}" for view in VIEWS]
    refreshes = ["SELECT helpdesk.refresh_figures()", "UPDATE helpdesk.messages SET private = true"]
    assert by_hand(empty_database_url, *reads, *refreshes) == []


OPERATORS_OF_OTHERS = """
    SELECT count(*) FROM pg_depend AS used JOIN pg_rewrite AS rule ON rule.oid = used.objid
    WHERE used.refclassid = 'pg_operator'::regclass AND rule.ev_class = %s::regclass
"""


def test_views_that_were_made_where_they_were_looked_for_are_made_anew(empty_database_url: str, reader: str) -> None:
    at_head(empty_database_url)
    views = ("bi.contact_attribute_columns", "helpdesk.inbox_channels")
    for view in views:
        ((definition,),) = query(empty_database_url, "SELECT pg_get_viewdef(%s::regclass)", view)
        by_hand(empty_database_url, f"CREATE OR REPLACE VIEW {view} AS {definition}")
    assert [query(empty_database_url, OPERATORS_OF_OTHERS, view) for view in views] == [[(1,)], [(2,)]]
    engine = make_engine(empty_database_url)
    migrate.migrate(engine)
    with engine.begin() as connection:
        attribute_columns.renew_views(connection)
    engine.dispose()
    assert [query(empty_database_url, OPERATORS_OF_OTHERS, view) for view in views] == [[(0,)], [(0,)]]


# Told by whoever reads it, before a filter of the view has its turn, if the planner thinks so: it costs nothing.
LEAK = """
    CREATE FUNCTION public.leak(value anyelement) RETURNS boolean LANGUAGE plpgsql COST 0.0001
    AS $$ BEGIN RAISE NOTICE '%', value; RETURN true; END $$
"""


@pytest.mark.long
def test_a_function_of_a_masked_reader_is_shown_no_more_than_the_reader(
    etl: RunEtl, empty_database_url: str, reader: str
) -> None:
    with serve(Vendor(account_of(2), token=TOKEN)) as base_url:
        variables = settings(base_url, empty_database_url, ETL_API_TOKEN=TOKEN)
        for command in (["migrate"], ["sync"], ["grant", "--role", reader]):
            assert etl(*command, **variables).returncode == 0
    told: list[str] = []
    with psycopg.connect(plain(empty_database_url), user=reader, autocommit=True) as connection:
        connection.execute(LEAK)
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        for view in VIEWS:
            columns = connection.execute(f"SELECT * FROM {view} LIMIT 0".encode()).description or []
            for column in columns:
                query = sql.SQL("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM {} WHERE public.leak({})").format(
                    sql.Identifier(*view.split(".")), sql.Identifier(column.name)
                )
                told += [line for (line,) in connection.execute(query)]
        refused = "permission denied for function refresh_figures"
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="schema helpdesk|" + refused):
            connection.execute("SELECT helpdesk.refresh_figures()")
        assert connection.execute("SELECT * FROM pg_stats WHERE schemaname = 'helpdesk'").fetchall() == []
    assert "Contact 1" in told
    assert not [one for one in PERSONAL if one in "\n".join(told)]


def everything_seen_by(url: str, role: str) -> str:
    with psycopg.connect(plain(url), user=role, autocommit=True) as connection:
        return "".join(repr(connection.execute(f"SELECT * FROM {view}".encode()).fetchall()) for view in VIEWS)


def test_the_check_says_who_else_may_create_and_where(database_url: str) -> None:
    engine = make_engine(database_url)
    held = [(finding.ok, finding.name) for finding in check_database(engine)]
    with shadows.masked_reader(database_url) as reader:
        execute(database_url, f"GRANT CREATE ON SCHEMA etl_jobs, helpdesk, bi TO {reader}")
        found = {finding.name: finding for finding in check_database(engine)}
        execute(database_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert (found["others"].ok, found["public"].ok) == (False, None)
    assert found["others"].said == (
        f"Others than the owner may create there: {reader} in schema etl_jobs, {reader} in schema helpdesk."
    )
    assert found["public"].said.startswith("everybody may create in schema public.")
    assert found["public"].advice.startswith("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    assert [(finding.ok, finding.name) for finding in check_database(engine)] == [
        one for one in held if one[1] != "public"
    ]
    engine.dispose()
