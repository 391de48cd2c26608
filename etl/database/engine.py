"""The way into PostgreSQL: the engine, and the one place where the driver's errors become ours."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, any_, create_engine, event, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from etl.database import embedded, keepalive, pooler, session
from etl.database.address import by_socket, engine_url, for_programs, named, parameters
from etl.errors import DatabaseError, EtlError, NoSession
from etl.settings.settings import DatabaseSettings

# PostgreSQL's messages for these quote the value, which may be personal data: only the kind of error is shown.
SHOW_VALUES = (
    errors.InvalidTextRepresentation,
    errors.InvalidDatetimeFormat,
    errors.DatetimeFieldOverflow,
    errors.NumericValueOutOfRange,
)
# What to do, by the driver's class of the error.
ADVICE = {
    errors.InsufficientPrivilege: "Grant it to the user of DATABASE_URL, or run `etl migrate` as the owner.",
    errors.ReadOnlySqlTransaction: "DATABASE_URL must lead to the primary, with a user who may write.",
    errors.DiskFull: "Free some space; what was saved stays, and the next run goes on from there.",
    errors.LockNotAvailable: "Another session holds a lock on the tables: see pg_locks, end it, and run again.",
    errors.AdminShutdown: "The server was stopped; run again when it is back: the run goes on where it was.",
    errors.UndefinedTable: "Run `etl migrate`.",
    errors.UndefinedFunction: "Run `etl migrate`.",
    errors.ObjectNotInPrerequisiteState: "Run `etl migrate`.",
    errors.IdleSessionTimeout: "It took this process for gone, which was suspended, perhaps; run again.",
    errors.DependentObjectsStillExist: "Drop what was made on top of it, and make it again afterwards.",
}

# Rows that it hides would be missing, which nobody would see. The same class as of other rights that are missing.
ADVICE_ON_POLICIES = (
    "Run as the owner of the tables, or as a role with BYPASSRLS: no policy may hide rows from the job."
)

# For how long after its last use a connection is taken for one without being asked.
SECONDS_BELIEVED = 1


@contextmanager
def open_database(settings: DatabaseSettings) -> Iterator[Engine]:
    """Yield an engine for the configured database; without one, for the embedded server, started as needed.

    Raise DatabaseError when the embedded server does not start. A configured one is tried by the first transaction.
    """
    engine = make_engine(address(settings))
    try:
        yield engine
    finally:
        engine.dispose()


def address(settings: DatabaseSettings) -> str:
    """Return the database's URL, password included: never log it."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return embedded.start(settings.home, "etl")


def demo_address(settings: DatabaseSettings) -> str:
    """Return the URL of the demo's own database, on the embedded server whatever is configured."""
    return embedded.start(settings.home, "demo")


def chosen_address(settings: DatabaseSettings, *, demo: bool) -> str:
    """Return the URL of the demo's own database, or else of the configured one."""
    return demo_address(settings) if demo else address(settings)


def psql_command(url: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that opens a database in psql, and the environment variables that it needs.

    Raise DatabaseError where there is no psql that the server lets in.

    The password goes by the environment: arguments can be read by every user of the machine.
    """
    found = parameters(url)
    shown, secrets = for_programs(found)
    return [_psql(found), shown], secrets


def _psql(found: dict[str, Any]) -> str:
    """Return the path of a psql that can speak to the server: that which comes with etl knows no TLS.

    Raise DatabaseError where TLS is demanded, and no other is installed.
    """
    demands_tls = found.get("sslmode") in {"require", "verify-ca", "verify-full"}
    is_local = by_socket(found)
    installed = None if is_local and not demands_tls else shutil.which("psql")
    if demands_tls and installed is None:
        raise DatabaseError(
            f"sslmode={found['sslmode']} in DATABASE_URL demands TLS, which the psql that comes with etl does not know."
            " Install PostgreSQL's own client (package postgresql-client): `etl psql` then calls that."
        )
    return installed or str(embedded.program("psql"))


def make_engine(url: str) -> Engine:
    """Make an engine whose connections are sessions of PostgreSQL, show up as `etl`, and begin as `session` has it.

    The first one raises NoSession where a pooler stands between that gives each transaction another.
    """
    found = parameters(url)
    # SQLAlchemy makes ports of its own for hosts without one.
    given = keepalive.defaults(found, "etl") | {"port": None} | found
    engine = create_engine(engine_url(found), connect_args=given, hide_parameters=True)
    _ask_after_a_rest(engine)
    pooler.watch(engine, where(engine))

    # Before SQLAlchemy asks a new connection anything itself.
    @event.listens_for(engine, "connect", insert=True)
    def prepare(connection: psycopg.Connection, _: object) -> None:
        session.prepare(connection)

    return engine


def _ask_after_a_rest(engine: Engine) -> None:
    """Have a connection asked whether it still is one, unless it was used a moment ago: each time costs a way there.

    As `pool_pre_ping` has it, that asks each time: where it is none, the pool makes new ones.
    """

    @event.listens_for(engine, "checkin")
    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        used_at = record.info.get("used_at")  # none of a new one
        if used_at is None or time.monotonic() - used_at < SECONDS_BELIEVED:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def require_sessions(url: str) -> None:
    """Raise NoSession as an engine does, for another program, which tells by itself what else is wrong."""
    engine = make_engine(url)
    try:
        engine.connect().close()
    except NoSession:
        raise
    except (DatabaseError, SQLAlchemyError, psycopg.Error):
        pass
    finally:
        engine.dispose()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction: committed at the end, rolled back by an exception.

    Raise DatabaseError for whatever the driver raises.
    """
    with translated(engine), engine.begin() as connection:
        try:
            yield connection
        except EtlError:
            # A signal may have raised it while a statement is under way: no rollback can be sent then, so close it.
            connection.invalidate()
            raise


@contextmanager
def question(engine: Engine) -> Iterator[Connection]:
    """Yield a connection for one statement that reads: without a transaction around it, which costs twice as much.

    Raise DatabaseError for whatever the driver raises.
    """
    with translated(engine), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            yield connection
        except EtlError:
            connection.invalidate()  # as in a transaction
            raise


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn what the driver raises into DatabaseError."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        raise DatabaseError(f"PostgreSQL at {where(engine)}: {explain(error)}") from error


def any_of(ids: Iterable[int]) -> ColumnElement[bool]:
    """Return what to compare a column of ids with: one array, where IN would take a parameter for each id."""
    return any_(literal(list(ids), ARRAY(BigInteger)))


def where(engine: Engine) -> str:
    """Name the server and database without user and password."""
    return named({**engine.url.query, "dbname": engine.url.database})


def explain(error: Exception) -> str:
    """Return the driver's own sentence, without statement, parameters, DETAIL and values: these are personal data."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if isinstance(cause, SHOW_VALUES):
        return f"a value was refused ({type(cause).__name__})."
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        if "row-level security" in cause.diag.message_primary:
            return f"{cause.diag.message_primary}. {ADVICE_ON_POLICIES}"
        advice = next((said for kind, said in ADVICE.items() if isinstance(cause, kind)), "")
        return f"{cause.diag.message_primary}. {advice}".strip()
    return " ".join(str(cause).split()) or type(cause).__name__
