"""One name means one thing: what a view counts by day is what the rows of another view add up to."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.databases import new_engine
from tests.integration.views import random_account
from tests.integration.views.told_account import Told, tell, utc
from tests.reference.sums import SUMS


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account of which nothing is told yet."""
    return tell(engine)


@pytest.fixture(scope="module", params=(1, 2))
def random_histories(server_url: str, template: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with an account in which anything happens."""
    with new_engine(server_url, template) as engine:
        random_account.write(engine, request.param)
        yield engine


@pytest.mark.parametrize("name", SUMS)
def test_two_views_agree(random_histories: Engine, name: str) -> None:
    with random_histories.connect() as connection:
        one, other = (connection.scalar(text(query)) for query in SUMS[name])
    assert one == other
    assert one > 0


def test_a_message_that_failed_is_neither_a_message_out_nor_a_reply(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.wrote(1, ("03-02 09:10", "Ann"), ("03-02 09:11", "template"), ("03-02 09:12", "bot"), status="failed")
    told.wrote(1, ("03-02 09:20", "Ann"))
    told.saw("03-03 02:00", (1, "open", 1))
    counts = "messages_in, messages_out, messages_failed, bot_messages"
    assert told.rows(f"SELECT {counts} FROM bi.daily_volume") == [(1, 1, 3, 0)]
    assert told.rows(f"SELECT {counts} FROM bi.conversations") == [(1, 1, 3, 0)]
    assert told.rows("SELECT replies, failed_replies, avg_first_response_seconds FROM bi.daily_agents") == [
        (1, 1, 1200)
    ]
    assert told.rows("SELECT message_id FROM bi.messages WHERE is_failed ORDER BY 1") == [(102,), (103,), (104,)]


def test_what_a_search_tells_of_a_message_to_the_contact_is_in_no_count_as_it_may_be_a_note(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"))
    told.do("UPDATE helpdesk.messages SET private = NULL, partial = true WHERE id = 102")
    told.compute()
    counts = "messages_in, messages_out, messages_failed, private_notes"
    for view in ("conversations", "daily_volume"):
        assert told.rows(f"SELECT {counts} FROM bi.{view}") == [(1, 0, 0, 0)]
    assert told.rows("SELECT direction, is_human_reply FROM bi.messages WHERE message_id = 102") == [(None, None)]


def test_what_is_dated_ahead_is_counted_when_it_was_first_seen_by_every_view(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.conversation(2, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:00", "in"))
    for row in ("messages WHERE id = 102", "conversations WHERE id = 2"):
        table, _, which = row.partition(" WHERE ")
        times = "created_at = '2099-01-01', first_synced_at = '2026-03-03 02:00+00'"
        told.do(f"UPDATE helpdesk.{table} SET {times} WHERE {which}")
    told.saw("03-03 02:00", (1, "open", 1), (2, "open", 1))
    told.saw("03-05 02:00")
    by_day = [("03-02", 1), ("03-03", 1)]
    days = "SELECT to_char(day, 'MM-DD'), sum({}) FROM bi.{} GROUP BY day ORDER BY day"
    for view in ("daily_volume", "traffic_heatmap"):
        for column in ("messages_in", "conversations_opened"):
            assert told.rows(days.format(column, view)) == by_day
    assert told.rows("SELECT sum(messages_in) FROM bi.conversations") == [(2,)]
    assert told.rows("SELECT sent_at FROM bi.messages ORDER BY 1") == [(utc("03-02 09:00"),), (utc("03-03 02:00"),)]
    assert told.rows("SELECT opened_at FROM bi.conversations WHERE conversation_id = 2") == [(utc("03-03 02:00"),)]
    assert told.rows("SELECT first_seen_at FROM bi.contacts") == [(utc("01-01 00:00"),)]
    assert told.rows("SELECT messages_dated_ahead FROM bi.sync_health") == [(1,)]
    assert told.rows(days.format("backlog", "daily_backlog")) == [("03-02", 1), ("03-03", 2), ("03-04", 2)]


def test_sync_health_tells_since_when_books_agree_and_what_the_last_verification_left(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    for day, ours, explained in (("03", 9, 1), ("04", 8, 1), ("05", 8, 2), ("06", 0, 0)):
        told.saw(f"03-{day} 02:00", (1, "open", 1))
        books = {"messages": {"vendor": 10, "ours": ours, "explained": explained}} if ours else None
        told.do(
            "UPDATE helpdesk.sync_runs SET books = CAST(:books AS jsonb) WHERE run_id = (SELECT max(run_id) FROM"
            " helpdesk.sync_runs)",
            books=books and json.dumps(books),
        )
    for number, (differing, repaired) in enumerate([(5, 5), (3, 1)], start=1):
        told.do(
            """INSERT INTO helpdesk.verifications (account_id, finished_at, conversations, messages, fields, unreadable,
                conversations_differing, messages_differing, repaired, confidence, messages_bound)
            VALUES (1, :at, 10, 100, 1000, 0, 1, :differing, :repaired, 0.95, 0.002)""",
            at=utc(f"03-0{number} 05:00"), differing=differing - 1, repaired=repaired,
        )  # fmt: skip
    query = (
        "SELECT books_agree_as_of, verified_at, messages_differing_at_most, rows_found_differing FROM bi.sync_health"
    )
    assert told.rows(query) == [(utc("03-05 01:59:59"), utc("03-02 05:00"), 0.002, 2)]


def test_a_rating_stays_with_who_was_assigned_when_it_was_asked_for(told: Told) -> None:
    told.conversation(1, "11-02 09:00", assignee_id=1)
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 10:00", "act"))
    told.wrote(
        1,
        ("11-02 10:01", "template"),
        content_attributes='{"submitted_values": {"csat_survey_response": {"rating": 1}}}',
    )
    told.do("UPDATE helpdesk.messages SET content_type = 'input_csat' WHERE id = 104")
    rating = "SELECT agent, owner_kind, rating, source, is_deleted FROM bi.csat"
    ann = [("Ann", "agent", 1, "message", False)]
    # No run has seen it otherwise than its record says.
    assert told.rows(rating) == ann
    told.saw("11-03 02:00", (1, "resolved", 1))
    assert told.rows(rating) == ann
    told.do("UPDATE helpdesk.conversations SET assignee_id = 2")
    told.saw("11-20 02:00", (1, "resolved", 2))
    assert told.rows(rating) == ann
    # In the list it is no second answer.
    told.do(
        "INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, message_id, rating, assigned_agent_id)"
        " VALUES (1, 1, 1, 104, 1, 1)"
    )
    assert told.rows(rating) == [("Ann", "agent", 1, "survey list", False)]


def test_a_wait_of_which_nothing_is_known_is_neither_over_nor_going_on(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "somebody"))
    told.conversation(2, "03-02 09:00")
    told.wrote(2, ("03-02 09:00", "in"))
    told.conversation(3, "03-02 09:00", deleted_at=utc("03-02 20:00"))
    told.wrote(3, ("03-02 09:00", "in"))
    told.saw("03-03 02:00", (1, "open", 1), (2, "open", 1))
    waits = "conversation_id, is_known, is_waiting, is_resolved_unanswered, is_deleted"
    assert told.rows(f"SELECT {waits} FROM bi.reply_times ORDER BY 1") == [
        (1, False, None, None, False),
        (2, True, True, False, False),
        (3, True, False, False, True),
    ]
    columns = "waiting_since, is_first_response_known, first_response_seconds"
    assert told.rows(f"SELECT {columns} FROM bi.conversations ORDER BY conversation_id") == [
        (None, False, None),
        (utc("03-02 09:00"), True, None),
        (None, True, None),
    ]


def test_what_happened_is_told_with_names(told: Told) -> None:
    told.conversation(1, "03-02 22:30")
    told.wrote(1, ("03-02 22:30", "in"))
    told.saw("03-03 02:00", (1, "open", None, {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}))
    told.saw("03-04 02:00", (1, "open", 2))
    told.wrote(1, ("03-04 09:00", "Bob"), ("03-04 09:30", "act"))
    told.saw("03-05 02:00", (1, "resolved", 2))
    columns = "number, to_char(day, 'MM-DD'), kind, source, agent, owner, owner_kind, inbox, message_id, is_deleted"
    assert told.rows(f"SELECT {columns} FROM bi.conversation_events ORDER BY 1") == [
        (1, "03-03", "opened", "vendor", None, None, None, "Website", None, False),
        (2, "03-04", "assigned", "seen", "Bob", "Bob", "agent", "Website", None, False),
        (3, "03-04", "handed_off", "seen", "Bob", "Bob", "agent", "Website", None, False),
        (4, "03-04", "resolved", "activity", "Bob", "Bob", "agent", "Website", 103, False),
    ]


def test_data_are_as_of_the_last_whole_run_that_was_complete_as_status_says(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    health = "SELECT data_as_of, stale_conversations, figures_computed_at IS NOT NULL FROM bi.sync_health"
    assert told.rows(health) == [(None, 1, False)]
    told.saw("03-03 02:00")
    told.saw("03-04 02:00", selection='{"recent": true}')
    told.saw("03-05 02:00", outcome="incomplete")
    told.saw("03-06 02:00", selection='{"status": ["open"]}')
    assert told.rows(f"{health}") == [(utc("03-04 01:59:59"), 0, True)]
    # Its clock was ahead of the one after it: nobody knows when it began.
    told.saw("03-10 02:00")
    told.saw("03-09 02:00", outcome="failed")
    assert told.rows(health) == [(utc("03-04 01:59:59"), 0, True)]
