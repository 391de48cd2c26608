"""Serves exchanges recorded from real server code: the same request gets the recorded answer."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.demo.server import Answer, Request, json_answer, serve, text_answer

PAYLOADS = Path(__file__).parent / "payloads"
NOT_RECORDED = text_answer("this request was not recorded", 418)
# What the real server answers for any conversation that is not there.
NO_SUCH_CONVERSATION = json_answer({"error": "Resource could not be found"}, 404)
CONVERSATION = re.compile(r"/api/v1/accounts/1/conversations/\d+")


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
        return self._answers.get((request.path, tuple(sorted(request.query))), missing)


RECORDED_4_7 = tuple(f"4.7.0-{name}" for name in ("pages", "histories", "details", "counts", "profile", "dimensions"))


@contextmanager
def recorded_account(database_url: str, **more: str) -> Iterator[tuple[Recorded, dict[str, str]]]:
    """Serve the account recorded from Chatwoot 4.7.0; yield the server, and the variables of a job that reads it."""
    vendor = Recorded(*RECORDED_4_7)
    with serve(vendor) as url:
        yield (
            vendor,
            {
                "ETL_BASE_URL": url,
                "ETL_ACCOUNT_ID": "1",
                "ETL_API_TOKEN": "admin_token",
                "DATABASE_URL": database_url,
                # Recent conversations would be read again, and what is recent depends on the day of the test.
                "ETL_REREAD_DAYS": "0",
            }
            | more,
        )
