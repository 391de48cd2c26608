"""What this version keeps in the schemas of tables and queue, what of it a database lacks, and what makes it anew.

A restored database has what was dumped, which may be a part: one schema, tables without keys or without rows.
"""

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import NamedTuple

from psycopg import errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import AddConstraint, Constraint, Index

from etl.database.base import SCHEMA
from etl.database.catalog import may_read
from etl.database.engine import transaction, where
from etl.database.models import METADATA
from etl.errors import DatabaseError, Unfit

QUEUE_SCHEMA = "etl_jobs"
# What reads custom attributes: migration 0001.
FUNCTIONS = ("attribute_number", "attribute_date", "attribute_boolean")
# What cannot be made anew, as it held rows.
WITH_ROWS = ("table", "column")
NAMES_SHOWN = 3

CATALOG = """
    WITH relations AS (
        SELECT c.* FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = :schema
    )
    SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index'
        WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS kind, relname AS name
    FROM relations
    UNION ALL
    SELECT 'column', concat(relname, '.', attname) FROM relations JOIN pg_attribute ON attrelid = relations.oid
    WHERE relkind IN ('r', 'p', 'f') AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 'key', conname FROM pg_constraint WHERE conrelid IN (SELECT oid FROM relations)
    UNION ALL
    -- What is written to a whole table calls none of its partitions' triggers.
    SELECT 'trigger', tgname FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM relations WHERE NOT relispartition)
    UNION ALL
    SELECT 'function', proname FROM pg_proc JOIN pg_namespace AS n ON n.oid = pronamespace WHERE n.nspname = :schema
    UNION ALL
    SELECT 'type', typname FROM pg_type JOIN pg_namespace AS n ON n.oid = typnamespace
    WHERE n.nspname = :schema AND typtype = 'e'
"""
# Every column that a sequence numbers, as far as we may ask for both.
SEQUENCES = """
    SELECT format('%I.%I', n.nspname, c.relname) AS relation, quote_ident(a.attname) AS col,
        format('%I.%I', qn.nspname, q.relname) AS sequence
    FROM pg_depend AS d
    JOIN pg_class AS q ON q.oid = d.objid AND q.relkind = 'S'
    JOIN pg_namespace AS qn ON qn.oid = q.relnamespace
    JOIN pg_class AS c ON c.oid = d.refobjid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname IN (:tables, :queue)
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      -- Not a condition of its own: it would be asked of tables, too, which is an error.
      AND CASE WHEN q.relkind = 'S' THEN has_sequence_privilege(q.oid, 'SELECT, USAGE') END
    ORDER BY 1
"""
# Runs have read messages and marked their histories as read, and there is none: no run would read them again.
MESSAGES_ARE_LOST = f"""
    SELECT NOT EXISTS (SELECT FROM {SCHEMA}.messages)
    AND EXISTS (SELECT FROM {SCHEMA}.conversations WHERE mark IS NOT NULL)
    AND EXISTS (SELECT FROM {SCHEMA}.sync_runs WHERE (counts #>> '{{messages,inserted}}')::bigint > 0)
"""  # noqa: S608 -- only constants are formatted in


class Part(NamedTuple):
    """One thing in a schema. kind: table, column, key, index, function, view ...; name: without the schema's."""

    kind: str
    name: str


def of_tables() -> set[Part]:
    """Return what belongs into schema `helpdesk`, but for the views."""
    parts = {Part("function", name) for name in FUNCTIONS}
    for table in METADATA.tables.values():
        parts.add(Part("table", table.name))
        parts |= {Part("column", f"{table.name}.{column.name}") for column in table.columns}
        parts |= {Part("key", str(one.name)) for one in _keys([table.name])}
        parts |= {Part("index", str(index.name)) for index in table.indexes}
    return parts


def of_queue() -> set[Part]:
    """Return what belongs into schema `etl_jobs`: what procrastinate's own schema.sql creates."""
    statements = (files("procrastinate") / "sql" / "schema.sql").read_text(encoding="utf-8")
    made = re.findall(r"^CREATE (?:UNIQUE )?(TABLE|INDEX|FUNCTION|TRIGGER|TYPE) (\w+)", statements, re.MULTILINE)
    return {Part(kind.lower(), name) for kind, name in made}


def missing(connection: Connection, schema: str, wanted: Iterable[Part]) -> list[Part]:
    """Return what of the wanted a schema lacks, in the order of kind and name."""
    return sorted(set(wanted) - held(connection, schema))


def held(connection: Connection, schema: str) -> set[Part]:
    """Return what a schema holds; nothing where there is none."""
    return {Part(*row) for row in connection.execute(text(CATALOG), {"schema": schema})}


def said_of(schema: str, lacking: list[Part]) -> str:
    """Say what a schema lacks: the first few by name."""
    return f"Schema {schema} lacks {first_of([f'{part.kind} {part.name}' for part in lacking])}."


def first_of(names: list[str]) -> str:
    """Return the first few of names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def require_tables(engine: Engine) -> None:
    """Raise DatabaseError unless the tables are all there, with their keys, their rows and numbers that are free."""
    with transaction(engine) as connection:
        said = next(_faults_of_tables(connection), None)
    if said:
        raise Unfit(said)


def require_queue(engine: Engine) -> None:
    """Raise DatabaseError unless the queue of jobs is there, wholly."""
    with transaction(engine) as connection:
        lacking = missing(connection, QUEUE_SCHEMA, of_queue())
    if lacking:
        raise Unfit(f"{said_of(QUEUE_SCHEMA, lacking)} Run `etl migrate`, which makes the queue anew.")


def make_tables_whole(connection: Connection) -> Iterator[str]:
    """Make keys and indexes anew, set sequences on, and open the marks of lost histories; yield what was done.

    Raise DatabaseError when tables or columns are missing, as their rows are. The functions must be there already.
    """
    lacking = missing(connection, SCHEMA, of_tables())
    if lost := [part for part in lacking if part.kind in WITH_ROWS]:
        raise DatabaseError(_without_rows(connection.engine, lost))
    names = {part.name for part in lacking}
    for key in _keys(table.name for table in METADATA.sorted_tables):
        if key.name in names:
            connection.execute(AddConstraint(key))
            yield f"key {key.name}"
    for index in _indexes():
        if index.name in names:
            index.create(connection)
            yield f"index {index.name}"
    for sequence, highest in _behind(connection, waits=True):
        connection.execute(text("SELECT setval(CAST(:sequence AS regclass), :highest)"), {
            "sequence": sequence, "highest": highest
        })  # fmt: skip
        yield f"the numbers of {sequence}, from {highest + 1} on"
    if connection.scalar(text(MESSAGES_ARE_LOST)):
        connection.execute(text(f"UPDATE {SCHEMA}.conversations SET mark = NULL"))  # noqa: S608 -- a constant
        yield "the marks of all histories, whose messages are gone: the next run reads them again"


def _faults_of_tables(connection: Connection) -> Iterator[str]:
    lacking = missing(connection, SCHEMA, of_tables())
    if lost := [part for part in lacking if part.kind in WITH_ROWS]:
        yield _without_rows(connection.engine, lost)
    elif lacking:
        yield f"{said_of(SCHEMA, lacking)} Run `etl migrate`, which makes it anew."
    # Nobody can stop us yet: what is locked is not waited for here, and the run itself will.
    for sequence, highest in _behind(connection, waits=False):
        yield f"Sequence {sequence} is behind {highest}, which is taken already. Run `etl migrate`, which sets it on."
    asked = ["messages", "conversations", "sync_runs"]
    is_open = may_read(connection, SCHEMA, asked) and _can_be_read(connection, *(f"{SCHEMA}.{one}" for one in asked))
    if is_open and connection.scalar(text(MESSAGES_ARE_LOST)):
        yield (
            f"{SCHEMA}.messages is empty, and runs have read messages: the table was restored without its rows."
            " Restore it, or run `etl migrate`: the next run then reads all histories again."
        )


def _without_rows(engine: Engine, lost: list[Part]) -> str:
    tables = [part for part in lost if part.kind == "table"]
    gone = tuple(f"{part.name}." for part in tables)
    columns = [part for part in lost if part.kind == "column" and not part.name.startswith(gone)]
    return (
        f"{said_of(SCHEMA, tables + columns)} Rows are lost with it: restore the whole schema of {where(engine)} from a"
        " backup, or use a new database, then run `etl migrate && etl sync`."
    )


def _can_be_read(connection: Connection, *relations: str) -> bool:
    """Return whether tables can be read at once: nobody has a lock on them that would have us wait."""
    try:
        with connection.begin_nested():
            connection.execute(text(f"LOCK TABLE {', '.join(relations)} IN ACCESS SHARE MODE NOWAIT"))
    except DBAPIError as error:
        if isinstance(error.orig, errors.LockNotAvailable):
            return False
        raise
    return True


def _behind(connection: Connection, waits: bool) -> list[tuple[str, int]]:
    """Return the sequences that would give a number again, and the highest that is taken; as far as we may ask.

    waits: for tables that others have locked; else these are not asked.
    """
    found = connection.execute(text(SEQUENCES), {"tables": SCHEMA, "queue": QUEUE_SCHEMA}).all()
    if found and not waits and not _can_be_read(connection, *(row.relation for row in found)):
        found = [row for row in found if _can_be_read(connection, row.relation)]
    if not found:
        return []
    # Of a row that is saved meanwhile, which this does not see, the number is taken already.
    asked = " UNION ALL ".join(
        f"SELECT CAST(:of{number} AS text), coalesce((SELECT max({row.col}) FROM {row.relation}), 0) AS highest,"  # noqa: S608 -- quoted
        f" coalesce(pg_sequence_last_value(CAST(:of{number} AS regclass)), 0) AS last"
        for number, row in enumerate(found)
    )
    names = {f"of{number}": row.sequence for number, row in enumerate(found)}
    return [(name, highest) for name, highest, last in connection.execute(text(asked), names) if highest > last]


def _keys(tables: Iterable[str]) -> Iterator[Constraint]:
    """Yield the constraints that have a name: primary keys of all tables before those that refer to them."""
    wanted = [METADATA.tables[f"{SCHEMA}.{name}"] for name in tables]
    yield from (table.primary_key for table in wanted)
    for table in wanted:
        yield from sorted(
            (one for one in table.constraints if one is not table.primary_key), key=lambda one: str(one.name)
        )


def _indexes() -> list[Index]:
    found = (index for table in METADATA.sorted_tables for index in table.indexes)
    return sorted(found, key=lambda index: str(index.name))
