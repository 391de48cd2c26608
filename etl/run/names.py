"""When the names behind the numbers have to be read: by a walk always, by a run that costs what changed once a day."""

from datetime import timedelta

from etl.database.engine import transaction
from etl.load import proofs
from etl.run.intake import Intake

# Less than a day, as nights do not begin at the same second.
ALMOST_A_DAY = timedelta(hours=20)


def were_read_of_late(intake: Intake) -> bool:
    """Return whether a run has read the names so lately that they need not be read again."""
    with transaction(intake.engine) as connection:
        read_at = proofs.names_read_at(connection, intake.run.account_id)
    # In the future they were read by a clock that was ahead.
    return read_at is not None and timedelta() <= intake.run.started_at - read_at < ALMOST_A_DAY


def note_reading(intake: Intake) -> None:
    """Note that this run has read the names."""
    with intake.writer.transaction() as connection:
        proofs.note_names_read(connection, intake.run.account_id, intake.run.started_at)
