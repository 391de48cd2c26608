"""The chart that the README shows: bars of seconds, drawn by hand as SVG, legible on light and on dark."""

from pathlib import Path
from typing import Any

from benchmarks.report import cells_of
from benchmarks.results import Results
from benchmarks.scenario import CONTESTANTS, DLT, LIMIT, OURS, SCRIPT

FILE = Path(__file__).parent / "results.svg"
NAMES = {OURS: "etl", LIMIT: "the limit", DLT: "dlt", SCRIPT: "script"}
COLOURS = {OURS: "#2f81f7", LIMIT: "#8b949e", DLT: "#d29922", SCRIPT: "#a371f7"}
SAID = {"first": "First load", "quiet": "Quiet night", "changed": "5 % changed"}
WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 720, 90, 90, 16, 4, 26
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.head{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)


def write(results: Results, latency: float = 20, in_flight: int = 16) -> None:
    """Draw every scenario that was measured with one latency and one number in flight; nothing where none was."""
    y, parts = 8, []
    for (scenario, conversations, ms, threads), by_name in cells_of(results).items():
        if (ms, threads) == (latency, in_flight):
            title = f"{SAID[scenario]}: {conversations:,} conversations, {ms:g} ms a request, {threads} at once"
            parts.append(f'<text class="head" x="0" y="{y + 14}">{title}</text>')
            y += HEAD
            rows, y = _bars(by_name, y)
            parts += rows
    if parts:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="Seconds">'
        FILE.write_text("\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n")


def _bars(by_name: dict[str, dict[str, Any]], y: int) -> tuple[list[str], int]:
    longest = max(one["seconds"] for one in by_name.values())
    parts = []
    for name in (one for one in CONTESTANTS if one in by_name):
        one = by_name[name]
        wide = max(1, round((WIDTH - LEFT - RIGHT) * one["seconds"] / longest))
        lost = f", lost {one['lost_messages']:,} messages" if one["lost_messages"] else ""
        said = f"{one['seconds']:.2f} s{lost}"
        # Beside a bar that fills the width a sentence has no room: there it stands below the bar's right end.
        inside = bool(lost) and wide > (WIDTH - LEFT) // 2
        at, anchor = (LEFT + wide - 6, "end") if inside else (LEFT + wide + 6, "start")
        fill = ' style="fill:#fff"' if inside else ""
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{NAMES[name]}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{wide}" height="{BAR}" rx="2" fill="{COLOURS[name]}"/>',
            f'<text x="{at}" y="{y + 13}" text-anchor="{anchor}"{fill}>{said}</text>',
        ]
        y += BAR + GAP
    return parts, y + 12
