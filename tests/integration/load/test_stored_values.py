"""What is stored of each kind of value, in every column of every table that the upsert writes."""

import json
import math
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Engine, Float, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from etl.database.base import SCHEMA
from etl.database.engine import translated
from etl.database.models import METADATA
from etl.errors import DatabaseError
from etl.load import upsert

ODD = "tab\t line\r\n back\\slash \\N \\u0041 \"quote\" 'it' {a,b} שלום 👩‍👩‍👧 \x01\x1f\x7f\x85\u2028\ufeff\uffff \n"
# The list that orjson refuses, as it has more than 254 levels.
DEEP: list[Any] = []
for _ in range(300):
    DEEP = [DEEP]

# By type: what is sent, and what PostgreSQL then shows as text.
WHOLE = [(0, "0"), (1, "1"), (2**63 - 1, "9223372036854775807"), (-(2**63), "-9223372036854775808")]
SMALL = [(0, "0"), (32767, "32767"), (-32768, "-32768")]
FLAGS = [(True, "true"), (False, "false")]
TEXTS = [(one, one) for one in ("", " ", ODD, "null", "NULL", "true", "{}", "[1]", '"', "\\", "NaN", "1e400")]
TIMES = [
    (datetime(2026, 3, 1, 23, 59, 59, 999999, UTC), "2026-03-01 23:59:59.999999+00"),
    (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01 12:00:00+00"),
    (datetime(2026, 3, 1, 12, 0, 0, 120000, UTC), "2026-03-01 12:00:00.12+00"),
    (datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-02-28 19:30:00+00"),
    (datetime(1969, 12, 31, 23, 59, 59, 1, UTC), "1969-12-31 23:59:59.000001+00"),
    (datetime.min.replace(tzinfo=UTC), "0001-01-01 00:00:00+00"),
    (datetime(99, 1, 2, tzinfo=UTC), "0099-01-02 00:00:00+00"),
    (datetime.max.replace(tzinfo=UTC), "9999-12-31 23:59:59.999999+00"),
]
NUMBERS = [
    (0.1, "0.1"), (0.1 + 0.2, "0.30000000000000004"), (-0.0, "-0"), (5e-324, "5e-324"), (1e-07, "1e-07"),
    (1e16, "1e+16"), (1.7976931348623157e308, "1.7976931348623157e+308"), (7, "7"), (10**30, "1e+30"),
    (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"),
]  # fmt: skip
OBJECTS: list[tuple[Any, str]] = [
    ({}, "{}"),
    ({"null": None, "": {"list": [None, [], {}]}}, '{"": {"list": [null, [], {}]}, "null": null}'),
    ({"b": 1, "aa": True, "a": "1"}, '{"a": "1", "b": 1, "aa": true}'),
    (
        {"whole": [2**63, 2**64 - 1, 2**64, -(2**64), 10**30], "fraction": 0.5},
        '{"whole": [9223372036854775808, 18446744073709551615, 18446744073709551616, -18446744073709551616,'
        ' 1000000000000000000000000000000], "fraction": 0.5}',
    ),
    (
        {"n": [0.1, -0.0, 1e-07, 1e16, 1.0, 5e-324, math.nan, math.inf]},
        '{"n": [0.1, 0.0, 0.0000001, 10000000000000000, 1.0, 0.' + "0" * 323 + "5, null, null]}",
    ),
    ({ODD: ODD}, json.dumps({ODD: ODD}, ensure_ascii=False)),
    ({"deep": DEEP}, '{"deep": ' + "[" * 301 + "]" * 301 + "}"),
]
VALUES: list[tuple[Any, str]] = [
    *OBJECTS, ([], "[]"), ([None, {"a": None}], '[null, {"a": null}]'), ("", '""'), ("null", '"null"'),
    (ODD, json.dumps(ODD, ensure_ascii=False)), (0, "0"), (1.5, "1.5"), (2**64, "18446744073709551616"),
    (True, "true"), (False, "false"),
]  # fmt: skip
LISTS = [
    ([], "{}"), ([""], '{""}'), (["null", "NULL", None], '{"null","NULL",NULL}'),
    (["a,b", "{c}", " d "], '{"a,b","{c}"," d "}'), (['"', "\\", "שלום"], '{"\\"","\\\\",שלום}'),
]  # fmt: skip
SMALL_LISTS = [([], "{}"), ([6, 7], "{6,7}"), ([-32768, None], "{-32768,NULL}")]


# The account is told otherwise; of the other two the upsert takes care by itself.
NOT_SENT = {"account_id", "first_synced_at", "changed_at"}


def examples_of(column: Column[Any]) -> list[tuple[Any, str | None]]:
    """What may be sent to a column, and what is then stored."""
    kind: TypeEngine[Any] = column.type
    found: list[tuple[Any, str | None]]
    if isinstance(kind, ARRAY):
        found = list(SMALL_LISTS if isinstance(kind.item_type, SmallInteger) else LISTS)
    elif isinstance(kind, JSONB):
        # Two are merged key by key.
        found = list(OBJECTS if column.name in {"extra", "digests"} else VALUES)
    else:
        of_kind = {SmallInteger: SMALL, BigInteger: WHOLE, Boolean: FLAGS, Text: TEXTS, DateTime: TIMES, Float: NUMBERS}
        found = list(next(those for known, those in of_kind.items() if isinstance(kind, known)))
    return found + [(None, None)] * bool(column.nullable)


def examples(table: str) -> tuple[list[dict[str, Any]], list[dict[str, str | None]]]:
    """Rows that together have every value in every column, each of an account of its own; and what is stored."""
    columns = [one for one in METADATA.tables[f"{SCHEMA}.{table}"].columns if one.computed is None]
    of_columns = {column.name: examples_of(column) for column in columns if column.name not in NOT_SENT}
    rows, stored = [], []
    for at in range(max(map(len, of_columns.values()))):
        pairs = {name: those[at % len(those)] for name, those in of_columns.items()}
        rows.append({"account_id": at + 1} | {name: sent for name, (sent, _) in pairs.items()})
        stored.append({"account_id": str(at + 1)} | {name: shown for name, (_, shown) in pairs.items()})
    return rows, stored


@pytest.mark.parametrize("table", upsert.ORDER)
def test_every_kind_of_value_is_stored_in_every_column_as_it_is(engine: Engine, table: str) -> None:
    rows, stored = examples(table)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # nobody refers to what is there
        assert upsert.save(connection, {table: rows})[table]["seen"] == len(rows)
        shown = ", ".join(f'"{name}"::text' for name in stored[0])
        found = connection.exec_driver_sql(f"SELECT {shown} FROM {SCHEMA}.{table} AS kept ORDER BY kept.account_id")
        assert [dict(row) for row in found.mappings()] == stored
        again = upsert.save(connection, {table: rows})[table]
    assert (again["seen"], again["unchanged"]) == (len(rows), len(rows))


@pytest.mark.parametrize("table", ["contacts", "messages", "attachments"])
def test_a_column_that_is_not_told_has_its_default(engine: Engine, table: str) -> None:
    row = {"account_id": 1, "id": 1} | {"messages": {"conversation_id": 1}, "attachments": {"message_id": 1}}.get(
        table, {}
    )
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        upsert.save(connection, {table: [row]})
        found = connection.exec_driver_sql(f"SELECT *, now() AS at FROM {SCHEMA}.{table}").mappings().one()
    given = {name: value for name, value in found.items() if value is not None and name not in row}
    at = given.pop("at")
    defaults = {"deleted": False, "partial": False} if table == "messages" else {}
    assert given == {"first_synced_at": at, "changed_at": at} | defaults


@pytest.mark.parametrize(
    "columns",
    [
        {"company_id": 2**63}, {"company_id": -(2**63) - 1}, {"company_id": 1.5}, {"company_id": "x"},
        {"company_id": True}, {"blocked": 1.5}, {"name": "a\0"}, {"name": "\ud800"}, {"extra": {"a": "\0"}},
        {"extra": {"\ud800": 1}}, {"created_at": "soon"}, {"last_activity_at": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_what_a_column_cannot_hold_is_refused_and_nothing_is_stored(engine: Engine, columns: dict[str, Any]) -> None:
    rows = [{"account_id": 1, "base_url": "u"}], [{"account_id": 1, "id": 1} | columns]
    with pytest.raises(DatabaseError), translated(engine), engine.begin() as connection:
        upsert.save(connection, dict(zip(("accounts", "contacts"), rows, strict=True)))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM helpdesk.accounts").scalar() == 0


def test_rows_of_which_few_fit_in_one_statement_are_all_saved_and_counted(engine: Engine) -> None:
    sizes = [1, upsert.LONGEST_SLICE // 2, upsert.LONGEST_SLICE * 3, *[upsert.LONGEST_SLICE // 3] * 7, 2]
    rows = [{"account_id": 1, "id": at, "name": "נ" * (size // 2)} for at, size in enumerate(sizes)]
    with engine.begin() as connection:
        upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "u"}], "contacts": rows[:6]})
    rows[2]["name"] = "changed"
    with engine.begin() as connection:
        counts = upsert.save(connection, {"contacts": rows[::-1]})
        found = connection.exec_driver_sql("SELECT account_id, id, name FROM helpdesk.contacts ORDER BY id").mappings()
        assert [dict(row) for row in found] == rows
    assert counts == {"contacts": {"seen": 11, "inserted": 5, "updated": 1, "unchanged": 5}}


def test_rows_on_their_way_take_no_more_memory_than_the_statement_needs(engine: Engine) -> None:
    """Some copies of what is sent, and not a buffer of several kilobytes for each row, as orjson leaves it."""
    rows = [{"account_id": 1, "id": number, "name": "x" * 150} for number in range(4_000)]
    sent = len(json.dumps(rows))
    assert sent < upsert.LONGEST_SLICE
    with engine.begin() as connection:
        upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "u"}], "contacts": rows[:1]})
        tracemalloc.start()
        upsert.save(connection, {"contacts": rows})
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 8 * sent


def test_what_orjson_refuses_is_stored_wherever_a_statement_ends(engine: Engine) -> None:
    odd: list[Any] = [DEEP, 2**70, -(2**70), [], "x" * (upsert.LONGEST_SLICE - 60), DEEP, "]", "[{", 2**64, True, 1.5]
    rows = [{"account_id": 1, "id": at, "extra": {"odd": value}} for at, value in enumerate(odd)]
    with engine.begin() as connection:
        counts = upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "u"}], "contacts": rows})
        found = connection.exec_driver_sql("SELECT extra -> 'odd' FROM helpdesk.contacts ORDER BY id").scalars().all()
    assert (found, counts["contacts"]["inserted"]) == (odd, len(odd))


def test_a_table_that_had_another_column_once_takes_rows_as_before(engine: Engine) -> None:
    saved = {"accounts": [{"account_id": 1, "base_url": "u"}], "contacts": [{"account_id": 1, "id": 1, "name": "a"}]}
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE helpdesk.contacts ADD mood text DEFAULT 'x', ADD note text")
        connection.exec_driver_sql("ALTER TABLE helpdesk.contacts DROP mood")
    with engine.begin() as connection:
        assert upsert.save(connection, saved)["contacts"]["inserted"] == 1
        found = connection.exec_driver_sql("SELECT id, name, note FROM helpdesk.contacts").all()
    assert [tuple(row) for row in found] == [(1, "a", None)]
