"""What is odd in a page that waits for the writer is the matter of that page, and of no other one."""

from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from etl.errors import BadValue, DatabaseError
from etl.load.journal import Run
from etl.privacy import forget
from etl.privacy.rules import Way
from etl.run.writer import Writer
from etl.transform.batch import Batch
from etl.transform.rows import add_history, add_survey_response, close_history, to_batch
from tests.integration.run.test_joined import NOON, begun

DANA, OMER = {"id": 7, "name": "Dana"}, {"id": 8, "name": "Omer"}
REFUSE = """
    CREATE FUNCTION helpdesk.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 3 THEN RAISE EXCEPTION 'no more of this'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON helpdesk.conversations
        FOR EACH ROW EXECUTE FUNCTION helpdesk.refuse();
"""


def message(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "content": "hello", "message_type": 0, "private": False, "created_at": NOON} | fields


def page(run: Run, number: int, contact: dict[str, Any] = DANA, *history: dict[str, Any]) -> Batch:
    """Return a conversation with its history, which is one message of ten times its number if none is given."""
    meta = {"sender": contact, "channel": "Channel::Api"}
    payload = {"id": number, "status": "open", "created_at": NOON, "inbox_id": 1, "meta": meta, "labels": []}
    batch = to_batch(run.account_id, [payload])
    add_history(batch, number, history or [message(number * 10)])
    close_history(batch, number, run.clock.now())
    return batch


def save_together(engine: Engine, run: Run, batches: Sequence[Batch]) -> None:
    """Save the first one, and then what waited for that."""
    began, all_wait = Event(), Event()

    def guard(_: Connection) -> None:
        began.set()
        all_wait.wait()

    with Writer(engine, run, lambda: None, Way("keep")) as writer:
        writer.kept.guard = guard
        writer.begin(batches[0])
        began.wait()
        for batch in batches[1:]:
            writer.begin(batch)
        all_wait.set()
        writer.finish()


def save_in_turn(engine: Engine, run: Run, batches: Sequence[Batch]) -> None:
    with Writer(engine, run, lambda: None, Way("keep")) as writer:
        for batch in batches:
            writer.save(batch)


def of(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


WAYS = pytest.mark.parametrize("save", [save_in_turn, save_together])


@WAYS
def test_a_survey_response_of_no_conversation_may_wait_behind_a_page(engine: Engine, save: Any) -> None:
    run = begun(engine, 1)
    surveys = Batch(1)
    add_survey_response(surveys, {"id": 4, "rating": 5, "contact": DANA})
    save(engine, run, [page(run, 1), page(run, 2), surveys, page(run, 3)])
    assert of(engine, "SELECT id FROM helpdesk.csat_responses") == [4]
    assert list(run.tally.seen) == [1, 2, 3]


@WAYS
def test_pages_before_one_of_which_no_rows_can_be_made_are_saved(engine: Engine, save: Any) -> None:
    run = begun(engine, 1)
    broken = page(run, 3)
    del broken.rows["messages"][30,]["partial"]
    with pytest.raises(KeyError):
        save(engine, run, [page(run, 1), page(run, 2), broken, page(run, 4)])
    assert of(engine, "SELECT id FROM helpdesk.conversations ORDER BY id") == [1, 2]
    assert list(run.tally.seen) == [1, 2]


@WAYS
def test_a_page_that_cannot_be_joined_is_saved_before_one_of_which_no_rows_can_be_made(
    engine: Engine, save: Any
) -> None:
    run = begun(engine, 1)
    odd, broken = page(run, 3), page(run, 5)
    odd.reject("label", None, BadValue("is missing"), 3)
    del broken.rows["messages"][50,]["partial"]
    with pytest.raises(KeyError):
        save(engine, run, [page(run, 1), page(run, 2), odd, page(run, 4), broken])
    assert of(engine, "SELECT id FROM helpdesk.conversations ORDER BY id") == [1, 2, 3, 4]
    assert list(run.tally.seen) == [1, 2, 3, 4]


def with_omer_forgotten(engine: Engine) -> Run:
    """Have three conversations stored, of Dana, Omer and Dana, and Omer forgotten."""
    run = begun(engine, 1)
    stored = [page(run, 1, DANA, message(10, source_id="wamid.1")), page(run, 2, OMER), page(run, 3, DANA, message(30))]
    save_in_turn(engine, run, stored)
    forget.forget(engine, 1, [8])
    return run


@WAYS
def test_a_message_that_comes_with_a_conversation_to_somebody_forgotten_loses_what_was_stored_of_it(
    engine: Engine, save: Any
) -> None:
    run = with_omer_forgotten(engine)
    came = page(run, 3, OMER, message(30), message(10))
    save(engine, run, [page(run, 4), page(run, 5), came])
    assert of(engine, "SELECT source_id FROM helpdesk.messages WHERE id = 10 AND conversation_id = 3") == [None]
    assert of(engine, "SELECT content FROM helpdesk.messages WHERE content IS NOT NULL ORDER BY id") == ["hello"] * 2


@WAYS
def test_what_a_conversation_that_comes_to_somebody_forgotten_had_and_no_longer_has_is_emptied(
    engine: Engine, save: Any
) -> None:
    run = with_omer_forgotten(engine)
    save_in_turn(engine, run, [page(run, 3, DANA, message(30), message(31, source_id="wamid.31"))])
    save(engine, run, [page(run, 4), page(run, 5), page(run, 3, OMER), page(run, 6)])
    assert of(engine, "SELECT content FROM helpdesk.messages WHERE id IN (30, 31)") == [None, None]
    assert of(engine, "SELECT source_id FROM helpdesk.messages WHERE id = 31") == [None]


@WAYS
def test_a_conversation_that_comes_to_somebody_forgotten_stays_as_it_is_where_that_is_refused(
    engine: Engine, save: Any
) -> None:
    run = with_omer_forgotten(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE)
    with pytest.raises(DatabaseError):
        save(engine, run, [page(run, 4), page(run, 5), page(run, 3, OMER)])
    assert of(engine, "SELECT id FROM helpdesk.conversations ORDER BY id") == [1, 2, 3, 4, 5]
    assert of(engine, "SELECT content FROM helpdesk.messages WHERE id = 30") == ["hello"]


def test_what_cannot_be_compared_with_a_page_that_waits_ends_the_run_instead_of_holding_it_up(engine: Engine) -> None:
    """It is a fault of ours, whatever it is: nobody may wait for what nobody saves."""
    run = begun(engine, 1)
    broken = Batch(1)
    broken.add("csat_responses", {"id": 4, "conversation_id": [2]})
    with pytest.raises(TypeError):
        save_together(engine, run, [page(run, 1), page(run, 2), broken, page(run, 3)])
    assert of(engine, "SELECT id FROM helpdesk.conversations") == [1]
    assert list(run.tally.seen) == [1]
