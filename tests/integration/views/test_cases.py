"""Ordinary weeks in which figures told something that was not so."""

import pytest
from sqlalchemy import Engine

from tests.integration.views.told_account import Told, tell, utc

HOUR, DAY = 3600, 86400


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account of which nothing is told yet."""
    return tell(engine)


def test_what_was_said_of_a_resolution_before_the_first_run_stays_when_the_contact_comes_back(told: Told) -> None:
    told.conversation(1, "01-05 09:00")
    told.wrote(1, ("01-05 09:00", "in"), ("01-05 09:20", "Ann"))
    told.saw("11-22 02:00", (1, "resolved", 1))
    first = (1, utc("01-05 09:00"), utc("01-05 09:20"), 1200)
    assert told.openings() == [first]
    told.wrote(1, ("11-25 10:00", "in"))
    told.saw("11-26 02:00", (1, "open", 1))
    assert told.openings() == [first, (2, utc("11-25 10:00"), None, None)]
    bounds = "SELECT resolved_at_is, resolved_not_before, resolved_not_after FROM helpdesk.conversation_openings"
    assert told.rows(bounds) == [
        ("bounded", utc("01-05 09:00"), utc("11-22 02:00")), (None, None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("answered", [False, True])
def test_thanks_after_a_resolution_that_a_run_saw_reopen_it_although_no_run_saw_that(
    told: Told, answered: bool
) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"), ("03-02 09:30", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("03-03 10:00", "in"), *([("03-03 10:03", "Ann")] if answered else []), ("03-03 10:05", "act"))
    told.saw("03-04 02:00")
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800),
        (2, utc("03-03 10:00"), utc("03-03 10:05"), 300),
    ]
    assert told.waits() == [(101, 600, False), (104, 180 if answered else None, not answered)]
    assert told.rows("SELECT reopen_count FROM bi.conversations") == [(1,)]
    firsts = told.rows("SELECT opening, first_response_seconds FROM bi.first_responses ORDER BY 1")
    assert firsts == [(1, 600), (2, 180)][: 1 + answered]


def test_thanks_on_the_same_day_are_two_resolutions_although_a_run_saw_neither_of_the_two_changes(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:10", "Ann"), ("03-02 09:30", "act"), ("03-02 16:00", "in"))
    told.wrote(1, ("03-02 16:30", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800),
        (2, utc("03-02 16:00"), utc("03-02 16:30"), 1800),
    ]
    assert told.rows("SELECT resolved_by, agent_id FROM helpdesk.conversation_openings ORDER BY opening") == [
        ("inferred", 1), ("seen", 1),
    ]  # fmt: skip


def test_the_activity_by_which_a_server_says_that_a_message_reopened_it_is_no_resolution(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:00:02", "act"), ("03-02 09:10", "Ann"), ("03-02 09:30", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("03-03 10:00", "in"), ("03-03 10:00:01", "act"), ("03-03 10:05", "act"))
    told.saw("03-04 02:00")
    assert told.openings() == [
        (1, utc("03-02 09:00"), utc("03-02 09:30"), 1800),
        (2, utc("03-03 10:00"), utc("03-03 10:05"), 300),
    ]


def test_a_run_that_missed_conversations_confirms_nothing(told: Told) -> None:
    told.conversation(1, "03-01 09:00")
    told.wrote(1, ("03-01 09:00", "in"), ("03-01 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-02 02:00", (1, "open", 1))
    told.saw("03-03 02:00", outcome="incomplete", unaccounted=1)
    told.saw("03-04 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("03-01 09:00"), utc("03-02 10:00"), DAY + HOUR)]


def test_an_assignment_before_the_first_reply_is_no_resolution_when_the_contact_writes_on(told: Told) -> None:
    told.conversation(1, "03-02 10:09")
    told.wrote(1, ("03-02 10:09", "in"), ("03-02 10:12", "act"), ("03-02 10:13", "in"), ("03-02 10:29", "Ann"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("03-02 10:09"), utc("03-02 10:29"), 1200)]


def test_an_assignment_is_not_taken_for_the_resolution_of_a_bot(told: Told) -> None:
    told.conversation(1, "03-02 10:09")
    told.wrote(1, ("03-02 10:09", "in"), ("03-02 10:12", "act"), ("03-02 10:13", "Ann"), ("03-02 10:21", "in"))
    told.wrote(1, ("03-02 10:29", "Ann"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    first = (1, utc("03-02 10:09"), utc("03-02 10:29"), 1200)
    assert told.openings() == [first]
    told.wrote(1, ("03-05 10:00", "in"))
    told.saw("03-06 02:00", (1, "open", 1))
    assert told.openings() == [first, (2, utc("03-05 10:00"), None, None)]
    assert told.waits() == [(101, 240, False), (104, 480, False), (106, None, False)]
    assert told.rows("SELECT first_response_seconds, resolved_at, reopen_count FROM bi.conversations") == [
        (240, None, 1)
    ]


def test_a_label_from_before_a_later_run_saw_it_open_is_no_resolution(told: Told) -> None:
    told.conversation(1, "03-01 09:00")
    told.wrote(1, ("03-01 09:00", "in"), ("03-01 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-02 02:00", (1, "open", 1))
    told.saw("03-03 02:00")
    told.saw("03-04 02:00", (1, "resolved", 1))
    ((resolved_at, how, before, after),) = told.rows(
        "SELECT resolved_at, resolved_at_is, resolved_not_before, resolved_not_after FROM bi.resolutions"
    )
    assert utc("03-03 02:01") < before <= resolved_at <= after == utc("03-04 02:00")
    assert how == "bounded"


@pytest.mark.parametrize("outcome", ["failed", "interrupted"])
def test_a_run_that_did_not_end_confirms_nothing(told: Told, outcome: str) -> None:
    told.conversation(1, "03-01 09:00")
    told.wrote(1, ("03-01 09:00", "in"), ("03-01 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-02 02:00", (1, "open", 1))
    told.saw("03-03 02:00", outcome=outcome)
    told.saw("03-04 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("03-01 09:00"), utc("03-02 10:00"), DAY + HOUR)]


@pytest.mark.parametrize(
    ("selection", "seconds"),
    [('{"recent": true}', 2 * DAY - 7 * HOUR + 60), ('{"kind": "backfill", "since": "2026-01-01"}', DAY + HOUR)],
)
def test_what_is_recent_confirms_as_a_full_run_does_and_a_backfill_does_not(
    told: Told, selection: str, seconds: int
) -> None:
    told.conversation(1, "03-01 09:00")
    told.wrote(1, ("03-01 09:00", "in"), ("03-01 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-02 02:00", (1, "open", 1))
    told.saw("03-03 02:00", selection=selection)
    told.saw("03-04 02:00", (1, "resolved", 1))
    assert [row[3] for row in told.openings()] == [seconds]


def test_what_another_accounts_run_saw_confirms_nothing(told: Told) -> None:
    told.do("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (2, 'https://there.example')")
    told.conversation(1, "03-01 09:00")
    told.wrote(1, ("03-01 09:00", "in"), ("03-01 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-02 02:00", (1, "open", 1))
    told.saw("03-03 02:00")
    told.do("UPDATE helpdesk.sync_runs SET account_id = 2 WHERE started_at > '2026-03-03'")
    told.saw("03-04 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("03-01 09:00"), utc("03-02 10:00"), DAY + HOUR)]


def test_a_message_of_nobody_makes_its_wait_unknown_until_the_next_answer(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "somebody"), ("11-02 10:00", "in"), ("11-04 09:00", "Ann"))
    told.wrote(1, ("11-05 09:00", "in"), ("11-05 09:01", "Ann"))
    told.conversation(2, "11-02 09:00")
    told.wrote(2, ("11-02 09:00", "in"), ("11-02 09:05", "somebody"))
    told.conversation(3, "11-02 09:00")
    told.wrote(3, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:06", "somebody"), ("11-02 09:07", "in"))
    told.saw("11-06 02:00", (1, "open", 1), (2, "open", 1), (3, "open", 1))
    assert told.waits(1) == [(101, None, None), (105, 60, False)]
    assert told.waits(2) == [(201, None, None)]
    assert told.waits(3) == [(301, 300, False), (304, None, False)]
    assert told.rows("SELECT conversation_id, first_response_seconds FROM bi.first_responses") == [(3, 300)]


@pytest.mark.parametrize(
    "columns",
    [
        {"content_attributes": '{"is_reaction": true}'},
        {"status": "failed"},
        {"additional_attributes": '{"campaign_id": 3}'},
        {"content_attributes": '{"automation_rule_id": 3}'},
    ],
)
def test_what_nobody_answers_with_ends_no_wait(told: Told, columns: dict[str, str]) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"))
    told.wrote(1, ("11-02 09:05", "Ann"), **columns)
    told.wrote(1, ("11-02 10:00", "Ann"))
    told.saw("11-03 02:00", (1, "open", 1))
    assert told.waits() == [(101, HOUR, False)]
    assert told.rows("SELECT messages_failed FROM bi.conversations") == [(int(columns.get("status") == "failed"),)]


def test_a_reply_that_is_deleted_later_is_none(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"))
    told.saw("11-03 02:00", (1, "open", 1))
    assert told.waits() == [(101, 300, False)]
    told.do("UPDATE helpdesk.messages SET deleted = true WHERE id = 102")
    told.saw("11-04 02:00")
    assert told.waits() == [(101, None, False)]


def test_a_reaction_asks_nothing(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-03 10:00", "in"), content_attributes='{"is_reaction": true}')
    told.saw("11-04 02:00")
    assert [row[0] for row in told.openings()] == [1]
    assert told.waits() == [(101, 300, False)]


@pytest.mark.parametrize("seen", ["by the run before", "by the run after"])
def test_what_a_muted_contact_writes_reopens_nothing_and_asks_nothing(told: Told, seen: str) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    if seen == "by the run before":
        told.saw("11-03 02:00", (1, "resolved", 1, {"muted": True}))
    told.wrote(1, ("11-03 10:00", "in"))
    told.do("UPDATE helpdesk.conversations SET muted = true")
    told.saw("11-04 02:00", *([(1, "resolved", 1, {"muted": True})] if seen == "by the run after" else []))
    expected = (1, utc("11-02 09:00"), utc("11-02 09:10"), 600)
    assert told.openings() == [expected]
    assert told.waits() == [(101, 300, False)]
    # Who is let in again later has not been there before.
    told.do("UPDATE helpdesk.conversations SET muted = false")
    told.saw("11-05 02:00", (1, "resolved", 1))
    assert told.openings() == [expected]


def test_muting_resolves_what_the_contacts_last_message_reopened(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-03 10:00", "in"), ("11-03 10:05", "act"), ("11-03 10:06", "in"))
    told.do("UPDATE helpdesk.conversations SET muted = true")
    told.saw("11-04 02:00", (1, "resolved", 1, {"muted": True}))
    assert told.openings() == [
        (1, utc("11-02 09:00"), utc("11-02 09:10"), 600),
        (2, utc("11-03 10:00"), utc("11-03 10:05"), 300),
    ]


def test_what_is_dated_ahead_was_written_before_the_run_that_saw_it_first_and_its_contact_unmuted(told: Told) -> None:
    """That a later run sees the contact muted takes neither question nor answer from before."""
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:30", "act"))
    told.wrote(1, ("12-24 09:00", "in"), first_synced_at=utc("11-03 02:00"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-03 03:00", "Ann"))
    told.saw("11-04 02:00", (1, "resolved", 1, {"muted": True}))
    assert told.waits() == [(102, HOUR, False)]


def test_a_run_that_went_on_when_a_contact_wrote_and_found_them_unmuted_is_the_one_after_it(told: Told) -> None:
    """They were blocked on their own page later: that leaves no activity."""
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-04 02:20", "in"))
    told.saw("11-04 02:00", minutes=60)
    told.saw("11-05 02:00", (1, "open", 1, {"muted": True}))
    assert told.waits() == [(101, 300, False), (104, None, False)]


def test_what_was_written_after_a_reopening_by_hand_and_before_a_run_saw_it_is_of_that_opening(told: Told) -> None:
    """So that it may have been answered in, and an activity that nothing followed resolved it."""
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-03 11:00", "act"), ("11-03 11:05", "Ann"))
    told.saw("11-04 02:00", (1, "open", 1))
    told.wrote(1, ("11-04 10:00", "act"), ("11-04 12:00", "in"))
    told.saw("11-05 02:00")
    assert told.openings() == [
        (1, utc("11-02 09:00"), utc("11-02 09:10"), 600),
        (2, utc("11-03 11:00"), utc("11-04 10:00"), 23 * HOUR),
        (3, utc("11-04 12:00"), None, None),
    ]
    bounds = "SELECT resolved_by, resolved_not_before FROM helpdesk.conversation_openings WHERE opening = 2"
    assert told.rows(bounds) == [("inferred", utc("11-03 11:05"))]


def test_an_activity_after_a_reply_in_the_second_of_the_question_is_a_resolution(told: Told) -> None:
    """The server's own answer is to a question that nobody has answered yet."""
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:30", "in"), ("11-02 09:30", "Ann"), ("11-02 09:30:01", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("11-02 09:00"), utc("11-02 09:30:01"), 1801)]


def test_a_resolution_that_no_run_saw_is_nobodys_unless_who_answered_was_seen_assigned(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Bob"), ("11-02 09:10", "act"), ("11-02 12:00", "in"))
    told.wrote(1, ("11-02 12:05", "Ann"), ("11-02 12:10", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    assert told.rows("SELECT opening, agent_id FROM helpdesk.conversation_openings ORDER BY 1") == [(1, None), (2, 1)]


def test_an_agent_who_reopens_it_by_hand_did_so_at_the_first_activity_after_it_was_seen_resolved(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"), ("11-02 09:11", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.wrote(1, ("11-03 11:00", "act"))
    told.saw("11-04 02:00", (1, "open", 1))
    assert told.openings() == [
        (1, utc("11-02 09:00"), utc("11-02 09:10"), 600),
        (2, utc("11-03 11:00"), None, None),
    ]
    assert told.rows("SELECT kind, source, at FROM helpdesk.conversation_events ORDER BY number") == [
        ("opened", "vendor", utc("11-02 09:00")),
        ("resolved", "activity", utc("11-02 09:10")),
        ("reopened", "activity", utc("11-03 11:00")),
    ]


def test_a_message_while_the_run_was_reading_is_settled_by_the_next_run(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 09:10", "act"))
    told.wrote(1, ("11-03 02:00:05", "in"))
    told.saw("11-03 02:00:10", (1, "resolved", 1), minutes=30)
    told.do("UPDATE helpdesk.sync_runs SET started_at = '2026-11-03 01:50Z'")
    told.compute(everything=True)
    assert told.openings()[1:] == [(2, utc("11-03 02:00:05"), None, None)]
    told.saw("11-04 02:00")  # nothing changed, so it had been resolved again by then, without an activity
    assert told.openings()[1:] == [(2, utc("11-03 02:00:05"), utc("11-03 02:00:05"), 0)]


def test_a_conversation_without_any_message_was_resolved_nobody_knows_when(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.saw("11-03 02:00", (1, "resolved", 1))
    assert told.openings() == [(1, utc("11-02 09:00"), utc("11-02 09:00"), None)]
    assert told.rows("SELECT resolved_at_is, resolved_not_after FROM bi.resolutions") == [
        ("not known", utc("11-03 02:00"))
    ]


def test_a_reassigned_conversation_leaves_its_resolution_to_who_had_it(told: Told) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "Ann"), ("11-02 10:00", "act"))
    told.saw("11-03 02:00", (1, "resolved", 1))
    told.saw("11-20 02:00", (1, "resolved", 2))
    assert told.rows("SELECT agent, owner_kind FROM bi.resolutions") == [("Ann", "agent")]
    assert told.rows(
        "SELECT kind, agent_id, at, not_before FROM helpdesk.conversation_events WHERE kind = 'assigned'"
    ) == [("assigned", 2, utc("11-20 02:00"), utc("11-03 02:00"))]


def test_a_bot_that_resolves_hands_off_and_owns_is_no_agent(told: Told) -> None:
    bot = {"assignee_type": "agent_bot", "assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:01", "bot"))
    told.conversation(2, "11-02 09:00")
    told.wrote(2, ("11-02 09:00", "in"), ("11-02 09:01", "bot"))
    told.saw("11-02 22:30", (1, "pending", None, bot), (2, "pending", None, bot))
    told.saw("11-03 22:30", (1, "resolved", None, bot), (2, "open", 1))
    assert told.rows("SELECT conversation_id, agent_id, bot_id FROM helpdesk.conversation_openings ORDER BY 1") == [
        (1, None, 1), (2, None, None),
    ]  # fmt: skip
    kinds = "SELECT conversation_id, kind FROM helpdesk.conversation_events WHERE opening IS NULL ORDER BY 1, 2"
    assert told.rows(kinds) == [(2, "assigned"), (2, "handed_off"), (2, "resumed")]


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO helpdesk.agents (account_id, id, name) VALUES (1, 9, 'Ann')",
        "UPDATE helpdesk.agents SET available_name = 'Ann' WHERE id = 2",
        "UPDATE helpdesk.agents SET name = 'Anna' WHERE id = 1",
        "UPDATE helpdesk.messages SET extra = NULL WHERE id = 102",
    ],
)
def test_who_wrote_by_name_is_asked_again_when_names_change(told: Told, change: str) -> None:
    told.conversation(1, "11-02 09:00")
    told.wrote(1, ("11-02 09:00", "in"), ("11-02 09:05", "somebody"))
    told.do("UPDATE helpdesk.messages SET extra = CAST(:extra AS jsonb) WHERE id = 102", extra='{"sender_name": "Ann"}')
    told.saw("11-03 02:00", (1, "open", 1))
    assert told.waits() == [(101, 300, False)]
    told.do(change)
    told.saw("11-04 02:00")
    assert told.waits() == [(101, None, None)]
    assert told.compute(everything=True) == 1
    assert told.waits() == [(101, None, None)]
