"""`etl sync --json` with its requests watched: how many of them were under way, on average, while it read.

From the first page or history that it asks for to the last one that it has; as the job sees it, from sending a request
to the last byte of its answer. In a process of its own, so that what is timed is what users run.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from etl.commands.main import main as command_line
from etl.extract.exchange import Answer, Exchange


def main() -> None:
    """Run the job, and print the number as the last line."""
    under_way: list[tuple[float, float]] = []
    get = Exchange.get

    def watched(self: Any, url: str, take: Callable[[bytearray], None]) -> Answer:
        begun = time.perf_counter()
        try:
            return get(self, url, take)
        finally:
            if "page=" in url or "/messages" in url:
                under_way.append((begun, time.perf_counter()))

    Exchange.get = watched  # type: ignore[method-assign]  # -- only the bench looks into it
    sys.argv = ["etl", "sync", "--json"]
    with suppress(SystemExit):
        command_line()
    reading = max(end for _, end in under_way) - min(begun for begun, _ in under_way)
    print(json.dumps({"under_way": sum(end - begun for begun, end in under_way) / reading}), flush=True)


if __name__ == "__main__":
    main()
