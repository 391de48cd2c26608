"""The table of how far figures are from what happened, on desks of the tests' of which everything is known."""

import sys
from pathlib import Path

from parts.markdown import markdown_table

# The desks are the tests', which are no package.
sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.reference.distance import distances


def distance() -> str:
    """Return what is told of each desk by how often a run is made, beside what happened."""
    names = ("desk", "", "resolutions", "reopenings", "mean seconds", "right to the second")
    rows = []
    for (desk, often), told in distances().items():
        numbers = (told.resolutions, told.reopenings, told.mean_seconds, told.right)
        rows.append((desk if often == "What happened" else "", often, *(f"{number:,}" for number in numbers)))
    return markdown_table(names, rows)
