"""Holds what each chart of the dashboard asks against the plain SQL of its check, on the two written accounts.

A chart's query is put together here as Superset does it; `make dashboard` has Superset itself do it, on the demo.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

SUPERSET = Path(__file__).parents[3] / "bi" / "superset"

Row = dict[str, Any]


def read(folder: str) -> dict[str, dict]:
    files = sorted((SUPERSET / "export" / folder).rglob("*.yaml"))
    return {one.stem: yaml.load(one.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) for one in files}


DATASETS = {one["uuid"]: one for one in read("datasets").values()}
CHARTS = read("charts")
OPERATORS = {"IS NOT NULL": "{col} IS NOT NULL", "IS FALSE": "{col} IS FALSE", "IN": "{col} IN ({val})"}


@pytest.fixture(scope="module")
def compare():
    """bi/superset/compare.py, as the scripts beside it import it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SUPERSET)
        yield importlib.import_module("compare")


def selected(chart: dict) -> str:
    """The SQL of the chart's query."""
    dataset, (query,) = DATASETS[chart["dataset_uuid"]], json.loads(chart["query_context"])["queries"]
    added = {one["column_name"]: one["expression"] for one in dataset["columns"] if "expression" in one}
    metrics = {one["metric_name"]: one["expression"] for one in dataset["metrics"]}
    columns = [one if isinstance(one, str) else one["label"] for one in query["columns"]]
    asked = [f"{added.get(one, one)} AS {one}" for one in columns]
    asked += [f"{metrics[one]} AS {one}" for one in query.get("metrics") or []]
    conditions = [condition(one) for one in query["filters"] if one["op"] != "TEMPORAL_RANGE"]
    source = f"({dataset['sql']})" if "sql" in dataset else f"bi.{dataset['table_name']}"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = columns and query.get("metrics")
    by = f" GROUP BY {', '.join(str(number + 1) for number in range(len(columns)))}" if grouped else ""
    return f"SELECT {', '.join(asked)} FROM {source} AS source{where}{by}"


def condition(one: dict) -> str:
    return OPERATORS[one["op"]].format(col=one["col"], val=", ".join(f"'{value}'" for value in one.get("val") or ()))


def answer(engine: Engine, chart: dict) -> list[Row]:
    """What the chart's query finds, with the values of a series as columns."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL timezone = 'UTC'"))
        found = [dict(one) for one in connection.exec_driver_sql(selected(chart)).mappings()]
    (query,) = json.loads(chart["query_context"])["queries"]
    for series in query.get("series_columns") or []:
        (metric,), axis = query["metrics"], query["columns"][0]["label"]
        by_axis: dict[Any, Row] = {}
        for one in found:
            by_axis.setdefault(one[axis], {axis: one[axis]})[one[series]] = one[metric]
        found = list(by_axis.values())
    return found


def without_days_of_nothing(rows: list[Row], chart: dict) -> list[Row]:
    """Superset fills the days of a line in, after the query."""
    (query,) = json.loads(chart["query_context"])["queries"]
    if all(one["operation"] != "resample" for one in query.get("post_processing") or []):
        return rows
    return [one for one in rows if any(one[metric] for metric in query["metrics"])]


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_asks_for_what_plain_sql_on_the_views_says(name, written, compare):
    wanted = compare.rows_of(written, name, str)
    found = answer(written, CHARTS[name])
    assert found != []
    sides = (without_days_of_nothing([dict(one) for one in rows], CHARTS[name]) for rows in (found, wanted))
    assert compare.differences(*sides) == []
