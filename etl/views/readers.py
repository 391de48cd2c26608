"""The roles that `etl grant` let read the views of schema `bi`: kept in a table, as a restore may lose their rights.

A right that somebody took back by SQL is not given again: a role that lacks one which it was given in the very schema
that is there is taken off the list. What lacks in a schema that was made anew was lost with the old one.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import sql
from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.base import SCHEMA
from etl.database.bookkeeping import PersonalDataReader, ViewReader
from etl.database.catalog import may_read
from etl.load.upsert import psycopg_of
from etl.views.attribute_columns import VIEWS
from etl.views.schema import BI_SCHEMA, PUBLIC

# The views run with their owner's rights: the role needs none on the tables below them, and gets none.
GIVE = ("GRANT USAGE ON SCHEMA {schema} TO {role}", "GRANT SELECT ON {views} TO {role}")
TAKE = ("REVOKE SELECT ON {views} FROM {role}", "REVOKE USAGE ON SCHEMA {schema} FROM {role}")

# may_read: of the views that are there; NULL when there is no such role. Of the views of custom attributes, which a run
# makes anew where they are not there, nothing follows.
STANDING = f"""
    SELECT reader.role_name AS role, reader.schema_oid = schema.oid::bigint AS in_this_schema,
        has_schema_privilege(role.oid, schema.oid, 'USAGE') AND NOT EXISTS (
            SELECT FROM pg_class AS view WHERE view.relnamespace = schema.oid AND view.relname = ANY(:views)
            AND NOT has_table_privilege(role.oid, view.oid, 'SELECT')
        ) AS may_read,
        role.oid IS NOT NULL AS is_there,
        clear.role_name IS NOT NULL AS in_clear
    FROM helpdesk.view_readers AS reader
    LEFT JOIN helpdesk.personal_data_readers AS clear ON clear.role_name = reader.role_name
    LEFT JOIN pg_namespace AS schema ON schema.nspname = '{BI_SCHEMA}'
    LEFT JOIN pg_roles AS role ON role.rolname = reader.role_name
    ORDER BY 1
"""  # noqa: S608 -- only constants are formatted in
SCHEMA_OID = "SELECT oid::bigint FROM pg_namespace WHERE nspname = :schema"


def give(connection: Connection, role: str) -> None:
    """Let a role read all views, and write it down."""
    _execute(connection, GIVE, role)
    oid = connection.scalar(text(SCHEMA_OID), {"schema": BI_SCHEMA})
    given = insert(ViewReader).values(role_name=role, schema_oid=oid)
    connection.execute(given.on_conflict_do_update(index_elements=["role_name"], set_={"schema_oid": oid}))


def take(connection: Connection, role: str, is_there: bool = True) -> None:
    """Take a role off the list, and its rights, where there is such a role."""
    if is_there:
        _execute(connection, TAKE, role)
    _forget(connection, role)


def release(connection: Connection) -> list[str]:
    """Take those off the list whose rights somebody took back by SQL, or who were dropped; return a sentence for each.

    A role that is not there in a schema that was made anew may be one that a restore left out; else it was dropped, and
    who is called so later is somebody else.
    """
    standing = _standing(connection)
    dropped = [one.role for one in standing if one.in_this_schema and not one.is_there]
    gone = [one.role for one in standing if was_taken_back(one.in_this_schema, one.may_read)]
    for role in (*dropped, *gone):
        _forget(connection, role)
    return [f"{role} is no longer on the list of readers: there is no such role any more." for role in dropped] + [
        f"{role} is no longer on the list of readers: its right to the views was taken back by SQL. `etl grant` gives"
        " it again."
        for role in gone
    ]


def give_again(connection: Connection, is_anew: bool) -> list[str]:
    """Give those on the list the rights that were lost with the views or their schema; return what to tell of it.

    is_anew: whether any view was made by now.
    """
    told = []
    for one in _standing(connection):
        seen = "in clear" if one.in_clear else "masked"
        if not one.is_there:
            connection.execute(update(ViewReader).where(ViewReader.role_name == one.role).values(schema_oid=None))
            told.append(
                f"{one.role} could read the views, with personal data {seen}, and there is no such role: make it and"
                " run `etl migrate` again, or take it off the list with `etl grant --revoke`."
            )
        elif is_anew or not one.in_this_schema:
            give(connection, one.role)
            if not one.in_this_schema:
                told.append(f"{one.role} may read the views of schema bi again, with personal data {seen}.")
    return told


def without_rights(connection: Connection) -> Iterator[tuple[bool, str]]:
    """Yield what is wrong with the readers' rights: whether a migration mends it, and a sentence."""
    for one in _standing(connection):
        if not one.is_there:
            yield False, f"There is no role {one.role}, which `etl grant` let read the views."
        elif was_taken_back(one.in_this_schema, one.may_read):
            yield False, f"Of {one.role} the right to read the views was taken back by SQL."
        elif not one.may_read:
            yield True, f"{one.role} may not read the views any more, as `etl grant` let it."


def was_taken_back(in_this_schema: bool | None, may_read: bool | None) -> bool:
    """Return whether a right that was given in the schema that is there is there no more."""
    return bool(in_this_schema) and may_read is False


def _standing(connection: Connection) -> list[Any]:
    if not may_read(connection, SCHEMA, ["view_readers", "personal_data_readers"]):
        return []
    return list(connection.execute(text(STANDING), {"views": list(PUBLIC)}))


def _execute(connection: Connection, statements: tuple[str, ...], role: str) -> None:
    views = sql.SQL(", ").join(sql.Identifier(BI_SCHEMA, name) for name in (*PUBLIC, *(view.name for view in VIEWS)))
    for statement in statements:
        psycopg_of(connection).execute(
            sql.SQL(statement).format(schema=sql.Identifier(BI_SCHEMA), role=sql.Identifier(role), views=views)
        )


def _forget(connection: Connection, role: str) -> None:
    for table in (ViewReader, PersonalDataReader):
        connection.execute(delete(table).where(table.role_name == role))


def is_reader(connection: Connection, role: str) -> bool:
    """Return whether a role is on the list."""
    return connection.scalar(select(ViewReader.role_name).where(ViewReader.role_name == role)) is not None
