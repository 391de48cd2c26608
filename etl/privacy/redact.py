"""`etl redact`: rewrites what is stored as the settings now want personal data to be stored.

Page by page, each in a transaction that also writes down how far it is: killed and started again, it goes on where it
was, and nothing is hashed twice. Meanwhile no run begins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from etl.database.bookkeeping import Redaction, RejectedRecord
from etl.database.dimensions import Contact
from etl.database.engine import any_of, transaction
from etl.database.models import Conversation, Message
from etl.errors import SettingsError
from etl.load import run_lock
from etl.privacy import rewrite
from etl.privacy.rules import DROP, Way
from etl.privacy.stored import NO_DIGEST, require_stored, set_dropped, set_stored_as, stored_as
from etl.transform.values import SMALLEST

# Table, rows done, rows there were.
Watch = Callable[[str, int, int], None]
CONVERSATIONS_AT_ONCE = 5_000


@dataclass
class Done:
    """What was done. rewritten: table -> rows that changed. read_again: whether the next run reads everything again."""

    rewritten: dict[str, int] = field(default_factory=dict)
    read_again: bool = False


def loses(stored: tuple[str, str | None], way: Way) -> bool:
    """Return whether what is wanted cannot be made of what is stored: no hash can be undone or made with a new key."""
    return stored[0] != "keep" and way.mode != "drop" and stored != (way.mode, way.fingerprint)


def redact(engine: Engine, account_id: int, way: Way, watch: Watch) -> Done:
    """Rewrite what is stored of an account; do nothing when it is stored that way already.

    What cannot be made of what is stored is dropped, and the next run reads everything again. Raise AnotherRun, and
    SettingsError when nothing is stored, or another rewriting has to be finished first.
    """
    done = Done()
    with run_lock.hold(engine, account_id) as lock:

        def step(table: str, rows: int, total: int) -> None:
            lock.check()
            watch(table, rows, total)

        with transaction(engine) as connection:
            goal = _begin(connection, account_id, way)
        if goal is not None:
            done.rewritten = {table: _rewrite(engine, account_id, table, goal, step) for table in rewrite.TABLES}
            with transaction(engine) as connection:
                connection.execute(delete(Redaction).where(Redaction.account_id == account_id))
                set_stored_as(connection, account_id, goal)
        if goal is None or goal != way:
            done.read_again = _read_again(engine, account_id, way, step)
    return done


def _begin(connection: Connection, account_id: int, way: Way) -> Way | None:
    """Write down what will be done to every table; return the way in which it is rewritten, None if it is not."""
    stored = require_stored(connection, account_id)
    begun = connection.execute(
        select(Redaction.mode, Redaction.key).where(Redaction.account_id == account_id).limit(1)
    ).first()
    if begun is not None and (begun.mode, begun.key) == (way.mode, way.fingerprint):
        return way
    if begun is not None and begun.mode == "drop":
        return DROP
    if begun is not None and way.mode != "drop":
        raise SettingsError(
            "Another `etl redact`, to ETL_PII=hash, was begun: finish it with the settings that it had, or set drop."
        )
    if stored == (way.mode, way.fingerprint) or (stored[0] == "drop" and begun is None):
        return None
    goal = DROP if loses(stored, way) else way
    connection.execute(delete(Redaction).where(Redaction.account_id == account_id))
    connection.execute(
        insert(Redaction),
        [
            {"account_id": account_id, "table_name": table, "mode": goal.mode, "key": goal.fingerprint}
            for table in rewrite.TABLES
        ],
    )
    return goal


def _rewrite(engine: Engine, account_id: int, table: str, way: Way, watch: Watch) -> int:
    """Rewrite the rest of a table; return how many rows had to be changed."""
    changed = seen = 0
    with transaction(engine) as connection:
        place = (Redaction.account_id == account_id) & (Redaction.table_name == table)
        total = rewrite.count(connection, table, account_id, connection.scalar(select(Redaction.position).where(place)))
    while rows := _rewrite_page(engine, account_id, table, way):
        seen += rows[0]
        changed += rows[1]
        watch(table, seen, total)
    return changed


def _rewrite_page(engine: Engine, account_id: int, table: str, way: Way) -> tuple[int, int] | None:
    """Rewrite the next page, and write down how far that is; return rows seen and changed, None at the end."""
    with transaction(engine) as connection:
        place = (Redaction.account_id == account_id) & (Redaction.table_name == table)
        at = connection.execute(select(Redaction.position, Redaction.done).where(place)).one()
        rows = [] if at.done else rewrite.page(connection, table, account_id, at.position)
        if not rows:
            connection.execute(update(Redaction).where(place).values(done=True))
            return None
        position = rewrite.key_of(table, rows[-1])
        changed = rewrite.save(connection, table, rows, way)
        connection.execute(update(Redaction).where(place).values(position=position))
        return len(rows), changed


def _read_again(engine: Engine, account_id: int, way: Way, watch: Watch) -> bool:
    """Have the next run read everything again, unless what is stored is what is wanted."""
    with transaction(engine) as connection:
        if stored_as(connection, account_id) == (way.mode, way.fingerprint):
            return False
        ours = Conversation.account_id == account_id
        total = connection.scalar(select(func.count()).where(ours)) or 0
    after, seen = SMALLEST, 0
    while ids := _next_conversations(engine, account_id, after):
        with transaction(engine) as connection:
            connection.execute(
                update(Conversation)
                .where(ours, Conversation.id == any_of(ids))
                .values(mark=None, history_read_at=None, payload_digest=NO_DIGEST, digests=None)
            )
            _forget_texts(connection, account_id, ids)
        after, seen = ids[-1], seen + len(ids)
        watch("conversations", seen, total)
    with transaction(engine) as connection:
        _forget_what_was_dropped(connection, account_id)
        # The next run meets them again, and stores them as the settings say; those that it does not were read well.
        connection.execute(
            delete(RejectedRecord).where(
                RejectedRecord.account_id == account_id,
                RejectedRecord.payload.is_(None),
                RejectedRecord.resolved_at.is_(None),
            )
        )
        set_stored_as(connection, account_id, way)
    return True


def _forget_what_was_dropped(connection: Connection, account_id: int) -> None:
    """Delete the digests of what is read again, and write down that it did not change when it comes."""
    connection.execute(
        update(Contact).where(Contact.account_id == account_id, Contact.digests.is_not(None)).values(digests=None)
    )
    set_dropped(connection, account_id)


def _forget_texts(connection: Connection, account_id: int, conversation_ids: list[int]) -> None:
    """Delete the digests of texts: they were made with the key of another way of storing."""
    connection.execute(
        update(Message)
        .where(Message.account_id == account_id, Message.conversation_id == any_of(conversation_ids))
        .where(Message.content_digest.is_not(None))
        .values(content_digest=None)
    )


def _next_conversations(engine: Engine, account_id: int, after: int) -> list[int]:
    query = (
        select(Conversation.id)
        .where(Conversation.account_id == account_id, Conversation.id > after)
        .order_by(Conversation.id)
        .limit(CONVERSATIONS_AT_ONCE)
    )
    with transaction(engine) as connection:
        return list(connection.scalars(query))
