"""An account in which anything happens, made of a seed: odd histories, and a run each night."""

import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert

from etl.database.bookkeeping import SyncRun
from etl.database.states import ConversationState
from etl.load import upsert
from etl.views import schema
from tests.integration.views.written_rows import Row, at, message, sync

NIGHTS, CONVERSATIONS = 12, 60
# Five days before the clocks of Jerusalem change.
BEGIN = at(23, 0, 10)
STATUSES = ("open", "open", "resolved", "resolved", "pending", "snoozed", "newer", None)
WRITTEN = (
    ("incoming", ("contact", 1)), ("incoming", ("contact", 1)), ("outgoing", ("user", 1)), ("outgoing", ("user", 2)),
    ("outgoing", ("agent_bot", 1)), ("outgoing", None), ("template", None), ("activity", None), ("activity", None),
)  # fmt: skip
OWNERS: tuple[Row, ...] = (
    {},
    {"assignee_id": 1},
    {"assignee_id": 2},
    {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1},
)


def write(engine: Engine, seed: int) -> None:
    """Put the account of this seed into an empty database, and compute its figures."""
    chance = random.Random(seed)
    nights = [BEGIN + timedelta(days=one) for one in range(NIGHTS)]
    rows: dict[str, list[Row]] = {
        "accounts": [
            {"base_url": "https://x.example", "time_zone": chance.choice(["Asia/Jerusalem", "UTC", "Asia/Kolkata"])}
        ],
        "inboxes": [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}],
        "teams": [{"id": 1, "name": "sales"}],
        "agents": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}],
        "bots": [{"type": "agent_bot", "id": 1, "name": "Robo"}],
        "contacts": [{"id": 1, "name": "Dana"}],
        "conversations": [],
        "messages": [],
    }
    states: list[Row] = []
    for number in range(1, CONVERSATIONS + 1):
        begun = BEGIN + timedelta(days=chance.uniform(-3, NIGHTS))
        gone = chance.choice([None, None, *(one for one in nights if one > begun)])
        until = gone or nights[-1]
        rows["messages"] += _messages(chance, number, begun, until)
        seen = list(_states(chance, number, [one for one in nights if begun < one < until]))
        states += seen
        status = seen[-1]["status"] if seen else "open"
        rows["conversations"].append(
            {"id": number, "status": status, "contact_id": 1, "inbox_id": chance.choice([1, 1, 2, None])}
            | {"created_at": chance.choice([begun, begun, begun, begun, None]), "deleted_at": gone}
            | {"first_synced_at": begun}
        )
    _save(engine, rows, states, nights)


def _messages(chance: random.Random, number: int, begun: datetime, until: datetime) -> Iterator[Row]:
    moments = sorted(begun + (until - begun) * chance.random() for _ in range(chance.randrange(14)))
    for place, moment in enumerate(moments):
        kind, sender = chance.choice(WRITTEN)
        told = {
            "private": chance.choice([False, False, False, True, None]),
            "status": chance.choice(["sent", "failed"]),
        }
        yield message(number * 100 + place, moment, kind, sender, inbox_id=1, **told)


def _states(chance: random.Random, number: int, nights: list[datetime]) -> Iterator[Row]:
    turns = sorted(chance.sample(nights, k=chance.randint(0, len(nights))))
    for one, after in itertools.zip_longest(turns, turns[1:]):
        owner = {"assignee_id": None, "assignee_bot_type": None, "assignee_bot_id": None} | chance.choice(OWNERS)
        held = {"status": chance.choice(STATUSES), "team_id": chance.choice([None, 1])} | owner
        yield {"conversation_id": number, "valid_from": one, "valid_to": after} | held


def _save(engine: Engine, rows: dict[str, list[Row]], states: list[Row], nights: list[datetime]) -> None:
    minute = timedelta(minutes=1)
    with engine.begin() as connection:
        numbered = {table: [{"account_id": 1} | row for row in rows[table]] for table in upsert.ORDER if table in rows}
        upsert.save(connection, numbered)
        if states:
            connection.execute(insert(ConversationState).values([{"account_id": 1} | row for row in states]))
        for night in nights:
            connection.execute(
                insert(SyncRun).values({"account_id": 1} | sync(night - minute, night + minute, "complete"))
            )
        schema.refresh(connection, everything=True)
