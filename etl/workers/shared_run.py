"""One run shared by many workers: its walks are cut into parts, which free workers read into the tables.

The worker that holds the account's lock cuts the run, does parts like every other worker, and goes on alone when all
are done: with the ledger, the audit and the figures. It keeps no parts in memory, so nothing is lost when it dies: the
tables are the checkpoint, and the run that follows a stop reads again only what was not saved.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any, Protocol, Self

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import AnotherRun, Unreadable, quoted
from etl.extract.client import Client
from etl.extract.filters import query_of
from etl.extract.history import Histories
from etl.extract.walk import Page, Span, first_page, walk
from etl.id_set import IdSet
from etl.load import earlier_runs, kept_tally
from etl.load.clock import Clock
from etl.load.journal import Run
from etl.load.tally import SAVED, Tally
from etl.privacy import stored
from etl.privacy.records import protect_selection
from etl.privacy.rules import way_of
from etl.run.intake import Intake
from etl.run.pipeline import count_requests, read_again, take_by_id, take_in, thread_pool
from etl.run.writer import Writer
from etl.selection import Selection
from etl.settings.settings import Settings
from etl.workers import parts
from etl.workers.parts import Begun, Part

# Parts beyond one a status. One worker reads fewer before others have begun.
FEWEST_PARTS = 2
SECONDS_BETWEEN_LOOKS = 0.2

Wait = Callable[[float], None]


class Crew(Protocol):
    """The workers that share a run, as `worker.py` has them."""

    def call(self, run: Run, selection: Selection, numbers: list[int]) -> None:
        """Queue parts for the workers that are free."""

    def work(self, run: Run) -> bool:
        """Do a part that no worker has begun; return whether there was one."""

    def take(self, run: Run, selection: Selection, number: int) -> None:
        """Do a part in this worker."""

    def is_at_work(self, run: Run) -> bool:
        """Return whether any part waits for a worker, or is being done."""


@dataclass(frozen=True)
class Result:
    """The result of a part; its only personal data are quotes in failures.

    pages: with the ids of conversations in the place of payloads.
    """

    pages: list[Page]
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"pages": [asdict(page) for page in self.pages], "tally": self.tally.to_json()}

    @classmethod
    def from_json(cls, sent: dict[str, Any]) -> Self:
        """Read what `to_json` returned; of another version, as far as both know a field."""
        known = {member.name for member in fields(Page)}
        pages = [Page(**{name: page[name] for name in page.keys() & known}) for page in sent["pages"]]
        return cls(pages, Tally.from_json(sent["tally"]))


def share(
    crew: Crew, client: Client, intake: Intake, selection: Selection, wait: Wait
) -> Iterator[tuple[str, Page]] | None:
    """Cut a run into parts and return its pages as workers read them, with ids for payloads; None when not worth it.

    Only first loads and wide backfills are shared, as these read every history. wait: waits for seconds, and raises
    when the run shall end. Raise the failure of a part that no worker could read.
    """
    run = intake.run
    if not _reads_every_history(intake, selection):
        return None
    try:
        about = {status: first_page(client, query_of(selection, status)).about or 0 for status in selection.statuses}
    except Unreadable:
        return None  # perhaps one broken page: a run that is not shared knows how to go on after it
    cut = parts.cut(about)
    if len(cut) < len(about) + FEWEST_PARTS:
        return None
    with transaction(intake.engine) as connection:
        parts.begin(connection, run, cut)
    crew.call(run, selection, [part.number for part in cut])
    return SharedRun(crew, client, intake, selection, wait).pages(cut)


def _reads_every_history(intake: Intake, selection: Selection) -> bool:
    if selection.recent or selection.search or selection.conversations:
        return False
    account_id = intake.run.account_id
    return selection.kind == "backfill" or earlier_runs.last_complete_start(intake.engine, account_id) is None


@dataclass(frozen=True)
class SharedRun:
    """A run that was cut into parts, as seen by the worker that cut it."""

    crew: Crew
    client: Client
    intake: Intake
    selection: Selection
    wait: Wait

    def pages(self, cut: list[Part]) -> Iterator[tuple[str, Page]]:
        """Yield the pages of all parts in order, each when its part is done."""
        intake = self.intake
        shown: dict[str, IdSet] = defaultdict(IdSet)
        moved = IdSet()
        for part in cut:
            done, earlier = self._done(part)
            moved.update(number for number in done.tally.seen if number in intake.run.tally.seen)
            moved.update(earlier)
            self._add(done.tally)
            for page in done.pages:
                shown[part.walk].update(number for number in page.payloads if number is not None)
                yield part.walk, replace(page, distinct=len(shown[part.walk])) if page.is_last else page
        with transaction(intake.engine) as connection:
            parts.clear(connection, intake.run)
        # The older of two readings may have been saved last, and of what only an attempt saw that failed, nobody told
        # what is amiss. When one cannot be read, the ledger will tell why.
        take_by_id(self.client, intake, list(moved))

    def _add(self, tally: Tally) -> None:
        """Add the figures of a part to those of the whole run."""
        intake = self.intake
        intake.run.tally += tally
        intake.writer.statistics.add(tally.inserted)
        if tally.walks_back:
            intake.histories.walk_back()

    def _done(self, part: Part) -> tuple[Result, set[int]]:
        """Return the result of a part once it is done; do others meanwhile, and this one when no worker will.

        With it the conversations that were saved by earlier attempts at it, and that the last one did not see.
        """
        run = self.intake.run
        while True:
            self.wait(0)
            # In this order: the result of a part is saved before its job ends.
            is_at_work = self.crew.is_at_work(run)
            with transaction(self.intake.engine) as connection:
                result = parts.result(connection, run, part.number)
            if result is not None:
                return self._take_over(part, Result.from_json(result))
            if not is_at_work:
                with suppress(AnotherRun):  # of which the next look tells what it was
                    self.crew.take(run, self.selection, part.number)  # raises what it fails with
            elif not self.crew.work(run):
                self.wait(SECONDS_BETWEEN_LOOKS)

    def _take_over(self, part: Part, result: Result) -> tuple[Result, set[int]]:
        """Return the result of a part with what all attempts at it have saved, and count that for the run itself."""
        writer = self.intake.writer
        with writer.transaction() as connection:
            saved = kept_tally.take_over(connection, writer.kept, part.number)
        of_all = {name: getattr(saved, name) for name in SAVED}
        earlier = {number for number in saved.seen if number not in result.tally.seen}
        return replace(result, tally=replace(result.tally, **of_all)), earlier


@dataclass
class Member:
    """One worker in the shared runs of an account. client: kept from part to part, as it learns the server's limit."""

    settings: Settings
    client: Client
    wait: Wait

    def take(self, engine: Engine, run_id: int, selection: Selection, number: int) -> None:
        """Do a part of a run, unless it is done already or the run is over.

        Raise EtlError when it cannot be done; what was saved stays, and the next attempt goes on from there.
        """
        settings, way = self.settings, way_of(self.settings)
        run = Run(settings.account_id, selection.kind, protect_selection(selection.chosen(), way), run_id)
        with transaction(engine) as connection:
            stored.require(connection, settings.account_id, settings.base_url, way)
            begun, run.clock = parts.begin_attempt(connection, run, number), Clock.of(connection)
        if begun is None:
            return
        run.started_at = begun.started_at
        result = self._read(engine, run, selection, begun)
        with transaction(engine) as connection:
            parts.finish(connection, run, begun.kept, result.to_json())

    def _read(self, engine: Engine, run: Run, selection: Selection, begun: Begun) -> Result:
        part = begun.part
        self.client.forget_counts()
        with (
            thread_pool(self.settings.concurrency) as pool,
            Writer(engine, run, partial(self.wait, 0), way_of(self.settings)) as writer,
        ):
            writer.kept = begun.kept
            writer.statistics.is_kept = False
            intake = Intake(self.settings, engine, pool, Histories(self.client), run, writer)
            if selection.kind == "backfill":
                read_again(intake)
            span = Span(part.first_page, part.last_page)
            pages = walk(self.client, pool, query_of(selection, part.walk), span=span)
            taken = [
                replace(page, payloads=[_id_of(payload) for payload in page.payloads])
                for _, page in take_in(intake, selection, [(part.walk, pages)])
            ]
        count_requests(self.client, run)
        tally = run.tally
        tally.walks_back = intake.histories.walks_back
        failed = [page.failed for page in taken if page.failed]
        tally.quotes = set(quoted(tally.quotes, [tally.why, *failed]))
        return Result(taken, tally)


def _id_of(payload: Any) -> int | None:
    number = payload.get("id") if isinstance(payload, dict) else None
    return number if isinstance(number, int) else None
