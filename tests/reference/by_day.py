"""The figures of each day, by docs/metrics.md, "By day"; written from there."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from tests.reference.evidence import WHOLE, Row, Written
from tests.reference.whole import Read, Whole, author_kind, direction, is_failed, is_out

A_WINDOW = timedelta(hours=24)
A_MOMENT = timedelta(microseconds=1)
Key = tuple[Any, ...]


def _rows(counted: dict[Key, Counter[str]], key: tuple[str, ...], names: tuple[str, ...]) -> list[Row]:
    return [
        dict(zip(key, place, strict=True)) | {name: of_it[name] for name in names} for place, of_it in counted.items()
    ]


def volume(whole: Whole) -> list[Row]:
    """What happened, by day, inbox and team of now."""
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for read in whole.conversations:
        for at, names in _happened(read):
            counted[whole.day(at), read.row["inbox_id"], read.row["team_id"]].update(names)
    return [whole.named(row) for row in _rows(counted, ("day", "inbox_id", "team_id"), VOLUME)]


VOLUME = ("conversations_opened", "conversations_reopened", "conversations_resolved", "bot_resolutions")
VOLUME += ("conversations_deleted", "bot_handoffs", "questions", "unanswered", "messages_in", "messages_out")
VOLUME += ("messages_failed", "private_notes", "bot_messages")


def _happened(read: Read) -> Iterator[tuple[datetime, list[str]]]:
    for one in read.openings:
        if one.opened_at is not None:
            yield one.opened_at, ["conversations_opened" if one.number == 1 else "conversations_reopened"]
        if one.resolved_at is not None:
            is_bots = one.owner.get("assignee_bot_id") is not None
            yield one.resolved_at, ["conversations_resolved", *(["bot_resolutions"] if is_bots else [])]
    gone = read.row["deleted_at"]
    if gone is not None and any(one.resolved_at is None or one.resolved_at > gone for one in read.openings):
        yield gone, ["conversations_deleted"]
    yield from ((event["at"], ["bot_handoffs"]) for event in read.events if event["kind"] == "handed_off")
    for wait in read.waits:
        if wait.is_known:
            yield wait.question.at, ["questions", *(["unanswered"] if wait.is_resolved_unanswered else [])]
    yield from ((one.at, _as_messages(one)) for one in read.evidence.written)


def _as_messages(one: Written) -> list[str]:
    told = {
        "messages_in": direction(one) == "in",
        "messages_out": is_out(one),
        "messages_failed": is_failed(one),
        "private_notes": bool(one.row["private"]),
        "bot_messages": is_out(one) and author_kind(one) == "bot",
    }
    return [name for name, is_so in told.items() if is_so]


def heatmap(whole: Whole) -> list[Row]:
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for read in whole.conversations:
        told = [(one.at, one.row["inbox_id"], "messages_in") for one in read.evidence.written if direction(one) == "in"]
        begun = read.openings[0].opened_at
        if begun is not None:
            told.append((begun, read.row["inbox_id"], "conversations_opened"))
        for at, inbox_id, name in told:
            counted[whole.day(at), whole.hour(at), inbox_id].update([name])
    rows = _rows(counted, ("day", "hour", "inbox_id"), ("messages_in", "conversations_opened"))
    return [whole.named(row | {"weekday": row["day"].isoweekday(), "weekday_name": f"{row['day']:%A}"}) for row in rows]


def labels(whole: Whole) -> list[Row]:
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for read in whole.conversations:
        for at, names in _happened(read):
            wanted = [name for name in names if name in {"conversations_opened", "conversations_resolved"}]
            for label in whole.labels[read.row["id"]] if wanted else ():
                counted[whole.day(at), label].update(wanted)
    return _rows(counted, ("day", "label"), ("conversations_opened", "conversations_resolved"))


def agents(whole: Whole) -> list[Row]:
    """What people did, by day: messages by who wrote them, answers by who replied, resolutions by who was assigned."""
    told: dict[Key, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for read in whole.conversations:
        for at, agent_id, name, value in _done(read):
            if agent_id is not None:
                told[whole.day(at), agent_id][name].append(value)
    return [
        whole.named({"day": day, "agent_id": agent_id} | _agents_day(of_it)) for (day, agent_id), of_it in told.items()
    ]


def _done(read: Read) -> Iterator[tuple[datetime, int | None, str, Any]]:
    for one in read.evidence.written:
        if one.is_reply:
            yield one.at, one.agent_id, "replies", read.row["id"]
        if author_kind(one) == "agent" and is_failed(one):
            yield one.at, one.agent_id, "failed_replies", None
        if author_kind(one) == "agent" and one.row["private"]:
            yield one.at, one.agent_id, "private_notes", None
    for wait in read.waits:
        if wait.answer:
            yield wait.answer.at, wait.answer.agent_id, "answers", wait.seconds
            if wait.is_first:
                name = "first_responses" if wait.opening == 1 else "reopening_responses"
                yield wait.answer.at, wait.answer.agent_id, name, wait.seconds
    for opening in read.openings:
        if opening.resolved_at is not None:
            yield opening.resolved_at, opening.owner.get("assignee_id"), "conversations_resolved", opening.seconds


def _agents_day(told: dict[str, list[Any]]) -> Row:
    names = ("replies", "failed_replies", "private_notes", "first_responses", "reopening_responses")
    return {name: len(told[name]) for name in (*names, "conversations_resolved")} | {
        "conversations_answered": len(set(told["replies"])),
        "avg_first_response_seconds": _mean(told["first_responses"]),
        "avg_reply_seconds": _mean(told["answers"]),
        "avg_resolution_seconds": _mean(told["conversations_resolved"]),
    }


def _mean(told: list[int | None]) -> int | None:
    """Return the mean of what is known, rounded as one does at school."""
    known = [one for one in told if one is not None]
    return (2 * sum(known) + len(known)) // (2 * len(known)) if known else None


def agents_by_hour(whole: Whole) -> list[Row]:
    told: dict[Key, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for read in whole.conversations:
        for at, agent_id, name, value in _done(read):
            if agent_id is not None and name in {"replies", "answers"}:
                place = (whole.day(at), whole.hour(at), agent_id, read.row["inbox_id"], read.row["team_id"])
                told[place][name].append(value)
    rows = []
    for place, of_it in told.items():
        row = dict(zip(("day", "hour", "agent_id", "inbox_id", "team_id"), place, strict=True))
        row |= {"weekday": place[0].isoweekday(), "replies": len(of_it["replies"])}
        row |= {
            "questions_answered": len(of_it["answers"]),
            "reply_seconds": sum(of_it["answers"]) if of_it["answers"] else None,
        }
        rows.append(whole.named(row))
    return rows


def deliveries(whole: Whole) -> list[Row]:
    """Messages to contacts by what became of them, and whether the contact had written in the 24 hours before."""
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for read in whole.conversations:
        asked: datetime | None = None
        for one in read.evidence.written:
            if direction(one) == "in":
                asked = one.at
            elif direction(one) == "out":
                is_within = asked is not None and one.at - asked <= A_WINDOW
                place = (whole.day(one.at), one.row["inbox_id"], _template(one), author_kind(one), one.row["status"])
                counted[*place, *_error(one), is_within].update(["messages", *(["replies"] if one.is_reply else [])])
    key = ("day", "inbox_id", "template", "author_kind", "status", "error_code", "error", "is_within_24_hours")
    return [whole.named(row) for row in _rows(counted, key, ("messages", "replies"))]


def _template(one: Written) -> str | None:
    told = (one.row["additional_attributes"] or {}).get("template_params") or {}
    return told.get("name") or None


def _error(one: Written) -> tuple[str | None, str | None]:
    """Return the number with which what the channel said begins, and all of it; only of what failed."""
    said = (one.row["content_attributes"] or {}).get("external_error") if is_failed(one) else None
    if not said:
        return None, None
    begin = said.strip().split(":")[0].split(" ")[0]
    return (begin if begin.isdecimal() and len(begin) <= 6 else None), said


def surveys(whole: Whole, answered: Callable[[Written], bool]) -> list[Row]:
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for read in whole.conversations:
        for one in read.evidence.written:
            if one.row["content_type"] == "input_csat" and not is_failed(one):
                names = ["surveys_asked", *(["surveys_answered"] if answered(one) else [])]
                counted[whole.day(one.at), one.row["inbox_id"]].update(names)
    return [whole.named(row) for row in _rows(counted, ("day", "inbox_id"), ("surveys_asked", "surveys_answered"))]


def contacts(whole: Whole) -> list[Row]:
    """Whose conversations began on a day: new on the day of the first one, returning on every later one."""
    began: dict[int, list[date]] = defaultdict(list)
    for read in whole.conversations:
        if read.openings[0].opened_at is not None:
            began[read.row["contact_id"]].append(whole.day(read.openings[0].opened_at))
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for days in began.values():
        for day in days:
            counted[(day,)].update(["conversations_opened"])
        for day in set(days):
            counted[(day,)].update(["contacts", "new_contacts" if day == min(days) else "returning_contacts"])
    return _rows(counted, ("day",), ("contacts", "new_contacts", "returning_contacts", "conversations_opened"))


def known_days(whole: Whole) -> list[date]:
    """From the day before the first whole run, complete or not, to the last day over when the last one began."""
    runs = [run for run in whole.tables["sync_runs"] if run["outcome"] in {"complete", "incomplete"}]
    begun = sorted(run["started_at"] for run in runs if run["selection"] in WHOLE)
    first = min((read.openings[0].opened_at for read in whole.conversations), default=None)
    if not begun or first is None:
        return []
    last = (begun[-1] - A_MOMENT).astimezone(whole.zone).date()
    day, days = max(whole.day(begun[0]) - timedelta(days=1), whole.day(first)), []
    while day <= last:
        if whole.ends(day) <= begun[-1]:
            days.append(day)
        day += timedelta(days=1)
    return days


def backlog(whole: Whole) -> list[Row]:
    """What was open in the last moment of each known day; each inbox has a row a day, and be it of nothing."""
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    inboxes = {read.row["inbox_id"] for read in whole.conversations}
    for day in known_days(whole):
        end = whole.ends(day) - A_MOMENT
        for read in whole.conversations:
            if _is_open(read, end):
                state = read.evidence.state_at(end) or next(iter(read.evidence.states), read.row)
                owner = (state["assignee_id"], state["assignee_bot_id"])
                counted[day, read.row["inbox_id"], state["team_id"], *owner].update(["backlog", *_status(state)])
        for inbox_id in inboxes - {place[1] for place in counted if place[0] == day}:
            counted[day, inbox_id, None, None, None].update([])
    key = ("day", "inbox_id", "team_id", "agent_id", "bot_id")
    return [whole.named(row) for row in _rows(counted, key, ("open", "pending", "snoozed", "backlog"))]


def _is_open(read: Read, at: datetime) -> bool:
    if read.row["deleted_at"] is not None and read.row["deleted_at"] <= at:
        return False
    return any(
        one.opened_at is not None and one.opened_at <= at and (one.resolved_at is None or one.resolved_at > at)
        for one in read.openings
    )


def _status(state: Row) -> list[str]:
    """What a run saw resolved is open where it was reopened since; a status that is new to us is none of the three."""
    told = {"open": "open", "resolved": "open", "pending": "pending", "snoozed": "snoozed"}
    return [told[state["status"]]] if state["status"] in told else []


def levels(rows: list[Row]) -> list[Row]:
    """What was promised, by the day of its begin: how often with which result."""
    counted: dict[Key, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counted[(row["began_on"], *(row[name] for name in OF_LEVEL))].update([row["result"].replace(" ", "_"), "total"])
    return _rows(counted, ("day", *OF_LEVEL), ("total", "met", "breached", "running", "unanswered", "not_known"))


OF_LEVEL = ("target", "what", "within_seconds", "time", "inbox_id", "inbox", "team_id", "team")
