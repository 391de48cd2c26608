"""What went wrong on the way to a server: the proxy's fault, or the certificate's, told apart from the server's own."""

import re
import ssl
from collections.abc import Iterator

from etl.errors import SettingsError, TryAgain, VendorError
from etl.settings.route import Proxy, Route, require_readable

# What http.client says of an answer to CONNECT but 200; what follows the number are the proxy's own words.
TUNNEL = re.compile(r"^Tunnel connection failed: (\d{3})\b")
LOGIN_WANTED = 407
MAY_PASS = {408, 425, 429, *range(500, 600)}
# OpenSSL's numbers (X509_V_ERR_...).
NOT_YET_VALID, EXPIRED, OTHER_NAME = 9, 10, {62, 64}
# PySocks' own kinds, by name: it is not always there.
SOCKS_LOGIN, SOCKS_FAULTS = {"SOCKS5AuthError"}, {"SOCKS5Error", "SOCKS4Error", "GeneralProxyError"}
NO_WAY_TO_PROXY = {"ProxyError", "ProxyConnectionError"}


def failure(error: Exception, route: Route) -> VendorError | None:
    """Return the error for a request that failed by its proxy or at a certificate; None where it was neither.

    Nothing of it is quoted but numbers and OpenSSL's own words.
    """
    if gone := _bundle_fault(route):
        return VendorError(gone)
    causes = list(_causes(error))
    bad = next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)
    if route.proxy and (failed := _proxys_fault(causes, route, route.proxy)):
        return failed
    return _certificate(bad, "the server's", route) if bad else None


def _bundle_fault(route: Route) -> str:
    try:
        if route.bundle:
            require_readable(route.bundle)
    except SettingsError as fault:
        return str(fault)
    return ""


def _proxys_fault(causes: list[BaseException], route: Route, proxy: Proxy) -> VendorError | None:
    kinds = {type(one).__name__ for one in causes}
    refused = next((found[1] for one in causes if (found := TUNNEL.match(str(one)))), None)
    if refused:
        return _refused(int(refused), proxy)
    if kinds & SOCKS_LOGIN:
        return _login_refused(proxy)
    if kinds & SOCKS_FAULTS:
        return TryAgain(f"the proxy {proxy} has no connection to the server.")
    return _not_reached(causes, route, proxy) if kinds & NO_WAY_TO_PROXY else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that led to it: libraries put these into arguments, fields, and before one another."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            near = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
            waiting += [other for other in near if isinstance(other, BaseException)]


def _refused(status: int, proxy: Proxy) -> VendorError:
    if status == LOGIN_WANTED:
        return _login_refused(proxy)
    if status in MAY_PASS:
        return TryAgain(f"the proxy {proxy} has no connection to the server ({status}).")
    return VendorError(
        f"the proxy {proxy} refuses to connect to the server ({status}). Have whoever runs the proxy let this machine"
        " through, or name the server in NO_PROXY if it is reached without."
    )


def _login_refused(proxy: Proxy) -> VendorError:
    said = "refuses the login" if proxy.login else "wants a login"
    return VendorError(
        f"the proxy {proxy} {said}. Write it into {proxy.variable} as"
        f" {proxy.scheme}://user:password@{proxy.address}, with special characters %-encoded."
    )


def _not_reached(causes: list[BaseException], route: Route, proxy: Proxy) -> VendorError:
    of_tls = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if isinstance(of_tls, ssl.SSLCertVerificationError):
        return _certificate(of_tls, "the proxy's", route)
    if of_tls and proxy.scheme == "https":
        return VendorError(
            f"the proxy {proxy} does not speak TLS. Write http:// in {proxy.variable}: what goes through it is"
            " encrypted all the same."
        )
    system = next((one.strerror for one in reversed(causes) if isinstance(one, OSError) and one.errno), None)
    why = f" ({system})" if system else ""
    return TryAgain(f"no connection to the proxy {proxy}{why}. Is {proxy.variable} right, and the proxy up?")


def _certificate(error: ssl.SSLCertVerificationError, whose: str, route: Route) -> VendorError:
    if error.verify_code == EXPIRED:
        said = "has expired. It has to be renewed there; or is the clock of this machine wrong?"
    elif error.verify_code == NOT_YET_VALID:
        said = "is not valid yet. Is the clock of this machine right?"
    elif error.verify_code in OTHER_NAME:
        said = "is of another name. Is the address right, or does something in between answer in its place?"
    elif route.bundle:
        said = (
            f"is not trusted ({error.verify_message}). It is held against {route.bundle} alone: add the certificate of"
            " its CA there."
        )
    else:
        said = (
            f"is not trusted ({error.verify_message}). If its CA is a private one, or a proxy opens what is encrypted,"
            " name a file with the certificate of that CA in REQUESTS_CA_BUNDLE."
        )
    return VendorError(f"{whose} certificate {said}")
