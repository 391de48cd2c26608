"""The vendor's own counts, from its reports: of any range of time, in spans of months or days, and of surveys.

Rows are counted by when they were created: incoming messages, outgoing ones with private notes, conversations; what is
deleted with its conversation is not counted. A range has its begin in it, and not its end, on every version.
"""

from itertools import pairwise
from typing import Any, NamedTuple

from etl.errors import VendorError
from etl.extract.client import Client, Query

CONVERSATIONS, INCOMING, OUTGOING = METRICS = ("conversations", "incoming_messages", "outgoing_messages")
SURVEYS = "csat_survey_responses/metrics"
SENT, RATINGS = "surveys_sent", tuple(f"rating_{rating}" for rating in range(1, 6))
# What fails is asked for a few times more, and then done without.
ATTEMPTS = 4

Counts = dict[str, int]


class TimeSpan(NamedTuple):
    """A range of time in whole seconds since 1970: its begin is in it, and its end is not."""

    since: int
    until: int


def count_everything(client: Client, until: int) -> dict[TimeSpan, Counts]:
    """Return what the vendor counts from 1970 on, and before, as imports have such times: both in one answer.

    Raise VendorError where that is not offered, refused, or cannot be read.
    """
    answer = client.get(_path(client, "reports/summary"), _query(TimeSpan(0, until)), attempts=ATTEMPTS)
    before = answer.get("previous") if isinstance(answer, dict) else None
    return {TimeSpan(-until, 0): _counts(before), TimeSpan(0, until): _counts(answer)}


def count_in(client: Client, span: TimeSpan) -> Counts:
    """Return what the vendor counts in a span; raise VendorError as above."""
    return _counts(client.get(_path(client, "reports/summary"), _query(span), attempts=ATTEMPTS))


def count_by(client: Client, metric: str, span: TimeSpan, unit: str) -> dict[TimeSpan, int]:
    """Return what the vendor counts of one metric in each month or day of a span; raise VendorError as above.

    Where they begin is the vendor's secret: of the zones with the offset that is asked for it takes the first one, with
    its summer time. So each goes from the time that it tells to the next one's.
    """
    query = [("metric", f"{metric}_count"), *_query(span), ("group_by", unit)]
    answer = client.get(_path(client, "reports"), query, attempts=ATTEMPTS)
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise VendorError("the answer is no list of counts")
    told = [(_number(one, "timestamp", least=-(2**53)), _number(one, "value")) for one in answer]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(told)):
        raise VendorError("the counts are in no order of time")
    if any(value for begin, value in told if begin >= span.until):
        raise VendorError("the counts are of another range")
    # 2.15.0 adds the day after the last one, of which it counts nothing.
    within = [one for one in told if one[0] < span.until]
    ends = [*(begin for begin, _ in within[1:]), span.until]
    found = {
        TimeSpan(max(begin, span.since), end): value
        for (begin, value), end in zip(within, ends, strict=True)
        if end > span.since
    }
    if found and next(iter(found)).since > span.since:
        found = {TimeSpan(span.since, next(iter(found)).since): 0} | found
    return found


def count_surveys(client: Client, span: TimeSpan) -> Counts:
    """Return how many surveys the vendor counts as sent in a span, and answers of each rating; raise as above."""
    answer = client.get(SURVEYS, [("since", span.since), ("until", span.until)], attempts=ATTEMPTS)
    ratings = answer.get("ratings_count") if isinstance(answer, dict) else None
    if not isinstance(ratings, dict):
        raise VendorError("the answer has no counts")
    rated = {name: _number(ratings, name.removeprefix("rating_"), missing=0) for name in RATINGS}
    return {SENT: _number(answer, "total_sent_messages_count")} | rated


def _path(client: Client, name: str) -> str:
    return f"/api/v2/accounts/{client.account_id}/{name}"


def _query(span: TimeSpan) -> Query:
    return [("type", "account"), ("since", span.since), ("until", span.until)]


def _counts(answer: Any) -> Counts:
    if not isinstance(answer, dict):
        raise VendorError("the answer has no counts")
    return {metric: _number(answer, f"{metric}_count") for metric in METRICS}


def _number(answer: dict[str, Any], name: str, least: int = 0, missing: int | None = None) -> int:
    """Return a count; what is no whole number is none, and is compared with nothing."""
    value = answer.get(name, missing)
    if type(value) is not int or value < least:
        raise VendorError(f"the answer has no count in {name}")
    return value
