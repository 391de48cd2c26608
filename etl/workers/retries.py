"""A job that failed: when it is tried again, and what is said of it."""

import logging

from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job

from etl import jobs, logs
from etl.errors import AnotherRun, EtlError, Interrupted

log = logging.getLogger(__name__)

# After how many seconds a job that failed is tried again. Attempts that were stopped count, too: so there are many.
WAITS = (300, 900, 3600, 7200)
MOST_ATTEMPTS = 12
# A whole run waits for a part, and reads it itself in the end.
WAITS_OF_PARTS = (1, 10)
MINUTES_TO_OTHER_RUN = 10


class Again(BaseRetryStrategy):
    """Says when a job that failed is tried again."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Give when; None when it has failed often enough."""
        if isinstance(exception, Interrupted):
            return RetryDecision(retry_in={"seconds": 0})
        if isinstance(exception, AnotherRun):
            return RetryDecision(retry_in={"minutes": MINUTES_TO_OTHER_RUN})
        waits, most = (WAITS_OF_PARTS, len(WAITS_OF_PARTS)) if job.task_name == jobs.PART else (WAITS, MOST_ATTEMPTS)
        if job.attempts >= most and job.task_name != jobs.FIGURES:
            return None
        return RetryDecision(retry_in={"seconds": waits[min(job.attempts, len(waits) - 1)]})


AGAIN = Again()


class told:  # noqa: N801 -- used as a function
    """Log why a job failed, in one sentence; procrastinate's own account of it shows what errors were made of."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> None:
        logs.of_nothing()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is None:
            return False
        if isinstance(error, AnotherRun) and self._job.task_name == jobs.PART:
            return True  # the run is over, and this part of it with it
        decision = AGAIN.get_retry_decision(exception=error, job=self._job)
        after = f"It is tried again at {decision.retry_at:%H:%M} UTC." if decision and decision.retry_at else ""
        if isinstance(error, Interrupted):
            log.warning("%s Another worker goes on with it, or this one when it is started again.", error)
        elif isinstance(error, EtlError):
            log.error("%s %s", error, after or "It is not tried again.")
        else:
            log.error("A fault of this program. %s", after, exc_info=error)
        return False
