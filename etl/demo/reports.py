"""The vendor's own reports: what it counts in a range of time, by month and by day, and of surveys.

Rows are counted by when they were created; what is deleted with its conversation is not counted.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from etl.demo.account import INCOMING, OUTGOING, Account, Json
from etl.demo.asked import FORBIDDEN, Asked, Handler
from etl.demo.dimensions import OLD
from etl.demo.finders import ServerFaultError, number
from etl.demo.server import Answer, json_answer

METRICS = ("conversations_count", "incoming_messages_count", "outgoing_messages_count")
# Not of this vendor's account, but as it sends them: text where there is an average, 0 where there is none.
AVERAGES: Json = {"avg_first_response_time": 0, "avg_resolution_time": 0, "resolutions_count": 0}
SURVEY = "input_csat"
A_DAY = 86_400


def _times(account: Account, metric: str) -> list[int]:
    """Return when everything was created that a metric counts."""
    conversations = list(account.conversations.values())
    if metric == "conversations_count":
        return [conversation.created_at for conversation in conversations]
    kind = {"incoming_messages_count": INCOMING, "outgoing_messages_count": OUTGOING}.get(metric)
    if kind is None:
        raise ServerFaultError
    return [
        message.created_at
        for conversation in conversations
        for message in list(conversation.messages)
        if message.message_type == kind
    ]


def _count(account: Account, since: int, until: int) -> Json:
    counts = {metric: sum(since <= at < until for at in _times(account, metric)) for metric in METRICS}
    return counts | AVERAGES


def _range(asked: Asked) -> tuple[int, int]:
    """Return the range that is asked for; the server fails without a type."""
    if asked.request.first("type") != "account":
        raise ServerFaultError
    return number(asked.request.first("since")), number(asked.request.first("until") or str(int(time.time())))


def _summary(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    since, until = _range(asked)
    counts = _count(asked.account, since, until)
    return json_answer(counts | {"previous": _count(asked.account, since - (until - since), since)})


def _series(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    since, until = _range(asked)
    unit = asked.request.first("group_by") or "day"
    zone = _zone(asked)
    found = Counter(
        _begin(at, unit, zone)
        for at in _times(asked.account, asked.request.first("metric") or "")
        if since <= at < until
    )
    # As recorded, 2.15.0 adds the day after the last one.
    more = A_DAY if unit == "day" and asked.viewer.behaviour == OLD else 0
    begins = _begins(since, until + more, unit, zone)
    return json_answer([{"value": found[begin], "timestamp": int(begin.timestamp())} for begin in begins])


def _zone(asked: Asked) -> tzinfo:
    """Return the first zone whose offset is the one asked for: where that is none, London, with its summer time."""
    is_asked = asked.request.first("timezone_offset") is not None
    return ZoneInfo("Europe/London") if is_asked or asked.viewer.behaviour == OLD else UTC


@lru_cache(maxsize=10_000)  # whoever asks for years by days asks for the same ones each time
def _begin(at: int, unit: str, zone: tzinfo) -> datetime:
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=at)).astimezone(zone)
    day = day.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        day -= timedelta(days=(day.weekday() + 1) % 7)
    return day.replace(day=1 if unit in {"month", "year"} else day.day, month=1 if unit == "year" else day.month)


def _begins(since: int, until: int, unit: str, zone: tzinfo) -> Iterator[datetime]:
    begin = _begin(since, unit, zone)
    while begin.timestamp() < until:
        yield begin
        # To somewhere in the next one, however long this one is.
        days = {"day": 1, "week": 7, "month": 32, "year": 367}[unit]
        begin = _begin(int((begin + timedelta(days=days)).timestamp()), unit, zone)


def _survey_counts(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    since, until = number(asked.request.first("since")), number(asked.request.first("until")) or 2**53
    answers = [one for one in list(asked.account.csat_responses) if since <= one.created_at < until]
    sent = sum(
        message.content_type == SURVEY and since <= message.created_at < until
        for conversation in list(asked.account.conversations.values())
        for message in list(conversation.messages)
    )
    ratings = Counter(str(one.rating) for one in answers)
    return json_answer({"total_count": len(answers), "ratings_count": ratings, "total_sent_messages_count": sent})


OF_REPORTS: tuple[tuple[str, Handler], ...] = (
    ("v2/reports", _series),
    ("v2/reports/summary", _summary),
    ("v1/csat_survey_responses/metrics", _survey_counts),
)
