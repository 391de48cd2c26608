"""Six nights by counts and a walk, whatever happens to the account: what they have to see, they see."""

from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.generate import generate
from tests.examples import examples, in_the_long_run
from tests.integration.run.random_weeks import BEHAVIOURS, Told, World, spend_week
from tests.scripted_account import DAY, job, now

QUIET: dict[str, Any] = {"contacts": "seen", "books": "off", "patrol_percent": 0}
CASES = [(behaviour, seed) for seed in range(9) for behaviour in BEHAVIOURS]


@pytest.mark.parametrize(("behaviour", "seed"), [*CASES[:3], *in_the_long_run(*CASES[3:])])
def test_after_each_night_nothing_is_wrong_but_what_only_a_walk_can_see(
    engine: Engine, behaviour: str, seed: int
) -> None:
    # Ties of pages that are small, so that rows cross the boundary between two of them often.
    account = generate(examples(30, 120), seed=seed, until=now() - 10 * DAY, ties=(0.0, 0.3)[seed % 2])
    world, told = World(account, behaviour, Random(seed)), Told()
    settings = QUIET if seed % 3 else {"contacts": "all"}
    with job(account, engine, behaviour=behaviour, page_size=10) as etl:
        assert etl.run(**settings).outcome == "complete"
        spend_week(etl, world, 12, told, **settings)
