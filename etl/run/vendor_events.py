"""Reads the vendor's own events: those of each conversation that changed, and the account's list of what is new.

Servers from 4.8 have both where their edition does (chatwoot: enterprise, reporting_events_controller and
conversations_controller): a conversation's own for whoever may see it, all at once and the oldest first; the account's
for administrators, 25 a page and the newest first, by when they were written down. The server writes them in the
background, so the list tells, too, what came only after a conversation was read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Any

from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import get_events, get_list
from etl.extract.client import Client
from etl.extract.ids import id_of
from etl.load import rejected, vendor_events
from etl.run.intake import Intake
from etl.run.lists import items_of
from etl.transform.batch import Batch
from etl.transform.entities import REPORTING_EVENT

AT_ONCE = 100
# Each list may be missing or refused: what the first few answers say is believed of all.
PROBES = 3
# A server that fails so often in a row is left alone.
MOST_FAILURES = 10
ATTEMPTS_AT_EVENTS = 2
# The vendor's clock is another one, and what was written down may be seen a moment later.
WRITTEN_LATE = timedelta(hours=1)
AHEAD = timedelta(days=1)
LONG_AGO = timedelta(days=30)
MOST_LIST_PAGES = 20_000
THEIR_EVENTS = "the vendor's own events of conversations (messages, activities and runs tell when things happened)"
LISTED_EVENTS = "the list of the vendor's own events (each conversation tells its own when it changes)"


@dataclass
class _Reading:
    """What became of asking conversations. in_row: failures on end; stopped: why no more are asked."""

    answered: bool = False
    refused: list[VendorError] = field(default_factory=list)
    failed: list[VendorError] = field(default_factory=list)
    in_row: int = 0
    stopped: str = ""

    @property
    def at_once(self) -> int:
        """How many may be asked before it is known what became of them."""
        if self.answered:
            return AT_ONCE
        return PROBES - len(self.refused) if self.refused else 1

    def note(self, error: VendorError) -> None:
        """Note that a conversation's events could not be had."""
        is_gone = isinstance(error, NotFound | Denied)
        (self.refused if is_gone else self.failed).append(error)
        self.in_row += 1
        if error.status == HTTPStatus.NOT_FOUND and not is_gone:
            self.stopped = "this server does not have it"
        elif not self.answered and len(self.refused) >= PROBES:
            self.stopped = _why(error)
        elif self.in_row >= MOST_FAILURES and self.failed:
            self.stopped = _why(self.failed[-1])


def read_events(client: Client, intake: Intake) -> None:
    """Read and save the events of the conversations that are due, and what the account's list has since the last run.

    What cannot be had is a note, and read by the next run: no figure needs it.
    """
    run, account_id = intake.run, intake.settings.account_id
    until = run.clock.now()
    reading = _Reading()
    _read_own(client, intake, reading, vendor_events.due(intake.engine, account_id))
    if not reading.stopped:
        _read_list(client, intake, until)
        with intake.writer.transaction() as connection:
            unpaired = vendor_events.to_be_paired(connection, account_id)
        _read_own(client, intake, reading, unpaired)
    if reading.stopped:
        run.notes.append(f"Not read: {THEIR_EVENTS}. Why: {reading.stopped.removesuffix('.')}.")
    elif reading.failed:
        run.notes.append(
            f"The vendor's own events of {len(reading.failed)} conversations could not be read; the next run tries"
            f" again. The first: {reading.failed[0]}"
        )


def _read_own(client: Client, intake: Intake, reading: _Reading, conversation_ids: Iterable[int]) -> None:
    """Ask conversations that the run has seen for their events: one first, then as many as tell of all."""
    ids = (one for one in conversation_ids if one in intake.run.tally.seen)
    while not reading.stopped and (block := list(islice(ids, reading.at_once))):
        _save_block(client, intake, reading, block)


def _save_block(client: Client, intake: Intake, reading: _Reading, block: list[int]) -> None:
    account_id, at = intake.settings.account_id, intake.run.clock.now()
    if not (answers := _ask(client, intake, reading, block)):
        intake.writer.save(Batch(account_id))  # which looks whether the run has to end
        return
    with intake.writer.transaction() as connection:
        doubted = vendor_events.contradicted(connection, account_id, _numbers(answers))
    if doubted:
        answers = _without_others(_ask(client, intake, reading, sorted(doubted.union(answers))), reading)
    batch, read = Batch(account_id), []
    for conversation_id, events in answers.items():
        rejected_before = len(batch.rejected)
        for event in events:
            batch.convert(REPORTING_EVENT, event, conversation_id, conversation_id=conversation_id)
        read += [conversation_id] if len(batch.rejected) == rejected_before else []
    if doubted:
        with intake.writer.transaction() as connection:
            vendor_events.let_go(connection, account_id, _numbers(answers))
    intake.writer.save(batch)
    with intake.writer.transaction() as connection:
        vendor_events.note_events_read(connection, account_id, read, at)
        rejected.resolve_rejected_of(connection, account_id, REPORTING_EVENT.name, read)


def _ask(client: Client, intake: Intake, reading: _Reading, block: list[int]) -> dict[int, list[Any]]:
    """Return the events of conversations, without those that cannot be had."""
    answers = {}
    asked = {one: intake.pool.submit(get_events, client, one, ATTEMPTS_AT_EVENTS) for one in block}
    for conversation_id, answer in asked.items():
        try:
            answers[conversation_id] = items_of(answer.result())
        except VendorError as error:
            reading.note(error)
            continue
        reading.answered, reading.in_row = True, 0
    return answers


def _numbers(answers: dict[int, list[Any]]) -> dict[int, int]:
    """Return the server's inner numbers of conversations, as far as their events tell them."""
    told = {one: {id_of(event, "conversation_id") for event in events} - {None} for one, events in answers.items()}
    return {one: number for one, numbers in told.items() for number in numbers if number is not None}


def _without_others(answers: dict[int, list[Any]], reading: _Reading) -> dict[int, list[Any]]:
    """Leave out the conversations that were answered with the events of one: it is not known whose they are."""
    numbers = _numbers(answers)
    times = Counter(numbers.values())
    several = {one for one, number in numbers.items() if times[number] > 1}
    for one in sorted(several):
        said = f"conversation {one} and others were answered with the same events: they belong to one alone."
        reading.note(VendorError(said))
    return {one: events for one, events in answers.items() if one not in several}


def _read_list(client: Client, intake: Intake, until: datetime) -> None:
    """Read what the account's list has since it was last read, and note up to when it is known now.

    When it never was, each conversation has just been asked.
    """
    account_id = intake.settings.account_id
    with intake.writer.transaction() as connection:
        since = vendor_events.listed_until(connection, account_id)
    if since and since > until:
        since = until - LONG_AGO  # the clock was ahead then, nobody knows how far
    try:
        for page in _pages(client, since - WRITTEN_LATE, until + AHEAD) if since else ():
            batch = Batch(account_id)
            for event in page:
                batch.convert(REPORTING_EVENT, event)
            intake.writer.save(batch)
    except VendorError as error:
        intake.run.notes.append(f"Not read: {LISTED_EVENTS}. Why: {_why(error).removesuffix('.')}.")
        return
    with intake.writer.transaction() as connection:
        vendor_events.note_listing(connection, account_id, until)


def _pages(client: Client, since: datetime, until: datetime) -> Iterator[list[Any]]:
    """Give the pages of the account's list until one has nothing new; what comes meanwhile only pushes rows further."""
    seen: set[str] = set()
    for number in range(1, MOST_LIST_PAGES + 1):
        query = [("since", int(since.timestamp())), ("until", int(until.timestamp())), ("page", number)]
        answer = get_list(client, "reporting_events", query)
        page = items_of(answer)
        before = len(seen)
        seen |= {str(event.get("id")) if isinstance(event, dict) else repr(event) for event in page}
        if len(seen) == before:
            return
        yield page
        if _counted(answer) == len(seen):
            return
    raise VendorError(f"after {MOST_LIST_PAGES} pages it had not come to its end.")


def _counted(answer: Any) -> Any:
    """Return how many events the vendor counts, where it does."""
    meta = answer.get("meta") if isinstance(answer, dict) else None
    return meta.get("count") if isinstance(meta, dict) else None


def _why(error: VendorError) -> str:
    """Return why something could not be had, in a few words."""
    if isinstance(error, Denied):
        return error.reason or f"it was refused ({error.sentence.removesuffix('.')})"
    if error.status == HTTPStatus.NOT_FOUND:
        return "this server does not have it"
    return f"the server failed: {error}"
