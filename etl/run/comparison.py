"""Compares conversations as the vendor has them now with what the tables hold, field by field."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection

from etl.load import differing
from etl.load.differing import MISSING, RECORD, THERE, Differing
from etl.load.samples import Holding, attachments_of
from etl.load.upsert import Row
from etl.run.fresh import Fresh, Target
from etl.run.witness import by_id
from etl.transform.batch import Batch

OURS = "what the job notes of its own reading"
OF_ITS_TIME = "the conversation's, as it was when the list last showed the message"
# Columns that no copy can be held to, and why: all others have to be equal unless something changed.
NOT_COMPARED: dict[str, dict[str, str]] = {
    "conversations": {
        **dict.fromkeys(("mark", "history_read_at", "payload_digest", "first_synced_at", "changed_at"), OURS),
        "unread_count": "falls when an agent looks, and no clock tells",
        "can_reply": "ends with time alone",
        **dict.fromkeys(
            ("agent_last_seen_at", "assignee_last_seen_at", "contact_last_seen_at"),
            "moves when somebody looks, and no clock tells",
        ),
    },
    "messages": {
        **dict.fromkeys(("first_synced_at", "changed_at"), OURS),
        **dict.fromkeys(("conversation_assignee_id", "conversation_unread_count"), OF_ITS_TIME),
    },
    "attachments": dict.fromkeys(("first_synced_at", "changed_at"), OURS),
}

# Message id, or ITSELF for the conversation -> in what it differs.
Wrong = dict[int, list[Differing]]
ITSELF = 0


@dataclass(frozen=True)
class Compared:
    """A conversation that was read again, and its rows as they would be stored."""

    target: Target
    fresh: Fresh
    batch: Batch

    @property
    def row(self) -> Row | None:
        """Its own row; None where the vendor has none, or none that can be stored."""
        return self.batch.rows["conversations"].get((self.target.conversation_id,))

    @cached_property
    def records(self) -> dict[str, list[Row]]:
        """The rows that are compared, by table."""
        target = self.target
        messages = [row for row in self.batch.rows["messages"].values() if target.whole or row["id"] in target.messages]
        ids = {row["id"] for row in messages}
        return {
            "conversations": [self.row] if target.whole and self.row else [],
            "messages": messages,
            "attachments": [row for row in self.batch.rows["attachments"].values() if row["message_id"] in ids],
        }

    @property
    def unstorable(self) -> set[int]:
        """The ids of messages that the vendor has, and that cannot be stored as it sends them."""
        return by_id(self.fresh.messages).keys() - {row["id"] for row in self.batch.rows["messages"].values()}

    def count_fields(self) -> int:
        """Return how many fields of it are compared."""
        return sum(differing.count_fields(table, rows, NOT_COMPARED[table]) for table, rows in self.records.items())


def compare(connection: Connection, account_id: int, held: Holding, block: Sequence[Compared]) -> dict[int, Wrong]:
    """Return conversation id -> in what it, or a message of it, differs from what is stored."""
    found: dict[int, Wrong] = defaultdict(lambda: defaultdict(list))
    whose = {row["id"]: row["conversation_id"] for one in block for row in one.records["messages"]}
    of = {row["id"]: row["message_id"] for one in block for row in one.records["attachments"]}
    for told in _find(connection, "conversations", block):
        found[told.id][ITSELF].append(told)
    for told in _find(connection, "messages", block):
        found[whose[told.id]][told.id].append(told)
    for told in _find(connection, "attachments", block):
        found[whose[of[told.id]]][of[told.id]].append(told)
    complete = [number for one in block for number in one.batch.complete["attachments"] if number in whose]
    for message_id, number in attachments_of(connection, account_id, complete):
        if of.get(number) != message_id:
            lost = Differing("attachments", number, RECORD, THERE, MISSING)
            found[whose[message_id]][message_id].append(lost)
    for one in block:
        number = one.target.conversation_id
        for told in _beyond_rows(one, held):
            found[number][told.id if told.table == "messages" else ITSELF].append(told)
    return found


def _find(connection: Connection, table: str, block: Sequence[Compared]) -> Iterator[Differing]:
    return differing.find(connection, table, [row for one in block for row in one.records[table]], NOT_COMPARED[table])


def _beyond_rows(one: Compared, held: Holding) -> Iterator[Differing]:
    """Yield what differs in what is there on one side only: labels, and messages that the vendor does not have."""
    number = one.target.conversation_id
    if one.target.whole and number in one.batch.complete["conversation_labels"] and number in held.clocks:
        rows = one.batch.rows["conversation_labels"].values()
        stored, given = (
            ", ".join(sorted(titles))
            for titles in (held.labels[number], {row["label"] for row in rows if row["conversation_id"] == number})
        )
        if stored != given:
            yield Differing("conversations", number, "labels", stored or None, given or None)
    for message_id in sorted(one.fresh.lost):
        yield Differing("messages", message_id, RECORD, THERE, MISSING)
