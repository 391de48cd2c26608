"""What a database has to be and to allow: each with how it is found out, what is wrong, and what to do about it.

`etl check` has a line for each that is not met, docs/operations.md a table of all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from etl.database import limits, pooler, rights
from etl.database.engine import transaction, where
from etl.database.shadowing import everybody_may_create, others_may_create
from etl.errors import NoSession, Unfit

OLDEST_SERVER = 14


@dataclass(frozen=True)
class Requirement:
    """Something that a database has to be or to allow.

    name: the word that its line begins with. wanted: it, as the table in operations.md has it. find: returns what is
    wrong, in a sentence, None where nothing is; asks catalogs that everybody may read. advice: what to do.
    refuses: whether no command goes on without it; of the others only the check tells, `note` where is_fault is False.
    """

    name: str
    wanted: str
    find: Callable[[Connection], str | None]
    advice: str
    refuses: bool = False
    is_fault: bool = True


def _is_a_session(_: Connection) -> None:
    """Return None: where it is none, nobody gets as far as a connection (`unmet`)."""


def _old_server(connection: Connection) -> str | None:
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    version = connection.scalar(text("SHOW server_version"))
    if number >= OLDEST_SERVER * 10_000:
        return None
    return f"PostgreSQL at {where(connection.engine)} is version {version}; etl needs {OLDEST_SERVER} or newer."


def _other_encoding(connection: Connection) -> str | None:
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding == "UTF8":
        return None
    place = where(connection.engine)
    return f"{place} is in the encoding {encoding}, which cannot hold all that people write; etl needs UTF8."


def _no_triggers(connection: Connection) -> str | None:
    role = connection.scalar(text("SHOW session_replication_role"))
    if role != "replica":
        return None
    place = where(connection.engine)
    return f"Sessions in {place} begin as a replica's: foreign keys are not checked and triggers do not fire."


SESSION = Requirement(
    "session",
    "Sessions of PostgreSQL: no connection pooler in between, or one in session mode",
    _is_a_session,
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
        "others",
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
    Requirement(
        "foreign",
        "A schema `helpdesk` that etl made, or none",
        rights.schema_of_others,
        "Use another database; after a restore, restore the whole schema, alembic_version included.",
        refuses=True,
    ),
    Requirement(
        "policies",
        "No row security on the tables that holds for the user: what it hides, the job would take for missing",
        rights.hidden_rows,
        "Let the owner of the tables run the job, or ALTER ROLE ... BYPASSRLS.",
        refuses=True,
    ),
    Requirement(
        "writes",
        "The primary, and a user who may write",
        rights.read_only,
        "Set DATABASE_URL to the primary, or ALTER ROLE (DATABASE) ... RESET default_transaction_read_only.",
    ),
    Requirement(
        "create",
        "The right to create schemas, as long as one of `helpdesk`, `bi` and `etl_jobs` is not there",
        rights.no_right_to_create,
        "GRANT CREATE ON DATABASE ... TO the user, or run `etl migrate` as one who may.",
    ),
    Requirement(
        "owner",
        "Schemas in which the user may create, as long as `etl migrate` has not been",
        rights.closed_schema,
        "ALTER SCHEMA ... OWNER TO the user, or run `etl migrate` as its owner.",
    ),
    Requirement(
        "language",
        "The language plpgsql, which every new database has",
        limits.no_language,
        "CREATE EXTENSION plpgsql, as a superuser.",
    ),
    Requirement(
        "temp",
        "The right to make temporary tables, as long as `etl migrate` has not been",
        rights.no_temporary_tables,
        "GRANT TEMPORARY ON DATABASE ... TO the user, or run `etl migrate` as one who may.",
    ),
    Requirement(
        "rights",
        "The rights to the tables of `helpdesk` and to `refresh_figures()`",
        rights.no_right_to_tables,
        "Grant them as the owner: operations.md, A user for the runs only, has the statements.",
    ),
    Requirement(
        "queue",
        "The rights to the tables of `etl_jobs`, for a worker and for `--queue`",
        rights.no_right_to_queue,
        "A run needs none of them. For a worker: operations.md, A user for the runs only.",
        is_fault=False,
    ),
    Requirement(
        "views",
        "Views whose owner may read the tables",
        rights.powerless_owner,
        "ALTER VIEW ... OWNER TO the owner of the tables, or REASSIGN OWNED BY ... TO ....",
    ),
    Requirement(
        "timeouts",
        f"No statement_timeout or transaction_timeout below {limits.SHORTEST_TIMEOUT // 1000} s for the user;"
        " `etl migrate` and the figures have none, connections that are idle neither",
        limits.short_timeouts,
        "ALTER ROLE ... SET statement_timeout = 0 (transaction_timeout), or leave them at a minute or more.",
    ),
    Requirement(
        "sessions",
        f"{limits.CONNECTIONS_OF_A_RUN} connections for a run that are not taken by others, by the limits of role,"
        " database and server",
        limits.no_connections_for_a_run,
        "ALTER ROLE (DATABASE) ... CONNECTION LIMIT, a higher max_connections, or end what holds them.",
    ),
    Requirement(
        "workers",
        f"{limits.CONNECTIONS_OF_A_WORKER} connections for each worker, likewise",
        limits.no_connections_for_a_worker,
        "A run has enough of them. For a worker raise the limit.",
        is_fault=False,
    ),
    Requirement(
        "disk",
        f"{limits.ROOM_ON_DISK // 2**20} MB free where the data lie: asked of the embedded server, and of others on"
        " this machine by a superuser; no other tells",
        limits.little_disk,
        "Free some, or move the data.",
    ),
    Requirement(
        "sorting",
        f"A temp_file_limit of {limits.ROOM_TO_SORT // 2**30} GB or more, or none: figures are sorted on disk",
        limits.little_room_to_sort,
        "ALTER ROLE ... SET temp_file_limit = -1, as a superuser, if the figures fail.",
        is_fault=False,
    ),
    Requirement(
        "standby",
        "A connected standby, where commits wait for one",
        limits.lost_standby,
        "Bring it back, or SET synchronous_commit = local for the user: a run would wait for good.",
    ),
    Requirement(
        "indexes",
        "Indexes made by the rules by which texts are sorted now, as PostgreSQL 15 and newer tell",
        limits.other_collation,
        "REINDEX DATABASE ..., then ALTER DATABASE ... REFRESH COLLATION VERSION: rows may not be found by them.",
    ),
)


def unmet(engine: Engine, only_refusing: bool = False) -> list[tuple[Requirement, str]]:
    """Return what a database lacks, and what is wrong with it; nothing after what refuses all commands."""
    try:
        with transaction(engine) as connection:
            return list(_lacking(connection, only_refusing))
    except NoSession:
        return [(SESSION, pooler.said(where(engine)))]


def _lacking(connection: Connection, only_refusing: bool) -> Iterator[tuple[Requirement, str]]:
    for requirement in REQUIREMENTS:
        if requirement.refuses or not only_refusing:
            said = requirement.find(connection)
            if said is not None:
                yield requirement, said
                if requirement.refuses:
                    return


def require_fit(engine: Engine) -> None:
    """Raise DatabaseError where a database is one that nothing can be read from or written to rightly."""
    for requirement, said in unmet(engine, only_refusing=True):
        raise Unfit(f"{said} {requirement.advice}")
