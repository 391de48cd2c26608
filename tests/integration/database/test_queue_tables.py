"""The tables of the queue come by procrastinate's own migrations: they are those that the installed one wants."""

from collections.abc import Iterator
from importlib.resources import files

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from etl.database import migrate
from tests.databases import new_engine

PROCRASTINATE = files("procrastinate") / "sql"

# What there is in schema etl_jobs, a line each; the order of a table's columns is not that of schema.sql.
CATALOG = """
    WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'etl_jobs'::regnamespace)
    SELECT format('%s %s of kind %s', relname, reloptions, relkind) FROM ours
    UNION ALL
    SELECT format('%s.%s %s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
        pg_get_expr(adbin, adrelid))
    FROM ours JOIN pg_attribute ON attrelid = ours.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relkind IN ('r', 'v', 'c')
    UNION ALL SELECT pg_get_indexdef(oid) FROM ours WHERE relkind = 'i'
    UNION ALL
    SELECT format('%s: %s, from %s by %s', s.sequencename, s.data_type, s.start_value, s.increment_by)
    FROM pg_sequences AS s WHERE schemaname = 'etl_jobs'
    UNION ALL
    SELECT format('%s %s of %s', conname, pg_get_constraintdef(oid), conrelid::regclass)
    FROM pg_constraint WHERE connamespace = 'etl_jobs'::regnamespace
    UNION ALL
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN ours ON tgrelid = ours.oid WHERE NOT tgisinternal
    UNION ALL
    SELECT format('%s: %s', typname, array_agg(enumlabel ORDER BY enumsortorder))
    FROM pg_type JOIN pg_enum ON enumtypid = pg_type.oid WHERE typnamespace = 'etl_jobs'::regnamespace GROUP BY typname
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'etl_jobs'::regnamespace
    ORDER BY 1
"""
# What the migration does besides.
OUR_OWN = " SET search_path TO 'etl_jobs', 'pg_temp'\n"


def catalog(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL search_path = pg_catalog"))
        return list(connection.execute(text(CATALOG)).scalars())


@pytest.fixture
def by_schema(server_url: str) -> Iterator[Engine]:
    """A database in which the installed procrastinate's tables were made at once, by its schema.sql."""
    with new_engine(server_url, "template0") as engine:
        with engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA etl_jobs"))
            connection.execute(text("SET LOCAL search_path = etl_jobs"))
            schema = (PROCRASTINATE / "schema.sql").read_text(encoding="utf-8")
            connection.exec_driver_sql(schema, execution_options={"no_parameters": True})
        yield engine


def test_a_revision_names_the_last_migration_of_the_procrastinate_that_is_installed() -> None:
    downwards = ScriptDirectory.from_config(migrate.alembic_config()).walk_revisions()
    applied = next(one.module.LAST for one in downwards if hasattr(one.module, "LAST"))
    there = sorted(one.name for one in (PROCRASTINATE / "migrations").iterdir() if one.name.endswith(".sql"))
    new = [name for name in there if name > applied]
    assert (applied in there, new) == (True, []), (
        f"procrastinate brings migrations that no revision of ours applies: {', '.join(new)}."
        " Add a revision beside 0002_queue.py that applies them in schema etl_jobs, and names the last of them LAST."
    )


def test_its_migrations_one_by_one_make_what_its_schema_makes_at_once(engine: Engine, by_schema: Engine) -> None:
    made = catalog(engine)
    assert [line.replace(OUR_OWN, "") for line in made] == catalog(by_schema)
    functions = [line for line in made if line.startswith("CREATE OR REPLACE FUNCTION")]
    assert len(functions) > 10
    assert [line for line in functions if OUR_OWN not in line] == []
