"""Who may read the views of schema `bi`, and who sees personal data in them."""

from psycopg import sql
from sqlalchemy import Connection, Engine, delete, text
from sqlalchemy.dialects.postgresql import insert

from etl.database.bookkeeping import PersonalDataReader
from etl.database.engine import transaction
from etl.errors import DatabaseError
from etl.load.upsert import psycopg_of
from etl.views.attribute_columns import VIEWS
from etl.views.schema import BI_SCHEMA, PUBLIC

# The views run with their owner's rights: the role needs none on the tables below them, and gets none.
RIGHTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT ON {views} TO {role}",
    # A migration makes the views anew.
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role}",
)


def grant(engine: Engine, role: str, with_personal_data: bool) -> None:
    """Let a role read the views of schema `bi`, personal data in clear or masked; a later call overrides this.

    Raise DatabaseError when there is no such role, or when the user of DATABASE_URL does not own the views.
    """
    with transaction(engine) as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = :role"), {"role": role}):
            raise DatabaseError(
                f"There is no role {role}. Make it first: CREATE ROLE {_quoted(connection, role)} LOGIN PASSWORD '...';"
            )
        raw = psycopg_of(connection)
        views = sql.SQL(", ").join(
            sql.Identifier(BI_SCHEMA, name) for name in (*PUBLIC, *(view.name for view in VIEWS))
        )
        for right in RIGHTS:
            raw.execute(sql.SQL(right).format(schema=sql.Identifier(BI_SCHEMA), role=sql.Identifier(role), views=views))
        if with_personal_data:
            connection.execute(insert(PersonalDataReader).values(role_name=role).on_conflict_do_nothing())
        else:
            connection.execute(delete(PersonalDataReader).where(PersonalDataReader.role_name == role))


def _quoted(connection: Connection, role: str) -> str:
    return sql.Identifier(role).as_string(psycopg_of(connection))
