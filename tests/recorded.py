"""Serves exchanges recorded from real server code: the same request gets the recorded answer."""

import gzip
import json
from pathlib import Path

from etl.demo.server import Answer, Request, json_answer, text_answer

PAYLOADS = Path(__file__).parent / "payloads"
NOT_RECORDED = text_answer("this request was not recorded", 418)


def recording(name: str) -> list[dict]:
    """Give the exchanges of a file in tests/payloads: [{request: {path, query}, response: {status, json}}]."""
    with gzip.open(PAYLOADS / f"{name}.json.gz", "rt") as file:
        return json.load(file)


class Recorded:
    """Answers what was recorded; the rest gets 418, which no client retries. `requests` keeps what was asked."""

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
        return self._answers.get((request.path, tuple(sorted(request.query))), NOT_RECORDED)
