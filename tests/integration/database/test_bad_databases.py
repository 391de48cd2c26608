"""`etl check` on databases that are set up badly: one line a fault, which says what to do."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Engine, text

from etl.commands import check
from etl.commands.check import Finding
from etl.database import embedded, limits, migrate
from etl.database.engine import make_engine, transaction, where
from etl.database.requirements import REQUIREMENTS
from etl.errors import DatabaseError
from etl.load.upsert import psycopg_of
from etl.views import attribute_columns, schema
from tests.databases import execute, new_database, plain, query, url_of
from tests.roles import as_role, grants_of_runs, new_role, quoted
from tests.scripted_account import account_of, job
from tests.waits import wait_until

ADVICE = {one.name: one.advice for one in REQUIREMENTS}


@pytest.fixture
def role(server_url: str) -> Iterator[str]:
    with new_role(server_url) as role:
        yield role


@pytest.fixture
def runs_only(database_url: str, role: str) -> Iterator[Engine]:
    """The tables, as the user of the runs sees them, who has what operations.md gives it."""
    execute(database_url, grants_of_runs(role))
    engine = make_engine(as_role(database_url, role))
    yield engine
    engine.dispose()


def faults(engine: Engine) -> list[Finding]:
    return [one for one in check.check_database(engine) if not one.ok]


def a(name: str, said: str, ok: bool | None = False) -> Finding:
    return Finding(ok, name, said, ADVICE[name])


def test_a_user_for_the_runs_only_lacks_nothing(runs_only: Engine, database_url: str) -> None:
    execute(database_url, f"REVOKE TEMPORARY ON DATABASE {quoted(str(runs_only.url.database))} FROM PUBLIC")
    assert faults(runs_only) == []
    with job(account_of(30), runs_only) as night:
        assert night.run().outcome == "complete"


@pytest.mark.long
def test_nor_does_it_when_views_were_made_anew_and_nobody_has_granted_them(runs_only: Engine, engine: Engine) -> None:
    with engine.begin() as connection:
        attribute_columns.drop_views(psycopg_of(connection))
        schema.drop(psycopg_of(connection))
    migrate.migrate(engine)
    assert faults(runs_only) == []
    with job(account_of(3), runs_only) as night:
        assert [night.run().problems for _ in range(2)] == [[], []]  # the second one finds nothing to write


@pytest.mark.parametrize(
    ("statement", "name", "said", "ok"),
    [
        ("ALTER ROLE {role} SET default_transaction_read_only = on", "writes",
         "{where} lets this user read only.", False),
        ("REVOKE DELETE ON helpdesk.messages FROM {role}", "rights",
         "The user {user} lacks rights in schema helpdesk: DELETE on messages.", False),
        ("REVOKE EXECUTE ON FUNCTION helpdesk.refresh_figures(bigint, boolean) FROM {role}", "rights",
         "The user {user} lacks rights in schema helpdesk: EXECUTE on refresh_figures().", False),
        ("REVOKE USAGE ON ALL SEQUENCES IN SCHEMA etl_jobs FROM {role}", "queue",
         "The user {user} lacks rights in schema etl_jobs: USAGE on procrastinate_events_id_seq, USAGE on"
         " procrastinate_jobs_id_seq, USAGE on procrastinate_periodic_defers_id_seq.", None),
        ("ALTER ROLE {role} SET statement_timeout = '10s'", "timeouts",
         "The user's statements end too soon: statement_timeout of 10s.", False),
        ("ALTER ROLE {role} CONNECTION LIMIT 2", "sessions",
         "The role {user} has 2 of 2 connections left; a run takes 3.", False),
        ("ALTER DATABASE {db} CONNECTION LIMIT 2", "sessions",
         "The database {name} has 2 of 2 connections left; a run takes 3.", False),
        ("ALTER ROLE {role} CONNECTION LIMIT 5", "workers",
         "The role {user} has 5 of 5 connections left; a worker takes 10.", None),
        ("ALTER VIEW bi.contacts OWNER TO {role}; REVOKE SELECT ON helpdesk.accounts FROM {role}",
         "views", None, False),
        ("ALTER ROLE {role} SET temp_file_limit = '100MB'", "sorting",
         "temp_file_limit allows 100 MB to sort whole tables on disk.", None),
    ],
    ids=["read-only", "a right less", "no figures", "no sequences", "statement_timeout",
         "limit of the role", "limit of the database", "too few for a worker", "owner of a view", "temp_file_limit"],
)  # fmt: skip
def test_each_fault_is_one_line_that_says_what_to_do(
    runs_only: Engine, database_url: str, role: str, statement: str, name: str, said: str | None, ok: bool | None
) -> None:
    database = str(runs_only.url.database)
    execute(database_url, statement.format(role=quoted(role), db=quoted(database)))
    found = faults(runs_only)
    if said is None:
        assert (found[-1].name, found[-1].said) == (name, f"bi.contacts belong to {role}, who may not read the tables.")
        return
    assert found == [a(name, said.format(user=role, name=database, where=where(runs_only)), ok)]


def test_where_row_security_may_hide_rows_no_command_goes_on(runs_only: Engine, database_url: str, role: str) -> None:
    execute(database_url, "ALTER TABLE helpdesk.conversations ENABLE ROW LEVEL SECURITY")
    said = f"Row security may hide rows of conversations from the user {role}."
    assert faults(runs_only) == [a("policies", said)]
    with pytest.raises(DatabaseError, match="Row security may hide rows of conversations"):
        migrate.require_head(runs_only)
    execute(database_url, f"ALTER ROLE {quoted(role)} BYPASSRLS")
    assert faults(runs_only) == []


def not_migrated(server_url: str, role: str, statement: str) -> tuple[list[Finding], str, str]:
    """Return what is found in a database without tables, after a statement of its owner; and how it is called."""
    with new_database(server_url) as url:
        execute(url, statement)
        engine = make_engine(as_role(url, role))
        found, named = faults(engine), where(engine)
        with pytest.raises(DatabaseError) as refused:
            migrate.migrate(engine)
        engine.dispose()
    return found, named, str(refused.value)


def test_before_the_first_migration_the_right_to_create_is_wanted(server_url: str, role: str) -> None:
    found, named, _ = not_migrated(server_url, role, "SELECT 1")
    assert found == [
        a("create", f"The user {role} may not create schemas in the database: bi, etl_jobs, helpdesk."),
        Finding(False, "schema", f"{named} has no tables yet. Run `etl migrate` first."),
    ]


def test_before_the_first_migration_the_right_to_make_temporary_tables_is_wanted(server_url: str, role: str) -> None:
    revoked = """
        DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$
    """
    found, _, _ = not_migrated(server_url, role, revoked)
    assert a("temp", f"The user {role} may make no temporary tables, by which `etl migrate` moves rows.") in found


def test_a_schema_that_somebody_else_made_is_told(server_url: str, role: str) -> None:
    made = "CREATE SCHEMA helpdesk; CREATE SCHEMA bi; CREATE SCHEMA etl_jobs"
    found, named, _ = not_migrated(server_url, role, made)
    ((owner,),) = query(server_url, "SELECT current_user")
    assert found == [
        a("owner", f"Schema bi belongs to {owner}, and the user {role} may not create in it."),
        Finding(False, "schema", f"{named} has no tables yet. Run `etl migrate` first."),
    ]


def test_tables_of_something_else_are_left_alone(server_url: str, role: str) -> None:
    made = "CREATE SCHEMA helpdesk; CREATE TABLE helpdesk.tickets (); CREATE TABLE helpdesk.messages ()"
    found, named, refusal = not_migrated(server_url, role, made)
    said = f"Schema helpdesk in {named} holds what etl did not make: messages, tickets."
    assert a("foreign", said) in found
    assert refusal == f"{said} {ADVICE['foreign']}"


def test_a_database_without_plpgsql_is_told(server_url: str, role: str) -> None:
    found, _, _ = not_migrated(server_url, role, "DROP EXTENSION plpgsql")
    assert a("language", "The database lacks the language plpgsql.") in found


def test_indexes_that_were_made_by_other_rules_are_told(server_url: str) -> None:
    name = f"test_{uuid4().hex}"
    try:
        execute(server_url, f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    except (errors.SyntaxError, errors.FeatureNotSupported, errors.InvalidParameterValue):
        pytest.skip("this server has no rules to sort texts of which it knows the version")
    engine = make_engine(url_of(server_url, name))
    with engine.connect() as connection:
        assert limits.other_collation(connection) is None
        execute(server_url, f"UPDATE pg_database SET datcollversion = '0.1' WHERE datname = '{name}'")
        said = limits.other_collation(connection)
    engine.dispose()
    execute(server_url, f"DROP DATABASE {name}")
    assert said is not None
    assert said.startswith("Texts were sorted by version 0.1 of the system's rules when indexes were made, now by ")


def test_a_disk_that_is_nearly_full_is_told_where_it_can_be(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROOM_ON_DISK", 2**62)
    assert [one.name for one in faults(engine)] in ([], ["disk"])  # the folder may be another user's
    with engine.connect() as connection:
        folder = Path(str(connection.scalar(text("SHOW data_directory"))))
        assert (limits.little_disk(connection) is not None) == folder.is_dir()


@pytest.mark.long
def test_a_standby_that_is_gone_is_told_before_a_run_waits_for_it(tmp_path: Path) -> None:
    url = embedded.start(tmp_path / "home", "etl")
    engine = make_engine(url)
    assert faults(engine) == [Finding(False, "schema", f"{where(engine)} has no tables yet. Run `etl migrate` first.")]
    execute(plain(url), "ALTER SYSTEM SET synchronous_standby_names = 'gone'")
    execute(plain(url), "SELECT pg_reload_conf()")
    wait_until(lambda: query(plain(url), "SHOW synchronous_standby_names") == [("gone",)])
    said = "Commits wait for a standby (synchronous_standby_names), and none is connected."
    engine.dispose()
    assert faults(engine)[0] == a("standby", said)
    engine.dispose()


@pytest.fixture
def impatient(database_url: str, role: str) -> Iterator[Engine]:
    """The tables' owner, of whom no statement, transaction or idle connection may take long."""
    ((owner,),) = query(database_url, "SELECT current_user")
    execute(database_url, f"GRANT {quoted(owner)} TO {quoted(role)}")
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"):
        execute(database_url, f"ALTER ROLE {quoted(role)} SET {setting} = '300ms'")
    engine = make_engine(as_role(database_url, role))
    yield engine
    engine.dispose()


def compute(engine: Engine) -> None:
    with transaction(engine) as connection:
        schema.refresh(connection, everything=True)


@pytest.mark.long
@pytest.mark.parametrize("work", [migrate.migrate, compute])
def test_neither_a_migration_nor_the_figures_are_ended_by_a_timeout_of_the_role(
    impatient: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, work: object
) -> None:
    waits = """
        SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
        AND clock_timestamp() - query_start > interval '1 second'
    """
    assert callable(work)
    with psycopg.connect(plain(database_url)) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(hashtextextended('etl migrate', 0))")
        holder.execute("LOCK TABLE helpdesk.accounts, helpdesk.conversation_states IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=work, args=[impatient])
        failed: list[object] = []
        monkeypatch.setattr(threading, "excepthook", failed.append)
        thread.start()
        wait_until(lambda: failed or query(database_url, waits) == [(True,)])
        holder.rollback()
        thread.join()
    assert failed == []


def test_no_connection_of_the_job_is_ended_when_it_is_idle_nor_sees_less_than_is_there(impatient: Engine) -> None:
    with impatient.connect() as connection:
        for name, value in (
            ("idle_session_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            ("default_transaction_isolation", "read committed"),
        ):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == value


@pytest.mark.long
@pytest.mark.parametrize("limit", [limits.CONNECTIONS_OF_A_RUN])
def test_a_run_takes_as_many_connections_as_the_check_says(
    runs_only: Engine, database_url: str, role: str, limit: int
) -> None:
    execute(database_url, f"ALTER ROLE {quoted(role)} CONNECTION LIMIT {limit}")
    with job(account_of(40), runs_only) as night:
        run = night.run(concurrency=16)
    assert (run.outcome, run.problems) == ("complete", [])
