"""The views that BI tools query: plain SQL files in `sql/`, made anew whenever a migration changed the tables."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import sql
from sqlalchemy import Connection, text

from etl.database import session
from etl.database.base import SCHEMA
from etl.database.catalog import may_read
from etl.database.objects import Part, missing, said_of
from etl.load.upsert import psycopg_of

BI_SCHEMA = "bi"
FOLDER = Path(__file__).parent / "sql"

# What the views are made of, and what computes figures; only they read it, or call it.
INTERNAL = {
    "personal_data_access": "VIEW",
    "channel_names": "VIEW",
    "inbox_channels": "VIEW",
    "bot_names": "VIEW",
    "whole_runs": "VIEW",
    "complete_runs": "VIEW",
    "message_kinds": "VIEW",
    "business_hours": "VIEW",
    "business_days": "VIEW",
    "open_until": "FUNCTION",
    "business_seconds": "FUNCTION",
    "business_due": "FUNCTION",
    "is_muted": "FUNCTION",
    "evidence_of": "FUNCTION",
    "openings_of": "FUNCTION",
    "write_inbox_days": "FUNCTION",
    "write_openings": "FUNCTION",
    "write_waits": "FUNCTION",
    "write_events": "FUNCTION",
    "write_spans": "FUNCTION",
    "write_obligations": "FUNCTION",
    "write_sums": "FUNCTION",
    "mark_all_stale": "FUNCTION",
    "has_lost_figures": "FUNCTION",
    "csat_answers": "VIEW",
    "data_as_of": "VIEW",
    "surveys": "VIEW",
    "target_names": "VIEW",
    "target_periods": "VIEW",
    "owed": "VIEW",
    "owed_then": "VIEW",
    "owner_turns": "VIEW",
    "unresolved_times": "VIEW",
}
# Kept when the others are dropped: what a run asks for in any case, what notes whose figures are stale and which fields
# changed, and what computes figures, which may have been granted to the user of the runs.
KEPT = ("time_zone_links", "known_time_zone", "are_working_hours", "mark_stale", "note_changes", "refresh_figures")
# What is computed, and has to be read to tell whether it is lost.
FIGURES: tuple[str, ...] = ("stale_figures", "conversation_openings", "customer_waits", "conversation_events")
FIGURES += ("open_spans", "obligations", "conversation_sums")
# Up to 0008_readers materialised views, of which the tables have the names now; each before those that it reads.
ONCE_MATERIALIZED = ("customer_waits", "conversation_openings")
# What reads custom attributes; kept, as the views of their columns are, which rest on it.
ATTRIBUTE_VALUES = "attribute_values"
# Of two accounts whose runs end at the same time, the second waits until the figures of the first are computed.
LONGEST_WAIT_FOR_FIGURES = "15min"
PUBLIC = (
    "calendar",
    "known_days",
    "conversations",
    "conversation_metrics",
    "messages",
    "first_responses",
    "reply_times",
    "resolutions",
    "service_levels",
    "conversation_events",
    "conversation_history",
    "field_changes",
    "contacts",
    "agents",
    "teams",
    "team_members",
    "inboxes",
    "inbox_members",
    "csat",
    "daily_volume",
    "daily_agents",
    "daily_labels",
    "daily_backlog",
    "daily_contacts",
    "daily_deliveries",
    "daily_surveys",
    "hourly_agents",
    "daily_service_levels",
    "traffic_heatmap",
    "sync_health",
    "reconciliation",
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
REBUILD = text(f"SELECT {SCHEMA}.refresh_figures(CAST(:account_id AS bigint), :everything)")
LOST = f"SELECT bool_or({SCHEMA}.has_lost_figures(account_id)) FROM {SCHEMA}.accounts"  # noqa: S608 -- a constant
# Each after those that it reads.
_ALL = (*KEPT, *INTERNAL, *PUBLIC)


def missing_views(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with the views: what is missing, and figures that were restored without their rows."""
    for schema in (SCHEMA, BI_SCHEMA):
        if lacking := missing(connection, schema, parts(schema)):
            yield said_of(schema, lacking)
    if _are_lost(connection):
        yield f"Figures of schema {BI_SCHEMA} are gone: their tables were restored without rows."


def make_whole(connection: Connection) -> Iterator[str]:
    """Make the views that are missing, and compute figures that are; yield what was made.

    Each view that is missing is missing alone, or with those that rest on it: none of these is there without it.
    """
    raw = psycopg_of(connection)
    lacking = {part.name for schema in (SCHEMA, BI_SCHEMA) for part in missing(connection, schema, parts(schema))}
    names = {_file_of(name) for name in lacking}
    if rest_on_others(raw):
        drop(raw)
        names = set(_ALL)
    elif names >= {*INTERNAL, *PUBLIC}:  # as after a migration: what was kept may be of an earlier version
        names = set(_ALL)
    if names:
        create(raw, [name for name in _ALL if name in names])
        yield "all views" if names == set(_ALL) else f"the views {', '.join(sorted(names))}"
    if _are_lost(connection):
        session.lift_limits(raw)
        connection.execute(REBUILD, {"account_id": None, "everything": True})
        yield f"the figures of schema {BI_SCHEMA}"


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
    for name in (ATTRIBUTE_VALUES, *(names or _ALL)):
        connection.execute(_statements(name).encode())


def drop(connection: PsycopgConnection[Any]) -> None:
    """Drop all views, the last one first; raise psycopg.Error when something that is not ours depends on one."""
    for statement in _drops(_materialized(connection)):
        connection.execute(statement)


def refresh(connection: Connection, account_id: int | None = None, *, everything: bool = False) -> int:
    """Compute the figures of what changed, or everything, of an account or of all; return of how many conversations.

    Who reads meanwhile sees those of before. Raise DatabaseError when they cannot be computed: nothing has changed.
    """
    session.lift_limits(psycopg_of(connection))
    connection.execute(text(f"SET LOCAL lock_timeout = '{LONGEST_WAIT_FOR_FIGURES}'"))
    return int(connection.execute(REBUILD, {"account_id": account_id, "everything": everything}).scalar_one())


def _materialized(connection: PsycopgConnection[Any]) -> list[tuple[str, str, str]]:
    """Return schema, name and kind of what an earlier version had materialised; it lies between the others."""
    found = connection.execute(
        "SELECT matviewname FROM pg_matviews WHERE schemaname = %s AND matviewname = ANY (%s)",
        [SCHEMA, list(ONCE_MATERIALIZED)],
    )
    there = {name for (name,) in found}
    return [(SCHEMA, name, "MATERIALIZED VIEW") for name in ONCE_MATERIALIZED if name in there]


def _drops(materialized: list[tuple[str, str, str]]) -> Iterator[sql.Composed]:
    # Of a table that gets another name, as one that is partitioned, they would stay with the old rows.
    noting = "".join(_statements(name) for name in KEPT)
    for trigger, table in re.findall(r"TRIGGER (\w+) AFTER \w+ ON \w+\.(\w+)", noting):
        yield sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(sql.Identifier(trigger), sql.Identifier(SCHEMA, table))
    made = _made()
    internal, public = made[: len(INTERNAL)], made[len(INTERNAL) :]
    for schema, name, kind in (*reversed(public), *materialized, *reversed(internal)):
        yield sql.SQL("DROP " + kind + " IF EXISTS {}").format(sql.Identifier(schema, name))


def _made() -> list[tuple[str, str, str]]:
    """Return schema, name and kind of what `create` makes and `drop` drops."""
    return [(SCHEMA, name, kind) for name, kind in INTERNAL.items()] + [(BI_SCHEMA, name, "VIEW") for name in PUBLIC]


def parts(schema: str) -> set[Part]:
    """Return what is made in a schema."""
    if schema == BI_SCHEMA:
        return {Part("view", name) for name in PUBLIC}
    return {Part(kind.lower(), name) for _, kind, name in _kept()} | {
        Part(kind.lower(), name) for name, kind in INTERNAL.items()
    }


def _kept() -> Iterator[tuple[str, str, str]]:
    """Yield file, kind and name of the functions and triggers that are kept."""
    for name in KEPT:
        made = rf"^CREATE OR REPLACE (FUNCTION|TRIGGER) (?:{SCHEMA}\.)?(\w+)"
        yield from ((name, *part) for part in re.findall(made, _statements(name), re.MULTILINE))


def _statements(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def _file_of(part: str) -> str:
    """Return the file that makes a part: its own, but for functions and triggers that note what changed."""
    return part if part in _ALL else next(file for file, _, name in _kept() if name == part)


def _are_lost(connection: Connection) -> bool:
    """Return whether figures are gone, as after a restore; whoever may not ask, as no run needs to, does not know."""
    asked = ["accounts", "conversations", "messages", *FIGURES]
    return may_read(connection, SCHEMA, asked) and bool(connection.scalar(text(LOST)))
