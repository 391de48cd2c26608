"""The views that BI tools query: plain SQL files in `sql/`, made anew whenever a migration changed the tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import sql
from sqlalchemy import Engine, text

from etl.database.base import SCHEMA
from etl.database.engine import transaction

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


def exist(connection: PsycopgConnection[Any]) -> bool:
    """Return whether the views were made, and not dropped since."""
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{BI_SCHEMA}.{PUBLIC[-1]}"]).fetchone()
    return bool(found and found[0])


def rest_on_others(connection: PsycopgConnection[Any], *names: str) -> bool:
    """Return whether a view calls a function or operator that is neither PostgreSQL's nor ours.

    It does where it was made while schema public was looked into, as up to 0.1.0, and somebody had made one there.
    names: with their schemas; of all views that `create` makes where none is given.
    """
    made = names or [f"{schema}.{name}" for schema, name, _ in _made()]
    found = connection.execute(CALLED_BY_VIEWS, [list(made), [SCHEMA, BI_SCHEMA]]).fetchone()
    return bool(found and found[0])


def create(connection: PsycopgConnection[Any]) -> None:
    """Create all views and what they rest on, each after those that it reads."""
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(BI_SCHEMA)))
    # Whole histories are joined: the planner takes them for few rows (see refresh_figures.sql).
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute("SET LOCAL jit = off")
    for name in (ATTRIBUTE_VALUES, *INTERNAL, *MATERIALIZED, REFRESH, *PUBLIC):
        connection.execute((FOLDER / f"{name}.sql").read_bytes())


def drop(connection: PsycopgConnection[Any]) -> None:
    """Drop all views, the last one first; raise psycopg.Error when something that is not ours depends on one."""
    for statement in _drops():
        connection.execute(statement)


def refresh(engine: Engine) -> None:
    """Compute the materialised views anew, while others go on reading the old ones.

    Raise DatabaseError when they cannot be: they then stay as they are.
    """
    with transaction(engine) as connection:
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
