"""An account whose rows a test tells one by one, as the runs would have left them, and the figures that follow.

Account 1 counts its days in Asia/Jerusalem. Of its inbox's hours nothing is known; agents are 1 Ann and 2 Bob.
Times are UTC, written as in SQL; the number of a message begins with that of its conversation.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from etl.database.engine import transaction
from etl.views import schema

ACCOUNT = """
    INSERT INTO helpdesk.accounts (account_id, name, base_url, time_zone)
    VALUES (1, 'Here', 'https://here.example', 'Asia/Jerusalem');
    INSERT INTO helpdesk.inboxes (account_id, id, name, channel_type) VALUES (1, 1, 'Website', 'Channel::WebWidget');
    INSERT INTO helpdesk.agents (account_id, id, name) VALUES (1, 1, 'Ann'), (1, 2, 'Bob');
    INSERT INTO helpdesk.bots (account_id, type, id, name) VALUES (1, 'agent_bot', 1, 'Robot');
    INSERT INTO helpdesk.contacts (account_id, id, name, created_at) VALUES (1, 1, 'Dana', '2026-01-01');
"""
MESSAGE = """
    INSERT INTO helpdesk.messages (account_id, id, conversation_id, inbox_id, message_type, content_type, private,
        sender_type, sender_id, created_at, content_attributes, additional_attributes, status, first_synced_at)
    VALUES (1, :id, :conversation, 1, :message_type, 'text', :private, :sender_type, :sender_id, :at,
        CAST(:content_attributes AS jsonb), CAST(:additional_attributes AS jsonb), :status,
        coalesce(:first_synced_at, now()))
"""
CLOSE = "UPDATE helpdesk.conversation_states SET valid_to = :at WHERE conversation_id = :id AND valid_to IS NULL"
# Who writes what: message_type, sender_type, sender_id, private.
KINDS = {
    "in": ("incoming", "contact", 1, False),
    "Ann": ("outgoing", "user", 1, False),
    "Bob": ("outgoing", "user", 2, False),
    "bot": ("outgoing", "agent_bot", 1, False),
    "somebody": ("outgoing", None, None, False),
    "template": ("template", None, None, False),
    "note": ("outgoing", "user", 1, True),
    "act": ("activity", None, None, False),
}
Rows = list[tuple[Any, ...]]


def utc(moment: str) -> datetime:
    """Return a moment of 2026: '03-02 10:15'."""
    return datetime.fromisoformat(f"2026-{moment}+00:00")


@dataclass
class Told:
    """The account in a database, and what is told of it."""

    engine: Engine
    runs: int = 0

    def do(self, statement: str, **values: Any) -> None:
        """Change rows."""
        with transaction(self.engine) as connection:
            connection.execute(text(statement), values)

    def conversation(self, number: int, begun: str, status: str = "open", **columns: Any) -> None:
        """Tell of a conversation as it is now."""
        given = {
            "account_id": 1,
            "id": number,
            "status": status,
            "inbox_id": 1,
            "contact_id": 1,
            "created_at": utc(begun),
        }
        row = given | columns
        self.do(
            f"INSERT INTO helpdesk.conversations ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})",
            **row,
        )

    def wrote(self, conversation: int, *messages: tuple[str, str], **columns: Any) -> None:
        """Tell of messages: (when, who); their numbers follow each other."""
        for moment, who in messages:
            number = self.rows("SELECT count(*) FROM helpdesk.messages WHERE conversation_id = :id", id=conversation)[
                0
            ][0]
            message_type, sender_type, sender_id, private = KINDS[who]
            told = {
                "message_type": message_type,
                "sender_type": sender_type,
                "sender_id": sender_id,
                "private": private,
            }
            others = {"content_attributes": None, "additional_attributes": None, "status": "sent"}
            others["first_synced_at"] = None
            key = {"id": conversation * 100 + number + 1, "conversation": conversation, "at": utc(moment)}
            self.do(MESSAGE, **(others | told | key | columns))

    def saw(self, moment: str, *states: tuple[Any, ...], minutes: int = 1, **run: Any) -> None:
        """Tell of a run from a moment on, and of what it saw otherwise than before: (conversation, status, assignee).

        A state may have more: {column: value}. The figures are computed at its end, of what has changed.
        """
        for number, status, assignee, *more in states:
            self.do(CLOSE, at=utc(moment), id=number)
            row = {"account_id": 1, "conversation_id": number, "valid_from": utc(moment), "status": status}
            row |= {"assignee_id": assignee} | (more[0] if more else {})
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            self.do(f"INSERT INTO helpdesk.conversation_states ({names}) VALUES ({values})", **row)
            self.do("UPDATE helpdesk.conversations SET status = :status WHERE id = :id", status=status, id=number)
        self.runs += 1
        told = {"outcome": "complete", "selection": None, "unaccounted": 0} | run
        self.do(
            "INSERT INTO helpdesk.sync_runs"
            " (account_id, kind, outcome, selection, unaccounted, started_at, finished_at, host, process_id)"
            " VALUES (1, 'sync', :outcome, CAST(:selection AS jsonb), :unaccounted,"
            " CAST(:at AS timestamptz) - interval '1 second',"
            " CAST(:at AS timestamptz) + make_interval(mins => :minutes), 'h', 1)",
            at=utc(moment),
            minutes=minutes,
            **told,
        )
        self.compute()

    def compute(self, *, everything: bool = False) -> int:
        """Compute the figures; return of how many conversations."""
        with transaction(self.engine) as connection:
            return schema.refresh(connection, everything=everything)

    def rows(self, query: str, **values: Any) -> Rows:
        """Return the rows of a query."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def openings(self, conversation: int = 1) -> Rows:
        """Return opening, opened_at, resolved_at, resolution_seconds of each opening, in bi.resolutions."""
        return self.rows(
            "SELECT opening, opened_at, resolved_at, resolution_seconds FROM bi.resolutions"
            " WHERE conversation_id = :id ORDER BY opening",
            id=conversation,
        )

    def waits(self, conversation: int = 1) -> Rows:
        """Return question, reply_seconds, is_resolved_unanswered of each wait, in bi.reply_times."""
        return self.rows(
            "SELECT question_message_id, reply_seconds, is_resolved_unanswered FROM bi.reply_times"
            " WHERE conversation_id = :id ORDER BY waiting_since",
            id=conversation,
        )


def tell(engine: Engine) -> Told:
    """Return the account, of which nothing is told yet."""
    with engine.begin() as connection:
        connection.exec_driver_sql(ACCOUNT)
    return Told(engine)
