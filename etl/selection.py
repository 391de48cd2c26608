"""What a run shall read: everything, what is recent, or what a backfill selects."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

STATUSES = ("open", "resolved", "pending", "snoozed")
# Fields that say how to read, not what.
HOW = {"kind", "full", "audit", "accept_deletions", "accept_contract"}


@dataclass(frozen=True)
class Selection:
    """What a run shall read; the default is everything.

    kind: a backfill reads every history again, a sync those of the conversations that changed.
    since, until: conversations that were going on then, from their creation to their last activity; until is excluded.
    conversations: these ids and nothing else. search: messages that contain it. The rest are the vendor's own filters.
    recent: only what was active since the last complete run. full: walk every page, also where counts would do. audit:
    that, and compare all messages with the vendor's search.
    accept_deletions: believe that many conversations are gone. accept_contract: that the vendor sends other fields now.
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
    full: bool = False
    audit: bool = False
    accept_deletions: bool = False
    accept_contract: bool = False

    def chosen(self) -> dict[str, Any] | None:
        """Return the fields that differ from the default, as JSON values; None when none does."""
        default = asdict(Selection())
        chosen = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if name not in HOW and value != default[name]
        }
        return chosen or None
