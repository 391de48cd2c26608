"""Service level targets in a run: read at its begin, and what they name held against the tables at its end."""

from collections.abc import Iterator

from sqlalchemy import Connection

from etl.load import targets
from etl.settings.settings import Settings, faulty
from etl.settings.targets import read_targets


def keep(connection: Connection, settings: Settings) -> None:
    """Have the tables hold the targets of the file as it is now and no others; where none is named they stay.

    Raise SettingsError when the file has faults, which it may have since the settings were read.
    """
    if settings.targets is not None:
        try:
            wanted = read_targets(settings.targets)
        except ValueError as error:
            raise faulty([f"ETL_TARGETS: {error}"]) from None
        targets.replace(connection, settings.account_id, wanted)


def doubts(connection: Connection, settings: Settings) -> Iterator[str]:
    """Yield sentences on targets that no file names any more, and on names in them that nothing has."""
    kept = targets.stored(connection, settings.account_id)
    if settings.targets is None and kept:
        yield f"ETL_TARGETS is not set: service levels are counted by what an earlier run took from it ({len(kept)})."
    for target, key, names in targets.unknown(connection, settings.account_id, kept):
        yield f"The target {target} names what the tables do not have, and is for nothing there: {key} {names}."
