"""The metrics of Superset's datasets, from the definitions, and what is said of their columns, from the views."""

from pathlib import Path
from typing import Any

import yaml

from parts.metrics import Metric, Shown, definitions, shown_sql
from parts.views import comments_by_view

ROOT = Path(__file__).resolve().parents[2]
DATASETS = ROOT / "bi" / "superset" / "export" / "datasets" / "helpdesk"
MARK = "# Metrics and descriptions are of bi/metrics.yml and etl/views/sql: change them there, then run `make docs`.\n"
FORMATS = {"seconds": "DURATION", "share": ".0%", "rating": ",.2f"}
NUMBER = ",d"


def dataset_files() -> dict[str, str]:
    """Return the datasets with the metrics and descriptions of their views, by their paths."""
    return {file.relative_to(ROOT).as_posix(): _dataset(file) for file in sorted(DATASETS.glob("*.yaml"))}


def _dataset(file: Path) -> str:
    """Return the dataset's text with what bi/metrics.yml and the view say in it: metrics, and descriptions."""
    dataset = yaml.safe_load(file.read_text(encoding="utf-8"))
    told = comments_by_view()[file.stem]
    dataset["description"] = told[""]
    for one in dataset["columns"]:
        one["description"] = told.get(one["column_name"], one.get("description"))
    dataset["metrics"] = [
        _metric(one, shown) for one in definitions().metrics if one.view == file.stem for shown in one.superset
    ]
    text: str = yaml.dump(dataset, Dumper=_DUMPER, sort_keys=False, width=120, allow_unicode=True)
    return MARK + text


# Writes SQL in lines, as it is.
_DUMPER: Any = type("_Dumper", (yaml.SafeDumper,), {})
_DUMPER.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def _metric(metric: Metric, shown: Shown) -> dict[str, str]:
    node = {"metric_name": shown.name, "verbose_name": shown.title, "description": metric.sentence}
    node["expression"] = shown_sql(metric, shown)
    unit = FORMATS["rating"] if shown.shown == "hours" else FORMATS.get(metric.unit, NUMBER)
    form = unit if shown.format is None else shown.format
    return node | ({"d3format": form} if form else {})
