"""The account's own attributes: their definitions, and the two views that have a column for each of them.

The views cover all accounts of the database. They are replaced only when the definitions say something else than their
columns do: a quiet run changes nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import sql
from sqlalchemy import Connection, delete, func, select, text

from etl.database.base import SCHEMA
from etl.database.dimensions import CustomAttributeDefinition
from etl.database.engine import any_of
from etl.load.upsert import psycopg_of
from etl.views.schema import BI_SCHEMA, rest_on_others

# In bytes; PostgreSQL cuts what is longer.
LONGEST_NAME = 63
# New readers of a view would wait behind us while we wait for a long reader: give up soon, the next run tries again.
LONGEST_WAIT_FOR_READERS = "3s"

# By the type of a definition: the column's type, and the function that reads it (migration 0001). The others are text.
TYPES = {
    "number": ("numeric", "attribute_number"),
    "currency": ("numeric", "attribute_number"),
    "percent": ("numeric", "attribute_number"),
    "date": ("date", "attribute_date"),
    "checkbox": ("boolean", "attribute_boolean"),
}
TEXT = ("text", None)


@dataclass(frozen=True)
class View:
    """A view of the attributes of conversations or of contacts."""

    entity: str

    @property
    def name(self) -> str:
        """Return the view's name, in schema `bi`."""
        return f"{self.entity}_attribute_columns"

    @property
    def identifier(self) -> sql.Identifier:
        """Return the view's name with its schema, quoted."""
        return sql.Identifier(BI_SCHEMA, self.name)


VIEWS = (View("conversation"), View("contact"))


@dataclass(frozen=True)
class Definition:
    """One attribute as an account defines it: its key, its name for people, its type as the vendor names it."""

    key: str
    display_name: str | None
    display_type: str | None


@dataclass(frozen=True)
class Column:
    """A column of a view: name, PostgreSQL's type, comment; made of the attribute `key` by a function, if any."""

    name: str
    type: str
    comment: str
    key: str = ""
    read_by: str | None = None

    def shown(self) -> tuple[str, str, str]:
        """Return what the database tells of the column."""
        return self.name, self.type, self.comment


def forget_others(connection: Connection, account_id: int, listed: Iterable[int]) -> None:
    """Delete the definitions of an account that are not among the ids that the vendor lists."""
    connection.execute(
        delete(CustomAttributeDefinition).where(
            CustomAttributeDefinition.account_id == account_id, ~(CustomAttributeDefinition.id == any_of(listed))
        )
    )


def renew_views(connection: Connection) -> None:
    """Give each view a column for every attribute that an account of this database defines.

    A view whose columns changed is made anew, with its owner and grants. Raise the driver's error when a reader holds
    the view for long, or when another view depends on it.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{LONGEST_WAIT_FOR_READERS}'"))
    # The runs of two accounts may find the same difference at the same time.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("etl attribute views", 0))))
    for view in VIEWS:
        wanted = _wanted(connection, view)
        held = _held(connection, view)
        is_foreign = rest_on_others(psycopg_of(connection), f"{BI_SCHEMA}.{view.name}")
        if not held or is_foreign or [column.shown() for column in wanted] != held[2:]:
            _replace(connection, view, wanted, [column[:2] for column in held[2:]])


def make_missing(connection: Connection) -> Iterator[str]:
    """Make those of the views that are not there; yield what was made."""
    for view in VIEWS:
        if not _held(connection, view):
            _replace(connection, view, _wanted(connection, view), [])
            yield f"the view {BI_SCHEMA}.{view.name}"


def drop_views(connection: PsycopgConnection[Any]) -> None:
    """Drop the views; `renew_views` makes them again."""
    for view in VIEWS:
        connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view.identifier))


def columns(definitions: Sequence[Definition], taken: Iterable[str]) -> list[Column]:
    """Return a column for each key, in the order of the definitions; `taken` are names that are not free.

    A key to which accounts give different types becomes text. Names are in lower case, with underscores for what is
    neither letter nor digit. A key that needs no change keeps its name; others that would have the same get a number.
    """
    by_key: dict[str, list[Definition]] = defaultdict(list)
    for definition in definitions:
        by_key[definition.key].append(definition)
    names: dict[str, str] = {}
    used = set(taken)
    for key in sorted(by_key, key=lambda key: _safe(key) != key):
        names[key] = _free(_safe(key), used)
        used.add(names[key])
    return [_column(key, names[key], of_key) for key, of_key in by_key.items()]


def _column(key: str, name: str, definitions: list[Definition]) -> Column:
    types = {TYPES.get(definition.display_type or "", TEXT) for definition in definitions}
    kind, read_by = types.pop() if len(types) == 1 else TEXT
    comment = " / ".join(dict.fromkeys(definition.display_name or key for definition in definitions))
    # The comment has the key, too, where the name differs: otherwise another key would look like the same column.
    return Column(name, kind, comment if name == key else f"{comment} ({key})", key, read_by)


def _safe(key: str) -> str:
    return _cut(re.sub(r"\W", "_", key.lower()), LONGEST_NAME) or "_"


def _free(name: str, used: set[str]) -> str:
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{_cut(name, LONGEST_NAME - len(f'_{number}'))}_{number}"
    return found


def _cut(name: str, longest: int) -> str:
    """Cut a name to so many bytes, at the end of a character."""
    return name.encode()[:longest].decode(errors="ignore")


def _wanted(connection: Connection, view: View) -> list[Column]:
    return columns(_definitions(connection, view), ("account_id", f"{view.entity}_id"))


def _definitions(connection: Connection, view: View) -> list[Definition]:
    """Read the definitions, the oldest first: a new one then becomes the last column."""
    table = CustomAttributeDefinition
    query = (
        select(table.attribute_key, table.attribute_display_name, table.attribute_display_type)
        .where(table.attribute_model == f"{view.entity}_attribute")
        .order_by(table.id, table.account_id)
    )
    return [Definition(key, name, kind) for key, name, kind in connection.execute(query) if key is not None]


def _held(connection: Connection, view: View) -> list[tuple[str, str, str]]:
    """Return name, type and comment of each column that a view has; nothing when there is no view."""
    query = """
        SELECT attname, format_type(atttypid, atttypmod), coalesce(col_description(attrelid, attnum), '')
        FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum > 0 ORDER BY attnum
    """
    found = connection.execute(text(query), {"name": f"{BI_SCHEMA}.{view.name}"})
    return [(row[0], row[1], row[2]) for row in found]


def _replace(connection: Connection, view: View, wanted: list[Column], held: list[tuple[str, str]]) -> None:
    """Replace a view: in place when it only gains columns at its end, else drop it and make it again."""
    raw = psycopg_of(connection)
    name = view.identifier
    grants: list[sql.Composed] = []
    if [column.shown()[:2] for column in wanted[: len(held)]] != held:
        grants = _grants(connection, view)
        raw.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(name))
    raw.execute(_create(view, wanted))
    said = f"A row a {view.entity}, a column for each attribute that is defined."
    raw.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(name, said))
    ids = (Column("account_id", "", "Account"), Column(f"{view.entity}_id", "", view.entity.capitalize()))
    for column in (*ids, *wanted):
        raw.execute(sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(name, sql.Identifier(column.name), column.comment))
    for grant in grants:
        raw.execute(grant)


def _create(view: View, wanted: list[Column]) -> sql.Composed:
    made: list[sql.Composable] = [
        sql.SQL("account_id"),
        sql.SQL("id AS {}").format(sql.Identifier(f"{view.entity}_id")),
    ]
    for column in wanted:
        value = sql.SQL("custom_attributes ->> {}").format(column.key)
        if column.read_by:
            read_by = sql.Identifier(SCHEMA, column.read_by)
            value = sql.SQL("{}(custom_attributes -> {})").format(read_by, column.key)
        made.append(sql.SQL("{} AS {}").format(value, sql.Identifier(column.name)))
    return sql.SQL("CREATE OR REPLACE VIEW {} AS SELECT {} FROM {}").format(
        view.identifier, sql.SQL(", ").join(made), sql.Identifier(SCHEMA, f"{view.entity}s")
    )


def _grants(connection: Connection, view: View) -> list[sql.Composed]:
    """Return the statements that give a view made anew the owner and the rights that the present one has."""
    query = """
        SELECT pg_get_userbyid(c.relowner) AS owner, pg_get_userbyid(c.relowner) <> CURRENT_USER AS foreign_owner,
            CASE WHEN acl.grantee <> 0 THEN pg_get_userbyid(acl.grantee) END AS grantee,
            acl.privilege_type AS privilege, acl.is_grantable AS grantable
        FROM pg_class AS c LEFT JOIN LATERAL aclexplode(c.relacl) AS acl ON acl.grantee <> c.relowner
        WHERE c.oid = to_regclass(:name)
    """
    name = view.identifier
    found = connection.execute(text(query), {"name": f"{BI_SCHEMA}.{view.name}"}).all()
    grants = [
        sql.SQL("GRANT {} ON {} TO {}{}").format(
            sql.SQL(row.privilege),
            name,
            sql.Identifier(row.grantee) if row.grantee else sql.SQL("PUBLIC"),
            sql.SQL(" WITH GRANT OPTION" if row.grantable else ""),
        )
        for row in found
        if row.privilege
    ]
    owner = [
        sql.SQL("ALTER VIEW {} OWNER TO {}").format(name, sql.Identifier(row.owner))
        for row in found[:1]
        if row.foreign_owner
    ]
    return grants + owner
