"""Who else may create functions and operators where names are looked for: they would be called with others' rights."""

from sqlalchemy import Connection, text

from etl.database.base import SCHEMA

# Names without a schema are looked for in these by `etl psql` and by the functions of the queue.
LOOKED_INTO = (SCHEMA, "etl_jobs")

# Superusers may create everywhere; so may whoever owns the schema or tables in it.
MAY_CREATE = """
    SELECT DISTINCT coalesce(role.rolname, 'PUBLIC') || ' in schema ' || schema.nspname AS may
    FROM pg_namespace AS schema
    CROSS JOIN aclexplode(schema.nspacl) AS given
    LEFT JOIN pg_roles AS role ON role.oid = given.grantee
    WHERE schema.nspname = ANY (:schemas) AND given.privilege_type = 'CREATE' AND role.rolsuper IS NOT TRUE
      AND given.grantee NOT IN (
          SELECT schema.nspowner UNION SELECT relowner FROM pg_class WHERE relnamespace = schema.oid AND relkind = 'r'
      )
    ORDER BY may
"""


def others_may_create(connection: Connection) -> str | None:
    """Say who may create in our own schemas besides their owner."""
    found = _may_create(connection, *LOOKED_INTO)
    return f"Others than the owner may create there: {', '.join(found)}." if found else None


def everybody_may_create(connection: Connection) -> str | None:
    """Say so where everybody may create in schema public, as before PostgreSQL 15 and in databases from then."""
    if "PUBLIC in schema public" not in _may_create(connection, "public"):
        return None
    return (
        "everybody may create in schema public. etl looks for nothing there; other programs do, and call what anybody"
        " has made."
    )


def _may_create(connection: Connection, *schemas: str) -> list[str]:
    return list(connection.execute(text(MAY_CREATE), {"schemas": list(schemas)}).scalars())
