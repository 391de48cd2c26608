"""When a job that failed is tried again, and what is logged of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from etl import faults, logs
from etl.errors import AnotherRun, EtlError, Interrupted
from etl.workers import queue

log = logging.getLogger(__name__)

# After how many seconds a job that failed is tried again. Interrupted attempts count, too: so many are allowed.
WAITS = (300, 900, 3600, 7200)
MOST_ATTEMPTS = 12
# A whole run waits for a part, and reads it itself in the end.
WAITS_OF_PARTS = (1, 10)
MINUTES_TO_OTHER_RUN = 10


class RetryPolicy(BaseRetryStrategy):
    """Says when a job that failed is tried again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Return when it is tried again; None when it has failed often enough."""
        if isinstance(exception, Interrupted):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, AnotherRun):
            return RetryDecision(retry_in={"minutes": MINUTES_TO_OTHER_RUN})
        waits, most = (WAITS_OF_PARTS, len(WAITS_OF_PARTS)) if job.task_name == queue.PART else (WAITS, MOST_ATTEMPTS)
        if job.attempts >= most:
            return None
        return RetryDecision(retry_in={"seconds": waits[min(job.attempts, len(waits) - 1)]})


RETRY_POLICY = RetryPolicy()


@contextmanager
def report_failure(job: Job) -> Iterator[None]:
    """Log why a job failed, in one sentence; procrastinate's own log would show the errors' causes, too."""
    logs.unbind_run()
    try:
        yield
    except AnotherRun as error:
        if job.task_name != queue.PART:
            _log_failure(job, error)
            raise
        log.info("%s What it has saved is counted.", error)
    except BaseException as error:
        _log_failure(job, error)
        raise


def _log_failure(job: Job, error: BaseException) -> None:
    decision = RETRY_POLICY.get_retry_decision(exception=error, job=job)
    after = f"It is tried again at {decision.retry_at:%H:%M} UTC." if decision and decision.retry_at else ""
    if isinstance(error, Interrupted):
        log.warning("%s Another worker goes on with it, or this one when it is started again.", error)
    elif isinstance(error, EtlError):
        log.error("%s %s", error, after or "It is not tried again.")
    else:
        log.error("%s %s", faults.report(error), after or "It is not tried again.")
