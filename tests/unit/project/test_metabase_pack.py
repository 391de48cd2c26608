"""Holds the pack for Metabase to the dashboard for Superset: its filters, its texts in each language, its places."""

import importlib
import re
from pathlib import Path

import pytest

BI = Path(__file__).parents[3] / "bi"
HEBREW = re.compile(r"[\u05d0-\u05ea]")
LANGUAGES = ("en", "he")
# Where a question keeps what people read.
TEXTS = {"name", "description", "display-name", "title", "column_title", "suffix"}
TEXTS |= {"graph.x_axis.title_text", "graph.y_axis.title_text"}
# The filter of days is two variables.
VARIABLES = {"account": ["account"], "day": ["from", "until"], "inbox": ["inbox"], "team": ["team"], "agent": ["agent"]}


@pytest.fixture(scope="module")
def scripts():
    """The scripts of bi/metabase, as they import each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BI / "superset")
        patch.syspath_prepend(BI / "metabase")
        yield {name: importlib.import_module(name) for name in ("pack", "places", "texts")}


@pytest.fixture(scope="module")
def packs(scripts):
    return {language: scripts["pack"].Pack(language) for language in LANGUAGES}


def texts_of(pack) -> list[str]:
    """What people read: names, descriptions, titles, filters, and the words in the SQL."""
    found = [pack.title, pack.description, *(one.title for one in pack.filters)]
    for one in pack.questions:
        shown = one.body["visualization_settings"]
        found += [one.body["name"], one.body["description"]]
        found += [shown.get(f"graph.{axis}_axis.title_text") for axis in "xy"]
        found += [it["column_title"] for it in shown.get("column_settings", {}).values()]
        found += [it["title"] for it in shown.get("series_settings", {}).values()]
        found += [it for it in re.findall(r"'([^']*)'", one.sql) if it != it.lower()]
    return [one for one in found if one]


def test_every_text_is_there_in_hebrew(packs, scripts):
    known = scripts["texts"].texts_of("he")
    assert [one for one in texts_of(packs["en"]) if one not in known] == []
    assert [one for one in texts_of(packs["he"]) if not HEBREW.search(one)] == []


def without_texts(node):
    if isinstance(node, dict):
        return {key: without_texts(one) for key, one in node.items() if key not in TEXTS}
    return [without_texts(one) for one in node] if isinstance(node, list) else node


def test_a_language_changes_texts_and_nothing_else(packs, scripts):
    for english, hebrew in zip(*(pack.questions for pack in packs.values()), strict=True):
        assert (hebrew.stem, hebrew.names) == (english.stem, english.names)
        assert hebrew.sql == scripts["texts"].said(english.sql, packs["he"].say)
        assert without_texts([hebrew.tags, hebrew.body]) == without_texts([english.tags, english.body])


def test_no_two_questions_have_the_same_name_in_any_language(packs):
    names = [name for one in packs["en"].questions for name in one.names]
    assert sorted(set(names)) == sorted(names)


def test_a_filter_reaches_the_charts_that_it_reaches_in_superset(packs, scripts):
    board = scripts["texts"].superset("en")["dashboards/helpdesk.yaml"]
    placed = [one for one in board["position"].values() if isinstance(one, dict) and one["type"] == "CHART"]
    wanted: dict[str, set[str]] = {one["id"].removeprefix("CHART-"): set() for one in placed}
    for one in board["metadata"]["native_filter_configuration"]:
        reached = [it for it in placed if it["meta"]["chartId"] not in one["scope"]["excluded"]]
        for chart in reached:
            wanted[chart["id"].removeprefix("CHART-")].update(VARIABLES[one["id"].removeprefix("NATIVE_FILTER-")])
    found = {one.stem: set(one.tags) for one in packs["en"].questions if not one.stem.startswith("filter_")}
    assert found == wanted


def test_every_variable_is_in_a_clause_that_goes_where_it_has_no_value(packs):
    for one in packs["en"].questions:
        outside = re.sub(r"\[\[.*?\]\]", "", one.sql)
        assert "{{" not in outside, one.stem
        assert all(len(re.findall(r"\{\{", clause)) == 1 for clause in re.findall(r"\[\[.*?\]\]", one.sql)), one.stem


def test_what_is_drawn_and_formatted_is_a_column_of_the_question(packs):
    for one in packs["en"].questions:
        shown = one.body["visualization_settings"]
        drawn = [*shown.get("graph.dimensions", []), *shown.get("graph.metrics", [])]
        drawn += [it["name"] for it in shown.get("table.columns", [])]
        drawn += [it for key in ("scalar.field", "table.pivot_column", "table.cell_column") if (it := shown.get(key))]
        assert [it for it in drawn if not re.search(rf"\b{it}\b", one.sql)] == [], one.stem


def test_every_question_stands_on_the_dashboard_and_nothing_stands_on_another(packs, scripts):
    places = scripts["places"].places("en")
    charts = [one.stem for one in packs["en"].questions if not one.stem.startswith("filter_")]
    assert sorted(one.stem for one in places if one.stem) == charts
    fields = [
        (row, col)
        for one in places
        for row in range(one.at["row"], one.at["row"] + one.at["size_y"])
        for col in range(one.at["col"], one.at["col"] + one.at["size_x"])
    ]
    assert len(fields) == len(set(fields))
    assert max(col for _, col in fields) == 23
