"""The metrics of Superset's datasets, from the definitions."""

from pathlib import Path

import yaml

from parts.metrics import Metric, Shown, definitions, shown_sql

ROOT = Path(__file__).resolve().parents[2]
DATASETS = ROOT / "bi" / "superset" / "export" / "datasets" / "helpdesk"
MARK = "# The metrics are generated from bi/metrics.yml by docs/generate.py: change them there, then run `make docs`.\n"
BEGIN, END = "metrics:\n", "uuid: "
FORMATS = {"seconds": "DURATION", "share": ".0%", "rating": ",.2f"}
NUMBER = ",d"


def dataset_files() -> dict[str, str]:
    """Return the datasets with the metrics of their views, by their paths."""
    return {file.relative_to(ROOT).as_posix(): _dataset(file) for file in sorted(DATASETS.glob("*.yaml"))}


def _dataset(file: Path) -> str:
    """Return the dataset's text with other metrics in it: they stand before its uuid."""
    before, found_metrics, rest = file.read_text(encoding="utf-8").removeprefix(MARK).partition(f"\n{BEGIN}")
    _, found_end, after = rest.partition(f"\n{END}")
    if not (found_metrics and found_end):
        raise ValueError(f"{file}: no metrics before a uuid")
    nodes = [_metric(one, shown) for one in definitions().metrics if one.view == file.stem for shown in one.superset]
    metrics: str = yaml.safe_dump({"metrics": nodes}, sort_keys=False, width=120, allow_unicode=True)
    return f"{MARK}{before}\n{metrics}{END}{after}"


def _metric(metric: Metric, shown: Shown) -> dict[str, str]:
    node = {"metric_name": shown.name, "verbose_name": shown.title, "expression": shown_sql(metric, shown)}
    unit = FORMATS["rating"] if shown.shown == "hours" else FORMATS.get(metric.unit, NUMBER)
    form = unit if shown.format is None else shown.format
    return node | ({"d3format": form} if form else {})
