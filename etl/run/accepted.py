"""Holds what a run finds incomplete against what was accepted: known while it stays so, a problem when it does not."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.load import acceptances, ledger_entries, rejected
from etl.load.acceptances import Acceptance, FaultKind
from etl.load.journal import Run
from etl.load.ledger_entries import DELETED, FORBIDDEN, UNREADABLE
from etl.run.ledger import Ledger

ANEW = "Look at it, and accept it anew, or take that back (`etl accept`)"


@dataclass
class Accepted:
    """What was accepted before a run, which judges it; what is known of it is added to the run.

    ones: kind and what it is -> the acceptance, as long as nobody has ended it. waiting: rejected records that are as
    they were accepted, as far as the run has come.
    """

    engine: Engine
    run: Run
    ones: dict[tuple[FaultKind, str], Acceptance]
    waiting: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, engine: Engine, run: Run) -> Self:
        """Return what was accepted of an account."""
        with transaction(engine) as connection:
            found = acceptances.in_force(connection, run.account_id)
        return cls(engine, run, {(one.kind, one.what): one for one in found})

    def knows(self, kind: FaultKind, what: str, otherwise: str = "") -> bool:
        """Return whether something that is not complete was accepted; say so, or why that no longer counts.

        otherwise: how it is now, in words, where that is not as it was accepted.
        """
        one = self.ones.get((kind, what))
        if one is None:
            return False
        named, date = kind.name_one(what), _day(one.accepted_at)
        if one.expires_at <= self.run.started_at:
            said = f"What was accepted on {date} of {named} has expired. {ANEW}."
            (self.run.notes if kind == FaultKind.FORBIDDEN else self.run.problems).append(said)
        elif otherwise:
            self.run.problems.append(f"It is no longer as accepted on {date}: {named} {otherwise}. {ANEW}.")
        else:
            self.run.known.setdefault(kind.value, []).append(what)
            return True
        return False

    def is_over(self, kind: FaultKind, what: str, why: str) -> None:
        """End an acceptance of what is no longer so, and say why."""
        one = self.ones.pop((kind, what))
        self.run.notes.append(f"What was accepted on {_day(one.accepted_at)} of {one.name} is over: {why}.")
        with transaction(self.engine) as connection:
            acceptances.end(connection, self.run.account_id, [one.number], f"{why} (run {self.run.run_id})")
            for key, other in list(self.ones.items()):
                # By how much the vendor counted more was of all that was accepted at once: of the rest it is not known.
                if other.accepted_at == one.accepted_at and other.as_it_was.get("books"):
                    self.ones[key] = replace(other, as_it_was=other.as_it_was | {"books": {}})
                    acceptances.save_way(connection, self.run.account_id, self.ones[key])

    def knows_field(self, one: Acceptance, how: str) -> bool:
        """Return whether a field that is gone is known as it is: how it is gone, in words."""
        return self.knows(one.kind, one.what, "" if how == one.as_it_was.get("how") else f"{how} now")

    def of_kind(self, kind: FaultKind) -> list[Acceptance]:
        """Return what was accepted of a kind and is not over."""
        return [one for one in self.ones.values() if one.kind == kind]

    def counted_more(self, span: str) -> int:
        """Return how many more the vendor counts, of a metric in a span, by what is known in this run."""
        known = {(FaultKind.CONVERSATION, one) for one in self.run.known.get(FaultKind.CONVERSATION, ())}
        known |= {(FaultKind.REJECTED, one) for one in self.waiting}
        books = (one.as_it_was.get("books") or {} for key, one in self.ones.items() if key in known)
        return sum(int(counts.get(span, 0)) for counts in books)

    def look_at_records(self) -> None:
        """Look which of the accepted records still wait as they were accepted, before the vendor's books are held."""
        with transaction(self.engine) as connection:
            waiting = rejected.waiting(connection, self.run.account_id)
        self.waiting = {
            one.what
            for one in self.of_kind(FaultKind.REJECTED)
            if one.expires_at > self.run.started_at
            and waiting.get(one.what, set()) & set(one.as_it_was.get("digests", ()))
        }


def judge_conversations(accepted: Accepted, ledger: Ledger) -> set[int]:
    """Judge what was accepted of conversations, once each is accounted for; return which unreadable ones are known."""
    known = set()
    gone = ledger.gone | ledger.ground.known[DELETED]
    refused = ledger.forbidden | ledger.ground.known[FORBIDDEN]
    for one in accepted.of_kind(FaultKind.CONVERSATION) + accepted.of_kind(FaultKind.FORBIDDEN):
        number, is_refusal = int(one.what), one.kind == FaultKind.FORBIDDEN
        if number in ledger.seen:
            accepted.is_over(one.kind, one.what, "it was loaded")
        elif number in gone:
            accepted.is_over(one.kind, one.what, "it is deleted at the vendor")
        elif number in ledger.unreadable:
            now = ledger.unreadable[number].failure
            is_same = not is_refusal and now == one.as_it_was.get("failure")
            if accepted.knows(one.kind, one.what, "" if is_same else f"cannot be read now ({_failure(now)})"):
                known.add(number)
        elif number in refused:
            accepted.knows(one.kind, one.what, "" if is_refusal else "is refused to this token now")
    return known


def take_over(accepted: Accepted) -> None:
    """Have a run of what is recent, which asks for none of it, know what the nights before it were let off.

    Also where an acceptance has ended since: it is of how things were in the last complete run that this one goes on.
    """
    run = accepted.run
    with transaction(accepted.engine) as connection:
        for kind, state in ((FaultKind.CONVERSATION, UNREADABLE), (FaultKind.FORBIDDEN, FORBIDDEN)):
            there = ledger_entries.of_state(connection, run.account_id, state)
            ever = acceptances.ever(connection, run.account_id, kind)
            if let_off := sorted(one for one in there if str(one) in ever and one not in run.tally.seen):
                run.known[kind] = list(map(str, let_off))


def judge_records(accepted: Accepted) -> int:
    """Judge what was accepted of rejected records; return how many of those that the run rejected are not known."""
    with transaction(accepted.engine) as connection:
        waiting = rejected.waiting(connection, accepted.run.account_id)
        met = rejected.met_by(connection, accepted.run)
    known: set[str] = set()
    for one in accepted.of_kind(FaultKind.REJECTED):
        digests, was = waiting.get(one.what, set()), set(one.as_it_was.get("digests", ()))
        if not digests and not met.get(one.what):
            accepted.is_over(one.kind, one.what, "it was read well, or is no longer there")
        elif accepted.knows(one.kind, one.what, "" if (digests | met.get(one.what, set())) <= was else "has changed"):
            known.add(one.what)
    left = sum(len(digests) for what, digests in met.items() if what not in known)
    return left if known else accepted.run.tally.rejected


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _failure(failure: Any) -> str:
    return str(failure).removesuffix(".")
