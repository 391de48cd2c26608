"""The models of dbt: a staging model and a mart for each view that metrics are made of, and what is tested of them."""

import re
from collections.abc import Iterator

import yaml

from etl.views import schema
from parts.dbt import Node, column_node, described, unique_test, written
from parts.metrics import View, definitions
from parts.views import comments_by_view

FOLDER = "bi/dbt/models"
FROM = (
    "Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`."
)
CALENDAR, CONVERSATIONS = "calendar", "conversations"
# What a mart takes from the calendar of the account, beside each row's day.
OF_THE_DAY = ("week_starts_on", "is_weekend", "is_holiday")
# Of a mart, which is a table: whoever may read it would see what the view hides, and `etl redact` would not reach it.
PERSONAL = re.compile("personal data")
FREE_FORM = frozenset({"custom_attributes"})
KEY = "conversation_key"
KEY_SAID = "Account and conversation in one: what joins the marts"


def views_with_a_mart() -> dict[str, View]:
    """Return the views whose rows have a day."""
    return {name: one for name, one in definitions().views.items() if one.day}


def columns_of(view: str) -> dict[str, str]:
    """Return what is said of the columns that dbt keeps of a view: all but those that are personal."""
    told = comments_by_view()[view]
    return {one: said for one, said in told.items() if one and one not in FREE_FORM and not PERSONAL.search(said)}


def staging_of(view: str) -> str:
    """Return the name of a view's staging model."""
    return f"stg_helpdesk__{view}"


def mart_of(view: str) -> str:
    """Return the name of a view's mart."""
    return f"helpdesk_{view}"


def model_files() -> dict[str, str]:
    """Return the models with their descriptions and tests, by their paths."""
    views = views_with_a_mart()
    files = {f"{FOLDER}/staging/{staging_of(one)}.sql": _staging(one) for one in (*views, CALENDAR)}
    files |= {f"{FOLDER}/marts/{mart_of(name)}.sql": _mart(name, one) for name, one in views.items()}
    files[f"{FOLDER}/marts/helpdesk_days.sql"] = _days()
    staging = [_described(staging_of(one), one, {}) for one in (*views, CALENDAR)]
    marts = [_mart_described(name, one) for name, one in views.items()]
    files[f"{FOLDER}/staging/staging.yml"] = written(f"# {FROM}\n", {"models": staging})
    files[f"{FOLDER}/marts/marts.yml"] = written(f"# {FROM}\n", {"models": [*marts, _days_described()]})
    files[f"{FOLDER}/exposures.yml"] = written(f"# {FROM}\n", {"exposures": [_dashboard()]})
    return files


def _staging(view: str) -> str:
    known = definitions().views.get(view)
    columns = list(columns_of(view))
    if "conversation_id" in columns:
        columns.insert(0, f"account_id || '-' || conversation_id AS {KEY}")
    query = known.query if known else None
    rows = f"(\n{_indented(query)}\n) AS {view}" if query else f"bi.{view}"
    return f"-- {FROM}\nSELECT\n    " + ",\n    ".join(columns) + f"\nFROM {_sources(rows)}\n"


def _indented(query: str) -> str:
    return "\n".join(f"    {one}" for one in query.rstrip().splitlines())


def _sources(statement: str) -> str:
    """Return a statement on views as dbt has to be told which these are."""
    return re.sub(rf"\b{schema.BI_SCHEMA}\.(\w+)", rf"{{{{ source('{schema.BI_SCHEMA}', '\1') }}}}", statement)


def _mart(name: str, view: View) -> str:
    lines = [
        f"-- {FROM}",
        "SELECT",
        "    " + ",\n    ".join(["told.*", *(f"{CALENDAR}.{one}" for one in OF_THE_DAY)]),
        f"FROM {{{{ ref('{staging_of(name)}') }}}} AS told",
        f"LEFT JOIN {{{{ ref('{staging_of(CALENDAR)}') }}}} AS {CALENDAR}",
        f"    ON {CALENDAR}.account_id = told.account_id AND {CALENDAR}.day = told.{view.day}",
    ]
    return "\n".join(lines) + "\n"


def _days() -> str:
    return f"-- {FROM}\nSELECT DISTINCT day\nFROM {{{{ ref('{staging_of(CALENDAR)}') }}}} AS {CALENDAR}\n"


def _days_described() -> Node:
    column = column_node("day", comments_by_view()[CALENDAR]["day"], ["not_null", "unique"])
    said = "Every day of any account: the time spine of the metrics"
    spine = {"time_spine": {"standard_granularity_column": "day"}}
    return described("helpdesk_days", said, [column | {"granularity": "day"}]) | spine


def _described(model: str, view: str, more: dict[str, str]) -> Node:
    columns = columns_of(view)
    key = {KEY: KEY_SAID} if "conversation_id" in columns else {}
    nodes = [column_node(one, said, _tests(one, view, model)) for one, said in (key | columns | more).items()]
    return described(model, comments_by_view()[view][""], nodes)


def _tests(column: str, view: str, model: str) -> list[str | Node]:
    """Return what has to hold of a column of a mart; a staging model is the view, whose own tests the source has."""
    if model != mart_of(view):
        return []
    if column == KEY and view == CONVERSATIONS:
        return ["not_null", "unique"]
    if column == KEY:
        to = {"to": f"ref('{mart_of(CONVERSATIONS)}')", "field": KEY}
        return ["not_null", {"relationships": {"arguments": to}}]
    return ["not_null"] if column == "account_id" else []


def _mart_described(name: str, view: View) -> Node:
    of_the_day = {one: comments_by_view()[CALENDAR][one] for one in OF_THE_DAY}
    # Without what is personal in it a key is none.
    tests = [unique_test(view.key)] if set(view.key) <= columns_of(name).keys() else []
    return _described(mart_of(name), name, of_the_day) | ({"data_tests": tests} if tests else {})


def _dashboard() -> Node:
    return {
        "name": "helpdesk_dashboard",
        "label": "Helpdesk, in Superset",
        "type": "dashboard",
        "maturity": "high",
        "description": "The dashboard of bi/superset: docs/bi.md",
        "depends_on": [f"source('{schema.BI_SCHEMA}', '{one}')" for one in sorted(set(_datasets()))],
        "owner": {"name": "Whoever runs the dashboard"},
    }


def _datasets() -> Iterator[str]:
    """Yield the views that the datasets of Superset read."""
    from parts.superset import DATASETS

    for file in DATASETS.glob("*.yaml"):
        dataset = yaml.safe_load(file.read_text(encoding="utf-8"))
        yield from re.findall(rf"\b{schema.BI_SCHEMA}\.(\w+)", dataset.get("sql") or f"bi.{dataset['table_name']}")
