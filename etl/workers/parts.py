"""The parts of a run that several workers share: pages of a walk, and their results."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from etl.database.bookkeeping import SyncPart, SyncRun, SyncTally
from etl.errors import AnotherRun
from etl.load import kept_tally, run_lock
from etl.load.journal import Run
from etl.load.kept_tally import Attempt, KeptTally

# A hundred conversations, in the page size of every known server.
PAGES = 4
# Of a walk that claims to have more, the last part takes the rest: a count that is not true must not fill the memory.
MOST_PAGES = 40_000


@dataclass(frozen=True)
class Part:
    """Pages of one walk. last_page: None for the part that goes up to the empty page."""

    number: int
    walk: str
    first_page: int
    last_page: int | None


@dataclass(frozen=True)
class Begun:
    """An attempt at a part that has begun. started_at: when the run did (UTC). kept: counts what the attempt saves."""

    part: Part
    started_at: datetime
    kept: KeptTally


def cut(pages: dict[str, int]) -> list[Part]:
    """Cut walks, each with about so many pages, into parts; the last one of each is open at its end."""
    parts: list[Part] = []
    for walk, claimed in pages.items():
        about = min(max(claimed, 1), MOST_PAGES)
        for first in range(1, about + 1, PAGES):
            is_last = first + PAGES > about
            parts.append(Part(len(parts) + 1, walk, first, None if is_last else first + PAGES - 1))
    return parts


def begin(connection: Connection, run: Run, parts: Iterable[Part]) -> None:
    """Save the parts of a run; delete those that an unfinished run of the account left behind."""
    connection.execute(delete(SyncPart).where(SyncPart.account_id == run.account_id))
    rows = [{"account_id": run.account_id, "run_id": run.run_id} | asdict(part) for part in parts]
    connection.execute(insert(SyncPart), rows)
    kept_tally.open_rows(connection, run.account_id, run.run_id, [row["number"] for row in rows])


def begin_attempt(connection: Connection, run: Run, number: int) -> Begun | None:
    """Begin an attempt at a part; those before it save nothing more. None when it is done, or its run is over."""
    # In this order: an attempt that is just being finished is waited for, and found finished.
    attempt = kept_tally.begin_attempt(connection, run.account_id, run.run_id, number)
    query = (
        select(SyncPart.number, SyncPart.walk, SyncPart.first_page, SyncPart.last_page, SyncRun.started_at)
        .join(SyncRun, and_(SyncRun.account_id == SyncPart.account_id, SyncRun.run_id == SyncPart.run_id))
        .where(_is(run, number), SyncPart.result.is_(None), run_lock.goes_on())
    )
    row = connection.execute(query).first()
    if row is None or attempt is None:
        return None
    kept = KeptTally(partial(_require_open, attempt=attempt), attempt, _refusal(attempt))
    return Begun(Part(row.number, row.walk, row.first_page, row.last_page), row.started_at, kept)


def _require_open(connection: Connection, attempt: Attempt) -> None:
    """Raise AnotherRun when a part is another's or its run over; else keep the run open until this transaction ends.

    So no worker that was held up overwrites what another worker, or a later run, has read since.
    """
    running = (
        select(SyncRun.run_id)
        .where(SyncRun.account_id == attempt.account_id, SyncRun.run_id == attempt.run_id, run_lock.goes_on())
        .where(select(SyncTally.part).where(attempt.is_last()).exists())
    )
    if connection.execute(running.with_for_update(read=True)).first() is None:
        raise _refusal(attempt)


def _refusal(attempt: Attempt) -> AnotherRun:
    return AnotherRun(
        f"Run {attempt.run_id} of account {attempt.account_id} no longer needs its part {attempt.part} from this"
        " worker: the run is over, or another worker has begun the part anew, as this one gave no sign of life."
    )


def finish(connection: Connection, run: Run, kept: KeptTally, result: dict[str, Any]) -> None:
    """Save the result of a part; raise AnotherRun when another attempt has begun, or the run is over."""
    kept.guard(connection)
    kept.add(connection, [])
    if kept.attempt:
        connection.execute(update(SyncPart).where(_is(run, kept.attempt.part)).values(result=result))


def result(connection: Connection, run: Run, number: int) -> dict[str, Any] | None:
    """Return the result of a part; None while it is not done."""
    return connection.scalar(select(SyncPart.result).where(_is(run, number)))


def clear(connection: Connection, run: Run) -> None:
    """Delete the parts of a run."""
    connection.execute(delete(SyncPart).where(SyncPart.account_id == run.account_id, SyncPart.run_id == run.run_id))


def _is(run: Run, number: int) -> ColumnElement[bool]:
    return and_(SyncPart.account_id == run.account_id, SyncPart.run_id == run.run_id, SyncPart.number == number)
