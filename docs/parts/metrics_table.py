"""The tables of all metrics, in English and in Hebrew, and of figures of which no metric is made."""

from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from parts.markdown import markdown_table
from parts.metrics import Metric, definitions, sql_of
from parts.views import comments_by_view

CATALOGUE = Path(__file__).resolve().parents[2] / "bi" / "languages"
PAGE_TITLE, VIEWS_TITLE, HOW = "The metrics", "The views", "How each is computed"
COLUMNS = ("Metric", "What it is", "Unit", "View", "In Chatwoot", "Name in SQL, dbt and BI tools")
COLUMNS_OF_VIEWS = ("View", "What a row is")


def all_metrics() -> str:
    """Return every metric in a line: what it is, of which view, how it is computed, and how Chatwoot's differs."""
    names = ("metric", "what it is", "unit", "view and expression", "Chatwoot's")
    return markdown_table(names, (_line(one) for one in definitions().metrics))


def _line(metric: Metric) -> tuple[str, ...]:
    expression = "`" + " ".join(sql_of(metric).split()) + "`"
    view = f"[{metric.view}](views.md#{metric.view}): {expression}"
    return (f"`{metric.name}`", metric.sentence, metric.unit, view, metric.chatwoot)


def left_out() -> str:
    """Return the numeric columns of which no metric is made, by the reason."""
    rows = ((one.why, ", ".join(f"`{column}`" for column in one.columns)) for one in definitions().left_out)
    return markdown_table(("why", "columns"), rows)


def in_hebrew() -> str:
    """Return the page of metrics and views in Hebrew, from right to left."""
    text = (CATALOGUE / "he.yaml").read_text(encoding="utf-8")
    say = yaml.safe_load(text)["texts"].__getitem__
    metrics = markdown_table([say(one) for one in COLUMNS], (_said(one, say) for one in definitions().metrics))
    rows = ((_code(f"bi.{name}"), say(told[""])) for name, told in comments_by_view().items())
    views = markdown_table([say(one) for one in COLUMNS_OF_VIEWS], rows)
    return (
        "<!-- Generated from bi/metrics.yml and bi/languages/he.yaml by docs/generate.py. Change it there, then run "
        f'`make docs`. -->\n\n<div dir="rtl">\n\n# {say(PAGE_TITLE)}\n\n[{say(HOW)}](metrics.md)\n\n{metrics}\n'
        f"## {say(VIEWS_TITLE)}\n\n{views}\n</div>\n"
    )


def _said(metric: Metric, say: Callable[[str], str]) -> tuple[str, ...]:
    told = (say(one) for one in (metric.title, metric.sentence, metric.unit))
    return (*told, _code(metric.view), say(metric.chatwoot), _code(metric.name))


def _code(name: str) -> str:
    return f"`{name}`"


def texts() -> Iterator[str]:
    """Yield every English text that the page in Hebrew needs."""
    yield from (PAGE_TITLE, VIEWS_TITLE, HOW, *COLUMNS, *COLUMNS_OF_VIEWS)
    yield from (told[""] for told in comments_by_view().values())
    for one in definitions().metrics:
        yield from (one.title, one.sentence, one.unit, one.chatwoot)
