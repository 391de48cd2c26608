"""The sources of dbt: tables and views with what is said of them, and tests of their keys."""

from typing import Any

import yaml
from sqlalchemy import Column, ForeignKeyConstraint, Table

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.views import schema
from parts.metrics import View, definitions
from parts.views import comments_by_view

SOURCES_HEAD = """\
# Generated from etl/database/*.py and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
"""
# All is as fresh as the last complete run of everything; a quiet night changes no other row.
DBT_FRESHNESS = {
    "loaded_at_field": "finished_at",
    "freshness": {
        "warn_after": {"count": 26, "period": "hour"},
        "error_after": {"count": 50, "period": "hour"},
        "filter": "outcome = 'complete' AND kind = 'sync' AND selection IS NULL",
    },
}
IF_TABLES_ARE_READ = "{{ var('helpdesk_tables', false) }}"

Node = dict[str, Any]


def written(head: str, content: Node) -> str:
    """Return a YAML file of dbt, with its keys in the order given."""
    text: str = yaml.safe_dump({"version": 2} | content, sort_keys=False, width=120, allow_unicode=True)
    return head + text


def dbt_sources() -> str:
    """Return tables and views with their columns as sources of dbt; the table of the runs tells how fresh they are."""
    tables = [_table(one) for one in METADATA.sorted_tables]
    next(one for one in tables if one["name"] == "sync_runs")["config"] = DBT_FRESHNESS
    views = [_view(name, told) for name, told in comments_by_view().items()]
    sources = [
        {
            "name": SCHEMA,
            "description": "Everything that the API told, normalised",
            "config": {"enabled": IF_TABLES_ARE_READ},
            "tables": tables,
        },
        {"name": schema.BI_SCHEMA, "description": "What BI tools query", "tables": views},
    ]
    return written(SOURCES_HEAD, {"sources": sources})


def _table(table: Table) -> Node:
    """Return a table with its key, and where its foreign keys lead."""
    keys = [one for one in table.constraints if isinstance(one, ForeignKeyConstraint)]
    key = [str(one.name) for one in table.primary_key]
    tests = [unique_test(key)] if len(key) > 1 else []
    tests += sorted((_refers_to(one) for one in keys), key=str)
    node = described(str(table.name), table.comment or "", [_column(one, table) for one in table.columns])
    return node | ({"data_tests": tests} if tests else {})


def _column(column: Column[Any], table: Table) -> Node:
    tests = ["not_null"] * (not column.nullable)
    tests += ["unique"] * (column.primary_key and len(table.primary_key) == 1)
    return column_node(column.name, column.comment or "", tests)


def _refers_to(key: ForeignKeyConstraint) -> Node:
    arguments = {
        "columns": list(key.column_keys),
        "to": f"source('{SCHEMA}', '{key.referred_table.name}')",
        "to_columns": [one.column.name for one in key.elements],
    }
    return {"refers_to": {"arguments": arguments}}


def _view(name: str, told: dict[str, str]) -> Node:
    """Return a view; of what metrics are made of its key is tested, too."""
    known = definitions().views.get(name, View(key=[]))
    key = [] if known.query else known.key
    columns = [column_node(one, said, ["not_null"] * (one == "account_id")) for one, said in told.items() if one]
    return described(name, told[""], columns) | ({"data_tests": [unique_test(key)]} if len(key) > 1 else {})


def unique_test(columns: list[str]) -> Node:
    """Return the test that no two rows have the same in all these columns."""
    return {"unique_together": {"arguments": {"columns": columns}}}


def column_node(name: str, said: str, tests: list[Any]) -> Node:
    """Return a column with its description and tests."""
    return {"name": name, "description": said} | ({"data_tests": tests} if tests else {})


def described(name: str, said: str, columns: list[Node]) -> Node:
    """Return a table, view or model with its description and columns."""
    return {"name": name, "description": said, "columns": columns}
