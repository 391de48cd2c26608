"""A run, from its lock to its summary: walk, take in, account for it, figures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from etl import faults
from etl.database.engine import transaction
from etl.errors import EtlError, Interrupted
from etl.exit_codes import Outcome
from etl.extract.client import Client
from etl.extract.history import Histories
from etl.interrupt import Interrupt
from etl.load import journal, run_lock, upsert
from etl.load.journal import Run
from etl.privacy import stored
from etl.privacy.records import protect_selection
from etl.privacy.rules import way_of
from etl.run import accounting, calendar, closing, due, edit_clock, members, names, targets
from etl.run.books import Books
from etl.run.books_surveys import Surveys
from etl.run.dimensions import Dimensions
from etl.run.intake import Intake
from etl.run.pipeline import count_requests, read_again, thread_pool
from etl.run.reading import Pages, Reader, Watch
from etl.run.writer import Writer
from etl.selection import Selection
from etl.settings.settings import Settings

Wait = Callable[[float], None]
Begun = Callable[[Run], None]


def _nothing(*_: object) -> None:
    """Do nothing."""


def _share_nothing(*_: object) -> None:
    """Share nothing with others."""


@dataclass(frozen=True)
class Hooks:
    """What others do while a run goes on.

    watch: called after each page with the run so far, the name of the walk, and the page.
    begun: called with the run once it has the account's lock and its number, before any thread of it begins.
    share: reads the pages of a selection together with other processes; gives them, or None to have the run do it.
    Its last argument waits for seconds, and raises when the run has to end.
    """

    watch: Watch = _nothing
    begun: Begun = _nothing
    share: Callable[[Client, Intake, Selection, Wait], Pages | None] = _share_nothing


def run(settings: Settings, engine: Engine, selection: Selection, hooks: Hooks) -> Run:
    """Read what is selected into the tables; return the run as the journal has it.

    The outcome is complete, incomplete (problems say why), or failed. Raise AnotherRun when one is going on,
    SettingsError when personal data are stored in another way, DatabaseError when not even the journal can be written.
    """
    interrupt = Interrupt()
    client = Client(settings, sleep=interrupt.sleep)
    with interrupt.listening(), run_lock.hold(engine, settings.account_id, interrupt.sleep, interrupt.fail) as lock:
        run, chosen, since = _open(settings, engine, selection)

        def wait(seconds: float) -> None:
            interrupt.sleep(seconds)
            lock.check_at_times()  # whoever takes it closes the run, which the next transaction notices

        with (
            _recorded(settings, engine, client, run, hooks.begun),
            thread_pool(settings.concurrency) as pool,
            Writer(engine, run, partial(wait, 0), way_of(settings)) as writer,
            interrupt.looking(writer.check),
        ):
            writer.kept = journal.keep(run)
            intake = Intake(settings, engine, pool, Histories(client), run, writer)
            dimensions = Dimensions(client, pool, engine, writer, run)
            lock.check()  # who overtook this run before it was written down has not closed it
            _prepare(intake, selection, dimensions, is_counted=since is not None)
            surveys = _open_books(client, intake, dimensions)
            ledger = accounting.open_ledger(client, intake, dimensions)
            share = partial(hooks.share, client, intake, chosen, wait)
            Reader(ledger, intake, selection, hooks.watch).read(since, share)
            accounting.settle_accounts(ledger, intake, selection, surveys, since)
            lock.check()  # without it nobody knows who else has written
    return run


def _open(settings: Settings, engine: Engine, selection: Selection) -> tuple[Run, Selection, datetime | None]:
    """Return a run of what is selected; what is read in fact; and since when, where only what is recent is read."""
    way = way_of(settings)
    with transaction(engine) as connection:
        stored.require(connection, settings.account_id, settings.base_url, way)
    since = due.since(engine, settings, selection)
    chosen = selection if since or not selection.recent else replace(selection, recent=False)
    run = Run(settings.account_id, selection.kind, protect_selection(chosen.chosen(), way))
    if selection.recent and not since:
        run.notes.append("No run was complete yet, so everything was read, and not only what is recent.")
    return run, chosen, since


def _prepare(intake: Intake, selection: Selection, dimensions: Dimensions, *, is_counted: bool) -> None:
    """Read the names, and set what the run believes and which histories it reads.

    is_counted: whether the run is to cost what changed: then names are read once a day.
    """
    if selection.accept_contract:
        intake.writer.known.expected.accept()
    if intake.run.selection is None:
        if is_counted and names.were_read_of_late(intake):
            dimensions.read_profile()
        else:
            dimensions.read()
            members.read_members(dimensions)
            if not dimensions.missed.has_failed:
                names.note_reading(intake)
        dimensions.missed.say(intake.run)
    edit_clock.expect(intake)
    if selection.kind == "backfill":
        read_again(intake)


def _open_books(client: Client, intake: Intake, dimensions: Dimensions) -> Surveys:
    """Ask for the vendor's own counts before anything is read: what moves meanwhile is told by asking again."""
    books = Books(client, intake)
    surveys = Surveys(client, dimensions, books)
    books.ask(dimensions.sees_everything)
    surveys.ask()
    books.begin()
    surveys.begin()
    return surveys


@contextmanager
def _recorded(settings: Settings, engine: Engine, client: Client, run: Run, begun: Begun) -> Iterator[None]:
    """Open the run in the journal, and close it however it ends; a failure or a fault is recorded, and ends here."""
    account = {"account_id": run.account_id, "base_url": client.base_url}
    with transaction(engine) as connection:
        account |= calendar.columns(connection, settings, run)
        upsert.save(connection, {"accounts": [account]})
        targets.keep(connection, settings)
        journal.begin(run, connection)
    journal.open_run(engine, run)
    run.outcome = Outcome.FAILED
    try:
        begun(run)
        yield
        run.outcome = Outcome.INCOMPLETE if run.problems else Outcome.COMPLETE
    except Interrupted as stopped:
        run.outcome = Outcome.INTERRUPTED
        run.problems.append(str(stopped))
    except Exception as error:  # noqa: BLE001 -- the journal and the summary tell it
        run.failure = error if isinstance(error, EtlError) else None
        run.problems.append(str(error) if isinstance(error, EtlError) else faults.report(error))
    finally:
        count_requests(client, run)
        closing.close(engine, run, settings)
