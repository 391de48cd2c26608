"""Growth: whether a hundred times the conversations take a hundred times as long, and no more memory."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.matrix import Bench
from benchmarks.place import Place, serving
from benchmarks.scenario import FIRST, LIMIT, OURS, QUIET, Cell

# What a history of several answers takes of the memory is a part of it.
LONG = 2_300
SIZES = (1_000, 10_000, 100_000)
IN_FLIGHT = 16


def measure(place: Place, sizes: Sequence[int], runs: int) -> Iterator[dict[str, Any]]:
    """Load accounts of several sizes without latency, then run again with nothing changed; one record each.

    The limit runs along in the first load, as it tells what of the growth is the server's and PostgreSQL's own.
    """
    for size in sizes:
        with serving(size, long=LONG) as server:
            bench = Bench(place, server, size)
            bench.load_reference()
            bench.restart()
            records = bench.measure(Cell(FIRST, size, 0, IN_FLIGHT), (OURS, LIMIT), runs)
            records += bench.measure(Cell(QUIET, size, 0, IN_FLIGHT), (OURS,), runs)
        for record in records:
            yield record | {"ms_a_conversation": round(record["seconds"] / size * 1000, 3)}
