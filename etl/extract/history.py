"""The complete messages of one conversation, on any server version, with the fewest requests.

Three facts of the server (the vendor's section 3) make it what it is. Answers are cut and ordered by time, not by id,
so that a cursor over ids loses back-dated messages. The two-sided window `after=A&before=B` gives the messages with
A <= id < B and is exact whenever its answer is shorter than its cap. And servers before 2.16 misread it: there only
walking back with `before` is left, which loses messages; then `audit.py` finds them.

A window that the server cannot answer, or that is too large for the memory, is not asked for again as it is: it is read
in narrower ones (`windows.py`).
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from sys import maxsize
from typing import Any

from etl.errors import Denied, Limited, NotFound, VendorError
from etl.extract import doors
from etl.extract.belonging import get_conversation, get_messages
from etl.extract.client import Client
from etl.extract.ids import id_of
from etl.extract.windows import TOO_MUCH, Windows

CAPS = (20, 100, 1000)
NEWEST = 20
ABOVE_ANY_ID = 2**31 - 1
REFUSALS_THAT_SUFFICE = 10
MISSING = 404
# What is too slow twice will be so again: narrower windows are quicker.
ATTEMPTS_WHEN_SLOW = 2
# Windows are begun with so many times the ids that the newest 20 messages take up.
TIMES_NEWEST = 4


@dataclass(frozen=True)
class History:
    """Messages of a conversation. complete: whether it is proved that there are no others."""

    messages: list[Any]
    complete: bool


class _MisreadError(Exception):
    """The server took a window for something else: its answer holds messages from outside."""


class Histories:
    """Reads histories, and learns once a run how this server reads a window.

    client: with which they are asked for.
    walks_back: whether the server has shown, to this run or to those who share it, that it misreads the window.
    """

    def __init__(self, client: Client) -> None:
        self.walks_back = False
        self.client = client
        self._longest = 0
        self._answered = False
        self._refusals = 0

    def walk_back(self) -> None:
        """Read no window any more: the server has shown that it misreads them."""
        self.walks_back = True

    @property
    def refused(self) -> bool:
        """Whether the server gives no histories: each of the first ten was refused, in JSON, or answered with 404."""
        return self._refusals >= REFUSALS_THAT_SUFFICE

    def read(self, conversation_id: int, shown: set[int]) -> History:
        """Return the messages of a conversation.

        shown: numbers of messages that the list has just shown; an answer without them is not the whole history.
        Raise VendorError when it cannot be read; Denied or NotFound without asking once the server refused every one.
        """
        if self.refused:
            address = self.client.address(_path(conversation_id))
            raise NotFound("not asked for, as the server refuses histories.", address=address)
        try:
            history = self._walk_back(conversation_id) if self.walks_back else self._read_window(conversation_id, shown)
        except VendorError as error:
            if not self._answered and _is_refusal(error) and not self._is_gone(conversation_id, error):
                self._refusals += 1
            raise
        self._answered = True
        return History(history.messages, history.complete and shown <= _ids(history.messages))

    def _is_gone(self, conversation_id: int, error: VendorError) -> bool:
        """Return whether a history is not found because its conversation was deleted since the list showed it."""
        if not isinstance(error, NotFound):
            return False
        try:
            get_conversation(self.client, conversation_id)
        except NotFound:
            return True
        except VendorError:
            pass
        return False

    def read_singly(self, conversation_id: int, wanted: Collection[int], times: doors.Times) -> Iterator[list[Any]]:
        """Yield what the server gives when asked for messages one by one: these, and on old servers some others.

        Each is asked for until it was given, at every door that may give it. times: id -> time of messages that the
        conversation has; those that others hide are not asked for.
        """
        missing = set(wanted)
        for door in doors.BEFORE_2_16 if self.walks_back else doors.WINDOW:
            for message_id in sorted(missing - door.hides(times)):
                if message_id in missing:
                    messages = self._get(conversation_id, **door.query(message_id))
                    missing -= _ids(messages)
                    yield messages

    def _read_window(self, conversation_id: int, shown: set[int]) -> History:
        before = max([ABOVE_ANY_ID, *(message_id + 1 for message_id in shown)])
        try:
            messages = self._try_window(conversation_id, before)
        except Limited:
            raise
        except TOO_MUCH:
            return self._read_narrower(conversation_id, before, shown)
        ids = _ids(messages)
        if shown <= ids and (ids or self._longest):
            return History(messages, complete=True)
        # Nothing, or not what the list shows. The other reading tells whether the server or the conversation is empty.
        walked = self._walk_back(conversation_id)
        if walked.messages and not shown:
            # A message may have come in meanwhile, so ask for the window again before the server counts as old.
            messages = self._try_window(conversation_id, before)
            ids = _ids(messages)
        if _ids(walked.messages) - ids or (walked.messages and not messages):
            self.walk_back()
            return walked
        return History(messages, complete=True)

    def _read_narrower(self, conversation_id: int, before: int, shown: set[int]) -> History:
        """Read a history whose whole window cannot be answered: from its newest messages on, down and up.

        What not even by itself can be read is looked for by walking back, 20 messages at a time.
        """
        newest = self._newest(conversation_id, shown)
        ids = _ids(newest)
        if len(newest) < NEWEST and shown <= ids:
            return History(newest, complete=True)
        known = ids or shown
        windows, above = Windows(partial(self._window, conversation_id)), max(known) + 1
        try:
            windows.go(above, 0, width=TIMES_NEWEST * (above - min(known)))
            windows.go(above, before, width=before - above)  # most likely there is nothing
        except _MisreadError:
            self.walk_back()
        found = _ids(windows.found)
        if not windows.lost and known <= found:
            return History(windows.found, complete=True)
        if not known & found:
            self.walk_back()
        with suppress(*TOO_MUCH):
            walked = self._walk_back(conversation_id).messages
            windows.found += [message for message in walked if not _ids([message]) <= found]
        return History(windows.found, complete=False)

    def _newest(self, conversation_id: int, shown: set[int]) -> list[Any]:
        """Return the newest 20 messages; none where they are too much at once, and a single one is not.

        Raise what went wrong when it is not the amount.
        """
        try:
            return self._get(conversation_id)
        except Limited:
            raise
        except TOO_MUCH:
            if not shown:
                raise
            self._window(conversation_id, max(shown), max(shown) + 1)
            return []

    def _window(self, conversation_id: int, after: int, before: int) -> list[Any]:
        """Return the messages of a window that is narrowed when it fails; that of one id is asked for in earnest."""
        return self._between(conversation_id, after, before, attempts=maxsize if before - after == 1 else 1)

    def _try_window(self, conversation_id: int, before: int) -> list[Any]:
        """Return the messages of the whole window; none where the server takes it for something else."""
        try:
            return self._between(conversation_id, 0, before)
        except _MisreadError:
            return []

    def _between(self, conversation_id: int, after: int, before: int, attempts: int = maxsize) -> list[Any]:
        messages = self._get(conversation_id, attempts, after=after, before=before)
        ids = sorted(_ids(messages))
        if ids and not after <= ids[0] <= ids[-1] < before:
            raise _MisreadError
        capped = len(messages) in CAPS and len(messages) >= self._longest
        self._longest = max(self._longest, len(messages))
        if not capped:
            return messages
        middle = ids[len(ids) // 2] if ids else after
        if not after < middle < before:
            address = self.client.address(_path(conversation_id))
            raise VendorError(f"the window {after} to {before} cannot be split.", address=address)
        older = self._between(conversation_id, after, middle, attempts)
        return older + self._between(conversation_id, middle, before, attempts)

    def _walk_back(self, conversation_id: int) -> History:
        """Read the newest 20, then the newest 20 below the lowest id of these, and so on.

        Fewer than 20 at once are all that there are. More than one step proves nothing: a message with a high id and an
        old time may lie in none of them.
        """
        answer = self._get(conversation_id)
        messages, lowest = list(answer), min(_ids(answer), default=None)
        complete = len(answer) < NEWEST
        while len(answer) >= NEWEST and lowest is not None:
            answer = self._get(conversation_id, before=lowest)
            below = min(_ids(answer), default=lowest)
            if below >= lowest:
                break  # nothing older: this was all, or the server does not know `before`
            messages += answer
            lowest = below
        return History(messages, complete)

    def _get(self, conversation_id: int, attempts: int = maxsize, **query: int) -> list[Any]:
        path, asked = _path(conversation_id), list(query.items())
        slow = ATTEMPTS_WHEN_SLOW if len(query) > 1 else maxsize
        answer = get_messages(self.client, conversation_id, asked, attempts, slow)
        payload = answer.get("payload") if isinstance(answer, dict) else None
        if not isinstance(payload, list):
            raise VendorError("the answer holds no list of messages.", address=self.client.address(path, asked))
        return payload


def _path(conversation_id: int) -> str:
    return f"conversations/{conversation_id}/messages"


def _is_refusal(error: VendorError) -> bool:
    """Return whether the server does not give a history: an unknown route is 404 in HTML (the vendor's section 6)."""
    return isinstance(error, Denied | NotFound) or error.status == MISSING


def _ids(messages: list[Any]) -> set[int]:
    """Return the ids of messages; one without a number has none, and will be rejected as a record."""
    return {number for number in map(id_of, messages) if number is not None}
