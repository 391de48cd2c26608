"""In every view people are counted as people and bots as bots, though one number is a person's and a bot's."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from etl.database.bookkeeping import SyncRun
from etl.database.states import ConversationState
from etl.load import upsert
from etl.views import schema
from etl.views.grants import grant
from tests.databases import new_engine
from tests.integration.views.written_rows import Row, at, message, survey, sync

ADA: Row = {"assignee_type": "user", "assignee_id": 1}
ROBO: Row = {"assignee_type": "agent_bot", "assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
GUEST: Row = {"assignee_type": "guest", "assignee_bot_type": "guest", "assignee_bot_id": 1}


def one(number: int, status: str, owner: Row) -> Row:
    times = {"created_at": at(25, 8), "last_activity_at": at(25, 9)}
    return {"id": number, "status": status, "inbox_id": 1, "contact_id": 1} | times | owner


def state(number: int, since: int, until: int | None, status: str, owner: Row) -> Row:
    given = {"conversation_id": number, "valid_from": at(25, since), "valid_to": until and at(25, until)}
    return given | {"status": status} | owner


@pytest.fixture(scope="module")
def owned(server_url: str, template: str) -> Iterator[Engine]:
    """A database in which conversation 1 was resolved by the bot, 2 by the person, and the others are not resolved."""
    rows = {
        "accounts": [{"base_url": "https://x.example", "time_zone": "UTC"}],
        "inboxes": [{"id": 1, "name": "Website", "channel_type": "Channel::WebWidget"}],
        "agents": [{"id": 1, "name": "Ada"}],
        "bots": [{"type": "agent_bot", "id": 1, "name": "Robo"}, {"type": "guest", "id": 1, "name": "Lovelace"}],
        "contacts": [{"id": 1, "name": "Dana"}],
        "conversations": [
            *(one(1, "resolved", ROBO), one(2, "resolved", ADA), one(3, "pending", ROBO), one(4, "open", ADA)),
            *(one(5, "open", {}), one(6, "pending", GUEST)),
        ],
        "messages": [
            message(101, at(25, 8), "incoming", ("contact", 1)),
            message(102, at(25, 9), "activity"),
            message(103, at(25, 9, 1), "template", **survey(4.0, "good")),
            message(201, at(25, 8), "incoming", ("contact", 1)),
            message(202, at(25, 9), "activity"),
        ],
        "csat_responses": [
            {"id": 1, "conversation_id": 2, "contact_id": 1, "message_id": 9, "rating": 5, "assigned_agent_id": 1},
            {"id": 2, "rating": 1, "assigned_bot_type": "agent_bot", "assigned_bot_id": 1, "message_id": 8},
        ],
    }
    states = [
        *(state(1, 8, 9, "open", ROBO), state(1, 9, None, "resolved", ROBO)),
        *(state(2, 8, 9, "open", ADA), state(2, 9, None, "resolved", ADA)),
        *(state(3, 8, None, "pending", ROBO), state(4, 8, None, "open", ADA), state(5, 8, None, "open", {})),
        state(6, 8, None, "pending", GUEST),
    ]
    with new_engine(server_url, template) as engine:
        with engine.begin() as connection:
            upsert.save(
                connection,
                {table: [{"account_id": 1} | row for row in rows[table]] for table in upsert.ORDER if table in rows},
            )
            for row in states:
                connection.execute(insert(ConversationState).values({"account_id": 1} | row))
            connection.execute(insert(SyncRun).values({"account_id": 1} | sync(at(26, 1), at(26, 2), "complete")))
            schema.refresh(connection, everything=True)
        yield engine


def asked(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_every_conversation_names_its_owner_and_only_people_are_agents(owned: Engine) -> None:
    columns = "conversation_id, agent_id, agent, owner, owner_kind"
    assert asked(owned, f"SELECT {columns} FROM bi.conversations ORDER BY 1") == [
        (1, None, None, "Robo", "bot"),
        (2, 1, "Ada", "Ada", "agent"),
        (3, None, None, "Robo", "bot"),
        (4, 1, "Ada", "Ada", "agent"),
        (5, None, None, None, None),
        (6, None, None, "Lovelace", "bot"),
    ]


def test_a_resolution_is_booked_on_who_owned_the_conversation_then(owned: Engine) -> None:
    resolved = "WHERE resolved_at IS NOT NULL ORDER BY 1"
    assert asked(owned, f"SELECT conversation_id, agent_id, owner, owner_kind FROM bi.resolutions {resolved}") == [
        (1, None, "Robo", "bot"),
        (2, 1, "Ada", "agent"),
    ]
    assert asked(owned, "SELECT agent, conversations_resolved FROM bi.daily_agents") == [("Ada", 1)]
    figures = "sum(conversations_resolved)::int, sum(bot_resolutions)::int"
    assert asked(owned, f"SELECT {figures} FROM bi.daily_volume") == [(2, 1)]


def test_the_backlog_tells_bots_people_and_nobody_apart(owned: Engine) -> None:
    columns = "agent_id, owner, owner_kind, open, pending, backlog"
    assert asked(owned, f"SELECT {columns} FROM bi.daily_backlog ORDER BY owner NULLS LAST") == [
        (1, "Ada", "agent", 1, 0, 1),
        (None, "Lovelace", "bot", 0, 1, 1),
        (None, "Robo", "bot", 0, 1, 1),
        (None, None, None, 1, 0, 1),
    ]


def test_a_rating_is_of_the_bot_that_owned_the_conversation_and_four_point_nought_is_four(owned: Engine) -> None:
    assert asked(owned, "SELECT agent_id, owner, owner_kind, rating, source FROM bi.csat ORDER BY rating") == [
        (None, "Robo", "bot", 1, "survey list"),
        (None, "Robo", "bot", 4, "message"),
        (1, "Ada", "agent", 5, "survey list"),
    ]


def test_the_name_of_an_owner_of_an_unknown_type_is_for_those_who_may_see_personal_data(owned: Engine) -> None:
    role = "etl_test_owners"
    with owned.begin() as connection:
        connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
        connection.execute(text(f"CREATE ROLE {role}"))
    grant(owned, role, with_personal_data=False)
    try:
        with owned.connect() as connection:
            connection.execute(text(f"SET ROLE {role}"))
            for view in ("conversations", "daily_backlog"):
                found = connection.execute(text(f"SELECT DISTINCT owner, owner_kind FROM bi.{view} ORDER BY 1, 2"))
                assert [tuple(row) for row in found] == [
                    ("Ada", "agent"),
                    ("Robo", "bot"),
                    (None, "bot"),
                    (None, None),
                ]
    finally:
        with owned.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
