"""Learns whether this server's edits move a conversation's clock: then what was active of late need not be read again.

Where they do (up to 4.11), whatever was edited is among what changed. A server that was upgraded says so by the first
edit that moved nothing: then what was left out is read again in the same run.
"""

from etl.database.engine import transaction
from etl.load import marks, proofs
from etl.load.journal import WALK
from etl.run.intake import Intake
from etl.run.patrol import reread
from etl.transform.edits import LEFT, MOVED

# So many edits that moved the clock, and none that did not, are believed; all of them from one walk of every page.
ENOUGH = 20
MOVES = (
    "Edits of messages move a conversation's clock on this server: what was active of late is no longer read again for"
    " them (ETL_REREAD_DAYS)."
)
MOVES_NO_MORE = (
    "Edits of messages no longer move a conversation's clock on this server: what was active of late is read again"
    " (ETL_REREAD_DAYS)."
)


def expect(intake: Intake) -> None:
    """Have the run go by what earlier ones have learnt."""
    with transaction(intake.engine) as connection:
        intake.edits_move_clock = bool(proofs.edits_move_clock(connection, intake.run.account_id))


def learn(intake: Intake) -> None:
    """Note what this run has learnt; where it was wrong to leave histories out, read them.

    After a run of a selection the next one over everything does.
    """
    run, told = intake.run, intake.run.tally.edits
    if told[LEFT] and intake.edits_move_clock:
        run.notes.append(MOVES_NO_MORE)
        if run.selection is None and intake.settings.messages == "full":
            with transaction(intake.engine) as connection:
                left_out = marks.active(connection, run.account_id, intake.active_since, run.started_at)
            reread(intake, left_out)
    is_believed = run.proof == WALK and told[MOVED] >= ENOUGH and not told[LEFT]
    if is_believed and not intake.edits_move_clock:
        run.notes.append(MOVES)
    if told[LEFT] or is_believed:
        with intake.writer.transaction() as connection:
            proofs.note_edits(connection, run.account_id, move_clock=is_believed)
