"""Takes payloads of conversations in: transform, and the histories of those that changed."""

from array import array
from collections.abc import Collection, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
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
from etl.run.audit import Unproved
from etl.run.writer import Writer
from etl.settings.settings import Settings
from etl.transform import digest, rows
from etl.transform.batch import Batch
from etl.transform.values import LARGEST

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
    """Takes in what a run reads, and remembers what the ledger and the audit need of it.

    read_after: histories read since then are not read again as long as their mark holds; None: whatever their age.
    unproved: conversation id -> mark, and ids read, of those whose history was read, but may lack messages.
    unread: how many histories could not be read; why: what was said of the first.
    """

    settings: Settings
    engine: Engine
    pool: Executor
    histories: Histories
    run: Run
    writer: Writer
    read_after: datetime | None = None
    unproved: dict[int, Unproved] = field(default_factory=dict)
    unread: int = 0
    why: str = ""
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
        salt = self._salt()
        digests = {one["id"]: digest.digest(one, salt) for one in received if _has_number(one)}
        kept = self._kept(digests.keys())
        same = {one for one in kept if self._is_unchanged(one, kept[one], digests[one])}
        news: list[Any] = []
        left_alone: list[Any] = []
        for one in received:
            (left_alone if _has_number(one) and one["id"] in same else news).append(one)
        batch = rows.to_batch(self.settings.account_id, news)
        batch.unchanged = sorted(same)
        for one in left_alone:
            rows.add_agents(batch, one)
        if unasked := batch.marks.keys() - digests.keys():
            kept |= self._kept(unasked)  # ids that are digits in quotes
        unread = {one for one in batch.marks if self._is_due(batch, one, kept.get(one))}
        digest.remember(batch, {one: None if one in unread else digests.get(one) for one in batch.marks})
        due = [one for one in batch.marks if one in unread and self._under_way.get(one) != batch.marks[one]]
        self._under_way |= {one: batch.marks[one] for one in due}
        futures = {one: self.pool.submit(self.histories.read, one, batch.shown[one]) for one in due}
        return PendingBatch(batch, futures, {one: digests.get(one) for one in due})

    def finish(self, pending: PendingBatch) -> None:
        """Wait for the histories of a batch, and have all of it saved as soon as the batch before it is."""
        self._add_histories(pending)
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

    def _kept(self, conversation_ids: Collection[int]) -> dict[int, Kept]:
        known = [one for one in conversation_ids if not self.writer.is_new(one)]
        if not known:
            return {}
        with transaction(self.engine) as connection:
            return conversations.kept(connection, self.settings.account_id, known)

    def _is_unchanged(self, conversation_id: int, kept: Kept, digest: str | None) -> bool:
        if digest is None or kept.digest != digest or kept.deleted or self.writer.is_missing(conversation_id):
            return False
        return self.settings.messages == "listed" or not self._is_history_due(kept, kept.mark)

    def _is_due(self, batch: Batch, conversation_id: int, kept: Kept | None) -> bool:
        if self.settings.messages == "listed":
            return False
        if kept is None:
            return True
        active = batch.rows["conversations"][(conversation_id,)].get("last_activity_at")
        return self._is_history_due(replace(kept, last_activity_at=active), batch.marks[conversation_id])

    def _is_history_due(self, kept: Kept, mark: str | None) -> bool:
        """Return whether a history has to be read: its mark changed, or it was active of late.

        Edits, deletions and delivery states no longer move any clock on servers after March 2026 (the vendor's
        section 5).
        """
        if kept.mark is None or kept.mark != mark or kept.read_at is None:
            return True
        if self.read_after is not None:
            return kept.read_at < self.read_after
        begins = self.run.started_at - timedelta(days=self.settings.reread_days)
        return kept.last_activity_at is not None and kept.last_activity_at > begins

    def _add_histories(self, pending: PendingBatch) -> None:
        """Add the histories to their batch; the mark of one that cannot be read completely stays open."""
        batch = pending.batch
        for one, future in pending.histories.items():
            rejected = len(batch.rejected)
            try:
                history = future.result()
            except VendorError as error:
                self.unread += 1
                self.why = self.why or str(error)
                continue
            before = digest.listed(batch, one)
            ids = rows.add_history(batch, one, history.messages)
            if not history.complete:
                self.unproved[one] = Unproved(batch.marks[one], array("q", ids))
            elif len(batch.rejected) == rejected:
                rows.close_history(batch, one, datetime.now(UTC))
                if digest.agrees(batch, one, before):
                    digest.remember(batch, {one: pending.digests[one]})


def _has_number(payload: Any) -> bool:
    return isinstance(payload, dict) and type(payload.get("id")) is int and 0 < payload["id"] <= LARGEST
