"""One run shared by many workers: its walks are cut into parts, which whoever is free reads into the tables.

The worker that has the account's lock cuts, does parts itself like every other, and goes on alone when all are done:
ledger, audit and figures are those of one run. It holds no parts in memory, and nothing is lost with it: the tables
are the checkpoint, so that the run which follows a stop reads again only what was not saved.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, Self

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import TryAgain, VendorError, quoted
from etl.extract.client import Client
from etl.extract.filters import query_of
from etl.extract.history import Histories
from etl.extract.walk import Page, Span, first_page, walk
from etl.id_set import IdSet
from etl.load import journal
from etl.load.journal import Run
from etl.privacy import stored
from etl.privacy.records import protect_selection
from etl.privacy.rules import way_of
from etl.run.audit import Unproved
from etl.run.intake import Intake
from etl.run.pipeline import IDS_A_PAGE, read_again, take_in, thread_pool
from etl.run.writer import Writer
from etl.selection import Selection
from etl.settings.settings import Settings
from etl.workers import parts
from etl.workers.parts import Part

# Beyond one a status. Fewer are read by one worker before others have begun.
FEWEST_PARTS = 2
SECONDS_BETWEEN_LOOKS = 0.2

Wait = Callable[[float], None]


class Crew(Protocol):
    """The workers that share a run, as `worker.py` has them."""

    def call(self, run: Run, selection: Selection, numbers: list[int]) -> None:
        """Have parts done by whoever is free."""

    def work(self, run: Run) -> bool:
        """Do a part that nobody has begun; return whether there was one."""

    def take(self, run: Run, selection: Selection, number: int) -> None:
        """Do a part, whoever should."""

    def is_at_work(self, run: Run) -> bool:
        """Return whether any part waits for somebody, or is being done."""


@dataclass
class Result:
    """What became of a part: numbers, and the ids of conversations; personal is only what is quoted of failures.

    pages: what Page has, with the ids of the payloads in their place. unproved: conversation id -> mark, and ids read.
    The other names are those of Run, Writer and Intake.
    """

    pages: list[dict[str, Any]]
    counts: dict[str, dict[str, int]]
    rejected: int
    unknown_fields: list[str]
    requests: int
    retries: int
    seen: list[int]
    inserted: int
    beyond_range: int
    replaced: int
    wrote: bool
    handed_on: list[int]
    unproved: dict[str, tuple[str, list[int]]]
    unread: int
    why: str
    quotes: list[str]
    walks_back: bool

    @classmethod
    def of(cls, intake: Intake, pages: list[Page]) -> Self:
        """Collect what a part did."""
        run, writer = intake.run, intake.writer
        return cls(
            pages=[asdict(one) for one in pages],
            counts={table: dict(counts) for table, counts in run.counts.items()},
            rejected=run.rejected,
            unknown_fields=sorted(run.unknown_fields),
            requests=run.requests,
            retries=run.retries,
            seen=list(writer.seen),
            inserted=writer.inserted,
            beyond_range=writer.beyond_range,
            replaced=writer.replaced,
            wrote=writer.wrote,
            handed_on=sorted(writer.forgotten.handed_on),
            unproved={str(number): (one.mark, list(one.read)) for number, one in intake.unproved.items()},
            unread=intake.unread,
            why=intake.why,
            quotes=quoted(run.quotes, [intake.why, *(one.failed for one in pages if one.failed)]),
            walks_back=intake.histories.walks_back,
        )

    def add_to(self, intake: Intake, client: Client) -> None:
        """Add it to the run that was cut, as if that had done it."""
        run, writer = intake.run, intake.writer
        for table, counts in self.counts.items():
            run.counts[table].update(counts)
        run.rejected += self.rejected
        run.unknown_fields.update(self.unknown_fields)
        client.requests += self.requests
        client.retries += self.retries
        client.quotes.update(self.quotes)
        writer.seen.update(self.seen)
        writer.analyze_after(self.inserted)
        writer.beyond_range += self.beyond_range
        writer.replaced += self.replaced
        writer.wrote |= self.wrote
        writer.forgotten.handed_on.update(self.handed_on)
        intake.unproved |= {int(one): Unproved(mark, array("q", read)) for one, (mark, read) in self.unproved.items()}
        intake.unread += self.unread
        intake.why = intake.why or self.why
        intake.histories.walks_back |= self.walks_back


def share(
    crew: Crew, client: Client, intake: Intake, selection: Selection, wait: Wait
) -> Iterator[tuple[str, Page]] | None:
    """Return the pages of a run as others take them in, with ids for payloads; None when it is not worth it.

    It is for first loads and wide backfills, as these read every history. wait: waits for seconds, and raises when the
    run shall end. Raise what a part failed with that nobody could read.
    """
    run = intake.run
    if not _reads_every_history(intake, selection):
        return None
    try:
        about = {status: first_page(client, query_of(selection, status)).about or 0 for status in selection.statuses}
    except TryAgain:
        return None  # one broken page, perhaps: a run of its own knows how to go on after it
    cut = parts.cut(about)
    if len(cut) < len(about) + FEWEST_PARTS:
        return None
    with transaction(intake.engine) as connection:
        parts.begin(connection, run, cut)
    crew.call(run, selection, [one.number for one in cut])
    return SharedRun(crew, client, intake, selection, wait).pages(cut)


def _reads_every_history(intake: Intake, selection: Selection) -> bool:
    if selection.recent or selection.search or selection.conversations:
        return False
    account_id = intake.run.account_id
    return selection.kind == "backfill" or journal.last_complete_start(intake.engine, account_id) is None


@dataclass(frozen=True)
class SharedRun:
    """A run that was cut, as the worker that cut it goes on with it."""

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
            done = self._done(part)
            moved.update(one for one in done.seen if one in intake.writer.seen)
            done.add_to(intake, self.client)
            for values in done.pages:
                page = Page(**values)
                shown[part.walk].update(one for one in page.payloads if one is not None)
                yield part.walk, replace(page, distinct=len(shown[part.walk])) if page.is_last else page
        with transaction(intake.engine) as connection:
            parts.clear(connection, intake.run)
        self._read_again(list(moved))

    def _done(self, part: Part) -> Result:
        """Return what became of a part once it is done; do others meanwhile, and this one when nobody else will."""
        run = self.intake.run
        while True:
            self.wait(0)
            # In this order: a part is written down as done before its job is.
            is_at_work = self.crew.is_at_work(run)
            with transaction(self.intake.engine) as connection:
                result = parts.result(connection, run, part.number)
            if result is not None:
                return Result(**result)
            if not is_at_work:
                self.crew.take(run, self.selection, part.number)  # raises what it fails with
            elif not self.crew.work(run):
                self.wait(SECONDS_BETWEEN_LOOKS)

    def _read_again(self, moved: list[int]) -> None:
        """Read conversations again that moved from part to part: of the two readings the older may have come last.

        Of one that cannot be had the ledger will tell why.
        """
        for at in range(0, len(moved), IDS_A_PAGE):
            some = moved[at : at + IDS_A_PAGE]
            payloads = []
            for future in [self.intake.pool.submit(self.client.get, f"conversations/{one}") for one in some]:
                with suppress(VendorError):
                    payloads.append(future.result())
            self.intake.take(payloads)


@dataclass
class Member:
    """One worker's part in runs that it shares. client: of the account; kept, as it learns the server's limit."""

    settings: Settings
    client: Client
    wait: Wait

    def take(self, engine: Engine, run_id: int, selection: Selection, number: int) -> None:
        """Do a part of a run; nothing when it is done already, or the run is over.

        Raise EtlError when it cannot be done, and leaves what is saved: whoever tries again goes on from there.
        """
        settings, way = self.settings, way_of(self.settings)
        run = Run(settings.account_id, selection.kind, protect_selection(selection.chosen(), way), run_id)
        with transaction(engine) as connection:
            stored.require(connection, settings.account_id, settings.base_url, way)
            found = parts.find(connection, run, number)
        if found is None:
            return
        part, run.started_at = found
        result = self._read(engine, run, selection, part)
        with transaction(engine) as connection:
            parts.finish(connection, run, number, asdict(result))

    def _read(self, engine: Engine, run: Run, selection: Selection, part: Part) -> Result:
        requests, retries = self.client.requests, self.client.retries
        self.client.quotes.clear()
        with (
            thread_pool(self.settings.concurrency) as pool,
            Writer(engine, run, partial(self.wait, 0), way_of(self.settings)) as writer,
        ):
            writer.guard, writer.analyzes = partial(parts.require_open, run=run, number=part.number), False
            intake = Intake(self.settings, engine, pool, Histories(self.client), run, writer)
            if selection.kind == "backfill":
                read_again(intake)
            span = Span(part.first_page, part.last_page)
            pages = walk(self.client, pool, query_of(selection, part.walk), span=span)
            taken = [
                replace(page, payloads=[_id_of(one) for one in page.payloads])
                for _, page in take_in(intake, selection, [(part.walk, pages)])
            ]
        run.requests, run.retries = self.client.requests - requests, self.client.retries - retries
        run.quotes |= self.client.quotes
        return Result.of(intake, taken)


def _id_of(payload: Any) -> int | None:
    number = payload.get("id") if isinstance(payload, dict) else None
    return number if isinstance(number, int) else None
