"""The migrations make what the models say, from nothing, and take it back."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from etl.database import migrate
from etl.database.base import REVISION, SCHEMA
from etl.database.engine import make_engine
from etl.database.models import METADATA
from tests.etl_process import RunEtl

OPTIONS = {
    "version_table_schema": SCHEMA,
    "include_schemas": True,
    "include_name": lambda name, kind, _: kind != "schema" or name == SCHEMA,
    "compare_type": True,
    "compare_server_default": True,
}


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
    of_accounts = [table for table in METADATA.sorted_tables if table.name != "personal_data_readers"]
    firsts = {table.name: next(iter(table.primary_key)).name for table in of_accounts}
    assert firsts == dict.fromkeys(firsts, "account_id")


def test_sync_refuses_with_a_clear_word_when_the_schema_is_missing_or_behind(
    etl: RunEtl, empty_database_url: str
) -> None:
    settings = {"ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": "t", "DATABASE_URL": empty_database_url}
    refused = etl("sync", **settings)
    assert refused.returncode == 1
    assert "has no tables yet. Run `etl migrate` first." in refused.stderr

    assert etl("migrate", **settings).returncode == 0
    engine = make_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE helpdesk.alembic_version SET version_num = 'older'"))
    engine.dispose()
    behind = etl("sync", **settings)
    assert behind.returncode == 1
    assert "are at revision older, this version of etl needs" in behind.stderr

    unknown = etl("migrate", **settings)
    assert unknown.returncode == 1
    assert "Was it made by a newer version of etl?" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_migrate_says_where_the_tables_are_and_does_nothing_the_second_time(
    etl: RunEtl, empty_database_url: str
) -> None:
    first = etl("migrate", DATABASE_URL=empty_database_url)
    again = etl("migrate", DATABASE_URL=empty_database_url)
    assert (first.returncode, again.returncode) == (0, 0)
    assert again.stdout == first.stdout.replace(".\n", ", as before.\n")
