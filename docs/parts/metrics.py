"""The metrics as bi/metrics.yml defines them, and the SQL of each, over the rows of its view."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).resolve().parents[2] / "bi" / "metrics.yml"
NAME = r"^[a-z][a-z0-9_]*[a-z0-9]$"
Counted = Literal[
    "agents",
    "answers",
    "assignments",
    "contacts",
    "conversations",
    "hand-offs",
    "handovers",
    "messages",
    "promises",
    "questions",
    "reopenings",
    "resolutions",
    "responses",
    "surveys",
    "teams",
]
MINUTE, HOUR, MILLISECONDS_OF_A_MINUTE = 60, 3600, 60000


class Definition(BaseModel):
    """What is read from the file: nothing may be in it that is not known here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(Definition):
    """Under which name, title and format a dataset of Superset has a metric; seconds are shown in minutes or hours."""

    name: str = Field(pattern=NAME)
    title: str
    shown: Literal["minutes", "hours"] | None = None
    format: str | None = None


class View(Definition):
    """What is read of a view, or in its place."""

    key: list[str]
    day: str | None = None
    dimensions: list[str] = []
    query: str | None = None


class Metric(Definition):
    """What bi/metrics.yml says of a metric; its head explains each key."""

    name: str = Field(pattern=NAME)
    title: str
    sentence: str
    view: str
    unit: Counted | Literal["rating", "seconds", "share", "time"]
    chatwoot: str
    aggregate: Literal["count", "sum", "average", "median", "percentile"] | None = None
    of: str | None = None
    percentile: float = Field(default=0.5, gt=0, lt=1)
    where: str | None = None
    weight: str | None = None
    all_known: bool = False
    stock: bool = False
    ratio: tuple[str, str] | None = None
    expression: str | None = None
    day: str | None = None
    superset: list[Shown] = []


class LeftOut(Definition):
    """Numeric columns of which no metric is made, as `view.column` or `*.column`, and why."""

    why: str
    columns: list[str]


class Definitions(Definition):
    """The whole file."""

    views: dict[str, View]
    left_out: list[LeftOut] = []
    metrics: list[Metric]


@cache
def definitions() -> Definitions:
    """Return what the file says; raise ValueError where it contradicts itself."""
    read = Definitions.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    if faults := [f"{FILE.name}: {one}" for one in faults_of(read)]:
        raise ValueError("\n".join(faults))
    return read


def faults_of(read: Definitions) -> Iterator[str]:
    """Yield what contradicts itself: names and titles that are there twice, and metrics without one definition."""
    for told in ([one.name for one in read.metrics], [one.title for one in read.metrics]):
        yield from (f"{one} is there twice" for one in sorted({one for one in told if told.count(one) > 1}))
    by_view = {(one.view, one.name) for one in read.metrics}
    for metric in read.metrics:
        if metric.view not in read.views:
            yield f"{metric.name} is of view {metric.view}, which is not among the views"
        if sum(one is not None for one in (metric.aggregate, metric.ratio, metric.expression)) != 1:
            yield f"{metric.name} needs one of aggregate, ratio and expression"
        if any((metric.view, one) not in by_view for one in metric.ratio or ()):
            yield f"{metric.name} divides metrics that its view has not"
        yield from (f"{metric.name}: {one}" for one in _faults_of_aggregate(metric))


def _faults_of_aggregate(metric: Metric) -> Iterator[str]:
    how = metric.aggregate
    if how and (metric.of is None) is not (how == "count"):
        yield "a count is of rows, and everything else of an expression"
    if (how == "percentile") is not ("percentile" in metric.model_fields_set):
        yield "a percentile says which one, and nothing else does"
    if metric.weight and how != "average":
        yield "only an average is weighed"
    if (metric.all_known or metric.stock) and how != "sum":
        yield "only a sum is all known, or of a stock"
    if not how and (metric.of or metric.where):
        yield "only an aggregate is of something, or of some rows"


def day_of(metric: Metric) -> str | None:
    """Return the column of the day on which the metric counts."""
    return metric.day or definitions().views[metric.view].day


def metric_named(name: str) -> Metric:
    """Return the metric of this name."""
    return next(one for one in definitions().metrics if one.name == name)


def source_of(view: str) -> str:
    """Return what stands after FROM: the view, or the query that is read in its place."""
    query = definitions().views[view].query
    return f"({query}) AS {view}" if query else f"bi.{view}"


def sql_of(metric: Metric) -> str:
    """Return the metric as an SQL expression over rows of its view, an aggregate."""
    if metric.expression:
        return metric.expression
    if metric.ratio:
        numerator, denominator = (sql_of(metric_named(one)) for one in metric.ratio)
        return f"{numerator}::numeric / nullif({denominator}, 0)"
    if metric.weight:
        total, weights = f"sum({metric.of} * {metric.weight})", f"sum({metric.weight})"
        known = f"{metric.of} IS NOT NULL" + (f" AND ({metric.where})" if metric.where else "")
        return f"{total}{_filter(metric.where)} / nullif({weights}{_filter(known)}, 0)"
    if metric.all_known:
        where = _filter(metric.where)
        return f"CASE WHEN count(*){where} = count({metric.of}){where} THEN sum({metric.of}){where} END"
    return _aggregate(metric) + _filter(metric.where)


def _aggregate(metric: Metric) -> str:
    if metric.aggregate in {"median", "percentile"}:
        return f"percentile_cont({metric.percentile}) WITHIN GROUP (ORDER BY {metric.of})"
    return {"count": "count(*)", "sum": f"sum({metric.of})", "average": f"avg({metric.of})"}[str(metric.aggregate)]


def _filter(condition: str | None) -> str:
    return f" FILTER (WHERE {condition})" if condition else ""


def shown_sql(metric: Metric, shown: Shown) -> str:
    """Return the expression as Superset shows it: durations in whole minutes, in milliseconds, or in hours."""
    expression = sql_of(metric)
    if shown.shown == "minutes":
        return f"round(({expression} / {MINUTE})::numeric) * {MILLISECONDS_OF_A_MINUTE}"
    return f"{expression} / {HOUR}" if shown.shown == "hours" else expression


def columns_counted(view: str) -> set[str]:
    """Return the words of a view's metrics, what it is grouped by among them, that may be columns."""
    told = definitions().views.get(view)
    found = {*told.dimensions} if told else set()
    for one in definitions().metrics:
        if one.view == view:
            found |= columns_named(" ".join(filter(None, (one.of, one.where, one.weight, one.expression))))
    return found


def columns_named(expression: str | None) -> set[str]:
    """Return the words of an expression that may be columns: neither in capitals nor called, cast to or quoted."""
    bare = re.sub(r"'(?:[^']|'')*'|::\w+", "", expression or "")
    return set(re.findall(r"\b[a-z_][a-z0-9_]*\b(?!\()", bare))
