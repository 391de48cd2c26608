"""Databases that tests get copies of: each is made once, by the first of pytest's processes that wants it."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from etl.database import migrate
from etl.database.engine import make_engine
from etl.demo.server import Request
from tests.databases import execute, strategy, url_of
from tests.etl_process import run_etl
from tests.recorded_vendor import Recorded

Server = Callable[[str], AbstractContextManager[tuple[Recorded, dict[str, str]]]]


@dataclass(frozen=True)
class Recording:
    """name: of the database. printed: what `etl sync --json` said of its run. requests: what that asked for."""

    name: str
    printed: dict[str, Any]
    requests: list[Request]


def with_tables(server_url: str, folder: Path) -> str:
    """Return the name of a database with the tables and no rows."""

    def fill(name: str) -> None:
        engine = make_engine(url_of(server_url, name))
        migrate.migrate(engine)
        engine.dispose()

    return _once("tables", server_url, folder, "template0", fill)[0]


def with_recorded_account(server: Server, server_url: str, template: str, folder: Path) -> Recording:
    """Return a database with a recorded account, as one run of `etl sync` made it."""

    def fill(name: str) -> Any:
        with server(url_of(server_url, name)) as (vendor, settings):
            done = run_etl(folder, "sync", "--json", **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout), [asdict(one) for one in vendor.requests]

    name, (printed, requests) = _once(server.__name__, server_url, folder, template, fill)
    return Recording(name, printed, [Request(**one) for one in requests])


@contextmanager
def served_again(server: Server, engine: Engine) -> Iterator[tuple[Recorded, dict[str, str]]]:
    """Serve a recorded account to the copy of its database; the rows know that it is now at another port."""
    with server(engine.url.render_as_string(hide_password=False)) as (vendor, settings):
        with engine.begin() as connection:
            here = text("UPDATE helpdesk.accounts SET base_url = :here")
            connection.execute(here, {"here": settings["ETL_BASE_URL"]})
        yield vendor, settings


def _once(what: str, server_url: str, folder: Path, template: str, fill: Callable[[str], Any]) -> tuple[str, Any]:
    """Return a database's name and what filling it told, which a file keeps for the other processes."""
    name = f"template_{what}_{folder.name.replace('-', '_')}".lower()
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file = folder / f"{name}.template"
        if not file.exists():
            execute(server_url, f"DROP DATABASE IF EXISTS {name}")  # of one who did not live to fill it
            execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} {strategy(server_url)}")
            file.write_text(json.dumps([server_url, fill(name)]))
        return name, json.loads(file.read_text())[1]


def drop(folder: Path) -> None:
    """Drop what was made on a server that is not ours; the embedded one goes with its folder."""
    if "TEST_DATABASE_URL" not in os.environ:
        return
    for file in folder.glob("*.template"):
        execute(json.loads(file.read_text())[0], f"DROP DATABASE IF EXISTS {file.stem} WITH (FORCE)")
