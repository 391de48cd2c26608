"""The page of the views, from the comments in their files."""

import re

from etl.views import schema
from parts.markdown import markdown_table

VIEWS_HEAD = f"""\
# The views

<!-- Generated from etl/views/sql/*.sql by docs/generate.py. Change the comments there, then run `make docs`. -->

What BI tools query, in the schema `{schema.BI_SCHEMA}`. Names ending in `_at` are times (`timestamptz`), those
ending in `_on`, and `day`, are days in the account's time zone (`ETL_TIMEZONE`), those ending in `_seconds` durations.
NULL means that it is not known, or has not happened. [How each figure is counted](metrics.md).

`conversation_attribute_columns` and `contact_attribute_columns` are made by the runs: a column for each custom
attribute that the account defines.

"""


def views_page() -> str:
    """Return the views of schema `bi` with their columns, as the comments in their files tell them."""
    told = comments_by_view()
    contents = markdown_table(
        ("view", "what a row is"), ((f"[{name}](#{name})", comments.pop("")) for name, comments in told.items())
    )
    sections = (
        f"\n## {name}\n\n"
        + markdown_table(("column", "meaning"), ((f"`{one}`", said) for one, said in comments.items()))
        for name, comments in told.items()
    )
    return VIEWS_HEAD + contents + "".join(sections)


def comments_by_view() -> dict[str, dict[str, str]]:
    """Return of each view its comments, as `_comments` does."""
    return {name: _comments((schema.FOLDER / f"{name}.sql").read_text(encoding="utf-8")) for name in schema.PUBLIC}


def _comments(statements: str) -> dict[str, str]:
    """Return the comments on a view's columns, and under "" the one on the view itself."""
    found = re.findall(r"^COMMENT ON (?:VIEW|COLUMN) \w+\.\w+\.?(\w*) IS '(.*)';$", statements, re.MULTILINE)
    return {name: said.replace("''", "'") for name, said in found}
