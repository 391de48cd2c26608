"""What PostgreSQL's catalogs tell anybody, whatever rights they have in a schema."""

from sqlalchemy import Connection, text


def has_schema(connection: Connection, schema: str) -> bool:
    """Return whether a schema is there."""
    found = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = :schema)")
    return bool(connection.scalar(found, {"schema": schema}))


def has_table(connection: Connection, schema: str, name: str) -> bool:
    """Return whether a table is there, whoever may see into its schema."""
    found = (
        "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE nspname = :schema AND relname = :name)"
    )
    return bool(connection.scalar(text(found), {"schema": schema, "name": name}))


def may_read(connection: Connection, schema: str, names: list[str]) -> bool:
    """Return whether these tables or views of a schema are there, and the user may read all of them."""
    found = text(
        "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = :schema AND c.relname = ANY(:names)"
        " AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')"
    )
    return bool(connection.scalar(found, {"schema": schema, "names": names}) == len(names))
