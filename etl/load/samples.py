"""What a sample is drawn from: the living messages and conversations of the tables, and what is stored of a few."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from etl.database.base import SCHEMA
from etl.database.bookkeeping import LedgerEntry, SyncRun
from etl.database.engine import any_of
from etl.database.models import Attachment, Conversation, ConversationLabel, Message

# What a reading of a history has given, and no later one has missed.
LIVING = f"""
    FROM {SCHEMA}.messages AS message
    JOIN {SCHEMA}.conversations AS conversation
      ON conversation.account_id = :account_id AND conversation.id = message.conversation_id
    WHERE message.account_id = :account_id AND message.removed_at IS NULL AND conversation.deleted_at IS NULL
      AND (CAST(:since AS timestamptz) IS NULL OR coalesce(conversation.last_activity_at >= :since, true))
      AND (CAST(:until AS timestamptz) IS NULL OR coalesce(conversation.created_at < :until, true))
"""


class Population(NamedTuple):
    """How many living messages there are, and how many besides of which only the vendor's search has told."""

    whole: int
    partial: int


@dataclass(frozen=True)
class Within:
    """Which conversations: of an account, that were going on between two times, `until` excluded; None: at any time."""

    account_id: int
    since: datetime | None = None
    until: datetime | None = None

    def values(self) -> dict[str, Any]:
        """Return what the statements ask for."""
        return {"account_id": self.account_id, "since": self.since, "until": self.until}


def count_messages(connection: Connection, within: Within) -> Population:
    """Count the messages of which a sample is drawn, and those of which it is not."""
    counted = f"SELECT count(*) FILTER (WHERE NOT partial), count(*) FILTER (WHERE partial) {LIVING}"
    whole, partial = connection.execute(text(counted), within.values()).one()
    return Population(whole, partial)


def messages_at(connection: Connection, within: Within, places: Collection[int]) -> list[tuple[int, int]]:
    """Return conversation and id of the messages at some places, from 0, in the order of their ids."""
    found = connection.execute(
        text(
            f"""
            SELECT ranked.conversation_id, ranked.id
            FROM unnest(CAST(:places AS bigint[])) AS wanted(place)
            JOIN (
                SELECT message.conversation_id, message.id, row_number() OVER (ORDER BY message.id) - 1 AS place
                {LIVING} AND NOT message.partial
            ) AS ranked ON ranked.place = wanted.place
            ORDER BY ranked.id
            """  # noqa: S608 -- only constants are formatted in
        ),
        within.values() | {"places": list(places)},
    )
    return [(row.conversation_id, row.id) for row in found]


def conversations_within(connection: Connection, within: Within) -> list[int]:
    """Return the ids of the living conversations that were going on then, in order."""
    query = select(Conversation.id).where(
        Conversation.account_id == within.account_id, Conversation.deleted_at.is_(None)
    )
    if within.since:
        query = query.where(func.coalesce(Conversation.last_activity_at >= within.since, True))
    if within.until:
        query = query.where(func.coalesce(Conversation.created_at < within.until, True))
    return list(connection.scalars(query.order_by(Conversation.id)))


def highest_accounted(connection: Connection, account_id: int) -> int:
    """Return the highest id for which the last run that kept a ledger has accounted; 0 when none did."""
    ledgers = select(SyncRun.highest_id).where(SyncRun.account_id == account_id, SyncRun.highest_id.is_not(None))
    return connection.scalar(ledgers.order_by(SyncRun.run_id.desc()).limit(1)) or 0


class HeldMessage(NamedTuple):
    """When a message was written, and whether only the vendor's search has told it."""

    at: float
    partial: bool


class Holding:
    """What the tables hold of some conversations.

    clocks: conversation id -> last change and last activity, of those that are there and not deleted.
    messages: conversation id -> id -> of those that are not removed. labels: conversation id -> titles.
    attachments: message id -> ids. states: conversation id -> why it is not there, as the ledger has it.
    """

    def __init__(self, connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
        ids = any_of(conversation_ids)
        living = select(Conversation.id, Conversation.updated_at, Conversation.last_activity_at).where(
            Conversation.account_id == account_id, Conversation.id == ids, Conversation.deleted_at.is_(None)
        )
        self.clocks = {row.id: (row.updated_at, row.last_activity_at) for row in connection.execute(living)}
        self.messages: dict[int, dict[int, HeldMessage]] = defaultdict(dict)
        told = select(Message.conversation_id, Message.id, Message.created_at, Message.partial).where(
            Message.account_id == account_id, Message.conversation_id == ids, Message.removed_at.is_(None)
        )
        for row in connection.execute(told):
            at = row.created_at.timestamp() if row.created_at else 0.0
            self.messages[row.conversation_id][row.id] = HeldMessage(at, row.partial)
        self.labels: dict[int, set[str]] = defaultdict(set)
        titles = select(ConversationLabel.conversation_id, ConversationLabel.label).where(
            ConversationLabel.account_id == account_id, ConversationLabel.conversation_id == ids
        )
        for label in connection.execute(titles):
            self.labels[label.conversation_id].add(label.label)
        ledger = select(LedgerEntry.conversation_id, LedgerEntry.state).where(
            LedgerEntry.account_id == account_id, LedgerEntry.conversation_id == ids
        )
        self.states: dict[int, str] = {row.conversation_id: row.state for row in connection.execute(ledger)}

    def whole(self, conversation_id: int) -> set[int]:
        """Return the ids of the messages that a reading of the history has given."""
        return {number for number, held in self.messages.get(conversation_id, {}).items() if not held.partial}

    def times(self, conversation_id: int) -> dict[int, float]:
        """Return when the messages of a conversation were written, by id."""
        return {number: held.at for number, held in self.messages.get(conversation_id, {}).items()}


def attachments_of(connection: Connection, account_id: int, message_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield message and id of the attachments of some messages."""
    query = select(Attachment.message_id, Attachment.id).where(
        Attachment.account_id == account_id, Attachment.message_id == any_of(message_ids)
    )
    return ((row.message_id, row.id) for row in connection.execute(query))
