"""How Alembic reaches the database: by the connection that `etl migrate` hands over, else by the settings."""

from alembic import context
from sqlalchemy import Connection, text

from etl.database.base import REVISION, SCHEMA
from etl.database.engine import open_database
from etl.database.models import METADATA
from etl.load import upsert
from etl.settings.settings import DatabaseSettings
from etl.settings.settings import load as load_settings
from etl.views import schema


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
    raw = upsert.psycopg_of(connection)
    if goes_elsewhere():
        # They fit the tables of one version only; and no table can be changed much while a view rests on it.
        schema.drop(raw)
    with context.begin_transaction():
        context.run_migrations()
    if context.get_context().get_current_revision() == REVISION and not schema.exist(raw):
        schema.create(raw)


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
