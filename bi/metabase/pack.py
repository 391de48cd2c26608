"""Reads the questions beside this file and puts them into a language, as Metabase's API takes them.

Names, descriptions, titles of columns and filters are those of the dashboard for Superset (`../superset/export`), so
that there is one dashboard, and one catalogue of texts (`../languages`).
"""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from places import DASHBOARD, ENGLISH
from texts import in_all_languages, read, said, superset, texts_of

HERE = Path(__file__).resolve().parent
TAG = re.compile(r"\{\{(\w+)\}\}")
# The types of a filter: as a variable of SQL has them; as the API's parameters; and as a column's.
PARAMETERS = {"number": "number/=", "text": "string/=", "date": "date/single"}
COLUMNS = {"number": "type/Integer", "text": "type/Text"}
TEXTS = ("graph.x_axis.title_text", "graph.y_axis.title_text")
# Ids of variables are made from it, so that they are the same each time.
OWN = uuid.UUID("5a4df3f0-2f8c-5e0b-9c55-0d1a4b0c7f11")

Json = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One question: the stem of its file, its name in every language, its SQL, and what else the API takes of it."""

    stem: str
    names: frozenset[str]
    sql: str
    tags: Json
    body: Json


@dataclass(frozen=True)
class Filter:
    """One filter above the dashboard, and the SQL that finds what it offers, in the column that has its name."""

    name: str
    title: str
    names: frozenset[str]
    kind: str
    offers: str | None


class Pack:
    """The dashboard in one language: its name, filters and questions."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.title = str(superset(language)[DASHBOARD]["dashboard_title"])
        self.titles = in_all_languages(superset(ENGLISH)[DASHBOARD]["dashboard_title"])
        self.description = str(superset(language)[DASHBOARD]["description"])
        self.filters = [self._filter(name, one) for name, one in _read(HERE / "filters.yaml").items()]
        self.questions = [self._offer(one) for one in self.filters if one.offers]
        self.questions += [self._chart(file) for file in sorted((HERE / "questions").glob("*.yaml"))]

    def say(self, text: str) -> str:
        """Return a text in this language."""
        return texts_of(self.language).get(text, text)

    def parameters(self, ids: dict[str, int]) -> list[Json]:
        """Return the dashboard's filters as the API takes them; `ids` are those of the questions, by stem."""
        return [_widget(one) | (_source(one, ids) if one.offers else {}) for one in self.filters]

    def _filter(self, name: str, one: Json) -> Filter:
        listed = superset(ENGLISH)[DASHBOARD]["metadata"]["native_filter_configuration"]
        english = one.get("name") or next(it["name"] for it in listed if it["id"] == f"NATIVE_FILTER-{name}")
        return Filter(name, self.say(english), in_all_languages(english), one["type"], one.get("offers"))

    def _offer(self, one: Filter) -> Question:
        body: Json = {"name": one.title, "description": None, "display": "table", "visualization_settings": {}}
        return self._question(stem_of(one), one.names, str(one.offers), body)

    def _chart(self, file: Path) -> Question:
        one, name = _read(file), f"charts/{file.name}"
        chart = superset(self.language)[name]
        shown = {key: self.say(value) if key in TEXTS else value for key, value in one.get("settings", {}).items()}
        titles = {
            name: title for name, title in self._titles(chart["dataset_uuid"]).items() if name in words(one["sql"])
        }
        formats = {name: self._format(kind) for name, kind in one.get("formats", {}).items()}
        shown["column_settings"] = {
            f'["name","{name}"]': {"column_title": title} | formats.get(name, {}) for name, title in titles.items()
        }
        if len(shown.get("graph.metrics", [])) > 1:
            shown["series_settings"] = {name: {"title": titles[name]} for name in shown["graph.metrics"]}
        body = {
            "name": chart["slice_name"],
            "description": chart["description"] or None,
            "display": one["display"],
            "visualization_settings": shown,
        }
        return self._question(file.stem, in_all_languages(superset(ENGLISH)[name]["slice_name"]), one["sql"], body)

    def _titles(self, dataset: str) -> dict[str, str]:
        """Return what the columns and figures of a dataset of Superset are called, in their order by name."""
        (found,) = (one for one in superset(self.language).values() if one.get("uuid") == dataset)
        titles = {one["column_name"]: one["verbose_name"] for one in found["columns"]}
        titles |= {one["metric_name"]: one["verbose_name"] for one in found["metrics"]}
        return dict(sorted(titles.items()))

    def _format(self, kind: str) -> Json:
        formats: dict[str, Json] = {
            "hours": {"decimals": 2, "suffix": f" {self.say('hours')}"},
            "percent": {"number_style": "percent", "decimals": 1},
            "number": {"decimals": 1},
            "link": {"view_as": "link", "link_text": "{{conversation_id}}"},
        }
        return formats[kind]

    def _question(self, stem: str, names: frozenset[str], sql: str, body: Json) -> Question:
        used = [one for one in self.filters if one.name in set(TAG.findall(sql))]
        tags = {one.name: _tag(one) for one in used}
        parameters = [_widget(one) | {"id": _id(one), "target": target(one.name)} for one in used]
        return Question(stem, names, said(sql, self.say), tags, body | {"parameters": parameters})


def stem_of(one: Filter) -> str:
    """Return the stem of the question that finds what a filter offers."""
    return f"filter_{one.name}"


def target(name: str) -> list[Any]:
    """Return what a filter is put into, as the API has it: a variable of the question's SQL."""
    return ["variable", ["template-tag", name]]


def words(sql: str) -> set[str]:
    """Return the words of SQL, among them the names of the columns that it finds."""
    return set(re.findall(r"\w+", sql))


def _read(file: Path) -> Any:
    return read(file.read_text(encoding="utf-8"))


def _id(one: Filter) -> str:
    return str(uuid.uuid5(OWN, one.name))


def _tag(one: Filter) -> Json:
    return {"id": _id(one), "name": one.name, "display-name": one.title, "type": one.kind}


def _widget(one: Filter) -> Json:
    kind = PARAMETERS[one.kind]
    found: Json = {"id": one.name, "name": one.title, "slug": one.name, "type": kind, "sectionId": kind.split("/")[0]}
    return found if one.kind == "date" else found | {"isMultiSelect": True}


def _source(one: Filter, ids: dict[str, int]) -> Json:
    field = ["field", one.name, {"base-type": COLUMNS[one.kind]}]
    config = {"card_id": ids[stem_of(one)], "value_field": field}
    return {"values_query_type": "list", "values_source_type": "card", "values_source_config": config}
