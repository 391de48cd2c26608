"""Serves exchanges recorded from real server code: the same request gets the recorded answer."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl.demo.server import Answer, Request, json_answer, serve, text_answer

PAYLOADS = Path(__file__).parent / "payloads"
NOT_RECORDED = text_answer("this request was not recorded", 418)
# What the real server answers for any conversation that is not there.
NO_SUCH_CONVERSATION = json_answer({"error": "Resource could not be found"}, 404)
CONVERSATION = re.compile(r"/api/v1/accounts/1/conversations/\d+")
# Of these nothing was recorded: a server that does not have them.
NOT_HAD = re.compile(
    r"/api/v1/accounts/1/(agent_bots|campaigns|sla_policies|inbox_members/\d+|teams/\d+/team_members"
    r"|(conversations/\d+/)?reporting_events|csat_survey_responses/metrics)|/api/v2/accounts/1/reports.*"
)
NO_SUCH_ROUTE = Answer(404, b"<!DOCTYPE html>", "text/html")


def recording(name: str) -> list[dict]:
    """Return the exchanges of a file in tests/payloads: [{request: {path, query}, response: {status, json}}]."""
    with gzip.open(PAYLOADS / f"{name}.json.gz", "rt") as file:
        return json.load(file)


class Recorded:
    """Answers what was recorded; the rest gets 418, which no client retries. `requests` keeps what was asked.

    A conversation that was not recorded is not there: 404, as recorded for number 999999.
    """

    def __init__(self, *names: str) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple, Answer] = {}
        for name in names:
            for exchange in recording(name):
                request, response = exchange["request"], exchange["response"]
                key = (request["path"], tuple(sorted((k, str(v)) for k, v in request["query"])))
                self._answers[key] = json_answer(response["json"], response["status"])

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        missing = NO_SUCH_CONVERSATION if CONVERSATION.fullmatch(request.path) else NOT_RECORDED
        missing = NO_SUCH_ROUTE if NOT_HAD.fullmatch(request.path) else missing
        return self._answers.get((request.path, tuple(sorted(request.query))), missing)


# For the views: days and hours of another zone than UTC.
ZONE = "Asia/Jerusalem"
RECORDED_4_7 = tuple(f"4.7.0-{name}" for name in ("pages", "histories", "details", "counts", "profile", "dimensions"))


@contextmanager
def recorded_account_4_7(database_url: str) -> Iterator[tuple[Recorded, dict[str, str]]]:
    """Serve the account recorded from Chatwoot 4.7.0; yield the server, and the variables of a job that reads it."""
    vendor = Recorded(*RECORDED_4_7)
    with serve(vendor) as url:
        yield vendor, _settings(url, database_url) | {"ETL_TIMEZONE": ZONE}


def _settings(base_url: str, database_url: str) -> dict[str, str]:
    return {
        "ETL_BASE_URL": base_url,
        "ETL_ACCOUNT_ID": "1",
        "ETL_API_TOKEN": "admin_token",
        "DATABASE_URL": database_url,
        # Recent conversations would be read again, and what is recent depends on the day of the test.
        "ETL_REREAD_DAYS": "0",
        # Two pages of the list were recorded, in no order.
        "ETL_CONTACTS": "seen",
    }


ACCOUNT = "/api/v1/accounts/1/"
MESSAGES = re.compile(r"/api/v1/accounts/1/conversations/(\d+)/messages")


def recorded_messages() -> dict[int, dict[int, dict[str, Any]]]:
    """Return conversation -> message id -> message, of all that the server ever gave by `/messages`."""
    found: dict[int, dict[int, dict[str, Any]]] = defaultdict(dict)
    for name in ("2.14.0-walks", "2.14.0-numbers"):
        for exchange in recording(name):
            for message in exchange["response"]["json"]["payload"]:
                found[message["conversation_id"]][message["id"]] = message
    return found


# Of these nothing was recorded: a server that does not have them.
NOT_THERE_IN_2_14 = {
    *("inboxes", "agents", "teams", "labels", "custom_attribute_definitions", "csat_survey_responses"),
    *("agent_bots", "campaigns", "sla_policies", "/api/vN/profile"),
}


class Recorded214(Recorded):
    """Answers what was recorded; where that has gaps, what the recorded rule makes of the recorded messages.

    The rule: `after` and `before` together give the oldest 20 with an id of at least `before`, and `before` alone the
    newest 20 below. Four messages that this second door would give were never asked for, so that no answer has them.
    """

    def __init__(self) -> None:
        super().__init__(*(f"2.14.0-{name}" for name in ("pages", "walks", "numbers", "search", "details", "counts")))
        self._messages = recorded_messages()

    def __call__(self, request: Request) -> Answer:
        if request.path == f"{ACCOUNT}conversations/search":
            # One order was recorded; its pages are right in any.
            query = [("status", "all"), ("sort_by", "sort_on_created_at"), ("page", request.first("page") or "1")]
            answer = super().__call__(Request(request.path, query, request.headers))
            self.requests[-1] = request
            return answer
        answer = super().__call__(request)
        if kind_of(request.path) in NOT_THERE_IN_2_14:
            return NO_SUCH_CONVERSATION
        history = MESSAGES.fullmatch(request.path)
        if answer.status == 418 and history:
            bound = int(request.first("before") or 0)
            found = sorted(self._messages[int(history[1])].values(), key=lambda one: (one["created_at"], one["id"]))
            oldest, newest = [one for one in found if one["id"] >= bound], [one for one in found if one["id"] < bound]
            payload = newest[-20:] if request.first("after") is None else oldest[:20]
            return json_answer({"meta": {}, "payload": payload})
        return answer


def kind_of(path: str) -> str:
    return re.sub(r"\d+", "N", path.removeprefix(ACCOUNT))


@contextmanager
def recorded_account_2_14(database_url: str) -> Iterator[tuple[Recorded, dict[str, str]]]:
    """Serve the account recorded from Chatwoot 2.14.0, as `recorded_account_4_7` does that of 4.7.0."""
    vendor = Recorded214()
    with serve(vendor) as url:
        # One at a time, so that how often is asked before it is known how does not depend on chance.
        yield vendor, _settings(url, database_url) | {"ETL_CONCURRENCY": "1"}
