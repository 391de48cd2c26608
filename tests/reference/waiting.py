"""How long contacts waited, by docs/metrics.md, "First response and reply times"; written from there."""

from dataclasses import dataclass, replace
from datetime import datetime

from tests.reference.evidence import Evidence, Written, whole_seconds
from tests.reference.timeline import Opening


@dataclass
class Wait:
    """One wait: from a question on."""

    opening: int
    is_first: bool
    question: Written
    is_known: bool = True
    ended_at: datetime | None = None
    answer: Written | None = None
    is_resolved_unanswered: bool | None = False
    from_assignment: int | None = None

    @property
    def seconds(self) -> int | None:
        return None if self.answer is None else whole_seconds(self.question.at, self.answer.at)


def waits_of(evidence: Evidence, openings: list[Opening]) -> list[Wait]:
    """Return the waits of a conversation, opening by opening."""
    return [wait for opening in openings for wait in _waits_in(evidence, opening)]


def _waits_in(evidence: Evidence, opening: Opening) -> list[Wait]:
    waits: list[Wait] = []
    current: Wait | None = None
    for written in opening.written:
        one = _as_the_vendor_tells(evidence, written)
        if current is None and one.is_question:
            current = Wait(opening.number, not waits, one)
            waits.append(current)
        elif current is not None and one.is_reply is None:
            current.is_known, current.is_resolved_unanswered = False, None
        elif current is not None and one.is_reply:
            current.ended_at = one.at
            if current.is_known:
                current.answer, current.from_assignment = one, _from_assignment(evidence, current, one)
            current = None
    if current is not None and opening.resolved_at is not None:
        current.ended_at = opening.resolved_at
        if current.is_known:
            current.is_resolved_unanswered = True
    return waits


def _as_the_vendor_tells(evidence: Evidence, one: Written) -> Written:
    """Return a message of which nobody tells who wrote it as an answer, where the vendor counted one in its second."""
    second = one.at.replace(microsecond=0)
    if one.is_reply is not None or second not in evidence.responses:
        return one
    return replace(one, is_reply=True, agent_id=evidence.responses[second])


def _from_assignment(evidence: Evidence, wait: Wait, answer: Written) -> int | None:
    """Return the seconds from when the runs saw the agent assigned, if they did when the reply was written."""
    state = evidence.state_at(answer.at)
    if state is None or answer.agent_id is None or state["assignee_id"] != answer.agent_id:
        return None
    since = state["valid_from"]
    for earlier in reversed(evidence.states[: evidence.states.index(state)]):
        if earlier["assignee_id"] != answer.agent_id:
            break
        since = earlier["valid_from"]
    return whole_seconds(max(since, wait.question.at), answer.at)
