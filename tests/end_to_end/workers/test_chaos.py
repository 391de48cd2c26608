"""Chaos among workers: they are killed, suspended and stopped, the database goes away, their accounts file breaks.

Whatever comes, in the end the tables are the account, and each run has counted what it saved.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from etl.database.engine import make_engine
from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.errors import DatabaseError
from etl.selection import Selection
from etl.workers import queue
from tests.databases import assert_each_run_counted_what_it_saved, execute, query
from tests.end_to_end.workers.worker_processes import Slow, Workers, Working, workers
from tests.etl_process import TOKEN, settings
from tests.integration.run.truth import assert_equal
from tests.scripted_account import LONG_AGO, Job, account_of
from tests.waits import wait_until

# For more of it: CHAOS_SEEDS="5 6 7".
SEEDS = [int(one) for one in os.environ.get("CHAOS_SEEDS", "1").split()]
SECONDS = float(os.environ.get("CHAOS_SECONDS", "120"))
# As many as make parts to share.
CONVERSATIONS, PAGE_SIZE, LATENCY, WORKERS = 200, 10, 0.02, 3
STATUSES = ("open", "resolved", "pending", "snoozed")
ACCOUNTS = "[[account]]\nid = 1\n"
# Nothing waits for another try, as it would for minutes.
AT_ONCE = "UPDATE procrastinate_jobs SET scheduled_at = NULL, attempts = 0 WHERE status = 'todo'"
ENDED = """
    SELECT (SELECT count(*) FROM sync_runs WHERE outcome = 'complete' AND run_id > %s) > 0
        AND NOT EXISTS (SELECT FROM etl_jobs.procrastinate_jobs WHERE status <> 'failed')
"""


def growing() -> Account:
    account = account_of(CONVERSATIONS)
    for one in account.conversations.values():
        one.status = STATUSES[one.id % 4]
    return account


@dataclass
class Chaos:
    """What happens to workers, by dice."""

    dice: random.Random
    some: Workers
    account: Account
    server_url: str
    suspended: list[Working] = field(default_factory=list)
    happened: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.some.variables["DATABASE_URL"]

    def alive(self) -> list[Working]:
        return [one for one in self.some.started if one.process.poll() is None]

    def happen(self) -> None:
        """Let one thing happen; what is suspended, away or broken is mended by a later one, or in the end."""
        happenings = ("kill", "suspend", "suspend", "proceed", "proceed", "stop", "cut_off", "shut", "spoil", "grow")
        what = self.dice.choice(happenings)
        self.happened.append(what)
        getattr(self, what)()

    def kill(self) -> None:
        self._one().kill()

    def stop(self) -> None:
        """Ask one to stop, as its service does; it may be suspended, so nobody waits for it."""
        self._one().process.terminate()

    def suspend(self) -> None:
        one = self._one()
        one.process.send_signal(signal.SIGSTOP)
        self.suspended.append(one)

    def proceed(self) -> None:
        while self.suspended:
            with suppress(ProcessLookupError):
                os.kill(self.suspended.pop().pid, signal.SIGCONT)

    def cut_off(self) -> None:
        """End every session with the database, in the middle of whatever it does."""
        name = make_url(self.url).database
        query(self.server_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)

    def shut(self) -> None:
        """Let nobody in for a while."""
        name = make_url(self.url).database
        execute(self.server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.cut_off()
        time.sleep(self.dice.random())
        execute(self.server_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    def spoil(self) -> None:
        """Break the file of accounts, as somebody does who edits it, and mend it."""
        file = self.some.folder / "accounts.toml"
        file.write_text(ACCOUNTS[: self.dice.randrange(len(ACCOUNTS) - 1)] + "[")
        time.sleep(self.dice.random())
        file.write_text(ACCOUNTS)

    def grow(self) -> None:
        """Have the account grow: else all but the first run had nothing to count."""
        at = LONG_AGO + 10_000_000 + len(self.account.conversations)
        one = add_conversation(self.account, contact_id=1, inbox_id=1, at=at)
        one.status = self.dice.choice(STATUSES)
        for number in range(3):
            add_message(self.account, one.id, f"new {number} of {one.id}", at + number)
        add_message(self.account, self.dice.randrange(1, CONVERSATIONS), "late", at + 4)

    def _one(self) -> Working:
        """Return any worker, and have as many as before."""
        while len(self.alive()) < WORKERS:
            self.some.start_one()
        return self.dice.choice(self.alive())

    def hurry(self) -> None:
        """Have what failed tried again at once, and something to do for who has nothing."""
        with suppress(psycopg.Error, DatabaseError):
            execute(self.url, f"SET search_path = etl_jobs; {AT_ONCE}")
            if not query(self.url, "SELECT FROM etl_jobs.procrastinate_jobs WHERE status <> 'failed'"):
                self.queue_backfill()

    def queue_backfill(self) -> None:
        engine = make_engine(self.url)
        queue.queue_run(engine, 1, Selection(kind="backfill"))
        engine.dispose()

    def end(self) -> None:
        """Have everything as it should be, but for what was lost, and wait for a run that is complete."""
        self.proceed()
        ((last,),) = query(self.url, "SELECT coalesce(max(run_id), 0) FROM sync_runs")
        self.queue_backfill()

        def has_ended() -> bool:
            while len(self.alive()) < WORKERS:
                self.some.start_one()
            with suppress(psycopg.OperationalError):  # the workers may have all connections that the server has
                execute(self.url, f"SET search_path = etl_jobs; {AT_ONCE}")
                return query(self.url, ENDED, last) == [(True,)]
            return False

        wait_until(has_ended)


# Some seconds of it are no test for each change: the workers that it starts take a processor for half a minute.
@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_the_tables_are_the_account_and_each_run_has_counted_what_it_saved(
    tmp_path: Path, engine: Engine, server_url: str, database_url: str, seed: int
) -> None:
    account = growing()
    (tmp_path / "accounts.toml").write_text(ACCOUNTS)
    slow = Slow(Vendor(account, token=TOKEN, page_size=PAGE_SIZE), LATENCY)
    slow.go.set()
    with serve(slow) as base_url:
        variables = settings(base_url, database_url, ETL_ACCOUNTS="accounts.toml", ETL_RETRY_ATTEMPTS="2")
        with workers(tmp_path, variables) as some:
            some.dead = 3
            chaos = Chaos(random.Random(seed), some, account, server_url)
            some.start(WORKERS)
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                time.sleep(chaos.dice.uniform(0.1, 2))
                chaos.happen()
                chaos.hurry()
            chaos.end()
            runs = query(database_url, "SELECT outcome, count(*) FROM sync_runs GROUP BY 1 ORDER BY 1")
            cut, over = (some.said().count(words) for words in ("is cut into", "no longer needs its part"))
            print(f"seed {seed}: {Counter(chaos.happened)}, {runs}, {cut} shared, {over} attempts taken over")  # noqa: T201 -- measured: `pytest -s` shows it
            said = some.said()
    assert_equal(Job(slow.vendor, base_url, engine), account)
    assert_each_run_counted_what_it_saved(database_url)
    assert "Traceback" not in said, said
    assert "is cut into" in said
