"""How many examples are made up: a few on each change, many in the long run (make test-long)."""

from typing import Any

import pytest
from hypothesis import settings

LONG = "long"


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
