"""Holds the SQL of each question for Metabase to what the same chart of Superset says, on the two written accounts.

Without a filter that is the chart's check; with filters it is what Superset asks, or the check on narrowed views.
Variables are put in as Metabase's documents say: a clause in brackets goes where one of its variables has no value.
"""

import importlib
import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.integration.views.superset_queries import CHARTS, SUPERSET, answer, query_of, without_days_of_nothing

METABASE = SUPERSET.parent / "metabase"
STEMS = sorted(one.stem for one in (METABASE / "questions").glob("*.yaml"))
COLUMN = {"account": "account_id", "inbox": "inbox", "team": "team", "agent": "agent"}
CLAUSE, VARIABLE = re.compile(r"\[\[(.*?)\]\]", re.DOTALL), re.compile(r"\{\{(\w+)\}\}")
# Of these Superset has no row where an inbox or an agent has none of a day that is known: there the check is narrowed.
BACKLOGS = {"backlog_at_the_end", "backlog_by_day"}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def pack():
    """bi/metabase/pack.py, as the scripts beside it import it; and bi/superset/compare.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SUPERSET)
        patch.syspath_prepend(METABASE)
        yield importlib.import_module("pack")


@pytest.fixture(scope="module")
def compare(pack):
    return importlib.import_module("compare")


@pytest.fixture(scope="module")
def questions(pack):
    return {one.stem: one for one in pack.Pack("en").questions}


@pytest.fixture(scope="module")
def values(shown) -> dict[str, Any]:
    """A value for each filter: what most conversations have, and the half of the days in the middle."""
    with shown.connect() as connection:
        found = {
            name: connection.execute(text(f"SELECT mode() WITHIN GROUP (ORDER BY {column}) FROM bi.conversations"))
            for name, column in COLUMN.items()
        }
        days = connection.execute(text("SELECT DISTINCT day FROM bi.daily_volume ORDER BY day")).scalars().all()
        quarter = len(days) // 4
        chosen = {name: one.scalar_one() for name, one in found.items()}
    return chosen | {"from": days[quarter], "until": days[-quarter - 1]}


def rendered(sql: str, values: dict[str, Any]) -> str:
    """The SQL that Metabase sends for these values of variables."""

    def clause(found: re.Match[str]) -> str:
        return found[1] if set(VARIABLE.findall(found[1])) <= values.keys() else ""

    return VARIABLE.sub(lambda found: literal(values[found[1]]), CLAUSE.sub(clause, sql))


def literal(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(literal(one) for one in value)
    if isinstance(value, date):
        return f"date '{value}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def asked(engine: Engine, sql: str) -> list[Row]:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL timezone = 'UTC'"))
        return [dict(one) for one in connection.exec_driver_sql(sql).mappings()]


def as_superset_has_it(question: Any, rows: list[Row]) -> list[Row]:
    """The rows with durations in milliseconds, links as HTML, and the values of a series as columns."""
    shown = question.body["visualization_settings"]
    found = [converted(row, shown["column_settings"]) for row in rows]
    dimensions = shown.get("graph.dimensions", [])
    if len(dimensions) == 2:
        (metric,), (axis, series) = shown["graph.metrics"], dimensions
        by_axis: dict[Any, Row] = {}
        for one in found:
            by_axis.setdefault(one[axis], {axis: one[axis]})[one[series]] = one[metric]
        return list(by_axis.values())
    return found


def converted(row: Row, settings: dict[str, Any]) -> Row:
    found = {}
    for name, value in row.items():
        said = settings.get(f'["name","{name}"]', {})
        if "hours" in said.get("suffix", "") and value is not None:
            found[name] = round(value * 60) * 60_000
        elif said.get("view_as") == "link" and value is not None:
            found[name] = f'<a href="{value}" target="_blank">{row["conversation_id"]}</a>'
        elif isinstance(value, str) and (parts := re.fullmatch(r"(\d+)h (\d+)m", value)):
            found[name] = (int(parts[1]) * 60 + int(parts[2])) * 60_000
        elif name != "conversation_id":
            found[name] = value
    return found


def known(row: Row) -> Row:
    """Without noughts: of a day that is known the check says nothing where nothing was open."""
    return {name: one for name, one in row.items() if one != 0}


def narrowed(engine: Engine, stem: str, values: dict[str, Any]) -> list[Row]:
    """What the check of a chart says of views that hold no more than the filters leave."""
    check = (SUPERSET / "checks" / f"{stem}.sql").read_text(encoding="utf-8").replace("bi.", "narrowed.")
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA narrowed"))
        for view in ("known_days", "daily_backlog"):
            chosen = " AND ".join(
                conditions("day", {k: v for k, v in values.items() if k in applies_to(view)}) or ["true"]
            )
            connection.execute(text(f"CREATE VIEW narrowed.{view} AS SELECT * FROM bi.{view} WHERE {chosen}"))
        found = [dict(one) for one in connection.exec_driver_sql(check).mappings()]
        connection.rollback()
    return found


def applies_to(view: str) -> set[str]:
    return {"account", "from", "until"} | ({"inbox", "team", "agent"} if view == "daily_backlog" else set())


def conditions(day: str | None, values: dict[str, Any]) -> list[str]:
    days = {"from": f"{day} >= ", "until": f"{day} <= "}
    return [
        days[name] + literal(value) if name in days else f"{COLUMN[name]} IN ({literal(value)})"
        for name, value in values.items()
    ]


def day_of(stem: str) -> str | None:
    return next((one["col"] for one in query_of(CHARTS[stem])["filters"] if one["op"] == "TEMPORAL_RANGE"), None)


def last_known(rows: list[Row]) -> list[Row]:
    return sorted((one for one in rows if one["backlog"] is not None), key=lambda one: one["day"])[-1:]


def test_there_is_a_question_for_every_chart():
    assert sorted(CHARTS) == STEMS


@pytest.mark.parametrize("stem", STEMS)
def test_a_question_without_filters_finds_what_the_check_of_its_chart_finds(stem, questions, shown, compare):
    found = as_superset_has_it(questions[stem], asked(shown, rendered(questions[stem].sql, {})))
    wanted = [dict(one) for one in compare.rows_of(shown, stem, str)]
    if stem == "backlog_at_the_end":
        wanted = last_known(wanted)
    assert found != [] or stem == "backlog_at_the_end"  # the two accounts have no day that is known of both
    assert compare.differences(map(known, found), map(known, wanted)) == []


def filters_of(stem: str) -> list[str]:
    return sorted(set(VARIABLE.findall((METABASE / "questions" / f"{stem}.yaml").read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("stem", "chosen"), [(it, one) for it in STEMS for one in [*filters_of(it), "everything"]])
def test_a_question_with_a_filter_finds_what_its_chart_finds_with_it(stem, chosen, questions, values, shown, compare):
    question = questions[stem]
    given = {name: one for name, one in values.items() if name in question.tags and chosen in (name, "everything")}
    found = as_superset_has_it(question, asked(shown, rendered(question.sql, given)))
    if stem in BACKLOGS:
        wanted = narrowed(shown, stem, given)
        wanted = last_known(wanted) if stem == "backlog_at_the_end" else wanted
    else:
        wanted = answer(shown, CHARTS[stem], tuple(conditions(day_of(stem), given)))
    sides = (without_days_of_nothing([dict(one) for one in rows], CHARTS[stem]) for rows in (found, wanted))
    assert compare.differences(*(map(known, rows) for rows in sides)) == []


def test_of_a_day_that_is_known_an_inbox_without_open_conversations_has_a_backlog_of_0(questions, values, shown):
    given = {"account": values["account"], "inbox": "An inbox that had none"}
    known_days = f"SELECT max(day) AS day FROM bi.known_days WHERE is_known AND account_id = {given['account']}"
    ((day,),) = (one.values() for one in asked(shown, known_days))
    found = asked(shown, rendered(questions["backlog_at_the_end"].sql, given))
    assert found == [{"day": day, "backlog": 0}]


def test_several_values_of_a_filter_are_one_or_the_other(questions, shown):
    opened = questions["conversations_opened"].sql
    inboxes = [one["inbox"] for one in asked(shown, rendered(questions["filter_inbox"].sql, {}))]
    each = [asked(shown, rendered(opened, {"inbox": one}))[0]["opened"] for one in inboxes]
    assert len([one for one in each if one]) > 1
    assert asked(shown, rendered(opened, {"inbox": inboxes})) == [{"opened": sum(one or 0 for one in each)}]


def test_what_the_filters_offer_are_the_names_and_numbers_that_the_views_have(questions, values, shown):
    for name in COLUMN:
        offered = [one[name] for one in asked(shown, questions[f"filter_{name}"].sql)]
        assert values[name] in offered
        assert offered == sorted(set(offered))
