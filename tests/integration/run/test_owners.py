"""Bots that own conversations, as servers from 4.8 on have them: never booked on the person whose number they have."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.server import Answer, Request, json_answer
from tests.scripted_account import account_of, job

SECRET = "made-up-key-of-a-webhook"
BOT = {
    "id": 1,
    "name": "Support Robot",
    "description": "answers first",
    "thumbnail": "",
    "outgoing_url": f"https://bot.example.com/hook?key={SECRET}",
    "bot_type": "webhook",
    "bot_config": {"token": SECRET},
}
ASSISTANT = {"id": 1, "name": "Captain", "description": "", "thumbnail": "", "created_at": "2026-08-01T00:00:00.000Z"}
OWNERS = "SELECT id, assignee_type, assignee_id, assignee_bot_type, assignee_bot_id FROM conversations ORDER BY id"
STATES = (
    "SELECT assignee_type, assignee_id, assignee_bot_type, assignee_bot_id, valid_to IS NULL"
    " FROM conversation_states WHERE conversation_id = 2 ORDER BY valid_from"
)
VERSIONS = (
    "SELECT 'agent', id, xmin::text, name FROM agents"
    " UNION ALL SELECT type, id, xmin::text, name FROM bots ORDER BY 1, 2"
)
Owners = dict[int, dict[str, Any]]


def owned(meta: Owners, turn: Callable[[dict[str, Any]], None] = lambda _: None) -> Any:
    """Have conversations owned as `meta` says wherever they are shown; `turn` changes the messages of histories."""

    def changed(request: Request, answer: Answer) -> Answer:
        last = request.path.rpartition("/")[2]
        if answer.status != 200 or not (last in {"conversations", "messages"} or last.isdigit()):
            return answer
        value = orjson.loads(answer.body)
        for one in value["payload"] if last == "messages" else ():
            turn(one)
        for one in {"conversations": lambda: value["data"]["payload"], "messages": list}.get(last, lambda: [value])():
            one["meta"] |= meta.get(one["id"], {})
        return json_answer(value)

    return changed


def test_a_bot_with_the_number_of_a_person_owns_what_it_owns_and_the_person_stays_who_she_is(engine: Engine) -> None:
    account = account_of(4)
    account.conversations[1].assignee_id = 1
    meta = {2: {"assignee": BOT, "assignee_type": "AgentBot"}, 3: {"assignee": ASSISTANT}}
    meta[3]["assignee_type"] = "Captain::Assistant"
    with job(account, engine, change=owned(meta)) as etl:
        assert etl.run().outcome == "complete"
        assert etl.rows(OWNERS) == [
            (1, "user", 1, None, None),
            (2, "agent_bot", None, "agent_bot", 1),
            (3, "captain_assistant", None, "captain_assistant", 1),
            (4, None, None, None, None),
        ]
        assert etl.rows("SELECT name, extra FROM agents WHERE id = 1") == [("Alice Admin", None)]
        assert etl.rows("SELECT type, id, name, description, bot_type, extra FROM bots ORDER BY 1") == [
            ("agent_bot", 1, "Support Robot", "answers first", "webhook", None),
            ("captain_assistant", 1, "Captain", "", None, None),
        ]
        before = etl.rows(VERSIONS)
        assert etl.run().outcome == "complete"
        assert etl.rows(VERSIONS) == before  # a quiet night writes neither people nor bots
        assert etl.rows("SELECT agent_id, agent, owner, owner_kind FROM bi.conversations ORDER BY conversation_id") == [
            (1, "Alice Admin", "Alice Admin", "agent"),
            (None, None, "Support Robot", "bot"),
            (None, None, "Captain", "bot"),
            (None, None, None, None),
        ]


@pytest.mark.long
def test_a_conversation_that_goes_from_bot_to_person_of_one_number_has_two_states(engine: Engine) -> None:
    account = account_of(2)
    meta = {2: {"assignee": BOT, "assignee_type": "AgentBot"}}
    with job(account, engine, change=owned(meta)) as etl:
        etl.run()
        del meta[2]
        account.conversations[2].assignee_id = 1
        etl.run()
        bot, person = ("agent_bot", None, "agent_bot", 1), ("user", 1, None, None)
        assert etl.rows(STATES) == [(*bot, False), (*person, True)]
        assert etl.rows(OWNERS)[1] == (2, *person)
        meta[2] = {"assignee": BOT, "assignee_type": "AgentBot"}
        etl.run()
        assert etl.rows(STATES) == [(*bot, False), (*person, False), (*bot, True)]
        etl.run()
        assert len(etl.rows(STATES)) == 3


@pytest.mark.long
def test_no_key_of_a_bot_is_stored_anywhere_not_even_of_what_is_rejected(engine: Engine) -> None:
    """The bot owns, writes and is shown in fields that nobody knows; one of its conversations cannot be read."""
    meta = {number: {"assignee": BOT, "assignee_type": "AgentBot", "helpers": [BOT]} for number in (1, 2)}

    def turn(message: dict[str, Any]) -> None:
        message["sender"] = BOT | {"type": "user"}
        message["sent_by"] = BOT
        if message["id"] == 5:
            message["id"] = "five"

    with job(account_of(3), engine, change=owned(meta, turn)) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected) == ("incomplete", 1)
        assert etl.rows("SELECT DISTINCT sender_type, sender_id FROM messages") == [("agent_bot", 1)]
        assert etl.rows("SELECT name FROM agents ORDER BY id") == [("Alice Admin",), ("Bob",)]
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
                 " AND table_schema IN ('helpdesk', 'etl_jobs')")
        ).all()  # fmt: skip
        for schema, table in tables:
            found = text(f"SELECT count(*) FROM {schema}.{table} AS one WHERE one::text LIKE '%{SECRET}%'")
            assert (table, connection.scalar(found)) == (table, 0)


def test_who_owns_cannot_be_read_and_nothing_of_it_is_changed(engine: Engine) -> None:
    account = account_of(2)
    account.conversations[2].assignee_id = 2
    meta: Owners = {}
    with job(account, engine, change=owned(meta)) as etl:
        etl.run()
        meta[2] = {"assignee_type": {"name": "User"}}
        run = etl.run()
        assert run.outcome == "incomplete"
        assert etl.rows("SELECT entity, entity_id, reason FROM rejected_records") == [
            ("owner", "2", "expected text, got an object")
        ]
        assert etl.rows(OWNERS)[1] == (2, "user", 2, None, None)
        del meta[2]
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT resolved_at IS NULL FROM rejected_records") == [(False,)]
