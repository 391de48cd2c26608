"""Whether what was promised was kept, by docs/metrics.md, "Service levels"; written from there."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference.evidence import Evidence, Row, gather, whole_runs, whole_seconds
from tests.reference.timeline import Opening, Reading
from tests.reference.waiting import Wait, waits_of

NEVER = datetime.max.replace(tzinfo=UTC)
FAR = timedelta(days=92)


@dataclass(frozen=True)
class Owed:
    """A reply or a resolution that somebody is owed; an end between two moments is not known more closely."""

    what: str
    opening: int
    question: int | None
    since: datetime
    is_known: bool = True
    ended_by: str | None = None
    ended_at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    may_be_older: bool = False
    agent_id: int | None = None


@dataclass(frozen=True)
class Hours:
    """When an inbox is open: the intervals of each day, in order."""

    open: list[tuple[datetime, datetime]]

    def between(self, since: datetime, until: datetime) -> int:
        spans = (min(until, closes) - max(since, opens) for opens, closes in self.open)
        return int(sum((max(span, timedelta()) for span in spans), timedelta()).total_seconds() + 0.5)

    def due(self, since: datetime, seconds: int) -> datetime | None:
        left = timedelta(seconds=seconds)
        for opens, closes in self.open:
            span = closes - max(since, opens)
            if span >= left:
                return max(since, opens) + left
            left -= max(span, timedelta())
        return None


def hours_of(inbox: Row, first: datetime, now: datetime) -> Hours | None:
    """Return the hours of an inbox from the day of a moment to months ahead; None where it has none."""
    if not inbox["working_hours_enabled"]:
        return None
    zone, by_day = ZoneInfo(inbox["timezone"]), {one["day_of_week"]: one for one in inbox["working_hours"]}
    days = [first.astimezone(zone).date() + timedelta(days=day) for day in range((now + FAR - first).days + 2)]
    return Hours([span for day in days if (span := _span(by_day[day.isoweekday() % 7], day, zone))])


def _span(told: Row, day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    if told["closed_all_day"]:
        return None
    if told["open_all_day"]:
        return _at(day, 0, 0, zone), _at(day + timedelta(days=1), 0, 0, zone)
    opens = _at(day, told["open_hour"], told["open_minutes"], zone)
    return opens, _at(day, told["close_hour"], told["close_minutes"], zone)


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """Return a moment of a day on its clock; one that the clock leaves out is as far after midnight."""
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return local.astimezone(UTC)


def owed_of(evidence: Evidence) -> Iterator[Owed]:
    """Yield what is owed in a conversation."""
    openings = Reading(evidence).read()
    by_number = {one.number: one for one in openings}
    for wait in waits_of(evidence, openings):
        yield _reply(wait, by_number[wait.opening])
    for one in openings:
        owed = Owed("resolution", one.number, None, one.opened_at, may_be_older=one.opened_by == "seen")
        owner = one.owner.get("assignee_id")
        yield owed if one.resolved_at is None else replace(owed, ended_by="done", agent_id=owner, **_resolved(one))


def _reply(wait: Wait, opening: Opening) -> Owed:
    what = "first_reply" if wait.opening == 1 and wait.is_first else "next_reply"
    owed = Owed(what, wait.opening, wait.question.id, wait.question.at, wait.is_known)
    if wait.answer:
        at = wait.answer.at
        return replace(owed, ended_by="done", ended_at=at, earliest=at, latest=at, agent_id=wait.answer.agent_id)
    return replace(owed, ended_by="given up", **_resolved(opening)) if wait.is_resolved_unanswered else owed


def _resolved(opening: Opening) -> dict[str, Any]:
    at, is_ = opening.resolved_at, opening.resolved_at_is
    bounds = (at, at) if is_ == "told" else (opening.resolved_not_before, opening.resolved_not_after)
    return {"ended_at": None if is_ == "not known" else at, "earliest": bounds[0], "latest": bounds[1]}


@dataclass
class Account:
    """An account's targets, runs and hours, and what is told of labels; now: when it is asked."""

    tables: dict[str, list[Row]]
    now: datetime

    def __post_init__(self) -> None:
        begun = [row["created_at"] or row["first_synced_at"] for row in self.tables["conversations"]]
        begun += [min(row["created_at"], row["first_synced_at"]) for row in self.tables["messages"]]
        self.zone = ZoneInfo(self.tables["accounts"][0]["time_zone"])
        self.hours = {row["id"]: hours_of(row, min(begun), self.now) for row in self.tables["inboxes"]}
        self.looks = whole_runs(self.tables["sync_runs"])
        self.complete = [run for run in self.looks if run["outcome"] == "complete"]
        self.labels, self.relabelled = defaultdict(list), defaultdict(list)
        for row in self.tables["conversation_labels"]:
            self.labels[row["conversation_id"]].append(row["label"])
        for row in sorted(self.tables["field_changes"], key=lambda row: (row["seen_at"], row["number"])):
            if row["field"] == "labels":
                self.relabelled[row["entity_id"]].append(row)

    def levels(self) -> list[Row]:
        """Return the rows of bi.service_levels, as far as they are no names."""
        rows = []
        for evidence in gather(self.tables):
            for owed in owed_of(evidence):
                for target in self._targets(owed):
                    row = self._level(evidence, owed, target)
                    rows += [row] if row else []
        return sorted(rows, key=place_of)

    def _targets(self, owed: Owed) -> Iterator[Row]:
        day = owed.since.astimezone(self.zone).date()
        newest: dict[str, Row] = {}
        for target in sorted(self.tables["targets"], key=lambda row: row["valid_from"]):
            if target["valid_from"] <= day:
                newest[target["name"]] = target
        return (target for target in newest.values() if target["what"] == owed.what)

    def _looked_between(self, since: datetime, until: datetime) -> bool:
        return any(run["started_at"] >= since and run["finished_at"] < until for run in self.looks)

    def _then(self, evidence: Evidence, owed: Owed) -> tuple[Row, set[str]]:
        """Return what was true at the begin, or next, and what of it is not known."""
        since, number = owed.since, evidence.conversation["id"]
        state, later = evidence.state_at(since), [one for one in evidence.states if one["valid_from"] > since]
        is_sure = state is not None and (not later or self._looked_between(since, later[0]["valid_from"]))
        following = state if is_sure else later[0] if later else None
        then = {name: following and following[name] for name in ("team_id", "priority")}
        unsure = set()
        for word, name in (("team", "team_id"), ("priority", "priority")):
            if not is_sure and (state is None or following is None or state[name] != following[name]):
                unsure.add(word)
        change = next((one for one in self.relabelled[number] if one["seen_at"] > since), None)
        if state is None or (change and not self._looked_between(since, change["seen_at"])):
            unsure.add("labels")
        is_after = change and state is not None and "labels" in unsure
        held = self.labels[number] if change is None else change["after" if is_after else "before"]
        return then | {"labels": sorted(held or [])}, unsure

    def _level(self, evidence: Evidence, owed: Owed, target: Row) -> Row | None:
        then, unsure = self._then(evidence, owed)
        inbox = evidence.conversation["inbox_id"]
        is_for = _is_for(target, then | {"inbox_id": inbox}, unsure)
        if is_for is False:
            return None
        hours, gone = self.hours[inbox], evidence.conversation["deleted_at"]
        runs = [run["started_at"] for run in self.complete if gone is None or run["finished_at"] < gone]
        as_of = runs[-1] if runs else None
        due, elapsed = self._count(owed, target, hours, owed.ended_at if owed.ended_by else as_of)
        is_countable = target["time"] == "calendar" or hours is not None
        result = "not known"
        if is_for and owed.is_known and is_countable:
            result = _result(owed, due or NEVER, as_of, gone is not None)
        return {
            "conversation_id": evidence.conversation["id"],
            "target": target["name"],
            **{name: target[name] for name in ("what", "within_seconds", "time", "valid_from")},
            "opening": owed.opening,
            "question_message_id": owed.question,
            "began_at": owed.since,
            "agent_id": owed.agent_id,
            "due_at": due,
            "ended_at": owed.ended_at,
            "elapsed_seconds": elapsed if owed.is_known else None,
            "result": result,
            "is_running": owed.ended_by is None and gone is None if owed.is_known else None,
            "inbox_id": inbox,
            "team_id": None if "team" in unsure else then["team_id"],
            "priority": None if "priority" in unsure else then["priority"],
            "labels": None if "labels" in unsure else then["labels"],
            "not_seen": ", ".join(word for word in ("team", "priority", "labels") if word in unsure) or None,
            "as_of": as_of,
        }

    def _count(
        self, owed: Owed, target: Row, hours: Hours | None, until: datetime | None
    ) -> tuple[datetime | None, int | None]:
        """Return when it was due, and the seconds until a moment."""
        seconds = target["within_seconds"]
        if target["time"] == "calendar":
            elapsed = None if until is None else max(0, whole_seconds(owed.since, until))
            return owed.since + timedelta(seconds=seconds), elapsed
        if hours is None:
            return None, None
        return hours.due(owed.since, seconds), None if until is None else hours.between(owed.since, until)


def _is_for(target: Row, then: Row, unsure: set[str]) -> bool | None:
    """Return whether a target is for something; None: not known."""
    tests: tuple[tuple[str, str, Callable[[list[Any]], bool]], ...] = (
        ("inbox", "inbox", lambda wanted: then["inbox_id"] in wanted),
        ("team", "team", lambda wanted: then["team_id"] in wanted),
        ("priority", "priority", lambda wanted: then["priority"] in wanted),
        ("label", "labels", lambda wanted: bool(set(then["labels"]) & set(wanted))),
    )
    answers: list[bool | None] = []
    for key, word, fits in tests:
        if target[key] is not None:
            is_told = word not in unsure or target["unseen"] == "as_next_seen"
            answers.append(fits(target[key]) if is_told else None)
    return False if False in answers else None if None in answers else True


def _result(owed: Owed, due: datetime, as_of: datetime | None, is_gone: bool) -> str:
    if owed.ended_by is None:
        if as_of is not None and due < as_of:
            return "breached"
        return "not known" if as_of is None or is_gone else "running"
    if owed.earliest is not None and owed.earliest > due:
        return "breached"
    if owed.may_be_older or owed.latest is None or owed.latest > due:
        return "not known"
    return "met" if owed.ended_by == "done" else "unanswered"


def place_of(row: Row) -> tuple[Any, ...]:
    """Return what tells a row from the others, in their order."""
    return row["conversation_id"], row["target"], row["opening"], row["began_at"], row["question_message_id"] or 0
