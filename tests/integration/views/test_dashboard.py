"""Holds the dashboard's export to the views: what it asks for is there, and every expression and check in it runs.

Whether Superset draws it, and its figures are those of the checks, is tried by `make dashboard`, which needs Superset.
"""

import json
from functools import cache
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, make_url, text

SUPERSET = Path(__file__).parents[3] / "bi" / "superset"
EXPORT, CHECKS = SUPERSET / "export", SUPERSET / "checks"


@cache
def read(folder: str) -> dict[str, dict]:
    return {
        file.stem: yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        for file in sorted((EXPORT / folder).rglob("*.yaml"))
    }


DATASETS, CHARTS, DASHBOARDS = read("datasets"), read("charts"), read("dashboards")
BY_UUID = {one["uuid"]: one for one in DATASETS.values()}


def names(things: list[dict], key: str) -> set[str]:
    return {one[key] for one in things}


def dataset_of(chart: dict) -> dict:
    return BY_UUID[chart["dataset_uuid"]]


def columns_of(dataset: dict) -> set[str]:
    return names(dataset["columns"], "column_name")


def source_of(dataset: dict) -> str:
    """What the dataset reads: its view, or its own query over views."""
    query = dataset.get("sql")
    return f"({query}) AS {dataset['table_name']}" if query else f"bi.{dataset['table_name']}"


def rows(engine: Engine, statement: str) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(one) for one in connection.execute(text(statement))]


def columns_asked_by(query: dict) -> set[str]:
    asked = [one if isinstance(one, str) else one["sqlExpression"] for one in query["columns"]]
    return {*asked, *(one["col"] for one in query["filters"])}


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_has_the_columns_of_its_view_as_they_are(name, no_rows):
    kept = [one["column_name"] for one in DATASETS[name]["columns"] if "expression" not in one]
    with no_rows.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM {source_of(DATASETS[name])}")).keys()
    assert (DATASETS[name]["schema"], DATASETS[name]["table_name"], kept) == ("bi", name, list(found))


@pytest.mark.parametrize("name", DATASETS)
def test_every_metric_of_a_dataset_can_be_computed(name, no_rows):
    metrics = [one["expression"] for one in DATASETS[name]["metrics"]]
    assert len(rows(no_rows, f"SELECT {', '.join(metrics)} FROM {source_of(DATASETS[name])}")) == 1


@pytest.mark.parametrize("name", DATASETS)
def test_every_column_that_a_dataset_adds_can_be_computed(name, no_rows):
    added = [one["expression"] for one in DATASETS[name]["columns"] if "expression" in one] or ["1"]
    assert rows(no_rows, f"SELECT {', '.join(added)} FROM {source_of(DATASETS[name])}") == []


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_asks_its_dataset_for_nothing_that_it_has_not(name):
    dataset, queries = dataset_of(CHARTS[name]), json.loads(CHARTS[name]["query_context"])["queries"]
    asked = set().union(*(columns_asked_by(one) for one in queries))
    metrics = {metric for one in queries for metric in one.get("metrics") or []}
    assert asked - columns_of(dataset) == set()
    assert metrics - names(dataset["metrics"], "metric_name") == set()


@pytest.mark.parametrize("name", CHARTS)
def test_what_a_chart_draws_is_what_its_query_asks_for(name):
    params, (query,) = CHARTS[name]["params"], json.loads(CHARTS[name]["query_context"])["queries"]
    by = params.get("groupby") or []
    drawn = {params.get("x_axis"), *([by] if isinstance(by, str) else by), *params.get("all_columns", [])} - {None}
    metrics = {params.get("metric"), *params.get("metrics", [])} - {None}
    assert drawn - columns_asked_by(query) == set()
    assert metrics == set(query.get("metrics") or [])


@pytest.mark.parametrize("name", CHARTS)
def test_the_check_of_a_chart_runs_and_finds_the_columns_that_the_chart_has(name, no_rows):
    (query,) = json.loads(CHARTS[name]["query_context"])["queries"]
    with no_rows.connect() as connection:
        found = set(connection.exec_driver_sql((CHECKS / f"{name}.sql").read_text()).keys())
    series = set(query.get("series_columns") or [])
    asked = [one if isinstance(one, str) else one["label"] for one in query["columns"]]
    # The values of a series are columns, in the place of the metric.
    wanted = set(asked) - series | (set() if series else set(query.get("metrics") or []))
    assert (found - wanted == set()) is not bool(series)
    assert wanted - found == set()


def test_every_check_is_one_of_a_chart():
    assert sorted(one.stem for one in CHECKS.glob("*")) == sorted(CHARTS)


def test_the_dashboard_shows_every_chart():
    (dashboard,) = DASHBOARDS.values()
    shown = [one["meta"] for one in dashboard["position"].values() if isinstance(one, dict) and one["type"] == "CHART"]
    assert sorted(one["uuid"] for one in shown) == sorted(one["uuid"] for one in CHARTS.values())
    assert {one["uuid"]: one["sliceName"] for one in shown} == {
        one["uuid"]: one["slice_name"] for one in CHARTS.values()
    }


def test_a_filter_reaches_only_charts_that_have_its_column():
    (dashboard,) = DASHBOARDS.values()
    placed = [one["meta"] for one in dashboard["position"].values() if isinstance(one, dict) and one["type"] == "CHART"]
    by_uuid = {one["uuid"]: one for one in CHARTS.values()}
    for one in dashboard["metadata"]["native_filter_configuration"]:
        reached = [by_uuid[it["uuid"]] for it in placed if it["chartId"] not in one["scope"]["excluded"]]
        column = one["targets"][0].get("column", {}).get("name")
        if column:
            assert [it["slice_name"] for it in reached if column not in columns_of(dataset_of(it))] == []
            assert column in columns_of(BY_UUID[one["targets"][0]["datasetUuid"]])
        else:  # the filter of days: by the column that the chart itself names for it
            ranges = [it["params"]["adhoc_filters"] for it in reached]
            assert all(any(condition["operator"] == "TEMPORAL_RANGE" for condition in it) for it in ranges)


def test_the_filter_of_accounts_reaches_every_chart():
    (dashboard,) = DASHBOARDS.values()
    (one,) = [it for it in dashboard["metadata"]["native_filter_configuration"] if it["name"] == "Account"]
    assert (one["targets"][0]["column"]["name"], one["scope"]["excluded"]) == ("account_id", [])


# --- What a metric says of several accounts -------------------------------------------------------------------------


def metric(dataset: str, name: str) -> str:
    return next(one["expression"] for one in DATASETS[dataset]["metrics"] if one["metric_name"] == name)


@pytest.mark.parametrize(
    ("accounts", "said"),
    [
        # In UTC the second one is the older.
        ("('2025-03-02 03:00+00', 'UTC'), ('2025-03-02 01:00+00', 'Asia/Jerusalem')", "2025-03-02 03:00"),
        ("('2025-03-02 02:00+00', 'UTC'), ('2025-03-02 03:00+00', 'Asia/Jerusalem')", "2025-03-02 02:00"),
        ("('2025-03-02 02:00+00', 'UTC'), (NULL, 'UTC')", None),
    ],
)
def test_data_are_as_of_the_account_that_was_read_longest_ago(accounts, said, no_rows):
    table = f"(VALUES {accounts}) AS health (data_as_of, time_zone)"
    read = f"SELECT data_as_of::timestamptz, time_zone FROM {table}"
    ((found,),) = rows(no_rows, f"SELECT {metric('sync_health', 'data_as_of_local')} FROM ({read}) AS health")
    assert (found and f"{found:%Y-%m-%d %H:%M}") == said


@pytest.mark.parametrize(("backlogs", "said"), [("(2), (0), (3)", 5), ("(0)", 0), ("(2), (NULL)", None)])
def test_a_day_that_is_not_known_of_every_account_has_no_backlog(backlogs, said, no_rows):
    table = f"(VALUES {backlogs}) AS day (backlog)"
    assert rows(no_rows, f"SELECT {metric('daily_backlog', 'backlog')} FROM {table}") == [(said,)]


def test_the_export_leads_to_no_database_and_has_no_secret():
    (found,) = read("databases").values()
    url = make_url(found["sqlalchemy_uri"])
    assert (url.username, url.password, url.host) == ("reader", None, "database")
    assert all(one["database_uuid"] == found["uuid"] for one in DATASETS.values())
