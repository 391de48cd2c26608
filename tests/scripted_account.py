"""A small account that a test scripts while it is served, and the job run against it in this process."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson
from sqlalchemy import Engine, text

from etl.demo.account import Account, Agent, Contact, Inbox, Label, Team
from etl.demo.events import add_conversation, add_message
from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from etl.load.journal import Run
from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings

Change = Callable[[Request, Answer], Answer]

LONG_AGO = 1_700_000_000  # 2023-11-14: outside of every re-read window
DAY = 86_400


def empty_account(number: int = 1) -> Account:
    """Return an account with two contacts, two agents, two inboxes, a team and two labels, and no conversation."""
    return Account(
        number,
        f"Account {number}",
        contacts={1: Contact(1, "Dana", LONG_AGO, email="dana@example.com"), 2: Contact(2, "עומר", LONG_AGO)},
        agents={
            1: Agent(1, "Alice Admin", "alice@example.com", role="administrator"),
            2: Agent(2, "Bob", "bob@example.com"),
        },
        inboxes={1: Inbox(1, "Website", "Channel::WebWidget"), 2: Inbox(2, "Mail", "Channel::Email")},
        teams={1: Team(1, "sales")},
        labels=[Label(1, "vip"), Label(2, "bug")],
    )


def account_of(conversations: int, messages: int = 3, number: int = 1) -> Account:
    """Return an account with that many old conversations, a minute apart, of that many messages each."""
    account = empty_account(number)
    for at in range(conversations):
        begun = LONG_AGO + at * 3_600
        conversation = add_conversation(account, contact_id=1 + at % 2, inbox_id=1 + at % 2, at=begun)
        for minute in range(messages):
            add_message(account, conversation.id, f"message {minute} of {conversation.id} 🙂", begun + minute * 60)
    return account


class Job:
    """The job against a served account: `job.run()` is one run, `job.asked()` what it asked for since the last one.

    walks: whether each run walks every page, as otherwise a first one does, and one a week.
    """

    def __init__(self, vendor: Vendor, url: str, engine: Engine, *, walks: bool = False) -> None:
        self.vendor, self.url, self.engine = vendor, url, engine
        self.defaults: dict[str, Any] = {"retry_attempts": 1} | ({"walk_days": 0} if walks else {})

    def run(self, selection: Selection | None = None, **settings: Any) -> Run:
        account = settings.pop("account_id", 1)
        values = {"base_url": self.url, "api_token": "demo-token"} | self.defaults | settings
        self.vendor.requests.clear()
        return sync.run(Settings(account_id=account, **values), self.engine, selection or Selection(), sync.Hooks())

    def asked(self) -> tuple[int, list[int]]:
        """Return the number of list pages, and the conversations whose history was asked for."""
        paths = [request.path.split("/")[5:] for request in self.vendor.requests]
        return sum(one == ["conversations"] for one in paths), sorted(
            int(one[1]) for one in paths if one[2:] == ["messages"]
        )

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            connection.execute(text("SET search_path TO helpdesk"))
            return [tuple(row) for row in connection.execute(text(query), values)]


@contextmanager
def job(
    account: Account | list[Account],
    engine: Engine,
    change: Change | None = None,
    *,
    walks: bool = False,
    **vendor: Any,
) -> Iterator[Job]:
    """Serve an account; `change` may make another answer of each."""
    app = Vendor(account, **vendor)

    def answer(request: Request) -> Answer:
        return change(request, app(request)) if change else app(request)

    with serve(answer) as url:
        yield Job(app, url, engine, walks=walks)


walking_job = partial(job, walks=True)


def change_messages(change: Callable[[dict[str, Any]], None], written: Callable[[Any], Answer] = json_answer) -> Change:
    """Change every message of every history on its way out; `written` makes an answer of the changed value."""

    def changed(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/messages"):
            return answer
        value = orjson.loads(answer.body)
        for message in value["payload"]:
            change(message)
        return written(value)

    return changed


def notes_of(run: Run) -> list[str]:
    """Return the notes of a run, but for the one of a server without events of its own: before 4.8 none has them."""
    return [note for note in run.notes if not note.startswith("Not read: the vendor's own events of conversations")]


def now() -> int:
    return int(time.time())


def server_fault() -> Answer:
    return json_answer({"status": 500, "error": "Internal Server Error"}, 500)
