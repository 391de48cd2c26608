"""A run: walk, transform, histories, load, ledger. The only room that knows both the vendor and the database."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine

from etl import history, journal, ledger, load, transform
from etl.client import Client, Query
from etl.database import transaction
from etl.errors import EtlError, VendorError
from etl.journal import Run
from etl.settings import Settings
from etl.transform import Batch
from etl.walk import STATUSES, Page, walk

PAGES_AHEAD = 3
IDS_A_PAGE = 25


@dataclass(frozen=True)
class Selection:
    """What a run shall read; the default is everything.

    kind: a backfill reads every history again, a sync those of the conversations that changed.
    since, until: conversations that were going on then, from their creation to their last activity; until is excluded.
    conversations: these ids and nothing else. search: messages that contain it. The rest are the vendor's own filters.
    """

    kind: Literal["sync", "backfill"] = "sync"
    statuses: tuple[str, ...] = STATUSES
    since: datetime | None = None
    until: datetime | None = None
    inbox_id: int | None = None
    team_id: int | None = None
    labels: tuple[str, ...] = ()
    assignee_type: str | None = None
    search: str | None = None
    conversations: tuple[int, ...] = ()

    def chosen(self) -> dict[str, Any]:
        """Give what differs from everything, as JSON values; empty when nothing does."""
        default = asdict(Selection())
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if name != "kind" and value != default[name]
        }

    def query(self, status: str | None) -> Query:
        """Give the vendor's query parameters for the walk of a status; None: of whatever has the search term."""
        given: list[tuple[str, str | int | None]] = [
            ("status", status),
            ("assignee_type", self.assignee_type),
            ("inbox_id", self.inbox_id),
            ("team_id", self.team_id),
            ("q", self.search),
            *(("labels[]", label) for label in self.labels),
        ]
        return [(name, value) for name, value in given if value is not None]

    def is_counted(self) -> bool:
        """Tell whether the vendor's count is of what the walk shows (its section 2: not with these two)."""
        return self.search is None and self.assignee_type is None

    def wants(self, payload: Any) -> bool:
        """Tell whether a conversation that the vendor answered belongs to the selection."""
        # The vendor's own status filter does not suffice: the search term `q` switches it off (its section 2).
        statuses = None if self.conversations else self.statuses
        return transform.is_within(payload, statuses, self.since, self.until)


Watch = Callable[[Run, str, Page], None]


def run(settings: Settings, engine: Engine, selection: Selection, watch: Watch) -> Run:
    """Read what is selected into the tables; give the run as the journal has it.

    watch: called after each page with the run so far, the name of the walk, and the page.
    The outcome is complete, incomplete (problems say why), or failed. Raises AnotherRun when one is going on, and
    DatabaseError when not even the journal can be written.
    """
    client = Client(settings)
    run = Run(settings.account_id, selection.kind, selection.chosen() or None)
    with (
        journal.lock(engine, settings.account_id),
        _thread_pool(settings.concurrency) as pool,
        _recorded(engine, client, run),
    ):
        seen: set[int] = set()
        unread = Unread()
        for name, page in _pages(client, pool, selection, run):
            batch = transform.to_batch(settings.account_id, filter(selection.wants, page.payloads))
            due = _due(engine, batch, selection.kind, settings.reread_days)
            _read_histories(client, pool, batch, due, unread)
            _save(engine, run, batch)
            if not page.payloads and not run.selection:
                journal.save_counts(engine, run, name, page.counts)
            seen |= batch.marks.keys()
            run.requests, run.retries = client.requests, client.retries
            watch(run, name, page)
        _close(engine, run, seen, unread)
    return run


@dataclass
class Unread:
    """Histories that could not be read completely: how many, and what the vendor said of the first."""

    count: int = 0
    first: str = ""


@contextmanager
def _thread_pool(threads: int) -> Iterator[Executor]:
    """Give a pool that, when the run fails, does not first do the work that still waits."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="etl")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _recorded(engine: Engine, client: Client, run: Run) -> Iterator[None]:
    """Open the run in the journal, and close it however it ends; a failure that has a name ends here."""
    with transaction(engine) as connection:
        load.save(connection, {"accounts": [{"account_id": run.account_id, "base_url": client.base_url}]})
    journal.open_run(engine, run)
    run.outcome = journal.FAILED
    try:
        yield
        run.outcome = journal.INCOMPLETE if run.problems else journal.COMPLETE
    except EtlError as error:
        run.problems.append(str(error))
    except KeyboardInterrupt:
        run.outcome = journal.INTERRUPTED
        raise
    finally:
        run.requests, run.retries = client.requests, client.retries
        journal.close_run(engine, run)


def _pages(client: Client, pool: Executor, selection: Selection, run: Run) -> Iterator[tuple[str, Page]]:
    """Give the pages of every walk that the selection takes, with the walk's name, and count them."""
    if selection.conversations:
        walks = [("by id", _pages_by_id(client, pool, selection.conversations, run))]
    elif selection.search:
        walks = [("search", walk(client, pool, selection.query(None), PAGES_AHEAD))]
    else:
        walks = [(status, walk(client, pool, selection.query(status), PAGES_AHEAD)) for status in selection.statuses]
    for name, pages in walks:
        for page in pages:
            run.pages += 1
            if page.skipped and run.selection and selection.is_counted():
                run.problems.append(f"The pages of {name} skipped {page.skipped} conversations that the vendor counts.")
            yield name, page


def _pages_by_id(client: Client, pool: Executor, ids: tuple[int, ...], run: Run) -> Iterator[Page]:
    """Ask for conversations one by one, and give them as pages; one that is not to be had is a problem of the run."""
    about = -(-len(ids) // IDS_A_PAGE)
    for number in range(about):
        some = ids[number * IDS_A_PAGE : (number + 1) * IDS_A_PAGE]
        payloads = []
        for future in [pool.submit(client.get, f"conversations/{one}") for one in some]:
            try:
                payloads.append(future.result())
            except VendorError as error:
                run.problems.append(str(error))
        yield Page(number + 1, about, payloads, {})


def _due(engine: Engine, batch: Batch, kind: str, reread_days: int) -> list[int]:
    """Give the conversations of a batch whose history has to be read.

    Those whose mark changed; and those active of late, as edits, deletions and delivery states no longer move any
    clock on servers after March 2026 (the vendor's section 5).
    """
    if kind == "backfill" or not batch.marks:
        return list(batch.marks)
    with transaction(engine) as connection:
        marks = load.marks(connection, batch.account_id, list(batch.marks))
    recent = datetime.now(UTC) - timedelta(days=reread_days)
    return [
        one
        for one, mark in batch.marks.items()
        if mark != marks.get(one) or (batch.rows["conversations"][(one,)].get("last_activity_at") or recent) > recent
    ]


def _read_histories(client: Client, pool: Executor, batch: Batch, due: list[int], unread: Unread) -> None:
    """Read histories concurrently into the batch; one that cannot be read completely keeps its mark open."""
    futures = {one: pool.submit(history.read, client, one, batch.shown[one]) for one in due}
    for one, future in futures.items():
        rejected = len(batch.rejected)
        try:
            transform.add_history(batch, one, future.result())
        except VendorError as error:
            unread.count += 1
            unread.first = unread.first or str(error)
            continue
        if len(batch.rejected) == rejected:
            transform.close_history(batch, one, datetime.now(UTC))


def _save(engine: Engine, run: Run, batch: Batch) -> None:
    """Save a batch in one transaction, and count what became of it."""
    rows = {table: list(by_key.values()) for table, by_key in batch.rows.items()}
    with transaction(engine) as connection:
        counts = load.save(connection, rows)
        load.replace_children(connection, batch.account_id, batch.complete, rows)
        load.save_states(connection, batch.account_id, list(batch.marks), datetime.now(UTC))
        journal.save_rejected(connection, run, batch.rejected)
    for table in run.counts:
        run.counts[table].update(counts.get(table, {}))
    run.rejected += len(batch.rejected)
    run.unknown_fields |= batch.unknown_fields


def _close(engine: Engine, run: Run, seen: set[int], unread: Unread) -> None:
    """Account for every conversation id, and say what is not complete."""
    if not run.selection:
        run.ledger = ledger.account_for(engine, run.account_id, seen)
        if missing := run.ledger["unaccounted"]:
            run.problems.append(
                f"{missing} of {run.ledger['highest_id']} conversation ids were not seen: the vendor's pages skip some,"
                " and do not tell which ones were deleted."
            )
    if unread.count:
        run.problems.append(
            f"{unread.count} histories could not be read completely; the next run tries again."
            f" The first: {unread.first}"
        )
    if run.rejected:
        run.problems.append(f"{run.rejected} records could not be stored: see the table rejected_records.")
