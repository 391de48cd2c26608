"""Holds every metric to PostgreSQL: its columns are there, what it says of rows, and what dbt's models are made of."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.views import schema

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "bi" / "dbt" / "models"


def part(name: str) -> Any:
    """A part of docs/generate.py, as that imports it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        return importlib.import_module(f"parts.{name}")


METRICS = part("metrics")
VIEWS = METRICS.definitions().views
MARTS = sorted((MODELS / "marts").glob("*.sql"))


def rows(engine: Engine, statement: str) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(one) for one in connection.exec_driver_sql(statement)]


def metric_of(name: str, source: str, engine: Engine) -> Any:
    """What a metric says of rows that a test writes down."""
    ((found,),) = rows(engine, f"SELECT {METRICS.sql_of(METRICS.metric_named(name))} FROM {source}")
    return found


def model(name: str) -> str:
    """The SQL of a model of dbt, with those that it reads in it."""
    (file,) = MODELS.rglob(f"{name}.sql")
    statement = re.sub(r"{{ source\('(\w+)', '(\w+)'\) }}", r"\1.\2", file.read_text(encoding="utf-8"))
    return re.sub(r"{{ ref\('(\w+)'\) }}", lambda found: f"({model(found[1])})", statement)


@pytest.mark.parametrize("view", VIEWS)
def test_every_metric_of_a_view_can_be_grouped_by_its_days_and_dimensions(view, no_rows):
    told = VIEWS[view]
    by = list(dict.fromkeys([*told.key, *([told.day] if told.day else []), *told.dimensions]))
    asked = [METRICS.sql_of(one) for one in METRICS.definitions().metrics if one.view == view]
    assert asked != []
    assert (
        rows(no_rows, f"SELECT {', '.join(by + asked)} FROM {METRICS.source_of(view)} GROUP BY {', '.join(by)}") == []
    )


def test_every_numeric_column_of_a_view_is_in_a_metric_or_named_with_a_reason(no_rows):
    asked = f"""
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'bi' AND table_name IN {schema.PUBLIC}
          AND data_type IN ('smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision')
    """
    numeric = rows(no_rows, asked)
    assert len(numeric) > 200
    left_out = [one for told in METRICS.definitions().left_out for one in told.columns]
    assert sorted(set(left_out)) == sorted(left_out)
    not_counted = [(view, one) for view, one in numeric if one not in METRICS.columns_counted(view)]
    named = {(view, one): {f"{view}.{one}", f"*.{one}"} & set(left_out) for view, one in numeric}
    assert [one for one in not_counted if not named[one]] == []
    assert set(left_out) - {name for one in not_counted for name in named[one]} == set()


@pytest.mark.parametrize("view", VIEWS)
def test_no_two_rows_of_a_view_have_the_same_key(view, written):
    key = ", ".join(VIEWS[view].key)
    assert rows(written, f"SELECT {key} FROM {METRICS.source_of(view)} GROUP BY {key} HAVING count(*) > 1") == []


@pytest.mark.long
@pytest.mark.parametrize("mart", [one.stem for one in MARTS])
def test_a_mart_has_as_many_rows_as_its_view_and_the_columns_that_are_described(mart, written):
    view = mart.removeprefix("helpdesk_")
    source = METRICS.source_of(view) if view in VIEWS else "(SELECT DISTINCT day FROM bi.calendar) AS days"
    ((many,),) = rows(written, f"SELECT count(*) FROM {source}")
    with written.connect() as connection:
        found = connection.exec_driver_sql(model(mart))
        assert (len(found.all()), many > 0) == (many, True)
    described = part("dbt_models").model_files()["bi/dbt/models/marts/marts.yml"]
    (node,) = [one for one in part("dbt").yaml.safe_load(described)["models"] if one["name"] == mart]
    assert [one["name"] for one in node["columns"]] == list(found.keys())


def test_what_is_counted_twice_is_the_same_twice(written):
    def everything(name: str) -> Any:
        metric = METRICS.metric_named(name)
        return metric_of(name, METRICS.source_of(metric.view), written)

    for one, other in (
        ("conversations", "conversations_opened"),
        ("conversations", "conversations_opened_by_hour"),
        ("messages_in", "messages_in_by_hour"),
        ("resolutions", "conversations_resolved"),
        ("questions", "questions_asked"),
        ("questions_unanswered", "questions_left"),
        ("unanswered_share", "share_of_questions_left"),
        ("replies_of_people", "replies_sent"),
        ("agent_replies", "agent_replies_by_hour"),
        ("messages_failed", "deliveries_failed"),
    ):
        assert (one, everything(one)) == (one, everything(other))
        assert everything(one) > 0 or one == "messages_failed"  # the two accounts have none


def test_a_response_after_a_reopening_is_none_of_the_first_responses_of_conversations(no_rows):
    source = "(VALUES (60, false), (120, false), (90000, true)) AS one (first_response_seconds, is_after_reopening)"
    assert metric_of("median_first_response", source, no_rows) == 90
    assert metric_of("average_first_response", source, no_rows) == 90
    assert metric_of("first_responses", source, no_rows) == 3


def test_a_mean_of_days_is_weighed_by_what_they_are_of_and_a_day_without_one_weighs_nothing(no_rows):
    source = "(VALUES (100, 3), (500, 1), (NULL, 7)) AS one (avg_first_response_seconds, first_responses)"
    assert metric_of("agent_average_first_response", source, no_rows) == 200


def test_what_is_not_known_of_one_is_not_known_of_all(no_rows):
    assert metric_of("backlog", "(VALUES (2), (NULL)) AS one (backlog)", no_rows) is None
    assert metric_of("backlog", "(VALUES (2), (0)) AS one (backlog)", no_rows) == 2


def test_of_nothing_there_is_no_share(no_rows):
    assert metric_of("share_of_questions_left", "(VALUES (0, 0)) AS one (unanswered, questions)", no_rows) is None
    assert metric_of("share_of_questions_left", "(VALUES (1, 4)) AS one (unanswered, questions)", no_rows) == 0.25


@pytest.mark.parametrize(
    ("statuses", "failed", "share"),
    [("('read', 3), ('failed', 1)", 1, 0.25), ("('read', 3), (NULL, 2)", 0, 0), ("('failed', 2)", 2, 1)],
)
def test_where_nothing_failed_the_share_is_nought_and_not_unknown(statuses, failed, share, no_rows):
    source = f"(VALUES {statuses}) AS one (status, messages)"
    assert metric_of("deliveries_failed", source, no_rows) == failed
    assert metric_of("deliveries_failed_share", source, no_rows) == share


def test_what_is_not_judged_is_in_no_share_of_promises(no_rows):
    source = "(VALUES (3, 1, 5, 7), (0, 4, 0, 0)) AS one (met, breached, running, not_known)"
    assert metric_of("promises_met_share", source, no_rows) == 0.375
    assert metric_of("promises_met_share", "(VALUES (0, 0)) AS one (met, breached)", no_rows) is None


def test_a_conversation_of_which_it_is_not_known_is_in_no_share(no_rows):
    source = "(VALUES (true), (false), (false), (false), (NULL)) AS one (is_one_touch)"
    assert metric_of("one_touch_share", source, no_rows) == 0.25
    assert metric_of("one_touch_resolutions", source, no_rows) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("questions", 3),
        ("questions_answered", 1),
        ("questions_unanswered", 1),
        ("questions_waiting", 1),
        ("questions_not_known", 1),
        ("nine_of_ten_replies", 60),
    ],
)
def test_a_wait_that_is_not_known_is_no_question(name, said, no_rows):
    source = """(VALUES
        (true, timestamptz '2025-03-02 09:01Z', false, false, 60),
        (true, NULL, true, false, NULL), (true, NULL, false, true, NULL), (false, NULL, NULL, NULL, NULL)
    ) AS one (is_known, answered_at, is_resolved_unanswered, is_waiting, reply_seconds)"""
    assert metric_of(name, source, no_rows) == said
