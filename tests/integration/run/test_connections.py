"""Runs against servers and proxies that answer at the wrong time: each request gets its own answer, and in time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.server import Answer
from etl.demo.vendor import Vendor
from etl.load.journal import Run
from tests.integration.run.truth import assert_equal
from tests.integration.workers.test_shared_run import shared
from tests.raw_server import Exchange, scripted, serve_raw, whole
from tests.scripted_account import Job, account_of

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


def alone(etl: Job) -> Run:
    return etl.run()


# A run by itself, and one that is cut into parts for workers.
BOTH = pytest.mark.parametrize("run_it", [alone, shared])


@contextmanager
def disturbed(
    account: Account, engine: Engine, script: Callable[[Exchange, Answer], bool], **vendor: int
) -> Iterator[Job]:
    app = Vendor(account, **vendor)  # type: ignore[arg-type]  # -- the page size, if anything
    with serve_raw(scripted(app, script)) as raw:
        yield Job(app, raw.url, engine)


def is_history(exchange: Exchange, every: int) -> bool:
    path = exchange.request.path.split("/")
    return path[-1] == "messages" and int(path[-2]) % every == 0


@pytest.mark.long
@BOTH
def test_early_hints_before_one_history_in_ten_leave_every_message_in_its_own_conversation(
    engine: Engine, run_it: Callable[[Job], Run]
) -> None:
    def script(exchange: Exchange, answer: Answer) -> bool:
        if is_history(exchange, 10):
            exchange.send(EARLY)
            exchange.late(whole(answer))
            return True
        return False

    account = account_of(60)
    with disturbed(account, engine, script, page_size=5) as etl:
        run = run_it(etl)
        assert (run.outcome, run.problems) == ("complete", [])
        assert_equal(etl, account)
    assert run.tally.retries == 0


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("status", [204, 304])
def test_an_empty_answer_with_a_late_body_costs_its_own_history_only_and_that_for_one_night(
    engine: Engine, run_it: Callable[[Job], Run], status: int
) -> None:
    spoils = [True]

    def script(exchange: Exchange, answer: Answer) -> bool:
        if spoils and is_history(exchange, 20):
            exchange.send(f"HTTP/1.1 {status} Said\r\n\r\n".encode())
            exchange.late(whole(answer))
            return True
        return False

    account = account_of(60)
    with disturbed(account, engine, script, page_size=5) as etl:
        run = run_it(etl)
        assert run.outcome == "incomplete"
        (said,) = run.problems
        assert said.startswith("3 histories could not be read completely; the next run tries again. The first: http")
        assert f"the server answered {status}: an empty body" in said
        # What is there is right: 57 whole histories, and of three conversations what the list shows.
        assert etl.rows("SELECT count(*) FROM messages WHERE content <> format('message %s of %s 🙂', (id - 1) % 3,"
                        " conversation_id)") == [(0,)]  # fmt: skip
        assert etl.rows("SELECT count(*) FROM messages") == [(57 * 3 + 3,)]
        spoils.clear()
        assert etl.run().outcome == "complete"
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
def test_histories_that_drip_end_at_the_deadline_and_are_read_at_the_second_attempt(
    engine: Engine, run_it: Callable[..., Run]
) -> None:
    dripped: set[str] = set()

    def script(exchange: Exchange, answer: Answer) -> bool:
        if is_history(exchange, 20) and exchange.request.path not in dripped:
            dripped.add(exchange.request.path)
            exchange.drip(whole(answer) + b" " * 100_000)
            return True
        return False

    account = account_of(60)
    with disturbed(account, engine, script, page_size=5) as etl:
        settings = {"timeout_seconds": 2, "retry_attempts": 3}
        run = etl.run(**settings) if run_it is alone else shared(etl, **settings)
        assert (run.outcome, run.problems, run.tally.retries) == ("complete", [], 3)
        assert_equal(etl, account)
