"""The figures as the tables have them and as the reference reads them, as rows that can be held against each other."""

from collections import defaultdict

from sqlalchemy import Engine, text

from tests.reference.evidence import Evidence, Row, gather
from tests.reference.timeline import Opening, Reading
from tests.reference.waiting import Wait, waits_of

BASE = ("accounts", "inboxes", "conversations", "conversation_states", "messages", "sync_runs")
BASE += ("csat_responses", "reporting_events", "conversation_labels", "field_changes", "targets")
BASE += ("agents", "bots", "teams", "contacts")


def base_tables(engine: Engine, account_id: int = 1) -> dict[str, list[Row]]:
    """Return every row of the base tables of an account."""
    return {name: rows(engine, f"SELECT * FROM helpdesk.{name} WHERE account_id = {account_id}") for name in BASE}


def rows(engine: Engine, query: str) -> list[Row]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query)).mappings()]


def opening_row(evidence: Evidence, opening: Opening, is_current: bool) -> Row:
    owner = {name: opening.owner.get(key) for name, key in OWNER.items()}
    own = ("opened_at", "opened_by", "opened_message_id", "opened_not_before", "opened_not_after", "resolved_at")
    own += ("resolved_at_is", "resolved_by", "resolved_message_id", "resolved_not_before", "resolved_not_after")
    return {
        "conversation_id": evidence.conversation["id"],
        "opening": opening.number,
        "is_current": is_current,
        **{name: getattr(opening, name) for name in own},
        "resolution_seconds": opening.seconds,
        **owner,
    }


OWNER = {
    "agent_id": "assignee_id",
    "bot_type": "assignee_bot_type",
    "bot_id": "assignee_bot_id",
    "team_id": "team_id",
}


def wait_row(evidence: Evidence, wait: Wait) -> Row:
    return {
        "conversation_id": evidence.conversation["id"],
        "question_message_id": wait.question.id,
        "opening": wait.opening,
        "is_first": wait.is_first,
        "is_known": wait.is_known,
        "waiting_since": wait.question.at,
        "ended_at": wait.ended_at,
        "answer_message_id": wait.answer and wait.answer.id,
        "answered_at": wait.answer and wait.answer.at,
        "agent_id": wait.answer and wait.answer.agent_id,
        "reply_seconds": wait.seconds,
        "reply_seconds_from_assignment": wait.from_assignment,
        "is_resolved_unanswered": wait.is_resolved_unanswered,
    }


def read(tables: dict[str, list[Row]]) -> tuple[list[Row], list[Row]]:
    """Return the openings and waits of an account, as the reference reads the document."""
    openings, waits = [], []
    for evidence in sorted(gather(tables), key=lambda one: one.conversation["id"]):
        own = Reading(evidence).read()
        openings += [opening_row(evidence, one, one is own[-1]) for one in own]
        waits += [wait_row(evidence, one) for one in waits_of(evidence, own)]
    return openings, waits


def stored(engine: Engine, name: str, order: str, account_id: int = 1) -> list[Row]:
    """Return what the tables have, without the account and business seconds."""
    found = rows(engine, f"SELECT * FROM helpdesk.{name} WHERE account_id = {account_id} ORDER BY {order}")
    return [{key: value for key, value in row.items() if key not in LEFT_OUT} for row in found]


LEFT_OUT = {"account_id", "resolution_business_seconds", "reply_business_seconds"}


def differences(wanted: list[Row], found: list[Row]) -> dict[int, tuple[list[Row], list[Row]]]:
    """Return, by conversation, the rows that are not the same on both sides."""
    by_conversation: dict[int, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, of_side in enumerate((wanted, found)):
        for row in of_side:
            by_conversation[row["conversation_id"]][side].append(row)
    return {number: both for number, both in by_conversation.items() if both[0] != both[1]}
