"""One run shared by many workers: its walks are cut into parts, which whoever is free reads into the tables.

The worker that has the account's lock cuts, does parts itself like every other, and goes on alone when all are done:
ledger, audit and figures are those of one run. It holds no parts in memory, and nothing is lost with it: the tables
are the checkpoint, so that the run which follows a stop reads again only what was not saved.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Protocol, Self

from sqlalchemy import Engine

from etl import journal, parts
from etl.audit import Unproved
from etl.client import Client
from etl.database import transaction
from etl.errors import EtlError, TryAgain, VendorError
from etl.history import Histories
from etl.ids import Ids
from etl.intake import Intake
from etl.journal import Run
from etl.parts import Part
from etl.privacy import protect_selection, way_of
from etl.reading import read_again, taken_in, thread_pool
from etl.selection import Selection
from etl.settings import Settings
from etl.walk import Page, Span, first_page, walk
from etl.writer import Writer

# Beyond one a status. Fewer are read by one worker before others have begun.
FEWEST_PARTS = 2
SECONDS_BETWEEN_LOOKS = 0.2

Wait = Callable[[float], None]


class Crew(Protocol):
    """The workers that share a run, as `worker.py` has them."""

    def call(self, run: Run, selection: Selection, numbers: list[int]) -> None:
        """Have parts done by whoever is free."""

    def work(self, run: Run) -> bool:
        """Do a part that nobody has begun; tell whether there was one."""

    def is_at_work(self, run: Run) -> bool:
        """Tell whether any part waits for somebody, or is being done."""


@dataclass
class Result:
    """What became of a part: numbers, and the ids of conversations; nothing that is personal.

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
    beyond_range: int
    replaced: int
    wrote: bool
    handed_on: list[int]
    unproved: dict[str, tuple[str, list[int]]]
    unread: int
    why: str
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
            beyond_range=writer.beyond_range,
            replaced=writer.replaced,
            wrote=writer.wrote,
            handed_on=sorted(writer.forgotten.handed_on),
            unproved={str(number): (one.mark, list(one.read)) for number, one in intake.unproved.items()},
            unread=intake.unread,
            why=intake.why,
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
        writer.seen.update(self.seen)
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
    """Give the pages of a run as others take them in, with ids for payloads; None when it is not worth it.

    It is for first loads and wide backfills, as these read every history. wait: waits for seconds, and raises when the
    run shall end. Raises VendorError when a part could not be read by anybody.
    """
    run = intake.run
    if not _reads_every_history(intake, selection):
        return None
    try:
        about = {status: first_page(client, selection.query(status)).about or 0 for status in selection.statuses}
    except TryAgain:
        return None  # one broken page, perhaps: a run of its own knows how to go on after it
    cut = parts.cut(about)
    if len(cut) < len(about) + FEWEST_PARTS:
        return None
    with transaction(intake.engine) as connection:
        parts.begin(connection, run, cut)
    crew.call(run, selection, [one.number for one in cut])
    return _taken_in_by_all(crew, client, intake, cut, wait)


def _reads_every_history(intake: Intake, selection: Selection) -> bool:
    if selection.recent or selection.search or selection.conversations:
        return False
    account_id = intake.run.account_id
    return selection.kind == "backfill" or journal.last_complete_start(intake.engine, account_id) is None


def _taken_in_by_all(
    crew: Crew, client: Client, intake: Intake, cut: list[Part], wait: Wait
) -> Iterator[tuple[str, Page]]:
    shown: dict[str, Ids] = defaultdict(Ids)
    for part in cut:
        while (done := _result(crew, intake, part)) is None:
            if not crew.work(intake.run):
                wait(SECONDS_BETWEEN_LOOKS)
        done.add_to(intake, client)
        for values in done.pages:
            page = Page(**values)
            shown[part.walk].update(one for one in page.payloads if one is not None)
            yield part.walk, replace(page, distinct=len(shown[part.walk])) if page.is_last else page
    with transaction(intake.engine) as connection:
        parts.clear(connection, intake.run)


def _result(crew: Crew, intake: Intake, part: Part) -> Result | None:
    # In this order: a part is written down as done before its job is.
    is_at_work = crew.is_at_work(intake.run)
    with transaction(intake.engine) as connection:
        done, problem = parts.result(connection, intake.run, part.number)
    if done is None and not is_at_work:
        raise VendorError(
            f"Pages {part.first_page} and on of {part.walk} could not be read by any worker:"
            f" {problem or 'see their logs.'}"
        )
    return Result(**done) if done else None


@dataclass
class Member:
    """One worker's part in runs that it shares. client: of the account; kept, as it learns the server's limit."""

    settings: Settings
    client: Client
    wait: Wait

    def take(self, engine: Engine, run_id: int, selection: Selection, number: int) -> None:
        """Do a part of a run; nothing when it is done already, or the run is over.

        Raises EtlError when it cannot be done, and leaves what is saved: whoever tries again goes on from there.
        """
        way = way_of(self.settings)
        run = Run(self.settings.account_id, selection.kind, protect_selection(selection.chosen(), way), run_id)
        with transaction(engine) as connection:
            found = parts.find(connection, run, number)
        if found is None:
            return
        part, run.started_at = found
        try:
            result = self._read(engine, run, selection, part)
        except EtlError as error:
            with transaction(engine) as connection:
                parts.fail(connection, run, number, str(error))
            raise
        with transaction(engine) as connection:
            parts.finish(connection, run, number, asdict(result))

    def _read(self, engine: Engine, run: Run, selection: Selection, part: Part) -> Result:
        requests, retries = self.client.requests, self.client.retries
        with (
            thread_pool(self.settings.concurrency) as pool,
            Writer(engine, run, partial(self.wait, 0), way_of(self.settings)) as writer,
        ):
            writer.guard = partial(parts.require_running, run=run)
            intake = Intake(self.settings, engine, pool, Histories(self.client), run, writer)
            if selection.kind == "backfill":
                read_again(intake)
            span = Span(part.first_page, part.last_page)
            pages = walk(self.client, pool, selection.query(part.walk), span=span)
            taken = [
                replace(page, payloads=[_id_of(one) for one in page.payloads])
                for _, page in taken_in(intake, selection, [(part.walk, pages)])
            ]
        run.requests, run.retries = self.client.requests - requests, self.client.retries - retries
        return Result.of(intake, taken)


def _id_of(payload: Any) -> int | None:
    number = payload.get("id") if isinstance(payload, dict) else None
    return number if isinstance(number, int) else None
