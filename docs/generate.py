"""Writes what documents say of the code: pages of tables and views, dbt's sources, and parts of pages between marks.

Beside these a function of the views: the time zones that have other names.

`python docs/generate.py` writes what is stale; with `--check` it writes nothing, names what is stale and exits 1.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from parts import (
    architecture,
    dbt,
    dbt_metrics,
    dbt_models,
    dictionary,
    distance,
    exit_codes,
    metrics_table,
    nights,
    picture,
    requirements,
    settings,
    superset,
    time_zones,
    views,
)
from parts.markdown import replace_part

ROOT = Path(__file__).resolve().parent.parent

# Pages, and parts of pages by the names between whose marks they stand.
PAGES: dict[str, Callable[[], str]] = {
    "docs/data-dictionary.md": dictionary.data_dictionary,
    "docs/views.md": views.views_page,
    "docs/metrics-he.md": metrics_table.in_hebrew,
    "bi/dbt/models/sources.yml": dbt.dbt_sources,
    "etl/views/sql/time_zone_links.sql": time_zones.time_zone_links,
}
# Files that are made together, by their paths.
SETS: tuple[Callable[[], dict[str, str]], ...] = (
    dbt_models.model_files,
    dbt_metrics.metric_files,
    superset.dataset_files,
)
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "exit codes": exit_codes.meanings,
        "settings": settings.settings_table,
        "tables": picture.picture,
    },
    "docs/metrics.md": {
        "distance": distance.distance,
        "own events": distance.own_events,
        "all metrics": metrics_table.all_metrics,
        "left out": metrics_table.left_out,
    },
    "docs/scaling.md": {"nights": nights.nights},
    "docs/operations.md": {"exit codes": exit_codes.advice, "requirements": requirements.requirements},
    "docs/architecture.md": {
        "rooms": architecture.rooms,
        "wings": architecture.wings,
        "layers": architecture.layers,
        "contracts": architecture.contracts,
    },
}


def documents() -> dict[Path, str]:
    """Return the wanted text of every document that is generated, wholly or in part."""
    wanted = {ROOT / name: make() for name, make in PAGES.items()}
    wanted |= {ROOT / name: text for make in SETS for name, text in make().items()}
    for name, parts in PARTS.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for part, make in parts.items():
            text = replace_part(text, part, make())
        wanted[ROOT / name] = text
    return wanted


def stale() -> dict[Path, str]:
    """Return the wanted texts of those documents that say something else, or are not there."""
    return {
        path: text
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> None:
    """Write the stale documents, or with --check name them and exit 1."""
    parser = argparse.ArgumentParser(description="Writes what the documents say of the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; name what is stale and exit 1")
    only_check = parser.parse_args().check
    found = stale()
    names = ", ".join(str(path.relative_to(ROOT)) for path in found)
    if only_check and found:
        sys.exit(f"Stale: {names}. Run `make docs`.")
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Written: {names}.\n" if found else "All documents are current.\n")


if __name__ == "__main__":
    main()
