"""The table of what was measured, and the bars that the project set itself."""

from collections.abc import Iterator
from typing import Any

from benchmarks.results import Results
from benchmarks.scenario import CONTESTANTS, DLT, FIRST, LIMIT, OURS, QUIET, SCENARIOS, SCRIPT

RATIOS = ("ours/limit", "dlt/ours", "script/ours")

Cells = dict[tuple[str, int, float, int], dict[str, dict[str, Any]]]


def cells_of(results: Results) -> Cells:
    """Return the records by cell and contestant."""
    cells: Cells = {}
    for one in results["cells"]:
        key = (one["scenario"], one["conversations"], one["latency_ms"], one["in_flight"])
        cells.setdefault(key, {})[one["contestant"]] = one
    return dict(sorted(cells.items(), key=lambda item: (SCENARIOS.index(item[0][0]), *item[0][1:])))


def text(results: Results) -> str:
    """Return the whole report as aligned lines."""
    lines = [*_table(cells_of(results)), "", *_growth(results["growth"]), ""]
    lines += [f"the server alone  {name.replace('_', ' ')}: {value:,}" for name, value in results["ceiling"].items()]
    lines += [f"start-up          {name}: {value} s" for name, value in results["startup"].items()]
    lines += ["", *(f"{'holds ' if holds else 'BROKEN'} {said}" for holds, said in bars(results))]
    return "\n".join(lines)


def _table(cells: Cells) -> Iterator[str]:
    head = ("scenario", "conv.", "ms", "in flight", *CONTESTANTS, *RATIOS, "requests", "MB", "CPU s", "dlt lost")
    rows: list[tuple[str, ...]] = [head]
    for (scenario, conversations, latency, in_flight), by_name in cells.items():
        ours, dlt = by_name.get(OURS, {}), by_name.get(DLT, {})
        seconds = [f"{by_name[name]['seconds']:.2f}" if name in by_name else "-" for name in CONTESTANTS]
        ratios = [_ratio(by_name, *pair) for pair in ((OURS, LIMIT), (DLT, OURS), (SCRIPT, OURS))]
        told = [str(sum(ours.get("requests", {}).values())), str(ours.get("peak_mb", "-"))]
        told += [str(ours.get("processor_seconds", "-")), str(dlt.get("lost_messages", "-"))]
        cell = (scenario, f"{conversations:,}", f"{latency:g}", str(in_flight))
        rows.append((*cell, *seconds, *ratios, *told))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(value.rjust(width) for value, width in zip(row, widths, strict=True))


def _ratio(by_name: dict[str, dict[str, Any]], above: str, below: str) -> str:
    if above not in by_name or below not in by_name:
        return "-"
    return f"{by_name[above]['seconds'] / by_name[below]['seconds']:.2f}"


def _growth(records: list[dict[str, Any]]) -> Iterator[str]:
    for one in records:
        yield (
            f"growth  {one['scenario']:>5}  {one['contestant']:>5}  {one['conversations']:>7,} conversations"
            f"  {one['seconds']:>8.2f} s  {one['ms_a_conversation']:>6.3f} ms each  {one['peak_mb']:>6.1f} MB"
        )


def bars(results: Results) -> Iterator[tuple[bool, str]]:
    """Yield each bar that can be judged by what was measured: whether it holds, and in words."""
    for (scenario, _, latency, in_flight), by_name in cells_of(results).items():
        where = f"{scenario}, {latency:g} ms, {in_flight} in flight"
        if OURS not in by_name:
            continue
        ours = by_name[OURS]["seconds"]
        most = _least_ratio(scenario, latency, in_flight)
        if DLT in by_name and most:
            ratio = by_name[DLT]["seconds"] / ours
            yield ratio >= most, f"{where}: dlt takes {ratio:.1f} times as long as ours; at least {most}"
        if LIMIT in by_name and scenario == FIRST and latency == 20:
            ratio = ours / by_name[LIMIT]["seconds"]
            yield ratio <= 1.6, f"{where}: ours takes {ratio:.2f} times the limit; at most 1.6"
            ratio = by_name[OURS]["processor_seconds"] / by_name[LIMIT]["processor_seconds"]
            yield ratio <= 6, f"{where}: ours takes {ratio:.1f} times the limit's processor time; at most 6"
        if "share_under_way" in by_name[OURS] and latency == 20:
            share = by_name[OURS]["share_under_way"]
            yield share >= 0.85, f"{where}: {share:.2f} of the requests allowed are under way; at least 0.85"
    yield from _growth_bars([one for one in results["growth"] if one["contestant"] == OURS])
    for name, seconds in results["startup"].items():
        most_seconds = 0.4 if name.endswith("--help") else 1.0
        yield seconds <= most_seconds, f"{name}: {seconds} s; at most {most_seconds}"


def _least_ratio(scenario: str, latency: float, in_flight: int) -> int | None:
    """Return how many times as long as ours dlt has to take at least; None where no bar was set."""
    if scenario == QUIET:
        return 20
    if scenario == FIRST and latency == 20:
        return {16: 5, 32: 8}.get(in_flight)
    return 4 if scenario == FIRST and latency == 0 else None


def _growth_bars(records: list[dict[str, Any]]) -> Iterator[tuple[bool, str]]:
    for scenario in (FIRST, QUIET):
        some = sorted(
            (one for one in records if one["scenario"] == scenario), key=lambda one: int(one["conversations"])
        )
        if len(some) < 2:
            continue
        least, most = some[0], some[-1]
        grown = most["ms_a_conversation"] / least["ms_a_conversation"]
        sizes = f"{least['conversations']:,} to {most['conversations']:,}"
        yield grown <= 1.1, f"{scenario}, {sizes}: {grown:.2f} times the time per conversation; at most 1.1"
        peak = max(one["peak_mb"] for one in some)
        yield peak < 150, f"{scenario}, {sizes}: {peak:.0f} MB at most; under 150"
        grown = most["peak_mb"] / least["peak_mb"]
        yield grown <= 1.15, f"{scenario}, {sizes}: {grown:.2f} times the memory; at most 1.15"
