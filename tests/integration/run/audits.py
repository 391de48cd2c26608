"""What an audit asked for and found, and answers of the second witness made other ones."""

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import text

from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import Change, Job, server_fault

AUDIT = Selection(audit=True)
OLD = "2.14"


def sums(conversations: int, read: int, witnessed: int = 0, unaccounted: int = 0) -> dict[str, int]:
    return {
        "conversations": conversations,
        "messages": read + witnessed + unaccounted,
        "read": read,
        "witnessed": witnessed,
        "unaccounted": unaccounted,
    }


def is_search(request: Request) -> bool:
    return request.path.endswith("/conversations/search")


def searches(etl: Job) -> list[str]:
    """Return the queries of the last run's searches."""
    found = [request.query for request in etl.vendor.requests if is_search(request)]
    return sorted("&".join(f"{name}={value}" for name, value in query) for query in found)


def histories(etl: Job) -> list[str]:
    """Return the histories that were asked for, with the queries."""
    asked = [one for one in etl.vendor.requests if one.path.endswith("/messages")]
    return [f"{one.path.split('/')[-2]} {' '.join(f'{name}={value}' for name, value in one.query)}" for one in asked]


def rewritten(belongs: Callable[[Request], bool], rewrite: Callable[[Any], None]) -> Change:
    """Rewrite the payload of some answers on their way out."""

    def change(request: Request, answer: Answer) -> Answer:
        if not belongs(request) or answer.status != 200:
            return answer
        value = orjson.loads(answer.body)
        rewrite(value["payload"])
        return json_answer(value)

    return change


def without(*ids: int) -> Change:
    """Leave messages out of every history, as if the server could not give them."""

    def leave_out(payload: Any) -> None:
        payload[:] = [one for one in payload if one["id"] not in ids]

    return rewritten(lambda request: request.path.endswith("/messages"), leave_out)


def answered(status: int, times: int = 1_000) -> Change:
    """Answer the first searches with a status, as if there were none."""
    left = iter(range(times))

    def change(request: Request, answer: Answer) -> Answer:
        hit = is_search(request) and next(left, None) is not None
        return json_answer({"error": "no"}, status) if hit else answer

    return change


def execute(etl: Job, statement: str) -> None:
    with etl.engine.begin() as connection:
        connection.execute(text(statement))


def ids(etl: Job) -> list[int]:
    return [row[0] for row in etl.rows("SELECT id FROM messages WHERE removed_at IS NULL ORDER BY id")]


def broken_second_page(request: Request, answer: Answer) -> Answer:
    return server_fault() if is_search(request) and request.first("page") == "2" else answer
