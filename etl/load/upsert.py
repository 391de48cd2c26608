"""The upsert of a batch: one statement for the rows of one shape, which are its parameter, in JSON.

Rows of one shape (the same set of columns) go together, so that a column which a payload did not have is not touched.
Rows that would not change are not rewritten. Parents come before children and rows in key order, so that two writers
never wait for each other.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from types import MappingProxyType
from typing import Any

import orjson
from psycopg import Connection as PsycopgConnection
from psycopg import sql
from psycopg.types.json import Json
from sqlalchemy import Connection, Float, Table, text

from etl.database.base import NOT_COMPARED, SCHEMA
from etl.database.models import METADATA

Row = dict[str, Any]
Shape = tuple[str, ...]
Paths = Mapping[str, Mapping[str, tuple[str, ...]]]

ORDER = (
    "accounts",
    "inboxes",
    "teams",
    "agents",
    "bots",
    "contacts",
    "labels",
    "custom_attribute_definitions",
    "sla_policies",
    "campaigns",
    "conversations",
    "conversation_labels",
    "messages",
    "attachments",
    "csat_responses",
    "reporting_events",
)
# What a row belongs to for good: one that is found elsewhere is locked and left as it is, unless rows shall move.
HOLDERS = {"messages": "conversation_id"}
# What PostgreSQL makes of a slice stays within work_mem, whose default is 4 MB.
LONGEST_SLICE = 1_000_000


def save(
    connection: Connection, rows: dict[str, list[Row]], told: Paths = MappingProxyType({}), *, moving: bool = False
) -> dict[str, Counter[str]]:
    """Upsert the rows of several tables, parents first; return {table: {seen, inserted, updated, unchanged}}.

    A row is {column: value} and has every key column. An `extra` is merged into the one that is there, key by key.
    told: table -> column -> keys of `extra` that hold what the column could not: they go when a row has the column.
    moving: whether messages that are found in another conversation become those of this one.
    """
    raw = psycopg_of(connection)
    return {table: _upsert(raw, table, rows[table], told.get(table, {}), moving) for table in ORDER if rows.get(table)}


def psycopg_of(connection: Connection) -> PsycopgConnection[Any]:
    """Return the driver's own connection below SQLAlchemy's."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, PsycopgConnection):
        raise TypeError("the upsert needs a psycopg connection")
    return raw


def _upsert(
    connection: PsycopgConnection[Any],
    table_name: str,
    rows: Iterable[Row],
    told: Mapping[str, Shape],
    moving: bool,
) -> Counter[str]:
    """Upsert rows of one table, in order of their keys, those of each shape at once."""
    keys = METADATA.tables[f"{SCHEMA}.{table_name}"].primary_key.columns.keys()
    shapes: dict[Shape, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=itemgetter(*keys)):
        shapes[_shape(table_name, tuple(row))].append(row)
    count = Counter[str](seen=sum(map(len, shapes.values())))
    for shape in sorted(shapes):
        outdated = tuple(key for name in shape if name not in keys for key in told.get(name, ()))
        merge = _merge_statement(table_name, shape, outdated, moving)
        for rows_as_json in _slices(_spelled(table_name, shape, shapes[shape])):
            inserted, updated = connection.execute(merge, [Json(rows_as_json, bytes)]).fetchone() or (0, 0)
            count.update(inserted=inserted, updated=updated)
    count["unchanged"] = count["seen"] - count["inserted"] - count["updated"]
    return count


@lru_cache(maxsize=10_000)
def _shape(table_name: str, keys: tuple[str, ...]) -> Shape:
    """Return the columns among the keys of a row, in the table's own order."""
    names = METADATA.tables[f"{SCHEMA}.{table_name}"].columns.keys()
    return tuple(name for name in names if name in keys)


def _spelled(table_name: str, shape: Shape, rows: list[Row]) -> Iterable[Row]:
    """Spell numbers with a fraction as text, as JSON has neither NaN nor infinity, and would make them null."""
    columns = METADATA.tables[f"{SCHEMA}.{table_name}"].columns
    if fractions := [name for name in shape if isinstance(columns[name].type, Float)]:
        return (row | {name: str(row[name]) for name in fractions if row[name] is not None} for row in rows)
    return rows


def _slices(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as arrays in JSON, each as long as one parameter may be."""
    taken = bytearray()
    for row in rows:
        taken += b"," if taken else b"["
        taken += _as_json(row)  # copied, as orjson leaves each row in a buffer many times as long
        if len(taken) >= LONGEST_SLICE:
            yield bytes(taken + b"]")
            taken.clear()
    if taken:
        yield bytes(taken + b"]")


def _as_json(row: Row) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        return orjson.dumps({name: orjson.Fragment(_value_as_json(value)) for name, value in row.items()})


def _value_as_json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()  # numbers beyond 64 bits are beyond orjson


@lru_cache(maxsize=1_000)
def _merge_statement(table_name: str, shape: Shape, outdated: Shape, moving: bool) -> bytes:
    """Write the INSERT ... ON CONFLICT of rows of one shape, which are its parameter; it returns inserted, updated.

    Once for all batches: composing it takes longer than executing it.
    outdated: keys of `extra` that go.
    """
    table = METADATA.tables[f"{SCHEMA}.{table_name}"]
    statement = sql.SQL(
        "WITH merged AS (INSERT INTO {table} AS kept ({columns})"
        " SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"
        " ON CONFLICT ({keys}) DO {update} RETURNING {inserted} AS inserted)"
        " SELECT count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted) FROM merged"
    ).format(
        table=sql.Identifier(SCHEMA, table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, shape)),
        keys=sql.SQL(", ").join(sql.Identifier(column.name) for column in table.primary_key),
        update=_update(table, shape, outdated, None if moving else HOLDERS.get(table_name)),
        # Not by xmax, which tables in partitions do not give. A row of keys alone is inserted, or not returned.
        inserted=sql.SQL("kept.first_synced_at = now()" if "first_synced_at" in table.columns else "true"),
    )
    return statement.as_bytes()


def _update(table: Table, shape: Shape, outdated: Shape, holder: str | None) -> sql.Composable:
    """Write what becomes of a row that is there: it is locked in any case, and updated where it differs.

    holder: a column in which rows have to agree to be updated.
    """
    others = [name for name in shape if name not in table.primary_key.columns]
    if outdated and "extra" in table.columns and "extra" not in shape:
        others.append("extra")
    compared = [name for name in others if NOT_COMPARED not in table.columns[name].info]
    if not compared:
        return sql.SQL("NOTHING")
    values = {name: _new_value(name, shape, outdated) for name in others}
    sets: list[sql.Composable] = [
        sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()
    ]
    if "changed_at" in table.columns:
        sets.append(sql.SQL("changed_at = now()"))
    return sql.SQL("UPDATE SET {} WHERE {}({}) IS DISTINCT FROM ({})").format(
        sql.SQL(", ").join(sets),
        sql.SQL("kept.{0} = excluded.{0} AND ").format(sql.Identifier(holder)) if holder else sql.SQL(""),
        sql.SQL(", ").join(sql.SQL("kept.{}").format(sql.Identifier(name)) for name in compared),
        sql.SQL(", ").join(values[name] for name in compared),
    )


def _new_value(name: str, shape: Shape, outdated: Shape) -> sql.Composable:
    """Return what a column becomes; `extra` and `digests` keep the keys that another shape of the record brought."""
    if name == "digests":
        return sql.SQL("(coalesce(kept.digests, '{}') || excluded.digests)")
    if name != "extra":
        return sql.SQL("excluded.{}").format(sql.Identifier(name))
    kept = sql.SQL("kept.extra - {}::text[]").format(sql.Literal(list(outdated)))
    if "extra" in shape:
        return sql.SQL("(coalesce({}, '{{}}') || excluded.extra)").format(kept)
    return sql.SQL("nullif({}, '{{}}')").format(kept)


def analyze(connection: Connection) -> None:
    """Have the planner look at the tables.

    Of new tables it knows nothing until autovacuum comes by, and plans as if every account had few rows: the checks of
    the foreign keys then read through whole tables for each row.
    """
    connection.execute(text("ANALYZE " + ", ".join(f"{SCHEMA}.{table}" for table in (*ORDER, "conversation_states"))))


def replace_children(
    connection: Connection, account_id: int, parents: dict[str, list[int]], rows: dict[str, list[Row]]
) -> None:
    """Delete the labels and attachments that their parents, whose children are all in `rows`, no longer have.

    parents: "conversation_labels" -> conversation ids, "attachments" -> message ids.
    """
    for table, parent, child in (
        ("conversation_labels", "conversation_id", "label"),
        ("attachments", "message_id", "id"),
    ):
        if parents.get(table):
            kept = [(row[parent], row[child]) for row in rows.get(table, [])]
            statement = sql.SQL(
                "DELETE FROM {table} AS held WHERE account_id = %s AND {parent} = ANY(%s) AND NOT EXISTS"
                " (SELECT FROM unnest(%s::bigint[], %s::{type}[]) AS kept(parent, child)"
                " WHERE kept.parent = held.{parent} AND kept.child = held.{child})"
            ).format(
                table=sql.Identifier(SCHEMA, table),
                parent=sql.Identifier(parent),
                child=sql.Identifier(child),
                type=sql.SQL("text" if child == "label" else "bigint"),
            )
            values = (account_id, parents[table], [pair[0] for pair in kept], [pair[1] for pair in kept])
            psycopg_of(connection).execute(statement, values)
