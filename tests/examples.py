"""How many examples are made up: a few on each change, many in the long run (make test-long)."""

from collections import defaultdict
from typing import Any
from zlib import crc32

import pytest
from hypothesis import settings

LONG = "long"
# Of the cases of a test on a database every change meets one in so many, and each test at least one.
ONE_IN = 8


def register_profiles() -> None:
    """Have the same examples each time, however long one takes; --hypothesis-profile=long has more of them."""
    settings.register_profile("few", derandomize=True, deadline=None, database=None)
    settings.register_profile(LONG, settings.get_profile("few"), max_examples=1_000)
    settings.load_profile("few")


def examples(few: int, many: int) -> int:
    """Return how many examples a test makes up of which each takes long."""
    return many if settings.get_current_profile_name() == LONG else few


def in_the_long_run(*cases: Any) -> list[Any]:
    """Return cases that show more of what others of their test show: `make test-long` runs them, `make test` not."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long) for case in cases]


def leave_cases_to_the_long_run(items: list[pytest.Item]) -> None:
    """Mark as long most cases of each test that has a database: their runs are what the suite's time goes into.

    Which are kept hangs on the test's name: so the suite as a whole meets each recorded version, and runs alone and
    shared, on every change, and the same ones each time.
    """
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if "server_url" in getattr(item, "fixturenames", ()) and not item.get_closest_marker(LONG):
            cases[item.nodeid.partition("[")[0]].append(item)
    for name, alike in cases.items():
        first = crc32(name.encode()) % ONE_IN % len(alike)
        for number, item in enumerate(alike):
            if number % ONE_IN != first:
                item.add_marker(LONG)
