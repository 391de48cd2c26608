"""What a database has to be and to allow: each with how it is found out, what is wrong, and what to do about it.

`etl check` has a line for each that is not met, docs/operations.md a table of all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Engine, text

from etl.database import pooler
from etl.database.engine import transaction, where
from etl.errors import DatabaseError, NoSession

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


def _no_session(engine: Engine) -> str | None:
    try:
        with transaction(engine):
            return None
    except NoSession:
        return pooler.said(where(engine))


def _old_server(engine: Engine) -> str | None:
    with transaction(engine) as connection:
        number = int(connection.scalar(text("SHOW server_version_num")) or 0)
        version = connection.scalar(text("SHOW server_version"))
    if number >= OLDEST_SERVER * 10_000:
        return None
    return f"PostgreSQL at {where(engine)} is version {version}; etl needs {OLDEST_SERVER} or newer."


SESSION = Requirement(
    "session",
    "Sessions of PostgreSQL: no connection pooler in between, or one in session mode",
    _no_session,
    NoSession.advice,
    refuses=True,
)
REQUIREMENTS = (
    SESSION,
    Requirement(
        "version",
        f"PostgreSQL {OLDEST_SERVER} or newer",
        _old_server,
        "Upgrade the server, or set DATABASE_URL to another one.",
        refuses=True,
    ),
)


def unmet(engine: Engine, only_refusing: bool = False) -> Iterator[tuple[Requirement, str]]:
    """Yield what a database lacks, and what is wrong with it."""
    for requirement in REQUIREMENTS:
        if requirement.refuses or not only_refusing:
            said = requirement.find(engine)
            if said is not None:
                yield requirement, said
                if requirement is SESSION:
                    return  # nothing else can be asked


def require_fit(engine: Engine) -> None:
    """Raise DatabaseError where a database is one that nothing can be read from or written to rightly."""
    for requirement, said in unmet(engine, only_refusing=True):
        raise DatabaseError(f"{said} {requirement.advice}")
