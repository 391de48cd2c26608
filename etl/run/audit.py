"""Accounts for every message id, against the second witness.

`/conversations/search` without a search term names every message of 25 conversations in one answer, in few fields, on
every server version (the vendor's section 3). What it names and the tables lack is asked for by id; what even then
cannot be had is saved as the witness has it, `partial`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client, Query
from etl.extract.history import Histories
from etl.extract.walk import BY_CREATION, walk
from etl.id_set import IdSet
from etl.load import conversations, marks
from etl.load.tally import Unproved
from etl.transform import rows
from etl.transform.batch import Batch

SEARCH = "conversations/search"
NEWEST_FIRST: Query = [("status", "all")]
OLDEST_FIRST: Query = [("status", "all"), BY_CREATION]

Messages = dict[int, Any]


@dataclass
class Audit:
    """The accounting of the messages of one run.

    save: saves a batch. unproved: by conversation id, those whose history is not proved to be complete; their marks are
    closed when the witness agrees. done: conversations settled. counts: {messages, witnessed, unaccounted}.
    left: how many were not compared. removed: messages that the vendor no longer has. not_used: why the witness could
    not be used, or not to its end.
    """

    client: Client
    pool: Executor
    engine: Engine
    histories: Histories
    save: Callable[[Batch], None]
    unproved: dict[int, Unproved]
    done: IdSet = field(default_factory=IdSet)
    counts: Counter[str] = field(default_factory=Counter)
    left: int = 0
    removed: int = 0
    not_used: str | None = None
    _newest: int = 0

    def settle(self, everything: bool) -> dict[str, int] | None:
        """Compare what the witness names with the tables: of every conversation, or of those with open marks only.

        Return {conversations, messages, read, witnessed, unaccounted}; messages is the sum of the last three. None when
        the witness could not be used. Conversations begun since the ledger was settled are left to the next run.
        """
        self._newest = max(self._living(), default=0)
        for query in (OLDEST_FIRST, NEWEST_FIRST) if everything else (NEWEST_FIRST, OLDEST_FIRST):
            try:
                self._walk(query, everything)
            except VendorError as error:
                self.not_used = str(error)
            self.left = len(self._left(everything))
            if not self.left:
                break
        if self.not_used and not self.done:
            return None
        read = self.counts["messages"] - self.counts["witnessed"] - self.counts["unaccounted"]
        return {
            "conversations": len(self.done),
            "messages": self.counts["messages"],
            "read": read,
            "witnessed": self.counts["witnessed"],
            "unaccounted": self.counts["unaccounted"],
        }

    def _walk(self, query: Query, everything: bool) -> None:
        for page in walk(self.client, self.pool, query, SEARCH):
            named = {
                conversation_id: messages
                for conversation_id, messages in _named(page.payloads)
                if conversation_id not in self.done
            }
            if everything:
                named = {
                    conversation_id: messages
                    for conversation_id, messages in named.items()
                    if conversation_id <= self._newest
                }
            else:
                named = {
                    conversation_id: messages
                    for conversation_id, messages in named.items()
                    if conversation_id in self.unproved
                }
            self._compare(named)
            if not everything and not self._left(everything):
                return

    def _left(self, everything: bool) -> Set[int]:
        """Return the conversations that no page of the witness has shown."""
        return (self._living() if everything else self.unproved.keys()) - self.done

    def _living(self) -> IdSet:
        """Return the conversations that are in the tables and not deleted."""
        with transaction(self.engine) as connection:
            return conversations.living(connection, self.client.account_id)

    def _compare(self, named: dict[int, Messages]) -> None:
        """Save what the tables lack of the messages named, and count all of them."""
        held = self._held(named)
        batch = Batch(self.client.account_id)
        futures = {}
        for conversation_id, have in held.items():
            if doubtful := self._doubtful(conversation_id, named[conversation_id], have):
                futures[conversation_id] = self.pool.submit(
                    self._fetch, conversation_id, named[conversation_id], doubtful
                )
        unsure = set()
        for conversation_id, future in futures.items():
            messages, have = named[conversation_id], held[conversation_id]
            found, failed = future.result()
            rows.add_history(batch, conversation_id, found.values())
            rest = {message_id for message_id in messages.keys() - found.keys() if have.get(message_id, True)}
            rows.add_witnessed(batch, conversation_id, [messages[message_id] for message_id in sorted(rest)])
            if failed or (conversation_id in self.unproved and found.keys() - messages.keys()):
                unsure.add(conversation_id)
        self.save(batch)
        settled = {
            conversation_id: messages for conversation_id, messages in named.items() if conversation_id not in unsure
        }
        self._count(settled, self._held(settled))

    def _doubtful(self, conversation_id: int, named: Messages, held: dict[int, bool]) -> set[int]:
        """Return the messages to ask for: those that the tables lack, or hold only in part where each can be asked for.

        Where the witness decides whether a history is complete, also those that this run's reading did not give, as
        they may have been edited; and those that it does not name: before it is believed that a message is gone, the
        server is asked.
        """
        lacking = named.keys() - held.keys()
        if not self.histories.walks_back:
            lacking |= {message_id for message_id, partial in held.items() if partial}
        if conversation_id not in self.unproved:
            return lacking
        return lacking | (named.keys() ^ set(self.unproved[conversation_id].read)) | (held.keys() - named.keys())

    def _fetch(self, conversation_id: int, named: Messages, doubtful: set[int]) -> tuple[Messages, bool]:
        """Ask for messages: for the history once more, then for each that is still missing.

        Return what was found, and whether something could not be asked for, so that the next run has to try again.
        """
        found: Messages = {}
        try:
            if not self.histories.walks_back:
                found = _by_id(self.histories.read(conversation_id, set()).messages)
            missing = doubtful - found.keys()
            for messages in self.histories.read_singly(conversation_id, missing, _times(named)):
                found |= _by_id(messages)
        except VendorError:
            return found, True  # the witness has at least a part of what cannot be asked for
        return found, False

    def _held(self, named: dict[int, Messages]) -> dict[int, dict[int, bool]]:
        """Return, for the conversations that are in the tables, message id -> whether the row is partial."""
        with transaction(self.engine) as connection:
            return conversations.messages_held(connection, self.client.account_id, list(named))

    def _count(self, named: dict[int, Messages], held: dict[int, dict[int, bool]]) -> None:
        """Count the messages of a page, and close the marks of the conversations that lack none."""
        agreed = {}
        for conversation_id, messages in named.items():
            have = held.get(conversation_id, {})
            lacking = len(messages.keys() - have.keys())
            self.counts["messages"] += len(messages)
            self.counts["unaccounted"] += lacking
            self.counts["witnessed"] += sum(have.get(message_id, False) for message_id in messages)
            self.done.add(conversation_id)
            if not lacking and conversation_id in self.unproved:
                agreed[conversation_id] = self.unproved[conversation_id].mark
        if agreed:
            kept = [message_id for conversation_id in agreed for message_id in named[conversation_id]]
            with transaction(self.engine) as connection:
                now = datetime.now(UTC)
                conversations.close_marks(connection, self.client.account_id, agreed, now)
                self.removed += marks.mark_removed(connection, self.client.account_id, list(agreed), kept)


def _times(named: Messages) -> dict[int, float]:
    """Return when messages were written, as far as the witness says; one that has no time counts for none."""
    times = {message_id: message.get("created_at") for message_id, message in named.items()}
    return {message_id: at for message_id, at in times.items() if isinstance(at, int | float)}


def _named(payloads: list[Any]) -> Iterator[tuple[int, Messages]]:
    for payload in payloads:
        if isinstance(payload, dict) and isinstance(payload.get("id"), int):
            messages = payload.get("messages")
            if isinstance(messages, list):
                yield payload["id"], _by_id(messages)


def _by_id(messages: list[Any]) -> Messages:
    return {
        message["id"]: message
        for message in messages
        if isinstance(message, dict) and isinstance(message.get("id"), int)
    }
