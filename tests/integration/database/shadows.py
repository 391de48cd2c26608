"""Functions, operators and aggregates that somebody makes in schema public, so that they be taken for PostgreSQL's own.

Each has the argument types that a statement of the job, of a view or of a migration hands over, where PostgreSQL's own
has others that these are converted to: it would be the better match wherever schema public is looked into.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tests.databases import execute, plain

# Name, arguments, what it returns, and an expression for that. SQLAlchemy sends text as VARCHAR, the views hand over
# dates and numbers for `text` or "any".
FUNCTIONS = (
    ("hashtextextended", "varchar, integer", "bigint", "1"),
    ("pg_try_advisory_lock", "integer", "boolean", "true"),
    ("pg_advisory_xact_lock", "numeric", "void", "null"),
    ("to_regclass", "varchar", "regclass", "null"),
    ("timezone", "varchar, timestamptz", "timestamp", "now()::timestamp"),
    ("lower", "varchar", "text", "'x'"),
    ("length", "varchar", "integer", "1"),
    ("left", "varchar, integer", "text", "'x'"),
    ("replace", "text, varchar, varchar", "text", "'x'"),
    ("to_char", "date, text", "text", "'Monday'"),
    ("concat_ws", "text, bigint, bigint, date", "text", "'x'"),
    ("concat_ws", "text, text, text, date", "text", "'x'"),
    ("btrim", "varchar", "text", "'x'"),
    ("nextval", "text", "bigint", "1"),
    ("set_config", "varchar, varchar, boolean", "text", "'x'"),
    ("current_setting", "varchar", "text", "'x'"),
    ("jsonb_each", "json", "text", "'x'"),
    ("array_to_string", "text[], varchar", "text", "'x'"),
    ("generate_series", "timestamp, timestamptz, interval", "timestamp", "now()::timestamp"),
    ("date_trunc", "text, date", "timestamp", "now()::timestamp"),
    ("extract", "text, timestamptz", "numeric", "1"),
    ("coalesce", "text, text", "text", "'x'"),
    # These are PostgreSQL's own, argument by argument: who looks into schema public first calls them.
    ("btrim", "text", "text", "'x'"),
    ("lower", "text", "text", "'x'"),
    ("hashtextextended", "text, bigint", "bigint", "1"),
    ("format_type", "oid, bigint", "text", "'x'"),
)
# Symbol, the types left and right of it, and what it returns.
OPERATORS = (
    ("=", "text", "varchar", "boolean"),
    ("=", "varchar", "text", "boolean"),
    ("=", "varchar", "varchar", "boolean"),
    ("=", "bigint", "numeric", "boolean"),
    ("=", "jsonb", "text", "boolean"),
    ("<>", "text", "varchar", "boolean"),
    ("<", "varchar", "varchar", "boolean"),
    (">", "timestamptz", "text", "boolean"),
    ("||", "text", "varchar", "text"),
    ("||", "varchar", "varchar", "text"),
    ("||", "text", "bigint", "text"),
    ("||", "jsonb", "text", "jsonb"),
    ("->>", "jsonb", "varchar", "text"),
    ("->", "jsonb", "varchar", "jsonb"),
    ("-", "jsonb", "varchar", "jsonb"),
    ("~", "text", "varchar", "boolean"),
    ("@>", "varchar[]", "varchar[]", "boolean"),
    ("&&", "varchar[]", "varchar[]", "boolean"),
    ("+", "timestamptz", "text", "timestamptz"),
    ("->>", "jsonb", "text", "text"),
    ("#>>", "jsonb", "text[]", "text"),
    ("~", "text", "text", "boolean"),
    ("-", "timestamptz", "timestamptz", "interval"),
    ("-", "interval", "interval", "interval"),
    ("=", "text", "text", "boolean"),
)
# Aggregate, its argument, and the type of its state and result.
AGGREGATES = (("max", "varchar", "text"), ("min", "varchar", "text"), ("count", "varchar", "text"))

# That a function was called is told by a sequence of its own: it does not go back when a transaction does.
FUNCTION = """
    CREATE SEQUENCE public.{sequence};
    CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER COST 0.0001
    SET search_path = pg_catalog AS $$
    BEGIN PERFORM nextval({called}::regclass); RETURN {value}; END $$
"""


@contextmanager
def masked_reader(url: str) -> Iterator[str]:
    """Give everybody the right to create in schema public, as PostgreSQL 14 does; yield a role that logs in."""
    name = f"reader_{uuid.uuid4().hex[:12]}"
    execute(url, f"CREATE ROLE {name} LOGIN; GRANT CREATE ON SCHEMA public TO PUBLIC")
    try:
        yield name
    finally:
        execute(url, f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def cast(url: str, name: str) -> None:
    """Have a role make all of them in schema public."""
    with psycopg.connect(plain(url), user=name, autocommit=True) as connection:
        for function in FUNCTIONS:
            _create(connection, *function)
        values = {
            "boolean": "true",
            "text": "'x'::text",
            "jsonb": "'{}'::jsonb",
            "timestamptz": "now()",
            "interval": "interval '1 day'",
        }
        for number, (symbol, left, right, result) in enumerate(OPERATORS):
            _create(connection, f"operator_{number}", f"{left}, {right}", result, values[result])
            connection.execute(
                f"CREATE OPERATOR public.{symbol} (FUNCTION = public.operator_{number},"
                f" LEFTARG = {left}, RIGHTARG = {right})".encode()
            )
        for aggregate, argument, state in AGGREGATES:
            _create(connection, f"state_of_{aggregate}", f"{state}, {argument}", state, "'x'::text")
            connection.execute(
                f"CREATE AGGREGATE public.{aggregate}({argument})"
                f" (SFUNC = public.state_of_{aggregate}, STYPE = {state})".encode()
            )


def _create(connection: psycopg.Connection, name: str, arguments: str, result: str, value: str) -> None:
    sequence = sql.Identifier(f"{name}({arguments})")
    connection.execute(
        sql.SQL(FUNCTION).format(
            sequence=sequence,
            name=sql.Identifier(name),
            arguments=sql.SQL(arguments),
            result=sql.SQL(result),
            called=sql.Literal(f'public."{name}({arguments})"'),
            value=sql.SQL("" if result == "void" else value),
        )
    )


def called(url: str) -> list[str]:
    """Return which of them were ever called."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("SET search_path = pg_catalog, pg_temp")
        found = connection.execute(
            "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value > 0"
        )
        return [name for (name,) in found]
