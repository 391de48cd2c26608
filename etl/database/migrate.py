"""The schema's version: Alembic to head, and whether a database is there.

Alembic is imported only where the schema is changed: a run need not wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from etl.database import catalog, objects
from etl.database.base import REVISION, SCHEMA
from etl.database.engine import open_database, transaction, where
from etl.database.requirements import require_fit
from etl.errors import DatabaseError, Unfit
from etl.settings.settings import DatabaseSettings

if TYPE_CHECKING:
    from alembic.config import Config

# Drops all that `migrate` makes, of any version.
DROP = f"DROP SCHEMA IF EXISTS {SCHEMA}, bi, etl_jobs CASCADE"

# The revisions from before 0.1.0, which `0001_tables` and `0002_queue` have replaced.
FORERUNNERS = frozenset({"0001", "0002", "0003", "0004", "0005"})


def migrate(engine: Engine, revision: str = "head") -> list[str]:
    """Bring the schema to its last revision, from nothing or any older one, or back to an earlier one (`base`: none).

    What is missing of tables at their last revision is made anew, too: queue, views, keys, rights of readers; return
    what was, in sentences. Raise DatabaseError when another version of etl made the schema, and this one cannot migrate
    it, and when something is missing that held rows; AnotherRun when the revision would change under a run.
    """
    from alembic import command
    from alembic.util import CommandError

    require_fit(engine)
    found, _ = versions(engine)
    if found is not None:
        _require_known(engine, found)
    config = alembic_config()
    config.attributes["made"] = made = list[str]()
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision) if revision == "head" else command.downgrade(config, revision)
        except CommandError as error:
            raise DatabaseError(f"The schema in {where(engine)} cannot be migrated: {error}") from error
    return made


def versions(engine: Engine) -> tuple[str | None, str]:
    """Return the schema's revision in the database, None when there is none, and the one that this version needs."""
    with transaction(engine) as connection:
        if not catalog.has_table(connection, SCHEMA, "alembic_version"):
            return None, REVISION
        return connection.scalar(text(f"SELECT version_num FROM {SCHEMA}.alembic_version")), REVISION  # noqa: S608 -- a constant


def is_known(revision: str) -> bool:
    """Return whether this version has the revision: its file bears its name."""
    return (_folder() / "versions" / f"{revision}.py").is_file()


def require_head(engine: Engine) -> None:
    """Raise DatabaseError unless the database is fit, and its schema the one that this version needs, and whole."""
    require_fit(engine)
    require_revision(engine)
    objects.require_tables(engine)


def require_revision(engine: Engine) -> None:
    """Raise DatabaseError unless the schema is at the revision that this version needs."""
    found, needed = versions(engine)
    if found is None:
        raise Unfit(f"{where(engine)} has no tables yet. Run `etl migrate` first.")
    if found != needed:
        _require_known(engine, found)
        raise Unfit(
            f"The tables in {where(engine)} are at revision {found}, this version of etl needs {needed}."
            " Run `etl migrate`."
        )


def taken_back(engine: Engine, revision: str) -> list[str]:
    """Return the revisions that going back to an earlier one takes back, the last first; none where it is no earlier.

    Raise DatabaseError when this version does not have it, or when there are no tables.
    """
    from alembic.script import ScriptDirectory

    found, _ = versions(engine)
    if found is None:
        raise DatabaseError(f"{where(engine)} has no tables yet. Run `etl migrate` first.")
    _require_known(engine, found)
    downwards = [one.revision for one in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
    if revision not in downwards:
        raise DatabaseError(f"There is no revision {revision}. There are: {', '.join(reversed(downwards))}.")
    return downwards[downwards.index(found) : downwards.index(revision)]


@contextmanager
def open_at_head(settings: DatabaseSettings) -> Iterator[Engine]:
    """Yield an engine for the configured database; raise DatabaseError unless its schema is the one that is needed."""
    with open_database(settings) as engine:
        require_head(engine)
        yield engine


def alembic_config() -> "Config":
    """Configure Alembic without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _require_known(engine: Engine, found: str) -> None:
    """Raise DatabaseError when the schema is at a revision that this version does not have."""
    if is_known(found):
        return
    tables = f"The tables in {where(engine)} are at revision {found}"
    if found in FORERUNNERS:
        raise Unfit(
            f"{tables}, made before 0.1.0 by revisions that no longer exist: drop them with"
            f' `etl psql -c "{DROP}"`, or use a new database, then run `etl migrate && etl sync`,'
            " which reads the account again from the vendor."
        )
    raise Unfit(f"{tables}, which this version of etl does not know: a later one made them. Upgrade etl.")


def _folder() -> Path:
    """Return where the migrations lie: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed, checkout = package / "migrations", package.parent / "migrations"
    return installed if installed.is_dir() else checkout
