"""Holds back what the vendor says by sending nothing, while a field that it has sent so far was not met yet.

The first record that has the field ends the doubt: from then on what is absent is absent. What was held back until
then is read again at the end of the run, or is a problem (`run/contract.py`).
"""

from dataclasses import astuple, dataclass
from typing import Self

from sqlalchemy import ColumnElement, Connection, Engine

from etl.database.dimensions import CsatResponse
from etl.database.engine import transaction
from etl.load import contract
from etl.load.contract import HAS_BOT, HAS_LABEL, HAS_OWNER, HAS_TEAM, Entry
from etl.transform.actors import ASSIGNEE, RATED, USER
from etl.transform.batch import Batch
from etl.transform.observed import met
from etl.transform.plausible import reject_implausible

# A field that so many records had is missed when none has it.
LEAST_SHARE = 0.1
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
OWNER_TYPE = "conversation.meta.assignee_type"
LABELS, ATTACHMENTS = "conversation.labels", "message.attachments"


@dataclass
class Expected:
    """The fields that the vendor has sent so far.

    entries: by name. unmet: names of those that nothing has told yet since this was made, of a tenth of records before.
    accepted: contradictions in messages that are meant so; None: all, as this run accepts what it meets.
    """

    entries: dict[str, Entry]
    unmet: set[str]
    accepted: frozenset[str] | None

    @classmethod
    def look(cls, connection: Connection, account_id: int) -> Self:
        """Return what the tables know of the fields."""
        entries = {entry.name: entry for entry in contract.read(connection, account_id)}
        unmet = {name for name, entry in entries.items() if entry.taken and entry.share >= LEAST_SHARE}
        types = entries.get("message.message_type")
        return cls(entries, unmet, frozenset(types.kinds if types else ()))

    @property
    def accepts_all(self) -> bool:
        """Whether this run believes whatever it meets."""
        return self.accepted is None

    def accept(self) -> None:
        """Believe whatever this run meets."""
        self.unmet.clear()
        self.accepted = None

    def withhold(self, batch: Batch, engine: Engine) -> None:
        """Take out of a batch what is in doubt, so that what is stored stays; the batch notes the conversations."""
        reject_implausible(batch, self.accepted)
        self.unmet.difference_update(met(batch.observed.sums()))
        if not self.unmet:
            return
        self._keep_what_was_read_before(batch)
        if self.unmet & {*SAID_BY_ABSENCE, *SAID_OF_SURVEYS, OWNER_TYPE, LABELS, ATTACHMENTS}:
            with transaction(engine) as connection:
                self._keep_what_is_absent(batch, connection)
        for conversation_id in batch.observed.all_withheld():
            row = batch.rows["conversations"].get((conversation_id,), {})
            if row.get("payload_digest"):
                row["payload_digest"] = OF_NO_PAYLOAD

    def _keep_what_was_read_before(self, batch: Batch) -> None:
        """Take NULL out of columns whose values cannot be read."""
        for missed in batch.observed.missed:
            if missed.path in self.unmet:
                if row := batch.rows[missed.table].get(missed.key):
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
        if ATTACHMENTS in self.unmet:
            withheld[ATTACHMENTS] |= _keep_attachments(batch, connection)
            batch.observed.doubtful |= withheld[ATTACHMENTS]


def _keep_reference(
    batch: Batch, connection: Connection, columns: tuple[str, ...], what: ColumnElement[bool]
) -> set[int]:
    rows = batch.rows["conversations"]
    # A bot that owns a conversation may be told by a key of its own.
    silent = {row["id"] for row in rows.values() if all(name in row and row[name] is None for name in columns)}
    kept = contract.holders(connection, batch.account_id, what, silent)
    for conversation_id in kept:
        for column in columns:
            del rows[conversation_id,][column]
    return kept


def _keep_owners(batch: Batch, connection: Connection) -> set[int]:
    """Take people for owners only where a bot was none, and nothing of them from what may be a bot's record."""
    rows = batch.rows["conversations"]
    people = {row["id"] for row in rows.values() if row.get(str(ASSIGNEE.type)) == USER}
    kept = contract.holders(connection, batch.account_id, HAS_BOT, people)
    for conversation_id in people:
        number = rows[conversation_id,][ASSIGNEE.person]
        batch.rows["agents"][number,] = {"account_id": batch.account_id, "id": number}
    for conversation_id in kept:
        for column in astuple(ASSIGNEE):
            del rows[conversation_id,][column]
    return kept


def _keep_rated(batch: Batch, connection: Connection, columns: tuple[str, ...], what: ColumnElement[bool]) -> int:
    rows = batch.rows["csat_responses"]
    silent = {row["id"] for row in rows.values() if all(name in row and row[name] is None for name in columns)}
    kept = contract.responses(connection, batch.account_id, what, silent)
    for response_id in kept:
        for column in columns:
            del rows[response_id,][column]
    return len(kept)


def _keep_labels(batch: Batch, connection: Connection) -> set[int]:
    whole = batch.complete["conversation_labels"]
    kept = contract.holders(connection, batch.account_id, HAS_LABEL, whole)
    batch.complete["conversation_labels"] = [one for one in whole if one not in kept]
    return kept


def _keep_attachments(batch: Batch, connection: Connection) -> set[int]:
    # The list may show some of them, and those of a deleted message go with it.
    told = {row["message_id"] for row in batch.rows["attachments"].values()}
    told |= {row["id"] for row in batch.rows["messages"].values() if row.get("deleted")}
    whole = batch.complete["attachments"]
    kept = contract.with_attachments(connection, batch.account_id, set(whole) - told)
    batch.complete["attachments"] = [one for one in whole if one not in kept]
    return {row["conversation_id"] for row in batch.rows["messages"].values() if row["id"] in kept}
