"""What is said of the vendor's books, and of how the tables differ from them: pure."""

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from etl.errors import Denied, VendorError
from etl.extract.reports import TimeSpan
from etl.load import books
from etl.load.books import Count
from etl.load.journal import Run
from etl.run.books_spans import Balance

CHANGED = "what lies in the past changed at the vendor while the run went on"
DELETED = "messages of conversations that were deleted of late, which the vendor still counts"
DESTROYED = "answers that the vendor no longer has, as with those of contacts that were merged"
UNREAD = "what this run could not read"
# Nothing else than these: by so much `etl accept` lets the vendor count more.
UNSHOWN = "conversations that cannot be read"
AS_ACCEPTED = "what cannot be read or stored, as was accepted"
REFUSED = "conversations that the vendor refuses to this token"
# What may be why says nothing of how much: only of these is known how many rows they are.
COUNTED = {DELETED, DESTROYED}
REASONS = "; "
DAYS_NAMED = 5


def why(error: VendorError) -> str:
    """Return why something could not be had, without what was quoted of an answer."""
    if isinstance(error, Denied):
        return error.reason or "it was refused"
    if error.status == HTTPStatus.NOT_FOUND:
        return "this server does not have them"
    return error.sentence.removesuffix(".")


def not_compared(error: VendorError) -> str:
    """Say that the vendor's own counts could not be had, and were compared with nothing."""
    return f"The vendor's own counts of conversations and messages were not compared. Why: {why(error)}."


def how_many(read: int) -> str:
    """Say how many conversations were read again."""
    return f"{read:,} conversations were read again" if read else "all that may differ was read"


def sums(whole: list[Balance]) -> list[Balance]:
    """Add up what was compared before 1970 and since, by metric."""
    summed = []
    for metric in dict.fromkeys(one.metric for one in whole):
        parts = [one for one in whole if one.metric == metric]
        reasons = dict.fromkeys(one.explained_by for one in parts if one.difference or one.accepted)
        is_explained = reasons and None not in reasons
        summed.append(
            Balance(
                metric,
                TimeSpan(min(one.span.since for one in parts), max(one.span.until for one in parts)),
                sum(one.vendor for one in parts),
                Count(sum(one.ours.number for one in parts)),
                REASONS.join(str(reason) for reason in reasons) if is_explained else None,
                sum(one.accepted for one in parts),
            )
        )
    return summed


def explain_by_days(whole: Balance, days: list[Balance]) -> Balance:
    """Explain a difference by those of its days, where all of these are explained."""
    mine = [one for one in days if _is_of(one, whole) and one.difference]
    if not whole.is_in_doubt or not mine or any(one.is_in_doubt for one in mine):
        return whole
    if sum(one.difference for one in mine) != whole.difference:
        return whole
    return replace(whole, explained_by=REASONS.join(dict.fromkeys(str(one.explained_by) for one in mine)))


def _is_of(day: Balance, whole: Balance) -> bool:
    is_within = whole.span.since <= day.span.since and day.span.until <= whole.span.until
    return day.metric == whole.metric and is_within and day.span != whole.span


def to_json(compared: Balance, days: list[Balance]) -> dict[str, int]:
    """Return what the journal has of a count; explained: by how much both differ, where that is known to be no fault.

    days: how many differ, where any do: one that has too much and one that lacks as much show in no sum.
    """
    is_known = compared.explained_by is not None and COUNTED.issuperset(compared.explained_by.split(REASONS))
    explained = compared.difference if is_known else 0
    told = {"vendor": compared.vendor, "ours": compared.ours.number, "explained": explained}
    differing = sum(one.is_in_doubt for one in days if _is_of(one, compared))
    return told | ({"days": differing} if differing else {})


def span_name(metric: str, span: TimeSpan, *, is_whole: bool) -> str:
    """Return by what a count is found again on another night; nothing is accepted of what lies before 1970."""
    if is_whole:
        return metric if span.since >= 0 else ""
    return f"{metric} {span.since} {span.until}"


def to_row(compared: Balance, grain: str, run: Run, at: datetime) -> dict[str, Any]:
    """Return what is written down of a count."""
    return {
        "account_id": run.account_id,
        "run_id": run.run_id,
        "metric": compared.metric,
        "since": books.at(compared.span.since),
        "until": books.at(compared.span.until),
        "grain": grain,
        "vendor": compared.vendor,
        "ours": compared.ours.number,
        "explained_by": compared.explained_by,
        "asked_at": at,
    }


def said(whole: list[Balance], days: list[Balance], names: dict[int, str], read: str) -> tuple[list[str], list[str]]:
    """Return the problems and the notes of a run; names: the day of each begin. read: what was read again, in words."""
    problems, notes = [], []
    again = f"also after {read}"
    for one in whole:
        mine = [day for day in days if _is_of(day, one)]
        named = [day for day in mine if day.is_in_doubt]
        problems += [f"On {names[day.span.since]} {_differs(day)}, {again}." for day in named[:DAYS_NAMED]]
        if len(named) > DAYS_NAMED:
            problems.append(f"{_name(one)} differ on {len(named) - DAYS_NAMED} other days, too (bi.reconciliation).")
        if one.is_in_doubt and (not named or sum(day.difference for day in mine) != one.difference):
            problems.append(f"In all {_differs(one)}, {again}; the next run goes on.")
        elif one.explained_by not in {None, DESTROYED}:
            notes.append(f"In all {_differs(one)}. Why: {one.explained_by}.")
    if days and not problems and not notes:
        # Where the vendor does not tell which days differ, all is in doubt.
        listed = sorted({names[day.span.since] for day in days if day.span not in {one.span for one in whole}})
        more = " ..." if len(listed) > DAYS_NAMED else ""
        where = f" ({', '.join(listed[:DAYS_NAMED])}{more})" if listed else ""
        notes.append(f"The vendor's own counts differed from the tables{where}: {read}, and now they agree.")
    return problems, notes


def _differs(compared: Balance) -> str:
    known = f", and {compared.accepted:,} more were accepted as known" if compared.accepted else ""
    said = f"the vendor counts {compared.vendor:,} {_name(compared).lower()}, and the tables {compared.ours.number:,}"
    return said + known


def _name(compared: Balance) -> str:
    said = compared.metric.replace("rating_", "survey answers of rating ").replace("_", " ")
    return said.capitalize()
