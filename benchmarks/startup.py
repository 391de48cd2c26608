"""How long a person waits for the command line: `etl --help`, and `etl check` against the local server."""

import statistics
import subprocess
import time

from benchmarks.contestants import prepare
from benchmarks.place import ETL, Place, Server, environment
from benchmarks.scenario import OURS

RUNS = 5


def measure(place: Place, server: Server) -> dict[str, float]:
    """Return the median seconds of five executions of each command."""
    prepare(OURS, place)
    server.control("set?latency=0")
    env = environment(place, OURS, server.url)
    found = {}
    for arguments in (["--help"], ["check"]):
        seconds = []
        for _ in range(RUNS):
            begun = time.perf_counter()
            subprocess.run([str(ETL), *arguments], cwd=place.folder, env=env, check=True, capture_output=True)
            seconds.append(time.perf_counter() - begun)
        found[f"etl {arguments[0]}"] = round(statistics.median(seconds), 3)
    return found
