"""Holds a chart's figures, as Superset gives them, against plain SQL on the views, which `checks/` has for each chart.

The queries say what Superset does in English. In another language the words in it are translated first.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from etl.database.engine import transaction

CHECKS = Path(__file__).resolve().parent / "checks"
# These grow while one looks.
AGES = frozenset({"hours_waiting", "data_age_hours"})
HALF_AN_HOUR = 0.5
# How dark a field of the heat map is, which Superset adds.
ADDED = frozenset({"rank"})

Row = Mapping[str, Any]


def differences(superset: Iterable[Row], sql: Iterable[Row]) -> list[str]:
    """Return a line for each row that only one of the two has."""
    left, right = ([_told(one) for one in rows] for rows in (superset, sql))
    found = []
    for row in left:
        equal = next((one for one in right if _is_same(row, one)), None)
        if equal is None:
            found.append(f"only Superset has {row}")
        else:
            right.remove(equal)
    return found + [f"only SQL has {one}" for one in right]


def rows_of(engine: Engine, chart: str, say: Callable[[str], str]) -> list[Row]:
    """Return what the chart's query finds, with names and words as `say` translates them."""
    statement = (CHECKS / f"{chart}.sql").read_text(encoding="utf-8")
    with transaction(engine) as connection:
        connection.execute(text("SET LOCAL timezone = 'UTC'"))
        # No parameters: a colon in it is one.
        rows = connection.exec_driver_sql(statement).mappings().all()
    return [{say(name): say(value) if isinstance(value, str) else value for name, value in one.items()} for one in rows]


def _told(row: Row) -> dict[str, Any]:
    """Leave out what is not known, which Superset has as a key in some charts and in others not."""
    plain = {str(name): _plain(value) for name, value in row.items() if name not in ADDED}
    return {name: value for name, value in plain.items() if value is not None}


def _plain(value: Any) -> Any:
    """Return a number for times, as Superset has them, and for numbers of any kind."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC).timestamp() * 1000
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return None if math.isnan(value) else float(value)
    return value


def _is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_is_equal(name, one[name], other[name]) for name in one)


def _is_equal(name: str, one: Any, other: Any) -> bool:
    if not (isinstance(one, float) and isinstance(other, float)):
        return bool(one == other)
    # A time has milliseconds there, and microseconds here.
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=HALF_AN_HOUR if name in AGES else 1e-6)
