"""`etl forget`: drops what is personal of single contacts everywhere, and keeps it out of later runs.

Ids, times and statuses stay, so that ledger and figures hold. Dropping what is dropped already changes nothing: killed
anywhere and started again, it does the rest.
"""

from collections.abc import Collection, Iterator
from urllib.parse import quote, quote_plus

from sqlalchemy import ColumnElement, Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.bookkeeping import SuppressedContact
from etl.database.dimensions import Contact, CsatResponse
from etl.database.engine import any_of, transaction
from etl.database.models import Conversation, Message
from etl.database.witnesses import FieldChange
from etl.load import conversations, run_lock
from etl.load.changes import of_conversations
from etl.load.run_lock import RunLock
from etl.privacy import rewrite, stored
from etl.privacy.batches import Forgotten
from etl.privacy.rules import DROP, Row

REMOVED = "(removed: it named somebody who is forgotten)"
# Shorter values occur in many sentences by chance.
SHORTEST_VALUE = 4


def known(engine: Engine, account_id: int, contacts: Collection[int]) -> dict[int, int]:
    """Return, for each of the contacts that is in the tables, how many conversations it has."""
    query = (
        select(Contact.id, func.count(Conversation.id))
        .outerjoin(
            Conversation, (Conversation.account_id == Contact.account_id) & (Conversation.contact_id == Contact.id)
        )
        .where(Contact.account_id == account_id, Contact.id == any_of(contacts))
        .group_by(Contact.id)
    )
    with transaction(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def forget(engine: Engine, account_id: int, contacts: Collection[int]) -> dict[str, int]:
    """Drop what is personal of contacts, and put them on the list; return how many rows of each table were emptied.

    Raise AnotherRun while a run goes on, and SettingsError when nothing is stored of the account.
    """
    with run_lock.hold(engine, account_id) as lock:
        with transaction(engine) as connection:
            stored.require_stored(connection, account_id)
            _suppress(connection, account_id, contacts)
            everybody = stored.forgotten(connection, account_id)
            values = _values(connection, account_id, contacts)
        emptied = {"rejected_records": _forget_rejected(engine, account_id, everybody)}
        for table in ("sync_runs", "conversation_ledger", "acceptances"):
            emptied[table] = _forget_quotes(engine, account_id, table, values)
        # The contacts come last: when this is stopped halfway, their values are needed the next time.
        for table, condition in _theirs(account_id, contacts).items():
            emptied[table] = _forget_rows(engine, account_id, table, condition, lock)
    return emptied


def _suppress(connection: Connection, account_id: int, contacts: Collection[int]) -> None:
    """Put contacts on the list, and mark their conversations."""
    connection.execute(
        insert(SuppressedContact).on_conflict_do_nothing(),
        [{"account_id": account_id, "contact_id": contact_id} for contact_id in contacts],
    )
    since = (
        select(SuppressedContact.suppressed_at)
        .where(SuppressedContact.account_id == account_id, SuppressedContact.contact_id == Conversation.contact_id)
        .scalar_subquery()
    )
    connection.execute(
        update(Conversation)
        .where(Conversation.account_id == account_id, Conversation.contact_id == any_of(contacts))
        .where(Conversation.forgotten_at.is_(None))
        .values(forgotten_at=since, changed_at=func.now())
    )


def _theirs(account_id: int, contacts: Collection[int]) -> dict[str, ColumnElement[bool]]:
    """Return which rows of which table are theirs, in the order in which they are emptied."""
    held = (Conversation.contact_id == any_of(contacts)) | Conversation.forgotten_at.is_not(None)
    theirs = select(Conversation.id).where(Conversation.account_id == account_id, held)
    noted = of_conversations(FieldChange.entity_id.in_(theirs))
    is_theirs = (FieldChange.entity == "contact") & (FieldChange.entity_id == any_of(contacts))
    return rewrite.rows_written_by_people(
        account_id,
        Message.conversation_id.in_(theirs) | (Message.contact_id == any_of(contacts)),
        CsatResponse.conversation_id.in_(theirs) | (CsatResponse.contact_id == any_of(contacts)),
    ) | {"field_changes": noted | is_theirs, "conversations": held, "contacts": Contact.id == any_of(contacts)}


def _pages(
    engine: Engine, account_id: int, table: str, condition: ColumnElement[bool] | None = None
) -> Iterator[list[Row]]:
    """Yield rows of a table page by page, each page read in a transaction of its own."""
    after: Row | None = None
    while True:
        with transaction(engine) as connection:
            rows = rewrite.page(connection, table, account_id, after, condition)
        if not rows:
            return
        after = rewrite.key_of(table, rows[-1])
        yield rows


def _values(connection: Connection, account_id: int, contacts: Collection[int]) -> set[str]:
    """Return what names the contacts, as far as it is long enough to be looked for."""
    columns = (Contact.name, Contact.email, Contact.phone_number, Contact.identifier)
    rows = connection.execute(select(*columns).where(Contact.account_id == account_id, Contact.id == any_of(contacts)))
    values = {value for row in rows for value in row if value and len(value) >= SHORTEST_VALUE}
    # Addresses hold them encoded, and what a server answered is quoted with escapes.
    spelled = {quote(value, safe="") for value in values} | {quote_plus(value) for value in values}
    return {
        value.casefold() for value in values | spelled | {value.encode("unicode_escape").decode() for value in values}
    }


def _forget_rows(engine: Engine, account_id: int, table: str, condition: ColumnElement[bool], lock: RunLock) -> int:
    """Empty the rows of a table that meet a condition, page by page, as long as the account's lock is held."""
    emptied = 0
    for rows in _pages(engine, account_id, table, condition):
        lock.check()
        with transaction(engine) as connection:
            emptied += rewrite.save(connection, table, rows, DROP)
            if table == "conversations":
                # Digests are made of everything that was sent.
                conversations.forget_digests(connection, account_id, [row["id"] for row in rows])
    return emptied


def _forget_rejected(engine: Engine, account_id: int, everybody: Forgotten) -> int:
    """Empty the rejected records that are theirs, or may be."""
    emptied = 0
    for rows in _pages(engine, account_id, "rejected_records"):
        if theirs := [row for row in rows if everybody.concerns(row)]:
            with transaction(engine) as connection:
                emptied += rewrite.save(connection, "rejected_records", theirs, DROP)
    return emptied


def _forget_quotes(engine: Engine, account_id: int, table: str, values: set[str]) -> int:
    """Remove from the journal the sentences, and the terms of searches, that hold one of the values."""
    emptied = 0
    for rows in _pages(engine, account_id, table):
        changed = [new for row in rows if (new := _without(row, values)) != row]
        with transaction(engine) as connection:
            emptied += rewrite.update_rows(connection, rewrite.table_of(table), changed)
    return emptied


def _without(row: Row, values: set[str]) -> Row:
    def clean(text: str) -> str:
        return REMOVED if any(value in text.casefold() for value in values) else text

    new = dict(row)
    for name, value in row.items():
        if isinstance(value, str):
            new[name] = clean(value)
        elif isinstance(value, list):
            new[name] = [clean(item) for item in value]
        elif isinstance(value, dict) and "search" in value:
            new[name] = value | {"search": clean(str(value["search"]))}
    return new
