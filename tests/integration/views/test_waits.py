"""The views of answers and resolutions, whole, on the written account: every figure is worked out by hand."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.integration.views.written_account import (
    ALI,
    ALIS,
    BOB,
    BOBS,
    NO_AGENT,
    NO_TEAM,
    NOBODYS,
    OTHER,
    PIGEON,
    SALES,
    SUPPORT,
    WEBSITE,
    ZOE,
    ZOES,
    of,
    view,
)
from tests.integration.views.written_rows import BESIDE, Row, at

FIRST, SECOND, THIRD = of(1) | WEBSITE | SALES, of(2) | WEBSITE | NO_TEAM, of(3) | PIGEON | SALES
FOURTH, FIFTH, SIXTH = of(4) | PIGEON | NO_TEAM, of(5) | PIGEON | NO_TEAM, of(6) | WEBSITE | NO_TEAM
BESIDES = of(1, BESIDE) | OTHER | SUPPORT

HOUR, DAY = 3600, 86400
# From Thursday 16:30 to Sunday 10:00, when the clocks are an hour ahead.
OVER_THE_WEEKEND = 2 * DAY + 16 * HOUR + 1800
# Half an hour of Thursday, the 23 hours of Friday, nothing of Saturday, an hour of Sunday.
OPEN_OVER_THE_WEEKEND = 1800 + 23 * HOUR + HOUR


def test_first_responses(written: Engine) -> None:
    def row(conversation: Row, agent: Row, opening: int, times: tuple[datetime, datetime], **seconds: Any) -> Row:
        asked, responded = times
        told = {"opening": opening, "asked_at": asked, "asked_on": asked.date(), "responded_at": responded}
        told |= {"is_after_reopening": opening > 1, "is_deleted": False}
        return conversation | agent | told | {f"first_response_{name}": value for name, value in seconds.items()}

    assert view(written, "first_responses", "1, 2, 4") == [
        # Of the first one a message lies in between whose author is not told.
        # Asked at 18:00 after closing time, answered at 10:00: an hour after the inbox opened.
        row(FIRST, BOB, 2, (at(26, 16), at(27, 8)), seconds=16 * HOUR, business_seconds=HOUR),
        row(
            SECOND,
            ALI,
            1,
            (at(27, 14, 30), at(30, 7)),
            seconds=OVER_THE_WEEKEND,
            business_seconds=OPEN_OVER_THE_WEEKEND,
        ),
        row(BESIDES, ZOE, 1, (at(25, 22, 30), at(25, 22, 31)), seconds=60, business_seconds=None),
    ]


UNKNOWN: Row = {"is_known": False, "is_waiting": False, "is_resolved_unanswered": None}
UNANSWERED: Row = {"is_waiting": False, "is_resolved_unanswered": True}


def wait(conversation: Row, question: int, since: datetime, **told: Any) -> Row:
    """Return the row of a wait that nobody ended, as far as nothing else is told."""
    nothing = dict.fromkeys(
        ("answered_at", "answer_message_id", "reply_seconds", "reply_business_seconds", "reply_seconds_from_assignment")
    )
    asked = {"question_message_id": question, "waiting_since": since, "waiting_on": since.date()}
    ended = {
        "ended_at": told.get("answered_at"),
        "is_waiting": "answered_at" not in told,
        "is_resolved_unanswered": False,
    }
    of_all = {"is_first": True, "is_known": True, "is_deleted": False}
    return conversation | NO_AGENT | nothing | asked | ended | of_all | told


def answer(message: int, answered: datetime, *seconds: int | None) -> Row:
    names = ("reply_seconds", "reply_business_seconds", "reply_seconds_from_assignment")
    return {"answer_message_id": message, "answered_at": answered} | dict(zip(names, seconds, strict=True))


def test_reply_times(written: Engine) -> None:
    assert view(written, "reply_times", "1, 2, question_message_id") == [
        # Neither bot, note, automation, template nor campaign is a reply; of 108 nobody tells who wrote it.
        wait(FIRST, 101, at(25, 8), **UNKNOWN, ended_at=at(25, 8, 30)),
        # 111 was deleted, 112 removed.
        wait(FIRST, 110, at(25, 9), **UNANSWERED, ended_at=at(25, 10), is_first=False),
        # The run of 22:30 saw it assigned to Bob.
        wait(FIRST, 114, at(26, 16), **BOB, **answer(115, at(27, 8), 16 * HOUR, HOUR, 9 * HOUR + 1800)),
        # Assigned to nobody.
        wait(
            SECOND,
            201,
            at(27, 14, 30),
            **ALI,
            **answer(202, at(30, 7), OVER_THE_WEEKEND, OPEN_OVER_THE_WEEKEND, None),
        ),
        wait(SECOND, 203, at(30, 8), is_first=False),
        # 306 is known in part only, and may be a note.
        wait(THIRD, 301, at(27, 21, 59, 59), **(UNKNOWN | {"is_waiting": None})),
        wait(FOURTH, 401, at(26, 8), **UNANSWERED, ended_at=at(26, 9)),
        # In conversation 5 nobody asked.
        wait(SIXTH, 601, at(27, 7), is_deleted=True, is_waiting=False),
        # Seen as assigned an hour after the reply.
        wait(BESIDES, 101, at(25, 22, 30), **ZOE, **answer(109, at(25, 22, 31), 60, None, None)),
    ]


def test_resolutions(written: Engine) -> None:
    def row(conversation: Row, opened: datetime, **told: Any) -> Row:
        """Return the row of an opening that is not resolved, as far as nothing else is told."""
        nothing = dict.fromkeys(("resolved_at", "resolved_on", "resolution_seconds", "resolution_business_seconds"))
        nothing |= dict.fromkeys(("resolved_at_is", "resolved_by", "resolved_not_before", "resolved_not_after"))
        nobody = nothing | NOBODYS | NO_TEAM | {"opened_by": "vendor", "is_deleted": False}
        return conversation | nobody | {"opening": 1, "opened_at": opened, "is_current": True} | told

    def resolved(when: datetime, *seconds: int | None) -> Row:
        names = ("resolution_seconds", "resolution_business_seconds")
        told: Row = {"resolved_at": when, "resolved_on": when.date()} | dict(zip(names, seconds, strict=True))
        sure = {"resolved_at_is": "told", "resolved_by": "seen"}
        return told | sure | {"resolved_not_before": when, "resolved_not_after": when}

    until_it_was_seen = {"resolved_at_is": "bounded", "resolved_not_before": at(25, 22, 30)}
    until_it_was_seen |= {"resolved_not_after": at(25, 23, 30)}
    assert view(written, "resolutions", "1, 2, 4") == [
        # The change of agent in between is no reopening.
        row(FIRST, at(25, 8), **ALIS, **SALES, **resolved(at(25, 10), 2 * HOUR, 2 * HOUR), is_current=False),
        # Reopened at 18:00 by 114, not at 0:30 when a run saw it; resolved at 11:00: two hours after the inbox opened.
        row(
            FIRST,
            at(26, 16),
            **BOBS,
            **SALES,
            **resolved(at(27, 9), 17 * HOUR, 2 * HOUR),
            opening=2,
            opened_by="message",
        ),
        row(SECOND, at(27, 14, 30)),
        row(THIRD, at(27, 21, 59, 59)),
        row(FOURTH, at(26, 8), **BOBS, **resolved(at(26, 9), HOUR, None)),
        row(FIFTH, at(26, 10)),
        row(SIXTH, at(27, 7), is_deleted=True),
        # No activity tells when: at the last message, but it may have been until the run saw it.
        row(BESIDES, at(25, 22, 30), **ZOES, **SUPPORT, **(resolved(at(25, 22, 31), 60, None) | until_it_was_seen)),
    ]


@pytest.mark.parametrize("session", ["UTC", "Asia/Jerusalem", "America/Los_Angeles"])
@pytest.mark.parametrize(
    ("since", "until", "zone", "seconds"),
    [
        # Sunday 30 March 2025, Berlin: at two it is three. Open all day, that is 23 hours.
        ("2025-03-29 23:00+00", "2025-03-30 22:00+00", "Europe/Berlin", 23 * HOUR),
        # Sunday 26 October 2025: 25 hours.
        ("2025-10-25 22:00+00", "2025-10-26 23:00+00", "Europe/Berlin", 25 * HOUR),
        # A Monday from 8:00 to 12:00, open from 9:30: in winter that is 8:30 UTC.
        ("2025-01-06 07:00+00", "2025-01-06 11:00+00", "Europe/Berlin", 2 * HOUR + 1800),
        # From Monday 17:00 over midnight to Tuesday, which has no hours: an hour.
        ("2025-01-06 16:00+00", "2025-01-07 11:00+00", "Europe/Berlin", HOUR),
        # Monday evening there is Tuesday in UTC; 16:00 to 17:00 on the spot.
        ("2025-01-07 00:00+00", "2025-01-07 01:00+00", "America/Los_Angeles", HOUR),
        # A Saturday, on which it is closed although hours are told.
        ("2025-01-04 00:00+00", "2025-01-04 23:00+00", "UTC", 0),
        # No time at all, and time that runs backwards.
        ("2025-01-06 11:00+00", "2025-01-06 11:00+00", "UTC", 0),
        ("2025-01-06 12:00+00", "2025-01-06 11:00+00", "UTC", 0),
        # A week: Sunday's 24 hours and Monday's eight and a half.
        ("2025-01-05 00:00+00", "2025-01-12 00:00+00", "UTC", 32 * HOUR + 1800),
    ],
)
def test_working_hours_are_counted_in_the_inboxs_own_time(
    written: Engine, session: str, since: str, until: str, zone: str, seconds: int
) -> None:
    hours = """[
        {"day_of_week": 0, "open_all_day": true, "open_hour": 0, "close_hour": 23, "close_minutes": 59},
        {"day_of_week": 1, "open_hour": 9, "open_minutes": 30, "close_hour": 18, "close_minutes": 0},
        {"day_of_week": 6, "closed_all_day": true,
         "open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0}
    ]"""
    inbox = """
        INSERT INTO helpdesk.inboxes (account_id, id, timezone, working_hours_enabled, working_hours)
        VALUES (1, 77, :zone, true, CAST(:hours AS jsonb))
    """
    begin = "INSERT INTO helpdesk.conversations (account_id, id, inbox_id, created_at) VALUES (1, 77, 77, '2025-01-01')"
    query = """
        SELECT helpdesk.business_seconds(asked.since, first, asked.until, last)
        FROM (SELECT CAST(:since AS timestamptz) AS since, CAST(:until AS timestamptz) AS until) AS asked
        LEFT JOIN helpdesk.inbox_days AS first
          ON first.inbox_id = 77 AND first.day = (since AT TIME ZONE :zone)::date
        LEFT JOIN helpdesk.inbox_days AS last
          ON last.inbox_id = 77 AND last.day = (until AT TIME ZONE :zone)::date
    """
    with written.connect() as connection:
        connection.execute(text(f"SET TIME ZONE '{session}'"))
        connection.execute(text(inbox), {"zone": zone, "hours": hours})
        connection.execute(text(begin))
        connection.execute(text("SELECT helpdesk.write_inbox_days(1)"))
        assert connection.scalar(text(query), {"since": since, "until": until, "zone": zone}) == seconds
