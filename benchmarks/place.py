"""Where it is measured: the server's process, and databases in an embedded PostgreSQL under a temporary folder."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from etl.database import embedded

ROOT = Path(__file__).resolve().parent.parent
# As a user has it: what developers have beside it is loaded by libraries that find it, as rich does with attrs.
ETL = ROOT / "build" / "ours" / "bin" / "etl"
PEERS = ROOT / "build" / "peers" / "bin" / "python"
TOKEN = "bench-token-0123456789"
MIGRATED = "migrated"
LONGEST_START = 120


class Server:
    """The vendor's process, seen from the bench."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def control(self, target: str) -> Any:
        """Ask for something below /bench/; it is not counted, and has no latency."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_START)
        connection.request("GET", f"/bench/{target}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer

    def truth(self) -> dict[str, Any]:
        """Return what the tables must hold in the generation that is shown."""
        return dict(self.control("truth"))


@contextmanager
def serving(conversations: int, latency: float = 0, long: int = 0) -> Iterator[Server]:
    """Run the vendor in a process of its own until the block ends; latency in milliseconds.

    long: how many messages more one of a thousand conversations has.
    """
    command = [sys.executable, "-m", "benchmarks.vendor"]
    command += ["--conversations", str(conversations), "--latency", str(latency), "--long", str(long)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Server(process, int(process.stdout.readline()))
        finally:
            process.kill()


@dataclass(frozen=True)
class Place:
    """A temporary folder with the embedded PostgreSQL in it, and with what the contestants leave behind."""

    folder: Path

    def url(self, database: str, driver: str = "postgresql+psycopg") -> str:
        """Return the address of a database, in the spelling that every driver here understands."""
        return f"{driver}://postgres:unused@localhost:5432/{database}?host={self._socket()}"

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Connect; every statement is a transaction."""
        return psycopg.connect(self.url(database, "postgresql"), autocommit=True)

    def create(self, database: str, template: str = "template1") -> None:
        """Make a database anew, and let nothing of the work before it reach into the next measurement."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            names = sql.Identifier(database), sql.Identifier(template)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
            connection.execute("CHECKPOINT")

    def count(self, database: str, table: str) -> int:
        """Count the rows of a table."""
        with self.connect(database) as connection:
            name = sql.Identifier(*table.split("."))
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
        return int(row[0]) if row else 0

    def _socket(self) -> str:
        return (self.folder / "socket").read_text()


@contextmanager
def made() -> Iterator[Place]:
    """Make the place, with a migrated database that the others are copied from."""
    with tempfile.TemporaryDirectory(prefix="etl-bench-") as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user, who has to get to its data
        url = embedded.start(Path(folder), "postgres")
        place = Place(Path(folder))
        (place.folder / "socket").write_text(url.partition("host=")[2])
        try:
            place.create(MIGRATED)
            migrate = [str(ETL), "migrate"]
            subprocess.run(migrate, cwd=folder, env=environment(place, MIGRATED), check=True, capture_output=True)
            yield place
        finally:
            embedded.stop()


def environment(
    place: Place, database: str, base_url: str = "http://127.0.0.1:1", in_flight: int = 1
) -> dict[str, str]:
    """Return the environment of our own job; no setting of whoever runs the bench gets in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ETL_")}
    return kept | {
        "DATABASE_URL": place.url(database),
        "ETL_ACCOUNT_ID": "1",
        "ETL_API_TOKEN": TOKEN,
        "ETL_BASE_URL": base_url,
        "ETL_CONCURRENCY": str(in_flight),
        # Every run walks: what a night by counts asks for, nights.py counts.
        "ETL_WALK_DAYS": "0",
    }
