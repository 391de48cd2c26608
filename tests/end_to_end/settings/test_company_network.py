"""Runs, checks and what they write in the network of a company: a proxy with a login, a server of a private CA."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from etl.demo.vendor import Vendor
from tests.company_network import VENDOR, Proxy, proxy_to, serve_tls
from tests.databases import query
from tests.etl_process import RunEtl, settings
from tests.scripted_account import account_of
from tests.secret_values import PASSWORD, TOKEN, no_secret, with_password


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A proxy that wants a login, before a vendor whose certificate is that of the CA in ca.pem."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    vendor = Vendor(account_of(3), token=TOKEN)
    with (
        serve_tls(vendor, authority.issue_cert(VENDOR)) as port,
        proxy_to(port, f"dana:{PASSWORD}") as proxy,
    ):
        yield proxy


@pytest.fixture
def variables(proxy: Proxy, database_url: str, tmp_path: Path) -> dict[str, str]:
    return settings(
        f"https://{VENDOR}",
        with_password(database_url),
        ETL_API_TOKEN=TOKEN,
        ETL_RETRY_ATTEMPTS="1",
        HTTPS_PROXY=f"http://dana:{PASSWORD}@127.0.0.1:{proxy.port}",
        SSL_CERT_FILE=str(tmp_path / "ca.pem"),
    )


@pytest.mark.long
def test_the_check_says_which_way_it_goes_and_a_run_goes_it(
    etl: RunEtl, proxy: Proxy, variables: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    done = etl("check", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"ok     way out   by the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY), with a login; certificates are held"
        f" against {tmp_path / 'ca.pem'} (SSL_CERT_FILE)"
    ) in done.stdout.splitlines()
    run = etl("sync", "--json", ETL_LOG_FORMAT="json", **variables)
    assert (run.returncode, json.loads(run.stdout)["outcome"]) == (0, "complete")
    assert set(proxy.asked) == {f"CONNECT {VENDOR}:443"}
    shown = etl("psql", "-c", r"\! env", **variables)
    assert "PROXY" not in shown.stdout.upper()
    for said in (done, run):
        no_secret(said.stdout + said.stderr)


FAULTS = {
    "a wrong login": ({"HTTPS_PROXY": "http://dana:x" + PASSWORD + "@127.0.0.1:{port}"}, 1, "refuses the login"),
    "an unencoded /": ({"HTTPS_PROXY": "http://dana:1/" + PASSWORD + "@127.0.0.1:{port}"}, 2, "HTTPS_PROXY: must look"),
    "an unencoded #": ({"https_proxy": "http://dana:" + PASSWORD + "#@127.0.0.1:{port}"}, 2, "https_proxy: must look"),
    "a proxy that is down": ({"HTTPS_PROXY": f"http://dana:{PASSWORD}@127.0.0.1:9"}, 1, "no connection to the proxy"),
    "no bundle": ({"SSL_CERT_FILE": "missing.pem"}, 2, "SSL_CERT_FILE: missing.pem cannot be read: No such file"),
    "another CA": ({"SSL_CERT_FILE": ""}, 1, "the server's certificate is not trusted ("),
}


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_on_the_way_is_one_sentence_everywhere_and_no_secret(
    etl: RunEtl, proxy: Proxy, variables: dict[str, str], database_url: str, fault: str, form: str
) -> None:
    changed, code, said = FAULTS[fault]
    given = variables | {name: value.replace("{port}", str(proxy.port)) for name, value in changed.items()}
    checked = etl("check", **given, ETL_LOG_FORMAT=form)
    (line,) = [line for line in checked.stdout.splitlines() if line.startswith("FAULT")]
    assert (checked.returncode, line.split()[1]) == (1, "way" if code == 2 else "server")
    assert said in line
    run = etl("sync", "--json", **given, ETL_LOG_FORMAT=form)
    assert run.returncode == code, run.stdout + run.stderr
    assert said in run.stdout + run.stderr
    stored = query(database_url, "SELECT problems::text FROM helpdesk.sync_runs")
    assert all(said in problems for (problems,) in stored)
    assert bool(stored) == (code == 1)
    for done in (checked, run):
        assert "Traceback" not in done.stderr
        no_secret(done.stdout + done.stderr + str(stored))


def test_a_worker_does_not_begin_with_a_fault_of_the_environment(etl: RunEtl, variables: dict[str, str]) -> None:
    done = etl("worker", **variables | {"HTTPS_PROXY": f"http://dana:{PASSWORD}/@proxy.corp:3128"})
    assert done.returncode == 2
    assert done.stderr.startswith("etl: HTTPS_PROXY: must look like http://user:password@proxy.example:3128")
    no_secret(done.stdout + done.stderr)
