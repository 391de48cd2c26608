"""`etl forget --conversation`: removes conversations that should not be there, with all rows that name them.

Nothing keeps them out: what the vendor shows again comes back with the next run, as new.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Engine, Text, cast, delete, func, select

from etl.database.acceptances import AcceptedFault
from etl.database.bookkeeping import LedgerEntry, RejectedRecord
from etl.database.dimensions import CsatResponse
from etl.database.engine import any_of, transaction
from etl.database.models import Attachment, Conversation, ConversationLabel, Message
from etl.database.states import ConversationState
from etl.database.witnesses import FieldChange, ReportingEvent
from etl.load import run_lock
from etl.privacy import stored
from etl.privacy.rewrite import table_of


def lengths(engine: Engine, account_id: int, conversations: Collection[int]) -> dict[int, int]:
    """Return, for each of the conversations that is in the tables, how many messages it has."""
    query = (
        select(Conversation.id, func.count(Message.id))
        .outerjoin(
            Message, (Message.account_id == Conversation.account_id) & (Message.conversation_id == Conversation.id)
        )
        .where(Conversation.account_id == account_id, Conversation.id == any_of(conversations))
        .group_by(Conversation.id)
    )
    with transaction(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def remove(engine: Engine, account_id: int, conversations: Collection[int]) -> dict[str, int]:
    """Remove conversations in one transaction; return how many rows of each table went.

    Raise AnotherRun while a run goes on, and SettingsError when nothing is stored of the account.
    """
    removed = {}
    with run_lock.hold(engine, account_id), transaction(engine) as connection:
        stored.require_stored(connection, account_id)
        for name, condition in _theirs(account_id, conversations).items():
            table = table_of(name)
            removed[name] = connection.execute(
                delete(table).where(table.columns.account_id == account_id, condition)
            ).rowcount
    return removed


def _theirs(account_id: int, conversations: Collection[int]) -> dict[str, ColumnElement[bool]]:
    """Return which rows of which table are theirs, children before parents."""
    ids = any_of(conversations)
    written = select(Message.id).where(Message.account_id == account_id, Message.conversation_id == ids)
    # Of a response whose conversation was not there, and of a rejected one, the number is kept as it was sent.
    as_sent = [str(number) for number in conversations]
    is_theirs = (RejectedRecord.entity == "conversation") & RejectedRecord.entity_id.in_(as_sent)
    return {
        "attachments": Attachment.message_id.in_(written),
        "messages": Message.conversation_id == ids,
        "csat_responses": (CsatResponse.conversation_id == ids)
        | cast(CsatResponse.extra["conversation_id"], Text).in_(as_sent),
        "reporting_events": ReportingEvent.conversation_id == ids,
        "conversation_labels": ConversationLabel.conversation_id == ids,
        "conversation_states": ConversationState.conversation_id == ids,
        "field_changes": (FieldChange.entity == "conversation") & (FieldChange.entity_id == ids),
        "conversations": Conversation.id == ids,
        "conversation_ledger": LedgerEntry.conversation_id == ids,
        "acceptances": AcceptedFault.kind.in_(["conversation", "forbidden"]) & AcceptedFault.what.in_(as_sent),
        "rejected_records": (RejectedRecord.conversation_id == ids) | is_theirs,
    }
