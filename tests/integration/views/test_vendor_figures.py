"""What the vendor's own events change of figures, and what they do not."""

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.integration.views.told_account import Rows, Told, tell, utc

EVENT = """
    INSERT INTO helpdesk.reporting_events (account_id, id, name, conversation_id, event_end_time, created_at, user_id)
    VALUES (1, :id, :name, :conversation, :at, :at, :user)
"""


class WithEvents:
    """An account of which the vendor's events are told, too."""

    def __init__(self, told: Told) -> None:
        self.told, self.last = told, 0

    def wrote_down(self, conversation: int | None, *events: tuple[str, str, int | None]) -> None:
        """Tell of events: (when, name without `conversation_`, on whom); they are read to the end of the year."""
        for moment, what, user in events:
            self.last += 1
            name = what if what in {"first_response", "reply_time"} else f"conversation_{what}"
            self.told.do(EVENT, id=self.last, name=name, conversation=conversation, at=utc(moment), user=user)
        self.told.do("UPDATE helpdesk.conversations SET events_read_at = '2026-12-31' WHERE id = :id", id=conversation)
        self.told.compute()

    def resolved(self, conversation: int = 1) -> Rows:
        """Return opening, resolved_at, resolved_by, agent, owner_kind."""
        return self.told.rows(
            "SELECT opening, resolved_at, resolved_by, agent_id, owner_kind FROM bi.resolutions"
            " WHERE conversation_id = :id ORDER BY opening",
            id=conversation,
        )


@pytest.fixture
def vendor(engine: Engine) -> WithEvents:
    """An account of which nothing is told yet."""
    return WithEvents(tell(engine))


def test_what_was_bounded_becomes_exact_and_an_opening_that_was_exact_stays(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:20", "Ann"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    assert vendor.resolved() == [(1, utc("03-02 09:20"), "seen", 1, "agent")]
    vendor.wrote_down(1, ("03-02 09:20", "first_response", 1), ("03-02 18:00", "resolved", 2))
    assert vendor.resolved() == [(1, utc("03-02 18:00"), "vendor", 2, "agent")]
    assert told.waits() == [(101, 1200, False)]


def test_an_activity_before_the_contact_returns_is_no_resolution_where_the_vendor_wrote_none_down(
    vendor: WithEvents,
) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"), ("03-02 09:30", "act"), ("03-02 16:00", "in"))
    told.wrote(1, ("03-02 16:30", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    assert len(told.openings()) == 2
    vendor.wrote_down(1, ("03-02 09:10", "first_response", 1), ("03-02 16:29:58", "resolved", 1))
    assert told.openings() == [(1, utc("03-02 09:00"), utc("03-02 16:29:58"), 26998)]


def test_as_long_as_its_events_are_not_read_again_the_activity_counts_as_before(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"))
    vendor.wrote_down(1, ("03-02 09:10", "first_response", 1))
    told.do("UPDATE helpdesk.conversations SET events_read_at = '2026-03-02 09:35Z'")
    told.wrote(1, ("03-02 09:30", "act"), ("03-02 16:00", "in"))
    told.saw("03-03 02:00", (1, "open", 1))
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800), (2, utc("03-02 16:00"), None, None),
    ]  # fmt: skip


def test_what_is_written_down_twice_or_after_the_thanks_that_reopened_counts_once(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"), ("03-02 09:30:01", "act"), ("03-02 10:00", "in"))
    told.saw("03-03 02:00", (1, "open", 1))
    twice = ("03-02 09:30", "resolved", 1)
    vendor.wrote_down(1, twice, ("03-02 09:30", "bot_resolved", 1), twice, ("03-02 10:00:01", "opened", 1))
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800), (2, utc("03-02 10:00"), None, None),
    ]  # fmt: skip


def test_who_opens_again_by_hand_does_so_when_the_vendor_says(vendor: WithEvents) -> None:
    """Opened and resolved again between two runs, by an automation, without any activity."""
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"), ("03-02 09:30", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    told.saw("03-10 02:00")
    turns = [("03-02 09:30", "resolved", 1), ("03-05 12:00", "opened", 2), ("03-05 13:00", "resolved", 2)]
    vendor.wrote_down(1, *turns)
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800), (2, utc("03-05 12:00"), utc("03-05 13:00"), 3600),
    ]  # fmt: skip
    opened_by = "SELECT kind, source, at FROM bi.conversation_events WHERE kind <> 'assigned' ORDER BY number"
    assert told.rows(opened_by) == [
        ("opened", "vendor", utc("03-02 09:00")),
        ("resolved", "vendor", utc("03-02 09:30")),
        ("reopened", "vendor", utc("03-05 12:00")),
        ("resolved", "vendor", utc("03-05 13:00")),
    ]


@pytest.mark.parametrize(
    ("seen", "what", "openings"),
    [
        ("open", ("03-03 02:00:20", "resolved", 1), [("03-02 09:00", "03-03 02:00:20")]),
        ("resolved", ("03-03 02:00:20", "opened", 1), [("03-02 09:00", "03-02 18:00"), ("03-03 02:00:20", None)]),
    ],
    ids=["resolved", "opened"],
)
def test_a_run_that_looked_before_what_happened_while_it_read_changes_nothing(
    vendor: WithEvents, seen: str, what: tuple[str, str, int], openings: list[tuple[str, Any]]
) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"))
    told.saw("03-03 02:00:30", (1, seen, 1))
    told.do("UPDATE helpdesk.sync_runs SET started_at = '2026-03-03 02:00Z'")
    before = [("03-02 18:00", "resolved", 1)] if what[1] == "opened" else []
    vendor.wrote_down(1, *before, what)
    wanted = [(utc(since), until and utc(until)) for since, until in openings]
    assert [row[1:3] for row in told.openings()] == wanted


def test_a_resolution_on_nobody_is_the_bots_to_which_a_run_saw_it_assigned(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:01", "bot"))
    bot = {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    told.saw("03-03 02:00", (1, "resolved", None, bot))
    vendor.wrote_down(1, ("03-02 12:00", "resolved", None), ("03-02 12:00", "bot_resolved", None))
    assert vendor.resolved() == [(1, utc("03-02 12:00"), "vendor", None, "bot")]
    assert told.rows("SELECT bot_resolutions FROM bi.daily_volume WHERE day = '2026-03-02'") == [(1,)]


def test_an_agent_whom_nobody_knows_any_more_owns_it_by_number(vendor: WithEvents) -> None:
    vendor.told.conversation(1, "03-02 09:00")
    vendor.told.saw("03-03 02:00", (1, "resolved", 1))
    vendor.wrote_down(1, ("03-02 12:00", "resolved", 77))
    assert vendor.resolved() == [(1, utc("03-02 12:00"), "vendor", 77, "agent")]


def test_the_first_hand_off_by_a_bot_is_told_once_and_exactly(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    bot = {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    told.saw("03-02 10:00", (1, "pending", None, bot))
    told.saw("03-03 02:00", (1, "open", 1))
    handed_off = "SELECT source, at, not_before, agent_id FROM bi.conversation_events WHERE kind = 'handed_off'"
    assert told.rows(handed_off) == [("seen", utc("03-03 02:00"), utc("03-02 10:00"), 1)]
    vendor.wrote_down(1, ("03-02 15:00", "bot_handoff", None))
    assert told.rows(handed_off) == [("vendor", utc("03-02 15:00"), utc("03-02 15:00"), None)]


def test_a_reply_whose_author_is_not_told_any_more_was_a_persons_where_the_vendor_counted_one(
    vendor: WithEvents,
) -> None:
    """A first response is booked on who wrote it, the others on who was assigned: of these the author stays unknown."""
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "somebody"), ("03-02 11:00", "in"))
    told.wrote(1, ("03-02 11:05", "somebody"), ("03-02 12:00", "in"), ("03-02 12:30", "somebody"))
    told.saw("03-03 02:00", (1, "open", 1))
    assert told.waits() == [(101, None, None)]
    vendor.wrote_down(1, ("03-02 09:10:00.7", "first_response", 2), ("03-02 11:05", "reply_time", 1))
    assert told.waits() == [(101, 600, False), (103, 300, False), (105, None, None)]
    assert told.rows("SELECT agent_id FROM bi.reply_times ORDER BY waiting_since") == [(2,), (None,), (None,)]


def test_a_note_that_old_servers_took_for_a_first_response_is_none(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:05", "note"), ("03-02 09:30", "Bob"))
    told.saw("03-03 02:00", (1, "open", 1))
    vendor.wrote_down(1, ("03-02 09:05", "first_response", 1))
    assert told.waits() == [(101, 1800, False)]


def test_an_event_before_the_conversation_began_and_one_that_is_nobodys_count_for_nothing(vendor: WithEvents) -> None:
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.saw("03-03 02:00", (1, "open", 1))
    before = told.openings()
    vendor.wrote_down(1, ("03-01 09:00", "resolved", 1))
    vendor.wrote_down(None, ("03-02 12:00", "resolved", 1))
    assert told.openings() == before
    told.do("UPDATE helpdesk.reporting_events SET conversation_id = 1")
    told.compute()
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 12:00"), 10800), (2, utc("03-03 02:00"), None, None),
    ]  # fmt: skip
    told.do("DELETE FROM helpdesk.reporting_events")
    told.compute()
    assert told.openings() == before


@pytest.mark.parametrize(
    ("written", "was"),
    [
        ([("01-02 09:00", "in"), ("01-02 09:20", "Ann")], "01-02 09:20"),
        ([("01-02 09:00", "in"), ("01-02 09:20", "Ann"), ("01-02 10:00", "act")], "01-02 10:00"),
        ([], "01-02 09:00"),
    ],
    ids=["bounded", "told", "not known"],
)
def test_an_event_of_months_after_a_run_saw_it_resolved_is_of_another_resolution(
    vendor: WithEvents, written: list[tuple[str, str]], was: str
) -> None:
    """The server writes events only since its update; opened again by hand, and resolved, between two runs."""
    told = vendor.told
    told.conversation(1, "01-02 09:00")
    told.wrote(1, *written)
    told.saw("01-03 02:00", (1, "resolved", 1))
    told.saw("02-04 02:00")
    before = vendor.resolved()
    vendor.wrote_down(1, ("03-05 12:30", "reply_time", 2), ("03-05 13:00", "resolved", 2))
    told.saw("03-06 02:00")
    assert vendor.resolved() == before == [(1, utc(was), "seen", 1, "agent")]


def test_what_a_run_saw_by_a_clock_that_was_behind_is_when_the_vendor_says(vendor: WithEvents) -> None:
    vendor.told.conversation(1, "01-02 09:00")
    vendor.told.saw("01-02 12:00", (1, "resolved", 1))
    vendor.wrote_down(1, ("01-02 12:04", "resolved", 2))
    assert vendor.resolved() == [(1, utc("01-02 12:04"), "vendor", 2, "agent")]


def test_of_one_resolution_that_is_booked_on_somebody_and_on_nobody_somebodys_counts(vendor: WithEvents) -> None:
    vendor.told.conversation(1, "03-02 09:00")
    vendor.told.saw("03-03 02:00", (1, "resolved", 1))
    at = "03-02 15:00"
    vendor.wrote_down(1, (at, "resolved", None), (at, "bot_resolved", 2), (at, "resolved", 2), (at, "resolved", None))
    assert vendor.resolved() == [(1, utc(at), "vendor", 2, "agent")]


def test_a_hand_off_from_before_the_conversation_began_is_none(vendor: WithEvents) -> None:
    vendor.told.conversation(1, "03-02 09:00")
    vendor.told.saw("03-03 02:00", (1, "open", 1))
    vendor.wrote_down(1, ("01-02 15:00", "bot_handoff", None), ("03-02 15:00", "bot_handoff", 1))
    handed_off = "SELECT at, agent_id FROM bi.conversation_events WHERE kind = 'handed_off'"
    assert vendor.told.rows(handed_off) == [(utc("03-02 15:00"), 1)]


def test_a_message_while_a_run_read_that_found_it_open_again_reopened_it_and_not_the_end_of_that_run(
    vendor: WithEvents,
) -> None:
    """A run may take an hour, and what it finds as the run before it did is noted when it ends."""
    told = vendor.told
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"))
    told.saw("03-03 02:00", (1, "open", 1))
    told.wrote(1, ("03-04 02:20", "in"), ("03-04 02:40", "in"), ("03-04 09:20", "Ann"))
    told.saw("03-04 02:00", minutes=60)
    told.saw("03-05 02:00")
    vendor.wrote_down(1, ("03-03 12:00", "resolved", 1))
    assert [row[:2] for row in told.openings()] == [(1, utc("03-02 09:00")), (2, utc("03-04 02:20"))]
    assert told.waits() == [(101, 600, False), (103, 7 * 3600, False)]
