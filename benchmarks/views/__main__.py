"""`make bench-views`: fills a database by SQL, asks every view, and writes the times and the plans into report.md.

python -m benchmarks.views --conversations 200000
"""

import argparse
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.place import MIGRATED, Place, made
from etl.database.base import SCHEMA

FOLDER = Path(__file__).parent
REPORT = FOLDER / "report.md"
DATABASE = "views"
RUNS = 5
# In milliseconds: what the project promises for 200,000 conversations with 2,000,000 messages on two processors.
A_MONTH, A_DAY = 1_000, 200

# The month of days that ended thirty days ago, by the view's column for the day.
MONTHLY = {
    "conversation_metrics": "opened_on",
    "daily_volume": "day",
    "daily_agents": "day",
    "daily_labels": "day",
    "daily_backlog": "day",
    "daily_contacts": "day",
    "daily_deliveries": "day",
    "daily_surveys": "day",
    "hourly_agents": "day",
    "traffic_heatmap": "day",
    "first_responses": "asked_on",
    "reply_times": "waiting_on",
    "resolutions": "resolved_on",
    "csat": "answered_on",
    "service_levels": "began_on",
    "daily_service_levels": "day",
}
# Spread over the account, as those of a night are.
CHANGE = """
    INSERT INTO helpdesk.stale_figures
    SELECT account_id, id FROM helpdesk.conversations ORDER BY hashint8(id) LIMIT 500
"""
# What is asked, and within how many milliseconds.
QUESTIONS = {
    "bi.conversations of a day": (
        "SELECT * FROM bi.conversations WHERE account_id = 1 AND opened_on = current_date - 40",
        A_DAY,
    ),
    "bi.conversation_metrics of a day": (
        "SELECT * FROM bi.conversation_metrics WHERE account_id = 1 AND opened_on = current_date - 40",
        A_DAY,
    ),
} | {
    f"bi.{view} of a month": (
        f"SELECT * FROM bi.{view} WHERE account_id = 1 AND {day} >= current_date - 60 AND {day} < current_date - 30",
        A_MONTH,
    )
    for view, day in MONTHLY.items()
}


def main() -> None:
    """Measure, print a line a question, and write the report."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.views", description=__doc__)
    options.add_argument("--conversations", type=int, default=200_000)
    given = options.parse_args()
    with made() as place:
        place.create(DATABASE, MIGRATED)
        with place.connect(DATABASE) as connection:
            fill(connection, given.conversations)
            lines = [*_refreshed(connection), *_asked(connection)]
            plans = "".join(_plan(connection, name, question) for name, (question, _) in QUESTIONS.items())
            title = f"{given.conversations:,} conversations, {_count(place):,} messages"
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    REPORT.write_text(
        f"# How fast the views answer\n\nWritten by `make bench-views`: {title}; medians of {RUNS} runs, and the\n"
        "processor time of one without parallel workers, server and client together: on a machine that has other work\n"
        f"only that is told by it. This one had: {os.getloadavg()[1]:.0f} processes wanted its {os.cpu_count()}"
        f" processors.\n\n| what | rows | milliseconds | at most | of processor |\n"
        f"| --- | ---: | ---: | ---: | ---: |\n{table}\n## Plans\n{plans}",
        encoding="utf-8",
    )
    print(f"Written: {REPORT.name}")


def fill(connection: psycopg.Connection[Any], conversations: int) -> None:
    """Make the account up."""
    statements = (FOLDER / "fill.sql").read_text(encoding="utf-8").replace(":conversations", str(conversations))
    for statement in statements.split(";\n"):  # VACUUM stands alone
        connection.execute(statement.encode())


def _refreshed(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    """Compute all figures, and those of 500 conversations that changed, as a run does it each night."""
    for what, before, everything in (("all figures", "SELECT", True), ("those of 500 conversations", CHANGE, False)):
        connection.execute(before.encode())
        begun, before_it = time.perf_counter(), _processor_time(connection)
        ((computed,),) = connection.execute("SELECT helpdesk.refresh_figures(1, %s)", [everything]).fetchall()
        took = (time.perf_counter() - begun) * 1000
        yield _line(what, f"{computed:,}", took, _processor_time(connection) - before_it)


def _asked(connection: psycopg.Connection[Any]) -> Iterator[list[str]]:
    for name, (question, bar) in QUESTIONS.items():
        took = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            rows = connection.execute(question.encode()).fetchall()
            took.append((time.perf_counter() - begun) * 1000)
        connection.execute("SET max_parallel_workers_per_gather = 0")
        before = _processor_time(connection)
        connection.execute(question.encode()).fetchall()
        of_processor = _processor_time(connection) - before
        connection.execute("RESET max_parallel_workers_per_gather")
        yield _line(name, f"{len(rows):,}", statistics.median(took), of_processor, bar)


def _processor_time(connection: psycopg.Connection[Any]) -> float:
    """Return the milliseconds of processor time so far, of the server's process and of this one."""
    told = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="ascii")
    return int(told.split()[0]) / 1e6 + time.process_time() * 1000


def _line(name: str, rows: str, milliseconds: float, of_processor: float, bar: int | None = None) -> list[str]:
    missed = " **missed**" if bar and milliseconds > bar else ""
    line = [name, rows, f"{milliseconds:,.0f}{missed}", f"{bar:,}" if bar else "", f"{of_processor:,.0f}"]
    print(f"{name:42}{rows:>10}{line[2]:>18}{line[4]:>10}", flush=True)
    return line


def _plan(connection: psycopg.Connection[Any], name: str, question: str) -> str:
    lines = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {question}".encode()).fetchall()
    return f"\n### {name}\n\n```text\n" + "".join(f"{line[:160]}\n" for (line,) in lines) + "```\n"


def _count(place: Place) -> int:
    return place.count(DATABASE, f"{SCHEMA}.messages")


if __name__ == "__main__":
    main()
