"""Judges how an account stands, in one line; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from etl.errors import unquoted
from etl.exit_codes import Outcome
from etl.load.acceptances import FaultKind
from etl.load.journal import COUNTS
from etl.monitoring.run_history import Standing
from etl.monitoring.summary import name_some, spell_known

LONGEST_REASON = 160
HOUR, DAY = 3600, 86_400
# From here on days are easier to read than hours.
TELL_DAYS_FROM = 2 * DAY
# Younger ones are of the last nights, which the line tells anyhow.
TELL_READINGS_FROM = timedelta(days=2)


@dataclass(frozen=True)
class Verdict:
    """What is said of one account: `ok` when its data are fresh and complete; `said` is the line, without a sign."""

    standing: Standing
    ok: bool
    said: str


def judge(standing: Standing, now: datetime, max_age: timedelta) -> Verdict:
    """Return whether an account's data are complete and younger than `max_age`; if not, why."""
    faults, notes = list(_faults(standing, now, max_age)), list(_notes(standing, now))
    complete = standing.last_complete
    fresh = f"complete {_span(now - complete)} ago ({_utc(complete)})" if complete else "no complete run yet"
    said = "; ".join([fresh, *_proofs(standing, now), *faults, *notes])
    is_young = complete is not None and now - complete < max_age
    return Verdict(standing, is_young and not faults, f"account {standing.account_id}: {said}")


def verdict_to_json(verdict: Verdict, now: datetime) -> dict[str, Any]:
    """Return a verdict as `--json` prints it; times in ISO 8601 (UTC), null for what never happened."""
    standing = verdict.standing
    complete = standing.last_complete
    return {
        "account_id": standing.account_id,
        "ok": verdict.ok,
        "said": verdict.said,
        "last_complete_started_at": complete and complete.astimezone(UTC).isoformat(),
        "age_seconds": complete and round((now - complete).total_seconds()),
        "last_run": _run(standing.last),
        "under_way": _run(standing.under_way),
        "is_alive": standing.is_alive,
        "conversations_unaccounted": standing.conversations_unaccounted,
        "messages_unaccounted": standing.messages_unaccounted,
        "unreadable": list(standing.unreadable),
        "known": (standing.last and standing.last.known) or {},
        "unseen": list(map(int, (standing.last and standing.last.unseen) or ())),
        "proof": standing.last and standing.last.proof,
        "last_walk_started_at": _iso(standing.walked_at),
        "books_agree_as_of": _iso(standing.books_agree),
        "oldest_history_read_at": _iso(standing.oldest_reading),
        "last_verified_at": _iso(standing.verified and standing.verified.finished_at),
        "messages_bound": standing.verified and standing.verified.messages_bound,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None


def _faults(standing: Standing, now: datetime, max_age: timedelta) -> Iterator[str]:
    complete, last, under_way = standing.last_complete, standing.last, standing.under_way
    if complete and now - complete >= max_age:
        yield f"that is more than {_span(max_age)}"
    if last and last.outcome not in {Outcome.COMPLETE, Outcome.INTERRUPTED}:
        yield f"run {last.run_id} {_was(last.outcome)}: {'; '.join(_causes(standing))}".removesuffix(": ")
    if standing.conversations_unaccounted:
        yield f"{standing.conversations_unaccounted} conversation ids unaccounted for"
    if standing.messages_unaccounted:
        yield f"{standing.messages_unaccounted} messages unaccounted for"
    if standing.rows_differing:
        yield f"the last verification found {standing.rows_differing} rows that differ (`etl verify --repair`)"
    if under_way and not standing.is_alive:
        yield f"run {under_way.run_id} was killed (begun {_span(now - under_way.started_at)} ago)"


def _notes(standing: Standing, now: datetime) -> Iterator[str]:
    """Yield what is no fault by itself; whether a run takes too long, the age tells."""
    last, under_way = standing.last, standing.under_way
    if last and last.outcome == Outcome.INTERRUPTED:
        yield f"run {last.run_id} was interrupted"
    if last and last.known:
        yield spell_known(last.known)
    if refused := list(_refused(standing)):
        yield f"{len(refused)} refused to the token: {name_some(refused)}"
    if under_way and standing.is_alive:
        yield f"run {under_way.run_id} is going on for {_span(now - under_way.started_at)}"


def _refused(standing: Standing) -> Iterator[str]:
    """Yield the conversations in the tables that the last run's token was refused, unless that was accepted."""
    known = standing.last and (standing.last.known or {}).get(FaultKind.FORBIDDEN, ())
    for one in (standing.last and standing.last.unseen) or ():
        if one not in known and int(one) not in standing.unreadable:
            yield one


def _proofs(standing: Standing, now: datetime) -> Iterator[str]:
    """Yield what else vouches for the data: counts, the vendor's books, the oldest reading, the last verification."""
    if standing.last and standing.last.proof == COUNTS and standing.walked_at:
        yield f"proved by counts, every page walked {_span(now - standing.walked_at)} ago"
    if standing.books_agree:
        yield f"books agree as of {_utc(standing.books_agree)}"
    if standing.oldest_reading and now - standing.oldest_reading >= TELL_READINGS_FROM:
        yield f"oldest reading {_span(now - standing.oldest_reading)} ago"
    if standing.verified:
        yield f"verified {_span(now - standing.verified.finished_at)} ago{_bound(standing.verified)}"


def _bound(verified: Any) -> str:
    """Say what the verification permits to say of all messages."""
    if verified.messages_bound is None:
        return ""
    return f": with {verified.confidence:.0%} confidence at most {verified.messages_bound:.2%} of messages differ"


def _was(outcome: str) -> str:
    return "failed" if outcome == "failed" else f"was {outcome}"


def _causes(standing: Standing) -> Iterator[str]:
    """Yield why the last run over everything was not complete: whatever it could not read, by name, and a problem."""
    last, known = standing.last, (standing.last.known or {}).get(FaultKind.CONVERSATION, ())
    names = [str(one) for one in standing.unreadable if str(one) not in known]
    problems = last.problems or []
    if names and last.unreadable:
        yield f"{len(names)} unreadable: {name_some(names)}"
        if len(problems) == 1:
            return  # it says the same, with the first answer
    if problems:
        more = f" ({len(problems)} problems, see `etl runs --run {last.run_id}`)" if len(problems) > 1 else ""
        yield _shortened(problems[0], last.quotes or ()) + more


def _shortened(problem: str, quotes: Sequence[str]) -> str:
    """Return a problem on one line, shortened, and without what a server answered: monitors send it by mail."""
    said = " ".join(unquoted(problem, quotes).split())
    return said if len(said) <= LONGEST_REASON else said[: LONGEST_REASON - 3] + "..."


def _run(row: Any) -> dict[str, Any] | None:
    return row and {
        "run_id": row.run_id,
        "kind": row.kind,
        "outcome": row.outcome,
        "started_at": row.started_at.astimezone(UTC).isoformat(),
        "finished_at": row.finished_at and row.finished_at.astimezone(UTC).isoformat(),
    }


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    if seconds >= TELL_DAYS_FROM:
        parts = (("d", seconds // DAY), ("h", seconds % DAY // HOUR))
    else:
        parts = (("h", seconds // HOUR), ("min", seconds % HOUR // 60))
    return " ".join(f"{number} {unit}" for unit, number in parts if number) or "0 min"
