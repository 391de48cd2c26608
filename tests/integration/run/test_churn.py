"""The account changes at every request of a run: what the run has to show all the same, and what the next one mends."""

from random import Random
from threading import Lock

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from tests.examples import in_the_long_run
from tests.integration.run.truth import ALWAYS, HAPPENINGS, World, assert_equal, assert_quiet, assert_sound
from tests.scripted_account import Job

CONVERSATIONS = 50
# Small, so that rows cross the boundary between two pages often.
PAGE_SIZE = 10
# The more often, the higher. Of deletions there are never more than 20, which no guard refuses.
OFTEN = {
    "write": 12, "reply": 12, "change_by_person": 12, "change_by_automaton": 8, "delete_message": 6, "campaign": 3,
    "delete": 4, "open": 3, "migrate": 1, "converse": 1,
    "remove_agent": 0.3, "delete_team": 0.3, "merge_contacts": 0.5, "hire": 0.5,
}  # fmt: skip


class Changing:
    """The vendor's server, on which something happens before each answer, one request at a time."""

    def __init__(self, vendor: Vendor, world: World, dice: Random) -> None:
        self.vendor, self.world, self.dice = vendor, world, dice
        self.going_on = True
        self._lock = Lock()
        self._weights = [OFTEN.get(name, 2) for name in HAPPENINGS]

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            if self.going_on:
                (what,) = self.dice.choices(HAPPENINGS, self._weights)
                self.world.happen(what, self.dice.randrange(1_000_000), self.dice.randrange(1_000_000))
            return self.vendor(request)


# One of each kind of server on each change.
@pytest.mark.parametrize("seed", [0, 1, 4, *in_the_long_run(2, 3, *range(5, 100))])
def test_what_was_not_touched_is_there_after_a_run_amid_changes_and_one_more_run_makes_everything_equal(
    engine: Engine, seed: int
) -> None:
    # 4.7 shows a clock of every change: half of its accounts are read by the marks alone.
    behaviour, days = [("4.7", 0), ("2026", ALWAYS), ("4.7", ALWAYS), ("2026", ALWAYS), ("2.14", ALWAYS)][seed % 5]
    world = World(CONVERSATIONS)
    account: Account = world.account
    world.touched.clear()
    world.at_rest = {number for number in account.conversations if number % 3 == CONVERSATIONS % 3}
    changing = Changing(Vendor(account, behaviour=behaviour, page_size=PAGE_SIZE), world, Random(seed))
    with serve(changing) as url:
        etl = Job(changing.vendor, url, engine)
        first = etl.run(reread_days=days)
        changing.going_on = False
        assert first.outcome in {"complete", "incomplete"}, first.problems
        assert_sound(etl, account)
        # Less those whose contact was merged into another.
        untouched = world.at_rest - world.touched
        assert untouched
        assert_equal(etl, account, only=untouched)

        second = etl.run(reread_days=days)
        assert_quiet(second, account)
        assert_sound(etl, account)
        assert_equal(etl, account)
