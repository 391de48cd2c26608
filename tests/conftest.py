"""What tests share: a real PostgreSQL with a copy of the tables for each test, and the command line as a process."""

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import IO

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from etl.database import embedded, migrate
from etl.database.engine import make_engine

SERVER_FOLDER = "ETL_TESTS_SERVER_FOLDER"

# Linux keeps this folder in memory. A container may have 64 MB of it; four tests at once take 150 of them.
IN_MEMORY = Path("/dev/shm")
ENOUGH = 2**30

# What a test wrote need not survive a power cut, and no test lives long enough to be vacuumed.
CARELESS = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")

ETL = str(Path(sys.executable).parent / "etl")
READY = str(Path(__file__).with_name("fork_server.py"))

RunEtl = Callable[..., subprocess.CompletedProcess[str]]


def pytest_configure() -> None:
    """Make a folder for the embedded server, once for all of pytest's processes, and remove it when they have ended.

    Not one of pytest's own temporary folders: another pytest of the same user clears these away while we run.
    """
    if SERVER_FOLDER not in os.environ:
        os.environ[SERVER_FOLDER] = tempfile.mkdtemp(
            prefix="etl-tests-", dir=IN_MEMORY if is_roomy(IN_MEMORY) else None
        )
        atexit.register(shutil.rmtree, os.environ[SERVER_FOLDER], ignore_errors=True)


def is_roomy(folder: Path) -> bool:
    """Return whether a folder is there and has room for the server's data."""
    return folder.is_dir() and shutil.disk_usage(folder).free > ENOUGH


def strategy() -> str:
    """Have files copied where they are in memory, at a third of the work; on a disk the default is the quicker one."""
    is_ours = "TEST_DATABASE_URL" not in os.environ
    return "STRATEGY file_copy" if is_ours and IN_MEMORY in Path(os.environ[SERVER_FOLDER]).parents else ""


def pytest_xdist_auto_num_workers() -> int:
    """Run twice as many tests at once as there are processors: half of the time a test waits for others."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def server_url() -> str:
    """A server to make databases on: TEST_DATABASE_URL, else one embedded server for all of pytest's processes."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        return make_url(given).set(drivername="postgresql").render_as_string(hide_password=False)
    url = embedded.start(Path(os.environ[SERVER_FOLDER]), "postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in CARELESS:
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A database with the tables and no rows, made once by the migrations; every test gets a copy."""
    with new_database(server_url) as url:
        engine = make_engine(url)
        migrate.migrate(engine)
        engine.dispose()
        yield str(make_url(url).database)


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """The URL of a database with the tables, of this test alone."""
    with new_database(server_url, template) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """The URL of a database without tables, of this test alone."""
    with new_database(server_url) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine for this test's database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def etl(tmp_path: Path) -> RunEtl:
    """Run the command line as a process in an empty folder; keyword arguments are its environment variables."""
    return partial(run_etl, tmp_path)


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a process that has a folder for its own, and nothing else of ours than the PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "ETL_HOME": str(folder / "home")}


def run_etl(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process in a folder, with nothing else of our environment than the PATH."""
    if sys.platform != "linux":  # elsewhere a fork must not use the system's libraries before it is another program
        return run_program(folder, *arguments, **variables)
    command = [ETL, *arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = forked((out, err), command, environment_of(folder) | variables, str(folder))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def forked(output: Iterable[IO[str]], *request: object) -> int:
    """Have tests/fork_server.py run a command, given with its environment and its folder; return the exit code."""
    told, tells = os.pipe()
    with os.fdopen(told) as end, tempfile.TemporaryFile("w+") as file:
        json.dump(request, file)
        file.seek(0)
        socket.send_fds(starter(), [b"1"], [file.fileno(), *(one.fileno() for one in output), tells])
        os.close(tells)
        return int(end.read())


@cache
def starter() -> socket.socket:
    """Start the process that starts our commands; it ends when this one does."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", READY], env=environment_of(Path("/")), cwd="/", stdin=its, stdout=subprocess.DEVNULL
        )

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


def run_program(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as `run_etl` does, and start the program itself for it."""
    return subprocess.run(
        [ETL, *arguments],
        env=environment_of(folder) | variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class new_database:  # noqa: N801 -- reads as the function that it is
    """Create a database, give its URL, and drop it at the end."""

    def __init__(self, server_url: str, template: str = "template0") -> None:
        self.server_url, self.template, self.name = server_url, template, f"test_{uuid.uuid4().hex}"

    def __enter__(self) -> str:
        self._execute(f"CREATE DATABASE {self.name} TEMPLATE {self.template} {strategy()}")
        url = make_url(self.server_url).set(drivername="postgresql+psycopg", database=self.name)
        return url.render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        self._execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def new_engine(server_url: str, template: str) -> Iterator[Engine]:
    """Create a database with the tables, give an engine for it, and drop it at the end."""
    with new_database(server_url, template) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()
