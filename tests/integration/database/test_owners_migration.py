"""What robots left in `agents` before their type was known is taken back out, and nobody else loses anything."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.database import migrate

BEFORE = "0002_queue"
SECRET = "made-up-key-of-a-webhook"
ROBOT = {"outgoing_url": f"https://bot.example/{SECRET}", "bot_type": "webhook", "description": "answers first"}
OWNER = "assignee_type, assignee_id, assignee_bot_type, assignee_bot_id"


def at(day: int) -> str:
    return f"2026-07-{day:02} 00:00Z"


def put(engine: Engine, table: str, *rows: dict[str, Any]) -> None:
    """Insert rows of account 1; an object becomes JSON."""
    with engine.begin() as connection:
        for row in rows:
            values = {name: json.dumps(one) if isinstance(one, dict) else one for name, one in row.items()}
            named = ", ".join(f":{name}" for name in values)
            connection.execute(
                text(f"INSERT INTO helpdesk.{table} (account_id, {', '.join(values)}) VALUES (1, {named})"), values
            )


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        connection.execute(text("SET search_path TO helpdesk"))
        return [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def before(engine: Engine) -> Engine:
    """Tables as the revision before has them, with an administrator, an agent, and an account of robots."""
    migrate.migrate(engine, BEFORE)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://x.example')"))
    return engine


def typed(kind: str) -> dict[str, Any]:
    return {"meta": {"assignee_type": kind}}


def state(conversation: int, since: int, until: int | None, assignee: int | None) -> dict[str, Any]:
    given = {"conversation_id": conversation, "valid_from": at(since), "status": "open", "assignee_id": assignee}
    return given | {"valid_to": at(until) if until else None}


@pytest.mark.long
def test_a_robot_with_a_number_of_its_own_leaves_the_agents(before: Engine) -> None:
    put(
        before,
        "agents",
        {"id": 9, "name": "Robo", "thumbnail": "", "extra": ROBOT},
        {"id": 2, "name": "Bob", "email": "b@x.example"},
    )
    put(
        before,
        "conversations",
        {"id": 1, "assignee_id": 9, "extra": typed("AgentBot") | {"mood": 1}},
        {"id": 2, "assignee_id": 2, "extra": typed("User")},
        {"id": 3, "assignee_id": None, "extra": typed("AgentBot")},
    )
    put(
        before,
        "conversation_states",
        state(1, 1, 2, 2),
        state(1, 2, None, 9),
        state(3, 1, 2, 9),
        state(3, 2, None, None),
    )
    put(before, "csat_responses", {"id": 1, "conversation_id": 1, "assigned_agent_id": 9, "rating": 5})
    migrate.migrate(before)
    assert rows(before, "SELECT id, name, extra FROM agents") == [(2, "Bob", None)]
    assert rows(before, "SELECT type, id, name, description, bot_type, thumbnail, extra FROM bots") == [
        ("agent_bot", 9, "Robo", "answers first", "webhook", "", None)
    ]
    bot, bob = ("agent_bot", None, "agent_bot", 9), ("user", 2, None, None)
    assert rows(before, f"SELECT id, {OWNER}, extra FROM conversations ORDER BY 1") == [
        (1, *bot, {"mood": 1}),
        (2, *bob, None),
        (3, None, None, None, None, None),
    ]
    assert rows(before, f"SELECT conversation_id, {OWNER} FROM conversation_states ORDER BY 1, valid_from") == [
        (1, *bob),
        (1, *bot),
        (3, *bot),
        (3, None, None, None, None),
    ]
    answers = "SELECT assigned_agent_id, assigned_bot_type, assigned_bot_id FROM csat_responses"
    assert rows(before, answers) == [(None, "agent_bot", 9)]


@pytest.mark.long
def test_of_a_number_that_is_a_persons_too_only_what_is_known_is_the_robots(before: Engine) -> None:
    put(
        before,
        "agents",
        {"id": 1, "name": "Robo", "available_name": "Ada", "email": "a@x.example", "thumbnail": "", "extra": ROBOT},
    )
    put(
        before,
        "conversations",
        {"id": 1, "assignee_id": 1, "extra": typed("AgentBot")},  # the robot's since the 3rd, of before nobody knows
        {"id": 2, "assignee_id": 1, "extra": typed("User")},
        {"id": 3, "assignee_id": 1, "extra": None},  # from before the server said types
        {"id": 4, "assignee_id": 1, "extra": typed("Captain::Assistant")},
    )
    put(
        before,
        "conversation_states",
        *(state(1, 1, 2, 1), state(1, 2, 3, None), state(1, 3, 4, 1), state(1, 4, None, 1)),
        *(state(2, 1, None, 1), state(3, 1, None, 1), state(4, 1, None, 1)),
    )
    migrate.migrate(before)
    assert rows(before, "SELECT id, name, available_name, thumbnail, extra FROM agents") == [
        (1, "Ada", "Ada", None, None)
    ]
    assert rows(before, "SELECT type, id, name FROM bots ORDER BY 1") == [
        ("agent_bot", 1, None),
        ("captain_assistant", 1, None),
    ]
    bot, ada, nobody = ("agent_bot", None, "agent_bot", 1), ("user", 1, None, None), (None,) * 4
    captain = ("captain_assistant", None, "captain_assistant", 1)
    assert rows(before, f"SELECT id, {OWNER} FROM conversations ORDER BY 1") == [
        (1, *bot),
        (2, *ada),
        (3, *ada),
        (4, *captain),
    ]
    assert rows(before, f"SELECT conversation_id, {OWNER} FROM conversation_states ORDER BY 1, valid_from") == [
        *((1, *nobody), (1, *nobody), (1, *bot), (1, *bot)),
        *((2, *ada), (3, *ada), (4, *captain)),
    ]


@pytest.mark.long
def test_where_personal_data_are_not_kept_who_is_shown_with_nothing_of_a_person_is_none(before: Engine) -> None:
    with before.begin() as connection:
        connection.execute(text("UPDATE helpdesk.accounts SET personal_data = 'hash'"))
    put(
        before,
        "agents",
        {"id": 9, "name": "Robo"},
        {"id": 2, "name": "Bob", "email": "b@x.example"},
        {"id": 3},  # a sender who has left
    )
    put(before, "contacts", {"id": 5})
    put(before, "conversations", {"id": 1, "assignee_id": 9}, {"id": 2, "assignee_id": 2})
    put(before, "messages", {"id": 1, "conversation_id": 1, "sender_type": "user", "sender_id": 3})
    put(before, "conversation_states", state(1, 1, None, 9), state(2, 1, None, 2))
    migrate.migrate(before)
    assert rows(before, "SELECT id FROM agents ORDER BY 1") == [(2,), (3,)]
    expected = [(1, None, None, None, None), (2, "user", 2, None, None)]
    assert rows(before, f"SELECT id, {OWNER} FROM conversations ORDER BY 1") == expected
    assert rows(before, f"SELECT conversation_id, {OWNER} FROM conversation_states ORDER BY 1") == expected
    assert rows(before, "SELECT count(*) FROM bots") == [(0,)]


@pytest.mark.long
def test_addresses_of_bots_are_gone_from_wherever_they_lay(before: Engine) -> None:
    put(before, "agents", {"id": 9, "name": "Robo", "extra": ROBOT | {"mood": 1}})
    put(before, "bots", {"type": "agent_bot", "id": 9, "name": "Robo", "extra": ROBOT})
    put(before, "contacts", {"id": 5, "extra": ROBOT})
    put(before, "conversations", {"id": 1, "assignee_id": 9, "extra": typed("AgentBot") | {"helpers": {"of": ROBOT}}})
    payload = {"id": "x", "meta": {"assignee": ROBOT}, "messages": [{"sender": ROBOT | {"name": "Robo"}}, 1]}
    record = {"entity": "conversation", "digest": "d", "run_id": 1, "reason": "id", "payload": payload}
    put(
        before,
        "sync_runs",
        {"run_id": 1, "kind": "sync", "host": "h", "process_id": 1, "started_at": at(1), "outcome": "complete"},
    )
    put(before, "rejected_records", record)
    migrate.migrate(before)
    for table in ("agents", "bots", "contacts", "conversations", "rejected_records"):
        assert rows(before, f"SELECT count(*) FROM {table} AS one WHERE one::text LIKE '%{SECRET}%'") == [(0,)], table
    kept = {"bot_type": "webhook", "description": "answers first"}
    assert rows(before, "SELECT extra FROM contacts") == [(kept,)]
    assert rows(before, "SELECT payload FROM rejected_records") == [
        ({"id": "x", "meta": {"assignee": kept}, "messages": [{"sender": kept | {"name": "Robo"}}, 1]},)
    ]


@pytest.mark.long
def test_an_account_without_robots_is_as_it_was(before: Engine) -> None:
    put(before, "agents", {"id": 1, "name": "Ada", "extra": {"custom_role_id": 2}}, {"id": 2})
    put(
        before,
        "conversations",
        {"id": 1, "assignee_id": 1, "extra": {"mood": 1}},
        {"id": 2, "assignee_id": 2},
        {"id": 3},
    )
    put(before, "conversation_states", state(1, 1, None, 1), state(2, 1, None, 2), state(3, 1, None, None))
    agents = rows(before, "SELECT id, name, extra, changed_at, xmin::text FROM agents ORDER BY id")
    migrate.migrate(before)
    assert rows(before, "SELECT id, name, extra, changed_at, xmin::text FROM agents ORDER BY id") == agents
    assert rows(before, f"SELECT id, {OWNER} FROM conversations ORDER BY 1") == [
        (1, "user", 1, None, None),
        (2, "user", 2, None, None),
        (3, None, None, None, None),
    ]
    migrate.migrate(before, BEFORE)
    assert rows(before, "SELECT id, assignee_id FROM conversations ORDER BY 1") == [(1, 1), (2, 2), (3, None)]
