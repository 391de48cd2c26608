"""Batches wait for the writer, and nobody who reads waits for the database: the tables are as if all came in turn."""

import signal
from collections.abc import Iterator
from typing import Any, Self

import orjson
import pytest
from sqlalchemy import Connection, Engine, text

from etl.database.engine import make_engine, transaction
from etl.demo.server import Answer, Request, json_answer
from etl.errors import DatabaseError
from etl.interrupt import Interrupt
from etl.load import journal, upsert
from etl.load.journal import Run
from etl.load.tally import Tally
from etl.privacy.rules import Way
from etl.run.writer import Writer
from etl.transform.batch import Batch
from tests.integration.run.truth import assert_equal
from tests.scripted_account import Change, account_of, job

# Whoever holds this lets no batch begin to be saved.
HOLD = "SELECT FROM helpdesk.sync_runs WHERE outcome = 'running' FOR UPDATE"
REFUSE = """
    CREATE FUNCTION helpdesk.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 23 THEN RAISE EXCEPTION 'no more of this'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON helpdesk.conversations
        FOR EACH ROW EXECUTE FUNCTION helpdesk.refuse();
"""

REFUSE_AT_COMMIT = """
    CREATE FUNCTION helpdesk.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 23 THEN RAISE EXCEPTION 'no more of this'; END IF; RETURN NEW; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON helpdesk.conversations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION helpdesk.refuse();
"""


@pytest.fixture
def held(engine: Engine) -> Iterator[Connection]:
    """A session of somebody else's."""
    another = make_engine(engine.url.render_as_string(hide_password=False))
    with another.connect() as connection:
        yield connection
        connection.rollback()
    another.dispose()


def nothing_saved_until(asked: str, held: Connection, change: Change = lambda _, answer: answer) -> Change:
    """Hold the tables from the first page of the first walk on until a path, or a page of a status, is asked for."""

    def changed(request: Request, answer: Answer) -> Answer:
        path = request.path.partition("/accounts/1/")[2]
        if path == "conversations" and request.first("status") == "open" and request.first("page") == "1" and not began:
            began.append(True)
            held.execute(text(HOLD))
        if asked in {path, f"{request.first('status')} {request.first('page')}"}:
            held.rollback()
        return change(request, answer)

    began: list[bool] = []
    return changed


def with_plan(plans: dict[str, str]) -> Change:
    """Show conversation 100 with attributes on some of the open pages; on those where it is not, in addition."""

    def changed(request: Request, answer: Answer) -> Answer:
        page = request.first("page") if request.first("status") == "open" else None
        if page not in {"1", *plans}:
            return answer
        value: Any = orjson.loads(answer.body)
        if page == "1":
            shown.update(value["data"]["payload"][0])
        if page not in plans:
            return answer
        others = [one for one in value["data"]["payload"] if one["id"] != 100]
        value["data"]["payload"] = [shown | {"custom_attributes": {"plan": plans[page]}}, *others]
        return json_answer(value)

    shown: dict[str, Any] = {}
    return changed


@pytest.mark.long
def test_histories_are_read_on_while_nothing_can_be_saved(engine: Engine, held: Connection) -> None:
    account = account_of(100)
    # Of page 13, which waits for room in the queue; were reading to wait, nobody would ask for it.
    change = nothing_saved_until("conversations/38/messages", held)
    with job(account, engine, change, page_size=5) as etl:
        run = etl.run()
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.asked() == (21 + 3, list(range(1, 101)))
        assert_equal(etl, account)
    assert run.tally.counts == {
        "conversations": {"seen": 100, "inserted": 100, "updated": 0, "unchanged": 0},
        "messages": {"seen": 300, "inserted": 300, "updated": 0, "unchanged": 0},
        # Both of them with each page, and once as the list has those that can be reached.
        "contacts": {"seen": 41, "inserted": 2, "updated": 1, "unchanged": 38},
        "attachments": {"seen": 0, "inserted": 0, "updated": 0, "unchanged": 0},
    }
    assert set(run.tally.seen) == set(range(1, 101))


def test_a_page_that_cannot_be_saved_ends_the_run_and_those_behind_it_are_not_saved_either(
    engine: Engine, held: Connection
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE)
    change = nothing_saved_until("conversations/38/messages", held)
    with job(account_of(100), engine, change, page_size=5) as etl:
        run = etl.run()
        assert run.outcome == "failed"
        assert [said.partition(": ")[2] for said in run.problems] == ["no more of this."]
        saved = [number for (number,) in etl.rows("SELECT id FROM conversations ORDER BY id")]
        assert saved == list(range(26, 101))
        assert etl.rows("SELECT count(*) FROM messages") == [(3 * 75,)]
        assert list(run.tally.seen) == saved
        assert run.tally.counts["conversations"] == {"seen": 75, "inserted": 75, "updated": 0, "unchanged": 0}
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse ON helpdesk.conversations")
        assert etl.run().outcome == "complete"
        assert etl.asked()[1] == list(range(1, 26))


@pytest.mark.long
def test_where_the_commit_of_joined_pages_fails_none_of_them_is_told_as_saved(engine: Engine, held: Connection) -> None:
    """Whether a commit that failed is there all the same, nobody knows: nothing is tried again, and nothing claimed."""
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE_AT_COMMIT)
    account = account_of(100)
    with job(account, engine, nothing_saved_until("conversations/38/messages", held), page_size=5) as etl:
        run = etl.run()
        assert (run.outcome, [said.partition(": ")[2] for said in run.problems]) == ("failed", ["no more of this."])
        saved = [number for (number,) in etl.rows("SELECT id FROM conversations ORDER BY id")]
        assert list(run.tally.seen) == saved
        counted = {"seen": len(saved), "inserted": len(saved), "updated": 0, "unchanged": 0}
        assert run.tally.counts["conversations"] == counted
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse ON helpdesk.conversations")
        assert etl.run().outcome == "complete"
        assert_equal(etl, account)


@pytest.mark.long
def test_of_a_conversation_on_several_pages_that_wait_to_be_saved_the_newest_is_kept_and_its_history_read_once(
    engine: Engine, held: Connection
) -> None:
    change = nothing_saved_until("conversations/38/messages", held, with_plan({"3": "silver", "6": "gold"}))
    with job(account_of(100), engine, change, page_size=5) as etl:
        assert etl.run().outcome == "complete"
        assert etl.asked()[1] == list(range(1, 101))
        assert etl.rows("SELECT id, custom_attributes FROM conversations WHERE custom_attributes <> '{}'") == [
            (100, {"plan": "gold"})
        ]
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = 100") == [(3,)]


@pytest.mark.long
def test_a_conversation_that_is_again_as_stored_is_not_left_as_a_page_that_waits_to_be_saved_has_it(
    engine: Engine, held: Connection
) -> None:
    account = account_of(100)
    with job(account, engine, page_size=5) as etl:
        etl.run()
    change = with_plan({"1": "for a moment"})

    def moved_back(request: Request, answer: Answer) -> Answer:
        """Show it on page 3 as it is."""
        page = request.first("page") if request.first("status") == "open" else None
        if page == "1":
            as_it_is.append(orjson.loads(answer.body)["data"]["payload"][0])
        if page == "3":
            value = orjson.loads(answer.body)
            value["data"]["payload"].insert(0, as_it_is[0])
            return json_answer(value)
        return change(request, answer)

    as_it_is: list[Any] = []
    with job(account, engine, nothing_saved_until("open 21", held, moved_back), page_size=5) as etl:
        assert etl.run().outcome == "complete"
        assert_equal(etl, account)


def test_a_run_that_is_asked_to_stop_leaves_what_waits_to_be_saved_to_the_next_one(
    engine: Engine, held: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupt, "asked", False)
    account = account_of(100)

    def stopped(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("conversations/38/messages"):
            signal.raise_signal(signal.SIGTERM)  # Python has the main thread hear it
        return answer

    # Of page 13: twelve wait by then.
    change = nothing_saved_until("conversations/38/messages", held, stopped)
    with job(account, engine, change, page_size=5) as etl:
        run = etl.run()
        assert run.outcome == "interrupted"
        saved = [number for (number,) in etl.rows("SELECT id FROM conversations ORDER BY id DESC")]
        # As many of those that waited as are saved within a second, and no other.
        assert saved == list(range(100, 100 - len(saved), -1))
        assert 5 <= len(saved) <= 60
        assert etl.rows("SELECT count(*) FROM messages") == [(3 * len(saved),)]
        assert sorted(run.tally.seen, reverse=True) == saved
        Interrupt.asked = False
    with job(account, engine, page_size=5) as etl:
        assert etl.run().outcome == "complete"
        assert etl.asked()[1] == list(range(1, 101 - len(saved)))
        assert_equal(etl, account)


def save_all(engine: Engine, run: Run, batches: list[Batch]) -> None:
    with Writer(engine, run, lambda: None, Way("keep")) as writer:
        for batch in batches:
            writer.begin(batch)
        writer.finish()


class Startled(Tally):
    """A tally at which a signal that ends the run arrives as soon as the first batch is added."""

    startled = False

    def __iadd__(self, other: Self) -> Self:
        super().__iadd__(other)
        if not self.startled:
            self.startled = True
            raise DatabaseError("another batch could not be saved")
        return self


def test_what_ends_a_run_while_a_batch_is_counted_has_it_counted_once(engine: Engine) -> None:
    run = Run(1, "sync", None, tally=Startled())
    with transaction(engine) as connection:
        upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "http://127.0.0.1"}]})
        journal.begin(run, connection)
    batches = [Batch(1), Batch(1)]
    for number, batch in enumerate(batches, start=1):
        batch.unchanged = [number]
    with pytest.raises(DatabaseError):
        save_all(engine, run, batches)
    assert run.tally.counts["conversations"] == {"seen": 2, "inserted": 0, "updated": 0, "unchanged": 2}


def test_no_run_ends_well_with_a_batch_that_could_not_be_saved_and_that_nobody_has_waited_for(engine: Engine) -> None:
    batch = Batch(1)
    batch.refer("contacts", 7)  # of an account that is not there
    with pytest.raises(DatabaseError), Writer(engine, Run(1, "sync", None), lambda: None, Way("keep")) as writer:
        writer.begin(batch)


def test_what_ends_a_run_is_raised_once_and_no_longer_when_the_run_is_closed() -> None:
    """The alarm of each second would raise it a second time, out of whatever tells it."""
    interrupt, failed = Interrupt(), DatabaseError("another batch could not be saved")

    def check() -> None:
        raise failed

    with pytest.raises(DatabaseError), interrupt.looking(check):
        interrupt.each_second()
    interrupt.each_second()
