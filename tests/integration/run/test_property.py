"""Whatever happens in whatever order, runs that fail and runs amid changes included: one quiet run makes all equal."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from threading import Lock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from etl.selection import Selection
from tests.examples import examples
from tests.integration.run.truth import ALWAYS, HAPPENINGS, World, assert_equal, assert_quiet, assert_sound, clear
from tests.scripted_account import Job, server_fault

Event = tuple[str, int, int]

# How the server behaves, and how the job reads it; 4.7 shows a clock of every change, so there the marks alone suffice.
SERVERS = (("4.7", 0), ("2026", ALWAYS), ("2.14", ALWAYS), ("4.7", ALWAYS))
RUNS = {
    "sync": Selection(),
    "audited sync": Selection(audit=True),
    "recent": Selection(recent=True),
    "backfill": Selection(kind="backfill"),
    "audited backfill": Selection(kind="backfill", audit=True),
    "backfill of an inbox": Selection(kind="backfill", inbox_id=1),
    "backfill of some": Selection(kind="backfill", conversations=(1, 2, 3)),
}
# What fails: any request, or of one kind only, as a page that fails ends a run before it comes to the others.
FAULTS = ("none", "histories", "single conversations", "witness", "any")


@dataclass(frozen=True)
class Step:
    """What happens before a run, the run, what happens at its first requests, and which of the requests may fail."""

    before: list[Event]
    run: str
    amid: list[Event]
    failing: str
    seed: int


NUMBERS = st.integers(0, 1_000)
EVENTS = st.lists(st.tuples(st.sampled_from(HAPPENINGS), NUMBERS, NUMBERS), max_size=10)
STEPS = st.builds(Step, EVENTS, st.sampled_from(list(RUNS)), EVENTS, st.sampled_from(FAULTS), NUMBERS)


class Server:
    """Serves a world in which things happen while it is read, and one request in five fails."""

    def __init__(self, world: World, behaviour: str) -> None:
        self.world = world
        self.vendor = Vendor(world.account, behaviour=behaviour, page_size=4)
        self.be_quiet()
        self._lock = Lock()

    def be_quiet(self) -> None:
        self._coming: Iterator[Event] = iter(())
        self._failing, self._dice = "none", Random(0)

    def begin(self, step: Step) -> None:
        self._coming, self._failing, self._dice = iter(step.amid), step.failing, Random(step.seed)

    def __call__(self, request: Request) -> Answer:
        with self._lock:
            if event := next(self._coming, None):
                self.world.happen(*event)
            answer = self.vendor(request)
            return server_fault() if self._may_fail(request.path) and self._dice.random() < 0.2 else answer

    def _may_fail(self, path: str) -> bool:
        return {
            "none": False,
            "histories": path.endswith("/messages"),
            "single conversations": path.rpartition("/")[2].isdigit(),
            "witness": path.endswith("/search"),
            "any": True,
        }[self._failing]


@settings(
    max_examples=examples(2, 60),
    # An example is several runs and takes seconds. The database is one for all of them: each begins by emptying it.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(SERVERS),
    conversations=st.sampled_from((9, 5, 0)),
    steps=st.lists(STEPS, min_size=1, max_size=5),
)
def test_after_any_changes_and_runs_one_quiet_run_makes_the_tables_equal_to_the_truth(
    engine: Engine, kind: tuple[str, int], conversations: int, steps: list[Step]
) -> None:
    clear(engine)
    behaviour, days = kind
    server = Server(World(conversations), behaviour)
    account = server.world.account
    with serve(server) as url:
        etl = Job(server.vendor, url, engine)
        for step in steps:
            for event in step.before:
                server.world.happen(*event)
            server.begin(step)
            etl.run(RUNS[step.run], reread_days=days)
            server.be_quiet()
            assert_sound(etl, account)

        assert_quiet(etl.run(reread_days=days), account)
        assert_sound(etl, account)
        assert_equal(etl, account)
        # And what is equal is left alone.
        again = etl.run(reread_days=days)
        assert_quiet(again, account)
        assert {table: one["inserted"] + one["updated"] for table, one in again.tally.counts.items()} == dict.fromkeys(
            again.tally.counts, 0
        )
