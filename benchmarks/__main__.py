"""`make bench`: measures what is selected, merges it into results.json, prints the table and draws the chart."""

import argparse
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import ceiling, chart, growth, matrix, place, report, results, startup
from benchmarks.scenario import CONTESTANTS, FIRST, SCENARIOS, SCRIPT, Cell

LATENCIES = (0, 20, 100)
IN_FLIGHT = (1, 8, 16, 32)
RUNS = 5
# One at a time and 100 ms a request is five minutes an execution, and known beforehand: requests times latency.
TOO_SLOW = {(100, 1)}
# The script takes one after the other whatever is allowed: it runs along once for each latency.
SCRIPT_WITH = {(0, 16), (20, 16)}


def _list(kind: type) -> Callable[[str], list[Any]]:
    return lambda value: [kind(one) for one in value.split(",")]


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--scenario", type=_list(str), default=list(SCENARIOS), help=f"of {','.join(SCENARIOS)}")
    options.add_argument("--latency", type=_list(float), help="milliseconds, such as 0,20")
    options.add_argument("--in-flight", type=_list(int), help="requests at once, such as 8,16")
    options.add_argument("--peers", type=_list(str), help=f"of {','.join(CONTESTANTS)}")
    options.add_argument("--runs", type=int, default=RUNS)
    options.add_argument("--conversations", type=int, default=3000)
    options.add_argument("--growth", type=_list(int), nargs="?", const=list(growth.SIZES), help="such as 1000,10000")
    options.add_argument("--startup", action="store_true", help="only start-up and the server's ceiling")
    options.add_argument("--report", action="store_true", help="measure nothing: print and draw what is there")
    return options.parse_args()


def _cells(given: argparse.Namespace) -> Iterator[tuple[Cell, list[str]]]:
    """Yield latency and number in flight of what is selected, each with who runs; the slowest only if asked for."""
    for latency, in_flight in itertools.product(given.latency or LATENCIES, given.in_flight or IN_FLIGHT):
        asked_for = given.latency is not None and given.in_flight is not None
        if (latency, in_flight) in TOO_SLOW and not asked_for:
            continue
        with_script = (latency, in_flight) in SCRIPT_WITH
        names = given.peers or [one for one in CONTESTANTS if one != SCRIPT or with_script]
        yield Cell(FIRST, given.conversations, latency, in_flight), names


def _measure_matrix(given: argparse.Namespace, found: results.Results) -> None:
    with place.made() as somewhere, place.serving(given.conversations) as server:
        bench = matrix.Bench(somewhere, server, given.conversations)
        bench.load_reference()
        for cell, names in _cells(given):
            print(f"{cell.latency:g} ms, {cell.in_flight} in flight", flush=True)
            results.merge(found, "cells", matrix.measure_all(bench, cell, given.scenario, names, given.runs))
            results.write(found)


def _measure_start(found: results.Results) -> None:
    with place.made() as somewhere, place.serving(1000) as server:
        found["ceiling"] = ceiling.measure(server)
        found["startup"] = startup.measure(somewhere, server)
        results.write(found)


def _measure_growth(sizes: list[int], runs: int, found: results.Results) -> None:
    with place.made() as somewhere:
        for record in growth.measure(somewhere, sizes, runs):
            results.merge(found, "growth", [record])
            results.write(found)


def main() -> None:
    """Measure; whatever is finished is written down at once, so that nothing is lost when it is stopped."""
    given, found = _options(), results.read()
    everything = not (given.latency or given.in_flight or given.peers or given.growth or given.startup)
    if not given.report:
        if given.startup or everything:
            _measure_start(found)
        if not given.startup and not given.growth:
            _measure_matrix(given, found)
        if given.growth or everything:
            _measure_growth(given.growth or list(growth.SIZES), min(given.runs, 3), found)
    print(report.text(found))
    chart.write(found)


if __name__ == "__main__":
    main()
