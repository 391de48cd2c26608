"""Who comes from 0012 keeps its runs and its ledger as they were: what nobody had counted stays not known."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.database import migrate
from etl.load.acceptances import FaultKind
from tests.integration.database.test_owners_migration import at, put, rows
from tests.integration.run.test_accepted import KNOWN_3, Faults, accept, outcome
from tests.scripted_account import account_of, job

BEFORE = "0012_targets"
COUNTS = {"messages": {"seen": 9, "inserted": 9, "updated": 0, "unchanged": 0}}
SUM = {"highest_id": 5, "loaded": 4, "deleted": 0, "forbidden": 0, "unaccounted": 0}
LEDGER = "SELECT conversation_id, state, reason, failure, nights, counted_as FROM conversation_ledger ORDER BY 1"
ENTRIES = [(2, "deleted", None), (3, "unreadable", "conversations/3: failed")]
HELD = "SELECT run_id, outcome, finished_at IS NULL, counts, unreadable, host, known FROM sync_runs ORDER BY 1"


def run(number: int, outcome: str, **more: Any) -> dict[str, Any]:
    begun = {"run_id": number, "kind": "sync", "outcome": outcome, "started_at": at(number), "host": "old"}
    return begun | {"process_id": 7} | more


def written_before(engine: Engine) -> None:
    """Have what a version at 0012 left: a complete run, one that was not, one that was killed, and its ledger."""
    migrate.migrate(engine, BEFORE)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, '')")
        # Numbers of runs go on after those that are there.
        connection.exec_driver_sql("ALTER TABLE helpdesk.sync_runs ALTER COLUMN run_id RESTART WITH 4")
    put(
        engine,
        "sync_runs",
        run(1, "complete", finished_at=at(2), counts=COUNTS, unreadable=0, **SUM),
        run(2, "incomplete", finished_at=at(3), counts=COUNTS, unreadable=1, **SUM),
        run(3, "running"),
    )
    put(
        engine,
        "conversation_ledger",
        *(
            {"conversation_id": number, "state": state, "reason": reason, "checked_at": at(2)}
            for number, state, reason in ENTRIES
        ),
    )


def held(killed: str) -> list[tuple[Any, ...]]:
    """Return what the journal has of the three runs; killed: how the third ended."""
    return [
        (1, "complete", False, COUNTS, 0, "old", None),
        (2, "incomplete", False, COUNTS, 1, "old", None),
        (3, killed, True, None, None, "old", None),
    ]


@pytest.mark.long
def test_runs_and_ledger_of_before_are_as_they_were_and_nothing_is_made_up_of_them(engine: Engine) -> None:
    written_before(engine)
    migrate.migrate(engine)
    assert rows(engine, HELD) == held("running")
    assert rows(engine, LEDGER) == [(*one, None, 1, None) for one in ENTRIES]
    seen = "SELECT run_id, has_seen_all, unseen FROM whole_runs ORDER BY 1"
    assert rows(engine, seen) == [(1, True, []), (2, False, [])]
    for table in ("sync_tallies", "acceptances"):
        assert rows(engine, f"SELECT count(*) FROM {table}") == [(0,)]
    migrate.migrate(engine, BEFORE)
    migrate.migrate(engine)
    assert rows(engine, HELD) == held("running")


@pytest.mark.long
def test_the_first_night_closes_the_killed_run_without_counts_and_learns_what_can_be_accepted(engine: Engine) -> None:
    written_before(engine)
    migrate.migrate(engine)
    with job(account_of(5), engine, change=Faults(3), page_size=2) as etl:
        assert etl.run().outcome == "incomplete"
        assert rows(engine, HELD)[:3] == held("interrupted")
        ((number, state, _, failure, nights, counted_as),) = rows(engine, LEDGER)  # the other one is there after all
        assert (number, state, failure, nights, counted_as) == (3, "unreadable", "the server answered 500.", 1, "open")
        accept(etl, (FaultKind.CONVERSATION, "3"))
        assert outcome(etl.run()) == KNOWN_3
