"""Accounts for the messages of a run, and says what is not accounted for."""

from collections.abc import Collection
from itertools import islice

from etl.extract.client import Client
from etl.load import marks
from etl.load.journal import Run
from etl.run.audit import Audit
from etl.run.intake import Intake

MOST_NAMED = 10


def account(client: Client, intake: Intake, everything: bool) -> None:
    """Account for every message id, or for those of the conversations whose history is not proved to be complete."""
    run = intake.run
    audit = Audit(client, intake, everything)
    run.audit = audit.settle()
    open_ones = run.tally.unproved.keys() - audit.done
    with intake.writer.transaction() as connection:
        # Its mark may be that of an earlier reading, which held until this one.
        marks.reopen(connection, run.account_id, open_ones)
    if audit.not_used and not audit.done:
        said = f"The vendor's search was not used to count messages ({audit.not_used})."
        (run.problems if run.tally.unproved else run.notes).append(said)
    if run.audit and run.audit["unaccounted"]:
        run.problems.append(f"{run.audit['unaccounted']} of {run.audit['messages']} messages could not be had.")
    if audit.done and audit.left:
        why = f" The search failed: {audit.not_used}" if audit.not_used else ""
        run.problems.append(f"{audit.left} histories were not compared with the vendor's search.{why}")
    elif left := len(open_ones):
        run.problems.append(f"{left} histories may lack messages, and were not compared; the next run tries again.")
    _say_how(run, audit)


def _say_how(run: Run, audit: Audit) -> None:
    """Say what was accounted for in another way than by comparing it."""
    if audit.read_singly:
        why = f" (it failed: {audit.not_used})" if audit.not_used else ", as its order has ties"
        run.notes.append(
            f"{audit.read_singly} histories that the vendor's search did not show were read by themselves{why}."
        )
    if uncompared := audit.counts["uncompared"]:
        run.notes.append(
            f"{uncompared} messages were compared by their numbers only: there is no digest of their texts yet. Each"
            " gets one when its history is read again (ETL_PATROL_PERCENT, or `etl backfill`)."
        )


def say_what_moved(run: Run) -> None:
    """Say that messages were given as those of two conversations: what is stored of both may be wrong."""
    if moved := run.tally.moved:
        run.problems.append(
            f"The vendor gave the same messages as those of different conversations ({name_some(moved)}). The next"
            f" run reads the histories of these {len(moved)} again."
        )


def name_some(conversations: Collection[int]) -> str:
    """Name the first of some conversations."""
    return ", ".join(map(str, islice(conversations, MOST_NAMED))) + (" ..." if len(conversations) > MOST_NAMED else "")
