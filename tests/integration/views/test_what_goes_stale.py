"""Whatever changes, figures that follow it run by run are those that are computed at once."""

from collections.abc import Iterable

import pytest
from sqlalchemy import Connection, Engine, Row

from etl.views import schema
from tests.integration.views.told_account import Told, tell

TABLES = {
    "conversation_openings": "opening",
    "customer_waits": "question_message_id",
    "conversation_events": "number",
    "open_spans": "number",
    "obligations": "number",
    "conversation_sums": "conversation_id",
}
OPEN_EVERY_DAY = """
    SELECT jsonb_agg(jsonb_build_object('day_of_week', day, 'open_hour', {0}, 'open_minutes', 0, 'close_hour', {1},
        'close_minutes', 0, 'closed_all_day', false, 'open_all_day', false)) FROM generate_series(0, 6) AS day
"""
LABELS_ON = "INSERT INTO helpdesk.conversation_labels (account_id, conversation_id, label) VALUES (1, 1, 'vip')"
LABELS_OFF = "DELETE FROM helpdesk.conversation_labels WHERE label = 'old'"
NOTED = """
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    VALUES (1, 'conversation', 1, '{}', '{}', '{}', '2026-03-04 02:00+00')
"""
EVENT = """
    INSERT INTO helpdesk.reporting_events (account_id, id, conversation_id, name, event_start_time, event_end_time,
        created_at, first_synced_at, user_id)
    VALUES (1, 1, 1, '{}', '{}', '{}', '{}', '{}', 2)
"""


def hours(opens: int, closes: int, inbox: int = 1) -> str:
    return (
        f"UPDATE helpdesk.inboxes SET working_hours_enabled = true, timezone = 'Asia/Jerusalem', working_hours ="
        f" ({OPEN_EVERY_DAY.format(opens, closes)}) WHERE id = {inbox}"
    )


CHANGES: dict[str, tuple[str, ...]] = {
    "other hours": (hours(11, 12),),
    "hours for an inbox without": (hours(8, 20, 2),),
    "hours off": ("UPDATE helpdesk.inboxes SET working_hours_enabled = false",),
    "the inbox's zone": ("UPDATE helpdesk.inboxes SET timezone = 'America/New_York'",),
    "the inbox's zone is not known": ("UPDATE helpdesk.inboxes SET timezone = 'Mars'",),
    "the account's zone": ("UPDATE helpdesk.accounts SET time_zone = 'Pacific/Auckland'",),
    "a holiday": (
        "INSERT INTO helpdesk.holidays (account_id, country, day, name) VALUES (1, 'IL', '2026-03-02', 'x')",
    ),
    "another inbox": ("UPDATE helpdesk.conversations SET inbox_id = 2", NOTED.format("inbox_id", 1, 2)),
    "another inbox, not noted": ("UPDATE helpdesk.conversations SET inbox_id = 2",),
    "an inbox is noted late": (NOTED.format("inbox_id", 2, 1),),
    "a label comes": (LABELS_ON,),
    "a label goes": (LABELS_OFF,),
    "labels are noted late": (NOTED.format("labels", '["old", "vip"]', '["old"]'),),
    "a label is renamed": ("UPDATE helpdesk.conversation_labels SET label = 'new' WHERE label = 'old'",),
    "an agent is renamed": ("UPDATE helpdesk.agents SET name = 'Zed' WHERE id = 1",),
    "an agent is called as another": ("UPDATE helpdesk.agents SET name = 'Cara' WHERE id = 2",),
    "a team is renamed": ("UPDATE helpdesk.teams SET name = 'Other'",),
    "merged": ("UPDATE helpdesk.conversations SET contact_id = 2",),
    "forgotten": ("UPDATE helpdesk.conversations SET forgotten_at = now()",),
    "muted": ("UPDATE helpdesk.conversations SET muted = true",),
    "deleted": ("UPDATE helpdesk.conversations SET deleted_at = '2026-03-05 02:00+00' WHERE id = 1",),
    "deleted before it was resolved": ("UPDATE helpdesk.conversations SET deleted_at = '2026-03-02 07:30+00'",),
    "back from deleted": (
        "UPDATE helpdesk.conversations SET deleted_at = '2026-03-05 02:00+00'",
        "UPDATE helpdesk.conversations SET deleted_at = NULL",
    ),
    "begun earlier": ("UPDATE helpdesk.conversations SET created_at = '2026-02-20 07:00+00' WHERE id = 1",),
    "a message is older than all": ("UPDATE helpdesk.messages SET created_at = '2026-02-20 07:00+00' WHERE id = 101",),
    "a message of a new conversation is older than all": (
        "INSERT INTO helpdesk.conversations (account_id, id, status, inbox_id, created_at)"
        " VALUES (1, 9, 'open', 1, '2026-01-01 07:00+00')",
    ),
    "the oldest conversation goes": (
        *(
            f"DELETE FROM helpdesk.{table} WHERE {number} = 4"
            for table, number in (
                ("messages", "conversation_id"),
                ("conversation_states", "conversation_id"),
                ("conversations", "id"),
            )
        ),
    ),
    "a reply is taken back": ("UPDATE helpdesk.messages SET deleted = true WHERE id = 102",),
    "a reply fails": ("UPDATE helpdesk.messages SET status = 'failed' WHERE id = 102",),
    "a reply is gone": ("UPDATE helpdesk.messages SET removed_at = now() WHERE id = 102",),
    "a question is gone": ("UPDATE helpdesk.messages SET removed_at = now() WHERE id = 101",),
    "a reply was a note": ("UPDATE helpdesk.messages SET private = true WHERE id = 102",),
    "a reply was a bot's": ("UPDATE helpdesk.messages SET sender_type = 'agent_bot' WHERE id = 102",),
    "a reply was another's": ("UPDATE helpdesk.messages SET sender_id = 2 WHERE id = 102",),
    "a reply was a rule's": (
        """UPDATE helpdesk.messages SET content_attributes = '{"automation_rule_id": 1}' WHERE id = 102""",
    ),
    "a message moves": ("UPDATE helpdesk.messages SET conversation_id = 2 WHERE id = 102",),
    "texts are dropped": ("UPDATE helpdesk.messages SET content = NULL",),
    "the vendor tells of a hand-off": (
        EVENT.format("conversation_bot_handoff", *["2026-03-02 07:20+00"] * 4),
        "UPDATE helpdesk.conversations SET events_read_at = now()",
    ),
    "the vendor tells of a resolution": (EVENT.format("conversation_resolved", *["2026-03-02 08:20+00"] * 4),),
    "a state is moved": (
        "UPDATE helpdesk.conversation_states SET valid_to = '2026-03-04 03:00+00'"
        " WHERE conversation_id = 1 AND valid_to IS NOT NULL",
    ),
    "states go": ("DELETE FROM helpdesk.conversation_states WHERE conversation_id = 2",),
    "a target comes": (
        "INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen)"
        " VALUES (1, 'x', '2026-01-01', 'resolution', 60, 'business', 'not_known')",
    ),
}


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account with hours, labels, teams, an unnamed author, and conversations of all kinds, seen by five runs."""
    told = tell(engine)
    told.do("INSERT INTO helpdesk.inboxes (account_id, id, name) VALUES (1, 2, 'Mail')")
    told.do("INSERT INTO helpdesk.contacts (account_id, id, name) VALUES (1, 2, 'Eve')")
    told.do("INSERT INTO helpdesk.teams (account_id, id, name) VALUES (1, 1, 'sales')")
    told.do("INSERT INTO helpdesk.agents (account_id, id, name) VALUES (1, 3, 'Cara')")
    told.do(hours(9, 17))
    told.conversation(1, "03-02 07:00")
    told.wrote(1, ("03-02 07:00", "in"), ("03-02 07:40", "Ann"), ("03-02 09:00", "act"), ("03-04 10:00", "in"))
    told.conversation(2, "03-02 08:00", inbox_id=2)
    told.wrote(2, ("03-02 08:00", "in"), ("03-02 08:05", "bot"), ("03-02 12:00", "somebody"))
    told.do("""UPDATE helpdesk.messages SET extra = '{"sender_name": "Cara"}' WHERE id = 203""")
    told.conversation(3, "03-03 08:00", assignee_id=1)
    told.conversation(4, "03-01 08:00", assignee_id=2)
    told.wrote(4, ("03-01 08:00", "in"), ("03-01 09:00", "Bob"), ("03-01 10:00", "act"))
    told.do("INSERT INTO helpdesk.labels (account_id, title) VALUES (1, 'old'), (1, 'vip'), (1, 'new')")
    told.do("INSERT INTO helpdesk.conversation_labels (account_id, conversation_id, label) VALUES (1, 1, 'old')")
    bot = {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    told.saw("03-02 08:30", (1, "open", None), (2, "pending", None, bot), (4, "resolved", 2))
    told.saw("03-03 02:00", (1, "resolved", 1, {"team_id": 1}), (2, "open", None))
    told.saw("03-04 02:00", (2, "open", 3, {"team_id": 1, "priority": "high"}))
    told.saw("03-05 02:00", (1, "open", 2))
    return told


def figures(connection: Connection) -> dict[str, list[Row]]:
    """Return every row of what is computed, as a run has it at its end."""
    return {
        name: connection.exec_driver_sql(
            f"SELECT * FROM helpdesk.{name} ORDER BY account_id, conversation_id, {key}"
        ).all()
        for name, key in TABLES.items()
    }


def differing(connection: Connection, statements: Iterable[str]) -> dict[str, list[Row]]:
    """Return which rows that follow a change are not those that are computed at once."""
    for statement in statements:
        connection.exec_driver_sql(statement)
    schema.refresh(connection)
    after = figures(connection)
    schema.refresh(connection, everything=True)
    at_once = figures(connection)
    return {name: [*{*after[name]} ^ {*at_once[name]}] for name in TABLES if after[name] != at_once[name]}


def test_what_follows_any_change_is_what_is_computed_at_once(told: Told) -> None:
    found = {}
    with told.engine.connect() as connection:
        for name, statements in CHANGES.items():
            found[name] = differing(connection, statements)
            connection.rollback()
    assert {name: rows for name, rows in found.items() if rows} == {}


@pytest.mark.parametrize("lost", ["", " WHERE conversation_id = 2"])
def test_figures_that_are_gone_are_computed_though_a_run_has_others_to_compute(told: Told, lost: str) -> None:
    """As after a restore: of a table without rows, or as it was before the conversation came."""
    found = {}
    with told.engine.connect() as connection:
        before = figures(connection)
        for name in TABLES:
            connection.exec_driver_sql(f"DELETE FROM helpdesk.{name}{lost}")
            connection.exec_driver_sql("INSERT INTO helpdesk.stale_figures (account_id, conversation_id) VALUES (1, 1)")
            schema.refresh(connection)
            found[name] = figures(connection) == before
            connection.rollback()
    assert found == dict.fromkeys(TABLES, True)
