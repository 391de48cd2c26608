"""The table of what each kind of run asks for, from what `python -m benchmarks.nights` has counted."""

import json
from pathlib import Path

from parts.markdown import markdown_table

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "nights.json"
SERVERS = {"2.14": "before 3.6", "2026": "from 3.6 on"}


def nights() -> str:
    """Return the requests of each kind of run by kind of server and size of account."""
    found: dict[str, dict[str, dict[str, int]]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    sizes = sorted({int(size) for sizes in found.values() for size in sizes})
    kinds = list(dict.fromkeys(kind for sizes in found.values() for one in sizes.values() for kind in one))
    rows = [
        (kind, SERVERS[server], *(_spelt(found[server].get(str(size), {}).get(kind)) for size in sizes))
        for kind in kinds
        for server in found
    ]
    return markdown_table(("run", "server", *(f"{size:,} conversations" for size in sizes)), rows)


def _spelt(requests: int | None) -> str:
    return "not measured" if requests is None else f"{requests:,}"
