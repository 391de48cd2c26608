"""The views never fail, whatever the tables hold, and every one of them says what it is."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from etl.database.states import ConversationState
from etl.load import upsert
from etl.views import schema
from tests.integration.views.written_rows import WORKING_HOURS, Row, at, hours, message, state, survey

GENERATED = ("conversation_attribute_columns", "contact_attribute_columns")
ALL = [f"bi.{name}" for name in (*schema.PUBLIC, *GENERATED)]
ALL += [f"helpdesk.{name}" for name, kind in schema.INTERNAL.items() if kind == "VIEW"]


def compute(engine: Engine) -> None:
    """Compute all figures anew."""
    with engine.begin() as connection:
        schema.refresh(connection, everything=True)


def counted(engine: Engine) -> dict[str, int]:
    """Read every column of every row of every view; return how many rows each has."""
    compute(engine)
    with engine.connect() as connection:
        return {name: len(connection.execute(text(f"SELECT * FROM {name}")).all()) for name in ALL}


def put(engine: Engine, **rows: list[Row]) -> None:
    account = {"accounts": [{"account_id": 1, "base_url": "https://vendor.example"}]}
    with engine.begin() as connection:
        upsert.save(connection, account | {table: [{"account_id": 1} | row for row in rows[table]] for table in rows})


def put_states(engine: Engine, *states: Row) -> None:
    with engine.begin() as connection:
        for one in states:
            connection.execute(insert(ConversationState).values(account_id=1, **one))


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_the_views_of_schema_bi_are_those_that_the_code_names(engine: Engine) -> None:
    query = """
        SELECT relnamespace::regnamespace || '.' || relname FROM pg_class
        WHERE relkind IN ('v', 'm') AND relnamespace IN ('bi'::regnamespace, 'helpdesk'::regnamespace)
    """
    assert sorted(name for (name,) in rows(engine, query)) == sorted(ALL)


def test_every_view_and_every_column_has_a_comment(engine: Engine) -> None:
    query = """
        SELECT c.relname, a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace IN ('bi'::regnamespace, 'helpdesk'::regnamespace) AND c.relkind IN ('v', 'm')
          AND (coalesce(obj_description(c.oid), '') = '' OR coalesce(col_description(c.oid, a.attnum), '') = '')
    """
    assert rows(engine, query) == []


def test_every_view_of_schema_bi_begins_with_the_account(engine: Engine) -> None:
    query = """
        SELECT DISTINCT a.attname, a.atttypid::regtype::text
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'bi'::regnamespace AND c.relkind = 'v' AND a.attnum = 1
    """
    assert rows(engine, query) == [("account_id", "bigint")]


def test_a_database_without_an_account_has_views_without_rows(engine: Engine) -> None:
    nothing = dict.fromkeys(ALL, 0)
    assert counted(engine) == nothing | {"helpdesk.personal_data_access": 1, "helpdesk.channel_names": 13}


def test_an_account_without_rows_has_its_health_and_nothing_else(engine: Engine) -> None:
    put(engine)
    fixed = {"helpdesk.personal_data_access": 1, "helpdesk.channel_names": 13}
    assert counted(engine) == dict.fromkeys(ALL, 0) | fixed | {"bi.sync_health": 1}


DEEP: Any = {"a": [{"b": [{"c": None}]}]}
FAR = datetime(2100, 1, 1, tzinfo=UTC)
OLD = datetime(1970, 1, 1, tzinfo=UTC)
NEVER_OPEN = hours(range(7), closed_all_day=True)
HOSTILE_ATTRIBUTES: list[Any] = [
    None,
    [],
    [1, {"a": 2}],
    7,
    "text",
    True,
    {},
    {"deep": DEEP, "": "", "big": 10**400, "date": "2025-02-30", "number": "1e5", "null": None, "a'\"b": "'"},
]
HOSTILE_HOURS: list[Any] = [
    None,
    {},
    [],
    7,
    "text",
    [None],
    [1, "a", []],
    [{}],
    [{"day_of_week": 1}],
    [{"day_of_week": "x", "closed_all_day": False}],
    [{"day_of_week": [1], "open_all_day": True}],
    *(
        [day, *WORKING_HOURS]
        for day in (
            *hours(range(1), open_hour=None),
            *hours(range(1), open_hour="nine"),
            *hours(range(1), open_hour=[9]),
            *hours(range(1), close_hour=10**12),
            *hours(range(1), open_minutes=-1),
            *hours(range(1), open_hour=DEEP),
        )
    ),
]


def histories(inboxes: int, attributes: list[Any]) -> dict[str, list[Row]]:
    """Return a conversation an inbox, with a question and its answer; conversation 1 holds odd messages, too."""
    moments = (None, OLD, at(25, 8), FAR)
    odd = [
        message(100 + one, when, kind, sender, conversation_id=1, content_attributes=attribute)
        for one, (when, kind, sender, attribute) in enumerate(
            (when, kind, sender, attribute)
            for when in moments
            for kind in ("incoming", "outgoing", "activity", "template", "newer", None)
            for sender in (None, ("contact", 1), ("user", 1), ("robot", 1))
            for attribute in (None, [1], 7, "text", {"automation_rule_id": DEEP}, {"submitted_values": [1]})
        )
    ]
    ratings = ["5", "five", "4.5", 4.5, 10**30, [5], DEEP, None, True, "", 3]
    surveys = [
        message(1000 + one, at(26, 8), "template", conversation_id=1, **survey(rating, None))
        for one, rating in enumerate(ratings)
    ]
    pairs = [
        one
        for inbox in range(1, inboxes + 1)
        for one in (
            message(2000 + 2 * inbox, at(25, 8), "incoming", conversation_id=inbox, content=None),
            message(2001 + 2 * inbox, at(27, 8), "outgoing", ("user", 1), conversation_id=inbox),
        )
    ]
    return {
        "contacts": [{"id": 1 + one, "custom_attributes": value} for one, value in enumerate(attributes)],
        "agents": [{"id": 1}],
        "conversations": [
            {
                "id": inbox,
                "inbox_id": inbox,
                "created_at": moments[inbox % 4],
                "contact_id": 1 + inbox % len(attributes),
                "custom_attributes": attributes[inbox % len(attributes)],
                "channel": (None, "", "x", "Channel::")[inbox % 4],
                "status": (None, "open", "resolved", "newer")[inbox % 4],
            }
            for inbox in range(1, inboxes + 1)
        ],
        "messages": odd + surveys + pairs,
    }


@pytest.mark.long
def test_hostile_values_make_no_view_fail(engine: Engine) -> None:
    zones = [None, "", "Mars/Olympus", "UTC'; --", "Asia/Jerusalem"]
    inboxes = [
        {"id": 1 + at, "timezone": zone, "working_hours_enabled": True, "working_hours": told}
        for at, (zone, told) in enumerate(
            [(zone, WORKING_HOURS) for zone in zones] + [("Asia/Jerusalem", told) for told in HOSTILE_HOURS]
        )
    ]
    given = histories(len(inboxes), HOSTILE_ATTRIBUTES)
    put(engine, inboxes=inboxes, **given)
    put(engine, csat_responses=[{"id": one, "rating": rating} for one, rating in enumerate((None, 0, -1, 2**62))])
    put_states(
        engine,
        *(state(1, at(day, 8), at(day + 1, 8), status) for day, status in ((25, None), (26, "resolved"), (27, None))),
        *(state(one, at(25, 7), None, status) for one, status in ((2, None), (3, "newer"), (4, "resolved"))),
    )
    found = counted(engine)
    assert found["bi.conversations"] == len(inboxes)
    assert found["bi.messages"] == len(given["messages"])
    assert found["helpdesk.business_hours"] == 1  # the only one in which everything is known
    # Of the message's ratings "5" and 3, and the four of the list.
    assert rows(engine, "SELECT rating FROM bi.csat ORDER BY 1") == [(-1,), (0,), (3,), (5,), (2**62,), (None,)]
    assert rows(engine, "SELECT count(*) FROM bi.csat WHERE rating < 4 AND source = 'message'") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM bi.csat WHERE is_satisfied AND source = 'message'") == [(1,)]


@pytest.mark.long
def test_a_message_of_1970_is_in_its_day_and_one_without_a_time_in_that_on_which_it_was_first_seen(
    engine: Engine,
) -> None:
    put(engine, inboxes=[{"id": one} for one in range(1, 5)], **histories(4, [None]))
    compute(engine)
    (days,) = rows(engine, "SELECT min(day)::text, max(day) = (now() AT TIME ZONE 'UTC')::date FROM bi.calendar")
    assert days == ("1970-01-01", True)
    assert rows(engine, "SELECT sum(messages_in) FROM bi.daily_volume WHERE day = '1970-01-01'") == rows(
        engine, "SELECT count(*) FROM bi.messages WHERE direction = 'in' AND sent_on = '1970-01-01'"
    )
    assert rows(engine, "SELECT count(*) > 0 FROM helpdesk.messages WHERE created_at IS NULL") == [(True,)]
    assert rows(engine, "SELECT count(*) FROM bi.messages WHERE sent_at IS NULL") == [(0,)]
    assert rows(engine, "SELECT sum(messages_in) FROM bi.daily_volume") == rows(
        engine, "SELECT count(*) FROM bi.messages WHERE direction = 'in'"
    )


def test_an_inbox_that_is_closed_all_week_answers_in_no_business_time(engine: Engine) -> None:
    closed = {"timezone": "UTC", "working_hours_enabled": True, "working_hours": NEVER_OPEN}
    put(engine, inboxes=[{"id": 1, **closed}], conversations=[{"id": 1, "inbox_id": 1}], agents=[{"id": 1}])
    put(engine, messages=[message(100, at(25, 8), "incoming"), message(101, at(25, 9), "outgoing", ("user", 1))])
    compute(engine)
    query = "SELECT reply_seconds, reply_business_seconds FROM bi.reply_times"
    assert rows(engine, query) == [(3600, 0)]


def test_a_rating_whose_time_is_not_told_is_not_the_last_one(engine: Engine) -> None:
    put(engine, conversations=[{"id": 1}])
    times = (at(25, 8), at(26, 8), None)
    put(
        engine,
        csat_responses=[
            {"id": rating, "conversation_id": 1, "rating": rating, "created_at": when}
            for rating, when in enumerate(times, 1)
        ],
    )
    assert rows(engine, "SELECT csat_rating FROM bi.conversations") == [(2,)]
