"""Processes of `etl worker`, and a vendor that takes its time and keeps count of what is asked of it."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.demo.account import Account
from etl.demo.server import Answer, Request
from etl.demo.vendor import Vendor
from tests.databases import execute, query
from tests.etl_process import Process, assert_in_time, start, terminate
from tests.waits import LONGEST, wait_until

# As `etl worker`, but for the times: tests do not wait for half a minute until a worker counts as dead. On a busy
# machine one that is alive may be late by seconds.
IN_A_HURRY = """
import sys

from etl import logs
from etl.errors import EtlError
from etl.settings.settings import DatabaseSettings, load
from etl.workers.process import Beat, work

settings = load(DatabaseSettings)
logs.configure(settings.log_format)
try:
    work(settings, Beat(look=0.5, heartbeat=0.5, dead=float(sys.argv[1]), poll=0.5))
except EtlError as error:  # as the command line does it
    sys.exit(str(error))
"""


class Slow:
    """A vendor that takes some seconds an answer, and gives none until `go`.

    waiting: more than 0 once a request has come. arrived: how many were let through. histories: how often each was
    asked for in the same way. most: the most requests that were under way at once.
    `act` is called with it, once, when request number `at` arrives.
    """

    def __init__(self, vendor: Vendor, seconds: float = 0.0) -> None:
        self.vendor, self.seconds = vendor, seconds
        self.go = threading.Event()
        self.waiting = self.arrived = self.most = self.at = 0
        self.act: Callable[[Request], object] = lambda _: None
        self.histories: Counter[tuple[str, str]] = Counter()
        self._under_way = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Answer:
        self.waiting += 1
        self.go.wait(2 * LONGEST)
        with self._lock:
            self.arrived += 1
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            if request.path.endswith("/messages"):
                self.histories[request.path, repr(request.query)] += 1
            if self.arrived == self.at:
                self.act(request)
        time.sleep(self.seconds)
        with self._lock:
            self._under_way -= 1
        return self.vendor(request)


@dataclass
class Working:
    """A process of `etl worker`, and the file of all that it says."""

    process: Process
    file: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.file.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to stop; it is gone in ten seconds, with exit code 0 and without a traceback."""
        begun = time.monotonic()
        terminate(self.process)
        assert self.process.wait(LONGEST) == 0, self.said()
        assert_in_time(time.monotonic() - begun)
        assert "Traceback" not in self.said()


@dataclass
class Workers:
    """Starts workers in a folder, with environment variables; dead: without a sign of life for so many seconds."""

    folder: Path
    variables: dict[str, str]
    dead: float = 10
    started: list[Working] = field(default_factory=list)

    def start(self, number: int = 1) -> list[Working]:
        """Start workers, and wait until all of them are at work."""
        some = [self.start_one() for _ in range(number)]
        alive = [one for one in self.started if one.process.poll() is None]
        wait_until(
            lambda: self.rows("SELECT count(*) >= %s FROM etl_jobs.procrastinate_workers", len(alive)) == [(True,)]
        )
        return some

    def start_one(self) -> Working:
        """Start a worker, and do not wait until it is at work."""
        file = self.folder / f"worker {len(self.started)}"
        with file.open("w") as said:
            command = [sys.executable, "-c", IN_A_HURRY, str(self.dead)]
            self.started.append(Working(start(command, self.folder, self.variables, said), file))
        return self.started[-1]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return query(self.variables["DATABASE_URL"], statement, *values)

    def said(self) -> str:
        return "".join(one.said() for one in self.started)

    def wait_until_all_is_done(self, accounts: int = 1) -> None:
        """Wait until each account has a complete run, and nothing is queued any more."""
        done = """
            SELECT (SELECT count(DISTINCT account_id) FROM sync_runs WHERE outcome = 'complete') = %s
            AND NOT EXISTS (SELECT FROM etl_jobs.procrastinate_jobs)
        """
        try:
            wait_until(lambda: self.rows(done, accounts) == [(True,)])
        except AssertionError as error:
            raise AssertionError(self.said()) from error

    def coordinator(self, request: Request) -> Working:
        """Return the one that has the run for which a request came, and is not over before that is answered."""
        account = int(request.path.split("/")[4])
        running = "SELECT process_id FROM sync_runs WHERE outcome = 'running' AND account_id = %s"
        ((pid,),) = self.rows(running, account)
        return next(one for one in self.started if one.pid == pid)

    def keep_who_takes_jobs(self) -> None:
        """Have the database keep who took which job: of those that are done, the queue itself keeps nothing."""
        statements = """
            CREATE TABLE public.taken (task text, job bigint, worker bigint);
            CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO public.taken VALUES (NEW.task_name, NEW.id, NEW.worker_id); RETURN NULL; END
            $$;
            CREATE TRIGGER keep AFTER UPDATE OF status ON etl_jobs.procrastinate_jobs FOR EACH ROW
                WHEN (NEW.status = 'doing') EXECUTE FUNCTION public.keep();
        """
        execute(self.variables["DATABASE_URL"], statements)


@contextmanager
def workers(folder: Path, variables: dict[str, str]) -> Iterator[Workers]:
    """Yield what starts workers; those that still work at the end are killed."""
    folder.mkdir(exist_ok=True)
    some = Workers(folder, variables)
    try:
        yield some
    finally:
        for one in some.started:
            one.kill()


def messages_of(account: Account) -> list[tuple[Any, ...]]:
    """Return of every message its account, conversation, number and text."""
    return sorted(
        (account.id, one.id, message.id, message.content)
        for one in account.conversations.values()
        for message in one.messages
    )


MESSAGES = "SELECT account_id, conversation_id, id, content FROM messages ORDER BY account_id, conversation_id, id"
