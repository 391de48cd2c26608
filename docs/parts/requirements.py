"""The table of what a database has to be and to allow."""

from etl.database.requirements import REQUIREMENTS, Requirement
from parts.markdown import markdown_table


def requirements() -> str:
    """Return what a database has to be, by the word that a line of `etl check` begins with, and what to do."""
    rows = ((f"`{one.name}`", one.wanted, _otherwise(one), one.advice) for one in REQUIREMENTS)
    return markdown_table(("line", "wanted", "otherwise", "what to do"), rows)


def _otherwise(requirement: Requirement) -> str:
    if requirement.refuses:
        return "no command goes on"
    return "FAULT" if requirement.is_fault else "note"
