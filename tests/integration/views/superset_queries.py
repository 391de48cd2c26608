"""What Superset asks the views for a chart, put together here as Superset does it, and what it makes of the answer."""

import json
from pathlib import Path
from typing import Any

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


def query_of(chart: dict) -> dict:
    """The one query of a chart, as its export has it."""
    (query,) = json.loads(chart["query_context"])["queries"]
    return query


def selected(chart: dict, chosen: tuple[str, ...] = ()) -> str:
    """The SQL of the chart's query, with the conditions of the filters that are chosen."""
    dataset, query = DATASETS[chart["dataset_uuid"]], query_of(chart)
    added = {one["column_name"]: one["expression"] for one in dataset["columns"] if "expression" in one}
    metrics = {one["metric_name"]: one["expression"] for one in dataset["metrics"]}
    columns = [one if isinstance(one, str) else one["label"] for one in query["columns"]]
    asked = [f"{added.get(one, one)} AS {one}" for one in columns]
    asked += [f"{metrics[one]} AS {one}" for one in query.get("metrics") or []]
    conditions = [condition(one) for one in query["filters"] if one["op"] != "TEMPORAL_RANGE"]
    conditions += chosen
    source = f"({dataset['sql']})" if "sql" in dataset else f"bi.{dataset['table_name']}"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = columns and query.get("metrics")
    by = f" GROUP BY {', '.join(str(number + 1) for number in range(len(columns)))}" if grouped else ""
    return f"SELECT {', '.join(asked)} FROM {source} AS source{where}{by}"


def condition(one: dict) -> str:
    return OPERATORS[one["op"]].format(col=one["col"], val=", ".join(f"'{value}'" for value in one.get("val") or ()))


def answer(engine: Engine, chart: dict, chosen: tuple[str, ...] = ()) -> list[Row]:
    """What the chart's query finds, with the values of a series as columns."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL timezone = 'UTC'"))
        found = [dict(one) for one in connection.exec_driver_sql(selected(chart, chosen)).mappings()]
    query = query_of(chart)
    for series in query.get("series_columns") or []:
        (metric,), axis = query["metrics"], query["columns"][0]["label"]
        by_axis: dict[Any, Row] = {}
        for one in found:
            by_axis.setdefault(one[axis], {axis: one[axis]})[one[series]] = one[metric]
        found = list(by_axis.values())
    return found


def without_days_of_nothing(rows: list[Row], chart: dict) -> list[Row]:
    """Superset fills the days of a line in, after the query."""
    query = query_of(chart)
    if all(one["operation"] != "resample" for one in query.get("post_processing") or []):
        return rows
    return [one for one in rows if any(one[metric] for metric in query["metrics"])]
