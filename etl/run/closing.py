"""The end of a run: closes it in the journal, with the holidays and the figures of what it changed."""

from sqlalchemy import Connection, Engine

from etl.database.engine import transaction
from etl.errors import DatabaseError
from etl.exit_codes import Outcome
from etl.load import journal
from etl.load.journal import Run
from etl.run import calendar
from etl.settings.settings import Settings
from etl.views import schema


def close(engine: Engine, run: Run, settings: Settings) -> None:
    """Close a run in the journal, and compute the figures of what it changed, both or neither.

    The figures rest on which runs saw a conversation, this one included. What a run that did not end changed waits for
    the next one.
    """

    def compute(connection: Connection) -> None:
        calendar.keep_holidays(connection, settings)
        schema.refresh(connection, run.account_id)

    if run.outcome in {Outcome.COMPLETE, Outcome.INCOMPLETE}:
        try:
            with transaction(engine) as connection:
                run.notes += calendar.inboxes_without_hours(connection, run.account_id)
            return journal.close_run(engine, run, compute)
        except DatabaseError as error:
            run.outcome = Outcome.INCOMPLETE
            run.problems.append(f"Reply times and resolutions in schema bi are those of an earlier run. {error}")
    return journal.close_run(engine, run)
