"""Service level targets in the tables: kept as the file has them, and held against the names that are known."""

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB

from etl.database.targets import Target
from etl.load.upsert import Row
from etl.settings import targets

NAMED = ("inbox", "channel", "team", "label")
# Names as in the views: without regard to capitals. A number stands for itself.
UNKNOWN = text("""
    SELECT wanted.key, array_agg(wanted.name #>> '{}' ORDER BY wanted.place)
    FROM (
        SELECT one.key, names.name, names.place
        FROM jsonb_each(:named) AS one
        CROSS JOIN LATERAL jsonb_array_elements(one.value) WITH ORDINALITY AS names(name, place)
    ) AS wanted
    WHERE NOT EXISTS (
        SELECT FROM helpdesk.target_names AS known
        WHERE known.account_id = :account_id AND known.kind = wanted.key
          AND known.one = lower(wanted.name #>> '{}') AND known.is_number = (jsonb_typeof(wanted.name) = 'number')
    )
    GROUP BY wanted.key ORDER BY wanted.key
""").bindparams(bindparam("named", type_=JSONB))


def rows_of(account_id: int, wanted: Iterable[targets.Target]) -> list[Row]:
    """Return targets as the rows of an account, in order of name and day."""
    rows = (
        {"account_id": account_id, "within_seconds": one.within} | one.model_dump(exclude={"within"}) for one in wanted
    )
    return sorted(rows, key=lambda row: (row["name"], row["valid_from"]))


def stored(connection: Connection, account_id: int) -> list[Row]:
    """Return the rows of an account that are there, in the same order."""
    found = connection.execute(select(*Target.__table__.columns).where(_are_of(account_id))).mappings()
    return sorted(map(dict, found), key=lambda row: (row["name"], row["valid_from"]))


def replace(connection: Connection, account_id: int, wanted: Iterable[targets.Target]) -> None:
    """Keep the targets of an account and no others; write nothing where they are there already."""
    rows = rows_of(account_id, wanted)
    if stored(connection, account_id) != rows:
        connection.execute(delete(Target).where(_are_of(account_id)))
        if rows:
            connection.execute(insert(Target), rows)


def unknown(connection: Connection, account_id: int, rows: Iterable[Row]) -> Iterator[tuple[str, str, str]]:
    """Yield target, key and names, with commas, that no inbox, channel, team or label of the account has."""
    for row in rows:
        named = {key: row[key] for key in NAMED if row[key] is not None}
        for key, names in connection.execute(UNKNOWN, {"account_id": account_id, "named": named}):
            yield f'"{row["name"]}" of {row["valid_from"]}', key, ", ".join(names)


def _are_of(account_id: int) -> ColumnElement[bool]:
    return Target.account_id == account_id
