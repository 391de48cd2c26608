"""Takes pages in: makes batches of payloads, has the histories of what changed read, and hands both to the writer."""

from array import array
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy import Engine

from etl.database.base import REVISION
from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.history import Histories, History
from etl.load import conversations
from etl.load.conversations import Kept
from etl.load.journal import Run
from etl.load.tally import Tally, Unproved
from etl.run import plan
from etl.run.writer import Writer
from etl.settings.settings import Settings
from etl.transform import digest, rows
from etl.transform.batch import Batch

VERSION = version("etl-99digital")


@dataclass(frozen=True)
class PendingBatch:
    """A batch, and by conversation id those of its histories that are being read, and the digests of their payloads."""

    batch: Batch
    histories: dict[int, Future[History]]
    digests: dict[int, str | None]

    def is_read(self) -> bool:
        """Return whether all its histories are there."""
        return all(one.done() for one in self.histories.values())

    def is_asked_for(self) -> bool:
        """Return whether none of its histories still waits for a thread."""
        return all(one.done() or one.running() for one in self.histories.values())


@dataclass
class Intake:
    """Takes in what a run reads, and adds to its tally what the ledger, the audit and the summary need of it.

    read_after: histories read since then are not read again as long as their mark holds; None: whatever their age.
    """

    settings: Settings
    engine: Engine
    pool: Executor
    histories: Histories
    run: Run
    writer: Writer
    read_after: datetime | None = None
    _under_way: dict[int, str] = field(default_factory=dict)
    _being_saved: Iterable[int] = ()

    def take(self, payloads: Iterable[Any]) -> None:
        """Take the payloads of a page in: in one transaction, with the histories of the conversations that changed."""
        self.finish(self.begin(payloads))
        self.settle()

    def begin(self, payloads: Iterable[Any]) -> PendingBatch:
        """Turn the payloads of a page into a batch, and have the histories of the conversations that changed read.

        A conversation that is sent exactly as it was taken in before is left alone, as all rows of it would be.
        """
        received = list(payloads)
        salt, rules = self._salt(), self._rules()
        digests = {one["id"]: digest.digest(one, salt) for one in received if plan.has_number(one)}
        kept = self._kept(digests.keys())
        same = plan.find_unchanged(kept, digests, self.writer.known.missing, rules)
        batch = self._to_batch(received, same)
        if unasked := batch.marks.keys() - digests.keys():
            kept |= self._kept(unasked)  # ids that are digits in quotes
        due = plan.find_due(batch, kept, rules)
        digest.remember(batch, {one: None if one in due else digests.get(one) for one in batch.marks})
        return self._read_histories(batch, due, digests)

    def _to_batch(self, received: list[Any], same: set[int]) -> Batch:
        """Turn payloads into a batch, with nothing but the agents of those that are the same as before."""
        news: list[Any] = []
        left_alone: list[Any] = []
        for one in received:
            (left_alone if plan.has_number(one) and one["id"] in same else news).append(one)
        batch = rows.to_batch(self.settings.account_id, news)
        batch.unchanged = sorted(same)
        for one in left_alone:
            rows.add_agents(batch, one)
        return batch

    def _read_histories(self, batch: Batch, due: set[int], digests: dict[int, str | None]) -> PendingBatch:
        """Have the histories read that are due, but for those that are being read for an earlier page."""
        begun = [one for one in batch.marks if one in due and self._under_way.get(one) != batch.marks[one]]
        self._under_way |= {one: batch.marks[one] for one in begun}
        futures = {one: self.pool.submit(self.histories.read, one, batch.shown[one]) for one in begun}
        return PendingBatch(batch, futures, {one: digests.get(one) for one in begun})

    def finish(self, pending: PendingBatch) -> None:
        """Wait for the histories of a batch, and have all of it saved as soon as the batch before it is."""
        self.run.tally += _add_histories(pending)
        self.settle()
        self.writer.begin(pending.batch)
        self._being_saved = pending.histories

    def settle(self) -> None:
        """Wait until everything that was taken in is saved."""
        self.writer.finish()
        for one in self._being_saved:
            self._under_way.pop(one, None)
        self._being_saved = ()

    def _salt(self) -> str:
        """Return what makes other rows of the same payload: the version, where messages come from, and what is kept."""
        way = self.writer.way
        return f"{REVISION} {VERSION} {self.settings.messages} {way.mode} {way.digest_key}".rstrip()

    def _rules(self) -> plan.Rules:
        active_since = self.run.started_at - timedelta(days=self.settings.reread_days)
        return plan.Rules(self.settings.messages == "full", self.read_after, active_since)

    def _kept(self, conversation_ids: Collection[int]) -> dict[int, Kept]:
        known = [one for one in conversation_ids if not self.writer.is_new(one)]
        if not known:
            return {}
        with transaction(self.engine) as connection:
            return conversations.kept(connection, self.settings.account_id, known)


def _add_histories(pending: PendingBatch) -> Tally:
    """Add the histories to their batch; the mark of one that cannot be read completely stays open."""
    batch, tally = pending.batch, Tally()
    for one, future in pending.histories.items():
        rejected = len(batch.rejected)
        try:
            history = future.result()
        except VendorError as error:
            tally += Tally(unread=1, why=str(error))
            continue
        before = digest.listed(batch, one)
        ids = rows.add_history(batch, one, history.messages)
        if not history.complete:
            tally.unproved[one] = Unproved(batch.marks[one], array("q", ids))
        elif len(batch.rejected) == rejected:
            rows.close_history(batch, one, datetime.now(UTC))
            if digest.agrees(batch, one, before):
                digest.remember(batch, {one: pending.digests[one]})
    return tally
