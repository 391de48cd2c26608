"""The views of agents, teams and inboxes, and of who belongs to which: whole rows, as the runs saw them."""

from datetime import UTC, datetime

from sqlalchemy import Engine, text

ROWS = """
    INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://example.com'), (2, 'https://example.com');
    INSERT INTO helpdesk.agents (account_id, id, name, available_name, email, role, is_listed) VALUES
        (1, 1, 'Alice Admin', 'Alice', 'alice@example.com', 'administrator', true),
        (1, 2, 'Bob', NULL, 'bob@example.com', NULL, false),
        (1, 3, 'New', NULL, NULL, NULL, NULL),
        (2, 1, 'Zoe', NULL, 'zoe@example.com', 'agent', true);
    INSERT INTO helpdesk.teams (account_id, id, name, description, allow_auto_assign) VALUES
        (1, 1, 'sales', 'Before the order', true), (1, 2, 'returns', NULL, false), (2, 1, 'other', NULL, NULL);
    INSERT INTO helpdesk.inboxes
        (account_id, id, name, channel_type, api_type, timezone, working_hours_enabled, csat_survey_enabled,
         enable_auto_assignment)
    VALUES (1, 1, 'Phone', 'Channel::Api', 'wa_v2', 'Asia/Jerusalem', true, false, true),
        (1, 2, NULL, 'Channel::Email', NULL, NULL, NULL, NULL, NULL);
    INSERT INTO helpdesk.team_members (account_id, team_id, agent_id, valid_from, valid_to) VALUES
        (1, 1, 1, '2026-01-01 00:00+00', NULL), (1, 2, 1, '2026-01-01 00:00+00', NULL),
        (1, 1, 2, '2026-01-01 00:00+00', '2026-02-01 00:00+00'), (1, 1, 2, '2026-03-01 00:00+00', NULL),
        (1, 2, 2, '2026-01-01 00:00+00', '2026-02-01 00:00+00'), (2, 1, 1, '2026-01-01 00:00+00', NULL);
    INSERT INTO helpdesk.inbox_members (account_id, inbox_id, agent_id, valid_from, valid_to) VALUES
        (1, 1, 1, '2026-01-01 00:00+00', NULL), (1, 2, 1, '2026-01-01 00:00+00', NULL),
        (1, 2, 2, '2026-01-01 00:00+00', '2026-02-01 00:00+00');
"""


def day(month: int) -> datetime:
    return datetime(2026, month, 1, tzinfo=UTC)


def test_agents_teams_and_inboxes_are_one_row_each_with_who_belongs_to_them_now(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(ROWS))

        def view(name: str) -> list[tuple]:
            return [tuple(row) for row in connection.execute(text(f"SELECT * FROM bi.{name} ORDER BY 1, 2, 4, 6"))]

        assert view("agents") == [
            (1, 1, "Alice", "alice@example.com", "administrator", True, ["returns", "sales"], ["Inbox 2", "Phone"]),
            (1, 2, "Bob", "bob@example.com", None, False, ["sales"], []),
            (1, 3, "New", None, None, None, [], []),
            (2, 1, "Zoe", "zoe@example.com", "agent", True, ["other"], []),
        ]
        assert view("teams") == [
            (1, 1, "sales", "Before the order", True, 2),
            (1, 2, "returns", None, False, 1),
            (2, 1, "other", None, None, 1),
        ]
        assert view("inboxes") == [
            (1, 1, "Phone", "WhatsApp", True, "Asia/Jerusalem", False, True, 1),
            (1, 2, None, "E-mail", None, None, None, None, 1),
        ]
        assert view("team_members") == [
            (1, 1, "sales", 1, "Alice", day(1), None, True),
            (1, 1, "sales", 2, "Bob", day(1), day(2), False),
            (1, 1, "sales", 2, "Bob", day(3), None, True),
            (1, 2, "returns", 1, "Alice", day(1), None, True),
            (1, 2, "returns", 2, "Bob", day(1), day(2), False),
            (2, 1, "other", 1, "Zoe", day(1), None, True),
        ]
        assert view("inbox_members") == [
            (1, 1, "Phone", 1, "Alice", day(1), None, True),
            (1, 2, None, 1, "Alice", day(1), None, True),
            (1, 2, None, 2, "Bob", day(1), day(2), False),
        ]
