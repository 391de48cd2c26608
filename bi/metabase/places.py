"""Where everything stands on the dashboard: as on the one for Superset, in the measures of Metabase."""

from dataclasses import dataclass
from typing import Any

from texts import in_all_languages, superset

ENGLISH = "en"
DASHBOARD = "dashboards/helpdesk.yaml"
# Superset has 12 columns, and rows of 8 pixels; Metabase 24, and rows of 50.
TIMES_AS_WIDE, TIMES_AS_HIGH, FULL_WIDTH = 2, 8 / 50, 24


@dataclass(frozen=True)
class Place:
    """Where a question (its stem) or a heading (its text, and that in every language) stands, in columns and rows."""

    stem: str | None
    heading: str
    names: frozenset[str]
    at: dict[str, int]


def places(language: str) -> list[Place]:
    """Return the place of every heading and question, from the top down."""
    position, english = (superset(one)[DASHBOARD]["position"] for one in (language, ENGLISH))
    found: list[Place] = []
    top = 0
    for name in position["GRID_ID"]["children"]:
        node = position[name]
        if node["type"] == "HEADER":
            at = {"row": top, "col": 0, "size_x": FULL_WIDTH, "size_y": 1}
            found.append(Place(None, node["meta"]["text"], in_all_languages(english[name]["meta"]["text"]), at))
        else:
            found += _row([position[chart] for chart in node["children"]], top)
        top += max(one.at["size_y"] for one in found if one.at["row"] == top)
    return found


def _row(charts: list[dict[str, Any]], top: int) -> list[Place]:
    found, left = [], 0
    for chart in charts:
        wide, high = chart["meta"]["width"] * TIMES_AS_WIDE, round(chart["meta"]["height"] * TIMES_AS_HIGH)
        at = {"row": top, "col": left, "size_x": wide, "size_y": high}
        found.append(Place(chart["id"].removeprefix("CHART-"), "", frozenset(), at))
        left += wide
    return found
