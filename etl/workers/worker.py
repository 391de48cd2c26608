"""A worker: begins runs when they are due, and does whatever waits in the queue; any number of them share the work.

Every worker schedules runs and none is the leader: the database ensures that each due run is queued once. The jobs of a
worker that died are done by another one, half a minute later.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from procrastinate import App, JobContext
from procrastinate.jobs import Job, Status
from sqlalchemy import Engine

from etl import logs
from etl.database.engine import transaction
from etl.database.migrate import open_at_head
from etl.errors import AnotherRun, DatabaseError, EtlError, Interrupted, SettingsError
from etl.exit_codes import Outcome
from etl.extract.client import Client
from etl.interrupt import Interrupt, check_asked
from etl.load.journal import Run
from etl.monitoring.observer import observed
from etl.monitoring.progress import watching
from etl.monitoring.summary import print_run
from etl.run import sync
from etl.selection import Selection
from etl.settings import accounts
from etl.settings.accounts import Account
from etl.settings.settings import DatabaseSettings
from etl.workers import queue
from etl.workers.retries import RETRY_POLICY, report_failure
from etl.workers.shared_run import Member, share

log = logging.getLogger(__name__)

Given = TypeVar("Given")


@dataclass
class Worker:
    """Does jobs, each in a thread. loop: of the main thread, in which procrastinate itself works.

    worker_id: its id in procrastinate, known once it has had a job.
    """

    app: App
    settings: DatabaseSettings
    loop: asyncio.AbstractEventLoop
    worker_id: int | None = None
    interrupt: Interrupt = field(default_factory=Interrupt)
    _members: dict[int, Member] = field(default_factory=dict)

    def register(self) -> None:
        """Register the function of each task with procrastinate."""
        for name, task in ((queue.RUN, self.run), (queue.PART, self.take_part)):
            self.app.task(name=name, pass_context=True, retry=RETRY_POLICY)(task)

    def run(self, context: JobContext, account_id: int, selection: Any, timestamp: int | None = None) -> None:
        """Do a run of an account. timestamp: when it was due."""
        del timestamp  # only marks the job as that of a due run: queue.queue_due_run
        with report_failure(context.job):
            account = _account(account_id)
            done = self._run(account, queue.SELECTION.validate_python(selection), self._begin(context))
            print_run(done, logs.is_json())
            if done.outcome == Outcome.INTERRUPTED:
                raise Interrupted(f"Run {done.run_id} of {account.label} was stopped.")
            if done.outcome == Outcome.FAILED:
                raise EtlError(f"Run {done.run_id} of {account.label} failed.")

    def _begin(self, context: JobContext) -> int:
        """Return the worker's id; raise Interrupted when no job shall begin any more."""
        check_asked()
        self.worker_id = context.job.worker_id
        return self.worker_id or 0

    def _run(self, account: Account, selection: Selection, worker_id: int) -> Run:
        with (
            observed(account.settings) as observer,
            open_at_head(account.settings) as engine,
            watching(account.label) as watch,
        ):
            crew = QueueCrew(self, account, engine, worker_id)
            hooks = sync.Hooks(watch, observer.begun, partial(share, crew))
            done = sync.run(account.settings, engine, selection, hooks)
            observer.ended(engine, done)
        return done

    def take_part(self, context: JobContext, account_id: int, run_id: int, number: int, selection: Any) -> None:
        """Do a part of a run that another worker began."""
        with report_failure(context.job):
            self._begin(context)
            account = _account(account_id)
            with open_at_head(account.settings) as engine:
                logs.bind_run(account_id, run_id)
                self.member(account).take(engine, run_id, queue.SELECTION.validate_python(selection), number)

    def member(self, account: Account) -> Member:
        """Return this worker's Member for an account, with the client that has learned the server's limit."""
        settings = account.settings
        kept = self._members.get(settings.account_id)
        if kept is None or kept.settings != settings:
            kept = Member(settings, Client(settings, sleep=self.interrupt.sleep), self.interrupt.sleep)
            self._members[settings.account_id] = kept
        return kept

    def wait_for(self, asked: Coroutine[Any, Any, Given]) -> Given:
        """Run a coroutine in the main thread's loop, and wait for it in this thread."""
        with queue.translated():
            return asyncio.run_coroutine_threadsafe(asked, self.loop).result()


@dataclass(frozen=True)
class QueueCrew:
    """All workers, as a run of one of them sees them: `shared_run.Crew`."""

    worker: Worker
    account: Account
    engine: Engine
    worker_id: int

    def call(self, run: Run, selection: Selection, numbers: list[int]) -> None:
        """Queue parts of a run for the workers that are free."""
        queue.queue_parts(self.engine, run.account_id, run.run_id, numbers, selection)
        log.info("Run %d of %s is cut into %d parts, for all workers.", run.run_id, self.account.label, len(numbers))

    def work(self, run: Run) -> bool:
        """Do a part of a run that no worker has begun; return whether there was one."""
        manager = self.worker.app.job_manager
        queues = [queue.parts_queue(run.run_id)]
        job = self.worker.wait_for(manager.fetch_job(queues=queues, worker_id=self.worker_id))
        if job is None:
            return False
        given = job.task_kwargs
        try:
            with suppress(AnotherRun):  # another worker has begun it anew, and has its job
                self.take(run, queue.SELECTION.validate_python(given["selection"]), int(str(given["number"])))
        except EtlError as error:
            self._give_back(job, error)
        else:
            self._end(manager.finish_job(job=job, status=Status.SUCCEEDED, delete_job=True))
        return True

    def take(self, run: Run, selection: Selection, number: int) -> None:
        """Do a part of a run in this worker; what it fails with becomes the run's problem, quotes included."""
        member = self.worker.member(self.account)
        try:
            member.take(self.engine, run.run_id, selection, number)
        except EtlError:
            run.tally.quotes |= member.client.quotes
            raise

    def is_at_work(self, run: Run) -> bool:
        """Return whether any part of a run waits for a worker, or is being done."""
        with transaction(self.engine) as connection:
            return queue.parts_left(connection, run.run_id)

    def _give_back(self, job: Job, error: EtlError) -> None:
        """Queue a part again, unless it has failed often enough; raise the error when it is a request to stop."""
        manager, decision = self.worker.app.job_manager, RETRY_POLICY.get_retry_decision(exception=error, job=job)
        if decision:
            self._end(manager.retry_job(job, retry_at=decision.retry_at))
        else:
            self._end(manager.finish_job(job=job, status=Status.FAILED, delete_job=False))
        if isinstance(error, Interrupted):
            raise error

    def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        """End a job; only log a failure, as the result is saved already and another worker may have the job by now."""
        try:
            self.worker.wait_for(ending)
        except DatabaseError as error:
            log.warning("A job could not be ended: %s", error)


def _account(account_id: int) -> Account:
    """Read the account's settings, as they are now."""
    known = accounts.load_all()
    found = next((account for account in known if account.settings.account_id == account_id), None)
    if found is None:
        raise SettingsError(
            f"Account {account_id} is not in the settings of this worker: {accounts.listed(known)} only."
        )
    return found
