"""The schema's version: Alembic to head, and whether a database is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine

from etl.database import transaction, where
from etl.errors import DatabaseError
from etl.models import SCHEMA


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, from nothing or from any older one; does nothing when it is there."""
    config = alembic_config()
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.downgrade(config, revision) if revision == "base" else command.upgrade(config, revision)
        except CommandError as error:
            raise DatabaseError(
                f"The schema in {where(engine)} cannot be migrated: {error} Was it made by a newer version of etl?"
            ) from error


def versions(engine: Engine) -> tuple[str | None, str]:
    """Give the schema's revision in the database, None when there is none, and the one that this version needs."""
    with transaction(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        found = context.get_current_revision()
    return found, str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def require_head(engine: Engine) -> None:
    """Raise DatabaseError unless the schema is the one that this version needs."""
    found, needed = versions(engine)
    if found is None:
        raise DatabaseError(f"{where(engine)} has no tables yet. Run `etl migrate` first.")
    if found != needed:
        raise DatabaseError(
            f"The tables in {where(engine)} are at revision {found}, this version of etl needs {needed}."
            " Run `etl migrate`; if it refuses, the tables were made by a newer version: upgrade etl."
        )


def alembic_config() -> Config:
    """Configure Alembic without a file: the migrations lie in the installed package, or beside it in a checkout."""
    config = Config()
    package = Path(__file__).parent
    installed, checkout = package / "migrations", package.parent / "migrations"
    config.set_main_option("script_location", str(installed if installed.is_dir() else checkout).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
