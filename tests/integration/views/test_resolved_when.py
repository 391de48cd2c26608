"""When a conversation was resolved that a run saw resolved: what its messages and activities tell of it."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, insert, text

from etl.database.states import ConversationState
from etl.load import upsert
from etl.views import schema
from tests.integration.views.written_rows import Row, at, message, state

HOUR = 3600


Found = list[tuple[object, ...]]


FIRST_SEEN = at(25, 22)


def openings(engine: Engine, messages: list[Row], states: list[Row], first_synced_at: datetime = FIRST_SEEN) -> Found:
    """Return number, resolution and seconds of each opening of conversation 1, which began on the 25th at 8:00."""
    begun = {"id": 1, "created_at": at(25, 8), "first_synced_at": first_synced_at}
    tables: dict[str, list[Row]] = {
        "accounts": [{"base_url": "https://vendor.example"}],
        "agents": [{"id": 1}],
        "inboxes": [{"id": 1}],
        "conversations": [begun],
        "messages": messages,
    }
    with engine.begin() as connection:
        upsert.save(connection, {name: [{"account_id": 1} | row for row in rows] for name, rows in tables.items()})
        for one in states:
            connection.execute(insert(ConversationState).values(account_id=1, **one))
    with engine.begin() as connection:
        schema.refresh(connection, everything=True)
    query = "SELECT opening, resolved_at, resolution_seconds FROM bi.resolutions ORDER BY 1"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def waits(engine: Engine) -> Found:
    query = "SELECT question_message_id, reply_seconds, is_resolved_unanswered FROM bi.reply_times ORDER BY 1"
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


RUN = """
    INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://vendor.example');
    INSERT INTO helpdesk.sync_runs (account_id, kind, outcome, started_at, finished_at, host, process_id)
    VALUES (1, 'sync', 'complete', '2025-03-26 21:58Z', '2025-03-26 22:01Z', 'h', 1)
"""
SEEN_OPEN = state(1, at(25, 22), at(26, 22), "open")
SEEN_RESOLVED = state(1, at(26, 22), None, "resolved")


def test_an_activity_from_before_a_run_saw_it_open_is_another_one(engine: Engine) -> None:
    found = openings(engine, [message(100, at(25, 9), "activity")], [SEEN_OPEN, SEEN_RESOLVED])
    assert found == [(1, at(25, 22) + timedelta(microseconds=1), 14 * HOUR)]


def test_an_activity_from_before_the_contacts_last_message_is_another_one(engine: Engine) -> None:
    messages = [
        message(100, at(25, 8), "incoming"),
        message(101, at(25, 9), "activity"),
        message(102, at(25, 10), "outgoing", ("user", 1)),
        message(103, at(25, 11), "incoming"),  # would have reopened it
        message(104, at(25, 12), "outgoing", ("agent_bot", 1)),
    ]
    assert openings(engine, messages, [SEEN_RESOLVED]) == [(1, at(25, 12), 4 * HOUR)]
    assert waits(engine) == [(100, 2 * HOUR, False), (103, None, True)]


def test_a_message_in_the_second_of_the_resolution_is_from_before_it(engine: Engine) -> None:
    messages = [message(100, at(25, 9), "incoming"), message(101, at(25, 9), "activity")]
    assert openings(engine, messages, [SEEN_RESOLVED]) == [(1, at(25, 9), HOUR)]
    assert waits(engine) == [(100, None, True)]


def test_a_message_that_reopened_it_while_the_run_was_reading_began_the_next_opening(engine: Engine) -> None:
    messages = [
        message(100, at(25, 8), "incoming"),
        message(101, at(25, 9), "outgoing", ("user", 1)),
        message(102, at(26, 21, 59), "activity"),  # resolved
        message(103, at(26, 21, 59, 50), "incoming"),  # "thanks!"
        message(104, at(27, 9, 59, 50), "outgoing", ("user", 1)),
    ]
    states = [SEEN_RESOLVED | {"valid_to": at(27, 22)}, state(1, at(27, 22), None, "open")]
    with engine.begin() as connection:
        connection.exec_driver_sql(RUN)
    assert openings(engine, messages, states) == [(1, at(26, 21, 59), 38 * HOUR - 60), (2, None, None)]
    assert waits(engine) == [(100, HOUR, False), (103, 12 * HOUR, False)]


def test_a_clock_of_the_vendors_that_is_ahead_makes_no_negative_time(engine: Engine) -> None:
    asked = message(100, at(25, 8), "incoming", first_synced_at=at(25, 7, 59))
    assert openings(engine, [asked], [state(1, at(25, 7, 59), None, "resolved")], at(25, 7, 59)) == [
        (1, at(25, 7, 59), 0)
    ]
