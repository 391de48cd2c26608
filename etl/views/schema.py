"""The views that BI tools query: plain SQL files in `sql/`, made anew whenever a migration changed the tables."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import sql
from sqlalchemy import Connection, Engine, text

from etl.database import session
from etl.database.base import SCHEMA
from etl.database.catalog import may_read
from etl.database.engine import transaction
from etl.database.objects import Part, missing, said_of
from etl.errors import DatabaseError
from etl.load.upsert import psycopg_of

BI_SCHEMA = "bi"
FOLDER = Path(__file__).parent / "sql"

# What the views are made of; only they read it.
INTERNAL = {
    "personal_data_access": "VIEW",
    "channel_names": "VIEW",
    "inbox_channels": "VIEW",
    "bot_names": "VIEW",
    "business_hours": "VIEW",
    "business_days": "VIEW",
    "business_seconds": "FUNCTION",
    "message_kinds": "VIEW",
    "csat_answers": "VIEW",
}
# Computed by the runs, not by each query: a history has to be read from its beginning to tell how long somebody waited.
MATERIALIZED = ("conversation_openings", "customer_waits")
# What these are computed from; agents, say, come and go every night, and change no figure.
COMPUTED_FROM = ("inboxes", "conversations", "messages")
# Computes them; kept when the others are dropped, as it may have been granted to the user of the runs.
REFRESH = "refresh_figures"
# What reads custom attributes; kept, as the views of their columns are, which rest on it.
ATTRIBUTE_VALUES = "attribute_values"
# Of two accounts whose runs end at the same time, the second waits until the views of the first are computed.
LONGEST_WAIT_FOR_FIGURES = "15min"
PUBLIC = (
    "calendar",
    "conversations",
    "messages",
    "first_responses",
    "reply_times",
    "resolutions",
    "contacts",
    "csat",
    "daily_volume",
    "daily_agents",
    "daily_labels",
    "daily_backlog",
    "traffic_heatmap",
    "sync_health",
    "conversation_attributes",
    "contact_attributes",
)

# Of PostgreSQL's own functions and operators most are not written down, as they cannot be dropped.
CALLED_BY_VIEWS = """
    SELECT EXISTS (
        SELECT FROM unnest(%s::text[]) AS view
        JOIN pg_rewrite AS rule ON rule.ev_class = to_regclass(view)
        JOIN pg_depend AS called ON called.classid = 'pg_rewrite'::regclass AND called.objid = rule.oid
        LEFT JOIN pg_proc AS function ON called.refclassid = 'pg_proc'::regclass AND function.oid = called.refobjid
        LEFT JOIN pg_operator AS operator
          ON called.refclassid = 'pg_operator'::regclass AND operator.oid = called.refobjid
        JOIN pg_namespace AS schema ON schema.oid = coalesce(function.pronamespace, operator.oprnamespace)
        WHERE schema.nspname <> 'pg_catalog' AND schema.nspname <> ALL (%s)
    )
"""
EMPTY = f"""
    SELECT NOT EXISTS (SELECT FROM {SCHEMA}.{MATERIALIZED[0]}) AND EXISTS (SELECT FROM {SCHEMA}.conversations)
"""  # noqa: S608 -- only constants are formatted in
# Each after those that it reads.
_ALL = (*INTERNAL, *MATERIALIZED, REFRESH, *PUBLIC)


def missing_views(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with the views: what is missing, and what was restored without its rows."""
    for schema in (SCHEMA, BI_SCHEMA):
        if lacking := missing(connection, schema, parts(schema)):
            yield said_of(schema, lacking)
    for name in _never_computed(connection):
        yield f"{SCHEMA}.{name} was restored without its rows."
    if _are_empty(connection):
        yield f"The figures of schema {BI_SCHEMA} are empty, and there are conversations."


def make_whole(connection: Connection) -> Iterator[str]:
    """Make the views that are missing, and compute those that were restored without their rows; yield what was made.

    Each view that is missing is missing alone, or with those that rest on it: none of these is there without it.
    """
    raw = psycopg_of(connection)
    lacking = [part for schema in (SCHEMA, BI_SCHEMA) for part in missing(connection, schema, parts(schema))]
    names = {part.name for part in lacking if part.kind != "index"}
    is_lost = any(_owner_of(part.name) not in names for part in lacking if part.kind == "index")
    if is_lost or rest_on_others(raw):
        # One without its index cannot be computed by the runs.
        drop(raw)
        names = set(_ALL)
    if names:
        create(raw, [name for name in _ALL if name in names])
        yield "all views" if names == set(_ALL) else f"the views {', '.join(sorted(names))}"
    for name in MATERIALIZED if _are_empty(connection) else _never_computed(connection):
        session.lift_limits(raw)
        connection.execute(text(f"REFRESH MATERIALIZED VIEW {SCHEMA}.{name}"))
        yield f"the rows of {SCHEMA}.{name}"


def rest_on_others(connection: PsycopgConnection[Any], *names: str) -> bool:
    """Return whether a view calls a function or operator that is neither PostgreSQL's nor ours.

    It does where it was made while schema public was looked into, as up to 0.1.0, and somebody had made one there.
    names: with their schemas; of all views that `create` makes where none is given.
    """
    made = names or [f"{schema}.{name}" for schema, name, _ in _made()]
    found = connection.execute(CALLED_BY_VIEWS, [list(made), [SCHEMA, BI_SCHEMA]]).fetchone()
    return bool(found and found[0])


def create(connection: PsycopgConnection[Any], names: Iterable[str] = ()) -> None:
    """Create views, all unless some are named, and what they rest on, each after those that it reads."""
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [BI_SCHEMA]).fetchone():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BI_SCHEMA)))
    # Whole histories are joined: the planner takes them for few rows (see refresh_figures.sql).
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute("SET LOCAL jit = off")
    for name in (ATTRIBUTE_VALUES, *(names or _ALL)):
        connection.execute((FOLDER / f"{name}.sql").read_bytes())


def drop(connection: PsycopgConnection[Any]) -> None:
    """Drop all views, the last one first; raise psycopg.Error when something that is not ours depends on one."""
    for statement in _drops():
        connection.execute(statement)


def are_empty(engine: Engine) -> bool:
    """Return whether no figure was computed, as after a restore of rows alone, while there is something to compute."""
    with transaction(engine) as connection:
        return _are_empty(connection)


def refresh(engine: Engine) -> None:
    """Compute the materialised views anew, while others go on reading the old ones.

    Raise DatabaseError when they cannot be: they then stay as they are.
    """
    with transaction(engine) as connection:
        if never := _never_computed(connection):
            raise DatabaseError(f"{SCHEMA}.{never[0]} was restored without its rows. Run `etl migrate`.")
        session.lift_limits(psycopg_of(connection))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LONGEST_WAIT_FOR_FIGURES}'"))
        connection.execute(text(f"SELECT {SCHEMA}.{REFRESH}()"))


def _drops() -> Iterator[sql.Composed]:
    for schema, name, kind in reversed(_made()):
        yield sql.SQL("DROP " + kind + " IF EXISTS {}").format(sql.Identifier(schema, name))


def _made() -> list[tuple[str, str, str]]:
    """Return schema, name and kind of what `create` makes and `drop` drops."""
    made = [(SCHEMA, name, kind) for name, kind in INTERNAL.items()]
    made += [(SCHEMA, name, "MATERIALIZED VIEW") for name in MATERIALIZED]
    return made + [(BI_SCHEMA, name, "VIEW") for name in PUBLIC]


def parts(schema: str) -> set[Part]:
    """Return what is made in a schema."""
    if schema == BI_SCHEMA:
        return {Part("view", name) for name in PUBLIC}
    indexes = {Part("index", name) for of_one in map(_indexes, MATERIALIZED) for name in of_one}
    views = {Part(kind.lower(), name) for name, kind in INTERNAL.items()}
    return {*views, *(Part("materialized view", name) for name in MATERIALIZED), Part("function", REFRESH), *indexes}


def _indexes(name: str) -> list[str]:
    statements = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    return re.findall(r"^CREATE (?:UNIQUE )?INDEX (\w+)", statements, re.MULTILINE)


def _owner_of(index: str) -> str:
    return next(name for name in MATERIALIZED if index in _indexes(name))


def _are_empty(connection: Connection) -> bool:
    """Each conversation has an opening at least; whoever may not ask, as no run needs to, does not know."""
    may_ask = may_read(connection, SCHEMA, [MATERIALIZED[0], "conversations"])
    return may_ask and not _never_computed(connection) and bool(connection.scalar(text(EMPTY)))


def _never_computed(connection: Connection) -> list[str]:
    query = """
        SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE n.nspname = :schema AND relname = ANY(:names) AND relkind = 'm' AND NOT relispopulated ORDER BY 1
    """
    return list(connection.scalars(text(query), {"schema": SCHEMA, "names": list(MATERIALIZED)}))
