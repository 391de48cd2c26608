"""Reads what is selected, page by page, and takes it in: histories concurrently, batches in the order of the pages."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from etl import logs, steady_memory
from etl.errors import VendorError
from etl.extract.belonging import get_conversation
from etl.extract.client import Client
from etl.extract.filters import query_of
from etl.extract.recent import Recent
from etl.extract.walk import BY_CREATION, Page, Span, walk
from etl.load import earlier_runs
from etl.load.journal import Run
from etl.load.tally import Tally
from etl.run.far_ids import FarIds
from etl.run.intake import Intake, PendingBatch
from etl.selection import Selection
from etl.transform.rows import is_selected

IDS_A_PAGE = 25
# How many batches wait for their histories: enough for the pool to stay full, few enough for the memory.
BATCHES_AHEAD = 8


def walks(
    client: Client, intake: Intake, selection: Selection, recent: Recent | None, whole: Span
) -> Iterator[tuple[str, Iterator[Page]]]:
    """Yield the walks that the selection takes: name and pages.

    recent: where only what changed is read. whole: how a walk to the end is read.
    """
    if selection.conversations:
        yield "by id", _pages_by_id(client, intake, selection.conversations)
    elif selection.search:
        # Nothing counts what a search finds, and its pages skip some: two orders skip different ones.
        yield "search", walk(client, intake.pool, query_of(selection, None))
        yield "search again", walk(client, intake.pool, [*query_of(selection, None), BY_CREATION])
    else:
        for status in selection.statuses:
            query = query_of(selection, status)
            yield status, recent.walk(status, query) if recent else walk(client, intake.pool, query, span=whole)


def read_again(intake: Intake) -> None:
    """Have every history read again, except those that this backfill has read before it was stopped."""
    intake.read_after = earlier_runs.resumed_from(intake.engine, intake.run)


def _pages_by_id(client: Client, intake: Intake, ids: tuple[int, ...]) -> Iterator[Page]:
    """Ask for conversations one by one, and yield them as pages; one that cannot be had is a problem of the run."""
    about = -(-len(ids) // IDS_A_PAGE)
    for number in range(about):
        block = ids[number * IDS_A_PAGE : (number + 1) * IDS_A_PAGE]
        payloads = []
        for future in [intake.pool.submit(get_conversation, client, conversation_id) for conversation_id in block]:
            try:
                payloads.append(future.result())
            except VendorError as error:
                intake.run.problems.append(str(error))
        yield Page(number + 1, about, payloads, {})


def take_by_id(client: Client, intake: Intake, ids: Sequence[int]) -> set[int]:
    """Ask for conversations one by one and take them in; return those that could not be had."""
    failed: set[int] = set()
    for first in range(0, len(ids), IDS_A_PAGE):
        payloads = []
        block = ids[first : first + IDS_A_PAGE]
        for number, future in [(number, intake.pool.submit(get_conversation, client, number)) for number in block]:
            try:
                payloads.append(future.result())
            except VendorError:
                failed.add(number)
        intake.take(payloads)
    return failed


def take_in(
    intake: Intake, selection: Selection, chosen: Iterable[tuple[str, Iterator[Page]]]
) -> Iterator[tuple[str, Page]]:
    """Yield the pages of all walks, each as soon as it was handed to the writer.

    While one is saved, the histories of those behind it are read: the pool never waits for the database, nor for the
    end of a page or a walk. Batches are saved in the order of the pages, as the later one is the newer one. What is far
    from all others waits until the end; what was chosen by its number is shown by itself.
    """
    under_way: deque[tuple[str, Page, PendingBatch]] = deque()
    far_ids = FarIds(intake)
    try:
        for name, pages in chosen:
            for page in pages:
                shown = (payload for payload in page.payloads if is_selected(payload, selection))
                near = shown if selection.conversations else far_ids.sift(shown)
                under_way.append((name, page, intake.begin(near)))
                while len(under_way) > BATCHES_AHEAD or (under_way and under_way[0][2].is_read()):
                    yield _finish(intake, *under_way.popleft())
    except VendorError:
        # What was asked for is not thrown away; what still waits for a thread would only meet the same failure.
        while under_way and under_way[0][2].is_asked_for():
            yield _finish(intake, *under_way.popleft())
        intake.settle()
        raise
    while under_way:
        yield _finish(intake, *under_way.popleft())
    intake.settle()
    near = far_ids.settle()
    for first in range(0, len(near), IDS_A_PAGE):
        intake.take(near[first : first + IDS_A_PAGE])


def _finish(intake: Intake, name: str, page: Page, pending: PendingBatch) -> tuple[str, Page]:
    intake.finish(pending)
    steady_memory.after_page()
    return name, page


def count_requests(client: Client, run: Run) -> None:
    """Add to a run's tally what its client has sent since it was last counted, and what it quoted."""
    requests, retries = client.take_counts()
    run.tally += Tally(requests=requests, retries=retries, quotes=set(client.quotes))


@contextmanager
def thread_pool(threads: int) -> Iterator[Executor]:
    """Yield a pool that drops the work that still waits when the run fails."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="etl", initializer=logs.inherit_run())
    # All threads start now: a second signal could interrupt the start of a later one, and Python would print that.
    all_there = threading.Barrier(threads + 1)
    for _ in range(threads):
        pool.submit(all_there.wait)
    all_there.wait()
    try:
        yield pool
    finally:
        # Nobody waits for the requests that are under way when a run fails: their answers are not needed.
        pool.shutdown(wait=False, cancel_futures=True)
