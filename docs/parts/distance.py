"""The tables of how far figures are from what happened, and from what the vendor writes down of it."""

import sys
from pathlib import Path

from parts.markdown import markdown_table

# The desks are the tests', which are no package.
sys.path.append(str(Path(__file__).resolve().parents[2]))
from tests.reference.demo_desk import compared
from tests.reference.distance import distances


def distance() -> str:
    """Return what is told of each desk by how often a run is made, beside what happened."""
    names = ("desk", "", "resolutions", "reopenings", "mean seconds", "right to the second")
    rows = []
    for (desk, often), told in distances().items():
        numbers = (told.resolutions, told.reopenings, told.mean_seconds, told.right)
        rows.append((desk if often == "What happened" else "", often, *(f"{number:,}" for number in numbers)))
    return markdown_table(names, rows)


EVENTS = {
    "conversation_resolved": "resolutions",
    "conversation_opened": "reopenings",
    "first_response": "first responses",
}


def own_events() -> str:
    """Return how much the vendor writes down of the demo's account, beside what we tell of it without that."""
    rows = [(EVENTS[name], f"{one.vendor:,}", f"{one.ours:,}", f"{one.same:,}") for name, one in compared().items()]
    return markdown_table(("", "the vendor's events", "our own reading", "the same to the second"), rows)
