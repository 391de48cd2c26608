"""The way out to a server: by which proxy, and trusting which certificates, as the environment and `.env` say.

The variables are those that curl, Python and requests know; docs/operations.md tells how each is taken.
"""

import importlib.util
import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pydantic import SecretStr

from etl.errors import SettingsError
from etl.settings.validators import is_loopback
from etl.settings.variables import variable

# Scheme of a proxy -> its port where none is given.
PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}
# What comes behind the scheme. A password with one of / ? # in it would end the host early, and a part of it pass for
# the host; nothing is taken apart that is not whole.
PLACE = re.compile(r"(?:(?P<login>[^/?#\s\\]*)@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?/?")
_HIGHEST_PORT = 65535
# The first that is set counts, as in requests; the last two are OpenSSL's own.
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
# How OpenSSL looks for a certificate in a folder.
HASHED = re.compile(r"[0-9a-f]{8}\.\d+")


@dataclass(frozen=True)
class Proxy:
    """A proxy. address: without login, as is shown. login: user and password. variable: which one names it."""

    scheme: str
    address: str
    variable: str
    login: tuple[SecretStr, SecretStr] | None = None

    @property
    def url(self) -> str:
        """Return its URL without the login, which no library gets to quote."""
        return f"{self.scheme}://{self.address}"

    @property
    def url_with_login(self) -> str:
        """Return its URL with the login, for the one place that takes it in no other way; never to be shown."""
        if self.login is None:
            return self.url
        user, password = (quote(part.get_secret_value(), safe="") for part in self.login)
        return f"{self.scheme}://{user}:{password}@{self.address}"

    def __str__(self) -> str:
        return f"{self.address} ({self.variable})"


@dataclass(frozen=True)
class Bundle:
    """The certificates that are trusted in place of those that come with the job: a file or a folder."""

    path: str
    variable: str

    def __str__(self) -> str:
        return f"{self.path} ({self.variable})"


@dataclass(frozen=True)
class Route:
    """The way to a server; None where there is no proxy, and where the certificates are those that come along."""

    proxy: Proxy | None = None
    bundle: Bundle | None = None

    def __str__(self) -> str:
        by = f"by the proxy {self.proxy}" if self.proxy else "by no proxy"
        by += ", with a login" if self.proxy and self.proxy.login else ""
        return f"{by}; certificates are held against {self.bundle or 'those that come with etl'}"


def route_to(url: str) -> Route:
    """Return the way to a server. This machine is reached by no proxy.

    Raise SettingsError where a variable names no proxy or no certificates, without repeating anything of a login.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or PORTS.get(parts.scheme, 0)
    direct = is_loopback(host) or _is_excepted(host, port)
    return Route(None if direct else _proxy(parts.scheme), _bundle() if parts.scheme == "https" else None)


def _is_excepted(host: str, port: int) -> bool:
    """Return whether NO_PROXY names a host: itself or a domain above it, with or without its port, or its network."""
    _, named = _in_any_case("no_proxy")
    return any(_names(entry.strip().lower(), host, port) for entry in named.split(",") if entry.strip())


def _names(entry: str, host: str, port: int) -> bool:
    if "/" in entry:
        return _is_within(host, entry)
    if entry.count(":") == 1:  # of a host, and not within an IPv6 address
        entry, _, only = entry.partition(":")
        if only != str(port):
            return False
    name = entry.strip("[]").removeprefix("*").lstrip(".")
    return entry == "*" or (bool(name) and (host == name or host.endswith(f".{name}")))


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _proxy(scheme: str) -> Proxy | None:
    for kind in (scheme, "all"):
        name, value = _in_any_case(f"{kind}_proxy")
        if value:
            return _read_proxy(name, value)
    return None


def _in_any_case(name: str) -> tuple[str, str]:
    """Return how a variable is written, and its value: lower case wins, and the environment over `.env`."""
    if value := os.environ.get(name, "").strip():
        return name, value
    return name.upper(), (variable(name.upper()) or "").strip()


def _read_proxy(name: str, value: str) -> Proxy:
    before, separator, rest = value.partition("://")
    scheme, place = (before.lower(), rest) if separator else ("http", value)
    found = PLACE.fullmatch(place)
    port = int(found["port"] or PORTS.get(scheme, 0)) if found else 0
    if scheme not in PORTS or found is None or not 0 < port <= _HIGHEST_PORT:
        raise SettingsError(
            f"{name}: must look like http://user:password@proxy.example:3128, with the special characters of user and"
            f" password %-encoded (/ is %2F, # is %23, @ is %40); known are {', '.join(PORTS)}."
        )
    if scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise SettingsError(
            f"{name}: names a SOCKS proxy, for which a part is missing: pip install 'etl-99digital[socks]'."
        )
    return Proxy(scheme, f"{found['host']}:{port}", name, _login(found["login"]))


def _login(written: str | None) -> tuple[SecretStr, SecretStr] | None:
    if not written:
        return None
    user, _, password = written.partition(":")
    return SecretStr(unquote(user)), SecretStr(unquote(password))


def _bundle() -> Bundle | None:
    for name in BUNDLES:
        if path := variable(name):
            bundle = Bundle(path, name)
            require_readable(bundle)
            return bundle
    return None


def require_readable(bundle: Bundle) -> None:
    """Raise SettingsError unless certificates can be read from a bundle."""
    path, said = Path(bundle.path), None
    try:
        if path.is_dir():
            if not any(HASHED.fullmatch(one.name) for one in path.iterdir()):
                said = "has no certificate by the name under which OpenSSL looks for it: run `openssl rehash` on it"
        else:
            with path.open("rb"):
                pass
            ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        said = "holds no certificates in PEM format (-----BEGIN CERTIFICATE-----)"
    except (OSError, ValueError) as error:
        said = f"cannot be read: {getattr(error, 'strerror', None) or 'its name is no path'}"
    if said:
        raise SettingsError(f"{bundle.variable}: {bundle.path} {said}.")
