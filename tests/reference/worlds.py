"""A world of a seed in the tables, with all that a report may tell: targets, labels, answers to surveys."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Engine, insert, text

from etl.database.dimensions import Label
from etl.database.models import ConversationLabel
from etl.database.targets import Target
from etl.database.witnesses import FieldChange
from etl.views import schema
from tests.databases import new_engine
from tests.reference.compare import Row, rows
from tests.reference.nights import ZONES, Desk, Night, every_hour, every_night, mixed
from tests.reference.world import FIRST_DAY, INBOXES, TEAMS, wild

DAYS = 8
# From here on with the vendor's own events.
EVENTS_FROM = 100
LABELS = ("bug", "vip")
MINUTE, HOUR, DAY = 60, 3600, 86400
# Of every third survey the list has an answer, of some without a rating; others are told by the message alone.
ANSWERS = """
    INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, contact_id, message_id, rating,
        feedback_message, csat_review_notes, assigned_agent_id, assigned_bot_type, assigned_bot_id, created_at)
    SELECT message.account_id, message.id, message.conversation_id, conversation.contact_id, message.id,
        CASE WHEN message.id % 9 > 0 OR message.id % 4 = 0 THEN 1 + message.id % 5 END, 'Thanks', 'Noted',
        CASE WHEN message.id % 7 <> 1 AND message.id % 2 = 0 THEN 1 + message.id % 3 END,
        CASE WHEN message.id % 7 = 1 THEN 'agent_bot' END, CASE WHEN message.id % 7 = 1 THEN 2 END,
        message.created_at + interval '50 hours'
    FROM helpdesk.messages AS message
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = message.account_id AND conversation.id = message.conversation_id
    WHERE message.content_type = 'input_csat' AND message.id % 3 = 0
"""


@contextmanager
def world(seed: int, server_url: str, template: str, days: int = DAYS) -> Iterator[Engine]:
    """Load a world by runs of all kinds, or every night, or every three hours, and drop it at the end."""
    with new_engine(server_url, template) as engine:
        zone, has_events = ZONES[seed % len(ZONES)], seed >= EVENTS_FROM
        desk = Desk(engine, wild(seed, days=days), zone=zone, seed=seed, has_events=has_events)
        desk.open()
        nights = plan(seed, days)
        for night in nights:
            desk.run(night)
        tell_the_rest(engine, seed, [night.finished_at for night in nights])
        yield engine


def plan(seed: int, days: int = DAYS) -> list[Night]:
    return (mixed(seed, days), every_night(days), every_hour(days)[::3])[seed % 3]


def tell_the_rest(engine: Engine, seed: int, moments: list[datetime]) -> None:
    """Write what no opening rests on, and have the figures follow; moments: when runs ended."""
    chance = Random(seed)
    with engine.begin() as connection:
        connection.execute(insert(Target), list(_targets(chance)))
        connection.execute(insert(Label), [{"account_id": 1, "title": one} for one in LABELS])
        connection.execute(text(ANSWERS))
    _relabel(engine, chance, moments)
    with engine.begin() as connection:
        schema.refresh(connection)


def _targets(chance: Random) -> Iterator[Row]:
    """Yield targets, of which each kind of reply and resolution has one that is for everything, and two versions."""
    whats = ("first_reply", "next_reply", "resolution")
    for number in range(12):
        for version in range(chance.choice((1, 1, 2))):
            some = {"inbox": INBOXES, "team": TEAMS, "priority": ("low", "urgent"), "label": LABELS}
            filters = {
                key: chance.sample(of, k=chance.choice((1, len(of)))) if number > 2 and chance.random() < 0.3 else None
                for key, of in some.items()
            }
            yield {
                "account_id": 1,
                "name": f"target {number}",
                "valid_from": FIRST_DAY.date() + timedelta(days=chance.randrange(4) + 4 * version - 3),
                "what": whats[number % 3],
                "within_seconds": chance.choice((5 * MINUTE, HOUR, 8 * HOUR, 30 * HOUR, 5 * DAY, 300 * DAY)),
                "time": chance.choice(("business", "calendar")),
                "unseen": chance.choice(("not_known", "as_next_seen")),
                "channel": None,
                **filters,
            }


def _relabel(engine: Engine, chance: Random, moments: list[datetime]) -> None:
    """Have runs see other labels on some conversations."""
    changes, held = [], []
    for row in rows(engine, "SELECT id, first_synced_at FROM helpdesk.conversations ORDER BY id"):
        labels: list[str] = []
        seen = [one for one in moments if one > row["first_synced_at"]]
        for moment in sorted(chance.sample(seen, k=min(len(seen), chance.choice((0, 0, 1, 2))))):
            after = sorted(chance.sample(LABELS, k=chance.choice((0, 1, 1, 2))))
            if after != labels:
                change = {"account_id": 1, "entity": "conversation", "entity_id": row["id"], "field": "labels"}
                changes.append(change | {"before": labels, "after": after, "seen_at": moment})
                labels = after
        held += [{"account_id": 1, "conversation_id": row["id"], "label": one} for one in labels]
    with engine.begin() as connection:
        connection.execute(insert(FieldChange), changes)
        connection.execute(insert(ConversationLabel), held)
