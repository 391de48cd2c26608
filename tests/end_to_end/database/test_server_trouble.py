"""The whole database server in trouble: it crashes, it is stopped, its disk is full. A server of each test's own."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from etl.database import embedded
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import OF_ETL, execute, plain, query, tables
from tests.etl_process import TOKEN, RunEtl, run_into, sentence, settings
from tests.held_vendor import Trap
from tests.scripted_account import account_of
from tests.waits import wait_until


@pytest.fixture
def trap() -> Trap:
    return Trap(Vendor(account_of(60, messages=10), token=TOKEN))


@pytest.fixture
def variables(trap: Trap, etl: RunEtl) -> Iterator[dict[str, str]]:
    """Settings for the embedded server: each command starts it when it does not run."""
    with serve(trap) as base_url:
        variables = settings(base_url, "")
        del variables["DATABASE_URL"]
        assert etl("migrate", **variables).returncode == 0
        yield variables


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def accepts_connections(url: str) -> bool:
    try:
        return bool(query(url, "SELECT 1"))
    except psycopg.OperationalError:
        return False


def assert_the_next_run_is_exact(etl: RunEtl, trap: Trap, variables: dict[str, str]) -> None:
    trap.set(0, lambda: None)
    done = etl("sync", "--json", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["ledger"]["loaded"] == 60


@pytest.mark.long
def test_a_server_that_crashes_and_recovers_fails_the_run_clearly_and_the_next_one_is_exact(
    etl: RunEtl, tmp_path: Path, home: Path, trap: Trap, variables: dict[str, str]
) -> None:
    url = embedded.start(home, "etl")

    def crash(_: object) -> None:
        # When one of its processes is killed, PostgreSQL ends all others and recovers from its log.
        (process,), *_ = query(url, OF_ETL)
        os.kill(process, signal.SIGKILL)

    process, said, _ = run_into(trap, 40, crash, tmp_path, **variables)
    assert process.returncode == 1
    # In whose words hangs on what the run was just doing: speaking, or connecting to a server that is not there yet.
    assert re.search(r"PostgreSQL at [^:]+: \S", said), said
    assert "Traceback" not in said
    wait_until(lambda: accepts_connections(url))
    assert_the_next_run_is_exact(etl, trap, variables)
    assert len(tables(url)["messages"]) == 600


def test_a_server_that_is_stopped_fails_the_run_clearly_and_the_next_one_is_exact(
    etl: RunEtl, tmp_path: Path, home: Path, trap: Trap, variables: dict[str, str]
) -> None:
    def stop(_: object) -> None:
        postmaster = int((home / "postgresql" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGINT)

    process, said, _ = run_into(trap, 40, stop, tmp_path, **variables)
    assert process.returncode == 1
    assert re.search(r"PostgreSQL at [^:]+: \S", said), said
    assert "Traceback" not in said
    assert_the_next_run_is_exact(etl, trap, variables)


@contextmanager
def small_disk(folder: Path, owner: int) -> Iterator[Path]:
    """Mount a file system of 12 MiB, for which one has to be root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size=12m,uid={owner},mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True)
    if done.returncode:
        pytest.skip("only root can mount a small disk to fill")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.long
def test_a_full_disk_is_one_sentence_and_the_next_run_with_room_is_exact(
    etl: RunEtl, tmp_path: Path, home: Path, trap: Trap, variables: dict[str, str]
) -> None:
    server = embedded.start(home, "postgres")
    with small_disk(tmp_path / "disk", (home / "postgresql").stat().st_uid) as disk:
        execute(server, f"CREATE TABLESPACE small LOCATION '{disk}'")
        execute(server, "CREATE DATABASE crowded TEMPLATE etl TABLESPACE small")
        url = make_url(server).set(database="crowded").render_as_string(hide_password=False)
        ballast = disk / "ballast"
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        ballast.write_bytes(bytes(free - 200_000))
        done = etl("sync", **variables | {"DATABASE_URL": url})
        assert done.returncode == 1
        assert "No space left on device. Free some space; what was saved stays" in sentence(done.stdout + done.stderr)
        ballast.unlink()
        assert_the_next_run_is_exact(etl, trap, variables | {"DATABASE_URL": url})
        assert len(tables(url)["messages"]) == 600
        with psycopg.connect(plain(server), autocommit=True) as connection:
            connection.execute("DROP DATABASE crowded WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")
