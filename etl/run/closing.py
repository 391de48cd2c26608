"""The end of a run: closes it in the journal, with the holidays and the figures of what it changed."""

from sqlalchemy import Connection, Engine

from etl.database.engine import transaction
from etl.errors import DatabaseError, Interrupted
from etl.exit_codes import Outcome
from etl.load import journal, proofs
from etl.load.journal import WALK, Run
from etl.load.upsert import psycopg_of
from etl.run import calendar, targets
from etl.run.due import fingerprint
from etl.settings.settings import Settings
from etl.views import schema

SECONDS_TO_CANCEL = 2


def close(engine: Engine, run: Run, settings: Settings) -> None:
    """Close a run in the journal, and compute the figures of what it changed, both or neither.

    The figures rest on which runs saw a conversation, this one included. What a run that did not end changed waits for
    the next one.
    """

    def compute(connection: Connection) -> None:
        try:
            calendar.keep_holidays(connection, settings)
            schema.refresh(connection, run.account_id)
            if run.proof == WALK and run.outcome == Outcome.COMPLETE:
                proofs.note_walk(connection, run.account_id, run.started_at, fingerprint(settings))
        except Interrupted:
            # The server would compute on for nobody, and keep the journal's row locked meanwhile.
            psycopg_of(connection).cancel_safe(timeout=SECONDS_TO_CANCEL)
            raise

    if run.outcome in {Outcome.COMPLETE, Outcome.INCOMPLETE}:
        try:
            with transaction(engine) as connection:
                run.notes += calendar.inboxes_without_hours(connection, run.account_id)
                run.notes += targets.doubts(connection, settings)
            return journal.close_run(engine, run, compute)
        except DatabaseError as error:
            run.outcome = Outcome.INCOMPLETE
            run.problems.append(f"Reply times and resolutions in schema bi are those of an earlier run. {error}")
        except Interrupted as stopped:  # who insists on a stop does not wait for the figures, but the journal tells it
            run.outcome = Outcome.INTERRUPTED
            run.problems.append(str(stopped))
    return journal.close_run(engine, run)
