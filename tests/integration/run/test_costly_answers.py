"""Answers that would cost more than they are worth: too slow or too large in one piece, or numbers beyond any sense."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_message
from etl.demo.server import Answer, Request, text_answer
from etl.load.journal import Run
from etl.selection import Selection
from tests.integration.run.test_connections import BOTH, alone
from tests.integration.run.truth import assert_equal
from tests.integration.workers.test_shared_run import shared
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job, notes_of


def with_long_histories(messages: int, size: int = 10) -> Account:
    """Return an account of 60 conversations, three of which have that many messages of that size."""
    account = account_of(60)
    for number in range(messages):
        for conversation in (7, 20, 41):
            add_message(account, conversation, f"{number:06} ".ljust(size, "x"), LONG_AGO + DAY + number)
    return account


def too_slow(request: Request, answer: Answer) -> Answer:
    """Answer 504 to every history of more than 300 messages at once."""
    if request.path.endswith("/messages") and len(orjson.loads(answer.body)["payload"]) > 300:
        return text_answer("<html>504 Gateway Time-out</html>", 504)
    return answer


def run_of(run_it: Callable[..., Run], etl: Job, **settings: Any) -> Run:
    return etl.run(**settings) if run_it is alone else shared(etl, **settings)


@pytest.mark.long
@BOTH
def test_histories_that_are_too_slow_at_once_are_complete_by_windows(
    engine: Engine, run_it: Callable[..., Run]
) -> None:
    account = with_long_histories(450)
    with job(account, engine, change=too_slow, page_size=5) as etl:
        run = run_of(run_it, etl)
        assert (run.outcome, run.problems, run.audit) == ("complete", [], None)
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
def test_histories_that_are_too_large_at_once_are_complete_by_windows(
    engine: Engine, run_it: Callable[..., Run]
) -> None:
    account = with_long_histories(40, size=20_000)
    with job(account, engine, page_size=5) as etl:
        run = run_of(run_it, etl, memory_mb=1)
        assert (run.outcome, run.problems) == ("complete", [])
        assert_equal(etl, account)


@pytest.mark.long
def test_pages_that_are_too_large_are_read_one_by_one(engine: Engine) -> None:
    account = with_long_histories(1)
    for conversation in (8, 9, 10, 11, 12):
        add_message(account, conversation, "y" * 40_000, LONG_AGO + 2 * DAY)
    with job(account, engine) as etl:
        run = etl.run(memory_mb=1)
        assert run.outcome == "complete"
        assert [note.partition(" could not be read. The first: ")[0] for note in notes_of(run)] == ["1 pages"]
        assert "larger than a quarter of ETL_MEMORY_MB" in notes_of(run)[0]
        assert_equal(etl, account)


def numbers(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all numbers in a value."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for name, item in items for found in numbers(item, (*path, name))]
    return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []


def put(value: Any, path: tuple[Any, ...], number: Any) -> None:
    for name in path[:-1]:
        value = value[name]
    value[path[-1]] = number


def records_of(answer: Any) -> list[Any]:
    """Return the records of an answer, whatever is around them; or the answer itself."""
    for _ in range(2):
        answer = answer.get("data", answer.get("payload", answer)) if isinstance(answer, dict) else answer
    return answer if isinstance(answer, list) else [answer]


class Spoiled:
    """Puts a number beyond any sense into one place of each record; which, differs from record to record."""

    def __init__(self, end: str, number: int) -> None:
        self.end, self.number, self.turn = end, number, 0
        self.places: set[tuple[Any, ...]] = set()

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not request.path.endswith(self.end) or answer.status != 200:
            return answer
        value = orjson.loads(answer.body)
        for record in records_of(value):
            if paths := numbers(record):
                self.turn += 1
                path = paths[self.turn % len(paths)]
                self.places.add(path)
                put(record, path, self.number)
        return Answer(200, json.dumps(value).encode())


ENDS = ("/conversations", "/messages", "/search", "/meta", "/profile", "/inboxes", "/agents", "/labels", "/teams")


@pytest.mark.long
@pytest.mark.parametrize("number", [10**400, pytest.param(-(2**63) - 1, marks=pytest.mark.long)], ids=["400", "63"])
@pytest.mark.parametrize("end", ENDS)
def test_a_number_beyond_any_sense_ends_no_run_and_costs_its_record_at_most(
    engine: Engine, end: str, number: int
) -> None:
    account, spoiled = account_of(60, messages=4), Spoiled(end, number)
    with job(account, engine, change=spoiled) as etl:
        run = etl.run(Selection(audit=True))
        assert spoiled.places
        assert run.outcome in {"complete", "incomplete"}, run.problems
    with job(account, engine) as etl:
        run = etl.run(Selection(audit=True), reread_days=3650)
        assert (run.outcome, run.problems) == ("complete", [])
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("count", [10**400, 2**63, True, -1])
def test_a_count_that_is_none_cuts_nothing_and_ends_nothing(
    engine: Engine, run_it: Callable[..., Run], count: int
) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith(("/conversations", "/meta")):
            return answer
        value = orjson.loads(answer.body)
        value.get("data", value)["meta"]["all_count"] = count
        return Answer(200, json.dumps(value).encode())

    account = account_of(60)
    with job(account, engine, change=change, page_size=5) as etl:
        run = run_of(run_it, etl)
        assert (run.outcome, run.problems) == ("complete", [])
        assert notes_of(run) == ["The vendor's counts could not be read, and were not compared."]
        assert_equal(etl, account)
