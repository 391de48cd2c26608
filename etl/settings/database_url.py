"""DATABASE_URL as hosts hand it out, for libpq, SQLAlchemy or Prisma: taken apart, or refused without repeating it."""

import re
from urllib.parse import unquote

from pydantic import SecretStr

# The driver that SQLAlchemy's form names is of no account: etl has its own.
SCHEME = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9_]+)?://")
KEY_AND_VALUE = re.compile(r"[a-z_]+ *=")
# A host, or an address of IPv6 in brackets, or the folder of a socket; and its port.
HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s]*)(?::(\d*))?")
_HIGHEST_PORT = 65_535
NO_ENCODING = re.compile("%(?![0-9A-Fa-f]{2})|%00")
UNENCODED = "(is a special character of the password not %-encoded?)"

# fmt: off
# What libpq 18 knows, but for `replication`: sessions for that understand no ordinary statement.
KNOWN = frozenset(
    {
        "service", "user", "password", "passfile", "channel_binding", "connect_timeout", "dbname", "host",
        "hostaddr", "port", "client_encoding", "options", "application_name", "fallback_application_name",
        "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
        "sslmode", "sslnegotiation", "sslcompression", "sslcert", "sslkey", "sslcertmode", "sslpassword",
        "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "requirepeer", "require_auth",
        "min_protocol_version", "max_protocol_version", "ssl_min_protocol_version",
        "ssl_max_protocol_version", "gssencmode", "krbsrvname", "gsslib", "gssdelegation",
        "target_session_attrs", "load_balance_hosts", "scram_client_key", "scram_server_key",
        "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope", "sslkeylogfile",
    }
)
# These are psycopg's and Prisma's: how often a statement comes before it is prepared, and that none must be.
OF_OTHERS = frozenset({"prepare_threshold", "pgbouncer"})
NUMBERS = frozenset(
    {
        "connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout", "prepare_threshold",
    }
)
# fmt: on
ALWAYS_THERE = "the tables are always in the schemas helpdesk, bi and etl_jobs; leave it out"
REASONS = {
    "schema": f"it is Prisma's, and {ALWAYS_THERE}",
    "currentSchema": f"it is JDBC's, and {ALWAYS_THERE}",
    "search_path": ALWAYS_THERE,
    "ssl": "PostgreSQL's own name is sslmode, such as sslmode=require",
    "replication": "sessions for replication understand no ordinary statement; leave it out",
}


def check_database_url(value: SecretStr) -> SecretStr:
    """Accept what libpq does and what hosts add to it, and keep SQLAlchemy's scheme; raise ValueError."""
    url = value.get_secret_value().strip()
    scheme = SCHEME.match(url)
    if scheme is None and KEY_AND_VALUE.match(url):
        raise ValueError("must be a URL: key=value pairs are written postgresql://?key=value&key=value")
    if scheme is None:
        raise ValueError("must begin with postgres://, postgresql:// or postgresql+psycopg://")
    rest = url[scheme.end() :]
    before, _, query = rest.partition("?")
    _check_place(before, query)
    if NO_ENCODING.search(rest):
        raise ValueError("has a % that begins no %-encoding (a % of the password is written %25)")
    for name, given in split(url)[1]:
        _check_parameter(name, given, may_be_named="@" not in query)
    return SecretStr(f"postgresql+psycopg://{rest}")


def split(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands between scheme and query, as it is written, and the parameters, decoded.

    Raise ValueError for one without a value.
    """
    before, _, query = url.partition("://")[2].partition("?")
    parameters = []
    for one in filter(None, query.split("&")):
        name, separator, value = one.partition("=")
        if not separator:
            raise ValueError(f"has something after its ? that is no key=value {UNENCODED}")
        parameters.append((unquote(name), unquote(value)))
    return before, parameters


def _check_place(before: str, query: str) -> None:
    """Check user, password, hosts and ports: nothing of a password may be taken for a host, and be shown as one."""
    place, slash, name = before.partition("/")
    if place.count("@") > 1:
        raise ValueError(f"has more than one @ {UNENCODED}")
    for one in place.rpartition("@")[2].split(","):
        found = HOST_AND_PORT.fullmatch(one)
        if found is None or int(found[2] or 0) > _HIGHEST_PORT:
            raise ValueError(f"has no number as its port {UNENCODED}")
    if "@" in name or ("@" in query and "@" not in place and not slash):
        raise ValueError(f"has a / or a ? before its @ {UNENCODED}")


def _check_parameter(name: str, value: str, *, may_be_named: bool) -> None:
    if name in REASONS and (name, value) != ("ssl", "true"):
        raise ValueError(f"has the parameter {name}: {REASONS[name]}")
    if name not in KNOWN | OF_OTHERS | {"ssl"}:
        shown = f" {name}" if may_be_named and re.fullmatch(r"[A-Za-z_]{2,40}", name) else ""
        raise ValueError(f"has a parameter{shown} that PostgreSQL does not know: leave it out")
    if name in NUMBERS and not re.fullmatch(r"-?\d{1,9}", value):
        raise ValueError(f"has {name}, which must be a number")
