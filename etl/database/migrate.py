"""The schema's version: Alembic to head, and whether a database is there.

Alembic is imported by what changes the schema only: a run that finds it in order does not wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from etl.database.base import REVISION, SCHEMA
from etl.database.engine import open_database, transaction, where
from etl.errors import DatabaseError
from etl.settings.settings import DatabaseSettings

if TYPE_CHECKING:
    from alembic.config import Config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to its last revision, from nothing or any older one, or back to an earlier one (`base`: none).

    Views that are missing are made, too.
    """
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision) if revision == "head" else command.downgrade(config, revision)
        except CommandError as error:
            raise DatabaseError(
                f"The schema in {where(engine)} cannot be migrated: {error} Was it made by a newer version of etl?"
            ) from error


def versions(engine: Engine) -> tuple[str | None, str]:
    """Return the schema's revision in the database, None when there is none, and the one that this version needs."""
    with transaction(engine) as connection:
        if not connection.scalar(text(f"SELECT to_regclass('{SCHEMA}.alembic_version')")):
            return None, REVISION
        return connection.scalar(text(f"SELECT version_num FROM {SCHEMA}.alembic_version")), REVISION  # noqa: S608 -- a constant


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


@contextmanager
def open_at_head(settings: DatabaseSettings) -> Iterator[Engine]:
    """Yield an engine for the configured database; raise DatabaseError unless its schema is the one that is needed."""
    with open_database(settings) as engine:
        require_head(engine)
        yield engine


def alembic_config() -> "Config":
    """Configure Alembic without a file: the migrations lie in the installed package, or beside it in a checkout."""
    from alembic.config import Config

    config = Config()
    package = Path(__file__).parent.parent
    installed, checkout = package / "migrations", package.parent / "migrations"
    config.set_main_option("script_location", str(installed if installed.is_dir() else checkout).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
