"""The results file: what was measured last of every cell, whenever that was."""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results.json"
KEY = ("scenario", "conversations", "latency_ms", "in_flight", "contestant")

Results = dict[str, Any]


def read() -> Results:
    """Return what is there; the skeleton where nothing was measured yet."""
    empty: Results = {"machine": {}, "ceiling": {}, "startup": {}, "cells": [], "growth": []}
    return empty | json.loads(FILE.read_text()) if FILE.exists() else empty


def write(results: Results) -> None:
    """Write all of it, sorted, so that a difference shows what was measured again."""
    results["machine"] = {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    for name in ("cells", "growth"):
        results[name].sort(key=lambda one: [str(one[key]).rjust(9) for key in KEY])
    FILE.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def merge(results: Results, name: str, records: Iterable[dict[str, Any]]) -> None:
    """Put records in; one of the same cell and contestant replaces the older one."""
    for record in records:
        same = [one for one in results[name] if all(one[key] == record[key] for key in KEY)]
        for one in same:
            results[name].remove(one)
        results[name].append(record)
