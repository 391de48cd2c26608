"""The token and the database's password appear in nothing that the job writes, and in no list of processes."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from tests.databases import query
from tests.etl_process import RunEtl, command_lines, kill, settings, start_etl, terminate
from tests.examples import in_the_long_run
from tests.held_vendor import holding
from tests.scripted_account import account_of
from tests.secret_values import PASSWORD, TOKEN, no_secret, with_password
from tests.waits import LONGEST, wait_until

FORMATS = pytest.mark.parametrize("form", ["console", "json"])


def everything_stored(url: str) -> str:
    """Return every row of every table, in every schema that is ours, as text."""
    names = query(url, "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('helpdesk', 'public')")
    assert len(names) > 10
    return "\n".join(
        str(row[0]) for schema, name in names for row in query(url, f'SELECT one::text FROM {schema}."{name}" AS one')
    )


def working() -> Vendor:
    return Vendor(account_of(3), token=TOKEN)


def echo(request: Request) -> Answer:
    """A server in its debug mode, which shows the request's headers in its error page."""
    return json_answer({"error": "Internal Server Error", "headers": request.headers}, 500)


def is_history(request: Request) -> bool:
    return request.path.endswith("/messages")


def redirect(request: Request) -> Answer:
    token = request.headers["api-access-token"]
    return Answer(302, b"", headers={"Location": f"https://elsewhere.example/?api_access_token={token}"})


def forbid(request: Request) -> Answer:
    return json_answer({"error": f"{request.headers['api-access-token']} may not"}, 403)


def page(request: Request) -> Answer:
    return Answer(200, f"<html>{request.headers}</html>".encode(), "text/html")


def cut(request: Request) -> Answer:
    return Answer(200, b'{"headers": "' + request.headers["api-access-token"].encode(), headers={})


def padded(request: Request) -> Answer:
    """The token lies across the place where the quotation of the body ends."""
    return Answer(500, b"x" * 290 + request.headers["api-access-token"].encode() + b"x" * 50, "text/plain")


def wrong_shape(request: Request) -> Answer:
    return json_answer([request.headers["api-access-token"]])


def reset(_: Request) -> Answer:
    raise ConnectionResetError


ANSWERS = [echo, redirect, page, *in_the_long_run(forbid, cut, padded, wrong_shape, reset)]


@pytest.mark.long
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: one.__name__)
def test_no_answer_of_the_server_brings_the_token_into_what_is_said_or_stored(
    etl: RunEtl, database_url: str, answer: Callable[[Request], Answer]
) -> None:
    with serve(answer) as base_url:
        variables = settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN)
        done = etl("sync", "--json", ETL_RETRY_ATTEMPTS="2", **variables)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        no_secret(done.stdout + done.stderr)
        no_secret(everything_stored(database_url))


@pytest.mark.long
def test_no_answer_about_a_history_brings_the_token_into_what_is_said_or_stored(etl: RunEtl, database_url: str) -> None:
    vendor = Vendor(account_of(len(ANSWERS)), token=TOKEN)

    def app(request: Request) -> Answer:
        if request.path.endswith("/messages"):
            return ANSWERS[int(request.path.split("/")[-2]) - 1](request)
        return vendor(request)

    with serve(app) as base_url:
        variables = settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN, ETL_LOG_FORMAT="json")
        done = etl("sync", "--json", ETL_RETRY_ATTEMPTS="2", **variables)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        no_secret(done.stdout + done.stderr)
        no_secret(everything_stored(database_url))


@pytest.mark.parametrize(
    "changed",
    [
        {"ETL_BASE_URL": f"http://{TOKEN}@127.0.0.1:9/"},
        {"ETL_API_TOKEN": f"{TOKEN}\n{TOKEN}"},
        {"ETL_ACCOUNT_ID": TOKEN, "ETL_LOG_FORMAT": PASSWORD},
        {"DATABASE_URL": f"postgresql://user:{PASSWORD}@127.0.0.1:9/tables"},
        {"DATABASE_URL": f"postgresql://user@127.0.0.1:9/tables?password={PASSWORD}"},
        {"DATABASE_URL": f"mysql://user:{PASSWORD}@127.0.0.1:9/tables"},
        {"DATABASE_URL": f"postgresql://user:{PASSWORD}#@127.0.0.1:9/tables"},
        {"DATABASE_URL": f"postgresql://user:1/{PASSWORD}@127.0.0.1:9/tables"},
        {"DATABASE_URL": f"postgresql://user:{PASSWORD}@127.0.0.1:9/tables?nonsense=1"},
    ],
    ids=str,
)
def test_no_fault_of_the_settings_repeats_a_secret(etl: RunEtl, changed: dict[str, str]) -> None:
    given = settings("http://127.0.0.1:9", f"postgresql://user:{PASSWORD}@127.0.0.1:9/tables", ETL_API_TOKEN=TOKEN)
    done = etl("sync", **given | changed)
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    no_secret(done.stdout + done.stderr)


def test_a_run_takes_its_secrets_from_files_and_says_nothing_of_them(
    etl: RunEtl, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "url").write_text(f"{with_password(database_url)}\n")
    by_file = {"ETL_API_TOKEN_FILE": "token", "DATABASE_URL_FILE": "url"}
    with serve(working()) as base_url:
        given = settings(base_url, "", **by_file) | {"ETL_API_TOKEN": ""}
        for command in (["sync", "--json"], ["check"], ["psql", "-Atc", "SELECT count(*) FROM conversations"]):
            done = etl(*command, **given)
            assert done.returncode == 0, done.stdout + done.stderr
            no_secret(done.stdout + done.stderr)
        assert done.stdout == "3\n"
        both = etl("sync", **given | {"ETL_API_TOKEN": TOKEN})
    assert both.returncode == 2
    assert "ETL_API_TOKEN_FILE: is set, and so is the variable without _FILE" in both.stderr
    no_secret(both.stdout + both.stderr)


@pytest.mark.long
@FORMATS
@pytest.mark.parametrize("command", ["sync", "check"])
def test_neither_a_wrong_token_nor_a_server_that_is_not_there_is_told_with_the_token(
    etl: RunEtl, database_url: str, form: str, command: str
) -> None:
    variables = settings("http://127.0.0.1:9", with_password(database_url), ETL_API_TOKEN=TOKEN, ETL_LOG_FORMAT=form)
    refused = etl(command, ETL_RETRY_ATTEMPTS="2", **variables)
    with serve(Vendor(account_of(3), token="another one")) as base_url:
        wrong = etl(command, **variables | {"ETL_BASE_URL": base_url})
    for done, code in ((refused, 1), (wrong, 2 if command == "sync" else 1)):
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        # The check shows the last four characters on purpose; no more than these.
        no_secret(done.stdout + done.stderr)
    no_secret(everything_stored(database_url))


@pytest.mark.long
@FORMATS
def test_a_bad_certificate_is_told_without_the_token(etl: RunEtl, database_url: str, tmp_path: Path, form: str) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -days 2"
    subprocess.run(
        [*make.split(), "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=refused_handshakes, args=(listening, context))
        thread.start()
        base_url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        done = etl("sync", **settings(base_url, database_url, ETL_API_TOKEN=TOKEN, ETL_LOG_FORMAT=form))
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(LONGEST)
    assert done.returncode == 1
    assert "certificate is not trusted" in done.stdout
    assert "Traceback" not in done.stderr
    no_secret(done.stdout + done.stderr)


def refused_handshakes(listening: socket.socket, context: ssl.SSLContext) -> None:
    """Shake hands with everybody who comes, until the server is shut down."""
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()


@pytest.mark.long
@FORMATS
def test_a_good_run_and_what_it_stores_hold_no_secret_though_the_profile_tells_the_token(
    etl: RunEtl, database_url: str, form: str
) -> None:
    vendor, told = working(), []

    def app(request: Request) -> Answer:
        answer = vendor(request)
        told.extend([request.path] if TOKEN.encode() in answer.body else [])
        return answer

    with serve(app) as base_url:
        variables = settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN, ETL_LOG_FORMAT=form)
        for arguments in (("migrate",), ("sync", "--json"), ("backfill",), ("sync", "--audit"), ("runs",), ("check",)):
            done = etl(*arguments, **variables)
            assert done.returncode == 0, done.stdout + done.stderr
            no_secret(done.stdout + done.stderr)
    assert "/api/v1/profile" in told
    assert "message 0 of 1" in no_secret(everything_stored(database_url))


@FORMATS
def test_errors_of_the_database_hold_no_secret(etl: RunEtl, database_url: str, form: str) -> None:
    with serve(working()) as base_url:
        variables = settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN, ETL_LOG_FORMAT=form)
        with_trouble = make_url(with_password(database_url)).update_query_dict({"options": "-c statement_timeout=1"})
        done = etl("sync", **variables | {"DATABASE_URL": with_trouble.render_as_string(hide_password=False)})
        assert done.returncode == 1
        assert "PostgreSQL at " in no_secret(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr
    no_secret(everything_stored(database_url))


@pytest.mark.long
@pytest.mark.parametrize("end", [kill, *in_the_long_run(terminate)], ids=lambda one: one.__name__)
def test_a_run_shows_no_secret_in_the_list_of_processes_nor_when_it_is_ended(
    tmp_path: Path, database_url: str, end: Callable[..., None]
) -> None:
    with holding(working()) as (vendor, base_url):
        variables = settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN)
        process = start_etl(tmp_path, "sync", **variables)
        vendor.wait_until_asked()
        assert "sync" in no_secret(command_lines(process.pid))
        end(process)
        said = "".join(process.communicate(timeout=LONGEST))
    assert "Traceback" not in said
    no_secret(said)
    no_secret(everything_stored(database_url))


@pytest.mark.long
def test_psql_gets_the_password_by_its_environment_and_the_token_not_at_all(tmp_path: Path, database_url: str) -> None:
    variables = settings("http://127.0.0.1:9", with_password(database_url), ETL_API_TOKEN=TOKEN)
    process = start_etl(tmp_path, "psql", "-c", "SELECT pg_sleep(600)", **variables)
    asleep = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%%pg_sleep(600)'"
    wait_until(lambda: bool(query(database_url, asleep + " AND pid <> pg_backend_pid()")))
    shown = command_lines(process.pid)
    assert "psql" in shown
    assert shown.count("pg_sleep") > 1  # both processes
    no_secret(shown)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    environments = [Path(f"/proc/{child}/environ").read_text() for child in children]
    assert any(f"PGPASSWORD={PASSWORD}" in one for one in environments)
    assert not any(TOKEN in one for one in environments)
    query(database_url, f"SELECT pg_terminate_backend(pid) FROM ({asleep} AND pid <> pg_backend_pid()) AS one")
    no_secret("".join(process.communicate(timeout=LONGEST)))


@pytest.mark.long
def test_the_embedded_server_gets_no_secret_whatever_its_name(etl: RunEtl) -> None:
    shown = r"\! tr '\0' '\n' < /proc/$(head -n 1 $ETL_HOME/postgresql/postmaster.pid)/environ"
    secrets = dict.fromkeys(("ETL_API_TOKEN", "SHOP_TOKEN", "ETL_PII_KEY", "PGPASSWORD", "DATABASE_URL_OLD"), TOKEN)
    done = etl("psql", "-c", shown, LC_MESSAGES="C", **secrets)
    assert done.returncode == 0, done.stderr
    environment = dict(line.split("=", 1) for line in no_secret(done.stdout).splitlines() if "=" in line)
    assert environment["LC_MESSAGES"] == "C"
    assert not environment.keys() & {"ETL_HOME", *secrets}
