"""Reads again, each night, the histories whose reading is oldest: no copy gets older than a known number of days.

What is done to old messages moves no clock on newer servers (the vendor's section 5), so that nothing else would ever
have their histories read again.
"""

from datetime import timedelta
from itertools import islice
from math import ceil

from sqlalchemy import Connection

from etl.database.engine import transaction
from etl.load import earlier_runs, held, marks
from etl.load.tally import Tally, Unproved
from etl.run.intake import Intake
from etl.run.rereading import HISTORIES_AT_ONCE, read_whole

NIGHT = timedelta(days=1)
# What was read since then is not old, however seldom it is looked at.
FRESH = timedelta(hours=12)


def patrol(intake: Intake) -> None:
    """Read again so many percent of the histories a night, of the conversations that this run has seen.

    Of those that it has not, which may be forbidden by now, none could be read, and they would keep the others waiting.
    A history that walking back does not prove to be whole is left to the audit.
    """
    settings = intake.settings
    if not settings.patrol_percent or settings.messages != "full" or intake.histories.refused:
        return
    reread(intake, _oldest(intake))


def reread(intake: Intake, chosen: dict[int, str]) -> None:
    """Read the histories of conversations again, which are given with their marks."""
    run, numbers = intake.run, iter(chosen)
    while block := list(islice(numbers, HISTORIES_AT_ONCE)):
        whole = read_whole(intake, block)
        run.tally += Tally(unread=len(whole.failures), why=next(iter(whole.failures), ""))
        with intake.writer.transaction() as connection:
            proved = _find_refreshed(connection, run.account_id, whole.unproved)
            marks.note_reading(connection, run.account_id, proved)
        for conversation_id in whole.unproved.keys() - set(proved):
            read = sorted(whole.unproved[conversation_id])
            run.tally.unproved[conversation_id] = Unproved(chosen[conversation_id], read)


def _oldest(intake: Intake) -> dict[int, str]:
    """Return the conversations whose turn it is, with their marks: fewer where the last run was not a night ago."""
    run = intake.run
    before = earlier_runs.previous_start(intake.engine, run)
    # One that lies in the future says nothing: the clock was ahead.
    share = min(1.0, (run.started_at - before) / NIGHT) if before and before < run.started_at else 1.0
    most = ceil(len(run.tally.seen) * intake.settings.patrol_percent / 100 * share)
    with (
        transaction(intake.engine) as connection,
        marks.by_age(connection, run.account_id, run.started_at - FRESH) as found,
    ):
        return dict(islice(((number, mark) for number, mark in found if number in run.tally.seen), most))


def _find_refreshed(connection: Connection, account_id: int, read: dict[int, set[int]]) -> list[int]:
    """Return the conversations of which a reading that is not proved has given every message that is held whole.

    New messages move a clock on every server; only what was lost before, or is known in part, needs the witness.
    """
    known = held.messages_held(connection, account_id, list(read), kept=False)
    return [one for one, messages in known.items() if messages.keys() <= read[one] and not _any_partial(messages)]


def _any_partial(messages: dict[int, held.Held]) -> bool:
    return any(message.partial for message in messages.values())
