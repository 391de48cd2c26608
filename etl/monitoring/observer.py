"""What is told of a run beyond its own log: pings, the file of metrics, and its number in each line of the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from etl import logs
from etl.database.engine import transaction
from etl.errors import AnotherRun, DatabaseError, Interrupted
from etl.exit_codes import Outcome
from etl.load import earlier_runs, proofs
from etl.load.journal import Run
from etl.monitoring import metrics, run_history
from etl.monitoring.pings import Pings
from etl.settings.settings import Settings
from etl.settings.validators import ACCOUNT

log = logging.getLogger(__name__)

SECONDS_FOR_PINGS = 5
# Docker, for one, kills a process ten seconds after it asked it to stop; the run itself may have taken eight of them.
SECONDS_WHEN_STOPPED = 1


class Observer:
    """Reports on one run as the settings ask; a failure here never fails the run."""

    def __init__(self, settings: Settings) -> None:
        self._account_id, self._has_ended = settings.account_id, False
        number = str(settings.account_id)
        self._pings: Pings | None = None
        if settings.ping_url:
            self._pings = Pings(settings.ping_url.get_secret_value().replace(ACCOUNT, number))
        self._file = settings.metrics_file and Path(str(settings.metrics_file).replace(ACCOUNT, number))
        logs.bind_run(self._account_id)

    def begun(self, run: Run) -> None:
        """Report that a run has begun, without waiting for an answer."""
        logs.bind_run(run.account_id, run.run_id)
        self._ping("start", f"Run {run.run_id} of account {run.account_id}: {run.kind} begun.")

    def ended(self, engine: Engine, run: Run) -> None:
        """Report how a run ended that is in the journal."""
        self._has_ended = True
        self._ping("" if run.outcome == Outcome.COMPLETE else "fail", _figures(run))
        self._write_metrics(engine)
        self._wait(SECONDS_WHEN_STOPPED if run.outcome == Outcome.INTERRUPTED else SECONDS_FOR_PINGS)

    def failed(self, error: Exception) -> None:
        """Report a run that could not begin, or lost its journal, unless its end was reported already."""
        if not self._has_ended:
            self._ping("fail", f"A run of account {self._account_id} failed: {type(error).__name__}, see its log.")
            self._wait(SECONDS_WHEN_STOPPED if isinstance(error, Interrupted) else SECONDS_FOR_PINGS)

    def _ping(self, step: str, said: str) -> None:
        if self._pings:
            self._pings.send(step, said)

    def _wait(self, seconds: float) -> None:
        if self._pings:
            self._pings.wait(seconds)
            if self._pings.failures:
                log.warning(
                    "Whoever watches was not told of the run (ETL_PING_URL): %s. The run itself is not touched by it.",
                    self._pings.failures[0],
                )

    def _write_metrics(self, engine: Engine) -> None:
        if not self._file:
            return
        try:
            last_complete = earlier_runs.last_complete_start(engine, self._account_id)
            runs = run_history.last_of_each_kind(engine, self._account_id)
            with transaction(engine) as connection:
                last_walk, _ = proofs.last_walk(connection, self._account_id)
            metrics.write(self._file, metrics.render(self._account_id, last_complete, runs, last_walk=last_walk))
        except (OSError, DatabaseError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            log.warning("%s could not be written (ETL_METRICS_FILE): %s", self._file, why)


@contextmanager
def observed(settings: Settings) -> Iterator[Observer]:
    """Yield the observer of a run with these settings; report an error that ends it, too."""
    observer = Observer(settings)
    try:
        yield observer
    except AnotherRun:
        raise  # the other run reports itself
    except Exception as error:
        observer.failed(error)
        raise


def _figures(run: Run) -> str:
    """Return how a run ended in numbers alone: problems quote the server's answers, and this leaves the machine."""
    figures = {
        "seconds": round(run.seconds),
        "requests": run.tally.requests,
        "retries": run.tally.retries,
        "conversations": run.tally.counts["conversations"]["seen"],
        "messages": run.tally.counts["messages"]["seen"],
        "rejected": run.tally.rejected,
        "problems": len(run.problems),
        **({"known": sum(map(len, run.known.values()))} if run.known else {}),
        **{f"{name} ids": number for name, number in (run.ledger or {}).items() if number and name != "highest_id"},
    }
    told = ", ".join(f"{name} {number}" for name, number in figures.items())
    return f"Run {run.run_id} of account {run.account_id}: {run.kind} {run.outcome}. {told}."
