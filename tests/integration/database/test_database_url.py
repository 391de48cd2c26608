"""DATABASE_URL in every form that hosts hand out, against a real server: each works in every command."""

import asyncio
import os
import select
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import text

from etl.database import embedded
from etl.database.engine import make_engine, psql_command, where
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.settings.settings import DatabaseSettings, load
from etl.workers import queue
from tests.databases import plain
from tests.etl_process import RunEtl, settings
from tests.scripted_account import account_of
from tests.waits import LONGEST

SSL_REQUEST = (80877103).to_bytes(4, "big")


class Relay(socketserver.ThreadingTCPServer):
    """Passes on what comes by TCP to a socket of Unix, and back; `server_close` waits for the last connection."""

    def __init__(self, host: str, socket_file: str, handler: type[socketserver.BaseRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket_file = socket_file
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__((host, 0), handler)


class PassOn(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server.socket_file)
            back = threading.Thread(target=pass_on, args=(server, self.request))
            back.start()
            pass_on(self.request, server)
            back.join()


class PassOnWithTls(socketserver.BaseRequestHandler):
    """A server of PostgreSQL with TLS: what it passes on has been decrypted."""

    def handle(self) -> None:
        assert self.request.recv(8)[4:] == SSL_REQUEST
        self.request.sendall(b"S")
        try:
            client = self.server.context.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):  # who does not believe the certificate goes
            return
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self.server.socket_file)
            both = {client: server, server: client}
            while ready := select.select(list(both), [], [], LONGEST)[0]:
                # A record of TLS is read whole: nothing of it waits where select() does not look.
                data = ready[0].recv(65_536)
                if not data:
                    return
                both[ready[0]].sendall(data)


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def reached_by_tcp(url: str) -> Iterator[SimpleNamespace]:
    """Give a server on a socket of Unix a port on 127.0.0.1 and on ::1; and name one that is closed."""
    with psycopg.connect(plain(url)) as connection:
        info = connection.info
        user, database, folder, at = info.user, info.dbname, info.host, info.port
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    relays = [Relay(host, f"{folder}/.s.PGSQL.{at}", PassOn) for host in ("127.0.0.1", "::1")]
    for relay in relays:
        threading.Thread(target=relay.serve_forever, args=(0.05,)).start()
    try:
        ports = [relay.server_address[1] for relay in relays]
        yield SimpleNamespace(
            user=user, database=database, folder=folder, at=at, v4=ports[0], v6=ports[1], closed=nobody
        )
    finally:
        for relay in relays:
            relay.shutdown()
            relay.server_close()


# What is written, and how the job names the place.
FORMS = [
    ("postgres://{user}:pw@127.0.0.1:{v4}/{database}", "127.0.0.1:{v4}/{database}"),
    ("postgresql://{user}:p%40%3A%2F%23%25@127.0.0.1:{v4}/{database}", "127.0.0.1:{v4}/{database}"),
    ("postgresql+asyncpg://{user}@[::1]:{v6}/{database}", "[::1]:{v6}/{database}"),
    (
        "postgresql://{user}@127.0.0.1:{closed},127.0.0.1:{v4}/{database}?target_session_attrs=read-write",
        "127.0.0.1:{closed},127.0.0.1:{v4}/{database}",
    ),
    (
        "postgresql+psycopg://{user}@/{database}?host=127.0.0.1:{closed}&host=127.0.0.1:{v4}",
        "127.0.0.1:{closed},127.0.0.1:{v4}/{database}",
    ),
    ("postgresql://{user}@/{database}?host={folder}&port={at}", "{folder}:{at}/{database}"),
    ("postgresql:///{database}?host={folder}&port={at}&user={user}", "{folder}:{at}/{database}"),
    ("postgresql://?service=tables", "service tables"),
    ("postgresql:///{database}?service=tables", "service tables/{database}"),
    (
        "postgresql://{user}@127.0.0.1:{v4}/{database}?prepare_threshold=0&connect_timeout=3&keepalives_idle=30",
        "127.0.0.1:{v4}/{database}",
    ),
    ("postgresql://{user}@127.0.0.1:{v4}/{database}?pgbouncer=true&sslmode=prefer", "127.0.0.1:{v4}/{database}"),
    (
        "postgresql://{user}@127.0.0.1:{v4}/{database}?options=-c%20DateStyle%3DGerman&application_name=mine",
        "127.0.0.1:{v4}/{database}",
    ),
]


@pytest.fixture(params=FORMS, ids=[form for form, _ in FORMS])
def form(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> Iterator[list[str]]:
    """The URL as it is written, and the name of the place."""
    with reached_by_tcp(database_url) as server:
        names = vars(server)
        service = tmp_path / "services.conf"
        service.write_text(
            "[tables]\nhost={folder}\nport={at}\nuser={user}\ndbname={database}\n".format(**names), encoding="utf-8"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(service))
        yield [one.format(**names) for one in request.param]


def test_the_engine_the_queue_and_psql_reach_the_database(form: list[str]) -> None:
    url, name = form
    read = load(DatabaseSettings, database_url=url)
    assert read.database_url is not None
    kept = read.database_url.get_secret_value()
    engine = make_engine(kept)
    with engine.connect() as connection:
        for _ in range(3):  # so that something is prepared, where that is wanted
            assert connection.scalar(text("SELECT to_regclass('helpdesk.messages') IS NOT NULL"))
        assert connection.scalar(text("SHOW DateStyle")) == "ISO, YMD"
        shown = connection.scalar(text("SHOW application_name"))
    assert (where(engine), shown) == (name, "mine" if "mine" in url else "etl")
    engine.dispose()
    assert asyncio.run(jobs_waiting(kept)) == 0
    (psql, shown), secrets = psql_command(kept)
    assert "@:/#%" not in shown
    for program, *arguments in (
        [psql, "-XAtc", "SELECT count(*) FROM helpdesk.messages"],
        [embedded.program("pg_dump"), "--schema-only", "--table=helpdesk.accounts"],  # as the document's dump.sh
    ):
        command = [program, *arguments, f"--dbname={shown}"]
        done = subprocess.run(command, env=os.environ | secrets, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


async def jobs_waiting(url: str) -> int:
    app = queue.open_app(url)
    async with app.open_async():
        return len(list(await app.job_manager.list_jobs_async()))


@pytest.mark.long
def test_every_command_works_with_several_hosts_and_prepares_at_once(etl: RunEtl, database_url: str) -> None:
    with reached_by_tcp(database_url) as server, serve(Vendor(account_of(2), token="demo-token")) as base_url:
        url = (
            f"postgresql://{server.user}:pw@127.0.0.1:{server.closed},127.0.0.1:{server.v4}/{server.database}"
            "?target_session_attrs=read-write&prepare_threshold=0"
        )
        variables = settings(base_url, url, ETL_API_TOKEN="demo-token")
        for command in (
            ["migrate"],
            ["check"],
            ["sync"],
            ["sync"],
            ["backfill", "--queue"],
            ["jobs"],
            ["status"],
            ["runs"],
            ["psql", "-c", "TABLE accounts"],
        ):
            done = etl(*command, **variables)
            assert (command, done.returncode) == (command, 0), done.stdout + done.stderr
        nowhere = url.replace(str(server.v4), str(server.closed))
        done = etl("status", **variables | {"DATABASE_URL": nowhere})
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said, ":pw" in said) == (1, False, False)
    assert said.startswith(
        f"etl: PostgreSQL at 127.0.0.1:{server.closed},127.0.0.1:{server.closed}/{server.database}: "
    )


def test_what_names_no_such_service_is_a_sentence(etl: RunEtl) -> None:
    done = etl("status", DATABASE_URL="postgresql://?service=nowhere")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "PostgreSQL at service nowhere: " in done.stderr


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that proves itself, with its key in the same folder."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -days 2"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem"]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    return tmp_path / "ca.pem"


def test_a_server_with_tls_is_believed_by_the_certificate_that_the_url_names(
    etl: RunEtl, database_url: str, authority: Path
) -> None:
    with reached_by_tcp(database_url) as server:
        relay = Relay("127.0.0.1", f"{server.folder}/.s.PGSQL.{server.at}", PassOnWithTls)
        relay.context.load_cert_chain(authority, authority.with_name("key.pem"))
        threading.Thread(target=relay.serve_forever, args=(0.05,)).start()
        url = f"postgresql://{server.user}@127.0.0.1:{relay.server_address[1]}/{server.database}?sslmode=verify-full"
        asked = (["jobs"], ["psql", "-c", "TABLE accounts"])
        known = [etl(*one, DATABASE_URL=f"{url}&sslrootcert={authority}") for one in asked]
        unknown = [etl(*one, DATABASE_URL=url) for one in asked]
        without = etl("psql", DATABASE_URL=url, PATH=str(authority.parent))
        relay.shutdown()
        relay.server_close()
    assert "which the psql that comes with etl does not know. Install PostgreSQL's own client" in without.stderr
    assert (without.returncode, without.stdout) == (1, "")
    number = slice(None if shutil.which("psql") else 1)
    assert [(one.returncode, one.stderr) for one in known][number] == [(0, ""), (0, "")][number]
    assert [one.returncode for one in unknown][number] == [1, 2][number]
    assert all("root.crt" in one.stderr and "Traceback" not in one.stderr for one in unknown[number])
