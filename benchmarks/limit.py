"""The limit: the same requests by plain threads that decode nothing, then COPY of the same rows into bare tables.

Nobody who asks one request a history can be faster with as many in flight, in this language. What it does before its
clock starts: it learns which requests there are, and reads the rows into memory.
"""

import argparse
import http.client
import json
import queue
import threading
import time
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.account import generations, pages
from benchmarks.scenario import CHANGED, FIRST

WINDOW = "after=0&before=2147483647"
ROOT = "/api/v1/accounts/1/conversations"


def targets(truth: dict[str, dict[str, int]], scenario: str, generation: int) -> list[str]:
    """Return what has to be asked for: the pages of the four walks, and a window for each history that is due."""
    asked = [f"{ROOT}?status={status}&page={number}" for status, number in pages(truth["counts"])]
    numbers = range(1, int(str(truth["conversations"])) + 1)
    due = numbers if scenario == FIRST else []
    if scenario == CHANGED:
        due = [one for one in numbers if generations(one, generation) != generations(one, generation - 1)]
    return asked + [f"{ROOT}/{number}/messages?{WINDOW}" for number in due]


def ask(port: int, asked: list[str], in_flight: int) -> float:
    """Ask for everything by threads with a kept-alive connection each; return the seconds."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for target in asked:
        waiting.put(target)

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            try:
                connection.request("GET", waiting.get_nowait(), headers={"Accept": "application/json"})
            except queue.Empty:
                return
            answer = connection.getresponse()
            answer.read()

    threads = [threading.Thread(target=work) for _ in range(in_flight)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begun


def copy(url: str, folder: Path) -> float:
    """Copy the rows of every file into a bare table of the same columns; return the seconds."""
    rows = {file.stem: file.read_bytes() for file in sorted(folder.glob("*.copy"))}
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
        connection.execute("CREATE SCHEMA bare")
        for table in rows:
            names = sql.Identifier("bare", table), sql.Identifier("helpdesk", table)
            connection.execute(sql.SQL("CREATE TABLE {} (LIKE {})").format(*names))
        connection.commit()
        begun = time.perf_counter()
        with connection.cursor() as cursor:
            for table, content in rows.items():
                statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier("bare", table))
                with cursor.copy(statement) as stream:
                    stream.write(content)
        connection.commit()
        return time.perf_counter() - begun


def main() -> None:
    """Print the seconds of both halves as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--database", required=True)
    options.add_argument("--rows", type=Path, required=True, help="folder of files from COPY ... TO")
    options.add_argument("--truth", type=json.loads, required=True)
    options.add_argument("--scenario", required=True)
    options.add_argument("--generation", type=int, required=True)
    options.add_argument("--in-flight", type=int, required=True)
    given = options.parse_args()
    asked = ask(given.port, targets(given.truth, given.scenario, given.generation), given.in_flight)
    copied = copy(given.database, given.rows)
    print(json.dumps({"seconds": asked + copied, "requests_seconds": asked, "copy_seconds": copied}))


if __name__ == "__main__":
    main()
