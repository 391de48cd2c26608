"""What was open at the end of each day: by the timeline, for every known day, in step with what came and went."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine, text

from tests.databases import new_engine
from tests.integration.views import random_account
from tests.integration.views.told_account import Told, tell

FLOWS_THAT_DO_NOT_MAKE_THE_STOCK = """
    WITH stock AS (
        SELECT account_id, inbox_id, day, sum(backlog) AS backlog FROM bi.daily_backlog GROUP BY 1, 2, 3
    ), flow AS (
        SELECT
            account_id, inbox_id, day,
            sum(conversations_opened + conversations_reopened - conversations_resolved - conversations_deleted) AS net
        FROM bi.daily_volume GROUP BY 1, 2, 3
    )
    SELECT stock.account_id, stock.inbox_id, stock.day, before.backlog, flow.net, stock.backlog
    FROM stock
    JOIN stock AS before ON before.account_id = stock.account_id AND before.day = stock.day - 1
     AND before.inbox_id IS NOT DISTINCT FROM stock.inbox_id
    LEFT JOIN flow ON flow.account_id = stock.account_id AND flow.day = stock.day
     AND flow.inbox_id IS NOT DISTINCT FROM stock.inbox_id
    WHERE stock.backlog <> before.backlog + coalesce(flow.net, 0)
"""
# Each opening asked for each day's end, one by one.
DAYS_THAT_DIFFER_FROM_THE_OPENINGS = """
    SELECT day.account_id, day.day, found.backlog, counted.conversations
    FROM bi.calendar AS day
    JOIN bi.known_days AS known USING (account_id, day)
    CROSS JOIN LATERAL (
        SELECT sum(backlog) AS backlog FROM bi.daily_backlog WHERE (account_id, day) = (known.account_id, known.day)
    ) AS found
    CROSS JOIN LATERAL (
        SELECT count(*) AS conversations
        FROM bi.resolutions AS opening
        JOIN bi.conversations AS conversation USING (account_id, conversation_id)
        WHERE opening.account_id = day.account_id AND coalesce(opening.opened_at < day.ends_at, true)
          AND (opening.resolved_at IS NULL OR opening.resolved_at >= day.ends_at)
          AND (conversation.deleted_at IS NULL OR conversation.deleted_at >= day.ends_at)
    ) AS counted
    WHERE known.is_known AND found.backlog IS DISTINCT FROM counted.conversations
"""
DAYS_WITHOUT_A_ROW_OF_AN_INBOX = """
    SELECT known.account_id, known.day, inbox.inbox_id
    FROM bi.known_days AS known
    JOIN (SELECT DISTINCT account_id, inbox_id FROM helpdesk.conversations) AS inbox USING (account_id)
    FULL JOIN (SELECT DISTINCT account_id, day, inbox_id FROM bi.daily_backlog) AS row
      ON row.account_id = known.account_id AND row.day = known.day AND row.inbox_id IS NOT DISTINCT FROM inbox.inbox_id
    WHERE coalesce(known.is_known, false) IS DISTINCT FROM (row.day IS NOT NULL)
"""
HELD_TWICE = """
    SELECT account_id, day, inbox_id, team_id, agent_id, owner, owner_kind FROM bi.daily_backlog
    GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) > 1
"""
INVARIANTS = {
    "stock and flow agree": FLOWS_THAT_DO_NOT_MAKE_THE_STOCK,
    "it is what was open by the openings": DAYS_THAT_DIFFER_FROM_THE_OPENINGS,
    "each inbox has a row for each day that is known, and no other day has": DAYS_WITHOUT_A_ROW_OF_AN_INBOX,
    "no row is there twice": HELD_TWICE,
    "its parts are no more than it": "SELECT * FROM bi.daily_backlog WHERE open + pending + snoozed > backlog",
}
SEEDS = range(6)


@pytest.fixture
def told(engine: Engine) -> Told:
    """An account of which nothing is told yet."""
    return tell(engine)


@pytest.fixture(scope="module", params=SEEDS)
def random_histories(server_url: str, template: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with an account in which anything happens."""
    with new_engine(server_url, template) as engine:
        random_account.write(engine, request.param)
        yield engine


def backlog(told: Told) -> dict[str, int]:
    days = told.rows("SELECT to_char(day, 'MM-DD'), sum(backlog)::int FROM bi.daily_backlog GROUP BY day ORDER BY day")
    return dict(tuple(one) for one in days)


@pytest.mark.long
@pytest.mark.parametrize("invariant", INVARIANTS)
def test_of_any_history(random_histories: Engine, invariant: str) -> None:
    with random_histories.connect() as connection:
        assert connection.scalar(text("SELECT sum(backlog) > 0 FROM bi.daily_backlog"))
        assert [tuple(row) for row in connection.execute(text(INVARIANTS[invariant]))] == []


@pytest.mark.parametrize("invariant", INVARIANTS)
def test_of_the_written_account(written: Engine, invariant: str) -> None:
    with written.connect() as connection:
        assert [tuple(row) for row in connection.execute(text(INVARIANTS[invariant]))] == []


def test_a_day_with_nothing_open_has_a_row_and_one_that_is_not_known_has_none(told: Told) -> None:
    told.conversation(1, "03-23 09:00")
    told.wrote(1, ("03-23 09:00", "in"))
    told.saw("03-26 02:00", (1, "open", 1))
    told.wrote(1, ("03-26 09:00", "act"))
    told.saw("03-27 02:00", (1, "resolved", 1))
    assert backlog(told) == {"03-25": 1, "03-26": 0}
    reasons = told.rows("SELECT day, is_known, reason FROM bi.known_days WHERE day <= '2026-03-27' ORDER BY day")
    early = "It was over before the first run looked at the whole account."
    assert reasons == [
        (date(2026, 3, 23), False, early),
        (date(2026, 3, 24), False, early),
        (date(2026, 3, 25), True, None),
        (date(2026, 3, 26), True, None),
        (date(2026, 3, 27), False, "No run has looked at the whole account since it ended."),
    ]


def test_before_any_run_no_day_is_known(told: Told) -> None:
    told.conversation(1, "03-23 09:00")
    told.compute()
    assert backlog(told) == {}
    reasons = told.rows("SELECT DISTINCT is_known, reason FROM bi.known_days")
    assert reasons == [(False, "No run has looked at the whole account yet.")]


def test_what_began_after_midnight_is_not_in_the_day_before_and_what_was_resolved_after_it_is(told: Told) -> None:
    told.conversation(1, "11-26 23:30")  # 01:30 in Jerusalem
    told.conversation(2, "11-20 09:00")
    told.wrote(1, ("11-26 23:30", "in"))
    told.wrote(2, ("11-20 09:00", "in"))
    told.saw("11-21 00:00", (2, "open", 2))
    told.wrote(2, ("11-26 22:30", "act"))  # 00:30
    told.saw("11-27 00:00", (1, "open", 1), (2, "resolved", 2))
    assert told.rows("SELECT agent, backlog FROM bi.daily_backlog WHERE day = '2026-11-26' AND backlog > 0") == [
        ("Bob", 1)
    ]


def test_a_week_without_a_run_is_known_by_the_run_after_it(told: Told) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.saw("03-03 02:00", (1, "open", 1))
    told.wrote(1, ("03-05 09:00", "Ann"), ("03-05 09:01", "act"))
    told.saw("03-08 02:00", (1, "resolved", 1), selection='{"recent": true}')
    assert backlog(told) == {"03-02": 1, "03-03": 1, "03-04": 1, "03-05": 0, "03-06": 0, "03-07": 0}


def test_who_had_it_at_midnight_is_as_a_run_saw_it_then_and_before_the_first_one_as_it_was_seen_first(
    told: Told,
) -> None:
    told.conversation(1, "03-02 09:00")
    told.wrote(1, ("03-02 09:00", "in"))
    told.saw("03-02 05:00")  # of what was before it
    told.saw("03-04 02:00", (1, "pending", 1))
    told.saw("03-05 02:00", (1, "snoozed", 2, {"team_id": None}))
    told.saw("03-06 02:00")
    columns = "to_char(day, 'MM-DD'), agent, open, pending, snoozed"
    assert told.rows(f"SELECT {columns} FROM bi.daily_backlog WHERE backlog > 0 ORDER BY day") == [
        ("03-02", "Ann", 0, 1, 0),
        ("03-03", "Ann", 0, 1, 0),
        ("03-04", "Ann", 0, 1, 0),
        ("03-05", "Bob", 0, 0, 1),
    ]


def test_what_no_run_saw_is_as_its_record_says(told: Told) -> None:
    told.saw("03-02 02:00")
    told.conversation(1, "03-02 09:00", "pending", assignee_id=2)
    told.saw("03-04 02:00")
    assert told.rows("SELECT to_char(day, 'MM-DD'), agent, pending FROM bi.daily_backlog WHERE backlog > 0") == [
        ("03-02", "Bob", 1),
        ("03-03", "Bob", 1),
    ]


def test_it_is_the_same_however_often_and_from_where_it_is_asked(told: Told) -> None:
    told.conversation(1, "03-02 22:00")  # midnight in Jerusalem: of the 3rd
    told.conversation(2, "03-02 21:59")
    told.saw("03-05 02:00", (1, "open", 1), (2, "open", 1))
    found = []
    for zone in ("UTC", "America/New_York"):
        with told.engine.connect() as connection:
            connection.exec_driver_sql(f"SET TimeZone = '{zone}'")
            query = "SELECT day::text, backlog FROM bi.daily_backlog WHERE backlog > 0 ORDER BY 1"
            found.append([tuple(row) for row in connection.exec_driver_sql(query)])
    assert found == [[("2026-03-04", 2)]] * 2
