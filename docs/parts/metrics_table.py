"""The table of all metrics for docs/metrics.md."""

from parts.markdown import markdown_table
from parts.metrics import Metric, definitions, sql_of


def all_metrics() -> str:
    """Return every metric in a line: what it is, of which view, how it is computed, and how Chatwoot's differs."""
    names = ("metric", "what it is", "unit", "view and expression", "Chatwoot's")
    return markdown_table(names, (_line(one) for one in definitions().metrics))


def _line(metric: Metric) -> tuple[str, ...]:
    expression = "`" + " ".join(sql_of(metric).split()) + "`"
    view = f"[{metric.view}](views.md#{metric.view}): {expression}"
    return (f"`{metric.name}`", metric.sentence, metric.unit, view, metric.chatwoot)
