"""Reads single conversations as the vendor has them now, to be compared with what is stored: nothing is saved."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import get_conversation
from etl.extract.history import Histories, History
from etl.load.samples import Holding
from etl.run.witness import by_id
from etl.transform import rows
from etl.transform.batch import Batch
from etl.transform.fields import Row

# The vendor's clock and the database's may differ by so much.
CLOCKS_DIFFER = timedelta(minutes=10)
CLOCKS = ("updated_at", "last_activity_at")

Clocks = tuple[datetime | None, datetime | None]


@dataclass(frozen=True)
class Target:
    """What is compared of a conversation: whole, or only messages of it; messages: ids of those that were drawn."""

    conversation_id: int
    whole: bool
    messages: frozenset[int] = frozenset()

    def expected(self, held: Holding) -> set[int]:
        """Return the ids of the messages that the vendor should have, by what is stored."""
        return {*self.messages, *held.whole(self.conversation_id)} if self.whole else set(self.messages)


@dataclass(frozen=True)
class Fresh:
    """What the vendor has of a conversation.

    payload: as it was sent; None: it has no such conversation, or did not show it. failure: why not, or why its history
    could not be read. refused: whether that was by the token's rights. messages: of its history.
    is_whole: whether it is proved that there are no others. lost: ids of messages that were expected, and that it does
    not have. unknown: of those of which that cannot be told.
    """

    payload: Any = None
    failure: str = ""
    refused: bool = False
    messages: list[Any] = field(default_factory=list)
    is_whole: bool = True
    lost: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()

    @property
    def is_gone(self) -> bool:
        """Whether the vendor says that there is no such conversation."""
        return self.payload is None and not self.failure

    def to_batch(self, account_id: int, conversation_id: int) -> Batch:
        """Turn it into rows as a run does; without conversation where that cannot become a row."""
        batch = rows.to_batch(account_id, [self.payload])
        if conversation_id in batch.marks:
            rows.add_history(batch, conversation_id, self.messages)
        return batch


def read(target: Target, histories: Histories, held: Holding, reads_history: bool) -> Fresh:
    """Read what is to be compared of a conversation; reads_history: whether histories are read at all.

    The history comes first: what comes in between has moved the clocks that the conversation then shows.
    """
    number = target.conversation_id
    fresh = Fresh()
    if reads_history and number in held.clocks:
        fresh = _read_history(histories, target, held)
    try:
        payload = get_conversation(histories.client, number)
    except NotFound:
        return Fresh()
    except VendorError as error:
        return Fresh(failure=str(error), refused=isinstance(error, Denied))
    return Fresh(payload, fresh.failure, False, fresh.messages, fresh.is_whole, fresh.lost, fresh.unknown)


def _read_history(histories: Histories, target: Target, held: Holding) -> Fresh:
    number, expected = target.conversation_id, target.expected(held)
    newest = max(held.whole(number), default=None)
    try:
        history = histories.read(number, set() if newest is None else {newest})
        messages, missing = _read_missing(histories, target, history, held.times(number), expected)
    except VendorError as error:
        return Fresh(failure=str(error))
    if history.complete or not histories.walks_back:
        # The window of a single id is exact.
        return Fresh(messages=messages, is_whole=True, lost=frozenset(missing))
    return Fresh(messages=messages, is_whole=False, unknown=frozenset(missing))


def _read_missing(
    histories: Histories, target: Target, history: History, times: dict[int, float], expected: Collection[int]
) -> tuple[list[Any], set[int]]:
    """Ask for what a history lacks that is not proved to be whole; return all messages, and what is still missing."""
    messages = list(history.messages)
    missing = set(expected) - by_id(messages).keys()
    if missing and not history.complete:
        for found in histories.read_singly(target.conversation_id, missing, times):
            messages += [message for number, message in by_id(found).items() if number in missing]
            missing -= by_id(found).keys()
    return messages, missing


def has_moved(now: Row, stored: Clocks, read_at: datetime | None) -> bool:
    """Return whether a conversation changed since it was read, as far as the vendor's clocks tell (its section 5).

    read_at: when the last complete run began, which has read what was there by then; None: there was none.
    """
    told = zip((now.get(name) for name in CLOCKS), stored, strict=True)
    return any(
        clock is not None and clock != before and (read_at is None or clock > read_at - CLOCKS_DIFFER)
        for clock, before in told
    )
