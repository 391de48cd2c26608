"""Conversations that earlier runs could not read: when, and how often, each is asked for again, and which are known."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from sys import maxsize
from typing import Any, Self

from sqlalchemy import Connection

from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import get_conversation
from etl.extract.client import Client
from etl.load import acceptances, ledger_entries
from etl.load.acceptances import FaultKind
from etl.load.journal import Run
from etl.load.ledger_entries import Reason, Unread

# What failed in the same way on so many days is asked for once a night, without retries.
NIGHTS_THAT_TELL = 3
# What was accepted is asked for once a week: half a day before its time, as nights do not begin at the same second.
ACCEPTED_FOR = timedelta(days=6, hours=12)


@dataclass(frozen=True)
class Stubborn:
    """What earlier runs could not read, for one run.

    was: id -> what is known of it. accepted: id -> the failure with which it was accepted, where that has not expired.
    now: when the run began. attempts_at_pages: how many are made at each page of the run: one that has such a
    conversation fails in any case, and the ledger asks for its conversations one by one.
    """

    now: datetime
    was: Mapping[int, Unread] = field(default_factory=dict)
    accepted: Mapping[int, str] = field(default_factory=dict)
    attempts_at_pages: int = maxsize

    @classmethod
    def of(cls, connection: Connection, run: Run) -> Self:
        """Return what is known when a run begins; of a selection, which has no ledger, nothing."""
        if run.selection is not None:
            return cls(run.started_at)
        accepted = {
            int(one.what): str(one.as_it_was.get("failure"))
            for one in acceptances.in_force(connection, run.account_id)
            if one.kind == FaultKind.CONVERSATION and one.expires_at > run.started_at
        }
        was = ledger_entries.unread(connection, run.account_id)
        found = cls(run.started_at, was, accepted)
        return cls(run.started_at, was, accepted, 1 if any(map(found.is_asked_once, was)) else maxsize)

    def is_left(self, conversation_id: int) -> bool:
        """Return whether a conversation is not asked for now: it is as it was accepted, and was asked for of late."""
        was = self.was.get(conversation_id)
        return bool(was and self._is_accepted(conversation_id, was.reason) and self._is_of_late(was.checked_at))

    def is_asked_once(self, conversation_id: int) -> bool:
        """Return whether the failure of a conversation is old enough, or known, so that retries would only cost."""
        was = self.was.get(conversation_id)
        return bool(was and (was.nights >= NIGHTS_THAT_TELL or self._is_accepted(conversation_id, was.reason)))

    def get(self, client: Client, conversation_id: int) -> Any:
        """Return a conversation; one that fails as it did is asked for once, and with retries when it fails otherwise.

        Raise VendorError as `get_conversation` does.
        """
        if self.is_asked_once(conversation_id):
            try:
                return get_conversation(client, conversation_id, attempts=1)
            except (NotFound, Denied):
                raise
            except VendorError as error:
                if error.sentence == self.was[conversation_id].reason.failure:
                    raise
        return get_conversation(client, conversation_id)

    def known(self, unreadable: Mapping[int, Reason]) -> set[int]:
        """Return those of the unreadable ones that are as they were accepted."""
        return {one for one, reason in unreadable.items() if self._is_accepted(one, reason)}

    def counted(self, without_row: Collection[int]) -> Counter[str]:
        """Return how many of each status the vendor counts of conversations that have no row, as far as it is known."""
        statuses = (self.was[one].counted_as for one in without_row if one in self.was)
        return Counter(status for status in statuses if status)

    def _is_accepted(self, conversation_id: int, reason: Reason) -> bool:
        return reason.failure is not None and self.accepted.get(conversation_id) == reason.failure

    def _is_of_late(self, checked_at: datetime) -> bool:
        return timedelta() <= self.now - checked_at < ACCEPTED_FOR


def statuses_of(
    without_row: Collection[int], counted: Mapping[str, int] | None, ours: Mapping[str, int]
) -> dict[int, str | None]:
    """Return in which status the vendor counts conversations that have no row, by what it counts more than the tables.

    Which is which does not matter, as long as they are just so many; None where that does not come out even.
    """
    more = {status: (counted or {}).get(status, 0) - number for status, number in ours.items()}
    fits = counted is not None and min(more.values()) >= 0 and sum(more.values()) == len(without_row)
    if not fits:
        return dict.fromkeys(without_row)
    statuses = (status for status, number in sorted(more.items()) for _ in range(number))
    return dict(zip(sorted(without_row), statuses, strict=True))
