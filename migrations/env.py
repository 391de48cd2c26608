"""How Alembic reaches the database: by the connection that `etl migrate` hands over, else by the settings."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from alembic import context
from alembic.operations import Operations
from sqlalchemy import Connection, event, text

from etl.database import catalog, objects, session
from etl.database.base import REVISION, SCHEMA
from etl.database.engine import open_database
from etl.database.models import METADATA
from etl.load.standstill import require_standstill
from etl.load.upsert import psycopg_of
from etl.settings.settings import DatabaseSettings
from etl.settings.settings import load as load_settings
from etl.views import attribute_columns, readers, schema

# The queue's functions name tables without their schema. 0002 did not name pg_temp, which is then looked into first.
FIND_THEIR_OWN = """
    DO $$ DECLARE one regprocedure; BEGIN
        FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = to_regnamespace('etl_jobs') LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = etl_jobs, pg_temp', one);
        END LOOP;
    END $$
"""
TO_DEFAULT = "SET LOCAL search_path TO DEFAULT"


def run(connection: Connection) -> None:
    """Run the migrations in one transaction; of two that start at once, the second waits and finds them done."""
    raw = psycopg_of(connection)
    session.lift_limits(raw)
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('etl migrate', 0))"))
    # Not IF NOT EXISTS, for which one needs the right to create a schema even where it is there.
    if not catalog.has_schema(connection, SCHEMA):
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
        compare_type=True,
        compare_server_default=True,
    )
    keep_the_path(connection)
    made: list[str] = context.config.attributes.setdefault("made", [])
    made += readers.release(connection)
    before = context.get_context().get_current_revision()
    if goes_elsewhere():
        if before:
            require_standstill(connection)
        # They fit the tables of one version only; and no table can be changed much while a view rests on it.
        schema.drop(raw)
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_revision() == REVISION:
        made += make_whole(connection, before)
        if made or before != REVISION:
            connection.execute(text(FIND_THEIR_OWN))


def make_whole(connection: Connection, before: str | None) -> Iterator[str]:
    """Make anew what is missing at the last revision; yield what there is to tell. before: where it came from."""
    anew = list(make_tables_and_queue_whole(connection)) if before else []
    views = [*schema.make_whole(connection), *attribute_columns.make_missing(connection)]
    # Of a migration that changed the tables nobody needs to hear that it made the views for them.
    told = [*anew, *(views if before == REVISION else [])]
    yield from (f"Made anew: {one}." for one in told)
    yield from readers.give_again(connection, bool(views))


def make_tables_and_queue_whole(connection: Connection) -> Iterator[str]:
    """Make anew what is missing at the last revision, as after a restore; yield what it was. What is there stays."""
    lacking = objects.missing(connection, SCHEMA, objects.of_tables())
    if any(part.kind == "function" for part in lacking):
        execute(connection, (schema.FOLDER / f"{schema.ATTRIBUTE_VALUES}.sql").read_text(encoding="utf-8"))
        yield "the functions that read custom attributes"
    yield from objects.make_tables_whole(connection)
    if objects.missing(connection, objects.QUEUE_SCHEMA, objects.of_queue()):
        held = catalog.has_schema(connection, objects.QUEUE_SCHEMA)
        execute(connection, f"DROP SCHEMA IF EXISTS {objects.QUEUE_SCHEMA} CASCADE")
        with Operations.context(context.get_context()):
            for module in revisions_with("LAST"):
                module.upgrade()
        yield "the queue of jobs, in schema etl_jobs" + ("; what waited in it is gone" if held else "")


def revisions_with(name: str) -> list[ModuleType]:
    """Return the revisions that have a constant of a name, from the first on."""
    downwards = [one.module for one in context.script.walk_revisions()]
    return [module for module in reversed(downwards) if hasattr(module, name)]


def execute(connection: Connection, statements: str) -> None:
    """Execute statements as they stand: a colon or a percent sign in them is no parameter."""
    connection.exec_driver_sql(statements, execution_options={"no_parameters": True})


def keep_the_path(connection: Connection) -> None:
    """Have names looked for where nobody else can create, also after a revision that goes back to the default.

    That of 0002 would be the role's own, which has schema public as a rule: Alembic's next statement, the revisions
    and the views after it would call what others have made there.
    """
    own = f"SET LOCAL search_path = {session.SETTINGS['search_path']}"

    @event.listens_for(connection, "before_cursor_execute", retval=True)
    def replace(*execution: Any) -> tuple[str, Any]:
        _, _, statement, parameters, *_ = execution
        return own if statement == TO_DEFAULT else statement, parameters


def goes_elsewhere() -> bool:
    """Return whether the command is to change the revision that the database is at."""
    try:
        wanted = context.get_revision_argument()
    except KeyError:  # it names none, as `alembic revision` does
        return False
    return wanted != context.get_context().get_current_revision()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with open_database(load_settings(DatabaseSettings)) as engine, engine.begin() as own:
        run(own)
