"""Takes pages in: makes batches of payloads, has the histories of what changed read, and hands both to the writer."""

from array import array
from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import Any

from sqlalchemy import Engine

from etl.database.base import REVISION
from etl.database.engine import question
from etl.errors import VendorError
from etl.extract.history import Histories, History
from etl.load import conversations
from etl.load.clock import Clock
from etl.load.conversations import Kept
from etl.load.journal import Run
from etl.load.tally import Tally, Unproved
from etl.run import plan
from etl.run.writer import Writer
from etl.settings.settings import Settings
from etl.transform import digest, edits, rows
from etl.transform.batch import Batch

VERSION = version("etl-99digital")


@dataclass(frozen=True)
class PendingBatch:
    """A batch, the histories that are being read for it, and the digests of their payloads, both by conversation id."""

    batch: Batch
    histories: dict[int, Future[History]]
    digests: dict[int, str | None]

    def is_read(self) -> bool:
        """Return whether all its histories are there."""
        return all(future.done() for future in self.histories.values())

    def is_asked_for(self) -> bool:
        """Return whether none of its histories still waits for a thread."""
        return all(future.done() or future.running() for future in self.histories.values())


@dataclass
class Intake:
    """Takes in what a run reads, and adds to its tally what the ledger, the audit and the summary need of it.

    read_after: histories read since then are not read again as long as their mark holds; None: whatever their age.
    edits_move_clock: whether an edit moves the conversation's clock on this server, as far as earlier runs have seen.
    """

    settings: Settings
    engine: Engine
    pool: Executor
    histories: Histories
    run: Run
    writer: Writer
    read_after: datetime | None = None
    edits_move_clock: bool = False
    _under_way: dict[int, str] = field(default_factory=dict)
    _unsaved: Counter[int] = field(default_factory=Counter)

    def take(self, payloads: Iterable[Any]) -> None:
        """Take in the payloads of a page, in one transaction, with the histories of the conversations that changed."""
        self.finish(self.begin(payloads))
        self.settle()

    def begin(self, payloads: Iterable[Any]) -> PendingBatch:
        """Turn the payloads of a page into a batch, and start to read the histories of the conversations that changed.

        A conversation whose payload is the same as before is left alone: all its rows would be the same, unless another
        page has shown it otherwise, which is not saved yet.
        """
        received = list(payloads)
        for payload in received:
            self.run.tally.edits.update(edits.told_by(payload, self.active_since.timestamp()))
        salt, rules = self._salt(), self._rules()
        digests = {payload["id"]: digest.digest(payload, salt) for payload in received if plan.has_number(payload)}
        kept = self._kept(digests.keys())
        same = plan.find_unchanged(kept, digests, self.writer.known.missing, rules) - self._unsaved.keys()
        batch = self._to_batch(received, same)
        if unasked := batch.marks.keys() - digests.keys():
            kept |= self._kept(unasked)  # ids that are digits in quotes
        due = plan.find_due(batch, kept, rules)
        if rules.reads_histories:
            handed_over = plan.find_handed_over(batch, kept)
            due |= handed_over
            for conversation_id in handed_over:
                # Until it is read: the next run finds the new contact, and nothing that has changed.
                rows.open_history(batch, conversation_id)
        digest.remember(
            batch,
            {
                conversation_id: None if conversation_id in due else digests.get(conversation_id)
                for conversation_id in batch.marks
            },
        )
        return self._read_histories(batch, due, digests)

    def _to_batch(self, received: list[Any], same: set[int]) -> Batch:
        """Turn payloads into a batch; of those that are the same as before, only the agents."""
        news: list[Any] = []
        left_alone: list[Any] = []
        for payload in received:
            (left_alone if plan.has_number(payload) and payload["id"] in same else news).append(payload)
        batch = rows.to_batch(self.settings.account_id, news)
        batch.unchanged = sorted(same)
        for payload in left_alone:
            rows.add_agents(batch, payload)
        return batch

    def _read_histories(self, batch: Batch, due: set[int], digests: dict[int, str | None]) -> PendingBatch:
        """Start to read the histories that are due, except those that are being read for an earlier page."""
        begun = [
            conversation_id
            for conversation_id in batch.marks
            if conversation_id in due and self._under_way.get(conversation_id) != batch.marks[conversation_id]
        ]
        self._unsaved.update(batch.marks.keys())
        self._under_way |= {conversation_id: batch.marks[conversation_id] for conversation_id in begun}
        futures = {
            conversation_id: self.pool.submit(self.histories.read, conversation_id, batch.shown[conversation_id])
            for conversation_id in begun
        }
        return PendingBatch(
            batch, futures, {conversation_id: digests.get(conversation_id) for conversation_id in begun}
        )

    def finish(self, pending: PendingBatch) -> None:
        """Wait for the histories of a batch, and have all of it saved after the batches before it."""
        self.run.tally += _add_histories(pending, self.run.clock)
        self.writer.begin(pending.batch, partial(self._forget, list(pending.digests), list(pending.batch.marks)))

    def settle(self) -> None:
        """Wait until everything that was taken in is saved."""
        self.writer.finish()

    def _forget(self, read: Collection[int], saved: Collection[int]) -> None:
        """Believe the tables from now on of conversations that are saved, and of those whose history was read."""
        for conversation_id in read:
            self._under_way.pop(conversation_id, None)
        self._unsaved -= Counter(saved)

    def _salt(self) -> str:
        """Return what rows depend on besides the payload: the version, where messages come from, and what is kept."""
        way = self.writer.way
        return f"{REVISION} {VERSION} {self.settings.messages} {way.mode} {way.digest_key}".rstrip()

    def _rules(self) -> plan.Rules:
        clock_tells = self.edits_move_clock and not self.run.tally.edits[edits.LEFT]
        active_since = None if clock_tells else self.active_since
        return plan.Rules(self.settings.messages == "full", self.read_after, active_since)

    @property
    def active_since(self) -> datetime:
        """Since when a conversation has to have been active to be read again, as edits may have moved no clock."""
        return self.run.started_at - timedelta(days=self.settings.reread_days)

    def _kept(self, conversation_ids: Collection[int]) -> dict[int, Kept]:
        known = [conversation_id for conversation_id in conversation_ids if not self.writer.is_new(conversation_id)]
        if not known:
            return {}
        with question(self.engine) as connection:
            return conversations.kept(connection, self.settings.account_id, known)


def _add_histories(pending: PendingBatch, clock: Clock) -> Tally:
    """Move the histories to their batch; the mark of one that cannot be read completely stays open."""
    batch, tally = pending.batch, Tally()
    for conversation_id in pending.digests:
        future = pending.histories.pop(conversation_id)  # rows and payloads of a whole page would be in memory at once
        rejected = len(batch.rejected)
        try:
            history = future.result()
        except VendorError as error:
            tally += Tally(unread=1, why=str(error))
            rows.open_history(batch, conversation_id)
            continue
        before = digest.listed(batch, conversation_id)
        ids = rows.add_history(batch, conversation_id, history.messages)
        if not history.complete:
            tally.unproved[conversation_id] = Unproved(batch.marks[conversation_id], array("q", ids))
        elif len(batch.rejected) == rejected:
            rows.close_history(batch, conversation_id, clock.now())
            if digest.agrees(batch, conversation_id, before):
                digest.remember(batch, {conversation_id: pending.digests[conversation_id]})
        else:
            rows.open_history(batch, conversation_id)
    return tally
