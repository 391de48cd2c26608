"""What a run writes down of conversations that are not there, or cannot be read; by what the vendor counts."""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import DeletionsRefused
from etl.extract.client import Client
from etl.extract.walk import count_each
from etl.load import conversations, ledger_entries
from etl.load.journal import WALK, Run, require_open
from etl.load.ledger_entries import Reason
from etl.load.proofs import Visible
from etl.run.stubborn import statuses_of

# More deletions than these, both in number and in share, look like a token that lost its scope.
SUSPICIOUS_DELETIONS, SUSPICIOUS_SHARE = 25, 0.1


def count(client: Client, run: Run) -> dict[str, int] | None:
    """Return the vendor's own count of each status; None, and a note, where it cannot be read."""
    counted = count_each(client)
    if counted is None:
        run.notes.append("The vendor's counts could not be read, and were not compared.")
    return counted


def refuse_too_many(engine: Engine, account_id: int, gone: Collection[int]) -> None:
    """Raise DeletionsRefused when so many conversations are gone that the token is doubted."""
    with transaction(engine) as connection:
        held, doomed = ledger_entries.count_doomed(connection, account_id, gone)
    if doomed > SUSPICIOUS_DELETIONS and doomed > SUSPICIOUS_SHARE * held:
        raise DeletionsRefused(
            f"{doomed} of {held} known conversations are no longer there. That looks like a token that lost"
            " its scope, or another account, so nothing was marked as deleted. If they really were deleted, run"
            " `etl sync --accept-deletions` once."
        )


def buried(engine: Engine, account_id: int, gone: Collection[int]) -> set[int]:
    """Return those of the ids that are gone of which the tables have the conversation."""
    with transaction(engine) as connection:
        return conversations.present(connection, account_id, gone)


def write_down(engine: Engine, run: Run, gone: Collection[int], reasons: Mapping[int, Reason]) -> None:
    """Set tombstones, and write down the ids without a conversation, and why, while the run is open."""
    with transaction(engine) as connection:
        require_open(connection, run)
        ledger_entries.write_down(connection, run.account_id, gone, reasons)


def note_counted(
    engine: Engine, run: Run, unseen: Collection[int], unreadable: Collection[int], counted: dict[str, int] | None
) -> None:
    """Note in which status the vendor counts what cannot be read, after every page was walked.

    unseen: ids that the vendor does not count. counted: what it counts of each status.
    """
    if run.proof != WALK or not unreadable:
        return
    with transaction(engine) as connection:
        was = dict.fromkeys(unreadable) | conversations.statuses(connection, run.account_id, unreadable)
        ours = Visible(run.account_id, {*unseen, *unreadable}).count_each(connection)
        ledger_entries.note_counted(connection, run.account_id, statuses_of(was, counted, ours))
