"""How Alembic reaches the database: by the connection that `etl migrate` hands over, else by the settings."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, event, text

from etl.database import session
from etl.database.base import REVISION, SCHEMA
from etl.database.engine import open_database
from etl.database.models import METADATA
from etl.load import upsert
from etl.settings.settings import DatabaseSettings
from etl.settings.settings import load as load_settings
from etl.views import schema

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
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('etl migrate', 0))"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
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
    raw = upsert.psycopg_of(connection)
    if goes_elsewhere():
        # They fit the tables of one version only; and no table can be changed much while a view rests on it.
        schema.drop(raw)
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_revision() == REVISION and (
        not schema.exist(raw) or schema.rest_on_others(raw)
    ):
        schema.drop(raw)
        schema.create(raw)
        connection.execute(text(FIND_THEIR_OWN))


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
