"""The patrol: each night some histories are read again, the oldest reading first, so that no copy gets too old."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, delete_message, edit_message
from etl.demo.server import Answer, Request
from etl.selection import Selection
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, empty_account, job, server_fault, walking_job

NEWEST, OLD = "2026", "2.14"
OPEN = "SELECT id FROM conversations WHERE mark IS NULL"
CONTENT = "SELECT content FROM messages WHERE id = :number"


def pass_(etl: Job, **time: float) -> None:
    """Let time pass: everything that was read and run was so much earlier."""
    ago = text("SELECT make_interval(secs => :secs)").bindparams(secs=timedelta(**time).total_seconds())
    with etl.engine.begin() as connection:
        by = {"by": connection.scalar(ago)}
        for table, column in (("conversations", "history_read_at"), ("sync_runs", "started_at")):
            connection.execute(text(f"UPDATE helpdesk.{table} SET {column} = {column} - CAST(:by AS interval)"), by)


def read_in(etl: Job, **settings: Any) -> list[int]:
    """Run once; return the conversations whose history was read."""
    assert etl.run(**settings).outcome == "complete"
    return etl.asked()[1]


@pytest.mark.long
def test_each_night_the_oldest_readings_are_made_anew_until_all_were(engine: Engine) -> None:
    with job(account_of(30), engine, behaviour=NEWEST) as etl:
        first = read_in(etl, patrol_percent=20)
        nights = []
        for _ in range(5):
            pass_(etl, days=1)
            nights.append(read_in(etl, patrol_percent=20))
        assert [len(night) for night in nights] == [6] * 5
        assert sorted(one for night in nights for one in night) == first == list(range(1, 31))
        # Then it begins anew with those of the first night.
        pass_(etl, days=1)
        assert read_in(etl, patrol_percent=20) == nights[0]


@pytest.mark.long
def test_without_being_told_it_reads_two_percent_a_night(engine: Engine) -> None:
    with job(account_of(120, messages=1), engine) as etl:
        etl.run()
        pass_(etl, days=1)
        quiet = etl.run(patrol_percent=0).tally.requests
        pass_(etl, days=1)
        run = etl.run()
        assert (len(etl.asked()[1]), run.tally.requests) == (3, quiet + 3)
        assert run.tally.counts["messages"]["updated"] == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("hours", "number"),
    [
        (0, 0),  # what was read within half a day is not old
        (11, 0),
        (13, 11),  # 20 % a day of a hundred
        (24, 20),
        (24 * 9, 20),  # a holiday is not made up for in one night
    ],
)
def test_it_reads_as_much_a_day_however_often_the_job_runs(engine: Engine, hours: int, number: int) -> None:
    with job(account_of(100, messages=1), engine) as etl:
        etl.run()
        pass_(etl, hours=hours)
        assert len(read_in(etl, patrol_percent=20)) == number


@pytest.mark.parametrize(
    ("selection", "settings"),
    [
        (Selection(), {"patrol_percent": 0}),
        (Selection(recent=True), {}),
        (Selection(conversations=(5,)), {}),
        (Selection(), {"messages": "listed"}),
    ],
)
def test_who_asks_for_something_else_gets_no_patrol(
    engine: Engine, selection: Selection, settings: dict[str, Any]
) -> None:
    with job(account_of(30, messages=1), engine) as etl:
        etl.run()
        pass_(etl, days=2)
        etl.run(selection, **settings)
        assert etl.asked()[1] == []


@pytest.mark.long
def test_what_was_done_to_an_old_message_without_moving_a_clock_is_found_in_its_turn(engine: Engine) -> None:
    account = account_of(10)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        edit_message(account, 1, 2, LONG_AGO + 900 * DAY, content="edited")
        delete_message(account, 10, 29, LONG_AGO + 900 * DAY)
        del account.conversations[5].messages[0]
        for _ in range(10):
            pass_(etl, days=1)
            etl.run(patrol_percent=10)
        assert etl.rows(CONTENT, number=2) == [("edited",)]
        assert etl.rows("SELECT deleted FROM messages WHERE id = 29") == [(True,)]
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL") == [(13,)]
        assert etl.rows(OPEN) == []


@pytest.mark.long
def test_a_quiet_patrol_writes_when_it_read_and_nothing_else(engine: Engine) -> None:
    versions = "SELECT id, xmin::text, changed_at FROM messages UNION ALL SELECT id, '', changed_at FROM conversations"
    with job(account_of(30), engine) as etl:
        etl.run()
        pass_(etl, days=1)
        before = sorted(etl.rows(versions))
        assert len(read_in(etl, patrol_percent=20)) == 6
        assert sorted(etl.rows(versions)) == before
        since = datetime.now(UTC) - timedelta(hours=1)
        assert etl.rows("SELECT count(*) FROM conversations WHERE history_read_at > :since", since=since) == [(6,)]


@pytest.mark.long
def test_a_list_that_comes_as_before_does_not_hide_what_the_patrol_changed(engine: Engine) -> None:
    account = account_of(3)
    meanwhile: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        # After the pages, and before the patrol: no list ever shows it.
        if meanwhile and request.path.endswith("/csat_survey_responses"):
            edit_message(account, 2, 6, LONG_AGO + 900 * DAY, content="for a moment")
        return answer

    with walking_job(account, engine, change=change, behaviour=NEWEST) as etl:
        etl.run()
        pass_(etl, days=1)
        meanwhile.append(True)
        etl.run(patrol_percent=100)
        assert etl.rows(CONTENT, number=6) == [("for a moment",)]
        meanwhile.clear()
        edit_message(account, 2, 6, LONG_AGO + 900 * DAY, content="message 2 of 2 🙂")
        etl.run()
        assert etl.rows(CONTENT, number=6) == [("message 2 of 2 🙂",)]


@pytest.mark.long
def test_those_that_cannot_be_seen_any_more_keep_no_others_waiting(engine: Engine) -> None:
    account = account_of(10)
    with job(account, engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE helpdesk.conversations SET history_read_at = '2020-01-01' WHERE id <= 3"),
            )
    for number in (1, 2, 3):
        account.conversations[number].inbox_id = 1
    for number in range(4, 11):
        account.conversations[number].inbox_id = 2
    with job(account, engine, hidden_inboxes=frozenset({1})) as etl:
        pass_(etl, days=1)
        etl.run(patrol_percent=40)
        assert etl.asked()[1]
        assert not {1, 2, 3} & set(etl.asked()[1])


def test_a_history_that_cannot_be_read_in_its_turn_is_said_and_stays_the_oldest(engine: Engine) -> None:
    broken = [True]

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if broken and request.path.endswith("/messages") else answer

    with job(account_of(5), engine, change=change) as etl:
        broken.clear()
        etl.run()
        pass_(etl, days=1)
        broken.append(True)
        run = etl.run(patrol_percent=20)
        assert run.outcome == "incomplete"
        assert run.problems[0].startswith("1 histories could not be read completely; the next run tries again. The fi")
        asked = set(etl.asked()[1])
        broken.clear()
        pass_(etl, days=1)
        assert set(read_in(etl, patrol_percent=20)) == asked


# Before 2.16


def with_a_lost_message() -> Account:
    """Return an account whose conversation 1 has 41 messages, of which walking back loses 21: imported, years old."""
    account = empty_account()
    add_conversation(account, 1, 1, LONG_AGO)
    for number in range(1, 42):
        at = LONG_AGO - 1_000 * DAY if number == 21 else LONG_AGO + number * 60
        add_message(account, 1, f"message {number}", LONG_AGO, created_at=at)
    return account


def searched(etl: Job) -> bool:
    return any(request.path.endswith("/search") for request in etl.vendor.requests)


@pytest.mark.long
def test_walking_back_that_gives_everything_that_is_held_needs_no_witness(engine: Engine) -> None:
    account = account_of(2, messages=45)
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        edit_message(account, 1, 2, LONG_AGO + 900 * DAY, content="edited")
        pass_(etl, days=1)
        assert set(read_in(etl, patrol_percent=100)) == {1, 2}
        assert not searched(etl)
        assert etl.rows(CONTENT, number=2) == [("edited",)]
        pass_(etl, hours=13)
        assert len(set(read_in(etl, patrol_percent=50))) == 1


@pytest.mark.long
def test_what_walking_back_loses_is_asked_for_with_the_witness(engine: Engine) -> None:
    account = with_a_lost_message()
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        edit_message(account, 1, 21, LONG_AGO + 900 * DAY, content="edited")
        pass_(etl, days=1)
        run = etl.run(patrol_percent=100)
        assert (run.outcome, searched(etl), etl.rows(OPEN)) == ("complete", True, [])
        assert etl.rows(CONTENT, number=21) == [("edited",)]
        assert etl.rows("SELECT history_read_at > now() - interval '1 hour' FROM conversations") == [(True,)]


@pytest.mark.long
def test_sync_health_says_how_old_the_oldest_copy_is(engine: Engine) -> None:
    health = "SELECT oldest_history_read_at FROM bi.sync_health"
    with job(account_of(5), engine) as etl:
        etl.run()
        oldest = "SELECT min(history_read_at) FROM conversations"
        assert etl.rows(health) == etl.rows(oldest)
        pass_(etl, days=3)
        assert etl.rows(health) == etl.rows(oldest)
        read_in(etl, patrol_percent=100)
        ((read,),) = etl.rows(health)
        assert read > datetime.now(UTC) - timedelta(hours=1)
        # One that was never read whole counts from when it was first seen; one that is gone counts no more.
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.conversations SET history_read_at = NULL WHERE id = 1"))
            connection.execute(text("UPDATE helpdesk.conversations SET first_synced_at = '2020-01-01'"))
        assert etl.rows(health) == [(datetime(2020, 1, 1, tzinfo=UTC),)]
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.conversations SET deleted_at = now() WHERE id = 1"))
        assert etl.rows(health) == etl.rows(f"{oldest} WHERE id > 1")
