"""Holds the metrics to themselves, to what views say of their columns, and to what is made of them."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "bi" / "dbt"
VIEWS = {"calls": {"key": ["account_id", "call_id"], "day": "called_on"}}
# What a view says of a column may need what it says of the one before: a metric stands alone.
LEANS = re.compile(r"^Those |^Times it |\blikewise\b|all these waits|the next five")
COUNT = {
    "name": "calls",
    "title": "Calls",
    "sentence": "Calls",
    "view": "calls",
    "unit": "messages",
    "chatwoot": "None",
}
COUNT |= {"aggregate": "count"}


def part(name: str) -> Any:
    """A part of docs/generate.py, as that imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module(f"parts.{name}")


@pytest.fixture(scope="module")
def metrics() -> Any:
    return part("metrics")


@pytest.fixture(scope="module")
def comments() -> dict[str, dict[str, str]]:
    return part("views").comments_by_view()


def read(path: str) -> dict[str, Any]:
    return yaml.load((PACKAGE / path).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def faults(metrics: Any, *told: dict[str, Any]) -> list[str]:
    return list(metrics.faults_of(metrics.Definitions.model_validate({"views": VIEWS, "metrics": list(told)})))


def test_the_file_is_read_and_contradicts_itself_nowhere(metrics):
    assert len(metrics.definitions().metrics) >= 50


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ([COUNT, COUNT | {"title": "Others"}], "calls is there twice"),
        ([COUNT, COUNT | {"name": "others"}], "Calls is there twice"),
        ([COUNT | {"view": "letters"}], "calls is of view letters, which is not among the views"),
        ([COUNT | {"aggregate": None}], "calls needs one of aggregate, ratio and expression"),
        ([COUNT | {"expression": "max(1)"}], "calls needs one of aggregate, ratio and expression"),
        ([COUNT | {"aggregate": None, "ratio": ["a1", "b1"]}], "calls divides metrics that its view has not"),
        ([COUNT | {"of": "seconds"}], "calls: a count is of rows, and everything else of an expression"),
        ([COUNT | {"aggregate": "sum"}], "calls: a count is of rows, and everything else of an expression"),
        ([COUNT | {"percentile": 0.9}], "calls: a percentile says which one, and nothing else does"),
        (
            [COUNT | {"aggregate": "percentile", "of": "seconds"}],
            "calls: a percentile says which one, and nothing else does",
        ),
        ([COUNT | {"weight": "seconds"}], "calls: only an average is weighed"),
        ([COUNT | {"stock": True}], "calls: only a sum is all known, or of a stock"),
        ([COUNT | {"aggregate": None, "expression": "max(1)", "where": "is_new"}], "calls: only an aggregate is of"),
    ],
)
def test_a_metric_that_is_not_defined_once_is_refused(told, fault, metrics):
    assert [one for one in faults(metrics, *told) if one.startswith(fault)] == faults(metrics, *told)


@pytest.mark.parametrize(
    "wrong",
    [{"aggregat": "count"}, {"aggregate": "mode"}, {"unit": "hours"}, {"name": "Calls"}, {"percentile": 90}],
)
def test_a_key_or_word_that_is_not_known_is_refused(wrong, metrics):
    with pytest.raises(ValidationError):
        faults(metrics, COUNT | wrong)


def test_the_sum_of_a_column_is_said_to_be_what_the_view_says_of_it(metrics, comments):
    summed = [one for one in metrics.definitions().metrics if one.aggregate == "sum" and one.of in comments[one.view]]
    said = {one.name: comments[one.view][one.of] for one in summed}
    alone = {name: one for name, one in said.items() if not LEANS.search(one)}
    assert len(alone) >= 20
    assert {one.name: one.sentence for one in summed if one.name in alone} == alone


def test_a_sentence_ends_without_a_stop_and_begins_with_a_capital(metrics):
    told = [said for one in metrics.definitions().metrics for said in (one.title, one.sentence, one.chatwoot)]
    assert [one for one in told if not re.fullmatch(r"[A-Z0-9].*[^.]", one)] == []


def test_superset_and_the_view_read_the_same_in_the_place_of_a_view(metrics):
    datasets = ROOT / "bi" / "superset" / "export" / "datasets" / "helpdesk"
    for name, view in metrics.definitions().views.items():
        if view.query:
            assert yaml.safe_load((datasets / f"{name}.yaml").read_text())["sql"] == view.query


def test_no_mart_has_what_is_personal(comments):
    columns = part("dbt_models").columns_of
    assert sorted(set(comments["conversations"]) - set(columns("conversations"))) == [
        "",
        "contact_email",
        "contact_name",
        "contact_phone",
        "custom_attributes",
    ]
    assert sorted(set(comments["csat"]) - set(columns("csat"))) == ["", "contact_name", "feedback", "review_notes"]


@pytest.mark.long
def test_the_package_has_no_model_that_is_not_made_of_the_definitions():
    made = {*part("dbt_models").model_files(), *part("dbt_metrics").metric_files(), "bi/dbt/models/sources.yml"}
    there = {one.relative_to(ROOT).as_posix() for one in (PACKAGE / "models").rglob("*") if one.is_file()}
    assert there == made


def test_metricflow_has_every_metric_that_is_a_number_and_no_measure_twice(metrics):
    told = read("models/marts/semantic.yml")
    named = [one["name"] for one in told["metrics"]]
    measures = [one["name"] for model in told["semantic_models"] for one in model["measures"]]
    assert [one.name for one in metrics.definitions().metrics if one.name not in named] == ["data_as_of_local"]
    assert len(set(named)) == len(named)
    assert len(set(measures)) == len(measures)
    assert {one["type"] for one in told["metrics"]} == {"simple", "ratio", "derived"}


def test_every_metric_of_dbt_is_described_by_a_text_that_is_there():
    texts = re.findall(r"{% docs (\w+) %}", (PACKAGE / "models" / "metrics.md").read_text(encoding="utf-8"))
    told = [one["description"] for one in read("models/marts/semantic.yml")["metrics"]]
    asked = [one.split("'")[1] for one in told if "doc(" in one]
    assert sorted(asked) == sorted(texts)
    assert [one for one in told if "doc(" not in one and not one.startswith("A part of ")] == []


def test_the_keys_of_the_tables_are_tested():
    (tables, _) = read("models/sources.yml")["sources"]
    (messages,) = [one for one in tables["tables"] if one["name"] == "messages"]
    tests = [next(iter(one.items())) for one in messages["data_tests"]]
    assert tests[0] == ("unique_together", {"arguments": {"columns": ["account_id", "id"]}})
    to = {"columns": ["account_id", "conversation_id"], "to_columns": ["account_id", "id"]}
    assert ("refers_to", {"arguments": to | {"to": "source('helpdesk', 'conversations')"}}) in tests
