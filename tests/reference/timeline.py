"""When a conversation was open, by the rules of docs/metrics.md, "The timeline"; written from there."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.reference.evidence import Evidence, Row, Seen, Told, Written, time_of, whole_seconds

A_MOMENT = timedelta(microseconds=1)
AT_ONCE = timedelta(seconds=5)
CLOCKS_APART = timedelta(hours=1)
BEFORE_ALL_MESSAGES, AFTER_ALL_MESSAGES = 0, 10**12


@dataclass
class Opening:
    """One opening, and what was written in it; `after` is what was written after its resolution."""

    number: int
    opened_at: datetime | None
    opened_by: str
    opened_message_id: int | None = None
    opened_not_before: datetime | None = None
    opened_not_after: datetime | None = None
    resolved_at: datetime | None = None
    resolved_at_is: str | None = None
    resolved_by: str | None = None
    resolved_message_id: int | None = None
    resolved_not_before: datetime | None = None
    resolved_not_after: datetime | None = None
    owner: Row = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    after: list[Written] = field(default_factory=list)
    seen_open: datetime | None = None
    not_told_before: datetime | None = None
    seen_resolved: datetime | None = None
    first_seen_resolved: datetime | None = None

    @property
    def seconds(self) -> int | None:
        if self.resolved_at is None or self.opened_at is None or self.resolved_at_is == "not known":
            return None
        return whole_seconds(self.opened_at, max(self.resolved_at, self.opened_at))


class Reading:
    """Reads the evidence of one conversation from its beginning."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        first = [one.at for one in evidence.written if one.is_message or one.is_activity][:1]
        begun = min([time_of(evidence.conversation), *first])
        self.openings = [Opening(1, begun, "vendor", None, begun, begun)]
        self.is_covered = False
        self.covered: set[int] = set()
        self.turned: datetime | None = None
        self.was_open = True

    def read(self) -> list[Opening]:
        told: list[tuple[datetime, int, int, Written | Seen | Told]] = []
        told += [(one.at, 0, one.id, one) for one in self.evidence.written]
        told += [(one.at, 0, AFTER_ALL_MESSAGES + place, one) for place, one in enumerate(self.evidence.told)]
        if events := [one.at for one in self.evidence.told if one.what is not None]:
            begins = events[0].replace(microsecond=0)
            told.append((begins, 0, BEFORE_ALL_MESSAGES, Told(begins, "")))
        for number, look in enumerate(self.evidence.seen):
            if not look.is_resolved and look.told_before < look.at:
                told.append((look.told_before, 1, number, replace(look, is_begin=True)))
            told.append((look.at, 1, number, look))
        for *_, one in sorted(told, key=lambda entry: entry[:3]):
            if isinstance(one, Written):
                self._hear(one)
            elif isinstance(one, Told):
                self._believe(one)
            else:
                self._look(one)
        return self.openings

    @property
    def _now(self) -> Opening:
        return self.openings[-1]

    def _believe(self, one: Told) -> None:
        """Rule 6: what the vendor wrote down is when it was."""
        opening, self.is_covered = self._now, one.what is not None
        if one.what in {"resolved", "opened"}:
            self.turned = one.at
        if one.what == "opened" and opening.resolved_at is not None:
            self.openings.append(Opening(opening.number + 1, one.at, "vendor", None, one.at, one.at))
        elif one.what == "resolved" and (opening.resolved_by is None or _is_of_what_was_seen(opening, one)):
            was_open = opening.resolved_by is None
            bot = {} if was_open or one.user_id is not None else opening.owner
            opening.owner = {name: bot.get(name) for name in ("assignee_bot_type", "assignee_bot_id")}
            opening.owner |= {"assignee_id": one.user_id, "team_id": None if was_open else opening.owner.get("team_id")}
            opening.written, opening.after = opening.written + opening.after, []
            opening.resolved_by, opening.seen_resolved = "vendor", None
            self._end(max(one.at, opening.opened_at or one.at), "told", None)

    def _hear(self, one: Written) -> None:
        if one.is_activity and self.turned is not None and one.at < self.turned + AT_ONCE:
            one = replace(one, is_activity=False)
        if self.is_covered:
            self.covered.add(one.id)
        opening = self._now
        reopens = one.is_question and not self._is_muted(one)
        if reopens and opening.resolved_at is None:
            self._infer(one)
        elif one.is_question and not reopens:
            one = replace(one, is_spoken=False, is_message=False)  # a muted contact's tells nothing
        if self._now.resolved_at is None:
            self._now.written.append(one)
        elif reopens:
            opened = Opening(opening.number + 1, one.at, "message", one.id, one.at, one.at)
            opened.written.append(one)
            self.openings.append(opened)
        else:
            opening.after.append(one)

    def _look(self, seen: Seen) -> None:
        opening = self._now
        if not seen.is_resolved and seen.told_before < seen.at:
            if seen.is_begin:
                self.was_open = opening.resolved_at is None
            if seen.is_begin != self.was_open:
                return  # it counts when the run began, or, where it was resolved then, when the run ended
        differs = seen.is_resolved == (opening.resolved_at is None)
        if differs and self.turned is not None and seen.begun <= self.turned:
            return  # it may have looked before
        if opening.resolved_at is None:
            if seen.is_resolved:
                self._resolve(seen)
            else:
                opening.seen_open, opening.not_told_before = seen.at, seen.told_before
        elif seen.is_resolved:
            if opening.resolved_by == "vendor" and opening.seen_resolved is None:
                names = ("team_id", "assignee_bot_type", "assignee_bot_id")
                theirs = names if opening.owner["assignee_id"] is None else names[:1]
                opening.owner = {name: opening.owner.get(name) for name in ("assignee_id",)}
                opening.owner |= {name: seen.state[name] for name in theirs}
            opening.seen_resolved = seen.at
        else:
            self._reopen(seen)

    def _resolve(self, seen: Seen) -> None:
        """Rule 2."""
        opening = self._now
        told = _first_activity(opening)
        asked = max((one.at for one in opening.written if one.is_question and one.is_spoken), default=None)
        if told is None and asked is not None and asked > seen.begun:
            return
        opening.resolved_by, opening.owner, opening.seen_resolved = "seen", seen.state, seen.at
        opening.first_seen_resolved = seen.at
        if told:
            self._end(told.at, "told", told.id)
        else:
            earliest = max(filter(None, [opening.opened_at, asked, _after(opening.seen_open)]), default=None)
            last = max((one.at for one in opening.written if one.is_message), default=None)
            at = max(filter(None, [last, _after(opening.seen_open)]), default=None) if last else earliest
            at = max(filter(None, [at, opening.opened_at]), default=seen.at)
            message_id = next((one.id for one in reversed(opening.written) if one.is_message and one.at == at), None)
            self._end(at, "bounded" if last or opening.seen_open else "not known", message_id)
            opening.resolved_not_before, opening.resolved_not_after = earliest, max(seen.at, at)

    def _infer(self, returns: Written) -> None:
        """Rule 4."""
        opening = self._now
        told = _first_activity(opening)
        may_be_answered = any(one.is_spoken and not one.is_question for one in opening.written)
        if told is None or not may_be_answered or told.id in self.covered:
            return
        opening.resolved_by = "inferred"
        self._end(told.at, "told", told.id)
        opening.resolved_not_before = max(one.at for one in opening.written if one.is_spoken)
        opening.resolved_not_after = returns.at
        answers = [one for one in opening.written if one.is_reply is not False]
        states = self.evidence.states
        around = [one for one in states if one["valid_from"] <= told.at][-1:]
        around += [one for one in states if one["valid_from"] > told.at][:1]
        if answers and (by := answers[-1].agent_id):
            opening.owner = next((one for one in around if one["assignee_id"] == by), {})

    def _end(self, at: datetime, how: str, message_id: int | None) -> None:
        opening = self._now
        opening.resolved_at, opening.resolved_at_is, opening.resolved_message_id = at, how, message_id
        opening.resolved_not_before = opening.resolved_not_after = at
        if message_id is not None:
            place = next(number for number, one in enumerate(opening.written) if one.id == message_id)
            opening.after, opening.written = opening.written[place + 1 :], opening.written[: place + 1]
        else:  # what a muted contact wrote may be later
            opening.after = [one for one in opening.written if one.at > at]
            opening.written = [one for one in opening.written if one.at <= at]

    def _reopen(self, seen: Seen) -> None:
        """Rule 5."""
        opening, since = self._now, self._now.seen_resolved
        told = next((one for one in opening.after if one.is_activity and (since is None or one.at > since)), None)
        opened = Opening(opening.number + 1, seen.at, "seen", None, since or opening.resolved_at, seen.at)
        if told:
            opened.opened_at, opened.opened_by, opened.opened_message_id = told.at, "activity", told.id
            opened.opened_not_before = opened.opened_not_after = told.at
            place = opening.after.index(told)
            opening.after, opened.written = opening.after[:place], opening.after[place + 1 :]
        opened.seen_open, opened.not_told_before = seen.at, seen.told_before
        self.openings.append(opened)

    def _is_muted(self, one: Written) -> bool:
        """Rule 3: whether a muted contact wrote it."""
        seen = self.evidence.seen
        before = next((look for look in reversed(seen) if look.at < one.at), None)
        later = next((look for look in seen if look.at >= one.at), None)
        if before is not None and before.state["muted"]:
            return True
        if later is None or not later.state["muted"]:
            return False
        return not any(other.is_activity and one.at <= other.at <= later.at for other in self.evidence.written)


def _is_of_what_was_seen(opening: Opening, one: Told) -> bool:
    """Rule 6: long after a run saw it resolved, the vendor tells of another resolution."""
    seen = opening.first_seen_resolved
    return opening.resolved_by == "seen" and seen is not None and one.at <= seen + CLOCKS_APART


def _first_activity(opening: Opening) -> Written | None:
    """Return the first activity after the last message of contact or agent, and after a run saw it open."""
    spoken = [number for number, one in enumerate(opening.written) if one.is_spoken]
    rest = opening.written[spoken[-1] + 1 :] if spoken else opening.written
    if spoken and opening.written[spoken[-1]].is_question:
        rest = [one for one in rest if one.at >= opening.written[spoken[-1]].at + AT_ONCE]
    since = opening.not_told_before
    return next((one for one in rest if one.is_activity and (since is None or one.at > since)), None)


def _after(at: datetime | None) -> datetime | None:
    return None if at is None else at + A_MOMENT
