"""The last runs in Prometheus's text format, and the file that node_exporter's textfile collector reads."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from etl.exit_codes import Outcome
from etl.load.acceptances import FaultKind
from etl.load.tally import COUNTED
from etl.monitoring.run_history import LEDGER

READABLE_BY_ALL = 0o644
OUTCOMES = (Outcome.COMPLETE, Outcome.INCOMPLETE, Outcome.FAILED, Outcome.INTERRUPTED)

Value = datetime | float | None
Samples = Iterable[tuple[dict[str, str], Value]]

LAST_COMPLETE = "etl_last_complete_timestamp_seconds", "Begin of the last complete run over everything."
LAST_WALK = "etl_last_walk_timestamp_seconds", "Begin of the last complete run that walked every page."


def _duration(run: Any) -> Value:
    return max(0.0, (run.finished_at - run.started_at).total_seconds()) if run.finished_at else None


def _rows(run: Any) -> Samples:
    counts = run.counts or {}
    for table in sorted(counts.keys() & COUNTED):
        for change, rows in sorted(counts[table].items()):
            yield {"table": table, "change": change}, rows


def _known(run: Any) -> Samples:
    if run.finished_at:
        return [({"what": kind}, len((run.known or {}).get(kind, ()))) for kind in FaultKind]
    return []


# Name -> help, and the samples of a row of sync_runs; a value of None has no line.
OF_A_RUN: dict[str, tuple[str, Callable[[Any], Samples]]] = {
    "etl_run_last_start_timestamp_seconds": ("Begin of the last run.", lambda run: [({}, run.started_at)]),
    "etl_run_last_end_timestamp_seconds": ("End of the last run.", lambda run: [({}, run.finished_at)]),
    "etl_run_duration_seconds": ("How long the last run took.", lambda run: [({}, _duration(run))]),
    "etl_run_success": (
        "1 when the last run was complete, else 0.",
        lambda run: [({}, run.outcome == Outcome.COMPLETE)],
    ),
    "etl_run_outcome": (
        "1 at the outcome of the last run, 0 at the others.",
        lambda run: [({"outcome": outcome}, outcome == run.outcome) for outcome in OUTCOMES],
    ),
    "etl_run_requests": ("Requests of the last run, retries included.", lambda run: [({}, run.requests)]),
    "etl_run_retries": ("Requests of the last run that repeated a failed one.", lambda run: [({}, run.retries)]),
    "etl_run_rows": ("Rows of the last run, by table and by what became of them.", _rows),
    "etl_run_rejected_records": ("Records of the last run that could not be stored.", lambda run: [({}, run.rejected)]),
    "etl_run_conversation_ids": (
        "The ledger of the last run: how the conversation ids add up to highest_id.",
        lambda run: [({"state": name}, getattr(run, name)) for name in LEDGER],
    ),
    "etl_run_known_faults": ("What is not complete in the last run, and was accepted (etl accept).", _known),
    "etl_run_unaccounted_messages": (
        "Messages that the audit of the last run found and could not get.",
        lambda run: [({}, (run.audit or {}).get("unaccounted"))],
    ),
}


def render(
    account_id: int, last_complete: datetime | None, runs: Iterable[Any], *, last_walk: datetime | None = None
) -> str:
    """Return an account's last run of each kind, rows with the columns of sync_runs, in Prometheus's text format.

    last_complete and last_walk: when the last runs began that deserve these names (UTC); None: never.
    """
    account, of_kinds = {"account_id": str(account_id)}, list(runs)
    lines = [*_family(*LAST_COMPLETE, [(account, last_complete)]), *_family(*LAST_WALK, [(account, last_walk)])]
    for name, (told, samples) in OF_A_RUN.items():
        found = [(account | {"kind": run.kind} | labels, value) for run in of_kinds for labels, value in samples(run)]
        lines += _family(name, told, found)
    return "".join(f"{line}\n" for line in lines)


def write(file: Path, text: str) -> None:
    """Replace a file's text atomically: readers find the old text or the new one, whole.

    Raise OSError. The temporary file beside it has an ending that node_exporter does not collect.
    """
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
            opened.flush()
            os.fchmod(handle, READABLE_BY_ALL)
            os.fsync(handle)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _family(name: str, told: str, samples: Samples) -> Iterator[str]:
    lines = [f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples if value is not None]
    if lines:
        yield f"# HELP {name} {told}"
        yield f"# TYPE {name} gauge"
        yield from lines


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: datetime | float) -> str:
    return repr(value.timestamp()) if isinstance(value, datetime) else str(value + 0)  # a truth value is 0 or 1
