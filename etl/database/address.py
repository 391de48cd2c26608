"""The database's address: what is connected with, read out of a URL, and how it is named without user and password."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import URL

from etl.settings.database_url import HOST_AND_PORT, OF_OTHERS, split

# No command line shows them: it can be read by every user of the machine.
SECRETS = {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}


def parameters(url: str) -> dict[str, Any]:
    """Return what psycopg connects with: libpq's keywords as texts, and `prepare_threshold`; it holds the password.

    The URL may be libpq's own or SQLAlchemy's, as `check_database_url` leaves it.
    """
    before, given = split(url)
    of_others = {name: value for name, value in given if name in OF_OTHERS}
    hosts = [value for name, value in given if name == "host"]
    before = before.replace(" ", "%20")  # libpq takes none, which SQLAlchemy leaves as they are
    query = "&".join(
        f"{quote(name)}={quote(value, safe='')}" for name, value in given if name not in {*OF_OTHERS, "host"}
    )
    found: dict[str, Any] = dict(conninfo_to_dict(f"postgresql://{before}?{query}"))
    if hosts:
        found |= _places(",".join(hosts).split(","))
    if "prepare_threshold" in of_others:
        found["prepare_threshold"] = int(of_others["prepare_threshold"])
    elif of_others.get("pgbouncer") == "true":
        found["prepare_threshold"] = None
    return found


def engine_url(found: dict[str, Any]) -> URL:
    """Return the same for SQLAlchemy, hosts and ports among the parameters."""
    apart = {"user", "password", "dbname"}
    query = {name: str(value) for name, value in found.items() if name not in apart and value is not None}
    return URL.create(
        "postgresql+psycopg", found.get("user"), found.get("password"), database=found.get("dbname"), query=query
    )


def for_programs(found: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return a connection string for PostgreSQL's own programs, and the variables with what it must not show."""
    shown = {name: value for name, value in found.items() if name not in {*SECRETS, "prepare_threshold"}}
    return make_conninfo(**shown), {"PGPASSWORD": found["password"]} if found.get("password") else {}


def by_socket(found: Mapping[str, Any]) -> bool:
    """Return whether a server is reached by a socket of this machine; one that a service names may be anywhere."""
    host = found.get("host") or found.get("hostaddr") or found.get("service") or os.environ.get("PGHOST") or "/"
    return str(host).startswith("/")


def named(found: dict[str, Any]) -> str:
    """Name hosts and database, without user and password."""
    database = f"/{found['dbname']}" if found.get("dbname") else ""
    hosts = found.get("host") or found.get("hostaddr")
    if not hosts and found.get("service"):
        return f"service {found['service']}{database}"
    hosts = (hosts or os.environ.get("PGHOST") or "localhost").split(",")
    ports = str(found.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = [
        (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        for host, port in zip(hosts, ports, strict=False)
    ]
    return ",".join(places) + database


def _places(hosts: list[str]) -> dict[str, str]:
    """Read SQLAlchemy's `host=one:5432&host=other:5433`; a host may be a folder, or an address of IPv6."""
    found = [HOST_AND_PORT.fullmatch(one) for one in hosts]
    if not any(one and one[2] for one in found):
        return {"host": ",".join(hosts)}
    names = [(one[1] if one else host).strip("[]") for one, host in zip(found, hosts, strict=True)]
    return {"host": ",".join(names), "port": ",".join((one and one[2]) or "" for one in found)}
