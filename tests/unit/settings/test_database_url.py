"""DATABASE_URL: every way in which hosts write it is read as libpq reads it, or refused with the reason."""

from typing import Any

import pytest
from psycopg import pq
from pydantic import SecretStr

from etl.database.address import engine_url, for_programs, named, parameters
from etl.settings.database_url import KNOWN, check_database_url


def read(url: str) -> dict[str, Any]:
    return parameters(check_database_url(SecretStr(url)).get_secret_value())


# What is written, what is connected with, and how the database is named.
READ = [
    ("postgres://u:p@h/d", {"user": "u", "password": "p", "host": "h", "dbname": "d"}, "h/d"),
    ("postgresql+psycopg2://u@h:5433/d", {"user": "u", "host": "h", "port": "5433", "dbname": "d"}, "h:5433/d"),
    ("postgresql+asyncpg://h/d", {"host": "h", "dbname": "d"}, "h/d"),
    (" postgresql://h/d\n", {"host": "h", "dbname": "d"}, "h/d"),
    ("postgresql://h", {"host": "h"}, "h"),
    ("postgresql:///d", {"dbname": "d"}, "localhost/d"),
    (
        "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=read-write",
        {
            "user": "u",
            "password": "p",
            "host": "h1,h2",
            "port": "5432,5433",
            "dbname": "d",
            "target_session_attrs": "read-write",
        },
        "h1:5432,h2:5433/d",
    ),
    ("postgresql://h1,h2:5433/d", {"host": "h1,h2", "port": ",5433", "dbname": "d"}, "h1,h2:5433/d"),
    ("postgresql://h1,h2/d?port=5433", {"host": "h1,h2", "port": "5433", "dbname": "d"}, "h1:5433,h2:5433/d"),
    (
        "postgresql+psycopg://u@/d?host=h1:5432&host=h2:5433",
        {"user": "u", "host": "h1,h2", "port": "5432,5433", "dbname": "d"},
        "h1:5432,h2:5433/d",
    ),
    ("postgresql+psycopg://u@/d?host=h1&host=h2", {"user": "u", "host": "h1,h2", "dbname": "d"}, "h1,h2/d"),
    ("postgresql://u@/d?host=/run/pg", {"user": "u", "host": "/run/pg", "dbname": "d"}, "/run/pg/d"),
    ("postgresql://%2Frun%2Fpg:5433/d", {"host": "/run/pg", "port": "5433", "dbname": "d"}, "/run/pg:5433/d"),
    ("postgresql://[::1]:5433/d", {"host": "::1", "port": "5433", "dbname": "d"}, "[::1]:5433/d"),
    ("postgresql:///d?host=::1", {"host": "::1", "dbname": "d"}, "[::1]/d"),
    ("postgresql://u:%40%3A%2F%23%25%3F@h", {"user": "u", "password": "@:/#%?", "host": "h"}, "h"),
    ("postgresql://u:p#:w@h/d", {"user": "u", "password": "p#:w", "host": "h", "dbname": "d"}, "h/d"),
    ("postgresql://h?user=u%40tenant&password=a%26b", {"user": "u@tenant", "password": "a&b", "host": "h"}, "h"),
    ("postgresql://h/d?ssl=true", {"host": "h", "dbname": "d", "sslmode": "require"}, "h/d"),
    (
        "postgresql://h/d?sslmode=verify-full&sslrootcert=/etc/a%20b.pem",
        {"host": "h", "dbname": "d", "sslmode": "verify-full", "sslrootcert": "/etc/a b.pem"},
        "h/d",
    ),
    ("postgresql://h?options=endpoint%3Dep-1%20-c%20x%3Dy", {"host": "h", "options": "endpoint=ep-1 -c x=y"}, "h"),
    ("postgresql://?service=prod", {"service": "prod"}, "service prod"),
    ("postgresql:///d?service=prod", {"service": "prod", "dbname": "d"}, "service prod/d"),
    ("postgresql://h/d?connect_timeout=3", {"host": "h", "dbname": "d", "connect_timeout": "3"}, "h/d"),
    ("postgresql://h/d?prepare_threshold=0", {"host": "h", "dbname": "d", "prepare_threshold": 0}, "h/d"),
    ("postgresql://h/d?pgbouncer=true", {"host": "h", "dbname": "d", "prepare_threshold": None}, "h/d"),
    ("postgresql://h/d?pgbouncer=false&sslmode=require", {"host": "h", "dbname": "d", "sslmode": "require"}, "h/d"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "expected", "name"), READ)
def test_a_url_is_read_as_libpq_reads_it(url: str, expected: dict[str, Any], name: str) -> None:
    found = read(url)
    assert found == expected
    assert named(found) == name
    # SQLAlchemy's form of it means the same, and so does what PostgreSQL's own programs get.
    again = engine_url(found)
    apart = {"user": again.username, "password": again.password, "dbname": again.database}
    kept = {one: str(value) for one, value in found.items() if value is not None}
    assert {one: value for one, value in apart.items() if value is not None} | dict(again.query) == kept
    shown, secrets = for_programs(found)
    assert secrets == ({"PGPASSWORD": found["password"]} if "password" in found else {})
    of_libpq = {one: value for one, value in found.items() if one not in {"password", "prepare_threshold"}}
    assert {opt.keyword.decode(): opt.val.decode() for opt in pq.Conninfo.parse(shown.encode()) if opt.val} == of_libpq


REFUSED = [
    ("host=h dbname=d password=secret", "must be a URL: key=value pairs are written postgresql://?key=value"),
    ("jdbc:postgresql://h/d", "must begin with postgres://, postgresql:// or postgresql+psycopg://"),
    ("h/secret", "must begin with postgres://, postgresql:// or postgresql+psycopg://"),
    ("postgresql://u:se@cret@h/d", "has more than one @ (is a special character of the password not %-encoded?)"),
    ("postgresql://u:sec/ret@h/d", "has no number as its port (is a special character of the password not %-encoded?)"),
    ("postgresql://u:54/secret@h/d", "has a / or a ? before its @ (is a special character of the password"),
    ("postgresql://u:54?secret=1@h/d", "has a / or a ? before its @ (is a special character of the password"),
    ("postgresql://u:54/a?secret=1@h/d", "has a parameter that PostgreSQL does not know: leave it out"),
    ("postgresql://u:secret?x@h/d", "has no number as its port (is a special character of the password"),
    ("postgresql://u:sec%ret@h/d", "has a % that begins no %-encoding (a % of the password is written %25)"),
    ("postgresql://u:secret%@h/d", "has a % that begins no %-encoding (a % of the password is written %25)"),
    ("postgresql://u:secret%00@h/d", "has a % that begins no %-encoding"),
    ("postgresql://h:port/d", "has no number as its port"),
    ("postgresql://h:99999/d", "has no number as its port"),
    ("postgresql://h1,h2:x/d", "has no number as its port"),
    ("postgresql://::1/d", "has no number as its port"),
    (
        "postgresql://h/d?schema=public",
        "has the parameter schema: it is Prisma's, and the tables are always in the schemas",
    ),
    ("postgresql://h/d?currentSchema=x", "has the parameter currentSchema: it is JDBC's"),
    ("postgresql://h/d?ssl=require", "has the parameter ssl: PostgreSQL's own name is sslmode"),
    ("postgresql://h/d?replication=database", "has the parameter replication: sessions for replication"),
    (
        "postgresql://h/d?connection_limit=5",
        "has a parameter connection_limit that PostgreSQL does not know: leave it out",
    ),
    ("postgresql://h/d?sslmode=require&supa=base", "has a parameter supa that PostgreSQL does not know: leave it out"),
    ("postgresql://h/d?sslmode", "has something after its ? that is no key=value"),
    ("postgresql://h/d?connect_timeout=soon", "has connect_timeout, which must be a number"),
    ("postgresql://h/d?prepare_threshold=", "has prepare_threshold, which must be a number"),
    ("postgresql://h/d?keepalives_idle=1.5", "has keepalives_idle, which must be a number"),
]


@pytest.mark.parametrize(("url", "said"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_reason_and_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^(must|has) ") as refused:
        check_database_url(SecretStr(url))
    assert str(refused.value).startswith(said)
    assert "secret" not in str(refused.value)
    assert "cret" not in str(refused.value).replace("secret", "")


def test_the_parameters_that_are_known_are_those_of_libpq() -> None:
    of_libpq = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    assert KNOWN - of_libpq == set()
    assert of_libpq - KNOWN == {"replication"}
