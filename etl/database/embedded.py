"""The embedded PostgreSQL: a real server out of a wheel, for users without a database of their own."""

import atexit
import logging
import os
import pwd
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import psycopg
from psycopg import errors, sql

from etl.database import cluster, folder_lock, server_user, session
from etl.errors import DatabaseError

FAILURES = (OSError, subprocess.SubprocessError, cluster.ProgramFailed, psycopg.Error)

log = logging.getLogger(__name__)

# Of each home whose server this process uses: its share of the lock that tells who is the last.
_used: dict[Path, int] = {}


def start(home: Path, database: str) -> str:
    """Start the server whose data are under `home` unless it runs, and return the URL of one of its databases.

    The server listens on a Unix socket only, inherits none of our settings, and stops when the last process that
    uses it ends.

    Raise DatabaseError when it cannot be started.
    """
    data = home / "postgresql"
    try:
        home = home.expanduser().resolve()
        data = home / "postgresql"
        home.mkdir(parents=True, exist_ok=True)
        with folder_lock.holding(_lock(home)):
            cluster.ensure_runs(data, server_user.choose(home, data))
            if home not in _used:
                _used[home] = folder_lock.share(_users(home))
                atexit.register(_stop_using, home)
        _create_database(cluster.url_of(data, "postgres"), database)
        return cluster.url_of(data, database)
    except FAILURES as error:
        raise DatabaseError(_why(data, error)) from None


def stop() -> None:
    """Stop using the servers that this process started, for a process that ends without Python's exit handlers."""
    for home in list(_used):
        _stop_using(home)


def program(name: str) -> Path:
    """Return the path of one of PostgreSQL's own programs, such as psql."""
    return cluster.find_program(name)


def major_version() -> int:
    """Return the first number of the version of PostgreSQL's own programs."""
    return cluster.MAJOR_VERSION


def _lock(home: Path) -> Path:
    return home / "postgresql.lock"


def _users(home: Path) -> Path:
    return home / "postgresql.users"


def _stop_using(home: Path) -> None:
    """Stop the server, if nobody else uses it; a failure is told, and the next command finds it running."""
    if (share := _used.pop(home, None)) is None:
        return
    data = home / "postgresql"
    try:
        with folder_lock.holding(_lock(home)):
            if folder_lock.is_last(share):
                cluster.shut_down(data, server_user.choose(home, data))
    except FileNotFoundError:
        pass  # the folder is gone, and the server ends by itself
    except (DatabaseError, *FAILURES) as error:
        log.warning("The embedded PostgreSQL in %s was not stopped, and goes on: %s", data, error)


def _why(data: Path, error: BaseException) -> str:
    """Return what to say of a server that does not start."""
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    what = f"The embedded PostgreSQL in {data} does not start: {said}."
    there = next(one for one in (data, *data.parents) if os.path.isdir(one))  # noqa: PTH112 -- raises nothing
    if cluster.is_full(there, error):
        return f"{what} The disk is full: free some space, and run again."
    if isinstance(error, PermissionError):
        return (
            f"{what} It belongs to its user: {there} is {_name(there.stat().st_uid)}'s, and etl runs as"
            f" {_name(os.geteuid())}. Run etl as its owner, or set ETL_HOME to a folder of your own."
        )
    file = data / "log"
    place = f" Its log is {file}." if file.exists() else ""
    return f"{what}{place} Mend what it says, or set DATABASE_URL to a server of your own."


def _name(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"


def _create_database(url: str, name: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
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
