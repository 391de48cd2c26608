"""How each contestant is run: as a process of its own, watched from outside."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

from psycopg import sql

from benchmarks.account import EVERY
from benchmarks.place import ETL, MIGRATED, PEERS, ROOT, TOKEN, Place, Server, environment
from benchmarks.scenario import CHANGED, DLT, FIRST, LIMIT, OURS, SCRIPT, Cell, Measured

LONGEST = 3600  # seconds after which a contestant is stopped: nothing here may wait for ever
REFERENCE = "reference"
COPIED = (
    *("accounts", "inboxes", "teams", "agents", "contacts", "labels", "conversations", "conversation_labels"),
    *("conversation_states", "messages", "attachments"),
)
# What a changed conversation brings: its own row, and one message.
COPIED_OF_CHANGED = {
    "conversations": sql.SQL("SELECT * FROM helpdesk.conversations WHERE id % {every} = {of}"),
    "messages": sql.SQL(
        "SELECT * FROM helpdesk.messages WHERE id IN"
        " (SELECT max(id) FROM helpdesk.messages WHERE conversation_id % {every} = {of} GROUP BY conversation_id)"
    ),
}


def run(name: str, cell: Cell, place: Place, server: Server, generation: int) -> Measured:
    """Run one contestant once and watch it; its database is the one called like it."""
    command, env = _command(name, cell, place, server, generation)
    server.control("reset")
    output = place.folder / f"{name}.out"
    with output.open("wb") as out, (place.folder / f"{name}.err").open("wb") as err:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=place.folder, env=env, stdout=out, stderr=err)
        watchdog = Timer(LONGEST, process.kill)
        watchdog.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(
            f"{name} ended with {process.returncode}:\n{_end(output)}\n{_end(output.with_suffix('.err'))}"
        )
    said = _last_json(output)
    counted = server.control("counters")
    return Measured(
        seconds=float(said["seconds"]) if name == LIMIT else seconds,
        inner=float(said["seconds"]),
        processor=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2),
        asked=dict(counted["asked"]),
        server=float(counted["processor_seconds"]),
        said=said,
    )


def share_under_way(cell: Cell, place: Place, server: Server) -> float:
    """Return how many requests a first load of ours has under way while it reads, of those that it may have."""
    prepare(OURS, place)
    env = environment(place, OURS, server.url, cell.in_flight) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks.flight"]
    done = subprocess.run(command, cwd=place.folder, env=env, capture_output=True, check=True, timeout=LONGEST)
    return round(float(json.loads(done.stdout.strip().rpartition(b"\n")[2])["under_way"]) / cell.in_flight, 3)


def prepare(name: str, place: Place) -> None:
    """Return a contestant an empty database, ours with the tables in it: migrating is no part of a load."""
    place.create(name, MIGRATED if name in {OURS, LIMIT} else "template1")
    folder = place.folder / f"state-{time.monotonic_ns()}"
    (place.folder / f"{name}.state").write_text(str(folder))


def write_rows(place: Place, scenario: str, generation: int) -> None:
    """Write what the limit has to copy into files: of the first load everything, of a change what it brings."""
    folder = _rows(place)
    folder.mkdir(exist_ok=True)
    for file in folder.glob("*.copy"):
        file.unlink()
    queries: dict[str, sql.Composable] = {}
    if scenario == FIRST:
        queries = {table: sql.SQL("SELECT * FROM {}").format(sql.Identifier("helpdesk", table)) for table in COPIED}
    if scenario == CHANGED:
        of = sql.Literal(generation % EVERY)
        queries = {table: query.format(every=sql.Literal(EVERY), of=of) for table, query in COPIED_OF_CHANGED.items()}
    with place.connect(REFERENCE) as connection, connection.cursor() as cursor:
        for table, query in queries.items():
            statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(query)
            with cursor.copy(statement) as stream, (folder / f"{table}.copy").open("wb") as rows:
                rows.writelines(stream)


def _command(name: str, cell: Cell, place: Place, server: Server, generation: int) -> tuple[list[str], dict[str, str]]:
    database = place.url(name, "postgresql")
    shared = ["--base-url", server.url, "--token", TOKEN, "--database", database]
    env = {key: value for key, value in os.environ.items() if not key.startswith("ETL_")}
    if name == OURS:
        return [str(ETL), "sync", "--json"], environment(place, OURS, server.url, cell.in_flight)
    if name == SCRIPT:
        return [str(PEERS), "-P", str(ROOT / "benchmarks" / "peer_script.py"), *shared], env
    if name == DLT:
        state = (place.folder / f"{name}.state").read_text()
        command = [str(PEERS), "-P", str(ROOT / "benchmarks" / "peer_dlt.py"), *shared, "--folder", state]
        return command, env | dlt_settings(cell.in_flight)
    write_rows(place, cell.scenario, generation)
    command = [sys.executable, "-m", "benchmarks.limit", "--port", str(server.port), "--database", database]
    command += ["--rows", str(_rows(place)), "--truth", json.dumps(server.truth()), "--scenario", cell.scenario]
    command += ["--generation", str(generation), "--in-flight", str(cell.in_flight)]
    return command, env | {"PYTHONPATH": str(ROOT)}


def dlt_settings(in_flight: int) -> dict[str, str]:
    """Return dlt as many threads as the others have requests in flight; it would take 5 by itself."""
    return {
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
        "EXTRACT__WORKERS": str(in_flight),
        "EXTRACT__MAX_PARALLEL_ITEMS": str(4 * in_flight),
    }


def _rows(place: Place) -> Path:
    return place.folder / "rows"


def _end(file: Path) -> str:
    return file.read_bytes()[-3000:].decode("utf-8", "replace")


def _last_json(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_bytes().strip().rpartition(b"\n")[2]))
