"""Writes what documents say of the code: data dictionary, views, dbt's sources, the README's settings and picture.

`python docs/generate.py` writes what is stale; with `--check` it writes nothing, names what is stale and exits 1.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo
from sqlalchemy import Column, ForeignKeyConstraint, Index, Table, make_url
from sqlalchemy.schema import CreateIndex

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.settings.settings import Settings, variable_name
from etl.views import schema

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DICTIONARY = ROOT / "docs" / "data-dictionary.md"
VIEWS = ROOT / "docs" / "views.md"
DBT_SOURCES = ROOT / "bi" / "dbt" / "sources.yml"
DIALECT = make_url("postgresql+psycopg://").get_dialect()()

# account_id begins every key and refers to accounts: said once in words, it would hide everything else in the picture.
EVERYWHERE = "account_id"

# The columns that the picture shows beside the keys: what a table is about, in few words.
TELLING = {
    "accounts": ("base_url",),
    "agents": ("name", "email"),
    "attachments": ("file_type", "data_url"),
    "account_counts": ("all_count",),
    "bots": ("name",),
    "contacts": ("name", "email", "phone_number"),
    "conversation_ledger": ("state", "reason"),
    "conversation_states": ("valid_to", "status", "assignee_id", "team_id"),
    "conversations": ("status", "priority", "created_at", "last_activity_at", "first_reply_created_at"),
    "csat_responses": ("rating", "feedback_message"),
    "custom_attribute_definitions": ("attribute_key", "attribute_model", "attribute_display_type"),
    "inboxes": ("name", "channel_type"),
    "messages": ("message_type", "content", "private", "sender_type", "sender_id", "created_at"),
    "rejected_records": ("reason", "payload"),
    "sync_parts": ("walk", "first_page", "last_page"),
    "sync_runs": ("kind", "outcome", "started_at", "finished_at", "unaccounted"),
    "teams": ("name",),
}

DICTIONARY_HEAD = f"""\
# Data dictionary

<!-- Generated from etl/database/*.py by docs/generate.py. Change it there, then run `make docs`. -->

All tables lie in the schema `{SCHEMA}`. Names are the API's own, but for the API's `timestamp`, which is
`last_activity_at` here. Every time is a `timestamptz`. A column that may be NULL is NULL where the vendor sent null, or
has not sent the field yet. A key that refers to another table does so together with `account_id`.

"""

VIEWS_HEAD = f"""\
# The views

<!-- Generated from etl/views/sql/*.sql by docs/generate.py. Change the comments there, then run `make docs`. -->

What BI tools query, in the schema `{schema.BI_SCHEMA}`. Names ending in `_at` are times (`timestamptz`), those
ending in `_on`, and `day`, are days in the account's time zone (`ETL_TIMEZONE`), those ending in `_seconds` durations.
NULL means that it is not known, or has not happened. [How each figure is counted](metrics.md).

`conversation_attribute_columns` and `contact_attribute_columns` are made by the runs: a column for each custom
attribute that the account defines.

"""


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


def documents() -> dict[Path, str]:
    """Return the wanted text of every document that is generated, wholly or in part."""
    readme = README.read_text(encoding="utf-8")
    readme = replace_part(readme, "settings", settings_table())
    readme = replace_part(readme, "tables", picture())
    return {DICTIONARY: data_dictionary(), VIEWS: views_page(), DBT_SOURCES: dbt_sources(), README: readme}


def replace_part(text: str, name: str, part: str) -> str:
    """Return the text with another part between `<!-- name -->` and `<!-- /name -->`."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the text has no part between {begin} and {end}")
    return f"{before}{begin}\n{part}{end}{after}"


def settings_table() -> str:
    """Return the settings as a Markdown table, those that are required first."""
    fields = sorted(Settings.model_fields.items(), key=lambda item: not item[1].is_required())
    rows = [(f"`{variable_name(Settings, name)}`", _default(name, one), one.description or "") for name, one in fields]
    return markdown_table(("variable", "default", "meaning"), rows)


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if name == "home":  # depends on who asks, and on which machine
        return "the user's data folder"
    return "unset" if field.default is None else f"`{field.default}`"


def picture() -> str:
    """Return the tables and their foreign keys as a Mermaid diagram."""
    tables = METADATA.sorted_tables
    lines = [line for table in tables for line in _relations(table)]
    lines += [line for table in tables for line in _entity(table)]
    return "\n".join(["```mermaid", "erDiagram", *(f"    {line}" for line in lines), "```", ""])


def _entity(table: Table) -> Iterator[str]:
    targets = _targets(table)
    shown = {one.name for one in table.primary_key} | targets.keys() | set(TELLING.get(table.name, ()))
    if unknown := shown - {one.name for one in table.columns}:
        raise ValueError(f"{table.name} has no columns {', '.join(sorted(unknown))}: mend TELLING")
    yield f"{table.name} {{"
    for one in table.columns:
        if one.name in shown and (one.name != EVERYWHERE or table.name == "accounts"):
            keys = ",".join(["PK"] * one.primary_key + ["FK"] * (one.name in targets))
            yield f"    {_type(one)} {one.name} {keys}".rstrip()
    yield "}"


def _relations(table: Table) -> Iterator[str]:
    for name, target in sorted(_targets(table).items()):
        if name != EVERYWHERE:
            parent = "|o" if table.columns[name].nullable else "||"
            yield f"{target.partition('.')[0]} {parent}--o{{ {table.name} : {name}"


def _targets(table: Table) -> dict[str, str]:
    """Return the table and column that each foreign key refers to, by the column that tells it from the others."""
    keys = (one for one in table.constraints if isinstance(one, ForeignKeyConstraint))
    return {key.column_keys[-1]: key.elements[-1].target_fullname.removeprefix(f"{SCHEMA}.") for key in keys}


def data_dictionary() -> str:
    """Return all tables in the order in which they depend on each other, with their columns and indexes."""
    tables = METADATA.sorted_tables
    contents = markdown_table(
        ("table", "what a row is"), ((f"[{one.name}](#{one.name})", one.comment or "") for one in tables)
    )
    return DICTIONARY_HEAD + contents + "".join(map(_table_section, tables))


def _table_section(table: Table) -> str:
    targets = _targets(table)
    rows = (
        (f"`{one.name}`", _type(one), "yes" if one.nullable else "", _key(one, targets), one.comment or "")
        for one in table.columns
    )
    columns = markdown_table(("column", "type", "null?", "key", "meaning"), rows)
    return f"\n## {table.name}\n\n{table.comment}\n\n{columns}{_indexes(table)}"


def _key(column: Column[object], targets: dict[str, str]) -> str:
    target = targets.get(column.name, "").partition(".")[0]
    return ", ".join(["primary"] * column.primary_key + [f"to [{target}](#{target})"] * bool(target))


def _type(column: Column[object]) -> str:
    name = str(column.type.compile(dialect=DIALECT))
    return name.lower().replace("timestamp with time zone", "timestamptz")


def views_page() -> str:
    """Return the views of schema `bi` with their columns, as the comments in their files tell them."""
    told = _comments_by_view()
    contents = markdown_table(
        ("view", "what a row is"), ((f"[{name}](#{name})", comments.pop("")) for name, comments in told.items())
    )
    sections = (
        f"\n## {name}\n\n"
        + markdown_table(("column", "meaning"), ((f"`{one}`", said) for one, said in comments.items()))
        for name, comments in told.items()
    )
    return VIEWS_HEAD + contents + "".join(sections)


def dbt_sources() -> str:
    """Return tables and views with their columns as sources of dbt; the table of the runs tells how fresh they are."""
    tables = {
        str(one.name): {"": one.comment or ""} | {str(column.name): column.comment or "" for column in one.columns}
        for one in METADATA.sorted_tables
    }
    described = [_dbt_table(name, told) for name, told in tables.items()]
    next(one for one in described if one["name"] == "sync_runs")["config"] = DBT_FRESHNESS
    seen = [_dbt_table(name, told) for name, told in _comments_by_view().items()]
    sources = [
        {"name": SCHEMA, "description": "Everything that the API told, normalised", "tables": described},
        {"name": schema.BI_SCHEMA, "description": "What BI tools query", "tables": seen},
    ]
    text: str = yaml.safe_dump({"version": 2, "sources": sources}, sort_keys=False, width=120)
    return DBT_HEAD + text


def _dbt_table(name: str, told: dict[str, str]) -> dict[str, Any]:
    columns = [{"name": one, "description": said} for one, said in told.items() if one]
    return {"name": name, "description": told[""], "columns": columns}


def _comments_by_view() -> dict[str, dict[str, str]]:
    return {name: _comments((schema.FOLDER / f"{name}.sql").read_text(encoding="utf-8")) for name in schema.PUBLIC}


def _comments(statements: str) -> dict[str, str]:
    """Return the comments on a view's columns, and under "" the one on the view itself."""
    found = re.findall(r"^COMMENT ON (?:VIEW|COLUMN) \w+\.\w+\.?(\w*) IS '(.*)';$", statements, re.MULTILINE)
    return {name: said.replace("''", "'") for name, said in found}


def _indexes(table: Table) -> str:
    lines = sorted(_index(table, one) for one in table.indexes)
    return "\nIndexes beside the primary key's:\n\n" + "".join(lines) if lines else ""


def _index(table: Table, index: Index) -> str:
    """Return an index as PostgreSQL would be told to make it, from its name on."""
    statement = str(CreateIndex(index).compile(dialect=DIALECT))
    made, _, rest = statement.partition(" INDEX ")
    name, _, columns = rest.partition(f" ON {SCHEMA}.{table.name} ")
    return f"- `{name}` {columns}{', unique' if made.endswith('UNIQUE') else ''}\n"


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, one line a row."""
    lines = [names, ["---"] * len(names), *([one.replace("|", r"\|") for one in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def stale() -> dict[Path, str]:
    """Return the wanted texts of those documents that say something else, or are not there."""
    return {
        path: text
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main() -> None:
    """Write the stale documents, or with --check name them and exit 1."""
    parser = argparse.ArgumentParser(description="Writes what the documents say of the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; name what is stale and exit 1")
    only_check = parser.parse_args().check
    found = stale()
    names = ", ".join(str(path.relative_to(ROOT)) for path in found)
    if only_check and found:
        sys.exit(f"Stale: {names}. Run `make docs`.")
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Written: {names}.\n" if found else "All documents are current.\n")


if __name__ == "__main__":
    main()
