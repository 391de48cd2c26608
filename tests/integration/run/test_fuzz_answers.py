"""Answers to other questions and answers out of step, made up by dice: a complete run has stored no wrong row.

What is right is told by `truth.py`, from the account's own objects. How many are made up: three of each of the two
kinds on each change, and 600 in the long run (`make test-long`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from random import Random
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_message
from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from etl.interrupt import Interrupt
from etl.load.journal import Run
from etl.selection import Selection
from tests.examples import examples
from tests.integration.run.truth import assert_equal, clear
from tests.raw_server import Exchange, scripted, serve_raw, whole
from tests.scripted_account import DAY, LONG_AGO, Job, account_of

SEED = 13
FEW, MANY = 3, 300
# As many healthy nights as it may take until all is well again.
NIGHTS = 4
LONG_ONE = 6
# Messages of another account have ids from here on.
ELSEWHERE = 10_000


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run of these tests really wait before it tries again."""
    monkeypatch.setattr(Interrupt, "sleep", lambda *_: None)


def an_account(first_message: int = 1, *, silent: bool = False) -> Account:
    """Return nine conversations in three statuses, one of which is longer than old servers give at once.

    silent: of nothing but activities, so that a list that shows no message is right.
    """
    account = account_of(9, messages=0)
    for number, conversation in account.conversations.items():
        for minute in range(3 if number != LONG_ONE else 23):
            add_message(
                account,
                number,
                f"{minute} of {number}",
                conversation.created_at + minute,
                **sent_by(minute, silent=silent),
            )
        conversation.status = ("open", "resolved", "pending")[number % 3]
        # What an agent has seen, 2.14 does not show in the list.
        conversation.agent_last_seen_at = LONG_AGO + DAY if number % 2 else None
        for message in conversation.messages:
            message.id += first_message - 1
    account.last_message_id += first_message - 1
    return account


def sent_by(number: int, *, silent: bool) -> dict[str, Any]:
    """Return the fields of a message: from the contact, from an agent, or an activity."""
    kind = 2 if silent else number % 3
    return {"message_type": kind} | ({"sender_type": "User", "sender_id": 2} if kind == 1 else {})


def is_right(etl: Job, account: Account) -> None:
    """Hold the tables to the truth; what was stored of another account, and is known to be gone, is not looked at."""
    alien = f"id >= {ELSEWHERE}"
    assert etl.rows(f"SELECT id, conversation_id FROM messages WHERE {alien} AND removed_at IS NULL") == []
    with etl.engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM helpdesk.messages WHERE {alien}")
    assert_equal(etl, account)


def told(run: Run) -> tuple[str, list[str]]:
    return str(run.outcome), run.problems


def until_well(etl: Job, account: Account, **settings: Any) -> None:
    """Have healthy nights follow: in the end all is right, and none that is complete has a wrong row."""
    for _ in range(NIGHTS):
        run = etl.run(**settings)
        if run.outcome == "complete":
            is_right(etl, account)
            return
    raise AssertionError(f"not well after {NIGHTS} healthy nights: {told(run)}")


# Answers to other questions


@dataclass(frozen=True)
class Swap:
    """Which requests get the answer to which other one, how often, and what there is that could tell.

    where: the kind of request. named: whether messages name their conversation, and records their account. told:
    whether the list shows messages. of: the other conversation; None: the one of the same number of another account.
    times: of the first so many requests; None: of all. begun: whether the tables hold all before.
    """

    behaviour: str
    where: str
    number: int
    of: int | None
    named: bool
    told: bool
    times: int | None
    begun: bool
    audit: bool
    attempts: int


WHERE = {
    "history": lambda request, number: request.path.endswith(f"conversations/{number}/messages"),
    "detail": lambda request, number: request.path.endswith(f"conversations/{number}"),
    "page": lambda request, number: (
        request.path.endswith("/conversations") and request.first("page") == str(1 + number % 2)
    ),
    "search": lambda request, number: request.path.endswith("/search") and number > 0,
}


def swaps(dice: Random) -> Swap:
    behaviour, where = dice.choice(("4.7", "2026", "2.14")), dice.choice(list(WHERE))
    number = dice.randrange(1, 10)
    others = [one for one in range(1, 10) if one != number]
    # Of another account nothing tells but the messages that the list shows, or its number.
    named, shows, foreign = dice.random() < 0.5, dice.random() < 0.5, dice.random() < 0.3
    if foreign:
        named, shows = (named, True) if where == "history" else (True, shows)
    return Swap(
        behaviour, where, number, None if foreign else dice.choice(others), named, shows,
        dice.choice((1, 1, 2, None)), dice.random() < 0.6, dice.random() < 0.4, dice.choice((1, 2)),
    )  # fmt: skip


class Swapping:
    """Serves an account, and answers some requests with the answer to another one. on: whether it does."""

    def __init__(self, account: Account, swap: Swap) -> None:
        self.vendor = Vendor(account, behaviour=swap.behaviour, page_size=3)
        self.other = Vendor([account, _another_account(silent=not swap.told)], behaviour=swap.behaviour, page_size=3)
        self.swap, self.on, self.left = swap, False, swap.times

    def __call__(self, request: Request) -> Answer:
        answer = self.vendor(request)
        if self.on and self.left != 0 and WHERE[self.swap.where](request, self.swap.number):
            self.left = self.left and self.left - 1
            answer = self.other(self._other_question(request))
        if answer.status != 200 or "/accounts/" not in request.path:
            return answer
        return json_answer(self._as_told(orjson.loads(answer.body), request))

    def _other_question(self, request: Request) -> Request:
        path, query = request.path, request.query
        if self.swap.of is None:
            path = path.replace("/accounts/1/", "/accounts/2/")
        elif self.swap.where in {"history", "detail"}:
            path = path.replace(f"conversations/{self.swap.number}", f"conversations/{self.swap.of}")
        else:
            other = {"page": str(1 + self.swap.of % 3), "status": ("open", "resolved", "all")[self.swap.of % 3]}
            query = [(name, other.get(name, value)) for name, value in query]
        return Request(path, query, request.headers)

    def _as_told(self, value: Any, request: Request) -> Any:
        """Leave out what this server does not tell; the page leaves out whom a single request is to be made for."""
        if request.path.endswith("/conversations"):
            listed = value["data"]["payload"]
            if self.swap.where == "detail":
                listed[:] = [one for one in listed if one["id"] != self.swap.number]
            if not self.swap.told:
                listed[:] = [one | {"messages": []} for one in listed]
        return value if self.swap.named else without(value, {"conversation_id", "account_id"})


def _another_account(*, silent: bool) -> Account:
    account = an_account(ELSEWHERE, silent=silent)
    account.id = 2
    for conversation in account.conversations.values():
        for message in conversation.messages:
            message.content = f"of another account: {message.content}"
    return account


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, list):
        return [without(one, names) for one in value]
    if isinstance(value, dict):
        return {name: without(one, names) for name, one in value.items() if name not in names}
    return value


def try_swap(engine: Engine, swap: Swap) -> None:
    clear(engine)
    account = an_account(silent=not swap.told)
    server = Swapping(account, swap)
    with serve(server) as url:
        etl = Job(server.vendor, url, engine, walks=True)  # by counts, nobody asks for what the pages leave out
        settings: dict[str, Any] = {"retry_attempts": swap.attempts, "timeout_seconds": 10}
        if swap.begun:
            until_well(etl, account, **settings)
            add_message(
                account, swap.number, "it moves the clock", LONG_AGO + 2 * DAY, **sent_by(1, silent=not swap.told)
            )
        server.on = True
        for _ in range(2):
            if etl.run(Selection(audit=swap.audit), **settings).outcome == "complete":
                is_right(etl, account)
        server.on = False
        until_well(etl, account, **settings)


@pytest.mark.long
@pytest.mark.parametrize(("behaviour", "begun", "audit"), [("4.7", True, True), ("2026", False, False)])
def test_what_one_wrong_answer_left_is_no_proof_of_the_next_one(
    engine: Engine, behaviour: str, *, begun: bool, audit: bool
) -> None:
    """Found by the dice: messages of another account were stored, and then agreed with the same answer."""
    try_swap(engine, Swap(behaviour, "history", 8, None, True, True, None, begun, audit, 1))


def test_an_answer_to_another_question_leaves_no_wrong_row_under_a_complete_run(engine: Engine) -> None:
    try_all(engine, swaps, try_swap)


# Answers out of step


@dataclass(frozen=True)
class Disturbance:
    """What is sent before, or in the place of, an answer in so many; late: what follows, a moment later.

    where: the kind of request, any when it is empty. begun: whether the tables hold all before.
    """

    behaviour: str
    where: str
    every: int
    status: int
    times: int
    late: str
    begun: bool
    attempts: int


INTERIM = (100, 102, 103, 104, 199)
EMPTY = (204, 205, 304)


def disturbances(dice: Random) -> Disturbance:
    status = dice.choice((103, 103, *INTERIM, *EMPTY, *EMPTY))
    return Disturbance(
        dice.choice(("4.7", "2.14")), dice.choice(("/messages", "/conversations", "")), dice.randrange(3, 12), status,
        dice.choice((1, 1, 2)), dice.choice(("its own", "its body", "another's", "nothing")), dice.random() < 0.4,
        dice.choice((1, 3)),
    )  # fmt: skip


class Disturbing:
    """Scripts a server; on: whether it disturbs."""

    def __init__(self, app: Vendor, how: Disturbance) -> None:
        self.app, self.how, self.on, self.asked = app, how, False, 0

    def __call__(self, exchange: Exchange, answer: Answer) -> bool:
        if not self.on or not exchange.request.path.endswith(self.how.where):
            return False
        self.asked += 1
        if self.asked % self.how.every:
            return False
        # A 205 may have a body by the letter of HTTP: one that does not say its length lasts until somebody hangs up.
        length = "Content-Length: 0\r\n" if self.how.status == 205 else ""
        exchange.send(f"HTTP/1.1 {self.how.status} Said\r\n{length}\r\n".encode() * self.how.times)
        if self.how.status in INTERIM:
            exchange.late(whole(answer))
        elif self.how.late != "nothing":
            exchange.late(self._late(exchange.request, answer))
        return True

    def _late(self, request: Request, answer: Answer) -> bytes:
        if self.how.late == "its body":
            return answer.body
        other = Request("/api/v1/accounts/1/conversations/4/messages", request.query, request.headers)
        return whole(answer if self.how.late == "its own" else self.app(other))


@contextmanager
def disturbed(engine: Engine, account: Account, how: Disturbance) -> Iterator[tuple[Job, Disturbing]]:
    app = Vendor(account, behaviour=how.behaviour, page_size=3)
    script = Disturbing(app, how)
    with serve_raw(scripted(app, script)) as raw:
        yield Job(app, raw.url, engine), script


def try_disturbance(engine: Engine, how: Disturbance) -> None:
    clear(engine)
    account = an_account()
    with disturbed(engine, account, how) as (etl, script):
        settings: dict[str, Any] = {"retry_attempts": how.attempts, "timeout_seconds": 10}
        if how.begun:
            until_well(etl, account, **settings)
            for number in account.conversations:
                add_message(account, number, "it moves the clock", LONG_AGO + 2 * DAY, **sent_by(1, silent=False))
        script.on = True
        if etl.run(**settings).outcome == "complete":
            is_right(etl, account)
        script.on = False
        until_well(etl, account, **settings)


@pytest.mark.long
def test_an_answer_out_of_step_leaves_no_wrong_row_under_a_complete_run(engine: Engine) -> None:
    try_all(engine, disturbances, try_disturbance)


# All


def try_all(engine: Engine, make: Callable[[Random], Any], try_one: Callable[[Engine, Any], None]) -> None:
    """Try as many examples as this run makes up, and say which failed, and how."""
    dice = Random(SEED)
    faults = []
    for number in range(examples(FEW, MANY)):
        example = make(dice)
        try:
            try_one(engine, example)
        except AssertionError as error:
            said = ", ".join(f"{one.name}={getattr(example, one.name)!r}" for one in fields(example))
            faults.append(f"{number}: {said}\n    {str(error)[:600]}")
    assert not faults, f"{len(faults)} examples of seed {SEED} failed:\n" + "\n".join(faults[:20])
