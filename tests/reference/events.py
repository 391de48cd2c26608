"""What changed conversations, by docs/metrics.md, "The timeline"; written from there."""

from itertools import pairwise
from typing import Any

from tests.reference.compare import OWNER
from tests.reference.evidence import Row, gather, whole_runs
from tests.reference.timeline import Opening, Reading

OWNERS = ("assignee_id", "assignee_bot_type", "assignee_bot_id")
NOTHING: Row = dict.fromkeys(("opening", *OWNER, "priority", "message_id"))


def events_of(tables: dict[str, list[Row]]) -> list[Row]:
    """Return the events of an account."""
    events = []
    for evidence in sorted(gather(tables), key=lambda one: one.conversation["id"]):
        own: list[tuple[Any, ...]] = []
        for opening in Reading(evidence).read():
            own.append((opening.opened_at, opening.number, 1, "", _began(opening)))
            if opening.resolved_at is not None:
                own.append((opening.resolved_at, opening.number, 2, "", _resolved(opening)))
        for before, after in pairwise(evidence.states):
            seen = _seen_last(before, after, tables["sync_runs"])
            for kind in _kinds(before, after):
                own.append((after["valid_from"], 10**9, 3, kind, _changed(kind, after, seen)))
        for number, (*_, event) in enumerate(sorted(own, key=lambda entry: entry[:4]), 1):
            events.append({"conversation_id": evidence.conversation["id"], "number": number} | event)
    return events


def _began(opening: Opening) -> Row:
    return NOTHING | {
        "at": opening.opened_at,
        "kind": "opened" if opening.number == 1 else "reopened",
        "source": opening.opened_by,
        "opening": opening.number,
        "message_id": opening.opened_message_id,
        "not_before": opening.opened_not_before,
        "not_after": opening.opened_not_after,
    }


def _resolved(opening: Opening) -> Row:
    source = "activity" if opening.resolved_at_is == "told" else "message" if opening.resolved_message_id else "seen"
    return NOTHING | {
        "at": opening.resolved_at,
        "kind": "resolved",
        "source": source if opening.resolved_by == "seen" else opening.resolved_by,
        "opening": opening.number,
        "message_id": opening.resolved_message_id,
        "not_before": opening.resolved_not_before,
        "not_after": opening.resolved_not_after,
        **{name: opening.owner.get(key) for name, key in OWNER.items()},
    }


def _changed(kind: str, after: Row, seen_last: Any) -> Row:
    return NOTHING | {
        "at": after["valid_from"],
        "kind": kind,
        "source": "seen",
        "priority": after["priority"] if kind == "priority" else None,
        "not_before": seen_last,
        "not_after": after["valid_from"],
        **{name: after[key] for name, key in OWNER.items()},
    }


def _seen_last(before: Row, after: Row, runs: list[Row]) -> Any:
    """Return when the last run began that still saw the state before; when that began, if none did."""
    begun = [
        run["started_at"]
        for run in whole_runs(runs)
        if run["sees_silent_moves"] is not False
        and run["started_at"] >= before["valid_from"]
        and run["finished_at"] < after["valid_from"]
    ]
    return begun[-1] if begun else before["valid_from"]


def _kinds(before: Row, after: Row) -> list[str]:
    was, now = before["status"], after["status"]
    had_bot, has_bot = before["assignee_bot_id"] is not None, after["assignee_bot_id"] is not None
    told = {
        "assigned": any(before[name] != after[name] for name in OWNERS),
        "team": before["team_id"] != after["team_id"],
        "priority": before["priority"] != after["priority"],
        "snoozed": now == "snoozed" != was,
        "pending": now == "pending" != was,
        "resumed": now == "open" and was in {"snoozed", "pending"},
        "handed_off": now != "resolved" and not has_bot and (had_bot or (was, now) == ("pending", "open")),
    }
    return [kind for kind, is_so in told.items() if is_so]
