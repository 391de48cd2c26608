"""The figures of each conversation, by docs/metrics.md, "Of a conversation"; written from there."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tests.reference.events import OWNERS, events_of
from tests.reference.evidence import WHOLE, Evidence, Row, gather, whole_seconds
from tests.reference.timeline import Opening, Reading
from tests.reference.waiting import Wait, waits_of

FOR_GOOD = timedelta(days=7)
STATUSES = {"open": "open_seconds", "pending": "pending_seconds", "snoozed": "snoozed_seconds"}


@dataclass(frozen=True)
class Known:
    """All that the document counts from, of one conversation."""

    evidence: Evidence
    openings: list[Opening]
    waits: list[Wait]
    events: list[Row]
    as_of: datetime | None

    @property
    def deleted_at(self) -> datetime | None:
        return self.evidence.conversation["deleted_at"]  # type: ignore[no-any-return] -- a column

    @property
    def is_resolved(self) -> bool:
        return self.openings[-1].resolved_at is not None

    def end_of(self, opening: Opening) -> datetime | None:
        """Return until when an opening is known to have lasted."""
        told = [at for at in (opening.resolved_at, self.deleted_at) if at is not None]
        return min(told, default=self.as_of)


def metrics_of(tables: dict[str, list[Row]]) -> list[Row]:
    """Return the figures of every conversation of an account."""
    events, as_of = defaultdict(list), data_as_of(tables["sync_runs"])
    for event in events_of(tables):
        events[event["conversation_id"]].append(event)
    answered = {row["message_id"]: row["rating"] for row in tables["csat_responses"]}
    rows = []
    for evidence in sorted(gather(tables), key=lambda one: one.conversation["id"]):
        openings = Reading(evidence).read()
        own = events[evidence.conversation["id"]]
        known = Known(evidence, openings, waits_of(evidence, openings), own, as_of)
        row = {"conversation_id": evidence.conversation["id"], "as_of": as_of}
        row |= _asked(known) | _replies(known) | _owners(known) | _unassigned(known) | _lasted(known)
        rows.append(row | _resolved(known) | _outcome(known) | _surveys(known, answered) | _now(known))
    return rows


def data_as_of(runs: list[Row]) -> datetime | None:
    """Return when the last whole run began that was complete, and that no later run says to have begun before."""
    runs = sorted(runs, key=lambda run: run["run_id"])
    for place in range(len(runs) - 1, -1, -1):
        run, later = runs[place], runs[place + 1 :]
        is_whole = run["outcome"] == "complete" and run["selection"] in WHOLE
        if is_whole and all(one["started_at"] >= run["started_at"] for one in later):
            return run["started_at"]  # type: ignore[no-any-return] -- a column
    return None


def _asked(known: Known) -> Row:
    waits = known.waits
    first = next((wait for wait in waits if wait.opening == 1 and wait.is_first), None)
    answered = [wait for wait in waits if wait.answer is not None]
    is_known = all(wait.is_known for wait in waits)
    since = [wait.question.at for wait in waits if wait.is_known and wait.ended_at is None]
    return {
        "first_response_seconds": first and first.seconds,
        "is_first_response_known": first is None or first.is_known,
        "questions": sum(wait.is_known for wait in waits),
        "questions_answered": len(answered),
        "is_unanswered": False if answered else True if waits and is_known else None,
        "waiting_since": since[0] if since and known.deleted_at is None else None,
    }


def _replies(known: Known) -> Row:
    written = known.evidence.written
    replies = [one for one in written if one.is_reply]
    unknown = [one for one in written if one.is_reply is None]
    said = [one.at for one in written if one.is_question or one.is_reply is not False]
    return {
        "replies": len(replies),
        "replies_without_agent": sum(one.agent_id is None for one in replies),
        "replies_not_known": len(unknown),
        "agents_replied": len({one.agent_id for one in replies} - {None}),
        "last_message_at": max(said, default=None),
    }


def _owners(known: Known) -> Row:
    agents = [state["assignee_id"] for state in known.evidence.states]
    people = [agent for agent in agents if agent is not None]
    turns = list(pairwise([None, *agents]))
    row: Row = {
        "agents_assigned": len(set(people)),
        "teams_involved": len({state["team_id"] for state in known.evidence.states} - {None}),
        "assignments": sum(after is not None and after != before for before, after in turns),
        "handovers": sum(after != before for before, after in pairwise(people)),
        "first_assignment_seconds_at_least": None,
        "first_assignment_seconds_at_most": None,
        "bot_handoffs": sum(event["kind"] == "handed_off" for event in known.events),
    }
    for state in known.evidence.states:
        if state["assignee_id"] is not None:
            earliest = _seen_last_otherwise(known, state["valid_from"])
            row["first_assignment_seconds_at_least"] = _since_begin(known, earliest)
            row["first_assignment_seconds_at_most"] = _since_begin(known, state["valid_from"])
            break
    return row


def _seen_last_otherwise(known: Known, at: datetime) -> datetime | None:
    """Return when a run last saw who owned it before; None: no run saw it before."""
    told = [one["not_before"] for one in known.events if one["kind"] == "assigned" and one["at"] == at]
    return told[0] if told else None


def _since_begin(known: Known, at: datetime | None) -> int:
    begun = known.openings[0].opened_at
    return 0 if at is None or begun is None or at < begun else whole_seconds(begun, at)


def _unassigned(known: Known) -> Row:
    """Nobody's: seen so; and, at most, the time between two looks of which one saw that."""
    names = ("unassigned_seconds_at_least", "unassigned_seconds_at_most")
    if not known.evidence.states or _is_end_unknown(known):
        return dict.fromkeys(names)
    turns: list[tuple[datetime | None, datetime, bool]] = []
    owner = None
    for state in known.evidence.states:
        if not turns or tuple(state[name] for name in OWNERS) != owner:
            owner = tuple(state[name] for name in OWNERS)
            nobodys = state["assignee_id"] is None and state["assignee_bot_id"] is None
            turns.append((_seen_last_otherwise(known, state["valid_from"]), state["valid_from"], nobodys))
    least = most = 0
    for number, (seen_before, since, nobodys) in enumerate(turns):
        until = turns[number + 1][0] if number + 1 < len(turns) else None
        stays = _open_between(known, since, until) if nobodys else 0
        may_be = number == 0 or nobodys or turns[number - 1][2]
        least, most = least + stays, most + stays + (_open_between(known, seen_before, since) if may_be else 0)
    return dict(zip(names, (least, most), strict=True))


def _open_between(known: Known, since: datetime | None, until: datetime | None) -> int:
    """Return the seconds of all openings that lie between two moments."""
    return sum(_overlap(opening.opened_at, known.end_of(opening), since, until) for opening in known.openings)


def _overlap(*bounds: datetime | None) -> int:
    """Return the seconds in which two spans overlap, each from one moment to another; None: from or to any."""
    begin, end, since, until = bounds
    start = max(at for at in (begin, since) if at is not None)
    stop = min(at for at in (end, until) if at is not None)
    return whole_seconds(start, stop) if stop > start else 0


def _is_end_unknown(known: Known) -> bool:
    return any(one.resolved_at_is == "not known" or known.end_of(one) is None for one in known.openings)


def _lasted(known: Known) -> Row:
    names = (*STATUSES.values(), "status_unseen_seconds", "unresolved_seconds")
    if _is_end_unknown(known):
        return dict.fromkeys((*names, "waiting_for_us_seconds", "waiting_for_contact_seconds"))
    row = dict.fromkeys(names, 0)
    states = known.evidence.states or [known.evidence.conversation]
    for opening in known.openings:
        row["unresolved_seconds"] += _overlap(opening.opened_at, known.end_of(opening), None, None)
        for number, state in enumerate(states):
            since = state["valid_from"] if number else None
            until = states[number + 1]["valid_from"] if number + 1 < len(states) else None
            name = STATUSES.get(state["status"] or "", "status_unseen_seconds")
            row[name] += _overlap(opening.opened_at, known.end_of(opening), since, until)
    return row | _waited(known, row["unresolved_seconds"])


def _waited(known: Known, unresolved: int) -> Row:
    if not all(wait.is_known for wait in known.waits):
        return {"waiting_for_us_seconds": None, "waiting_for_contact_seconds": None}
    ends = {opening.number: known.end_of(opening) for opening in known.openings}
    waited = sum(_overlap(wait.question.at, wait.ended_at, None, ends[wait.opening]) for wait in known.waits)
    return {"waiting_for_us_seconds": waited, "waiting_for_contact_seconds": max(unresolved - waited, 0)}


def _resolved(known: Known) -> Row:
    resolved = [one for one in known.openings if one.resolved_at is not None]
    first = known.openings[0]
    row: Row = {
        "resolutions": len(resolved),
        "reopenings": len(known.openings) - 1,
        "first_resolution_seconds": first.seconds,
        "last_resolution_seconds": None,
        "last_resolver": None,
    }
    if resolved:
        last = resolved[-1]
        if last.seconds is not None and last.resolved_at is not None and last.opened_at is not None:
            row["last_resolution_seconds"] = _since_begin(known, max(last.resolved_at, last.opened_at))
        row["last_resolver"] = _resolver(known, last)
    return row


def _resolver(known: Known, opening: Opening) -> str:
    if opening.owner.get("assignee_id") is not None:
        return "agent"
    if opening.owner.get("assignee_bot_id") is not None:
        return "bot"
    if opening.resolved_by == "seen":
        return "nobody"
    return "nobody" if opening.resolved_by == "vendor" and _is_seen_resolved(known, opening) else "not known"


def _is_seen_resolved(known: Known, opening: Opening) -> bool:
    """Whether a run saw it resolved between this resolution and the next opening."""
    following = known.openings[opening.number] if opening.number < len(known.openings) else None
    return any(
        state["status"] == "resolved"
        and (state["valid_to"] is None or state["valid_to"] > opening.resolved_at)
        and (following is None or following.opened_at is None or state["valid_from"] < following.opened_at)
        for state in known.evidence.states
    )


def _outcome(known: Known) -> Row:
    replies = _replies(known)
    resolved = [one for one in known.openings if one.resolved_at is not None]
    row: Row = {"is_one_touch": None, "is_first_contact_resolution": None}
    row |= {"is_first_contact_resolution_for_good": None, "is_resolved_by_bot_for_good": None}
    if known.is_resolved:
        unknown = replies["replies_not_known"] > 0 and replies["replies"] < 2
        row["is_one_touch"] = None if unknown else replies["replies"] == 1
    if resolved:
        resolver = _resolver(known, resolved[-1])
        row["is_first_contact_resolution"] = known.is_resolved and len(known.openings) == 1
        row["is_first_contact_resolution_for_good"] = _is_for_good(known, known.openings[0])
        if resolver != "not known" and _has_passed(known, resolved[-1]):
            row["is_resolved_by_bot_for_good"] = resolver == "bot" and _is_for_good(known, resolved[-1])
    return row


def _bounds(opening: Opening) -> tuple[datetime | None, datetime | None]:
    if opening.resolved_at_is == "told":
        return opening.resolved_at, opening.resolved_at
    return opening.resolved_not_before, opening.resolved_not_after


def _has_passed(known: Known, opening: Opening) -> bool:
    """Return whether the seven days after a resolution have passed, by the last complete run, before it was gone."""
    _, latest = _bounds(opening)
    if latest is None or known.as_of is None:
        return False
    return min(at for at in (known.as_of, known.deleted_at) if at is not None) >= latest + FOR_GOOD


def _is_for_good(known: Known, opening: Opening) -> bool | None:
    earliest, latest = _bounds(opening)
    if earliest is None or latest is None or not _has_passed(known, opening):
        return None
    if opening.number == len(known.openings):
        return True
    following = known.openings[opening.number]
    if following.opened_not_after is not None and following.opened_not_after < earliest + FOR_GOOD:
        return False
    is_late = following.opened_not_before is not None and following.opened_not_before >= latest + FOR_GOOD
    return True if is_late else None


def _surveys(known: Known, ratings: Row) -> Row:
    surveys = [one for one in known.evidence.written if one.row["content_type"] == "input_csat"]
    asked = [one for one in surveys if one.row["status"] != "failed"]
    listed = sum(ratings.get(one.id) is not None for one in asked)
    submitted = [one for one in asked if "submitted_values" in (one.row["content_attributes"] or {})]
    alone = sum(ratings.get(one.id) is None for one in submitted)
    return {"surveys_asked": len(asked), "surveys_answered": listed + alone}


def _now(known: Known) -> Row:
    if known.is_resolved or known.deleted_at is not None or known.as_of is None:
        return {"silence_seconds": None, "age_seconds": None}
    said = _replies(known)["last_message_at"]
    silence = None if said is None else whole_seconds(min(said, known.as_of), known.as_of)
    begun = known.openings[-1].opened_at
    return {
        "silence_seconds": silence,
        "age_seconds": None if begun is None else whole_seconds(min(begun, known.as_of), known.as_of),
    }
