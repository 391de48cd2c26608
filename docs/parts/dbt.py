"""The sources of dbt: tables and views with what is said of them."""

from typing import Any

import yaml

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.views import schema
from parts.views import comments_by_view

DBT_HEAD = """\
# Generated from etl/database/*.py and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
# For dbt 1.10 or newer: copy this file into the models of your project.
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


def dbt_sources() -> str:
    """Return tables and views with their columns as sources of dbt; the table of the runs tells how fresh they are."""
    tables = {
        str(one.name): {"": one.comment or ""} | {str(column.name): column.comment or "" for column in one.columns}
        for one in METADATA.sorted_tables
    }
    described = [_dbt_table(name, told) for name, told in tables.items()]
    next(one for one in described if one["name"] == "sync_runs")["config"] = DBT_FRESHNESS
    seen = [_dbt_table(name, told) for name, told in comments_by_view().items()]
    sources = [
        {"name": SCHEMA, "description": "Everything that the API told, normalised", "tables": described},
        {"name": schema.BI_SCHEMA, "description": "What BI tools query", "tables": seen},
    ]
    text: str = yaml.safe_dump({"version": 2, "sources": sources}, sort_keys=False, width=120)
    return DBT_HEAD + text


def _dbt_table(name: str, told: dict[str, str]) -> dict[str, Any]:
    columns = [{"name": one, "description": said} for one, said in told.items() if one]
    return {"name": name, "description": told[""], "columns": columns}
