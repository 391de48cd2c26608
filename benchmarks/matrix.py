"""Runs the contestants side by side: one round is one execution of each, and rounds alternate until there are enough.

What disturbs the machine for a while so disturbs all of them; the median of the rounds is what is reported.
"""

import statistics
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from benchmarks.account import pages
from benchmarks.contestants import REFERENCE, prepare, run, share_under_way
from benchmarks.place import ROOT, Place, Server
from benchmarks.scenario import CHANGED, DLT, FIRST, OURS, QUIET, SCENARIOS, SCRIPT, Cell, Measured

TABLES = ("conversations", "messages", "attachments", "contacts")
# Ledger, counts and profile: what a run asks besides pages and histories, however large the account is.
MOST_PROBES = 60
MESSAGES = {DLT: "bench.messages", SCRIPT: "public.messages"}

Record = dict[str, Any]


class Wrong(Exception):
    """A contestant's result is not what it must be: then its time means nothing."""


@dataclass
class Bench:
    """One server and one account, and the generation that the loaded databases are at."""

    place: Place
    server: Server
    conversations: int
    generation: int = 0

    def load_reference(self) -> None:
        """Load the account once with our own job: the rows that the limit copies, and a warm-up for everything."""
        self.server.control("set?latency=0&generation=0")
        prepare(OURS, self.place)
        measured = run(OURS, self._cell(FIRST), self.place, self.server, 0)
        self.verify(OURS, FIRST, measured)
        self.place.create(REFERENCE, OURS)

    def measure(self, cell: Cell, contestants: Sequence[str], runs: int) -> list[Record]:
        """Measure one cell; `load` must have been called before the scenarios that need a loaded database."""
        measured: dict[str, list[Measured]] = defaultdict(list)
        for _ in range(runs):
            if cell.scenario == CHANGED:
                self.generation += 1
            self.server.control(f"set?latency={cell.latency}&generation={self.generation}")
            for name in contestants:
                if cell.scenario == FIRST:
                    prepare(name, self.place)
                one = run(name, cell, self.place, self.server, self.generation)
                self.verify(name, cell.scenario, one)
                measured[name].append(one)
                print(f"  {cell.scenario} {name}: {one.seconds:.2f} s, {sum(one.asked.values())} requests", flush=True)
        records = [_record(cell, name, some, self._lost(name)) for name, some in measured.items()]
        for ours in (one for one in records if one["contestant"] == OURS and cell.scenario == FIRST):
            ours["share_under_way"] = share_under_way(cell, self.place, self.server)
        return records

    def restart(self) -> None:
        """Show the account as it was at first, as every database of a first load has to be."""
        self.generation = 0
        self.server.control("set?latency=0&generation=0")

    def load(self, contestants: Sequence[str]) -> None:
        """Load a database for each contestant without measuring, for the scenarios that begin with a loaded one."""
        self.restart()
        for name in contestants:
            if name == OURS:
                self.place.create(OURS, REFERENCE)
            else:
                prepare(name, self.place)
            if name in MESSAGES:
                run(name, self._cell(FIRST), self.place, self.server, 0)

    def verify(self, name: str, scenario: str, measured: Measured) -> None:
        """Raise Wrong unless our tables hold exactly what there is, and a quiet run wrote and asked for nothing."""
        if name != OURS:
            return
        truth = self.server.truth()
        held = {table: self.place.count(OURS, f"helpdesk.{table}") for table in TABLES}
        expected = {table: truth[table] for table in TABLES}
        if held != expected or measured.said["outcome"] != "complete":
            raise Wrong(f"the tables hold {held}, the account has {expected}; {measured.said}")
        walked = len(list(pages(truth["counts"])))
        asked = dict(measured.asked)
        if asked.pop("pages") != walked:
            raise Wrong(f"{walked} pages there are, asked for were {measured.asked}")
        asked.pop("histories", 0) if scenario != QUIET else 0
        if sum(asked.values()) > MOST_PROBES or "histories" in asked:
            raise Wrong(f"a {scenario} run asked for {measured.asked}")
        if scenario == QUIET and (written := rows_written(measured)):
            raise Wrong(f"a quiet run wrote {written} rows")

    def _cell(self, scenario: str) -> Cell:
        return Cell(scenario, self.conversations, 0, 16)

    def _lost(self, name: str) -> int | None:
        if name not in MESSAGES:
            return 0 if name == OURS else None
        return int(self.server.truth()["messages"]) - self.place.count(name, MESSAGES[name])


def rows_written(measured: Measured) -> int:
    """Return how many rows our job says it inserted or updated."""
    told = [counts for counts in measured.said.values() if isinstance(counts, dict) and "inserted" in counts]
    return sum(int(counts["inserted"]) + int(counts["updated"]) for counts in told)


def measure_all(
    bench: Bench, cell: Cell, scenarios: Sequence[str], contestants: Sequence[str], runs: int
) -> list[Record]:
    """Measure scenarios with one latency and one number in flight, in the order in which they build on each other."""
    records: list[Record] = []
    bench.restart()
    for scenario in (one for one in SCENARIOS if one in scenarios):
        if scenario != FIRST and FIRST not in scenarios and not records:
            bench.load(contestants)
        records += bench.measure(replace(cell, scenario=scenario), contestants, runs)
    return records


def _record(cell: Cell, name: str, measured: list[Measured], lost: int | None) -> Record:
    def median(what: str) -> float:
        return round(float(statistics.median(getattr(one, what) for one in measured)), 3)

    return {
        "scenario": cell.scenario,
        "conversations": cell.conversations,
        "latency_ms": cell.latency,
        "in_flight": cell.in_flight,
        "contestant": name,
        "runs": len(measured),
        "seconds": median("seconds"),
        "all_seconds": [round(one.seconds, 3) for one in measured],
        "inner_seconds": median("inner"),
        "processor_seconds": median("processor"),
        "server_processor_seconds": median("server"),
        "peak_mb": round(max(one.peak_mb for one in measured), 1),
        "requests": measured[-1].asked,
        "lost_messages": lost,
        "parts": {key: value for key, value in measured[-1].said.items() if isinstance(value, float)},
        "commit": commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """Name the commit of the checkout, and whether it was changed since."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"
