"""`etl serve`: the embedded PostgreSQL by a port, for one reader with a password, and for nobody else."""

import re
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.etl_process import Process, end_all, end_server, run_etl, start_etl
from tests.waits import LONGEST, slowness, wait_until

DENIED = "only user etl_reader reaches a database, and only demo"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own, whose embedded server has the demo's database."""
    made = tmp_path_factory.mktemp("served")
    done = run_etl(made, "demo", "--conversations", "20", "--json")
    assert done.returncode == 0, done.stderr
    yield made
    end_all()
    end_server(made / "home")


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[tuple[Process, dict[str, str]]]:
    """Start the command, wait until it is open, and yield what it told."""
    process = start_etl(folder, "serve", "--demo", "--port", "0", *arguments)
    lines: list[str] = []
    assert process.stdout
    for line in process.stdout:
        lines.append(line)
        if "psql " in line:
            break
    assert "psql " in lines[-1:][0], process.communicate(timeout=LONGEST)
    told = dict(
        re.findall(
            r"^  (host|port|database|user|password in|the password itself|sees) +(\S.*?) *$", "".join(lines), re.M
        )
    )
    yield process, told
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LONGEST)


def connect(told: dict[str, str], **other: str) -> psycopg.Connection:
    given = {
        name: told[key] for name, key in (("host", "host"), ("port", "port"), ("dbname", "database"), ("user", "user"))
    }
    password = Path(told["password in"]).read_text().strip()
    return psycopg.connect(**given | {"password": password} | other, autocommit=True)


def said_to(told: dict[str, str], sent: bytes) -> bytes:
    """What a client is answered who sends this and nothing else, until the connection ends."""
    with socket.create_connection((told["host"], int(told["port"])), timeout=LONGEST) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(4096), b""))


def beginning(*words: str) -> bytes:
    body = struct.pack("!I", 196_608) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def test_one_reader_gets_in_by_password_and_sees_views_masked(folder: Path) -> None:
    with served(folder) as (process, told):
        file = folder / "home" / "serve" / "etl_reader.password"
        assert told == {
            "host": "127.0.0.1",
            "port": told["port"],
            "sees": "schema bi, personal data masked",
            "database": "demo",
            "user": "etl_reader",
            "password in": str(file),
        }
        assert (file.stat().st_mode & 0o777, len(file.read_text())) == (0o600, 33)
        with connect(told) as reader:
            (row,) = reader.execute(
                "SELECT session_user::text, count(*), count(contact_email),"
                " bool_and(contact_name = 'Contact ' || contact_id) FROM contacts"
            ).fetchall()
            assert (row[0], row[1] > 0, row[2:]) == ("etl_reader", True, (0, True))
            reader.execute("SET etl.personal_data = 'in clear'")
            assert reader.execute("SELECT count(contact_email) FROM contacts").fetchone() == (0,)
            for statement in (
                "SELECT * FROM helpdesk.contacts",
                "CREATE ROLE other",
                "COPY bi.contacts TO PROGRAM 'cat'",
                "ALTER ROLE etl_reader SUPERUSER",
                "SET ROLE postgres",
                "SET default_transaction_read_only = off; DELETE FROM bi.contact_attribute_columns",
                "SET default_transaction_read_only = off; CREATE TABLE public.mine (n int)",
            ):
                with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                    reader.execute(statement)
        assert process.poll() is None


def test_nobody_else_gets_in(folder: Path) -> None:
    with served(folder) as (_, told):
        for other, why in (
            ({"password": "another"}, "password authentication failed"),
            ({"password": ""}, "password"),
            ({"user": "postgres"}, DENIED),
            ({"user": "etl_reader_in_clear"}, DENIED),
            ({"dbname": "postgres"}, DENIED),
            ({"dbname": "etl_reader"}, DENIED),
            ({"sslmode": "require"}, "server does not support SSL"),
        ):
            with pytest.raises(psycopg.OperationalError, match=why):
                connect(told, **other)
        refused = (
            (beginning("user", "etl_reader", "database", "demo", "user", "postgres"), b"C08P01"),
            (beginning("user", "postgres", "database", "demo"), b"C28000"),
            (beginning("user", "etl_reader"), b"C28000"),
            (beginning("user", "etl_reader", "database", "demo", "replication", "true"), b"C28000"),
            (beginning("user", "etl_reader", "database", "demo", "", "user", "postgres"), b"C08P01"),
            (struct.pack("!iI", 8, 80_877_103) * 3, b"C08P01"),
            (b"GET / HTTP/1.1\r\n\r\n", b"C08P01"),
            (struct.pack("!iI", 8, 131_072), b"C08P01"),
        )
        assert [(sent, code) for sent, code in refused if code not in said_to(told, sent)] == []
        # By the socket, too, the role needs its password.
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(owners_way(folder), user="etl_reader", password="another")
        with connect(told) as reader:
            assert reader.execute("SELECT 1").fetchone() == (1,)


def owners_way(folder: Path) -> str:
    return f"postgresql://postgres@/demo?host={folder / 'home' / 'postgresql'}"


def test_in_clear_is_another_role_with_a_password_of_its_own(folder: Path) -> None:
    with served(folder) as (_, masked), served(folder, "--personal-data", "--show-password") as (_, clear):
        assert (clear["user"], clear["sees"]) == ("etl_reader_in_clear", "schema bi, personal data in clear")
        assert clear["the password itself"] == Path(clear["password in"]).read_text().strip()
        emails = "SELECT count(contact_email) > 0 FROM contacts"
        with connect(clear) as reader:
            assert reader.execute(emails).fetchone() == (True,)
        with connect(masked) as reader:
            assert reader.execute(emails).fetchone() == (False,)
        with pytest.raises(psycopg.OperationalError, match=DENIED):
            connect(masked, user="etl_reader_in_clear", password=clear["the password itself"])


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_closes_the_port_and_leaves_the_others_alone(folder: Path, number: int) -> None:
    with served(folder) as (process, told), psycopg.connect(owners_way(folder), autocommit=True) as owner:
        with connect(told) as reader:
            assert run_etl(folder, "psql", "--demo", "-Atc", "SELECT 1").stdout == "1\n"
            process.send_signal(number)
            out, err = process.communicate(timeout=LONGEST)
            assert (process.returncode, out, err) == (0, "Closed.\n", "")
            with pytest.raises(psycopg.OperationalError):
                reader.execute("SELECT 1")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((told["host"], int(told["port"])))
        del owner


@pytest.mark.long
def test_what_became_of_role_and_rules_meanwhile_is_set_right(folder: Path) -> None:
    rules = folder / "home" / "postgresql" / "pg_hba.conf"
    with served(folder) as (_, told), psycopg.connect(owners_way(folder), autocommit=True) as owner:
        owner.execute("ALTER ROLE etl_reader SUPERUSER PASSWORD 'another' VALID UNTIL '2026-01-01'")
        rules.write_text("local all all trust\n" + rules.read_text().partition("\n")[2].partition("\n")[2])
        Path(told["password in"]).unlink()
        with served(folder) as (_, anew), connect(anew) as reader:
            assert reader.execute("SELECT usesuper FROM pg_user WHERE usename = 'etl_reader'").fetchone() == (False,)
        assert rules.read_text().splitlines()[1] == "local all etl_reader,etl_reader_in_clear scram-sha-256"
        assert rules.read_text().count("etl_reader,") == 1


def test_a_password_that_others_may_read_is_none(folder: Path) -> None:
    with served(folder) as (_, told):
        file = Path(told["password in"])
    file.chmod(0o644)
    done = run_etl(folder, "serve", "--demo", "--port", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file} holds a password, and others may read it. Delete the file and run again" in done.stderr
    file.unlink()


def test_connections_are_left_for_the_runs(folder: Path) -> None:
    with served(folder) as (_, told):
        inside = [connect(told) for _ in range(40)]
        with pytest.raises(psycopg.OperationalError, match="There are 40 connections by this port already"):
            connect(told)
        with psycopg.connect(owners_way(folder)) as owner:
            assert owner.execute("SELECT 1").fetchone() == (1,)
        inside.pop().close()
        wait_until(lambda: _gets_in(told))
        for one in inside:
            one.close()


def _gets_in(told: dict[str, str]) -> bool:
    try:
        connect(told).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_statement_is_cancelled_by_way_of_the_port(folder: Path) -> None:
    with served(folder) as (_, told), connect(told) as reader:
        signal.signal(signal.SIGALRM, lambda *_: reader.cancel_safe())
        signal.setitimer(signal.ITIMER_REAL, 0.5 * slowness())
        try:
            with pytest.raises(errors.QueryCanceled):
                reader.execute(f"SELECT pg_sleep({LONGEST})")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_what_cannot_be_opened_is_said(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_etl(folder, "serve", "--demo", "--port", str(port))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--port {port} is in use on 127.0.0.1, perhaps by another `etl serve`." in done.stderr
    own = run_etl(folder, "serve", DATABASE_URL="postgresql://etl@127.0.0.1:9/etl")
    assert (own.returncode, own.stdout) == (2, "")
    assert "let it read the views by `etl grant --role NAME`" in own.stderr
    empty = run_etl(folder, "serve", "--port", "0")
    assert empty.returncode == 2
    assert "has no tables yet. Run `etl migrate` first." in empty.stderr
