"""The wide row of a conversation, and the views of what managers ask first: every figure is worked out by hand."""

import json

import pytest
from sqlalchemy import Engine

from tests.integration.views.told_account import Told, tell, utc

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account of which nothing is told yet."""
    return tell(engine)


def metrics(told: Told, columns: str, conversation: int = 1) -> tuple[object, ...]:
    query = f"SELECT {columns} FROM bi.conversation_metrics WHERE conversation_id = :id"
    (row,) = told.rows(query, id=conversation)
    return row


def test_who_had_it_is_known_as_far_as_runs_saw_it(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.saw("03-02 10:00", (1, "open", None, {"team_id": None}))
    told.saw("03-02 11:00")
    told.saw("03-02 12:00", (1, "open", 1))
    told.saw("03-02 14:00", (1, "open", None))
    told.saw("03-02 15:00", (1, "open", 2))
    told.saw("03-02 16:00")
    counts = "agents_assigned, assignments, handovers, teams_involved"
    assert metrics(told, counts) == (2, 2, 1, 0)
    # A run begins a second before it looks. Nobody's from 10:00 to 11:00 for certain, and at 14:00; it may have been
    # from 9:00 to 12:00, and from 12:00 to 15:00.
    columns = "first_assignment_seconds_at_least, first_assignment_seconds_at_most"
    assert metrics(told, columns) == (2 * HOUR - 1, 3 * HOUR)
    columns = "unassigned_seconds_at_least, unassigned_seconds_at_most, as_of"
    assert metrics(told, columns) == (HOUR - 1, 6 * HOUR, utc("03-02 15:59:59"))


def test_a_run_that_could_not_see_a_conversation_does_not_tell_that_it_was_still_nobodys(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.saw("03-02 10:00", (1, "open", None))
    told.saw("03-02 11:00")
    told.do("UPDATE helpdesk.sync_runs SET unseen = CAST(:unseen AS jsonb)", unseen=json.dumps(["1"]))
    told.saw("03-02 12:00", (1, "open", 1))
    columns = "first_assignment_seconds_at_least, unassigned_seconds_at_least"
    assert metrics(told, columns) == (HOUR, 0)


def test_a_conversation_that_no_run_saw_has_no_owners_and_one_that_no_whole_run_saw_no_seconds(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.compute()
    columns = "agents_assigned, assignments, handovers, teams_involved, unassigned_seconds_at_most"
    assert metrics(told, columns) == (None,) * 5
    columns = "as_of, unresolved_seconds, open_seconds, waiting_for_us_seconds, silence_seconds, age_seconds"
    assert metrics(told, columns) == (None,) * 6
    assert metrics(told, "questions, is_unanswered, replies, resolutions") == (1, True, 0, 0)


@pytest.mark.long
def test_the_time_of_a_conversation_is_parted_by_status_and_by_who_waits(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"))
    told.saw("03-03 09:00", (1, "open", 1))
    told.saw("03-04 09:00", (1, "snoozed", 1))
    told.wrote(1, ("03-05 09:00", "in"))
    told.saw("03-05 12:00", (1, "open", 1))
    told.wrote(1, ("03-05 13:00", "Ann"), ("03-05 14:00", "act"))
    told.saw("03-06 09:00", (1, "resolved", 1))
    columns = "unresolved_seconds, open_seconds, pending_seconds, snoozed_seconds, status_unseen_seconds"
    assert metrics(told, columns) == (3 * DAY + 5 * HOUR, 2 * DAY + 2 * HOUR, 0, DAY + 3 * HOUR, 0)
    columns = "waiting_for_us_seconds, waiting_for_contact_seconds, first_response_seconds, age_seconds"
    assert metrics(told, columns) == (4 * HOUR + 30 * MINUTE, 3 * DAY + 30 * MINUTE, 30 * MINUTE, None)


def test_what_was_resolved_between_two_runs_has_a_status_that_no_run_saw(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-03 09:00", (1, "resolved", 1))
    columns = "unresolved_seconds, open_seconds, pending_seconds, snoozed_seconds, status_unseen_seconds"
    assert metrics(told, columns) == (HOUR, 0, 0, 0, HOUR)


def test_of_what_was_resolved_nobody_knows_when_no_part_of_its_time_is_known(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.saw("03-03 09:00", (1, "resolved", None))
    assert told.rows("SELECT resolved_at_is FROM bi.resolutions") == [("not known",)]
    columns = (
        "unresolved_seconds, open_seconds, status_unseen_seconds, waiting_for_us_seconds, waiting_for_contact_seconds"
    )
    assert metrics(told, columns) == (None,) * 5
    columns = "resolutions, last_resolution_seconds, first_resolution_seconds, last_resolver, is_unanswered"
    assert metrics(told, columns) == (1, None, None, "nobody", None)


def test_a_resolution_is_for_good_once_seven_days_have_passed(told: Told) -> None:
    for number in (1, 2, 3):
        told.conversation(number, "03-02 09:00")
        told.wrote(number, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-03 09:00", (1, "resolved", 1), (2, "resolved", 1), (3, "resolved", 1))
    columns = "is_one_touch, is_first_contact_resolution, is_first_contact_resolution_for_good"
    assert metrics(told, columns) == (True, True, None)
    told.saw("03-09 09:59")
    assert metrics(told, columns) == (True, True, None)
    told.wrote(2, ("03-09 09:59", "in"))
    told.saw("03-09 10:01", (2, "open", 1))
    # Its beginning, a second before, was after the seven days.
    assert metrics(told, columns) == (True, True, True)
    assert metrics(told, columns, 2) == (None, False, False)
    told.wrote(3, ("03-20 10:00", "in"), ("03-20 10:30", "act"))
    told.saw("03-21 09:00", (3, "resolved", 1))
    assert metrics(told, columns, 3) == (True, False, True)
    assert metrics(told, "resolutions, last_resolution_seconds, reopenings", 3) == (2, 18 * DAY + 90 * MINUTE, 1)


def test_until_seven_days_have_passed_what_came_back_is_no_more_known_than_what_did_not(told: Told) -> None:
    """Else all that is known of the last days is what came back, and the share of what held would be nought."""
    robot = {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    owners: dict[int, tuple[object, ...]] = {1: (1,), 2: (1,), 3: (None, robot), 4: (None, robot)}
    for number in owners:
        told.conversation(number, "03-02 09:00")
        told.wrote(number, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-03 09:00", *((number, "resolved", *owner) for number, owner in owners.items()))
    for number in (2, 4):
        told.wrote(number, ("03-03 12:00", "in"))
    told.saw("03-04 09:00", *((number, "open", *owners[number]) for number in (2, 4)))
    told.saw("03-09 09:59")
    columns = "is_first_contact_resolution_for_good, is_resolved_by_bot_for_good"
    query = f"SELECT {columns} FROM bi.conversation_metrics ORDER BY conversation_id"
    assert told.rows(query) == [(None, None)] * 4
    told.saw("03-09 10:01")
    assert told.rows(query) == [(True, False), (False, False), (True, True), (False, False)]


def test_what_was_found_gone_within_seven_days_held_for_nobody_knows_how_long(told: Told) -> None:
    told.conversation(1, "03-02 09:00", deleted_at=utc("03-04 02:00"))
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 10:00", "act"))
    told.saw("03-03 02:00", (1, "resolved", 1))
    told.saw("03-20 02:00")
    columns = "is_deleted, is_first_contact_resolution, is_first_contact_resolution_for_good, age_seconds"
    assert metrics(told, columns) == (True, True, None, None)


def test_a_message_of_nobody_may_be_the_second_reply_and_the_third_reply_is_one_too_many(told: Told) -> None:
    writers = (("Ann",), ("Ann", "somebody"), ("Ann", "Bob", "somebody"), ("bot", "note", "template"), ("somebody",))
    for number, wrote in enumerate(writers, 1):
        told.conversation(number, "03-02 09:00")
        told.wrote(number, ("03-02 09:00", "in"), *((f"03-02 09:3{place}", who) for place, who in enumerate(wrote)))
        told.wrote(number, ("03-02 10:00", "act"))
    told.saw("03-03 02:00", *((number, "resolved", 1) for number in range(1, 6)))
    columns = "conversation_id, replies, replies_not_known, agents_replied, is_one_touch, is_unanswered"
    assert told.rows(f"SELECT {columns} FROM bi.conversation_metrics ORDER BY 1") == [
        (1, 1, 0, 1, True, False),
        (2, 1, 1, 1, None, False),
        (3, 2, 1, 2, False, False),
        (4, 0, 0, 0, False, True),
        (5, 0, 1, 0, None, None),
    ]


def test_a_bot_hands_over_or_resolves_for_good(told: Told) -> None:
    robot = {"assignee_bot_type": "agent_bot", "assignee_bot_id": 1}
    for number in (1, 2):
        told.conversation(number, "03-02 09:00")
        told.wrote(number, ("03-02 09:00", "in"), ("03-02 09:01", "bot"))
    told.saw("03-02 10:00", (1, "open", None, robot), (2, "open", None, robot))
    told.wrote(2, ("03-02 11:00", "act"))
    told.saw("03-02 12:00", (1, "open", 1), (2, "resolved", None, robot))
    columns = "bot_handoffs, last_resolver, is_resolved_by_bot_for_good, replies, unassigned_seconds_at_least"
    assert metrics(told, columns) == (1, None, None, 0, 0)
    assert metrics(told, columns, 2) == (0, "bot", None, 0, 0)
    told.saw("03-10 12:00")
    assert metrics(told, columns, 2) == (0, "bot", True, 0, 0)


def test_age_and_silence_are_of_the_last_whole_run(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 09:40", "bot"), ("03-02 09:50", "note"))
    told.wrote(1, ("03-02 09:55", "Ann"), status="failed")
    told.saw("03-02 10:00", (1, "open", 1))
    columns = "age_seconds, silence_seconds, last_message_at"
    assert metrics(told, columns) == (HOUR - 1, 30 * MINUTE - 1, utc("03-02 09:30"))
    told.wrote(1, ("03-02 11:00", "in"))
    told.saw("03-02 12:00", outcome="incomplete")
    assert metrics(told, columns) == (HOUR - 1, 0, utc("03-02 11:00"))


def test_a_contact_is_new_on_its_first_day_and_returns_on_later_ones(told: Told) -> None:
    told.do("INSERT INTO helpdesk.contacts (account_id, id) VALUES (1, 2)")
    begun = ((1, "03-02 09:00", 1), (2, "03-02 10:00", 1), (3, "03-02 22:30", 2), (4, "03-03 09:00", 1))
    for number, at, contact in (*begun, (5, "03-03 09:00", None)):
        told.conversation(number, at, contact_id=contact)
    told.compute()
    columns = "to_char(day, 'MM-DD'), contacts, new_contacts, returning_contacts, conversations_opened"
    # At 22:30 it is the next day there.
    assert told.rows(f"SELECT {columns} FROM bi.daily_contacts ORDER BY 1") == [
        ("03-02", 1, 1, 0, 2),
        ("03-03", 2, 1, 1, 3),
    ]


def test_an_agent_answers_by_the_hour(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-02 09:30", "Ann"), ("03-02 09:40", "Ann"), ("03-02 09:45", "in"))
    told.wrote(1, ("03-02 10:15", "Bob"), ("03-02 11:00", "Ann"), ("03-02 11:01", "bot"))
    told.compute()
    columns = "to_char(day, 'MM-DD'), weekday, hour, agent, inbox, channel, replies, questions_answered, reply_seconds"
    monday = ("03-02", 1)
    assert told.rows(f"SELECT {columns} FROM bi.hourly_agents ORDER BY hour, agent") == [
        (*monday, 11, "Ann", "Website", "Website", 2, 1, 1800),
        (*monday, 12, "Bob", "Website", "Website", 1, 1, 1800),
        (*monday, 13, "Ann", "Website", "Website", 1, 0, None),
    ]


def test_deliveries_are_told_by_template_error_and_window(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"), ("03-03 09:00", "Ann"), ("03-03 09:00:01", "Ann"), ("03-03 09:01", "note"))
    undeliverable = '{"external_error": "131026: Message undeliverable to dana@example.com"}'
    told.wrote(1, ("03-03 09:02", "Ann"), status="failed", content_attributes=undeliverable)
    told.wrote(
        1, ("03-03 09:03", "Ann"), status="failed", content_attributes='{"external_error": "972541234567 is gone"}'
    )
    template = '{"template_params": {"name": "order_shipped", "language": "he"}}'
    told.wrote(1, ("03-03 09:04", "bot"), status="read", additional_attributes=template)
    told.compute()
    columns = "template, author_kind, status, error_code, error, is_within_24_hours, messages, replies"
    assert told.rows(f"SELECT {columns} FROM bi.daily_deliveries ORDER BY 2, 3, 6, 5") == [
        (None, "agent", "failed", "131026", "131026: Message undeliverable to dana@example.com", False, 1, 0),
        (None, "agent", "failed", None, "972541234567 is gone", False, 1, 0),
        (None, "agent", "sent", None, None, False, 1, 1),
        (None, "agent", "sent", None, None, True, 1, 1),
        ("order_shipped", "bot", "read", None, None, False, 1, 0),
    ]


def test_who_may_not_see_personal_data_sees_an_errors_number_only(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    for text in ("131026: 972541234567 is gone", "131026: 972541234568 is gone"):
        error = f'{{"external_error": "{text}"}}'
        told.wrote(1, ("03-02 09:02", "Ann"), status="failed", content_attributes=error)
    told.compute()
    masked = """
        CREATE ROLE reads_deliveries; GRANT USAGE ON SCHEMA bi TO reads_deliveries;
        GRANT SELECT ON bi.daily_deliveries TO reads_deliveries
    """
    with told.engine.connect() as connection:
        connection.exec_driver_sql(masked)
        connection.exec_driver_sql("SET ROLE reads_deliveries")
        query = "SELECT error_code, error, messages FROM bi.daily_deliveries"
        assert connection.exec_driver_sql(query).all() == [("131026", None, 2)]
        connection.exec_driver_sql("RESET ROLE")
        connection.rollback()


def test_a_survey_counts_on_the_day_on_which_it_was_sent_whenever_it_was_answered(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "template"), ("03-02 10:00", "template"), ("03-02 11:00", "template"))
    told.wrote(1, ("03-02 11:30", "template"), status="failed")
    told.do("UPDATE helpdesk.messages SET content_type = 'input_csat'")
    answer = '{"submitted_values": {"csat_survey_response": {"rating": 4}}}'
    told.do("UPDATE helpdesk.messages SET content_attributes = CAST(:it AS jsonb) WHERE id = 102", it=answer)
    told.do(
        "INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, message_id, rating, created_at)"
        " VALUES (1, 1, 1, 101, 5, '2026-03-09'), (1, 2, 1, 999, 1, '2026-03-10')"
    )
    told.compute()
    columns = "to_char(day, 'MM-DD'), inbox, surveys_asked, surveys_answered"
    assert told.rows(f"SELECT {columns} FROM bi.daily_surveys") == [("03-02", "Website", 3, 2)]
    assert metrics(told, "surveys_asked, surveys_answered, csat_rating") == (3, 2, 1)
