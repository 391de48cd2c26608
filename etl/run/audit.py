"""Accounts for every message, against the second witness.

`/conversations/search` without a search term names every message of 25 conversations in one answer, in few fields, on
every server version (the vendor's section 3). What it names and the tables lack, or hold with another text, type or
sender, is read again; what even then cannot be had is saved as the witness has it, `partial`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from itertools import islice

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client, Query
from etl.extract.walk import BY_CREATION, walk
from etl.id_set import IdSet
from etl.load import conversations, held, marks
from etl.load.held import Held
from etl.load.tally import Unproved
from etl.run.intake import Intake
from etl.run.rereading import HISTORIES_AT_ONCE, Doubts, Reading, fetch, read_whole
from etl.run.witness import Messages, can_be_compared, differs, named_by
from etl.transform import rows
from etl.transform.batch import Batch

SEARCH = "conversations/search"
NEWEST_FIRST: Query = [("status", "all")]
OLDEST_FIRST: Query = [("status", "all"), BY_CREATION]
# How many conversations that no page of the witness showed are read by themselves.
MOST_READ_SINGLY = 1_000


@dataclass
class Audit:
    """The accounting of the messages of one run.

    unproved: by conversation id, those whose history is not proved to be complete; their marks are closed when the
    witness agrees. done: conversations settled. counts: {messages, witnessed, unaccounted}, and {uncompared}: messages
    of whose text there is no digest yet. left: how many were not compared. removed: messages that the vendor no longer
    has. read_singly: conversations that the witness did not show. not_used: why the witness could not be used, or not
    to its end. _disputed: conversations of which the witness says something else than the server gives.
    """

    client: Client
    intake: Intake
    everything: bool
    unproved: dict[int, Unproved] = field(init=False)
    done: IdSet = field(default_factory=IdSet)
    counts: Counter[str] = field(default_factory=Counter)
    left: int = 0
    removed: int = 0
    read_singly: int = 0
    not_used: str | None = None
    _newest: int = 0
    _disputed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.unproved = self.intake.run.tally.unproved

    def settle(self) -> dict[str, int] | None:
        """Compare what the witness names with the tables: of every conversation, or of those with open marks only.

        Return {conversations, messages, read, witnessed, unaccounted}; messages is the sum of the last three. None when
        the witness could not be used. Conversations begun since the ledger was settled are left to the next run.
        """
        self._newest = max(self._living(), default=0)
        for query in self._queries():
            try:
                self._walk(query)
            except VendorError as error:
                self.not_used = str(error)
            self.left = len(self._left())
            if not self.left:
                break
        if self.not_used and not self.done:
            return None
        if self.left:
            self._read_singly()
        read = self.counts["messages"] - self.counts["witnessed"] - self.counts["unaccounted"]
        return {
            "conversations": len(self.done),
            "messages": self.counts["messages"],
            "read": read,
            "witnessed": self.counts["witnessed"],
            "unaccounted": self.counts["unaccounted"],
        }

    def _queries(self) -> Iterator[Query]:
        """Yield the walks of the witness: two orders, of which ties skip different conversations.

        Then, where only the witness proves a history, what is left, by its status and inbox: fewer have ties.
        """
        yield from (OLDEST_FIRST, NEWEST_FIRST) if self.everything else (NEWEST_FIRST, OLDEST_FIRST)
        if self.intake.histories.walks_back and self.done:
            with transaction(self.intake.engine) as connection:
                places = conversations.places(connection, self.client.account_id, self._left())
            for status, inbox_id in places:
                place: Query = [("status", status), ("inbox_id", inbox_id)]
                yield from ([*place, BY_CREATION], place)

    def _walk(self, query: Query) -> None:
        for page in walk(self.client, self.intake.pool, query, SEARCH):
            self._compare(
                {
                    conversation_id: messages
                    for conversation_id, messages in named_by(page.payloads)
                    if conversation_id not in self.done and self._is_asked_for(conversation_id)
                }
            )
            if not self.everything and not self._left():
                return

    def _is_asked_for(self, conversation_id: int) -> bool:
        return conversation_id <= self._newest if self.everything else conversation_id in self.unproved

    def _left(self) -> Set[int]:
        """Return the conversations that no page of the witness has shown."""
        return (self._living() if self.everything else self.unproved.keys()) - self.done

    def _living(self) -> IdSet:
        """Return the conversations that are in the tables and not deleted."""
        with transaction(self.intake.engine) as connection:
            return conversations.living(connection, self.client.account_id)

    def _compare(self, named: dict[int, Messages]) -> None:
        """Save what the tables lack of the messages named, or hold differently, and count all of them."""
        have = self._held(named)
        readings = self._read_again(named, have)
        batch = Batch(self.client.account_id)
        unsure = set()
        for conversation_id, reading in readings.items():
            rows.add_history(batch, conversation_id, reading.found.values())
        for conversation_id, reading in readings.items():
            if conversation_id in batch.disputed:
                continue
            messages = named[conversation_id]
            rest = reading.lacking(messages, have[conversation_id])
            rows.add_witnessed(batch, conversation_id, [messages[message_id] for message_id in sorted(rest)])
            if reading.failed or (conversation_id in self.unproved and reading.found.keys() - messages.keys()):
                unsure.add(conversation_id)
        self._disputed = (self._disputed - named.keys()) | unsure
        self.intake.writer.save(batch)
        unsure |= {one for one in readings if one in self.intake.run.tally.moved}
        self._remove(named, have, {one: reading for one, reading in readings.items() if one not in unsure})
        settled = {one: messages for one, messages in named.items() if one not in unsure}
        self._count(settled, self._held(settled) if readings else have)

    def _read_again(self, named: dict[int, Messages], have: dict[int, dict[int, Held]]) -> dict[int, Reading]:
        """Have read again what is in doubt; return what was given of each conversation of which something is."""
        way = self.intake.writer.way
        futures = {}
        for conversation_id, known in have.items():
            messages = named[conversation_id]
            changed = {one for one in messages.keys() & known.keys() if differs(messages[one], known[one], way)}
            if doubtful := changed | self._unsettled(conversation_id, messages, known):
                futures[conversation_id] = self.intake.pool.submit(
                    fetch, self.intake.histories, conversation_id, messages, Doubts(doubtful, changed)
                )
            else:
                self.counts["uncompared"] += sum(not can_be_compared(one, way) for one in known.values())
        return {conversation_id: future.result() for conversation_id, future in futures.items()}

    def _unsettled(self, conversation_id: int, named: Messages, known: dict[int, Held]) -> set[int]:
        """Return the messages to ask for, whatever they say.

        Those that the tables lack, or hold only in part where each can be asked for; and those that the witness does
        not name: before it is believed that a message is gone, the server is asked. Where the witness decides whether a
        history is complete, also those that this run's reading did not give, as they may have been edited.
        """
        unsettled = named.keys() ^ known.keys()
        if not self.intake.histories.walks_back:
            unsettled |= {message_id for message_id, message in known.items() if message.partial}
        if conversation_id in self.unproved:
            unsettled |= named.keys() ^ set(self.unproved[conversation_id].read)
        return unsettled

    def _held(self, named: Iterable[int]) -> dict[int, dict[int, Held]]:
        """Return, for the conversations that are in the tables, message id -> what is held of it."""
        kept = self.intake.writer.way.mode == "keep"
        with transaction(self.intake.engine) as connection:
            return held.messages_held(connection, self.client.account_id, list(named), kept=kept)

    def _remove(
        self, named: dict[int, Messages], have: dict[int, dict[int, Held]], readings: dict[int, Reading]
    ) -> None:
        """Mark as removed what neither the witness names nor the server gives, having been asked."""
        kept = {one: named[one].keys() | reading.found.keys() for one, reading in readings.items()}
        gone = [one for one, ids in kept.items() if have[one].keys() - ids]
        if gone:
            ids = [message_id for one in gone for message_id in kept[one]]
            with self.intake.writer.transaction() as connection:
                self.removed += marks.mark_removed(connection, self.client.account_id, gone, ids, partial=True)

    def _count(self, named: dict[int, Messages], have: dict[int, dict[int, Held]]) -> None:
        """Count the messages of a page, and close the marks of the conversations that lack none."""
        agreed = {}
        for conversation_id, messages in named.items():
            known = have.get(conversation_id, {})
            lacking = len(messages.keys() - known.keys())
            self.counts["messages"] += len(messages)
            self.counts["unaccounted"] += lacking
            self.counts["witnessed"] += sum(
                message_id in known and known[message_id].partial for message_id in messages
            )
            self.done.add(conversation_id)
            if not lacking and conversation_id in self.unproved:
                agreed[conversation_id] = self.unproved[conversation_id].mark
        self._close(agreed)

    def _close(self, agreed: dict[int, str]) -> None:
        if agreed:
            with self.intake.writer.transaction() as connection:
                conversations.close_marks(connection, self.client.account_id, agreed, self.intake.run.clock.now())

    def _read_singly(self) -> None:
        """Read the histories that no page of the witness showed: one that is read whole needs no witness.

        Not those of which it says something else than the server: what is held of them may be of another conversation,
        and would agree with another such reading.
        """
        if self.left > MOST_READ_SINGLY:
            return
        # Where histories are walked back, one that is not proved would not be proved by walking again.
        hopeless = self.unproved if self.intake.histories.walks_back else {}
        left = (one for one in sorted(self._left() - self._disputed) if one not in hopeless)
        while block := list(islice(left, HISTORIES_AT_ONCE)):
            read = read_whole(self.intake, block).lengths
            self.counts["messages"] += sum(read.values())
            self.read_singly += len(read)
            self.done.update(read)
            self._close({one: self.unproved[one].mark for one in read if one in self.unproved})
        self.left = len(self._left())
