"""Which fields of rows differ from those that are stored, by the measure by which an upsert would change them.

The rows go to PostgreSQL as JSON, which reads them by the types of the table itself: so two values are one here exactly
where a run would leave the row as it is. Nothing is written.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, Table, text
from sqlalchemy.sql.elements import TextClause

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.load.upsert import Row

# A server may sign the address of a file anew with each answer: what is signed stands before the question mark.
ADDRESSES = {"data_url", "thumb_url"}
# What tells the key of a digest: those that were made with two keys, as of two tokens, say nothing of what they are of
# (etl/transform/content.py, etl/privacy/changes.py).
KEYS = {
    "content_digest": "left({0}.content_digest, 4)",
    "digests": "substring(CAST({0}.digests AS text) FROM 'digest:[0-9a-f]+')",
}


# In the place of a field, where one of the two has no such record at all; and in the place of its values.
RECORD, THERE, MISSING = "the record", "there", "missing"


class Differing(NamedTuple):
    """A field in which a row differs from the one that is stored."""

    table: str
    id: int
    field: str
    stored: str | None
    given: str | None


def find(
    connection: Connection, table_name: str, rows: Sequence[Row], left_out: Collection[str]
) -> Iterator[Differing]:
    """Yield the fields in which rows of one table, each with `account_id` and `id`, differ from those stored.

    left_out: columns that are not compared. A column that a row does not have is not, either.
    """
    if rows:
        statement = _statement(table_name, tuple(sorted(left_out)))
        for found in connection.execute(statement, {"rows": _as_json(rows)}):
            if found.is_stored:
                yield Differing(table_name, found.id, found.field, found.stored, found.given)
            elif found.field == "id":
                yield Differing(table_name, found.id, RECORD, MISSING, THERE)


def count_fields(table_name: str, rows: Sequence[Row], left_out: Collection[str]) -> int:
    """Return how many fields of rows are compared."""
    names = _compared(METADATA.tables[f"{SCHEMA}.{table_name}"], left_out)
    return sum(len(row.keys() & names) for row in rows)


def _as_json(rows: Sequence[Row]) -> str:
    try:
        return orjson.dumps(rows).decode()
    except TypeError:
        return json.dumps(rows, default=str)  # numbers beyond 64 bits are beyond orjson


def _compared(table: Table, left_out: Collection[str]) -> set[str]:
    return {column.name for column in table.columns if column.computed is None} - {"account_id", "id", *left_out}


@lru_cache
def _statement(table_name: str, left_out: tuple[str, ...]) -> TextClause:
    table = METADATA.tables[f"{SCHEMA}.{table_name}"]
    names = sorted(_compared(table, left_out))
    fields = ", ".join(
        f"('{name}', {_differs(name)}, CAST(held.{name} AS text), CAST(given.{name} AS text))" for name in names
    )
    return text(
        f"""
        SELECT given.id, held.id IS NOT NULL AS is_stored, field.name AS field, field.stored, field.given
        FROM json_array_elements(CAST(:rows AS json)) AS sent(record)
        CROSS JOIN LATERAL json_populate_record(CAST(NULL AS {SCHEMA}.{table_name}), sent.record) AS given
        LEFT JOIN {SCHEMA}.{table_name} AS held ON held.account_id = given.account_id AND held.id = given.id
        CROSS JOIN LATERAL (
            VALUES ('id', held.id IS NULL, CAST(NULL AS text), CAST(NULL AS text)), {fields}
        ) AS field(name, differs, stored, given)
        WHERE field.differs AND (sent.record -> field.name) IS NOT NULL
        ORDER BY given.id, field.name
        """  # noqa: S608 -- only names of our own tables are formatted in
    )


def _differs(name: str) -> str:
    """Write when a column differs: of `extra` only what is given is compared, as a run leaves the other keys there."""
    if name == "extra":
        return "(coalesce(held.extra, '{}') || given.extra) IS DISTINCT FROM held.extra"
    if name in ADDRESSES:
        return f"split_part(held.{name}, '?', 1) IS DISTINCT FROM split_part(given.{name}, '?', 1)"
    differs = f"held.{name} IS DISTINCT FROM given.{name}"
    if name in KEYS:
        return f"{differs} AND coalesce({KEYS[name].format('held')} = {KEYS[name].format('given')}, true)"
    return differs
