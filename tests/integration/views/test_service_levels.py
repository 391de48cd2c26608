"""Whether replies and resolutions were in time, where a wrong answer would look right."""

import pytest
from sqlalchemy import Engine

from tests.integration.views import told_account
from tests.integration.views.told_account import Rows, Told

PROMISE = """
    INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen, priority)
    VALUES (1, :name, CAST(:day AS date), :what, :seconds, 'calendar', :unseen, CAST(:priority AS jsonb))
"""


@pytest.fixture
def told(engine: Engine) -> Told:
    return told_account.tell(engine)


def promise(
    told: Told, seconds: int = 300, day: str = "2026-01-01", priority: str | None = None, unseen: str = "not_known"
) -> None:
    """Promise first replies."""
    told.do(PROMISE, name="First", day=day, what="first_reply", seconds=seconds, priority=priority, unseen=unseen)


def levels(told: Told) -> Rows:
    return told.rows("""
        SELECT conversation_id, within_seconds, elapsed_seconds, result, is_running, not_seen
        FROM bi.service_levels ORDER BY conversation_id
    """)


def test_what_nobody_looked_at_since_is_not_breached(told: Told) -> None:
    promise(told)
    told.conversation(1, "03-02 10:00")
    told.wrote(1, ("03-02 10:00", "in"))
    told.saw("03-02 10:04", (1, "open", None))
    assert [row[:5] for row in levels(told)] == [(1, 300, 239, "running", True)]
    # One that is not complete may have missed the reply.
    told.saw("03-02 11:00", outcome="incomplete")
    assert [row[:5] for row in levels(told)] == [(1, 300, 239, "running", True)]
    told.saw("03-02 12:00")
    assert [row[:5] for row in levels(told)] == [(1, 300, 7199, "breached", True)]


def test_before_a_complete_run_nothing_that_goes_on_is_known(told: Told) -> None:
    promise(told)
    told.conversation(1, "03-02 10:00")
    told.wrote(1, ("03-02 10:00", "in"))
    told.saw("03-02 10:04", (1, "open", None), outcome="incomplete")
    assert [row[:5] for row in levels(told)] == [(1, 300, None, "not known", True)]


def test_resolving_a_question_does_not_answer_it(told: Told) -> None:
    promise(told)
    for number, resolved in ((1, "03-02 10:03"), (2, "03-02 10:30")):
        told.conversation(number, "03-02 10:00")
        told.wrote(number, ("03-02 10:00", "in"), (resolved, "act"))
    told.saw("03-02 11:00", (1, "resolved", None), (2, "resolved", None))
    assert [row[:5] for row in levels(told)] == [
        (1, 300, 180, "unanswered", False),
        (2, 300, 1800, "breached", False),
    ]


def test_each_has_the_target_of_its_day(told: Told) -> None:
    promise(told)
    promise(told, seconds=60, day="2026-03-03")
    # In Jerusalem the 3rd begins at 22:00.
    for number, asked in ((1, "03-02 21:59"), (2, "03-02 22:00")):
        told.conversation(number, asked)
        told.wrote(number, (asked, "in"), (asked + ":40", "Ann"))
    told.saw("03-03 11:00", (1, "open", None), (2, "open", None))
    assert [row[:5] for row in levels(told)] == [(1, 300, 40, "met", False), (2, 60, 40, "met", False)]


def test_a_priority_that_no_run_had_seen_is_not_guessed_unless_the_target_says_so(told: Told) -> None:
    promise(told, priority='["urgent"]')
    told.conversation(1, "03-02 10:00")
    told.wrote(1, ("03-02 10:00", "in"), ("03-02 10:02", "Ann"))
    told.saw("03-02 11:00", (1, "open", None, {"priority": "urgent"}))
    assert levels(told) == [(1, 300, 120, "not known", False, "team, priority, labels")]
    told.do("UPDATE helpdesk.targets SET unseen = 'as_next_seen'")
    assert levels(told) == [(1, 300, 120, "met", False, "team, priority, labels")]
    told.do("UPDATE helpdesk.targets SET priority = '[\"low\"]'")
    assert levels(told) == []
