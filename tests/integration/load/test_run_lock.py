"""The lock of a run: who has it, what goes on without it, and what is no run any more."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from etl.database.engine import make_engine
from etl.demo.server import Answer, Request
from etl.errors import AnotherRun, DatabaseError
from etl.exit_codes import Outcome
from etl.load import clock, journal, run_lock
from etl.load.journal import Run
from etl.load.run_lock import hold
from etl.monitoring import run_history
from etl.views import grants
from etl.workers.scheduler import has_begun
from tests.databases import execute
from tests.roles import as_role, new_role
from tests.scripted_account import account_of, job
from tests.waits import LONGEST, wait_until

HOLDERS = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def other(database_url: str) -> Iterator[Engine]:
    """Another process's engine."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def rows(engine: Engine, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(statement), values)]


def end(engine: Engine, pids: str = HOLDERS) -> None:
    """Have PostgreSQL end sessions, and wait until they are gone."""
    rows(engine, f"SELECT pg_terminate_backend(pid) FROM ({pids}) AS its")
    wait_until(lambda: not rows(engine, pids))


def an_open_run(engine: Engine, kind: str = "sync") -> Run:
    run = Run(1, kind)
    rows(
        engine,
        "INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'http://x') RETURNING 1",
    )
    journal.open_run(engine, run)
    return run


def at_each_request(act: Any) -> Any:
    """Have something done while a history is asked for: once, by the first."""
    done = threading.Event()

    def change(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/messages") and not done.is_set():
            done.set()
            act()
        return answer

    return change


# Who has it.


def test_the_second_one_names_the_run_that_goes_on(engine: Engine, other: Engine) -> None:
    with hold(engine, 1):
        run = an_open_run(engine)
        said = rf"^Run {run.run_id} of account 1 is going on since 20.* UTC \(process \d+ on .+\)"
        with pytest.raises(AnotherRun, match=said), hold(other, 1):
            pass


def test_one_that_is_about_to_write_its_run_down_is_waited_for(engine: Engine, other: Engine) -> None:
    waited: list[float] = []

    def begin_meanwhile(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            an_open_run(engine)

    with hold(engine, 1), pytest.raises(AnotherRun, match=r"^Run 1 of"), hold(other, 1, begin_meanwhile):
        pass
    assert len(waited) == 3


def test_one_that_has_just_been_killed_is_waited_for_and_the_lock_is_taken(engine: Engine, other: Engine) -> None:
    with hold(engine, 1), hold(other, 1, lambda _: end(other)):
        assert len(rows(other, HOLDERS)) == 1


def test_a_lock_of_nobodys_run_is_no_other_run_and_it_is_said_whose_it_is(engine: Engine, other: Engine) -> None:
    """As on a session that a pooler has kept, or while the tables are rewritten."""
    waited: list[float] = []
    with hold(engine, 1):
        ((pid,),) = rows(engine, HOLDERS)
        with pytest.raises(DatabaseError) as said, hold(other, 1, waited.append):
            pass
    assert not isinstance(said.value, AnotherRun)
    assert f"Session {pid} of PostgreSQL at " in str(said.value)
    assert " (etl, from this machine, connected since 20" in str(said.value)
    assert str(said.value).endswith(f"end that session: SELECT pg_terminate_backend({pid})")
    assert 4.9 < sum(waited) < 5.1


def test_a_run_that_was_killed_is_not_named_for_a_lock_that_somebody_else_has_left_on_a_session(
    engine: Engine, other: Engine
) -> None:
    run = an_open_run(engine)
    with engine.connect() as orphan:
        orphan.execute(text("SELECT pg_advisory_lock(hashtextextended('etl sync 1', 0))"))
        with (
            pytest.raises(DatabaseError, match="and no run of it is known to go on") as said,
            hold(other, 1, lambda _: None),
        ):
            pass
    assert not isinstance(said.value, AnotherRun)
    assert run.run_id == 1


def test_a_lock_that_a_reader_has_taken_is_no_run_whatever_its_statements_say(
    engine: Engine, other: Engine, database_url: str
) -> None:
    """Anybody in the database may take it, and write what the session of a run writes."""
    an_open_run(engine)
    with new_role(database_url, "reader") as role:
        reader = make_engine(as_role(database_url, role))
        with reader.connect() as connection:
            connection.execute(
                text("/* lock of account 1 */ SELECT pg_advisory_lock(hashtextextended('etl sync 1', 0))")
            )
            with pytest.raises(DatabaseError, match=r"^Session \d+ .* no run of it is known") as said:
                hold(other, 1, lambda _: None).__enter__()
            assert not isinstance(said.value, AnotherRun)
            assert (shown(engine)[1], shown(engine)[3:]) == (
                "interrupted", (("interrupted", False), [("interrupted",)], False),
            )  # fmt: skip
        reader.dispose()


def test_whoever_is_not_answered_the_lock_of_its_own_session_begins_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a proxy has one server answer one connection, and another one the next."""
    an_open_run(engine)
    monkeypatch.setattr(run_lock.RunLock, "_holders", lambda *_: [])
    with pytest.raises(DatabaseError, match="shows no lock of this run"), hold(engine, 1):
        pass
    assert rows(engine, "SELECT outcome FROM helpdesk.sync_runs") == [("running",)]
    wait_until(lambda: rows(engine, HOLDERS) == [])


# It is lost.


def test_a_run_that_loses_its_lock_fails_though_nothing_else_is_amiss(engine: Engine, other: Engine) -> None:
    with job(account_of(3), engine, change=at_each_request(lambda: end(other))) as etl:
        run = etl.run()
    assert run.outcome == "failed"
    assert run.problems[0].startswith("The lock of this run was lost with its connection. PostgreSQL at ")
    assert rows(engine, "SELECT outcome, finished_at IS NOT NULL FROM helpdesk.sync_runs") == [("failed", True)]


def test_what_another_run_has_read_since_is_not_overwritten_by_one_that_does_not_know_that_its_lock_is_lost(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock.RunLock, "check", lambda _: None)
    account = account_of(3)

    def overtake() -> None:
        end(other)
        with hold(other, 1):
            account.conversations[2].status = "resolved"
            rows(
                other,
                "INSERT INTO helpdesk.conversations (account_id, id, status) VALUES (1, 2, 'resolved') RETURNING 1",
            )

    with job(account, engine, change=at_each_request(overtake)) as etl:
        run = etl.run()
    assert run.outcome == "failed"
    assert run.problems[0] == "Run 1 lost its lock, and another one has begun since. What it saved until then stays."
    assert rows(engine, "SELECT id, status FROM helpdesk.conversations") == [(2, "resolved")]
    assert rows(engine, "SELECT outcome FROM helpdesk.sync_runs") == [("interrupted",)]


def test_what_another_run_has_read_since_is_not_marked_as_deleted_by_the_ledger_of_one_whose_lock_is_lost(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For as long as the lock's session is not touched, the run does not know that another one has begun."""
    monkeypatch.setattr(run_lock.RunLock, "check", lambda _: None)
    account, overtaken = account_of(3), threading.Event()
    del account.conversations[2]

    def overtake(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/conversations/2") and not overtaken.is_set():
            overtaken.set()
            end(other)
            with hold(other, 1):
                rows(other, "INSERT INTO helpdesk.conversations (account_id, id) VALUES (1, 2) RETURNING 1")
        return answer

    with job(account, engine, change=overtake) as etl:
        run = etl.run()
    assert overtaken.is_set()
    assert (run.outcome, set(run.problems)) == ("failed", {journal.CLOSED.format(1)})
    assert rows(engine, "SELECT id FROM helpdesk.conversations WHERE deleted_at IS NOT NULL") == []
    assert rows(engine, "SELECT conversation_id FROM helpdesk.conversation_ledger") == []


def test_one_that_is_overtaken_before_it_is_written_down_reads_nothing(engine: Engine, other: Engine) -> None:
    """Whoever takes the lock closes what is in the journal: this run comes into it afterwards, and seems to be open."""
    overtaken = threading.Event()

    @event.listens_for(engine, "before_cursor_execute")
    def overtake(*execution: Any) -> None:
        if "INSERT INTO helpdesk.sync_runs" in execution[2] and not overtaken.is_set():
            overtaken.set()
            end(other)
            with hold(other, 1):
                pass

    with job(account_of(3), engine) as etl:
        run = etl.run()
        asked = etl.vendor.requests
    assert overtaken.is_set()
    assert (run.outcome, rows(engine, "SELECT id FROM helpdesk.conversations")) == ("failed", [])
    assert asked == []


def test_one_that_was_overtaken_is_not_closed_as_complete(engine: Engine, other: Engine) -> None:
    with hold(engine, 1):
        run = an_open_run(engine)
        end(other)
        with hold(other, 1):
            pass
    run.outcome = Outcome.COMPLETE
    journal.close_run(engine, run)
    assert (run.outcome, run.problems) == (Outcome.FAILED, [journal.CLOSED.format(1)])
    assert rows(engine, "SELECT outcome FROM helpdesk.sync_runs") == [("interrupted",)]


def test_a_lost_lock_stays_lost_although_its_connection_would_come_back(engine: Engine, other: Engine) -> None:
    with hold(engine, 1) as lock:
        end(other)
        for _ in range(3):
            with pytest.raises(DatabaseError, match="lost with its connection"):
                lock.check()


def test_a_lock_that_is_let_go_leaves_its_session_closed(engine: Engine) -> None:
    with hold(engine, 1):
        ((pid,),) = rows(engine, HOLDERS)
    wait_until(lambda: rows(engine, "SELECT pid FROM pg_stat_activity WHERE pid = :pid", pid=pid) == [])


# Silence.


def test_the_session_of_a_lock_is_touched_whatever_the_run_waits_for(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many times in the longest silence that PostgreSQL allows it here, which is over before the answer comes."""
    touched = threading.Semaphore(0)
    looking = run_lock.RunLock._look
    monkeypatch.setattr(run_lock, "SECONDS_BETWEEN_TOUCHES", 0.1)
    monkeypatch.setattr(run_lock, "LONGEST_SILENCE", "1500ms")

    def look(lock: run_lock.RunLock) -> str:
        said = looking(lock)
        touched.release()
        return said

    monkeypatch.setattr(run_lock.RunLock, "_look", look)

    def wait_for_touches() -> None:
        for _ in range(20):  # longer than it may be silent
            assert touched.acquire(timeout=LONGEST)

    with job(account_of(2), engine, change=at_each_request(wait_for_touches)) as etl:
        assert etl.run().outcome == "complete"


@pytest.mark.long
def test_a_session_that_is_not_touched_loses_its_lock(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of a process which is suspended, or whose machine is gone and whose proxy is not."""
    monkeypatch.setattr(run_lock, "LONGEST_SILENCE", "1s")
    with hold(engine, 1) as lock:
        wait_until(lambda: rows(other, HOLDERS) == [])
        with pytest.raises(DatabaseError, match=r"idle-session timeout\. It took this process for gone"):
            lock.check()


@pytest.mark.long
def test_a_limit_of_the_role_on_silence_ends_no_session_of_ours(database_url: str, engine: Engine) -> None:
    name = engine.url.database
    execute(database_url, f"ALTER DATABASE {name} SET idle_session_timeout = '300ms'")  # a session may begin slowly
    mine = make_engine(database_url)
    with mine.connect() as connection:
        assert connection.scalar(text("SHOW idle_session_timeout")) == "0"
    with hold(mine, 1), engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(0.6)"))
    mine.dispose()


def test_when_it_is_found_out_that_a_lock_is_lost_the_run_need_not_ask(
    engine: Engine, other: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "SECONDS_BETWEEN_TOUCHES", 0.02)
    told: list[DatabaseError] = []
    with hold(engine, 1, when_lost=told.append):
        end(other)
        wait_until(lambda: bool(told))
    assert "lost with its connection" in str(told[0])


# What is no run any more.

MOMENT = datetime.now(UTC) - timedelta(hours=1)


def shown(engine: Engine) -> tuple[Any, ...]:
    """Return how a run is told: by the list, by itself, by the metrics, by the account's standing, by the view."""
    (standing,) = run_history.standings(engine, [1])
    return (
        [row.outcome for row in run_history.last_runs(engine, 5)],
        run_history.find_run(engine, 1).outcome,
        [row.outcome for row in run_history.last_of_each_kind(engine, 1)],
        (standing.under_way.outcome, standing.is_alive),
        rows(engine, "SELECT last_run_outcome FROM bi.sync_health"),
        has_begun(engine, 1, "full", (MOMENT, clock.now(engine))),
    )


def test_a_run_counts_as_running_everywhere_as_long_as_its_lock_is_held_and_no_longer(
    engine: Engine, other: Engine
) -> None:
    with hold(other, 1), hold(other, 2):
        an_open_run(engine)
        assert shown(engine) == (["running"], "running", [], ("running", True), [("running",)], True)
    with hold(other, 2):  # the lock of another account is none of its
        killed = ("interrupted", "interrupted")
        assert shown(engine) == ([killed[0]], killed[1], ["interrupted"], ("interrupted", False), [killed[:1]], False)


def test_a_reader_of_the_views_is_shown_that_a_run_goes_on(engine: Engine, other: Engine, database_url: str) -> None:
    """What the view asks of the lock takes no right in the schema of the tables."""
    with new_role(database_url, "reader") as role, hold(other, 1):
        an_open_run(engine)
        grants.grant(engine, role, with_personal_data=False)
        reader = make_engine(as_role(database_url, role))
        assert rows(reader, "SELECT last_run_outcome FROM bi.sync_health") == [("running",)]
        reader.dispose()


def test_the_lock_of_another_database_is_none_of_its(engine: Engine, server_url: str) -> None:
    an_open_run(engine)
    elsewhere = make_engine(server_url.replace("postgresql://", "postgresql+psycopg://"))
    with elsewhere.connect() as connection:
        take = "SELECT pg_advisory_lock(hashtextextended('etl sync 1', 0))"
        connection.execute(text(take))
        assert not has_begun(engine, 1, "full", (MOMENT, clock.now(engine)))
    elsewhere.dispose()


def test_a_lock_number_of_any_sign_is_found(engine: Engine) -> None:
    for account_id in range(1, 9):
        with hold(engine, account_id):

            def held(connection: Connection, number: int = account_id) -> Any:
                from sqlalchemy import literal, select

                return connection.scalar(select(run_lock.is_held(literal(number))))

            with engine.begin() as connection:
                assert held(connection)
