"""Closes runs that were killed, for who has taken the account's lock since."""

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from etl.database.bookkeeping import SyncPart, SyncRun
from etl.exit_codes import Outcome
from etl.load import kept_tally
from etl.load.tally import Tally


def close(connection: Connection, account_id: ColumnElement[int]) -> None:
    """Close what the journal of an account has as running, with the counts of what was saved until now."""
    killed = and_(SyncRun.account_id == account_id, SyncRun.outcome == Outcome.RUNNING)
    # Waits until what they are saving is saved, or given up.
    connection.execute(select(SyncRun.run_id).where(killed).with_for_update())
    for run_id, saved in kept_tally.close_rows(connection, account_id).items():
        counts = kept_tally.total(saved, Tally().counts)
        connection.execute(update(SyncRun).where(killed, SyncRun.run_id == run_id).values(counts=counts))
    connection.execute(update(SyncRun).where(killed).values(outcome=Outcome.INTERRUPTED))
    # Nobody needs its parts any more, which may quote what the vendor answered.
    connection.execute(delete(SyncPart).where(SyncPart.account_id == account_id))
