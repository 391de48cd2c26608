"""The way out of a company, on the wire: real proxies, and servers with certificates of a private CA."""

import subprocess
from datetime import UTC, datetime

import pytest
import trustme

from etl.demo.server import json_answer
from etl.errors import TooSlow, TryAgain, VendorError
from etl.monitoring.pings import Pings
from tests.company_network import VENDOR, by_connect, by_socks5, proxy_to, serve_raw_tls, serve_tls, speak_tls
from tests.raw_server import whole

PASSWORD = "pa55Word-hG3kV8qN"
URL = f"https://{VENDOR}"


@pytest.fixture
def authority(bare_environment):
    """A private CA; its certificate lies in ca.pem."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(bare_environment / "ca.pem"))
    return made


@pytest.fixture
def bundle(bare_environment, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bare_environment / "ca.pem"))


@pytest.fixture
def vendor(authority):
    """The port of the vendor, which only a proxy leads to."""
    with serve_tls(lambda request: json_answer({"path": request.path}), authority.issue_cert(VENDOR)) as port:
        yield port


def failing(client, kind=VendorError):
    with pytest.raises(VendorError) as failed:
        client.get("/api")
    assert type(failed.value) is kind
    assert failed.value.address == client.base_url + "/api"
    assert PASSWORD not in repr(failed.value) + str(failed.value)
    return failed.value.sentence


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    ("written", "login"),
    [
        ("", None),
        (f"dana:{PASSWORD}@", f"dana:{PASSWORD}"),
        ("CORP%5Cdana:p%2Fa%23s%40s%3A%25@", r"CORP\dana:p/a#s@s:%"),
        ("%D7%93%D7%A0%D7%94:%D7%A1%D7%95%D7%93@", "דנה:סוד"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_requests_go_through_a_proxy_with_its_login_over_one_connection(
    client_of, vendor, monkeypatch, written, login, name
):
    with proxy_to(vendor, login) as proxy:
        monkeypatch.setenv(name, f"http://{written}127.0.0.1:{proxy.port}")
        client = client_of(URL)
        assert [client.get(f"/api/{one}") for one in "ab"] == [{"path": "/api/a"}, {"path": "/api/b"}]
    assert (proxy.asked, proxy.logins) == ([f"CONNECT {VENDOR}:443"], [login])


@pytest.mark.usefixtures("bundle")
def test_a_wrong_login_is_told_once_with_the_proxys_place_and_never_with_the_login(
    client_of, vendor, waits, monkeypatch
):
    with proxy_to(vendor, "dana:another") as proxy:
        place = f"127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@{place}")
        client = client_of(URL)
        assert failing(client) == (
            f"the proxy {place} (HTTPS_PROXY) refuses the login. Write it into HTTPS_PROXY as"
            f" http://user:password@{place}, with special characters %-encoded."
        )
        monkeypatch.setenv("HTTPS_PROXY", f"http://{place}")
        assert failing(client_of(URL)).startswith(f"the proxy {place} (HTTPS_PROXY) wants a login. Write it")
    assert len(proxy.asked) == 2  # a second wrong login of one name locks it out in many a company
    assert waits == []


@pytest.mark.parametrize(("status", "kind"), [(403, VendorError), (502, TryAgain), (503, TryAgain), (504, TryAgain)])
def test_a_proxy_that_answers_html_to_connect_is_named_and_not_quoted(client_of, vendor, monkeypatch, status, kind):
    with proxy_to(vendor) as proxy:
        body = f"<html>{PASSWORD}</html>"
        head = f"HTTP/1.1 {status} No way, {PASSWORD}\r\nContent-Type: text/html\r\n"
        proxy.answer = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@127.0.0.1:{proxy.port}")
        said = failing(client_of(URL, retry_attempts=1), kind)
    verb = "refuses to connect" if status == 403 else "has no connection"
    assert said.startswith(f"the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY) {verb} to the server ({status}).")


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_proxy_that_is_down_is_told_as_such(client_of, monkeypatch, scheme):
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://dana:{PASSWORD}@127.0.0.1:9")
    url = "https://203.0.113.7"  # socks5 itself looks the name up here
    assert failing(client_of(url, retry_attempts=1), TryAgain) == (
        "no connection to the proxy 127.0.0.1:9 (ALL_PROXY) (Connection refused). Is ALL_PROXY right, and the proxy up?"
    )


def test_a_proxy_whose_name_is_not_known_is_told_as_such(client_of, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@proxy.invalid:3128")
    said = failing(client_of(URL, retry_attempts=1), TryAgain)
    assert said.startswith("no connection to the proxy proxy.invalid:3128 (HTTPS_PROXY) (")


def test_a_proxy_that_hangs_up_or_talks_nonsense_is_told_as_such(client_of, vendor, monkeypatch):
    for answer in (b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 abc\r\n\r\n"):
        with proxy_to(vendor) as proxy:
            proxy.answer = answer or None
            if not answer:
                proxy.way = lambda _proxy, _client: False
            monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@127.0.0.1:{proxy.port}")
            said = failing(client_of(URL, retry_attempts=1), TryAgain)
        assert said.startswith(f"by the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY): no answer (")


def test_http_spoken_to_a_proxy_that_is_written_with_https_is_told_as_such(client_of, vendor, monkeypatch):
    with proxy_to(vendor) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        proxy.way = lambda _proxy, client: client.recv(9) and client.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")
        said = failing(client_of(URL, retry_attempts=1))
    assert "does not speak TLS. Write http:// in HTTPS_PROXY" in said


@pytest.mark.usefixtures("bundle")
def test_a_proxy_that_speaks_tls_itself(client_of, authority, vendor, monkeypatch):
    with proxy_to(vendor, "dana:secret") as proxy:
        speak_tls(proxy, authority.issue_cert("localhost"))
        monkeypatch.setenv("HTTPS_PROXY", f"https://dana:secret@localhost:{proxy.port}")
        assert client_of(URL).get("/api") == {"path": "/api"}
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        assert failing(client_of(URL)).startswith("the proxy's certificate is not trusted (")


# --- SOCKS


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("login", [None, f"dana:{PASSWORD}", "d@na:p/#s"])
def test_requests_go_through_a_socks_proxy_which_looks_the_name_up(client_of, vendor, monkeypatch, login):
    with proxy_to(vendor, login, by_socks5) as proxy:
        written = {None: "", "d@na:p/#s": "d%40na:p%2F%23s@"}.get(login, f"{login}@")
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{written}127.0.0.1:{proxy.port}")
        assert client_of(URL).get("/api") == {"path": "/api"}
    assert (proxy.asked, proxy.logins) == ([f"{VENDOR}:443"], [login] if login else [])


def test_a_socks_proxy_that_refuses_the_login_or_the_way_is_named(client_of, vendor, monkeypatch):
    with proxy_to(vendor, "dana:another", by_socks5) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://dana:{PASSWORD}@127.0.0.1:{proxy.port}")
        said = failing(client_of(URL))
        assert said.startswith(f"the proxy 127.0.0.1:{proxy.port} (ALL_PROXY) refuses the login. Write it into")
    with proxy_to(vendor, None, by_socks5) as proxy:
        proxy.answer = b"\5\4\0\1\0\0\0\0\0\0"  # host unreachable
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{proxy.port}")
        said = failing(client_of(URL, retry_attempts=1), TryAgain)
        assert said == f"the proxy 127.0.0.1:{proxy.port} (ALL_PROXY) has no connection to the server."


# --- In time, and in step

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
BEGUN = {"the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "the status": b"HTTP/1.1 200 "}
WAYS = pytest.mark.parametrize(("way", "scheme"), [(by_connect, "http"), (by_socks5, "socks5h")], ids=["http", "socks"])


@pytest.mark.usefixtures("bundle")
@WAYS
@pytest.mark.parametrize("where", BEGUN)
def test_what_drips_through_a_proxy_ends_at_the_deadline(client_of, authority, monkeypatch, way, scheme, where):
    def script(exchange):
        exchange.send(BEGUN[where])
        exchange.drip(b"x" * 50_000)

    with serve_raw_tls(script, authority.issue_cert(VENDOR)) as port, proxy_to(port, None, way) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        said = failing(client_of(URL, retry_attempts=1, timeout_seconds=0.5), TooSlow)
    assert said.startswith(f"by the proxy 127.0.0.1:{proxy.port} (ALL_PROXY): no answer (")


@pytest.mark.usefixtures("bundle")
@WAYS
def test_interim_answers_through_a_proxy_are_passed_over(client_of, authority, monkeypatch, way, scheme):
    def script(exchange):
        exchange.send(EARLY)
        exchange.late(whole(json_answer({"id": exchange.request.path[-1]})))

    with serve_raw_tls(script, authority.issue_cert(VENDOR)) as port, proxy_to(port, None, way) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
        client = client_of(URL)
        assert [client.get(f"/api/{one}")["id"] for one in range(3)] == ["0", "1", "2"]
        assert len(proxy.asked) == 1


def test_an_answer_to_connect_that_drips_ends_at_the_deadline_too(client_of, vendor, monkeypatch):
    with proxy_to(vendor) as proxy:
        proxy.answer = b"HTTP/1.1 200 Connection " + b"x" * 50_000
        proxy.pause = 0.01
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        said = failing(client_of(URL, retry_attempts=1, timeout_seconds=0.5), TooSlow)
    assert said.startswith(f"by the proxy 127.0.0.1:{proxy.port} (HTTPS_PROXY): no answer (")


# --- Certificates


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_server_of_this_machine_may_have_a_private_ca_and_needs_no_proxy(
    client_of, authority, bare_environment, monkeypatch, name
):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serve_tls(lambda _: json_answer({}), authority.issue_cert("127.0.0.1", "localhost")) as port:
        for host in ("127.0.0.1", "localhost"):
            monkeypatch.delenv(name, raising=False)
            said = failing(client_of(f"https://{host}:{port}"))
            assert said.startswith("the server's certificate is not trusted (")
            assert said.endswith(" name a file with the certificate of that CA in REQUESTS_CA_BUNDLE.")
            monkeypatch.setenv(name, str(bare_environment / "ca.pem"))
            assert client_of(f"https://{host}:{port}").get("/api") == {}


def test_a_folder_of_certificates_is_read_as_openssl_does(client_of, authority, bare_environment, monkeypatch):
    folder = bare_environment / "certificates"
    folder.mkdir()
    found = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", "ca.pem"], capture_output=True, text=True, check=True
    )
    authority.cert_pem.write_to_path(str(folder / f"{found.stdout.strip()}.0"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    with serve_tls(lambda _: json_answer({}), authority.issue_cert("127.0.0.1")) as port:
        assert client_of(f"https://127.0.0.1:{port}").get("/api") == {}


LONG_AGO, FAR_OFF = datetime(2001, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("issued", "said"),
    [
        ({"not_after": LONG_AGO}, "has expired. It has to be renewed there; or is the clock of this machine wrong?"),
        ({"not_before": FAR_OFF, "not_after": FAR_OFF}, "is not valid yet. Is the clock of this machine right?"),
        (
            {"of": "other.example"},
            "is of another name. Is the address right, or does something in between answer in its place?",
        ),
        ({"by": "another CA"}, "is not trusted ("),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_proxied", [False, True])
@pytest.mark.usefixtures("bundle")
def test_a_certificate_that_is_not_good_has_a_sentence_of_its_own(
    client_of, authority, bare_environment, monkeypatch, issued, said, is_proxied
):
    issuer = trustme.CA() if "by" in issued else authority
    name = issued.get("of", VENDOR if is_proxied else "127.0.0.1")
    times = {key: value for key, value in issued.items() if key.startswith("not_")}
    with serve_tls(lambda _: json_answer({}), issuer.issue_cert(name, **times)) as port, proxy_to(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@127.0.0.1:{proxy.port}")
        told = failing(client_of(URL if is_proxied else f"https://127.0.0.1:{port}"))
    assert told.startswith(f"the server's certificate {said}")
    if said.endswith("("):
        bundle = bare_environment / "ca.pem"
        assert told.endswith(
            f"). It is held against {bundle} (REQUESTS_CA_BUNDLE) alone: add the certificate of its CA there."
        )


@pytest.mark.usefixtures("bundle")
def test_a_bundle_that_goes_while_the_job_runs_is_a_failure_that_may_pass(client_of, vendor, bare_environment):
    with serve_tls(lambda _: json_answer({}), trustme.CA().issue_cert("127.0.0.1")) as port:
        client = client_of(f"https://127.0.0.1:{port}", retry_attempts=1)
        (bare_environment / "ca.pem").unlink()
        said = failing(client)
    assert said == f"REQUESTS_CA_BUNDLE: {bare_environment / 'ca.pem'} cannot be read: No such file or directory."


# --- Pings


def ping(url):
    pings = Pings(url)
    pings.send("start", "begun")
    pings.wait(30)
    return pings.failures


@pytest.mark.usefixtures("bundle")
def test_pings_go_the_same_way_and_tell_what_failed_without_a_secret(authority, bare_environment, monkeypatch):
    secret = "hc-secret-in-the-path"
    with serve_raw_tls(
        lambda it: it.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), authority.issue_cert(VENDOR)
    ) as port:
        with proxy_to(port, f"dana:{PASSWORD}") as proxy:
            place = f"127.0.0.1:{proxy.port}"
            monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}@{place}")
            assert ping(f"{URL}/{secret}") == []
            assert proxy.asked == [f"CONNECT {VENDOR}:443"]
            monkeypatch.setenv("HTTPS_PROXY", f"http://dana:wrong-{PASSWORD}@{place}")
            (said,) = ping(f"{URL}/{secret}")
            assert said.startswith(f"the proxy {place} (HTTPS_PROXY) refuses the login.")
            assert PASSWORD not in said
            assert secret not in said
        monkeypatch.setenv("HTTPS_PROXY", f"http://dana:{PASSWORD}/#@{place}")
        (said,) = ping(f"{URL}/{secret}")
        assert said.startswith("HTTPS_PROXY: must look like ")
        assert PASSWORD not in said
