"""The data dictionary: every table, column and index, from the models."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Table, make_url
from sqlalchemy.schema import CreateIndex

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from parts.markdown import markdown_table

DIALECT = make_url("postgresql+psycopg://").get_dialect()()

DICTIONARY_HEAD = f"""\
# Data dictionary

<!-- Generated from etl/database/*.py by docs/generate.py. Change it there, then run `make docs`. -->

All tables lie in the schema `{SCHEMA}`. Names are the API's own, but for the API's `timestamp`, which is
`last_activity_at` here. Every time is a `timestamptz`. A column that may be NULL is NULL where the vendor sent null, or
has not sent the field yet. A key that refers to another table does so together with `account_id`.

"""


def data_dictionary() -> str:
    """Return all tables in the order in which they depend on each other, with their columns and indexes."""
    tables = METADATA.sorted_tables
    contents = markdown_table(
        ("table", "what a row is"), ((f"[{one.name}](#{one.name})", one.comment or "") for one in tables)
    )
    return DICTIONARY_HEAD + contents + "".join(map(_table_section, tables))


def _table_section(table: Table) -> str:
    targets = targets_of(table)
    rows = (
        (f"`{one.name}`", type_of(one), "yes" if one.nullable else "", _key(one, targets), one.comment or "")
        for one in table.columns
    )
    columns = markdown_table(("column", "type", "null?", "key", "meaning"), rows)
    return f"\n## {table.name}\n\n{table.comment}\n\n{columns}{_indexes(table)}"


def _key(column: Column[object], targets: dict[str, str]) -> str:
    target = targets.get(column.name, "").partition(".")[0]
    return ", ".join(["primary"] * column.primary_key + [f"to [{target}](#{target})"] * bool(target))


def type_of(column: Column[object]) -> str:
    """Return a column's type as PostgreSQL calls it."""
    name = str(column.type.compile(dialect=DIALECT))
    return name.lower().replace("timestamp with time zone", "timestamptz")


def targets_of(table: Table) -> dict[str, str]:
    """Return the table and column that each foreign key refers to, by the column that tells it from the others."""
    keys = (one for one in table.constraints if isinstance(one, ForeignKeyConstraint))
    return {key.column_keys[-1]: key.elements[-1].target_fullname.removeprefix(f"{SCHEMA}.") for key in keys}


def _indexes(table: Table) -> str:
    lines = sorted(_index(table, one) for one in table.indexes)
    return "\nIndexes beside the primary key's:\n\n" + "".join(lines) if lines else ""


def _index(table: Table, index: Index) -> str:
    """Return an index as PostgreSQL would be told to make it, from its name on."""
    statement = str(CreateIndex(index).compile(dialect=DIALECT))
    made, _, rest = statement.partition(" INDEX ")
    name, _, columns = rest.partition(f" ON {SCHEMA}.{table.name} ")
    return f"- `{name}` {columns}{', unique' if made.endswith('UNIQUE') else ''}\n"
