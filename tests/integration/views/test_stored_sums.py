"""What the wide views rest on is stored, and computed anew for whatever it was made of: stale, it would look right."""

from datetime import date

import pytest
from sqlalchemy import Engine

from tests.integration.views import told_account
from tests.integration.views.test_calendar import HOURS
from tests.integration.views.told_account import Rows, Told

PROMISE = """
    INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen)
    VALUES (1, 'First', '2026-01-01', 'first_reply', 300, 'business', 'not_known')
"""
MOVED = """
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    VALUES (1, 'conversation', 1, 'inbox_id', '2', '1', '2026-03-04Z')
"""
TOLD_LATE = """
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    VALUES (1, 'conversation', 1, 'inbox_id', NULL, '1', '2026-03-04Z'),
        (1, 'conversation', 1, 'inbox_id', '1', '2', '2026-03-05Z')
"""


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account with two conversations: asked on 2 March at 22:30 in UTC, which is the 3rd in Jerusalem."""
    told = told_account.tell(engine)
    told.do(PROMISE)
    told.do("INSERT INTO helpdesk.inboxes (account_id, id, name) VALUES (1, 2, 'Other')")
    told.do("INSERT INTO helpdesk.labels (account_id, title) VALUES (1, 'vip')")
    for number in (1, 2):
        told.conversation(number, "03-02 22:30")
        told.wrote(number, ("03-02 22:30", "in"), ("03-03 09:00", "Ann"))
    told.saw("03-03 10:00", (1, "open", 1), (2, "open", 1))
    return told


def levels(told: Told, columns: str) -> Rows:
    return told.rows(f"SELECT {columns} FROM bi.service_levels ORDER BY conversation_id")


def test_a_label_that_comes_or_goes_has_its_conversation_computed(told: Told) -> None:
    told.do("INSERT INTO helpdesk.conversation_labels (account_id, conversation_id, label) VALUES (1, 2, 'vip')")
    assert told.compute() == 1
    stored = "SELECT labels FROM helpdesk.obligations ORDER BY conversation_id, number"
    assert told.rows(stored) == [([],), ([],), (["vip"],), (["vip"],)]
    told.do("DELETE FROM helpdesk.conversation_labels")
    assert told.compute() == 1
    assert told.rows(stored) == [([],)] * 4


def test_that_it_was_in_another_inbox_has_a_conversation_computed_and_so_have_the_hours_of_that_one(told: Told) -> None:
    told.do(MOVED)
    assert told.compute() == 1
    assert levels(told, "conversation_id, inbox_id, elapsed_seconds") == [(1, 2, None), (2, 1, None)]
    told.do(
        "UPDATE helpdesk.inboxes SET working_hours_enabled = true, working_hours = CAST(:hours AS jsonb),"
        " timezone = 'UTC' WHERE id = 2",
        hours=HOURS,
    )
    assert told.compute() == 1
    assert levels(told, "conversation_id, inbox_id, elapsed_seconds") == [(1, 2, 0), (2, 1, None)]


def test_where_no_inbox_was_told_at_first_it_is_the_next_one_and_not_that_of_now(told: Told) -> None:
    told.do(TOLD_LATE)
    told.do("UPDATE helpdesk.conversations SET inbox_id = 2 WHERE id = 1")
    told.compute()
    stored = "SELECT DISTINCT is_inbox_known, inbox_id FROM helpdesk.obligations WHERE conversation_id = 1"
    assert told.rows(stored) == [(False, 1)]
    assert levels(told, "conversation_id, inbox_id, not_seen") == [
        (1, None, "inbox, team, priority, labels"),
        (2, 1, "team, priority, labels"),
    ]


def test_in_another_time_zone_what_is_owed_began_on_another_day(told: Told) -> None:
    assert levels(told, "began_on") == [(date(2026, 3, 3),)] * 2
    told.do("UPDATE helpdesk.accounts SET time_zone = 'UTC'")
    assert told.compute() == 2
    assert levels(told, "began_on") == [(date(2026, 3, 2),)] * 2
    assert told.compute() == 0


def test_what_no_run_has_counted_yet_is_not_known_and_not_nothing(told: Told) -> None:
    told.conversation(3, "03-03 12:00")
    told.wrote(3, ("03-03 12:00", "in"))
    columns = "questions, replies, resolutions, age_seconds, is_first_response_known"
    shown = f"SELECT {columns} FROM bi.conversation_metrics WHERE conversation_id = 3"
    assert told.rows(shown) == [(None,) * 5]
    told.saw("03-03 12:10", (3, "open", None))
    assert told.rows(shown) == [(1, 0, 0, 599, True)]


def test_what_has_held_for_seven_days_is_told_without_being_computed_again(told: Told) -> None:
    good = "SELECT is_first_contact_resolution_for_good FROM bi.conversation_metrics ORDER BY conversation_id"
    told.wrote(1, ("03-03 11:00", "act"))
    told.saw("03-03 12:00", (1, "resolved", 1))
    assert told.rows(good) == [(None,), (None,)]
    told.saw("03-10 10:59")
    assert told.rows(good) == [(None,), (None,)]
    told.saw("03-10 11:01")
    assert (told.rows(good), told.compute()) == ([(True,), (None,)], 0)
