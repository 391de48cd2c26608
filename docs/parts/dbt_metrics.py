"""What MetricFlow is told: a semantic model for each mart, and the metrics."""

from parts.dbt import Node, written
from parts.dbt_models import CONVERSATIONS, FOLDER, FROM, KEY, OF_THE_DAY, mart_of, views_with_a_mart
from parts.metrics import Metric, View, definitions

PATH = f"{FOLDER}/marts/semantic.yml"
DOCS_PATH = f"{FOLDER}/metrics.md"
SIMPLE, RATIO, DERIVED = "simple", "ratio", "derived"
# MetricFlow has these words for itself.
RESERVED = {"day": "counted_on", "hour": "hour_of_day"}


def metrics_in_dbt() -> list[Metric]:
    """Return the metrics that are numbers of a day."""
    return [one for one in definitions().metrics if not one.expression]


def metric_files() -> dict[str, str]:
    """Return the semantic models with the metrics, and the texts on these, by their paths."""
    models = [_semantic_model(name, view) for name, view in views_with_a_mart().items()]
    metrics = [node for one in metrics_in_dbt() for node in _metric_nodes(one)]
    head = f"# {FROM}\n"
    return {PATH: written(head, {"semantic_models": models, "metrics": metrics}), DOCS_PATH: _docs()}


def _docs() -> str:
    blocks = (
        f"\n{{% docs {one.name} %}}\n{one.sentence}.\n\nChatwoot: {one.chatwoot}.\n{{% enddocs %}}\n"
        for one in metrics_in_dbt()
    )
    return f"<!-- {FROM} -->\n" + "".join(blocks)


def _semantic_model(name: str, view: View) -> Node:
    is_of_conversations = "conversation_id" in view.key
    kind = "primary" if name == CONVERSATIONS else "foreign"
    entities = [{"name": "conversation", "type": kind, "expr": KEY}] if is_of_conversations else []
    return {
        "name": mart_of(name),
        "model": f"ref('{mart_of(name)}')",
        "defaults": {"agg_time_dimension": _dimension(str(view.day))["name"]},
        **({} if name == CONVERSATIONS else {"primary_entity": name}),
        "entities": entities,
        "dimensions": [*_times(name, view), *_categories(view)],
        "measures": [node for one in metrics_in_dbt() if one.view == name for node in _measures(one, view)],
    }


def _times(name: str, view: View) -> list[Node]:
    days = {view.day, *(one.day for one in metrics_in_dbt() if one.view == name)} - {None}
    return [
        _dimension(one) | {"type": "time", "type_params": {"time_granularity": "day"}}
        for one in (*sorted(map(str, days)), OF_THE_DAY[0])
    ]


def _categories(view: View) -> list[Node]:
    return [_dimension(one) | {"type": "categorical"} for one in ("account_id", *view.dimensions, *OF_THE_DAY[1:])]


def _dimension(column: str) -> Node:
    return {"name": RESERVED[column], "expr": column} if column in RESERVED else {"name": column}


def _measures(metric: Metric, view: View) -> list[Node]:
    """Return what is added up, or taken the middle of, for a metric: none for a ratio, whose parts are metrics."""
    if metric.ratio:
        return []
    name = _dimension(str(metric.day or view.day))["name"]
    day: Node = {"agg_time_dimension": name} if metric.day else {}
    if metric.stock:
        # Of several days the last one: what there was on two days is not twice as much.
        day |= {"non_additive_dimension": {"name": name, "window_choice": "max"}}
    return [_measure(one, how, metric, of) | day for one, (how, of) in _added(metric).items()]


def _added(metric: Metric) -> dict[str, tuple[str, str]]:
    """Return aggregation and expression of each measure of a metric, by its name."""
    of, name = metric.of or "1", metric.name
    if metric.weight:
        weight = f"CASE WHEN {of} IS NOT NULL THEN {metric.weight} END"
        return {f"{name}_weighted": ("sum", f"{of} * {metric.weight}"), f"{name}_weights": ("sum", weight)}
    if metric.all_known:
        return {f"{name}_sum": ("sum", of), f"{name}_rows": ("count", "1"), f"{name}_known": ("count", of)}
    return {name: (str(metric.aggregate), of)}


def _measure(name: str, how: str, metric: Metric, of: str) -> Node:
    expression = f"CASE WHEN {metric.where} THEN {of} END" if metric.where else of
    node: Node = {"name": name, "agg": how, "expr": expression}
    if how == "percentile":
        node |= {"agg_params": {"percentile": metric.percentile, "use_discrete_percentile": False}}
    return node


def _metric_nodes(metric: Metric) -> list[Node]:
    """Return a metric, after those that it is put together of."""
    if metric.ratio:
        numerator, denominator = metric.ratio
        return [_metric(metric, RATIO, {"numerator": numerator, "denominator": denominator})]
    parts = list(_added(metric))
    nodes = [_part(one, metric) for one in parts if one != metric.name]
    if metric.weight:
        return [*nodes, _metric(metric, RATIO, dict(zip(("numerator", "denominator"), parts, strict=True)))]
    if metric.all_known:
        total, rows, known = parts
        expression = f"CASE WHEN {rows} = {known} THEN {total} END"
        return [*nodes, _metric(metric, DERIVED, {"expr": expression, "metrics": parts})]
    return [_metric(metric, SIMPLE, {"measure": metric.name})]


def _metric(metric: Metric, kind: str, parameters: Node) -> Node:
    return {
        "name": metric.name,
        "label": metric.title,
        "description": f"{{{{ doc('{metric.name}') }}}}",
        "type": kind,
        "type_params": parameters,
        "config": {"meta": {"unit": metric.unit}},
    }


def _part(name: str, metric: Metric) -> Node:
    return {
        "name": name,
        "label": f"{metric.title}: {name.rpartition('_')[2]}",
        "description": f"A part of {metric.name}",
        "type": SIMPLE,
        "type_params": {"measure": name},
    }
