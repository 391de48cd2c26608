"""What tests share: a real PostgreSQL with a copy of the tables for each test, and the command line as a process."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from etl.database import embedded
from etl.steady_memory import OBJECTS_BETWEEN_COLLECTIONS
from tests import templates
from tests.databases import IN_MEMORY, SERVER_FOLDER, engine_of, is_roomy, new_database, new_engine
from tests.etl_process import RunEtl, end_all, end_server, run_etl
from tests.examples import leave_cases_to_the_long_run, register_profiles
from tests.recorded_vendor import recorded_account_4_7
from tests.templates import Recording

# What a test wrote need not survive a power cut, and no test lives long enough to be vacuumed.
CARELESS = ("fsync", "synchronous_commit", "full_page_writes", "autovacuum")

register_profiles()  # before hypothesis reads pytest's options


def pytest_configure(config: pytest.Config) -> None:
    """Make a folder for the embedded server, once for all of pytest's processes, and one for what tests write.

    Not pytest's own temporary folders: another pytest of the same user clears these away, or shuts PostgreSQL, which is
    another user's where we are root, out of them while we run.
    """
    gc.disable()  # until all tests are collected: what is made by then stays
    if SERVER_FOLDER not in os.environ:
        os.environ[SERVER_FOLDER] = folder = new_folder(IN_MEMORY if is_roomy(IN_MEMORY) else None)
        atexit.register(templates.drop, Path(folder))
        config.option.basetemp = config.option.basetemp or new_folder()


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is marked
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most cases of a test to the long run."""
    leave_cases_to_the_long_run(items)


def pytest_collection_finish() -> None:
    """Leave what is here out of all later looks for garbage, which are as seldom as the job has them.

    They took a third of the time of a run in this process.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    gc.enable()


def new_folder(parent: Path | None = None) -> str:
    """Make a folder that is gone when this process ends."""
    folder = tempfile.mkdtemp(prefix="etl-tests-", dir=parent)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


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
def template(server_url: str) -> str:
    """A database with the tables and no rows, made once by the migrations; every test gets a copy."""
    return templates.with_tables(server_url, Path(os.environ[SERVER_FOLDER]))


@pytest.fixture(scope="session")
def recorded_4_7(server_url: str, template: str) -> Recording:
    """A second one, with the account recorded from 4.7, loaded once by `etl sync` for all of pytest's processes."""
    folder = Path(os.environ[SERVER_FOLDER])
    return templates.with_recorded_account(recorded_account_4_7, server_url, template, folder)


@pytest.fixture(scope="session")
def recorded_4_7_tables(server_url: str, recorded_4_7: Recording) -> Iterator[Engine]:
    """An engine for a copy of it, for all tests that only read."""
    with new_engine(server_url, recorded_4_7.name) as engine:
        yield engine


@pytest.fixture
def recorded_4_7_engine(server_url: str, recorded_4_7: Recording) -> Iterator[Engine]:
    """An engine for a copy of it, of this test alone."""
    with new_engine(server_url, recorded_4_7.name) as engine:
        yield engine


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
    with engine_of(database_url) as engine:
        yield engine


@pytest.fixture
def etl(tmp_path: Path) -> Iterator[RunEtl]:
    """Run the command line as a process in an empty folder; keyword arguments are its environment variables."""
    yield partial(run_etl, tmp_path)
    end_server(tmp_path / "home")


@pytest.fixture(autouse=True)
def nothing_goes_on() -> Iterator[None]:
    """End what a test started and did not live to end."""
    yield
    end_all()
