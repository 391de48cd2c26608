"""The way out to a server: which variable counts, which server is reached by no proxy, and what is no proxy at all."""

import sys

import pytest

from etl.errors import SettingsError
from etl.settings.route import Bundle, route_to

URL = "https://online.vendor.example"
PASSWORD = "pa55Word-hG3kV8qN"


@pytest.fixture(autouse=True)
def _bare(bare_environment):
    """No variable of a proxy but those that a test sets."""


@pytest.fixture
def variables(monkeypatch):
    def put(**given):
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return put


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("value", "url", "login"),
    [
        ("proxy.corp:3128", "http://proxy.corp:3128", None),
        ("http://proxy.corp", "http://proxy.corp:80", None),
        ("https://proxy.corp/", "https://proxy.corp:443", None),
        ("HTTP://proxy.corp:3128/", "http://proxy.corp:3128", None),
        ("socks5h://proxy.corp", "socks5h://proxy.corp:1080", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://dana:secret@proxy.corp:3128", "http://proxy.corp:3128", "dana:secret"),
        ("dana:secret@10.0.0.7:3128", "http://10.0.0.7:3128", "dana:secret"),
        ("http://CORP%5Cdana:p%2Fa%23s%40s%3A%25@proxy.corp:3128", "http://proxy.corp:3128", r"CORP\dana:p/a#s@s:%"),
        ("http://dana@corp.example:s@cret@proxy.corp:3128", "http://proxy.corp:3128", "dana@corp.example:s@cret"),
        ("http://דנה:סוד@proxy.corp:3128", "http://proxy.corp:3128", "דנה:סוד"),
        ("http://dana:@proxy.corp:3128", "http://proxy.corp:3128", "dana:"),
    ],
)
def test_a_proxy_is_taken_apart_whole_and_shown_without_its_login(variables, name, value, url, login):
    variables(**{name: value})
    proxy = route_to(URL).proxy
    assert proxy.url == url
    assert (":".join(part.get_secret_value() for part in proxy.login) if proxy.login else None) == login
    assert str(route_to(URL)) == (
        f"by the proxy {url.partition('://')[2]} ({name}){', with a login' if login else ''};"
        " certificates are held against those that come with etl"
    )
    assert not (login and login.partition(":")[2] in repr(route_to(URL)) and login.partition(":")[2])


BROKEN = [
    f"http://user:{PASSWORD}/{PASSWORD}@proxy.corp:3128",
    f"http://user:12/{PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD}#{PASSWORD}@proxy.corp:3128",
    f"http://user:#{PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD}?{PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD}\\{PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD} {PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD}@{PASSWORD}/@proxy.corp:3128",
    f"user:{PASSWORD}://{PASSWORD}@proxy.corp:3128",
    f"http://user:[{PASSWORD}/@proxy.corp:3128",
    f"http://user:{PASSWORD}@proxy.corp:99999",
    f"http://user:{PASSWORD}@proxy.corp:0",
    f"http://user:{PASSWORD}@proxy.corp:port",
    f"http://user:{PASSWORD}@",
    f"ftp://user:{PASSWORD}@proxy.corp:3128",
    f"socks6://user:{PASSWORD}@proxy.corp:3128",
    f"http://user:{PASSWORD}@proxy.corp:3128/path",
]


@pytest.mark.parametrize("value", BROKEN)
def test_what_is_no_proxy_is_refused_without_a_part_of_its_password(variables, value):
    variables(HTTPS_PROXY=value)
    with pytest.raises(SettingsError) as refused:
        route_to(URL)
    assert str(refused.value).startswith("HTTPS_PROXY: must look like http://user:password@proxy.example:3128, with")
    for at in range(len(PASSWORD) - 4):
        assert PASSWORD[at : at + 5] not in str(refused.value)
    assert refused.value.__context__ is None


def test_lower_case_wins_and_the_schemes_own_variable_wins_over_all_proxy(variables):
    variables(ALL_PROXY="http://all.corp:1", HTTPS_PROXY="http://upper.corp:2")
    assert route_to(URL).proxy.address == "upper.corp:2"
    variables(https_proxy="http://lower.corp:3")
    assert route_to(URL).proxy.address == "lower.corp:3"


def test_a_proxy_for_http_alone_is_none_for_the_vendor(variables):
    variables(HTTP_PROXY="http://proxy.corp:3128")
    assert route_to(URL).proxy is None


def test_the_file_env_counts_where_the_environment_says_nothing(variables, bare_environment):
    (bare_environment / ".env").write_text("HTTPS_PROXY=http://proxy.corp:3128\nNO_PROXY=other.example\n")
    assert route_to(URL).proxy.address == "proxy.corp:3128"
    assert route_to("https://other.example").proxy is None
    variables(HTTPS_PROXY="http://another.corp:3128")
    assert route_to(URL).proxy.address == "another.corp:3128"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("excepted", "url", "is_excepted"),
    [
        ("*", URL, True),
        ("other.example, *", URL, True),
        ("online.vendor.example", URL, True),
        ("ONLINE.vendor.example", URL, True),
        ("other.example,vendor.example", URL, True),
        (" .vendor.example ", URL, True),
        ("dor.example", URL, False),
        ("vendor.example:443", URL, True),
        ("vendor.example:8443", URL, False),
        ("vendor.example:8443", "https://vendor.example:8443", True),
        ("*.vendor.example", URL, True),
        ("[2001:db8::7]", "https://[2001:db8::7]", True),
        ("2001:db8::/32", "https://[2001:db8::7]:8443", True),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.0.0.0/8", URL, False),
        ("nonsense/8,vendor.example", URL, True),
        ("", URL, False),
    ],
)
def test_no_proxy_names_hosts_domains_ports_networks_and_all(variables, name, excepted, url, is_excepted):
    variables(HTTPS_PROXY="http://proxy.corp:3128", **{name: excepted})
    assert (route_to(url).proxy is None) == is_excepted


@pytest.mark.parametrize("url", ["https://localhost:1", "https://127.0.0.1:1", "https://127.9.9.9", "https://[::1]:1"])
def test_this_machine_is_reached_by_no_proxy_and_may_have_certificates(variables, url, bare_environment):
    bundle = bare_environment / "ca.pem"
    bundle.write_bytes(an_authority())
    variables(HTTPS_PROXY="http://proxy.corp:3128", ALL_PROXY="broken:/#", REQUESTS_CA_BUNDLE=str(bundle))
    assert (route_to(url).proxy, route_to(url).bundle) == (None, Bundle(str(bundle), "REQUESTS_CA_BUNDLE"))


def an_authority() -> bytes:
    import trustme

    return trustme.CA().cert_pem.bytes()


def test_the_first_bundle_that_is_set_counts(variables, bare_environment):
    names = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    for name in names:
        (bare_environment / name).write_bytes(an_authority())
        variables(**{name: str(bare_environment / name)})
        assert route_to(URL).bundle == Bundle(str(bare_environment / name), name)
    assert route_to("http://127.0.0.1:1").bundle is None


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no certificates in PEM format (-----BEGIN CERTIFICATE-----)"),
        (b"\x30\x82\x01\x00not a PEM", "holds no certificates in PEM format (-----BEGIN CERTIFICATE-----)"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificates in PEM format"),
    ],
)
def test_a_bundle_that_is_none_is_one_sentence(variables, bare_environment, name, content, said):
    path = bare_environment / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    variables(**{name: str(path)})
    with pytest.raises(SettingsError) as refused:
        route_to(URL)
    assert str(refused.value).startswith(f"{name}: {path} {said}")


def test_a_folder_of_certificates_has_to_be_hashed(variables, bare_environment):
    folder = bare_environment / "certificates"
    folder.mkdir()
    (folder / "corp.pem").write_bytes(an_authority())
    variables(SSL_CERT_DIR=str(folder))
    with pytest.raises(SettingsError, match="run `openssl rehash` on it"):
        route_to(URL)
    (folder / "0a1b2c3d.0").symlink_to(folder / "corp.pem")
    assert route_to(URL).bundle == Bundle(str(folder), "SSL_CERT_DIR")


@pytest.mark.parametrize("path", ["with\0nul", "~nobody/ca.pem", "x" * 5000])
def test_an_odd_path_is_one_sentence_too(variables, bare_environment, path):
    if "\0" in path:
        (bare_environment / ".env").write_bytes(b'SSL_CERT_FILE="with\0nul"\n')
    else:
        variables(SSL_CERT_FILE=path)
    with pytest.raises(SettingsError, match=r"SSL_CERT_FILE: .* cannot be read: "):
        route_to(URL)


def test_a_socks_proxy_without_its_part_is_a_sentence_that_names_it(variables, monkeypatch):
    variables(ALL_PROXY=f"socks5h://user:{PASSWORD}@proxy.corp:1080")
    assert route_to(URL).proxy.address == "proxy.corp:1080"
    monkeypatch.setitem(sys.modules, "socks", None)  # as where it is not installed
    with pytest.raises(SettingsError, match=r"ALL_PROXY: .*: pip install 'etl-99digital\[socks\]'\.$"):
        route_to(URL)
