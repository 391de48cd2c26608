"""What there is to go by of a conversation: what was written in it, and how runs saw it, in order of time.

Written from docs/metrics.md, without a look at the SQL: two readings of one document are held against each other.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
WHOLE = (None, {"recent": True})
EXTERNAL = "external_echo"


@dataclass(frozen=True)
class Written:
    """A message, and what it is to a report."""

    at: datetime
    id: int
    is_activity: bool
    is_message: bool
    is_question: bool
    is_reply: bool | None
    is_spoken: bool
    agent_id: int | None
    row: Row


@dataclass(frozen=True)
class Seen:
    """How a run saw a conversation. begun: of the run, as it was so at a moment between the two."""

    at: datetime
    begun: datetime
    state: Row
    is_begin: bool = False

    @property
    def told_before(self) -> datetime:
        """From when on an activity may tell what changed since; a later run may have looked before one of its time."""
        return self.at if self.at == self.state["valid_from"] else self.begun

    @property
    def is_resolved(self) -> bool:
        return bool(self.state["status"] == "resolved")


@dataclass(frozen=True)
class Told:
    """What the vendor wrote down of a conversation: resolved, opened, or anything else; None: nothing from here on."""

    at: datetime
    what: str | None
    user_id: int | None = None


@dataclass
class Evidence:
    """All there is of one conversation."""

    conversation: Row
    written: list[Written] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    responses: dict[datetime, int | None] = field(default_factory=dict)

    def state_at(self, at: datetime) -> Row | None:
        return next((one for one in reversed(self.states) if one["valid_from"] <= at), None)


def gather(tables: dict[str, list[Row]]) -> list[Evidence]:
    """Sort the rows of the base tables of one account by their conversations."""
    messages, states = defaultdict(list), defaultdict(list)
    for row in tables["messages"]:
        if row["removed_at"] is None:
            messages[row["conversation_id"]].append(row)
    for row in tables["conversation_states"]:
        states[row["conversation_id"]].append(row)
    events = defaultdict(list)
    for row in tables.get("reporting_events", []):
        if row["event_end_time"] is not None:
            events[row["conversation_id"]].append(row)
    gathered, whole = [], whole_runs(tables["sync_runs"])
    for conversation in tables["conversations"]:
        own = sorted(states[conversation["id"]], key=lambda row: row["valid_from"])
        written = sorted(map(written_of, messages[conversation["id"]]), key=lambda one: (one.at, one.id))
        seen = _seen_first(own, tables["sync_runs"]) + _seen_again(conversation, own, whole)
        theirs = events[conversation["id"]]
        told = _told(conversation, theirs)
        seen.sort(key=lambda one: one.at)
        gathered.append(Evidence(conversation, written, own, seen, told, _responses(theirs)))
    return gathered


LATE = timedelta(minutes=10)
TURNS = {"conversation_resolved": "resolved", "conversation_bot_resolved": "resolved", "conversation_opened": "opened"}


def _told(conversation: Row, events: list[Row]) -> list[Told]:
    """Return what the vendor tells, in order of time; what it has not told of the last minutes may be late."""
    begun, told = time_of(conversation), []
    for row in events:
        at = min(row["event_end_time"], row["created_at"] or row["event_end_time"], row["first_synced_at"])
        if at >= begun:
            told.append(Told(at, TURNS.get(row["name"], ""), row["user_id"]))
    if read_at := conversation.get("events_read_at"):
        told.append(Told(read_at - LATE, None))
    kinds = (None, "", "opened", "resolved")
    return sorted(told, key=lambda one: (one.at, kinds.index(one.what), one.user_id is None, one.user_id or 0))


def _responses(events: list[Row]) -> dict[datetime, int | None]:
    """Return the seconds in which a person answered, and who it was where that is told."""
    found: dict[datetime, int | None] = {}
    for row in events:
        if row["name"] in {"first_response", "reply_time"}:
            second = row["event_end_time"].replace(microsecond=0)
            wrote = row["user_id"] if row["name"] == "first_response" else None
            found[second] = wrote if wrote is not None else found.get(second)
    return found


def time_of(row: Row) -> datetime:
    """Return when something began or was written: what is dated ahead, when it was first seen."""
    return min(row["created_at"] or row["first_synced_at"], row["first_synced_at"])


def written_of(row: Row) -> Written:
    """Say what a message is to a report."""
    content, kind = row["content_attributes"] or {}, row["message_type"]
    is_reaction = str(content.get("is_reaction")).lower() == "true"
    return Written(
        time_of(row),
        row["id"],
        kind == "activity",
        kind != "activity" and row["private"] is not True,
        kind == "incoming" and not is_reaction,
        _is_reply(row, content, is_reaction),
        _is_spoken(row, content, is_reaction),
        row["sender_id"] if row["sender_type"] == "user" else None,
        row,
    )


def _is_reply(row: Row, content: Row, is_reaction: bool) -> bool | None:
    """Whether a person wrote it to the contact; None: nobody is told to have written it."""
    never_arrived = row["status"] == "failed" or row["deleted"]
    if row["message_type"] != "outgoing" or row["private"] or never_arrived or is_reaction:
        return False
    if content.get("automation_rule_id") is not None or "campaign_id" in (row["additional_attributes"] or {}):
        return False
    if row["private"] is None:
        return None
    if row["sender_type"] == "user" or str(content.get(EXTERNAL)).lower() == "true":
        return True
    return None if row["sender_type"] is None else False


def _is_spoken(row: Row, content: Row, is_reaction: bool) -> bool:
    """Whether contact or agent wrote it to the other, whatever became of it: it failed, or was deleted later."""
    if row["message_type"] == "incoming":
        return not is_reaction
    return _is_reply(row | {"status": "sent", "deleted": False}, content, is_reaction) is not False


def whole_seconds(since: datetime, until: datetime) -> int:
    """Return the seconds between two moments, rounded."""
    return int((until - since).total_seconds() + 0.5)


def whole_runs(runs: Iterable[Row]) -> list[Row]:
    """Return the runs that looked at the whole account and ended, in order."""
    whole = [run for run in runs if run["finished_at"] and _looked_at_all(run)]
    return sorted(whole, key=lambda run: run["started_at"])


def _looked_at_all(run: Row) -> bool:
    if run["outcome"] == "incomplete":
        return run["selection"] is None and run["unaccounted"] == 0 and not run["unreadable"]
    return run["outcome"] == "complete" and run["selection"] in WHOLE


def _seen_first(states: list[Row], runs: list[Row]) -> list[Seen]:
    """Return the beginnings of states; where the vendor told no status, a run saw neither."""
    return [
        Seen(state["valid_from"], _begun(state["valid_from"], runs), state)
        for state in states
        if state["status"] is not None
    ]


def _seen_again(conversation: Row, states: list[Row], runs: list[Row]) -> list[Seen]:
    """Return by which whole runs it was seen as it had been; one that finds it gone sees it no more."""
    seen, gone = [], conversation["deleted_at"]
    for state in states:
        if state["status"] is not None:
            first = bisect_right(runs, state["valid_from"], key=lambda run: run["started_at"])
            for run in runs[first:]:
                if state["valid_to"] is not None and state["valid_to"] <= run["finished_at"]:
                    break
                if gone is None or gone > run["finished_at"]:
                    seen.append(Seen(run["finished_at"], run["started_at"], state))
    return seen


def _begun(at: datetime, runs: list[Row]) -> datetime:
    """Return when the run began that saw a state first; of a state without a run, when it was seen."""
    around = [run["started_at"] for run in runs if run["started_at"] <= at <= (run["finished_at"] or at)]
    return max(around, default=at)
