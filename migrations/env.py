"""How Alembic reaches the database: by the connection that `etl migrate` hands over, else by the settings."""

from alembic import context
from sqlalchemy import Connection, text

from etl.database import open_database
from etl.models import SCHEMA, Base
from etl.settings import DatabaseSettings, load


def run(connection: Connection) -> None:
    """Run the migrations in one transaction; of two that start at once, the second waits and finds them done."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('etl migrate', 0))"))
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with open_database(load(DatabaseSettings)) as engine, engine.begin() as own:
        run(own)
