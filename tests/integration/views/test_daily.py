"""The views that count by day, whole, on the written account: every figure is worked out by hand."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from tests.integration.views.written_account import (
    ALI,
    ALIS,
    BOB,
    NO_TEAM,
    NOBODYS,
    OTHER,
    PIGEON,
    SALES,
    SUPPORT,
    WEBSITE,
    ZOE,
    on,
    view,
)
from tests.integration.views.written_rows import BESIDE, HERE, Row, at


def volume(day: int, *groups: Row, messages: tuple[int, ...], account: int = HERE, **counts: int) -> Row:
    """Return a row of bi.daily_volume; nothing happened of what is not told."""
    nothing = dict.fromkeys(
        (
            "conversations_opened",
            "conversations_reopened",
            "conversations_resolved",
            "bot_resolutions",
            "conversations_deleted",
            "bot_handoffs",
            "questions",
            "unanswered",
            "messages_failed",
        ),
        0,
    )
    sent = dict(zip(("messages_in", "messages_out", "private_notes", "bot_messages"), messages, strict=True))
    happened = {name if name in nothing else f"conversations_{name}": count for name, count in counts.items()}
    row = {"account_id": account, "day": on(day)} | nothing | sent | happened
    return row | {key: value for group in groups for key, value in group.items()}


def test_daily_volume(written: Engine) -> None:
    assert view(written, "daily_volume", "1, 2, inbox_id, team_id") == [
        # Conversation 1 begins and is resolved. In: 101, 110. Out: 103, 105 to 109, 111. Notes: 104, 118.
        # Who wrote 108 is not told, so that nobody knows of 101; 110 was not answered, as 111 was deleted.
        volume(25, WEBSITE, SALES, messages=(2, 7, 2, 1), opened=1, resolved=1, questions=1, unanswered=1),
        # 114 reopens conversation 1.
        volume(26, WEBSITE, SALES, messages=(1, 0, 0, 0), reopened=1, questions=1),
        # Conversations 4 and 5 begin, 4 is resolved. In: 401. Out: 403 (a survey), 501.
        volume(26, PIGEON, NO_TEAM, messages=(1, 2, 0, 0), opened=2, resolved=1, questions=1, unanswered=1),
        # Conversation 1 is resolved again. Out: 115, 117.
        volume(27, WEBSITE, SALES, messages=(0, 2, 0, 0), resolved=1),
        # Conversations 2 and 6 begin, with 201 and 601.
        volume(27, WEBSITE, NO_TEAM, messages=(2, 0, 0, 0), opened=2, questions=2),
        # Conversation 3 begins in the last second of the day. Nobody knows whether 306 answers 301.
        volume(27, PIGEON, SALES, messages=(1, 0, 0, 0), opened=1),
        # A day of 23 hours, its last second included: 302, 303, 304. Nobody knows whether 306 is a note.
        volume(28, PIGEON, SALES, messages=(3, 0, 0, 0)),
        # 305, in the first second of the day.
        volume(29, PIGEON, SALES, messages=(1, 0, 0, 0)),
        # 202 and 203.
        volume(30, WEBSITE, NO_TEAM, messages=(1, 1, 0, 0), questions=1),
        # Conversation 6 is found gone, 40 minutes after midnight.
        volume(31, WEBSITE, NO_TEAM, messages=(0, 0, 0, 0), deleted=1),
        # In Jerusalem it was the 26th.
        volume(25, OTHER, SUPPORT, messages=(1, 1, 0, 0), account=BESIDE, opened=1, resolved=1, questions=1),
    ]


def work(day: int, agent: Row, counts: tuple[int | None, ...], account: int = HERE) -> Row:
    names = (
        "replies",
        "failed_replies",
        "private_notes",
        "conversations_answered",
        "first_responses",
        "reopening_responses",
        "avg_first_response_seconds",
        "avg_reply_seconds",
        "conversations_resolved",
        "avg_resolution_seconds",
    )
    return {"account_id": account, "day": on(day), **agent} | dict(zip(names, counts, strict=True))


def test_daily_agents(written: Engine) -> None:
    assert view(written, "daily_agents", "1, 2, 3") == [
        # 109, of which nobody knows whether it was the first; conversation 1 was open for two hours. Her note is 104:
        # 118 is an automation's.
        work(25, ALI, (1, 0, 1, 1, 0, 0, None, None, 1, 7200)),
        # 111 was deleted. 501 answers nobody.
        work(26, ALI, (1, 0, 0, 1, 0, 0, None, None, 0, None)),
        # Conversation 4, resolved after an hour.
        work(26, BOB, (0, 0, 0, 0, 0, 0, None, None, 1, 3600)),
        # 115, the first response after the reopening, after 16 hours; resolved after 17.
        work(27, BOB, (1, 0, 0, 1, 0, 1, None, 57600, 1, 61200)),
        # 202, after 64 hours and a half.
        work(30, ALI, (1, 0, 0, 1, 1, 0, 232200, 232200, 0, None)),
        work(25, ZOE, (1, 0, 0, 1, 1, 0, 60, 60, 1, 60), BESIDE),
    ]


def test_daily_labels(written: Engine) -> None:
    def row(day: int, label: str, opened: int, resolved: int, account: int = HERE) -> Row:
        counts = {"conversations_opened": opened, "conversations_resolved": resolved}
        return {"account_id": account, "day": on(day), "label": label} | counts

    assert view(written, "daily_labels", "1, 2, 3") == [
        row(25, "bug", 1, 1),  # conversation 1 has both
        row(25, "vip", 1, 1),
        row(26, "bug", 1, 1),  # conversation 4
        row(27, "bug", 0, 1),  # conversation 1 again
        row(27, "vip", 1, 1),  # conversation 2 begins, 1 is resolved again
        row(25, "vip", 1, 1, BESIDE),
    ]


def test_daily_backlog(written: Engine) -> None:
    def row(day: int, counts: tuple[int, int, int], *groups: Row) -> Row:
        states = dict(zip(("open", "pending", "snoozed"), counts, strict=True))
        held = {"account_id": HERE, "day": on(day)} | states | {"backlog": sum(counts)}
        return held | {key: value for group in groups for key, value in group.items()}

    nobody = (NO_TEAM, NOBODYS)
    # Nobody's of each inbox is there, and be it nothing.
    weekend = [
        [
            row(day, (2, 0, 0), WEBSITE, *nobody),  # conversations 2 and 6
            row(day, (0, 0, 1), PIGEON, SALES, NOBODYS),  # conversation 3, which began in the last second of the 27th
            row(day, (0, 1, 0), PIGEON, NO_TEAM, ALIS),
        ]
        # On the 28th and 29th no run looked at everything, and the one after them saw what had come of it. It found
        # conversation 6 gone, and that was on the 31st.
        for day in (27, 28, 29, 30)
    ]
    assert view(written, "daily_backlog", "1, 2, inbox_id, team_id, agent_id") == [
        # Conversation 1 was resolved at noon.
        row(25, (0, 0, 0), WEBSITE, *nobody),
        row(25, (0, 0, 0), PIGEON, *nobody),
        # Reopened at 18:00, half an hour before midnight a run had last seen whose it was: before that, Ali's.
        row(26, (1, 0, 0), WEBSITE, SALES, ALIS),
        row(26, (0, 1, 0), PIGEON, NO_TEAM, ALIS),  # conversation 5, as the run after midnight saw it
        *(one for day in weekend for one in day),
    ]


def test_known_days(written: Engine) -> None:
    later = "No run has looked at the whole account since it ended."

    def row(day: int, reason: str | None, account: int = HERE) -> Row:
        return {"account_id": account, "day": on(day), "is_known": reason is None, "reason": reason}

    assert view(written, "known_days WHERE day <= '2025-03-31'", "1, 2") == [
        *(row(day, None) for day in range(25, 31)),
        row(31, later),
        # The only run began before the day was over.
        *(row(day, later, BESIDE) for day in range(25, 32)),
    ]


def test_traffic_heatmap(written: Engine) -> None:
    names = {25: (2, "Tuesday"), 26: (3, "Wednesday"), 27: (4, "Thursday"), 28: (5, "Friday"), 29: (6, "Saturday")}

    def row(day: int, hour: int, inbox: Row, counts: tuple[int, int], account: int = HERE) -> Row:
        weekday, name = names.get(day, (7, "Sunday"))
        counted = {"messages_in": counts[0], "conversations_opened": counts[1]}
        return (
            {
                "account_id": account,
                "day": on(day),
                "weekday": weekday,
                "weekday_name": name,
                "hour": hour,
            }
            | inbox
            | counted
        )

    assert view(written, "traffic_heatmap", "1, 2, hour, inbox_id") == [
        row(25, 10, WEBSITE, (1, 1)),  # 101
        row(25, 11, WEBSITE, (1, 0)),  # 110
        row(26, 10, PIGEON, (1, 1)),  # 401
        row(26, 12, PIGEON, (0, 1)),  # conversation 5 begins without a question
        row(26, 18, WEBSITE, (1, 0)),  # 114
        row(27, 9, WEBSITE, (1, 1)),  # 601
        row(27, 16, WEBSITE, (1, 1)),  # 201
        row(27, 23, PIGEON, (1, 1)),  # 301
        row(28, 1, PIGEON, (1, 0)),  # 302, a second before two o'clock
        row(28, 3, PIGEON, (1, 0)),  # 303, a second later: at two it became three
        row(28, 23, PIGEON, (1, 0)),  # 304
        row(29, 0, PIGEON, (1, 0)),  # 305
        row(30, 11, WEBSITE, (1, 0)),  # 203
        row(25, 22, OTHER, (1, 1), BESIDE),
    ]


def test_calendar(written: Engine) -> None:
    names = ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Monday")

    def row(day: int, times: tuple[Any, Any], account: int = HERE, zone: str = "Asia/Jerusalem") -> Row:
        begin, end = times
        return {
            "account_id": account,
            "day": on(day),
            "starts_at": begin,
            "ends_at": end,
            "year": 2025,
            "quarter": 1,
            "month": 3,
            "iso_year": 2025,
            "iso_week": 14 if day == 31 else 13,
            "week_starts_on": on(31 if day == 31 else 24),
            "weekday": 1 if day == 31 else day - 23,
            "weekday_name": names[day - 25],
            "is_weekend": day in {29, 30},
            "is_holiday": False,
            "holiday": None,
            "time_zone": zone,
        }

    assert view(written, "calendar WHERE day <= '2025-03-31'", "1, 2") == [
        row(25, (at(24, 22), at(25, 22))),
        row(26, (at(25, 22), at(26, 22))),
        row(27, (at(26, 22), at(27, 22))),
        row(28, (at(27, 22), at(28, 21))),
        row(29, (at(28, 21), at(29, 21))),
        row(30, (at(29, 21), at(30, 21))),
        row(31, (at(30, 21), at(31, 21))),
        *(row(day, (at(day, 0), at(day + 1, 0)), BESIDE, "UTC") for day in range(25, 31)),
        row(31, (at(31, 0), at(31, 0).replace(month=4, day=1)), BESIDE, "UTC"),
    ]


def test_the_calendar_goes_on_to_today_without_a_gap_and_knows_the_long_day_of_autumn(written: Engine) -> None:
    query = """
        SELECT account_id, max(day) = (now() AT TIME ZONE time_zone)::date, count(*) = max(day) - min(day) + 1,
            bool_and(starts_at < ends_at), max(ends_at - starts_at) = interval '25 hours'
        FROM bi.calendar GROUP BY account_id, time_zone ORDER BY 1
    """
    with written.connect() as connection:
        assert [tuple(row) for row in connection.execute(text(query))] == [
            (HERE, True, True, True, True),
            (BESIDE, True, True, True, False),
        ]


def test_sync_health(written: Engine) -> None:
    found = view(written, "sync_health", "1")
    ages = [row.pop("data_age_hours") for row in found]
    computed = [row.pop("figures_computed_at") for row in found]
    with written.connect() as connection:
        first = "SELECT min(first_synced_at) FROM helpdesk.conversations GROUP BY account_id ORDER BY account_id"
        # None of these histories was read.
        assert [row.pop("oldest_history_read_at") for row in found] == connection.execute(text(first)).scalars().all()
        known = "SELECT computed_at FROM helpdesk.figures_computed ORDER BY account_id"
        assert computed == connection.execute(text(known)).scalars().all()
        query = "SELECT extract(epoch FROM now() - at) / 3600 FROM (VALUES (:here), (:beside)) AS v(at)"
        expected = connection.execute(text(query), {"here": at(26, 22, 10), "beside": at(25, 23, 20)}).scalars().all()
    assert all(abs(age - one) < Decimal("0.2") for age, one in zip(ages, expected, strict=True))
    assert found == [
        {
            "account_id": HERE,
            "account": "Here",
            "time_zone": "Asia/Jerusalem",
            "data_as_of": at(26, 22, 10),  # the last one that was complete and looked at everything
            "last_run_at": at(31, 6),
            "last_run_outcome": "interrupted",
            "problems": "It was stopped. Nothing is lost.",
            # Of the run before, the last one that counted.
            "conversations_unaccounted": 2,
            "conversations_forbidden": 3,
            "conversations_unreadable": 1,
            "messages_unaccounted": 4,
            "records_rejected": 1,  # the other one was read well later
            "stale_conversations": 0,
            "messages_dated_ahead": 0,
            "books_agree_as_of": None,
            "verified_at": None,
            "messages_differing_at_most": None,
            "rows_found_differing": None,
            "last_proof": None,
            "last_walk_at": None,
        },
        {
            "account_id": BESIDE,
            "account": "Beside",
            "time_zone": "UTC",
            "data_as_of": at(25, 23, 20),
            "last_run_at": at(25, 23, 20),
            "last_run_outcome": "complete",
            "problems": None,
            "conversations_unaccounted": 0,
            "conversations_forbidden": None,
            "conversations_unreadable": None,
            "messages_unaccounted": None,
            "records_rejected": 0,
            "stale_conversations": 0,
            "messages_dated_ahead": 0,
            "books_agree_as_of": None,
            "verified_at": None,
            "messages_differing_at_most": None,
            "rows_found_differing": None,
            "last_proof": None,
            "last_walk_at": None,
        },
    ]
