"""What a run shall read."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from etl import transform
from etl.client import Query
from etl.walk import STATUSES

# What these say is how to read, not what.
HOW = {"kind", "audit", "accept_deletions"}


@dataclass(frozen=True)
class Selection:
    """What a run shall read; the default is everything.

    kind: a backfill reads every history again, a sync those of the conversations that changed.
    since, until: conversations that were going on then, from their creation to their last activity; until is excluded.
    conversations: these ids and nothing else. search: messages that contain it. The rest are the vendor's own filters.
    recent: only what was active since the last complete run. audit: compare all messages with the vendor's search.
    accept_deletions: believe that many conversations are gone.
    """

    kind: Literal["sync", "backfill"] = "sync"
    statuses: tuple[str, ...] = STATUSES
    since: datetime | None = None
    until: datetime | None = None
    inbox_id: int | None = None
    team_id: int | None = None
    labels: tuple[str, ...] = ()
    assignee_type: str | None = None
    search: str | None = None
    conversations: tuple[int, ...] = ()
    recent: bool = False
    audit: bool = False
    accept_deletions: bool = False

    def chosen(self) -> dict[str, Any] | None:
        """Give what differs from everything, as JSON values; None when nothing does."""
        default = asdict(Selection())
        chosen = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if name not in HOW and value != default[name]
        }
        return chosen or None

    def query(self, status: str | None) -> Query:
        """Give the vendor's query parameters for the walk of a status; None: of whatever has the search term."""
        given: list[tuple[str, str | int | None]] = [
            ("status", status),
            ("assignee_type", self.assignee_type),
            ("inbox_id", self.inbox_id),
            ("team_id", self.team_id),
            ("q", self.search),
            *(("labels[]", label) for label in self.labels),
        ]
        return [(name, value) for name, value in given if value is not None]

    def counted_by(self) -> str | None:
        """Give which of the vendor's counts is of what the walk shows; None for a search, whose counts are useless."""
        if self.search is not None:
            return None
        return {"me": "mine_count", "assigned": "assigned_count", "unassigned": "unassigned_count"}.get(
            self.assignee_type or "all", "all_count"
        )

    def wants(self, payload: Any) -> bool:
        """Tell whether a conversation that the vendor answered belongs to the selection."""
        if self.statuses == STATUSES and self.since is None and self.until is None:
            return True
        # The vendor's own status filter does not suffice: the search term `q` switches it off (its section 2).
        statuses = None if self.conversations else self.statuses
        return transform.is_within(payload, statuses, self.since, self.until)
