"""What the user of DATABASE_URL may do in the database, and what others have made there: looked at before a night."""

from typing import Any

from sqlalchemy import Connection, text

from etl.database.base import SCHEMA
from etl.database.catalog import has_table
from etl.database.engine import where
from etl.database.models import METADATA
from etl.database.objects import QUEUE_SCHEMA, first_of

BI_SCHEMA = "bi"
# What `etl grant` writes, and not a run.
NOT_OF_RUNS = {"personal_data_readers", "view_readers"}

READ_ONLY = """
    SELECT CASE WHEN pg_is_in_recovery() THEN 'is a standby, which nobody can write to'
        WHEN current_setting('transaction_read_only')::bool THEN 'lets this user read only' END
"""
HIDDEN = """
    SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = :schema AND relrowsecurity AND row_security_active(pg_class.oid) ORDER BY 1
"""
CREATES = """
    SELECT string_agg(name, ', ' ORDER BY name) FROM unnest(CAST(:schemas AS text[])) AS name
    WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = name)
      AND NOT has_database_privilege(current_database(), 'CREATE')
"""
CLOSED = """
    SELECT nspname, pg_get_userbyid(nspowner) FROM pg_namespace
    WHERE nspname = ANY(:schemas) AND NOT has_schema_privilege(oid, 'USAGE, CREATE') ORDER BY 1 LIMIT 1
"""
FOREIGN = """
    SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = :schema AND relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1
"""
# What the user lacks in a schema, as GRANT has it. Whoever may insert needs no right to the sequence of an identity.
LACKS = """
    WITH schema AS (SELECT * FROM pg_namespace WHERE nspname = :schema),
    relations AS (SELECT c.* FROM pg_class AS c JOIN schema ON schema.oid = c.relnamespace)
    SELECT 'USAGE on the schema' AS lacking FROM schema WHERE NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT concat(wanted, ' on ', relname) FROM relations
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS wanted
    WHERE relkind IN ('r', 'p') AND relname = ANY(:tables) AND NOT has_table_privilege(oid, wanted)
    UNION ALL
    SELECT concat('USAGE on ', relname) FROM relations JOIN pg_depend ON objid = relations.oid AND deptype = 'a'
    WHERE CASE WHEN relkind = 'S' THEN NOT has_sequence_privilege(relations.oid, 'USAGE') END
    UNION ALL
    SELECT concat('EXECUTE on ', proname, '()') FROM pg_proc JOIN schema ON schema.oid = pronamespace
    WHERE (proname = 'refresh_figures' OR proname LIKE 'procrastinate%')
      AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
"""
# Views are read with the rights of their owner, and figures computed with those of the function's.
POWERLESS = """
    SELECT DISTINCT pg_get_userbyid(view.relowner), concat(n.nspname, '.', view.relname)
    FROM pg_class AS view JOIN pg_namespace AS n ON n.oid = view.relnamespace
    WHERE n.nspname IN (:schema, :bi) AND view.relkind IN ('v', 'm') AND EXISTS (
        SELECT FROM pg_class AS tables JOIN pg_namespace AS held ON held.oid = tables.relnamespace
        WHERE held.nspname = :schema AND tables.relname = ANY(:tables) AND NOT (
            has_schema_privilege(view.relowner, held.oid, 'USAGE')
            AND has_table_privilege(view.relowner, tables.oid, 'SELECT')
        )
    ) ORDER BY 2
"""


def hidden_rows(connection: Connection) -> str | None:
    """Say that policies may hide rows of the tables from the user, who would take them for all."""
    found = _asked(connection, HIDDEN, schema=SCHEMA)
    return f"Row security may hide rows of {first_of(found)} from the {_user(connection)}." if found else None


def read_only(connection: Connection) -> str | None:
    """Say that nothing can be written."""
    said = _asked(connection, READ_ONLY)
    return f"{where(connection.engine)} {said[0]}." if said else None


def no_temporary_tables(connection: Connection) -> str | None:
    """Say that `etl migrate` may make no temporary tables, by which it moves rows."""
    if _is_migrated(connection):
        return None
    may = _asked(connection, "SELECT has_database_privilege(current_database(), 'TEMPORARY') OR NULL")
    return None if may else f"The {_user(connection)} may make no temporary tables, by which `etl migrate` moves rows."


def no_right_to_create(connection: Connection) -> str | None:
    """Say which schemas `etl migrate` has to create and may not."""
    schemas = [SCHEMA, BI_SCHEMA, QUEUE_SCHEMA]
    lacking = _asked(connection, CREATES, schemas=schemas)
    return f"The {_user(connection)} may not create schemas in the database: {lacking[0]}." if lacking else None


def schema_of_others(connection: Connection) -> str | None:
    """Say that a schema of our name, in which no migration has been, is somebody else's or holds something else."""
    if _is_migrated(connection):
        return None
    if found := _asked(connection, FOREIGN, schema=SCHEMA):
        return f"Schema {SCHEMA} in {where(connection.engine)} holds what etl did not make: {first_of(found)}."
    return None


def closed_schema(connection: Connection) -> str | None:
    """Say that a schema in which `etl migrate` is to make tables is closed to the user."""
    if _is_migrated(connection):
        return None
    found = connection.execute(text(CLOSED), {"schemas": [SCHEMA, BI_SCHEMA, QUEUE_SCHEMA]}).first()
    return (
        f"Schema {found[0]} belongs to {found[1]}, and the {_user(connection)} may not create in it." if found else None
    )


def no_right_to_tables(connection: Connection) -> str | None:
    """Say which rights a run lacks."""
    tables = [table.name for table in METADATA.sorted_tables if table.name not in NOT_OF_RUNS]
    return _lacking(connection, SCHEMA, tables)


def no_right_to_queue(connection: Connection) -> str | None:
    """Say which rights a worker lacks."""
    tables = [f"procrastinate_{name}" for name in ("jobs", "events", "periodic_defers", "workers")]
    return _lacking(connection, QUEUE_SCHEMA, tables)


def powerless_owner(connection: Connection) -> str | None:
    """Say that views belong to a role that may not read the tables: nobody reads anything in them then."""
    tables = [table.name for table in METADATA.sorted_tables]
    found = connection.execute(text(POWERLESS), {"schema": SCHEMA, "bi": BI_SCHEMA, "tables": tables}).all()
    if not found:
        return None
    return f"{first_of([row[1] for row in found])} belong to {found[0][0]}, who may not read the tables."


def _lacking(connection: Connection, schema: str, tables: list[str]) -> str | None:
    if not _is_migrated(connection):
        return None
    found = sorted(_asked(connection, LACKS, schema=schema, tables=tables))
    return f"The {_user(connection)} lacks rights in schema {schema}: {first_of(found)}." if found else None


def _is_migrated(connection: Connection) -> bool:
    return has_table(connection, SCHEMA, "alembic_version")


def _asked(connection: Connection, query: str, **values: Any) -> list[str]:
    """Return the first column of what a query finds, without NULL."""
    return [value for value in connection.execute(text(query), values).scalars() if value is not None]


def _user(connection: Connection) -> str:
    return f"user {_asked(connection, 'SELECT current_user')[0]}"
