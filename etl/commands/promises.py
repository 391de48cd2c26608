"""What `etl check` says of service level targets: which names in their files nothing has."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.settings.settings import Settings


def unknown_names(engine: "Engine", of_accounts: Iterable["Settings"]) -> Iterator[tuple[bool | None, str, str, str]]:
    """Yield whether it is right, name, what is said and what to do about it, of each account that has targets."""
    from etl.database.engine import transaction
    from etl.load import targets
    from etl.settings.targets import read_targets

    for settings in of_accounts:
        if settings.targets is None:
            continue
        wanted = read_targets(settings.targets)
        with transaction(engine) as connection:
            lacking = list(
                targets.unknown(connection, settings.account_id, targets.rows_of(settings.account_id, wanted))
            )
        said = f"account {settings.account_id}: {len(wanted)} in {settings.targets}"
        yield None if lacking else True, "targets", said, ""
        for target, key, names in lacking:
            yield (
                None,
                "targets",
                f"{target} names what the tables do not have: {key} {names}.",
                "Is it right, or yet to come?",
            )
