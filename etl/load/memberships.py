"""Who is a member of what, from when to when, as the runs saw it; and who is still listed among the agents."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, TextClause, text

from etl.database.base import SCHEMA


@dataclass(frozen=True)
class Kind:
    """Members of one kind of thing. holder: the column that says of which."""

    table: str
    holder: str


OF_TEAMS, OF_INBOXES = Kind("team_members", "team_id"), Kind("inbox_members", "inbox_id")

MEMBERS = "SELECT {holder}, agent_id FROM {table} WHERE account_id = :account_id AND valid_to IS NULL"
# The two lists of :holders and :agents are the pairs that are true now.
END = """
    UPDATE {table} AS held SET valid_to = greatest(:at, held.valid_from + interval '1 microsecond')
    WHERE held.account_id = :account_id AND held.{holder} = ANY(:read) AND held.valid_to IS NULL AND NOT EXISTS (
        SELECT FROM unnest(CAST(:holders AS bigint[]), CAST(:agents AS bigint[])) AS now(holder, agent)
        WHERE now.holder = held.{holder} AND now.agent = held.agent_id
    )
"""
BEGIN = """
    INSERT INTO {table} (account_id, {holder}, agent_id, valid_from)
    SELECT :account_id, now.holder, now.agent, greatest(:at, (
        SELECT max(past.valid_to) FROM {table} AS past
        WHERE past.account_id = :account_id AND past.{holder} = now.holder AND past.agent_id = now.agent
    ))
    FROM unnest(CAST(:holders AS bigint[]), CAST(:agents AS bigint[])) AS now(holder, agent)
    WHERE NOT EXISTS (
        SELECT FROM {table} AS held WHERE held.account_id = :account_id
          AND held.{holder} = now.holder AND held.agent_id = now.agent AND held.valid_to IS NULL
    )
    ORDER BY now.holder, now.agent
"""


def members(connection: Connection, account_id: int, kind: Kind) -> dict[int, set[int]]:
    """Return who is a member of what, as it was last seen: {team or inbox: agents}."""
    found: dict[int, set[int]] = defaultdict(set)
    for holder, agent in connection.execute(_statement(MEMBERS, kind), {"account_id": account_id}):
        found[holder].add(agent)
    return dict(found)


def save_members(
    connection: Connection, account_id: int, kind: Kind, read: Mapping[int, Set[int]], at: datetime
) -> None:
    """End the memberships that are not among those read, and begin those that are new.

    read: {team or inbox: all its members}; those of others stay. at: when it was seen. A membership ends after it
    began, and begins again no earlier than it ended, even where the clock went back.
    """
    pairs = [(holder, agent) for holder, agents in read.items() for agent in agents]
    values = {
        "account_id": account_id,
        "at": at,
        "read": list(read),
        "holders": [holder for holder, _ in pairs],
        "agents": [agent for _, agent in pairs],
    }
    connection.execute(_statement(END, kind), values)
    connection.execute(_statement(BEGIN, kind), values)


def _statement(statement: str, kind: Kind) -> TextClause:
    return text(statement.format(table=f"{SCHEMA}.{kind.table}", holder=kind.holder))


def leaving(connection: Connection, account_id: int, listed: Collection[int]) -> set[int]:
    """Return the agents that are not listed, and of whom that is not known yet."""
    unlisted = text(
        f"SELECT id FROM {SCHEMA}.agents WHERE account_id = :account_id AND is_listed IS NOT FALSE AND id <> ALL(:ids)"  # noqa: S608 -- only a constant is formatted in
    )
    return set(connection.scalars(unlisted, {"account_id": account_id, "ids": list(listed)}))


def mark_listed(connection: Connection, account_id: int, listed: Collection[int]) -> None:
    """Note of every agent whether the account's list of agents has it."""
    connection.execute(
        text(
            f"""
            UPDATE {SCHEMA}.agents SET is_listed = id = ANY(:ids), changed_at = now()
            WHERE account_id = :account_id AND is_listed IS DISTINCT FROM (id = ANY(:ids))
            """  # noqa: S608 -- only a constant is formatted in
        ),
        {"account_id": account_id, "ids": list(listed)},
    )
