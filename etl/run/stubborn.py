"""Conversations that earlier runs could not read: when, and how often, each is asked for again, and which are known."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import Any, Self

from sqlalchemy import Connection

from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import get_conversation
from etl.extract.client import Client
from etl.load import acceptances, ledger_entries
from etl.load.acceptances import FaultKind
from etl.load.journal import Run
from etl.load.ledger_entries import NOT_COUNTED, Reason, Unread

# What failed in the same way on so many days is asked for once a night, without retries.
NIGHTS_THAT_TELL = 3
# What was accepted is asked for once a week: half a day before its time, as nights do not begin at the same second.
ACCEPTED_FOR = timedelta(days=6, hours=12)


@dataclass(frozen=True)
class Stubborn:
    """What earlier runs could not read, for one run.

    was: id -> what is known of it. accepted: id -> the failure with which it was accepted, where that has not expired.
    now: when the run began. leaves_any: whether what was accepted is left alone for a week.
    """

    now: datetime
    was: Mapping[int, Unread] = field(default_factory=dict)
    accepted: Mapping[int, str] = field(default_factory=dict)
    leaves_any: bool = True

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
        return cls(run.started_at, was, accepted)

    @property
    def known_failures(self) -> frozenset[str]:
        """How what is asked for once fails, and each page that has one, whose others are asked for singly."""
        failures = (was.reason.failure for one, was in self.was.items() if self.is_asked_once(one))
        return frozenset(failure for failure in failures if failure)

    def is_left(self, conversation_id: int) -> bool:
        """Return whether a conversation is not asked for now: it is as it was accepted, and was asked for of late."""
        was = self.was.get(conversation_id)
        is_known = was and self._is_accepted(conversation_id, was.reason)
        return bool(was and is_known and self.leaves_any and self._is_of_late(was.checked_at))

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

    def uncounted(self, unreadable: Collection[int]) -> set[int]:
        """Return those of the unreadable ones that the vendor does not count, as far as it is known."""
        return {one for one in unreadable if one in self.was and self.was[one].counted_as == NOT_COUNTED}

    def counted(self, without_row: Collection[int]) -> Counter[str]:
        """Return how many of each status the vendor counts of conversations that have no row, as far as it is known."""
        statuses = (self.was[one].counted_as for one in without_row if one in self.was)
        return Counter(status for status in statuses if status and status != NOT_COUNTED)

    def _is_accepted(self, conversation_id: int, reason: Reason) -> bool:
        return reason.failure is not None and self.accepted.get(conversation_id) == reason.failure

    def _is_of_late(self, checked_at: datetime) -> bool:
        return timedelta() <= self.now - checked_at < ACCEPTED_FOR


def statuses_of(
    unreadable: Mapping[int, str | None], counted: Mapping[str, int] | None, ours: Mapping[str, int]
) -> dict[int, str | None]:
    """Return in which status the vendor counts what cannot be read, by what it counts more than the other rows.

    unreadable: id -> the status of its row, None where it has none. ours: status -> how many the tables have of others.
    Which is which does not matter, but where a row tells it; NOT_COUNTED of some where they are more than what is
    counted, as of a deleted inbox; None where it counts less than what could be read, or more than all together.
    """
    more = Counter({status: (counted or {}).get(status, 0) - number for status, number in ours.items()})
    if counted is None or min(more.values()) < 0 or more.total() > len(unreadable):
        return dict.fromkeys(unreadable)
    found: dict[int, str | None] = {}
    for one, status in sorted(unreadable.items()):
        if status is not None and more[status] > 0:
            found[one] = status
            more[status] -= 1
    statuses = chain((status for status, number in sorted(more.items()) for _ in range(number)), repeat(NOT_COUNTED))
    return found | dict(zip(sorted(unreadable.keys() - found.keys()), statuses, strict=False))
