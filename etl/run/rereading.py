"""Reads histories again of which no page says that they changed, and saves them."""

from collections.abc import Set
from concurrent.futures import Future
from dataclasses import dataclass, field

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.history import Histories, History
from etl.load import held, marks
from etl.load.held import Held
from etl.run.intake import Intake
from etl.run.witness import Messages, by_id, times
from etl.transform import rows
from etl.transform.batch import Batch

# What is in memory, and in one transaction, at once.
HISTORIES_AT_ONCE = 25


@dataclass(frozen=True)
class Doubts:
    """Messages to ask for; changed: those of which the witness tells something else than the tables."""

    messages: Set[int]
    changed: Set[int]


@dataclass(frozen=True)
class Reading:
    """What the server gave of messages in doubt; failed: something could not be asked for, so the next run has to."""

    found: Messages
    doubts: Doubts
    failed: bool

    def lacking(self, named: Messages, known: dict[int, Held]) -> set[int]:
        """Return the messages to be saved as the witness has them: nothing else tells them.

        What is whole is thinned only where the server was asked for it in vain, and the witness tells something else.
        """
        return {
            message_id
            for message_id in named.keys() - self.found.keys()
            if message_id not in known
            or known[message_id].partial
            or (message_id in self.doubts.changed and not self.failed)
        }


def fetch(histories: Histories, conversation_id: int, named: Messages, doubts: Doubts) -> Reading:
    """Ask for messages: for the history once more, then for each that is still missing."""
    found: Messages = {}
    missing = set(doubts.messages)
    try:
        if not histories.walks_back:
            history = histories.read(conversation_id, set())
            found = by_id(history.messages)
            # A whole history tells that a message is gone; that one is hidden, each has to tell by itself.
            missing &= named.keys() if history.complete else missing
        for messages in histories.read_singly(conversation_id, missing - found.keys(), times(named)):
            found |= by_id(messages)
    except VendorError:
        return Reading(found, doubts, failed=True)  # the witness has at least a part of what cannot be asked for
    return Reading(found, doubts, failed=False)


@dataclass(frozen=True)
class Whole:
    """Histories that were read and saved: how many messages each has, of those proved to be whole; ids of the others.

    failures: why some could not be read.
    """

    lengths: dict[int, int] = field(default_factory=dict)
    unproved: dict[int, set[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def read_whole(intake: Intake, conversation_ids: list[int]) -> Whole:
    """Read and save histories of which nothing but their age, or a witness that is silent, makes us doubt.

    A reading without the newest message that is held is not the whole history: the vendor deletes by a flag.
    """
    account_id = intake.settings.account_id
    batch = Batch(account_id)
    whole = Whole()
    for conversation_id, future in _begin(intake, conversation_ids).items():
        try:
            history = future.result()
        except VendorError as error:
            whole.failures.append(str(error))
            continue
        rejected = len(batch.rejected)
        ids = rows.add_history(batch, conversation_id, history.messages)
        if not history.complete:
            whole.unproved[conversation_id] = ids
        elif len(batch.rejected) == rejected:
            batch.histories.append(conversation_id)
            whole.lengths[conversation_id] = len(ids)
    _save(intake, batch, whole)
    return whole


def _begin(intake: Intake, conversation_ids: list[int]) -> dict[int, Future[History]]:
    with transaction(intake.engine) as connection:
        newest = held.newest_held(connection, intake.settings.account_id, conversation_ids)
    return {one: intake.pool.submit(intake.histories.read, one, newest[one]) for one in conversation_ids}


def _save(intake: Intake, batch: Batch, whole: Whole) -> None:
    """Save a batch; of whose messages others claim some, it is not known that anything was whole."""
    intake.writer.save(batch)
    for conversation_id in [one for one in whole.lengths if one in intake.run.tally.moved]:
        del whole.lengths[conversation_id]
    with intake.writer.transaction() as connection:
        marks.note_reading(connection, batch.account_id, list(whole.lengths))
