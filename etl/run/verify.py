"""Verifies the tables: reads a random sample of them again from the vendor, and compares field by field."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import DatabaseError, Interrupted, VendorError
from etl.exit_codes import Outcome
from etl.extract.client import Client
from etl.extract.history import Histories
from etl.interrupt import Interrupt
from etl.load import clock, differing, earlier_runs, run_lock, verifications
from etl.load.samples import Holding
from etl.privacy import stored
from etl.privacy.batches import Forgotten, protect
from etl.privacy.rules import Way, way_of
from etl.run import fresh, sampling, sync
from etl.run.bounds import CONFIDENCE, Share
from etl.run.comparison import Compared, compare
from etl.run.findings import Counted, Findings
from etl.run.fresh import Fresh, Target
from etl.run.pipeline import thread_pool
from etl.run.sampling import Drawn, Wanted
from etl.selection import Selection
from etl.settings.settings import Settings
from etl.transform.batch import Batch

CONVERSATIONS_AT_ONCE = 25
# While one block is compared, so many are being read.
BLOCKS_AHEAD = 2
STOPPED = (
    "Stopped on request. `etl verify` begins anew, and --seed draws the same sample. What a repair has saved stays."
)

Tell = Callable[[int, int], None]
Pending = tuple[Holding, list[tuple[Target, Future[Fresh]]]]


@dataclass
class Verification:
    """What was compared, and what that permits to say.

    drawn: what was compared, and out of what. repaired: how many of the conversations that differ are equal by now;
    None where none was to be. rows_repaired: how many rows these are, messages included. faults: why a repair is not
    whole. remarks: what else is worth knowing.
    """

    account_id: int
    wanted: Wanted
    started_at: datetime
    drawn: Drawn
    findings: Findings
    finished_at: datetime | None = None
    requests: int = 0
    repaired: int | None = None
    rows_repaired: int = 0
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def messages(self) -> Share:
        """The messages that were drawn."""
        return self._share(self.drawn.among.messages.whole, self.findings.messages)

    @property
    def conversations(self) -> Share:
        """The conversations that were drawn, each with its whole history."""
        return self._share(self.drawn.among.conversations, self.findings.conversations)

    def _share(self, population: int, counted: Counted) -> Share:
        among = population if self.wanted.draws else counted.drawn
        return Share(among, counted.drawn, counted.compared, counted.differing)

    @property
    def outcome(self) -> Outcome:
        """Complete when everything that could have been equal is: it was read again, or had changed since.

        What was repaired leaves everything equal only where all was compared: of a sample, what was not drawn is as bad
        as what was.
        """
        findings = self.findings
        mended = not self.wanted.draws and self.repaired == len(findings.to_repair)
        is_well = not findings.unreadable and (not findings.to_repair or mended)
        compared = findings.messages.compared + findings.conversations.compared
        return Outcome.COMPLETE if is_well and compared else Outcome.INCOMPLETE


def _nothing(_done: int, _total: int) -> None:
    """Show nothing."""


def verify(
    settings: Settings, engine: Engine, wanted: Wanted, *, repair: bool = False, watch: Tell = _nothing
) -> Verification:
    """Compare what is wanted, and write down what came of it; repair: read what differs again into the tables.

    Raise AnotherRun while a run goes on: what it writes meanwhile would differ. Raise SettingsError when nothing of the
    account is stored, or personal data are stored in another way; VendorError when nothing at all could be read.
    """
    found = _look(settings, engine, wanted, watch)
    if repair and found.findings.to_repair:
        _repair(settings, engine, found, watch)
    found.finished_at = clock.now(engine)
    try:
        with transaction(engine) as connection:
            verifications.note(connection, settings.account_id, _columns(found))
    except DatabaseError as error:
        found.remarks.append(f"It could not be written down in helpdesk.verifications: {error}")
    return found


def _look(settings: Settings, engine: Engine, wanted: Wanted, watch: Tell) -> Verification:
    interrupt = Interrupt()
    client = Client(settings, sleep=interrupt.sleep)
    reads_histories = settings.messages == "full"
    try:
        with interrupt.listening(), run_lock.hold(engine, settings.account_id, interrupt.sleep, interrupt.fail) as lock:
            found = _begin(settings, engine, wanted, reads_histories)
            # A token that is refused, or a server that is down, fails here and not a thousand times.
            watch(0, found.drawn.count)
            client.get("conversations", [("status", "open"), ("page", 1)])
            with thread_pool(settings.concurrency) as pool:
                reader = _Reader(settings, engine, Histories(client), pool, reads_histories)
                for done in reader.compare(found):
                    interrupt.check()
                    lock.check()
                    watch(done, found.drawn.count)
    except Interrupted:
        raise Interrupted(STOPPED) from None
    found.requests, _ = client.take_counts()
    found.remarks += found.findings.remarks()
    if found.findings.failures and not found.findings.answered:
        raise VendorError(f"Nothing could be read again. The first: {found.findings.failures[0]}")
    return found


def _begin(settings: Settings, engine: Engine, wanted: Wanted, reads_histories: bool) -> Verification:
    account_id = settings.account_id
    started_at = clock.now(engine)
    with transaction(engine) as connection:
        stored.require_stored(connection, account_id)
        stored.require_way(connection, account_id, way_of(settings))
        among = sampling.look(connection, account_id, wanted)
        drawn = sampling.draw(connection, among, wanted, reads_histories=reads_histories)
    read_at = earlier_runs.last_complete_start(engine, account_id)
    found = Verification(account_id, wanted, started_at, drawn, Findings(wanted.draws, read_at))
    if read_at is None:
        found.remarks.append(
            "No run was complete yet: whatever the vendor's clocks say is newer counts as changed since."
        )
    if not reads_histories:
        found.remarks.append("ETL_MESSAGES is listed: histories are not read, and messages are compared as listed.")
    if among.messages.partial:
        found.remarks.append(
            f"Messages known from the vendor's search only: {among.messages.partial:,}. None of them was drawn."
        )
    return found


class _Reader:
    """Reads conversations again, block by block, and compares each block with the tables."""

    def __init__(
        self, settings: Settings, engine: Engine, histories: Histories, pool: Executor, reads_histories: bool
    ) -> None:
        self._settings, self._engine, self._histories, self._pool = settings, engine, histories, pool
        self._reads_histories = reads_histories
        self._way: Way = way_of(settings)
        with transaction(engine) as connection:
            self._forgotten: Forgotten = stored.forgotten(connection, settings.account_id)

    def compare(self, found: Verification) -> Iterator[int]:
        """Compare what was drawn, and yield how many conversations are done."""
        targets, done, pending = iter(found.drawn.targets), 0, deque[Pending]()
        while block := list(islice(targets, CONVERSATIONS_AT_ONCE)):
            pending.append(self._ask(block))
            if len(pending) >= BLOCKS_AHEAD:
                done += self._finish(pending.popleft(), found.findings)
                yield done
        while pending:
            done += self._finish(pending.popleft(), found.findings)
            yield done

    def _ask(self, block: list[Target]) -> Pending:
        with transaction(self._engine) as connection:
            held = Holding(connection, self._settings.account_id, [one.conversation_id for one in block])
        given = (self._histories, held, self._reads_histories)
        return held, [(one, self._pool.submit(fresh.read, one, *given)) for one in block]

    def _finish(self, pending: Pending, findings: Findings) -> int:
        held, read = pending
        block = [self._protected(target, future.result()) for target, future in read]
        with transaction(self._engine) as connection:
            wrong = compare(connection, self._settings.account_id, held, block)
            for one in block:
                findings.messages.untold += differing.count_untold(connection, one.records["messages"])
        for one in block:
            findings.take(one, held, wrong.get(one.target.conversation_id, {}))
        return len(block)

    def _protected(self, target: Target, read: Fresh) -> Compared:
        """Make rows of what was read as a run would, with personal data as they are stored."""
        batch = Batch(self._settings.account_id)
        if read.payload is not None:
            batch = read.to_batch(self._settings.account_id, target.conversation_id)
            protect(batch, self._way, self._forgotten)
        return Compared(target, read, batch)


def _repair(settings: Settings, engine: Engine, found: Verification, watch: Tell) -> None:
    """Read the conversations that differ again, as a backfill does, and compare them once more."""
    to_repair = tuple(sorted(found.findings.to_repair))
    run = sync.run(settings, engine, Selection(kind="backfill", conversations=to_repair), sync.Hooks())
    found.requests += run.tally.requests
    found.faults += run.problems
    again = _look(settings, engine, replace(found.wanted, sample=None, conversations=to_repair), watch)
    found.requests += again.requests
    mended = found.findings.to_repair.keys() - again.findings.to_repair.keys() - again.findings.unread
    found.repaired, found.rows_repaired = len(mended), sum(found.findings.to_repair[one] for one in mended)
    if left := sorted(again.findings.to_repair):
        named = ", ".join(map(str, left[:10])) + (" ..." if left[10:] else "")
        found.faults.append(f"{len(left):,} conversations still differ: {named}. `etl sync` accounts for all.")


def _columns(found: Verification) -> dict[str, object]:
    """Return the row of the table; where all was compared and is mended, nothing differs any more."""
    findings, draws = found.findings, found.wanted.draws
    is_mended = found.rows_repaired > 0 and found.outcome == Outcome.COMPLETE
    return {
        "selection": found.wanted.chosen(),
        "sample": found.wanted.sample if draws else None,
        "seed": found.wanted.seed if draws else None,
        "started_at": found.started_at,
        "finished_at": found.finished_at,
        "conversations": findings.conversations.compared,
        "messages": findings.messages.compared,
        "fields": findings.fields,
        "conversations_differing": findings.conversations.differing,
        "messages_differing": findings.messages.differing,
        "unreadable": findings.unreadable,
        "repaired": found.rows_repaired,
        "confidence": CONFIDENCE if draws else 1.0,
        "messages_bound": replace(found.messages, differing=0).bound if is_mended else found.messages.bound,
    }
