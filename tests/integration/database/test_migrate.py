"""The migrations make what the models say, from nothing, and take it back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from etl.commands import check
from etl.database import migrate
from etl.database.base import REVISION, SCHEMA
from etl.database.engine import make_engine, where
from etl.database.models import METADATA
from etl.errors import DatabaseError
from tests.etl_process import RunEtl

OPTIONS = {
    "version_table_schema": SCHEMA,
    "include_schemas": True,
    "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
    "compare_type": True,
    "compare_server_default": True,
}


VERSIONS = Path(__file__).parents[3] / "migrations" / "versions"
OLD = (
    "made before 0.1.0 by revisions that no longer exist: drop them with"
    ' `etl psql -c "DROP SCHEMA IF EXISTS helpdesk, bi, etl_jobs CASCADE"`, or use a new database, then run'
    " `etl migrate && etl sync`, which reads the account again from the vendor."
)
# As in 0008_readers: both call a function that is dropped with the views, and a view reads both.
MATERIALISED = (
    "CREATE FUNCTION helpdesk.business_seconds(a timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "CREATE MATERIALIZED VIEW helpdesk.conversation_openings AS SELECT helpdesk.business_seconds(now()) AS opening",
    "CREATE MATERIALIZED VIEW helpdesk.customer_waits AS"
    " SELECT opening, helpdesk.business_seconds(now()) AS waited FROM helpdesk.conversation_openings",
    "CREATE VIEW bi.resolutions AS SELECT opening FROM helpdesk.conversation_openings",
)
LATER = "which this version of etl does not know: a later one made them. Upgrade etl."


def at_revision(engine: Engine, revision: str) -> None:
    """Have the database say that it is at a revision."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE helpdesk.alembic_version SET version_num = :it"), {"it": revision})


def imported(file: Path) -> Iterator[str]:
    """Yield the names of the packages that a file imports from."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def relations(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT relname FROM pg_class"
                " WHERE relnamespace = 'helpdesk'::regnamespace AND relkind IN ('r', 'v', 'm')"
            )
        )
        return set(found.scalars())


def test_the_migrations_make_exactly_the_models_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), METADATA) == []


def test_the_models_name_the_last_migration() -> None:
    assert ScriptDirectory.from_config(migrate.alembic_config()).get_current_head() == REVISION


def test_the_names_of_the_files_are_the_revisions_in_their_order() -> None:
    upwards = reversed(list(ScriptDirectory.from_config(migrate.alembic_config()).walk_revisions()))
    assert [one.revision for one in upwards] == sorted(file.stem for file in VERSIONS.glob("*.py"))


def test_no_migration_imports_the_job_which_changes_while_they_stay() -> None:
    assert [file.name for file in VERSIONS.glob("*.py") if "etl" in imported(file)] == []


def test_up_from_nothing_down_again_and_up_once_more(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    migrate.migrate(engine)
    made = relations(engine)
    assert {"conversations", "messages", "contacts", "sync_runs"} < made
    migrate.migrate(engine, "base")
    assert relations(engine) == {"alembic_version"}
    migrate.migrate(engine)
    assert relations(engine) == made
    engine.dispose()


def test_views_that_an_earlier_version_had_materialised_make_room_for_the_tables_of_their_names(engine: Engine) -> None:
    migrate.migrate(engine, "0008_readers")
    with engine.begin() as connection:
        for statement in MATERIALISED:
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, '')"))
        connection.execute(text("INSERT INTO helpdesk.conversations (account_id, id, status) VALUES (1, 7, 'open')"))
    migrate.migrate(engine)
    with engine.connect() as connection:
        asked = "SELECT conversation_id, opening, is_current, resolved_at FROM helpdesk.conversation_openings"
        assert connection.execute(text(asked)).all() == [(7, 1, True, None)]
        assert connection.scalar(text("SELECT count(*) FROM pg_matviews")) == 0


def test_every_table_and_column_has_a_comment_in_the_database(engine: Engine) -> None:
    query = """
        SELECT c.relname, a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'helpdesk'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
          AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
    """
    with engine.connect() as connection:
        assert list(connection.execute(text(query))) == []


def test_every_primary_key_begins_with_the_account(engine: Engine) -> None:
    of_roles = {"personal_data_readers", "view_readers"}
    of_accounts = [table for table in METADATA.sorted_tables if table.name not in of_roles]
    firsts = {table.name: next(iter(table.primary_key)).name for table in of_accounts}
    assert firsts == dict.fromkeys(firsts, "account_id")


def test_sync_refuses_with_a_clear_word_when_the_schema_is_missing_or_behind(
    etl: RunEtl, empty_database_url: str
) -> None:
    settings = {"ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": "t", "DATABASE_URL": empty_database_url}
    refused = etl("sync", **settings)
    assert refused.returncode == 2
    assert "has no tables yet. Run `etl migrate` first." in refused.stderr

    assert etl("migrate", **settings).returncode == 0
    engine = make_engine(empty_database_url)
    migrate.migrate(engine, "0001_tables")
    engine.dispose()
    behind = etl("sync", **settings)
    assert behind.returncode == 2
    assert "are at revision 0001_tables, this version of etl needs" in behind.stderr
    assert behind.stderr.endswith(" Run `etl migrate`.\n")


@pytest.mark.parametrize(
    ("revision", "said"),
    [*((f"000{number}", OLD) for number in range(1, 6)), ("0003_of_a_later_version", LATER)],
)
def test_tables_of_another_version_are_refused_in_a_sentence_that_says_what_to_do(
    engine: Engine, revision: str, said: str
) -> None:
    at_revision(engine, revision)
    refusal = f"The tables in {where(engine)} are at revision {revision}, {said}"
    for refuses in (migrate.migrate, migrate.require_head):
        with pytest.raises(DatabaseError) as refused:
            refuses(engine)
        assert str(refused.value) == refusal
    assert list(check.check_database(engine))[1:] == [check.Finding(False, "schema", refusal)]


@pytest.mark.parametrize(("revision", "said"), [("0005", OLD), ("0003_of_a_later_version", LATER)])
def test_every_command_refuses_them_without_a_traceback(
    etl: RunEtl, engine: Engine, database_url: str, revision: str, said: str
) -> None:
    at_revision(engine, revision)
    settings = {"ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": "t", "DATABASE_URL": database_url}
    for command in ("migrate", "sync"):
        refused = etl(command, **settings)
        sentence = f"etl: The tables in {where(engine)} are at revision {revision}, {said}\n"
        assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", sentence)


@pytest.mark.long
def test_what_the_refusal_says_to_do_helps(etl: RunEtl, engine: Engine, database_url: str) -> None:
    at_revision(engine, "0005")
    assert etl("psql", "-c", migrate.DROP, DATABASE_URL=database_url).returncode == 0
    done = etl("migrate", DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (0, f"The tables are at revision {REVISION}.\n")


def test_a_revision_that_is_not_there_is_one_sentence(engine: Engine) -> None:
    with pytest.raises(DatabaseError, match=r"cannot be migrated: .*no_such_revision"):
        migrate.migrate(engine, "no_such_revision")


@pytest.mark.long
def test_migrate_says_where_the_tables_are_and_does_nothing_the_second_time(
    etl: RunEtl, empty_database_url: str
) -> None:
    first = etl("migrate", DATABASE_URL=empty_database_url)
    again = etl("migrate", DATABASE_URL=empty_database_url)
    assert (first.returncode, again.returncode) == (0, 0)
    assert again.stdout == first.stdout.replace(".\n", ", as before.\n")
