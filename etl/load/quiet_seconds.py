"""Finds a second in which nothing was written, so that it does not matter on which side of a bound it is counted."""

from sqlalchemy import Connection, text

from etl.database.base import SCHEMA
from etl.load.books import at

# How many seconds before a time are looked at for one in which nothing of ours was written.
SECONDS_BACK = 600
TAKEN_SECONDS = f"""
    SELECT date_trunc('second', created_at) FROM {SCHEMA}.messages
    WHERE account_id = :account_id AND LEAST(created_at, first_synced_at) >= :since
      AND LEAST(created_at, first_synced_at) <= :until
    UNION
    SELECT date_trunc('second', created_at) FROM {SCHEMA}.conversations
    WHERE account_id = :account_id AND created_at >= :since AND created_at <= :until
"""  # noqa: S608 -- only constants are formatted in


def quiet_second(connection: Connection, account_id: int, before: int) -> int:
    """Return the last second up to a time in which nothing of ours was written; the time itself where there is none.

    So it does not matter whether the vendor counts what was written exactly then.
    """
    values = {"account_id": account_id, "since": at(before - SECONDS_BACK), "until": at(before + 1)}
    taken = set(connection.scalars(text(TAKEN_SECONDS), values))
    seconds = range(before, before - SECONDS_BACK, -1)
    return next((second for second in seconds if at(second) not in taken), before)
