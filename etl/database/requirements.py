"""What a database has to be and to allow: each with how it is found out, what is wrong, and what to do about it.

`etl check` has a line for each that is not met, docs/operations.md a table of all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, text

from etl.database.engine import transaction, where
from etl.database.shadowing import everybody_may_create, others_may_create
from etl.errors import DatabaseError

OLDEST_SERVER = 14


@dataclass(frozen=True)
class Requirement:
    """Something that a database has to be or to allow.

    name: the word that its line begins with. wanted: it, as the table in operations.md has it. find: returns what is
    wrong, in a sentence, None where nothing is; raises DatabaseError where it cannot be asked. advice: what to do.
    refuses: whether no command goes on without it; of the others only the check tells, `note` where is_fault is False.
    """

    name: str
    wanted: str
    find: Callable[[Engine], str | None]
    advice: str
    refuses: bool = False
    is_fault: bool = True


def _old_server(engine: Engine) -> str | None:
    with transaction(engine) as connection:
        number = int(connection.scalar(text("SHOW server_version_num")) or 0)
        version = connection.scalar(text("SHOW server_version"))
    if number >= OLDEST_SERVER * 10_000:
        return None
    return f"PostgreSQL at {where(engine)} is version {version}; etl needs {OLDEST_SERVER} or newer."


def _other_encoding(engine: Engine) -> str | None:
    with transaction(engine) as connection:
        encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding == "UTF8":
        return None
    return f"{where(engine)} is in the encoding {encoding}, which cannot hold all that people write; etl needs UTF8."


def _no_triggers(engine: Engine) -> str | None:
    with transaction(engine) as connection:
        role = connection.scalar(text("SHOW session_replication_role"))
    if role != "replica":
        return None
    return f"Sessions in {where(engine)} begin as a replica's: foreign keys are not checked and triggers do not fire."


REQUIREMENTS = (
    Requirement(
        "version",
        f"PostgreSQL {OLDEST_SERVER} or newer",
        _old_server,
        "Upgrade the server, or set DATABASE_URL to another one.",
        refuses=True,
    ),
    Requirement(
        "encoding",
        "encoding UTF8",
        _other_encoding,
        "Make a database by CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and set DATABASE_URL to it.",
        refuses=True,
    ),
    Requirement(
        "triggers",
        "session_replication_role other than `replica`",
        _no_triggers,
        "ALTER ROLE ... RESET session_replication_role, or ALTER DATABASE: where it was set.",
        refuses=True,
    ),
    Requirement(
        "create",
        "nobody but the owner may create in the schemas `helpdesk` and `etl_jobs`",
        others_may_create,
        "REVOKE CREATE ON SCHEMA ... FROM ...: what they create there may be called with the owner's rights.",
    ),
    Requirement(
        "public",
        "not everybody may create in schema `public`",
        everybody_may_create,
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC, unless a program needs it.",
        is_fault=False,
    ),
)


def unmet(engine: Engine, only_refusing: bool = False) -> Iterator[tuple[Requirement, str]]:
    """Yield what a database lacks, and what is wrong with it."""
    for requirement in REQUIREMENTS:
        if requirement.refuses or not only_refusing:
            said = requirement.find(engine)
            if said is not None:
                yield requirement, said


def require_fit(engine: Engine) -> None:
    """Raise DatabaseError where a database is one that nothing can be read from or written to rightly."""
    for requirement, said in unmet(engine, only_refusing=True):
        raise DatabaseError(f"{said} {requirement.advice}")
