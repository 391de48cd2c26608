"""A real pgbouncer before a database of the tests; what uses it is skipped where it is not installed."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from tests.databases import plain
from tests.waits import LONGEST, wait_until

PROGRAM = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@contextmanager
def pooled(database_url: str, mode: str, **settings: object) -> Iterator[str]:
    """Start a pgbouncer in a mode (session, transaction, statement), and give the URL of a database behind it."""
    url = make_url(database_url)
    folder = Path(tempfile.mkdtemp(prefix="etl-pooler-", dir="/tmp"))
    port = _free_port()
    server = url.query.get("host") or url.host
    (folder / "users.txt").write_text(f'"{url.username}" "{url.password or ""}"\n')
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": folder / "users.txt",
        "logfile": folder / "log",
        "pool_mode": mode,
        "default_pool_size": 20,
    } | settings
    lines = "\n".join(f"{name} = {value}" for name, value in given.items())
    (folder / "ini").write_text(f"[databases]\n* = host={server} port={url.port or 5432}\n[pgbouncer]\n{lines}\n")
    command = [str(PROGRAM), "-q", str(folder / "ini")]
    if os.geteuid() == 0:
        # It does not run as root; and the folder with the embedded server's socket is open for that server's user only.
        user = Path(str(server)).owner() if str(server).startswith("/") else "postgres"
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user)
        command[1:1] = ["-u", user]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        behind = url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        wait_until(lambda: _listens(port))
        yield behind
    finally:
        process.terminate()
        process.wait(LONGEST)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    """Ask one statement outside of any transaction, as it is."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()
