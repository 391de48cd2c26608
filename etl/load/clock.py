"""The clock of all that is noted: the database's, which every machine that shares it has in common.

The clocks of machines differ, and are set while a run goes on. So a run asks the database once when it begins, and goes
on counting by the monotonic clock. What was noted while the database's clock was ahead is set right by the next run.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import Connection, Engine, func, select, text

from etl.database.base import SCHEMA
from etl.database.engine import transaction

# Of Linux, this one goes on while a machine is suspended.
TICKS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

# It may have been set ahead while a run went on: by the database's clock its workers begin parts, and readings that
# changed nothing are noted. The condition on readings is that of an index.
AHEAD = f"""
    SELECT EXISTS (SELECT FROM {SCHEMA}.sync_runs WHERE account_id = :account_id AND started_at >= :now)
    OR EXISTS (
        SELECT FROM {SCHEMA}.conversations WHERE account_id = :account_id AND deleted_at IS NULL
        AND coalesce(history_read_at, first_synced_at) >= :now
    ) OR EXISTS (SELECT FROM {SCHEMA}.conversation_ledger WHERE account_id = :account_id AND checked_at > :now)
    OR EXISTS (SELECT FROM {SCHEMA}.field_changes WHERE account_id = :account_id AND seen_at >= :now)
"""  # noqa: S608 -- only a constant is formatted in
# A reading in the future would never be old, and a backfill would take it for its own; a state that begins there would
# be true of no day. Their order stays: what was noted last is the one just before now.
# Of a membership both times are looked at: it may have begun before.
MEMBERSHIPS = """
    WITH late AS (
        SELECT {of}, agent_id, noted, :now - interval '1 microsecond' * row_number() OVER (
            PARTITION BY {of}, agent_id ORDER BY noted DESC
        ) AS seen
        FROM (
            SELECT {of}, agent_id, valid_from AS noted FROM {table} WHERE account_id = :account_id
            UNION SELECT {of}, agent_id, valid_to FROM {table} WHERE account_id = :account_id
        ) AS times WHERE noted >= :now
    )
    UPDATE {table} AS member
    SET valid_from = coalesce(
            (SELECT seen FROM late WHERE late.{of} = member.{of} AND late.agent_id = member.agent_id
             AND late.noted = member.valid_from), member.valid_from),
        valid_to = coalesce(
            (SELECT seen FROM late WHERE late.{of} = member.{of} AND late.agent_id = member.agent_id
             AND late.noted = member.valid_to), member.valid_to)
    WHERE account_id = :account_id AND (valid_from >= :now OR valid_to >= :now)
"""
IN_THE_FUTURE = (
    MEMBERSHIPS.format(table=f"{SCHEMA}.team_members", of="team_id"),
    MEMBERSHIPS.format(table=f"{SCHEMA}.inbox_members", of="inbox_id"),
    f"""
    UPDATE {SCHEMA}.conversations SET history_read_at = :now - interval '1 microsecond'
    WHERE account_id = :account_id AND history_read_at >= :now
    """,  # noqa: S608 -- only a constant is formatted in
    # Whose events were read then is asked again.
    f"""
    UPDATE {SCHEMA}.conversations SET events_read_at = NULL WHERE account_id = :account_id AND events_read_at >= :now
    """,  # noqa: S608 -- only a constant is formatted in
    f"""
    UPDATE {SCHEMA}.conversation_ledger SET checked_at = :now WHERE account_id = :account_id AND checked_at > :now
    """,  # noqa: S608 -- only a constant is formatted in
    f"""
    WITH late AS (
        SELECT conversation_id, valid_from, :now - interval '1 microsecond' * row_number() OVER (
            PARTITION BY conversation_id ORDER BY valid_from DESC
        ) AS seen
        FROM {SCHEMA}.conversation_states WHERE account_id = :account_id AND valid_from >= :now
    )
    UPDATE {SCHEMA}.conversation_states AS state
    SET valid_from = coalesce(
            (SELECT seen FROM late WHERE late.conversation_id = state.conversation_id
             AND late.valid_from = state.valid_from), state.valid_from),
        valid_to = coalesce(
            (SELECT seen FROM late WHERE late.conversation_id = state.conversation_id
             AND late.valid_from = state.valid_to), state.valid_to)
    WHERE account_id = :account_id AND conversation_id IN (SELECT conversation_id FROM late)
      AND (valid_from >= :now OR valid_to >= :now)
    """,  # noqa: S608 -- only a constant is formatted in
    f"""
    WITH late AS (
        SELECT number, :now - interval '1 microsecond' * row_number() OVER (
            PARTITION BY entity, entity_id, field ORDER BY seen_at DESC, number DESC
        ) AS seen
        FROM {SCHEMA}.field_changes WHERE account_id = :account_id AND seen_at >= :now
    )
    UPDATE {SCHEMA}.field_changes AS change SET seen_at = late.seen
    FROM late WHERE account_id = :account_id AND change.number = late.number
    """,  # noqa: S608 -- only a constant is formatted in
)


@dataclass(frozen=True)
class Clock:
    """Tells the time by a moment (UTC) and what has passed since, whatever becomes of this machine's own clock."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _since: float = field(default_factory=lambda: time.clock_gettime(TICKS))

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Return the database's clock."""
        return cls(connection.execute(select(func.clock_timestamp())).scalar_one())

    def now(self) -> datetime:
        """Return the time (UTC)."""
        return self.at + timedelta(seconds=time.clock_gettime(TICKS) - self._since)


def now(engine: Engine) -> datetime:
    """Return the time (UTC) by the database's clock."""
    with transaction(engine) as connection:
        return Clock.of(connection).at


def take_back_the_future(connection: Connection, account_id: int, at: datetime) -> None:
    """Set right what was noted at times that have not come yet: the clock was ahead then."""
    values = {"account_id": account_id, "now": at}
    if connection.scalar(text(AHEAD), values):
        for statement in IN_THE_FUTURE:
            connection.execute(text(statement), values)
