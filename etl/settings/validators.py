"""Validators of single settings: what a value must look like, said without repeating it."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationInfo

SHORTEST_KEY = 32


# In ETL_PING_URL and ETL_METRICS_FILE it stands for the account's number.
ACCOUNT = "{account_id}"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(value: str) -> str:
    """Accept an address without path; plain http only for this machine, as the token travels in a header."""
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must look like https://online.99digital.co.il")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            "must begin with https:// (http:// is for this machine only: the token would travel unprotected)"
        )
    if "@" in parts.netloc or "?" in value or "#" in value or parts.path.strip("/"):
        raise ValueError("must be the address alone, without user, path or query")
    _check_port(parts.netloc)
    return f"{parts.scheme}://{parts.netloc}"


def _check_port(place: str) -> None:
    try:
        _ = urlsplit(f"//{place}").port
    except ValueError:
        raise ValueError("has no number as its port (is a special character of the password not %-encoded?)") from None


def check_token(value: SecretStr) -> SecretStr:
    """Refuse what cannot be an HTTP header; the value itself is never repeated in the message."""
    secret = value.get_secret_value()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("must be one word of printable ASCII characters (was a line break or a quote copied along?)")
    return value


def check_time_zone(value: str) -> str:
    """Accept the name of a time zone; UTC also where the machine has no list of them."""
    try:
        if value != "UTC":
            ZoneInfo(value)
    except (ValueError, LookupError, OSError):
        raise ValueError("must be the name of a time zone, such as Asia/Jerusalem or UTC") from None
    return value


def check_pii_key(value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """Require a key where one is needed, and a long one: with a guessed key every phone number could be tried."""
    if value is None and info.data.get("pii") == "hash":
        raise ValueError("is missing: ETL_PII=hash needs a key, such as `openssl rand -hex 32` makes")
    if value is not None and len(value.get_secret_value()) < SHORTEST_KEY:
        raise ValueError(f"must have at least {SHORTEST_KEY} characters, such as `openssl rand -hex 32` makes")
    return value


def check_ping_url(value: SecretStr) -> SecretStr:
    """Accept an address that a step can be added to; plain http only for this machine: its reader could ping for us."""
    address = check_token(value).get_secret_value()
    try:
        parts = urlsplit(address)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        _ = parts.port
    except ValueError:
        raise ValueError("must look like https://hc-ping.com/...") from None
    if not is_safe or not parts.hostname:
        raise ValueError("must begin with https:// (http:// is for this machine only)")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must be without user and without #")
    return value


def check_metrics_file(value: Path) -> Path:
    """Require a file for each account, so that none erases another's, and the only ending that is collected."""
    if ACCOUNT not in str(value) or value.suffix != ".prom":
        raise ValueError(f"must hold {ACCOUNT} and end with .prom, such as /var/lib/node_exporter/etl-{ACCOUNT}.prom")
    return value
