"""Databases for tests: how they are made and dropped, and what is in them."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Dialect, Engine, make_url
from sqlalchemy.util import LRUCache

from etl.database.engine import make_engine

SERVER_FOLDER = "ETL_TESTS_SERVER_FOLDER"

# Linux keeps this folder in memory. A container may have 64 MB of it; four tests at once take 150 of them.
IN_MEMORY = Path("/dev/shm")
ENOUGH = 2**30
# Before version 15 files are copied, and nothing else can be asked for.
HAS_STRATEGIES = 150_000

OF_ETL = "SELECT pid FROM pg_stat_activity WHERE application_name = 'etl' AND datname = current_database()"
# What one test had compiled the next ones take over. It belongs to a dialect, so that they take that over, too.
COMPILED: LRUCache[Any, Any] = LRUCache(1_000)
DIALECTS: list[Dialect] = []
# What tells when, where and by which run something was read, and not what was read.
TIMES = {"base_url", "first_synced_at", "changed_at", "history_read_at", "valid_from", "valid_to", "run_id"}
# Of figures: which runs saw it.
TIMES |= {"events_read_at", "events_listed_until", "walked_at", "walked_as", "names_read_at"}
TIMES |= {
    "not_before",
    "not_after",
    "opened_not_before",
    "opened_not_after",
    "resolved_not_before",
    "resolved_not_after",
    "holds_from",
    "first_assignment_seconds_at_least",
    "first_assignment_seconds_at_most",
    "nobodys_seconds",
    "perhaps_nobodys_seconds",
}


def is_roomy(folder: Path) -> bool:
    """Return whether a folder is there and has room for the server's data."""
    return folder.is_dir() and shutil.disk_usage(folder).free > ENOUGH


@cache
def strategy(server_url: str) -> str:
    """Have files copied where they are in memory, at a third of the work; on a disk the default is the quicker one."""
    where = "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
    with psycopg.connect(plain(server_url)) as connection:
        found = connection.execute(where).fetchone()  # nothing for who may not know
        in_memory = found is not None and IN_MEMORY in Path(found[0]).parents
        return "STRATEGY file_copy" if in_memory and connection.info.server_version >= HAS_STRATEGIES else ""


class new_database:  # noqa: N801 -- reads as the function that it is
    """Create a database, give its URL, and drop it at the end."""

    def __init__(self, server_url: str, template: str = "template0") -> None:
        self.server_url, self.template, self.name = server_url, template, f"test_{uuid.uuid4().hex}"

    def __enter__(self) -> str:
        execute(self.server_url, f"CREATE DATABASE {self.name} TEMPLATE {self.template} {strategy(self.server_url)}")
        return url_of(self.server_url, self.name)

    def __exit__(self, *_: object) -> None:
        execute(self.server_url, f"DROP DATABASE {self.name} WITH (FORCE)")


@contextmanager
def new_engine(server_url: str, template: str) -> Iterator[Engine]:
    """Create a database with the tables, give an engine for it, and drop it at the end."""
    with new_database(server_url, template) as url, engine_of(url) as engine:
        yield engine


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """Give an engine as the job makes it, which compiles no statement that one of this process has compiled before."""
    engine = make_engine(url)
    if not DIALECTS:
        engine.connect().close()  # it asks the server what it is
        DIALECTS.append(engine.dialect)
    (engine.dialect,) = DIALECTS
    engine.update_execution_options(compiled_cache=COMPILED)
    yield engine
    engine.dispose()


def url_of(server_url: str, name: str) -> str:
    """Return the URL of a database as the job takes it."""
    url = make_url(server_url).set(drivername="postgresql+psycopg", database=name)
    return url.render_as_string(hide_password=False)


def plain(url: str) -> str:
    """Return a URL as psycopg takes it: without the spaces that SQLAlchemy leaves as they are."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False).replace(" ", "%20")


def execute(url: str, statement: str) -> None:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute(statement)


def query(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("SET search_path TO helpdesk")
        return connection.execute(statement, values).fetchall()


def outcomes(url: str) -> list[str]:
    return [row[0] for row in query(url, "SELECT outcome FROM sync_runs ORDER BY run_id")]


# Of each run: its number, how many rows it says that it inserted, and how many there are from its time.
COUNTED = """
    SELECT run_id, (counts #>> '{{{0},inserted}}')::int, (
        SELECT count(*) FROM {0} WHERE account_id = run.account_id AND first_synced_at >= started_at
            AND first_synced_at < coalesce(next_began, 'infinity')
    )
    FROM (SELECT *, lead(started_at) OVER (PARTITION BY account_id ORDER BY run_id) AS next_began FROM sync_runs) AS run
    ORDER BY 1
"""


def assert_each_run_counted_what_it_saved(url: str) -> None:
    """Assert that the runs say that they inserted what is in the tables, killed ones included."""
    for table in ("conversations", "messages", "contacts", "attachments"):
        found = query(url, COUNTED.format(table))
        assert [row[:2] for row in found] == [(run, there) for run, _, there in found], (table, found)
    assert query(url, "SELECT * FROM sync_tallies") == []


def waiting_for_a_lock(url: str) -> bool:
    return bool(query(url, f"{OF_ETL} AND wait_event_type = 'Lock'"))


def tables(url: str) -> dict[str, list[str]]:
    """Return every row of every table as text, without times; of the vendor's counts those of the last run.

    What the contract has met depends on which run read which history, and each run keeps what it was told of the books.
    """
    names = [
        row[0]
        for row in query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk' AND tablename <> ALL(%s)",
                         ["sync_runs", "alembic_version", "api_contract", "figures_computed", "vendor_counts"])
    ]  # fmt: skip
    last = " WHERE run_id = (SELECT max(run_id) FROM sync_runs)"
    return {
        name: sorted(
            row[0]
            for row in query(
                url,
                f"SELECT (to_jsonb(one) - %s::text[])::text FROM {name} AS one"
                + (last if name == "account_counts" else ""),
                sorted(TIMES),
            )
        )
        for name in names
    }
