"""Roles of the database for tests: made with a name, dropped with all that they own and may."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import errors, sql
from sqlalchemy import make_url

from tests.databases import execute, plain

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string()


@contextmanager
def new_role(server_url: str, name: str = "job") -> Iterator[str]:
    """Create a role that may log in and nothing else, give its name, and drop it at the end."""
    role = f"{name} {uuid.uuid4().hex[:8]}"
    execute(server_url, f"CREATE ROLE {quoted(role)} LOGIN")
    yield role
    drop_role(server_url, role)


def drop_role(server_url: str, role: str) -> None:
    """Drop a role with what it has in the databases of tests."""
    with psycopg.connect(plain(server_url), autocommit=True) as connection:
        # In others than UTF8 no role of ours has anything, and its name may not even be written.
        ours = "SELECT datname FROM pg_database WHERE datname LIKE '%test%' AND pg_encoding_to_char(encoding) = 'UTF8'"
        found = connection.execute(ours).fetchall()
        for (database,) in found:
            # Sessions of another test's database may begin in another encoding.
            url = make_url(server_url).set(database=database).update_query_dict({"client_encoding": "UTF8"})
            # Another test's, which is being dropped.
            with suppress(psycopg.OperationalError):
                execute(url.render_as_string(hide_password=False), f"DROP OWNED BY {quoted(role)} CASCADE")
        with suppress(errors.UndefinedObject):
            connection.execute(f"DROP ROLE {quoted(role)}")


def as_role(url: str, role: str) -> str:
    """Return a database's URL with another user."""
    return make_url(url).set(username=role, password=None).render_as_string(hide_password=False)


def grants_of_runs(role: str) -> str:
    """Return the statements of operations.md that give a role what the runs and a worker need."""
    text = OPERATIONS.read_text(encoding="utf-8").partition("### A user for the runs only")[2]
    found = re.search(r"```sql\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1].replace("etl_runs", quoted(role))
