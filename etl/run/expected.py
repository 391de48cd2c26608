"""Holds back what the vendor says by sending nothing, while a field that it has sent so far was not met yet.

The first record that has the field ends the doubt: from then on what is absent is absent. What was held back until
then is read again at the end of the run, or is a problem (`run/contract.py`).
"""

from collections.abc import Collection
from dataclasses import astuple, dataclass, field
from typing import Self

from sqlalchemy import ColumnElement, Connection, Engine, true

from etl.database.base import OfAccount
from etl.database.dimensions import CsatResponse
from etl.database.engine import transaction
from etl.database.models import Attachment, Conversation, ConversationLabel
from etl.load import contract
from etl.load.contract import HAS_ATTACHMENT, HAS_BOT, HAS_LABEL, HAS_OWNER, HAS_TEAM, Entry
from etl.transform.actors import ASSIGNEE, RATED, USER
from etl.transform.batch import Batch, Key
from etl.transform.entities import SENT
from etl.transform.fields import Row
from etl.transform.observed import KIND_NAMES, NULL, met
from etl.transform.plausible import reject_implausible

# A field that so many records had is missed when none has it.
LEAST_SHARE = 0.1
# From here on a history is hardly without any.
MOST_HAVE_IT = 0.5
# Columns that become NULL when a field of the conversation is absent, and who has something there.
SAID_BY_ABSENCE = {
    "conversation.meta.assignee": (astuple(ASSIGNEE), HAS_OWNER),
    "conversation.meta.team": (("team_id",), HAS_TEAM),
}
# In the place of a digest: the row is not what the payload says, and is made anew when that comes again.
OF_NO_PAYLOAD = "withheld"
OF_HISTORIES = {"messages", "attachments"}
# The same of survey responses.
SAID_OF_SURVEYS = {
    "survey response.contact": (("contact_id",), CsatResponse.contact_id.is_not(None)),
    "survey response.assigned_agent": (
        (RATED.person, RATED.bot_type, RATED.bot),
        CsatResponse.assigned_agent_id.is_not(None) | CsatResponse.assigned_bot_id.is_not(None),
    ),
}
# Whose rows may lack something that the tables have.
MAY_LACK = ("conversations", "csat_responses")
TYPES = "message.message_type"
OWNER, TEAM, LABELS = "conversation.meta.assignee", "conversation.meta.team", "conversation.labels"
OWNER_TYPE = "conversation.meta.assignee_type"
ATTACHMENTS, LISTED_ATTACHMENTS = "message.attachments", "listed message.attachments"
# Who has what these fields tell.
HOLDERS = {
    OWNER: HAS_OWNER,
    TEAM: HAS_TEAM,
    LABELS: HAS_LABEL,
    ATTACHMENTS: HAS_ATTACHMENT,
    LISTED_ATTACHMENTS: HAS_ATTACHMENT,
}
# Where the tables have any of them.
HELD: dict[str, tuple[type[OfAccount], ColumnElement[bool]]] = {
    OWNER: (Conversation, Conversation.assignee_id.is_not(None)),
    TEAM: (Conversation, Conversation.team_id.is_not(None)),
    LABELS: (ConversationLabel, true()),
    ATTACHMENTS: (Attachment, true()),
    LISTED_ATTACHMENTS: (Attachment, true()),
}
# Among the kinds of a field: that it is gone was a problem, and was accepted.
GONE, ACCEPTED = "gone", "accepted"


def is_expected(entry: Entry) -> bool:
    """Return whether a field is missed when no record has it."""
    return entry.taken and entry.share >= LEAST_SHARE and ACCEPTED not in entry.kinds


def _place(entry: Entry) -> tuple[str, str] | None:
    """Return the table and column of a field of which values were read; None when there were none, or no column."""
    entity = SENT[entry.sent_as]
    columns = {one.path: one.column for one in entity.fields}
    has_values = not KIND_NAMES.isdisjoint(set(entry.kinds) - {NULL})
    return (entity.table, columns[entry.path]) if has_values and entry.path in columns else None


@dataclass
class Expected:
    """The fields that the vendor has sent so far.

    entries: by name. unmet: names of those that nothing has told yet since this was made, of a tenth of records before.
    unread: name -> table and column of those of which no value has been read yet.
    accepted: contradictions in messages that are meant so; None: all, as this run accepts what it meets.
    left: names of fields of which nothing is left in the account, as all agents or teams are gone that they told.
    """

    entries: dict[str, Entry]
    unmet: set[str]
    unread: dict[str, tuple[str, str]]
    accepted: frozenset[str] | None
    left: set[str] = field(default_factory=set)

    @classmethod
    def look(cls, connection: Connection, account_id: int) -> Self:
        """Return what the tables know of the fields, and what they have of those that say something by being absent."""
        entries = {entry.name: entry for entry in contract.read(connection, account_id)}
        types = entries.get(TYPES)
        accepted = {name for name, entry in entries.items() if ACCEPTED in entry.kinds}
        held = {name for name, where in HELD.items() if contract.any_row(connection, account_id, *where)}
        return cls(
            entries,
            (held - accepted).union(name for name, entry in entries.items() if is_expected(entry)),
            {name: place for name, entry in entries.items() if is_expected(entry) and (place := _place(entry))},
            frozenset(types.kinds if types else ()),
        )

    @property
    def accepts_all(self) -> bool:
        """Whether this run believes whatever it meets."""
        return self.accepted is None

    def accept(self) -> None:
        """Believe whatever this run meets."""
        self.still_miss(())
        self.accepted = None

    def still_miss(self, gone: Collection[str]) -> None:
        """Hold back no longer what is told by any field, but those that are gone."""
        self.unmet &= set(gone)
        self.unread = {name: place for name, place in self.unread.items() if name in gone}

    @property
    def _of_histories(self) -> set[str]:
        """The fields that most messages of a history have."""
        return {name for name, one in self.entries.items() if one.sent_as == "message" and one.share >= MOST_HAVE_IT}

    def withhold(self, batch: Batch, engine: Engine) -> None:
        """Take out of a batch what is in doubt, so that what is stored stays; the batch notes the conversations."""
        reject_implausible(batch, self.accepted)
        if self.unmet:
            self.unmet.difference_update(met(batch.observed.sums()))
        self._note_what_is_read(batch)
        if self.unmet & self._of_histories:
            # What is stored of these may lack what is only called by another name.
            batch.observed.doubtful.update(batch.histories)
        self._keep_what_was_read_before(batch)
        told = (*batch.complete.values(), *(batch.rows[table] for table in MAY_LACK))
        # Of a page on which all is as it was, nothing is asked.
        if any(told) and self.unmet & {*HOLDERS, *SAID_OF_SURVEYS, OWNER_TYPE}:
            with transaction(engine) as connection:
                self._keep_what_is_absent(batch, connection)
        for conversation_id in batch.observed.all_withheld():
            row = batch.rows["conversations"].get((conversation_id,), {})
            if row.get("payload_digest"):
                row["payload_digest"] = OF_NO_PAYLOAD

    def _note_what_is_read(self, batch: Batch) -> None:
        missed = {(one.path, one.key) for one in batch.observed.missed}
        for name, (table, column) in list(self.unread.items()):
            rows = batch.rows[table].items()
            if any(row.get(column) is not None and (name, key) not in missed for key, row in rows):
                del self.unread[name]
                batch.observed.read.add(name)

    def _keep_what_was_read_before(self, batch: Batch) -> None:
        """Take NULL out of columns whose values cannot be read."""
        for missed in batch.observed.missed:
            if missed.path in self.unread:
                row = batch.rows[missed.table].get(missed.key, {})
                if row.get(missed.column) is None:  # else another key has told it
                    row.pop(missed.column, None)
                if missed.about is not None:
                    batch.observed.withheld[missed.path].add(missed.about)
                    if missed.table in OF_HISTORIES:
                        batch.observed.doubtful.add(missed.about)

    def _keep_what_is_absent(self, batch: Batch, connection: Connection) -> None:
        """Take out NULL, and the deletion of labels and attachments, where the tables have something."""
        withheld = batch.observed.withheld
        for name in self.unmet & SAID_BY_ABSENCE.keys():
            withheld[name] |= _keep_reference(batch, connection, *SAID_BY_ABSENCE[name])
        for name in self.unmet & SAID_OF_SURVEYS.keys():
            batch.observed.kept[name] += _keep_rated(batch, connection, *SAID_OF_SURVEYS[name])
        if OWNER_TYPE in self.unmet:
            withheld[OWNER_TYPE] |= _keep_owners(batch, connection)
        if LABELS in self.unmet:
            withheld[LABELS] |= _keep_labels(batch, connection)
        for name in self.unmet & {ATTACHMENTS, LISTED_ATTACHMENTS}:
            withheld[name] |= _keep_attachments(batch, connection, of_list=name == LISTED_ATTACHMENTS)
            batch.observed.doubtful |= withheld[name]


def _keep_reference(
    batch: Batch, connection: Connection, columns: tuple[str, ...], what: ColumnElement[bool]
) -> set[int]:
    rows = batch.rows["conversations"]
    # A bot that owns a conversation may be told by a key of its own.
    kept = contract.holders(connection, batch.account_id, what, _silent(rows, columns))
    _take_out(rows, kept, columns)
    return kept


def _silent(rows: dict[Key, Row], columns: tuple[str, ...]) -> set[int]:
    """Return the ids of the rows that would have NULL in all of some columns."""
    return {row["id"] for row in rows.values() if all(name in row and row[name] is None for name in columns)}


def _take_out(rows: dict[Key, Row], ids: Collection[int], columns: tuple[str, ...]) -> None:
    for number in ids:
        for column in columns:
            del rows[number,][column]


def _keep_owners(batch: Batch, connection: Connection) -> set[int]:
    """Take people for owners only where a bot was none, and nothing of them from what may be a bot's record."""
    rows = batch.rows["conversations"]
    people = {row["id"] for row in rows.values() if row.get(str(ASSIGNEE.type)) == USER}
    kept = contract.holders(connection, batch.account_id, HAS_BOT, people)
    for conversation_id in people:
        number = rows[conversation_id,][ASSIGNEE.person]
        batch.rows["agents"][number,] = {"account_id": batch.account_id, "id": number}
    _take_out(rows, kept, astuple(ASSIGNEE))
    return kept


def _keep_rated(batch: Batch, connection: Connection, columns: tuple[str, ...], what: ColumnElement[bool]) -> int:
    rows = batch.rows["csat_responses"]
    kept = contract.responses(connection, batch.account_id, what, _silent(rows, columns))
    _take_out(rows, kept, columns)
    return len(kept)


def _keep_labels(batch: Batch, connection: Connection) -> set[int]:
    whole = batch.complete["conversation_labels"]
    kept = contract.holders(connection, batch.account_id, HAS_LABEL, whole)
    batch.complete["conversation_labels"] = [one for one in whole if one not in kept]
    return kept


def _keep_attachments(batch: Batch, connection: Connection, *, of_list: bool) -> set[int]:
    """Keep the attachments of messages that come without any; of_list: of those that only a list has shown."""
    listed = {one for number, shown in batch.shown.items() if number not in batch.histories for one in shown}
    # Those of a deleted message go with it.
    told = {row["message_id"] for row in batch.rows["attachments"].values()}
    told |= {row["id"] for row in batch.rows["messages"].values() if row.get("deleted")}
    whole = batch.complete["attachments"]
    silent = {one for one in whole if one not in told and (one in listed) == of_list}
    kept = contract.with_attachments(connection, batch.account_id, silent)
    batch.complete["attachments"] = [one for one in whole if one not in kept]
    return {row["conversation_id"] for row in batch.rows["messages"].values() if row["id"] in kept}
