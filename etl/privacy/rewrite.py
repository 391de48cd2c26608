"""Rewrites stored rows to what `rules` lets be stored, a page of a table at a time."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    func,
    literal,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from etl.database.base import SCHEMA
from etl.database.bookkeeping import ApiContract, RejectedRecord
from etl.database.dimensions import CsatResponse
from etl.database.engine import any_of
from etl.database.models import METADATA, Attachment, Conversation, Message
from etl.database.witnesses import FieldChange
from etl.load import upsert
from etl.load.changes import of_conversations
from etl.privacy import changes
from etl.privacy.records import is_hidden, protect_entry, protect_record, protect_run
from etl.privacy.rules import DROP, RULES, Row, Way, gone, protect_row
from etl.privacy.stored import NO_DIGEST, stored_as
from etl.transform.content import is_made_with, keyed_digest

# A page is what is in memory at once; an e-mail's attributes may be some 100 KB.
ROWS_A_PAGE = 500

# Columns of the journal that may quote what was sent.
JOURNAL = {
    "rejected_records": (
        "entity_id",
        "conversation_id",
        "run_id",
        "reason",
        "quote",
        "payload",
        "first_rejected_at",
        "resolved_at",
    ),
    "sync_runs": ("selection", "problems", "notes", "quotes", "unknown_fields"),
    "conversation_ledger": ("reason", "quote"),
    "acceptances": ("reason",),
    "api_contract": (),
    "field_changes": changes.NEEDED,
}
# Of what nothing is kept, and what a digest is made of before.
DIGESTED = {"message_type", "content"}
TABLES = (*RULES, *JOURNAL)


def table_of(name: str) -> Table:
    """Return a table by its name."""
    return METADATA.tables[f"{SCHEMA}.{name}"]


def key_of(name: str, row: Row) -> Row:
    """Return a row's key without the account, by column."""
    return {column.name: row[column.name] for column in _keys(name)}


def page(
    connection: Connection, name: str, account_id: int, after: Row | None, condition: ColumnElement[bool] | None = None
) -> list[Row]:
    """Return the next rows of a table in the order of their keys: key, what rules need, and what may not be NULL."""
    table = table_of(name)
    query = (
        select(*(table.columns[column] for column in _needed(name)))
        .where(_behind(name, account_id, after), true() if condition is None else condition)
        .order_by(*_keys(name))
        .limit(ROWS_A_PAGE)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count(connection: Connection, name: str, account_id: int, after: Row | None) -> int:
    """Count the rows of a table behind a key."""
    query = select(func.count()).select_from(table_of(name)).where(_behind(name, account_id, after))
    return connection.execute(query).scalar_one()


def _keys(name: str) -> list[Column[Any]]:
    return [column for column in table_of(name).primary_key if column.name != "account_id"]


def _behind(name: str, account_id: int, after: Row | None) -> ColumnElement[bool]:
    ours = table_of(name).columns.account_id == account_id
    if after is None:
        return ours
    keys = _keys(name)
    return and_(ours, tuple_(*keys) > tuple_(*(literal(after[column.name], column.type) for column in keys)))


def _needed(name: str) -> list[str]:
    """Name the columns to read: not those of which nothing is kept, as they may be large."""
    rules, journal = RULES.get(name, {}), JOURNAL.get(name, ())
    return [
        column.name
        for column in table_of(name).columns
        if column.primary_key
        or column.name in journal
        or (column.name in rules and rules[column.name] is not gone)
        or (name == "messages" and column.name in DIGESTED)
        or (name in RULES and not column.nullable and column.server_default is None and column.computed is None)
    ]


def rows_written_by_people(
    account_id: int, messages: ColumnElement[bool], answers: ColumnElement[bool]
) -> dict[str, ColumnElement[bool]]:
    """Return which rows hold what people wrote, by table and in the order in which they are emptied."""
    theirs = select(Message.id).where(Message.account_id == account_id, messages)
    return {"attachments": Attachment.message_id.in_(theirs), "messages": messages, "csat_responses": answers}


def empty(connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
    """Drop what is personal of all that is stored in conversations."""
    messages = Message.conversation_id == any_of(conversation_ids)
    answers = CsatResponse.conversation_id == any_of(conversation_ids)
    noted = {"field_changes": of_conversations(FieldChange.entity_id == any_of(conversation_ids))}
    for table, condition in (rows_written_by_people(account_id, messages, answers) | noted).items():
        after: Row | None = None
        while rows := page(connection, table, account_id, after, condition):
            after = key_of(table, rows[-1])
            save(connection, table, rows, DROP)


def save(connection: Connection, name: str, rows: list[Row], way: Way) -> int:
    """Save the rows of a page in the way in which personal data are stored; return how many had to be changed."""
    if name == "rejected_records":
        return _save_rejected(connection, rows)
    if name == "api_contract":
        return _forget_names(connection, rows)
    if name == "field_changes":
        return changes.save_changes(connection, rows, way)
    if name in JOURNAL:
        return _save_journal(connection, name, rows, way)
    if way.mode == "drop" and stored_as(connection, rows[0]["account_id"]) == ("keep", None):
        for row in rows:
            changes.digest(name, row, way)
    nothing = {column: None for column, rule in RULES[name].items() if rule is gone}
    for row in rows:
        if name == "messages":
            row["content_digest"] = _digest(row, way)
        protect_row(name, row, way)
        row.update(nothing)
    if name == "conversations":
        connection.execute(
            update(Conversation)
            .where(Conversation.account_id == rows[0]["account_id"])
            .where(Conversation.id == any_of(row["id"] for row in rows), Conversation.payload_digest.is_not(None))
            .values(payload_digest=NO_DIGEST)
        )
    return upsert.save(connection, {name: rows})[name]["updated"]


def _digest(message: Row, way: Way) -> str | None:
    """Return the digest of a message's text as a run would keep it; None when another key has made the one there is."""
    kept: str | None = message["content_digest"]
    if way.mode == "keep" or (kept is not None and is_made_with(kept, way.digest_key)):
        return kept
    return None if kept else keyed_digest(message["message_type"], message["content"], way.digest_key)


def _save_rejected(connection: Connection, rows: list[Row]) -> int:
    """Replace rejected records: their key changes, and two that then say the same become one."""
    changed = [row for row in rows if row["payload"] is not None or not _is_protected(row)]
    if not changed:
        return 0
    connection.execute(
        delete(RejectedRecord).where(
            RejectedRecord.account_id == rows[0]["account_id"],
            tuple_(RejectedRecord.entity, RejectedRecord.digest).in_(
                [(row["entity"], row["digest"]) for row in changed]
            ),
        )
    )
    for row in changed:
        protect_record(row)
    changed.sort(key=lambda row: (row["resolved_at"] is None, row["run_id"]))
    statement = insert(RejectedRecord).values(list({(row["entity"], row["digest"]): row for row in changed}.values()))
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "entity", "digest"],
            set_={"resolved_at": None},
            where=statement.excluded.resolved_at.is_(None),
        )
    )
    return len(changed)


def _forget_names(connection: Connection, rows: list[Row]) -> int:
    """Delete what is known of keys that may name a person."""
    named = [(row["entity"], row["path"]) for row in rows if is_hidden(row["entity"], row["path"])]
    keys = tuple_(ApiContract.entity, ApiContract.path)
    connection.execute(delete(ApiContract).where(ApiContract.account_id == rows[0]["account_id"], keys.in_(named)))
    return len(named)


def _is_protected(row: Row) -> bool:
    again = dict(row)
    protect_record(again)
    return again == row


def _save_journal(connection: Connection, name: str, rows: list[Row], way: Way) -> int:
    table = table_of(name)
    changed: list[Row] = []
    for row in rows:
        before = dict(row)
        if name == "sync_runs":
            protect_run(row, way)
        elif name == "acceptances":
            row["reason"] = None
        else:
            protect_entry(row)
        if row != before:
            changed.append(row)
    return update_rows(connection, table, changed)


def update_rows(connection: Connection, table: Table, rows: list[Row]) -> int:
    """Write rows, each with its whole key, over those that are stored; return how many."""
    if rows:
        keys = [column.name for column in table.primary_key]
        statement = update(table).where(*(table.columns[key] == bindparam(f"key_{key}") for key in keys))
        others: dict[str, Any] = {name: bindparam(f"new_{name}") for name in rows[0] if name not in keys}
        connection.execute(
            statement.values(others),
            [{f"key_{key}": row[key] for key in keys} | {f"new_{name}": row[name] for name in others} for row in rows],
        )
    return len(rows)
