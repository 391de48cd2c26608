"""Clocks that are wrong, ahead or set back: what was noted stays in order, and hides nothing from later runs."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.exit_codes import Outcome
from etl.load import clock, conversations, earlier_runs, journal
from etl.load.clock import Clock
from etl.load.journal import Run
from etl.monitoring import run_history, status
from etl.selection import Selection
from tests.scripted_account import Job, account_of, job, notes_of, now

YEAR = timedelta(days=365)
STATES = """
    SELECT conversation_id, status, valid_to IS NULL,
        valid_from = lag(valid_to) OVER (PARTITION BY conversation_id ORDER BY valid_from)
    FROM helpdesk.conversation_states ORDER BY 1, valid_from
"""

NOTED = (
    ("sync_runs", "started_at"),
    ("sync_runs", "finished_at"),
    ("conversations", "history_read_at"),
    ("conversation_ledger", "checked_at"),
    ("conversation_states", "valid_from"),
)


def rows(engine: Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def begin_at(engine: Engine, at: datetime, outcome: Outcome = Outcome.COMPLETE, **selected: Any) -> Run:
    """Write a run down that began then by the clock of its time."""
    selection = Selection(**selected)
    run = Run(1, selection.kind, selection.chosen(), started_at=at, outcome=outcome)
    journal.open_run(engine, run)
    journal.close_run(engine, run)
    return run


def an_account(engine: Engine) -> None:
    rows(engine, "INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'http://x') RETURNING 1")


def shift(engine: Engine, by: timedelta) -> None:
    """Have everything so far been noted by a clock that was ahead."""
    for table, column in NOTED:
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE helpdesk.{table} SET {column} = {column} + :by"), {"by": by})


def test_a_run_counts_by_the_monotonic_clock_from_when_the_database_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 12.5, 3_610.0])
    monkeypatch.setattr(time, "clock_gettime", lambda _: next(ticks))
    begun = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # the clock goes back in Jerusalem half an hour later
    own = Clock(begun)
    assert [own.now() - begun for _ in range(2)] == [timedelta(seconds=2.5), timedelta(hours=1)]


@pytest.mark.parametrize("ahead", [timedelta(seconds=2), timedelta(days=400)], ids=str)
def test_states_follow_each_other_where_the_clock_went_back(engine: Engine, ahead: timedelta) -> None:
    account = account_of(2)
    with job(account, engine) as etl:
        assert etl.run().outcome == "complete"
        at = clock.now(engine)
        for number, status_now in enumerate(["pending", "resolved"]):
            # The run before was ahead, and what it noted lies in the future of this one.
            with engine.begin() as connection:
                connection.execute(
                    text("UPDATE helpdesk.conversations SET status = :one WHERE id = 1"), {"one": status_now}
                )
                conversations.save_states(connection, 1, [1], at + ahead * (2 - number))
        account.conversations[1].status = "snoozed"
        account.conversations[1].updated_at = now() + 5.0
        assert etl.run().outcome == "complete"
    assert rows(engine, STATES) == [
        (1, "open", False, None), (1, "pending", False, True), (1, "resolved", False, True), (1, "snoozed", True, True),
        (2, "open", True, None),
    ]  # fmt: skip


@pytest.mark.long
def test_after_nights_by_a_clock_a_year_ahead_the_states_are_those_of_now(engine: Engine) -> None:
    account = account_of(2)
    with job(account, engine) as etl:
        etl.run()
        shift(engine, YEAR)
        account.conversations[1].status = "resolved"
        account.conversations[1].updated_at = now() + 5.0
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.conversations SET status = 'pending' WHERE id = 1"))
            conversations.save_states(connection, 1, [1], clock.now(engine) + YEAR)
        run = etl.run()
        assert run.outcome == "complete"
    assert rows(engine, STATES) == [
        (1, "open", False, None), (1, "pending", False, True), (1, "resolved", True, True), (2, "open", True, None),
    ]  # fmt: skip
    late = (
        "SELECT max(valid_from) FROM helpdesk.conversation_states WHERE valid_from >= :begun AND status <> 'resolved'"
    )
    assert rows(engine, late, begun=run.started_at) == [(None,)]
    assert rows(engine, "SELECT max(history_read_at) < now() FROM helpdesk.conversations") == [(True,)]


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("conversations", "history_read_at", "(account_id, id, history_read_at) VALUES (1, 1, :ahead)"),
        (
            "conversation_ledger",
            "checked_at",
            "(account_id, conversation_id, state, checked_at) VALUES (1, 1, 'deleted', :ahead)",
        ),
        (
            "field_changes",
            "seen_at",
            "(account_id, entity, entity_id, field, seen_at) VALUES (1, 'contact', 1, 'name', :ahead)",
        ),
    ],
)
def test_what_a_clock_has_noted_that_was_set_ahead_while_a_run_went_on_is_set_right(
    engine: Engine, table: str, column: str, row: str
) -> None:
    an_account(engine)
    at = clock.now(engine)
    begin_at(engine, at - timedelta(days=1))
    rows(engine, f"INSERT INTO helpdesk.{table} {row} RETURNING 1", ahead=at + YEAR)
    run = begin_at(engine, at)
    assert rows(engine, f"SELECT {column} <= :begun FROM helpdesk.{table}", begun=run.started_at) == [(True,)]


@pytest.mark.long
def test_a_backfill_takes_no_reading_for_its_own_that_a_clock_ahead_has_noted(engine: Engine) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        shift(engine, timedelta(hours=1))
        etl.run(Selection(kind="backfill"))
        assert etl.asked()[1] == [1, 2, 3]


def patrolled(etl: Job) -> list[int]:
    run = etl.run(patrol_percent=100)
    assert run.outcome == "complete", run.problems
    return etl.asked()[1]


@pytest.mark.long
def test_a_patrol_goes_its_round_after_a_night_by_a_clock_ahead(engine: Engine) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        shift(engine, YEAR)
        rows(engine, "UPDATE helpdesk.conversations SET history_read_at = now() - interval '20 days' RETURNING 1")
        assert patrolled(etl) == [1, 2, 3]


@pytest.mark.parametrize(
    ("begun", "counts"),
    [
        ([-9, -5], -5),
        ([-9, 300], -9),
        ([-9, 3, -5], -5),
        ([-9, -2, -5], -5),
        ([300], None),
        ([-3, -4000], -4000),
    ],
    ids=str,
)  # fmt: skip
def test_the_last_complete_run_is_the_last_one_whose_begin_can_be_true(
    engine: Engine, begun: list[int], counts: int | None
) -> None:
    an_account(engine)
    at = clock.now(engine)
    for days in begun:
        begin_at(engine, at + timedelta(days=days))
    expected = None if counts is None else at + timedelta(days=counts)
    assert earlier_runs.last_complete_start(engine, 1) == expected


def test_one_that_followed_and_did_not_complete_tells_too_that_the_clock_was_ahead(engine: Engine) -> None:
    an_account(engine)
    at = clock.now(engine)
    begin_at(engine, at - timedelta(days=9))
    begin_at(engine, at - timedelta(days=1))
    begin_at(engine, at - timedelta(days=6), Outcome.FAILED)
    assert earlier_runs.last_complete_start(engine, 1) == at - timedelta(days=9)


@pytest.mark.long
def test_a_recent_run_reads_what_has_changed_since_the_night_before_the_clock_was_ahead(engine: Engine) -> None:
    account = account_of(60)
    with job(account, engine) as etl:
        etl.run()
        shift(engine, YEAR)
        run = etl.run(Selection(recent=True))
        assert notes_of(run) == ["No run was complete yet, so everything was read, and not only what is recent."]


def test_a_backfill_that_was_stopped_by_a_clock_ahead_is_begun_anew(engine: Engine) -> None:
    an_account(engine)
    at = clock.now(engine)
    begin_at(engine, at + timedelta(hours=2), Outcome.INTERRUPTED, kind="backfill")
    run = Run(1, "backfill", None, started_at=at)
    journal.open_run(engine, run)
    assert earlier_runs.resumed_from(engine, run) == at


def test_a_standing_whose_last_run_lies_in_the_future_is_a_fault_and_no_age_is_negative(engine: Engine) -> None:
    an_account(engine)
    begin_at(engine, clock.now(engine) + YEAR)
    (standing,) = run_history.standings(engine, [1])
    verdict = status.judge(standing, clock.now(engine), timedelta(hours=26))
    assert (verdict.ok, verdict.said) == (False, "account 1: no complete run yet")
    assert rows(engine, "SELECT data_as_of, data_age_hours FROM bi.sync_health") == [(None, None)]


def test_a_run_takes_no_time_below_nothing() -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    assert Run(1, "sync", started_at=begun, finished_at=begun - YEAR).seconds == 0


def test_memberships_of_the_future_become_ones_of_just_before_now_in_their_order(engine: Engine) -> None:
    an_account(engine)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    ahead = [datetime.now(UTC) + YEAR + timedelta(days=day) for day in range(3)]
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO helpdesk.agents (account_id, id) VALUES (1, 1), (1, 2)"))
        connection.execute(text("INSERT INTO helpdesk.teams (account_id, id) VALUES (1, 7)"))
        for agent, begin, end in ((1, began, ahead[0]), (1, ahead[1], ahead[2]), (2, ahead[0], None)):
            connection.execute(
                text("INSERT INTO helpdesk.team_members VALUES (1, 7, :agent, :begin, :end)"),
                {"agent": agent, "begin": begin, "end": end},
            )
    begin_at(engine, ahead[2])
    begin_at(engine, datetime.now(UTC))
    found = rows(
        engine,
        "SELECT agent_id, valid_from = :began, valid_from < now(), valid_to < now(), valid_to > valid_from"
        " FROM helpdesk.team_members ORDER BY agent_id, valid_from",
        began=began,
    )
    assert found == [(1, True, True, True, True), (1, False, True, True, True), (2, False, True, None, None)]
