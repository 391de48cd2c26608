"""`etl grant`: who may read the views of schema `bi`, and who sees personal data in them."""

from psycopg import sql
from sqlalchemy import Connection, Engine, delete, text
from sqlalchemy.dialects.postgresql import insert

from etl.database.base import SCHEMA
from etl.database.bookkeeping import PersonalDataReader
from etl.database.engine import transaction
from etl.errors import DatabaseError
from etl.load.upsert import psycopg_of
from etl.views import readers
from etl.views.schema import BI_SCHEMA, PUBLIC

THERE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :role)"
STILL = """
    SELECT bool_or(has_schema_privilege(:role, n.oid, 'USAGE') AND has_table_privilege(:role, c.oid, 'SELECT'))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = ANY(:views)
"""
CLEAR = f"""
    SELECT pg_has_role(:role, tables.relowner, 'USAGE') OR EXISTS (
        SELECT FROM {SCHEMA}.personal_data_readers AS reader JOIN pg_roles AS role ON role.rolname = reader.role_name
        WHERE pg_has_role(:role, role.oid, 'MEMBER')
    ) FROM pg_class AS tables WHERE tables.oid = '{SCHEMA}.contacts'::regclass
"""  # noqa: S608 -- only constants are formatted in


def grant(engine: Engine, role: str, with_personal_data: bool) -> None:
    """Let a role read the views of schema `bi`, personal data in clear or masked; a later call overrides this.

    Raise DatabaseError when there is no such role, or when the user of DATABASE_URL does not own the views; and when it
    sees personal data all the same, as others let it.
    """
    with transaction(engine) as connection:
        if not connection.scalar(text(THERE), {"role": role}):
            raise DatabaseError(
                f"There is no role {role}. Make it first: CREATE ROLE {_quoted(connection, role)} LOGIN PASSWORD '...';"
            )
        readers.give(connection, role)
        if with_personal_data:
            connection.execute(insert(PersonalDataReader).values(role_name=role).on_conflict_do_nothing())
        else:
            connection.execute(delete(PersonalDataReader).where(PersonalDataReader.role_name == role))
        sees_them = connection.scalar(text(CLEAR), {"role": role})
    if sees_them and not with_personal_data:
        raise DatabaseError(
            f"{role} may read the views of schema bi, and sees personal data in clear all the same: as their owner, a"
            " superuser, or a member of a role that was granted it --with-personal-data."
        )


def revoke(engine: Engine, role: str) -> None:
    """Take back what `grant` gave a role, which need not be there any more.

    Raise DatabaseError when it is none, and was never granted; and when it goes on reading the views all the same.
    """
    with transaction(engine) as connection:
        is_there = connection.scalar(text(THERE), {"role": role})
        if not is_there and not readers.is_reader(connection, role):
            raise DatabaseError(f"There is no role {role}, and none of this name was granted anything.")
        readers.take(connection, role, bool(is_there))
        asked = {"role": role, "schema": BI_SCHEMA, "views": list(PUBLIC)}
        still = is_there and connection.scalar(text(STILL), asked)
    if still:
        raise DatabaseError(
            f"What `etl grant` gave {role} is taken back, and it reads the views all the same: as their owner, a"
            " superuser, a member of another role, or by a right that somebody else gave (\\dp bi.* in `etl psql`)."
        )


def _quoted(connection: Connection, role: str) -> str:
    return sql.Identifier(role).as_string(psycopg_of(connection))
