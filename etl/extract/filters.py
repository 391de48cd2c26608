"""The vendor's own filters for a selection, and which of its counts covers what they let through."""

from etl.extract.client import Query
from etl.selection import Selection


def query_of(selection: Selection, status: str | None) -> Query:
    """Return the query parameters for the walk of a status; None: for a search, whatever the status."""
    given: list[tuple[str, str | int | None]] = [
        ("status", status),
        ("assignee_type", selection.assignee_type),
        ("inbox_id", selection.inbox_id),
        ("team_id", selection.team_id),
        ("q", selection.search),
        *(("labels[]", label) for label in selection.labels),
    ]
    return [(name, value) for name, value in given if value is not None]


def counted_by(selection: Selection) -> str | None:
    """Return the name of the vendor's count of what the walk shows; None for a search, whose counts are useless."""
    if selection.search is not None:
        return None
    return {"me": "mine_count", "assigned": "assigned_count", "unassigned": "unassigned_count"}.get(
        selection.assignee_type or "all", "all_count"
    )
