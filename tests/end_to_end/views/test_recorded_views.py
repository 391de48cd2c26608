"""The recorded account, loaded by a run, through every view: no error, and the totals of the tables."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.views import schema
from tests.recorded_vendor import ZONE

NAMES = (*schema.PUBLIC, "conversation_attribute_columns", "contact_attribute_columns")

# Nobody answered the surveys of this account, no second run saw anything change, nothing was promised, and neither
# members nor the vendor's own counts were recorded.
EMPTY = {"csat", "field_changes", "service_levels", "daily_service_levels"}
EMPTY |= {"team_members", "inbox_members", "reconciliation"}


@pytest.fixture
def loaded(recorded_4_7_tables: Engine) -> Engine:
    return recorded_4_7_tables


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def value(engine: Engine, query: str) -> Any:
    ((found,),) = rows(engine, query)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_view_is_of_the_account_and_what_it_names_is_there(loaded: Engine, name: str) -> None:
    with loaded.connect() as connection:
        found = connection.execute(text(f"SELECT * FROM bi.{name}")).mappings().all()
    assert {row["account_id"] for row in found} == (set() if name in EMPTY else {1})
    tables = {
        "conversation_id": "conversations",
        "message_id": "messages",
        "question_message_id": "messages",
        "answer_message_id": "messages",
        "contact_id": "contacts",
        "agent_id": "agents",
        "inbox_id": "inboxes",
        "team_id": "teams",
    }
    for column in tables.keys() & (found[0].keys() if found else set()):
        there = {id_ for (id_,) in rows(loaded, f"SELECT id FROM helpdesk.{tables[column]}")}
        assert {row[column] for row in found} - {None} <= there


def test_each_message_has_its_row_and_its_direction(loaded: Engine) -> None:
    by_direction = "SELECT direction, count(*) FROM bi.messages GROUP BY 1 ORDER BY 1"
    assert rows(loaded, by_direction) == rows(
        loaded,
        """
        SELECT CASE WHEN message_type = 'activity' OR private THEN 'internal'
            WHEN message_type = 'incoming' THEN 'in' ELSE 'out' END, count(*)
        FROM helpdesk.messages GROUP BY 1 ORDER BY 1
        """,
    )
    assert value(loaded, "SELECT count(DISTINCT message_id) FROM bi.messages") == 4167


@pytest.mark.parametrize(
    ("view", "table"),
    [
        ("count(DISTINCT conversation_id) FROM bi.conversations", "count(*) FROM helpdesk.conversations"),
        ("count(*) FROM bi.conversations", "count(*) FROM helpdesk.conversations"),
        ("count(*) FROM bi.contacts", "count(*) FROM helpdesk.contacts"),
        ("sum(conversations) FROM bi.contacts", "count(contact_id) FROM helpdesk.conversations"),
        ("count(*) FROM bi.csat", "count(*) FROM helpdesk.csat_responses"),
        ("sum(attachments) FROM bi.messages", "count(*) FROM helpdesk.attachments"),
        ("sum(cardinality(labels)) FROM bi.conversations", "count(*) FROM helpdesk.conversation_labels"),
        ("count(*) FROM bi.resolutions WHERE opening = 1", "count(*) FROM helpdesk.conversations"),
        # What one run did not see resolved is inferred, and only of what was reopened (rule 4 of docs/metrics.md).
        (
            "count(*) FROM bi.resolutions WHERE resolved_by <> 'inferred'",
            "count(*) FROM helpdesk.conversations WHERE status = 'resolved'",
        ),
        (
            "count(*) FROM bi.resolutions WHERE opening > 1",
            "count(*) FROM bi.resolutions WHERE resolved_by = 'inferred'",
        ),
        ("sum(reopen_count) FROM bi.conversations", "count(*) FROM bi.resolutions WHERE opening > 1"),
        (
            "count(*) FROM bi.conversation_attributes",
            "count(*) FROM helpdesk.conversations, jsonb_each(custom_attributes) AS a WHERE a.value <> 'null'",
        ),
        ("count(*) FROM bi.conversation_attribute_columns", "count(*) FROM helpdesk.conversations"),
        ("count(*) FROM bi.contact_attribute_columns", "count(*) FROM helpdesk.contacts"),
    ],
)
def test_totals_are_those_of_the_tables(loaded: Engine, view: str, table: str) -> None:
    assert value(loaded, f"SELECT {view}") == value(loaded, f"SELECT {table}")


@pytest.mark.parametrize(
    ("daily", "whole"),
    [
        ("sum(messages_in) FROM bi.daily_volume", "count(*) FROM bi.messages WHERE direction = 'in'"),
        (
            "sum(messages_out) FROM bi.daily_volume",
            "count(*) FROM bi.messages WHERE direction = 'out' AND NOT is_failed",
        ),
        ("sum(messages_failed) FROM bi.daily_volume", "count(*) FROM bi.messages WHERE is_failed"),
        ("sum(private_notes) FROM bi.daily_volume", "count(*) FROM bi.messages WHERE is_private"),
        (
            "sum(bot_messages) FROM bi.daily_volume",
            "count(*) FROM bi.messages WHERE direction = 'out' AND author_kind = 'bot' AND NOT is_failed",
        ),
        ("sum(conversations_opened) FROM bi.daily_volume", "count(*) FROM bi.conversations"),
        ("sum(conversations_resolved) FROM bi.daily_volume", "count(resolved_at) FROM bi.resolutions"),
        ("sum(messages_in) FROM bi.traffic_heatmap", "sum(messages_in) FROM bi.conversations"),
        ("sum(conversations_opened) FROM bi.traffic_heatmap", "count(*) FROM bi.conversations"),
        ("sum(replies) FROM bi.daily_agents", "count(*) FROM bi.messages WHERE is_human_reply"),
        (
            "sum(private_notes) FROM bi.daily_agents",
            "count(*) FROM bi.messages WHERE is_private AND author_kind = 'agent'",
        ),
        (
            "sum(first_responses) FROM bi.daily_agents",
            "count(*) FROM bi.first_responses WHERE NOT is_after_reopening",
        ),
        (
            "sum(reopening_responses) FROM bi.daily_agents",
            "count(*) FROM bi.first_responses WHERE is_after_reopening",
        ),
        (
            "sum(conversations_resolved) FROM bi.daily_agents",
            "count(resolved_at) FROM bi.resolutions WHERE agent_id > 0",
        ),
        ("sum(conversations_opened) FROM bi.daily_labels", "sum(cardinality(labels)) FROM bi.conversations"),
        (
            "sum(messages_out) FROM bi.conversations",
            "count(*) FROM bi.messages WHERE direction = 'out' AND NOT is_failed",
        ),
        (
            "count(first_reply_at) FROM bi.conversations",
            "count(*) FROM bi.first_responses WHERE NOT is_after_reopening",
        ),
        ("count(answered_at) FROM bi.reply_times", "count(DISTINCT answer_message_id) FROM bi.reply_times"),
    ],
)
def test_the_parts_add_up_to_the_whole(loaded: Engine, daily: str, whole: str) -> None:
    found = value(loaded, f"SELECT {daily}")
    assert found == value(loaded, f"SELECT {whole}")
    assert found > 0


def test_a_day_holds_what_is_of_that_day(loaded: Engine) -> None:
    by_day = "SELECT day, sum(messages_in) FROM bi.daily_volume GROUP BY day HAVING sum(messages_in) > 0 ORDER BY day"
    assert rows(loaded, by_day) == rows(
        loaded,
        f"""
        SELECT (created_at AT TIME ZONE '{ZONE}')::date, count(*) FROM helpdesk.messages
        WHERE message_type = 'incoming' GROUP BY 1 ORDER BY 1
        """,
    )
    hours = "SELECT hour, sum(messages_in) FROM bi.traffic_heatmap GROUP BY hour HAVING sum(messages_in) > 0 ORDER BY 1"
    assert rows(loaded, hours) == rows(
        loaded,
        f"""
        SELECT extract(hour FROM created_at AT TIME ZONE '{ZONE}')::int, count(*) FROM helpdesk.messages
        WHERE message_type = 'incoming' GROUP BY 1 ORDER BY 1
        """,
    )


def test_nobody_waits_in_a_conversation_that_is_resolved(loaded: Engine) -> None:
    waiting = """
        SELECT count(*) FILTER (WHERE status = 'resolved'), count(*) > 0 FROM bi.reply_times
        JOIN bi.conversations USING (account_id, conversation_id)
        WHERE answered_at IS NULL AND NOT is_resolved_unanswered
    """
    assert rows(loaded, waiting) == [(0, True)]
    unknown = "SELECT DISTINCT opening FROM bi.first_responses EXCEPT SELECT opening FROM bi.resolutions"
    assert rows(loaded, unknown) == []


def test_no_time_runs_backwards(loaded: Engine) -> None:
    assert value(loaded, "SELECT min(reply_seconds) >= 0 FROM bi.reply_times")
    assert value(loaded, "SELECT min(resolution_seconds) >= 0 FROM bi.resolutions")
