"""Days that differ while their sum agrees: one has too much, and another one lacks as much."""

from collections.abc import Callable
from io import StringIO

import orjson
import pytest
from rich.console import Console
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message
from etl.demo.server import Answer, Request, json_answer
from etl.monitoring import run_history
from etl.monitoring.summary import print_summary
from tests.scripted_account import DAY, LONG_AGO, account_of, job

EARLY, LATE = LONG_AGO + 3_600, LONG_AGO + 40 * DAY


def account_of_two_months() -> Account:
    account = account_of(4)
    late = add_conversation(account, contact_id=1, inbox_id=1, at=LATE)
    for second in range(3):
        add_message(account, late.id, "late", LATE + second)
    return account


def shift(counts: Callable[[int, int], int], request: Request, answer: Answer) -> Answer:
    """Change what the vendor counts of incoming messages in each range that it tells."""
    found = orjson.loads(answer.body) if "/reports" in request.path else None
    since, until = int(request.first("since") or 0), int(request.first("until") or 0)
    if request.path.endswith("/summary"):
        found["incoming_messages_count"] += counts(since, until)
    elif found and request.first("metric") == "incoming_messages_count":
        for one, end in zip(found, [*(one["timestamp"] for one in found[1:]), until], strict=True):
            one["value"] += counts(max(one["timestamp"], since), end)
    return json_answer(found) if found else answer


@pytest.mark.parametrize("more_on_the_early_day", [1, -1])
def test_books_do_not_agree_while_one_day_has_what_another_one_lacks(
    engine: Engine, more_on_the_early_day: int
) -> None:
    lies = False

    def counts(since: int, until: int) -> int:
        return lies * more_on_the_early_day * ((since <= EARLY < until) - (since <= LATE < until))

    with job(account_of_two_months(), engine, lambda *asked: shift(counts, *asked), behaviour="2026") as etl:
        good = etl.run()
        lies = True
        runs = [etl.run(patrol_percent=0) for _ in range(4)]
        assert [run.outcome for run in runs] == ["incomplete"] * 4
        # Two nights of reading what may differ were in vain: the others ask for no conversation again.
        assert ["5 conversations" in run.problems[0] for run in runs] == [True, True, False, False]
        assert runs[-1].books is not None
        assert runs[-1].books["incoming_messages"] == {"vendor": 15, "ours": 15, "explained": 0, "days": 2}
        assert etl.rows("SELECT books_agree_as_of FROM bi.sync_health") == [(good.started_at,)]
        assert [one.books_agree for one in run_history.standings(engine, [1])] == [good.started_at]
        of_days = (
            "SELECT day::text, vendor - ours, settled_at FROM bi.reconciliation WHERE metric = 'incoming_messages'"
        )
        assert etl.rows(f"{of_days} ORDER BY day") == [
            ("2023-11-14", more_on_the_early_day, None),
            ("2023-12-24", -more_on_the_early_day, None),
            (None, 0, None),
        ]
        console = Console(width=200, record=True, file=StringIO())
        print_summary(runs[-1], console)
        assert "books          15 of 15 messages, and 2 days that differ" in console.export_text()
        lies = False
        again = etl.run(patrol_percent=0)
        assert (again.outcome, again.notes) == ("complete", [])
        assert [one.books_agree for one in run_history.standings(engine, [1])] == [again.started_at]
        assert etl.rows(f"{of_days} AND settled_at IS NULL") == []


@pytest.mark.long
def test_a_difference_that_may_be_of_what_changed_meanwhile_is_no_agreement(engine: Engine) -> None:
    """The vendor counts a message that it shows nowhere, and while it is read a conversation of the past goes."""
    account = account_of(12)
    goes: list[int] = []

    def hide(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/reports") and goes:
            account.conversations.pop(goes.pop())
        if not request.path.endswith("/messages"):
            return answer
        value = orjson.loads(answer.body)
        return json_answer(value | {"payload": [one for one in value["payload"] if one["id"] != 20]})

    with job(account, engine, hide) as etl:
        etl.run()
        goes.append(3)
        run = etl.run()
        assert [one for one in run.notes if "what lies in the past changed" in one]
        assert run.books is not None
        assert run.books["incoming_messages"]["vendor"] - run.books["incoming_messages"]["ours"] == 1
        assert etl.rows("SELECT books_agree_as_of FROM bi.sync_health") == [(None,)]
        assert [one.books_agree for one in run_history.standings(engine, [1])] == [None]


@pytest.mark.long
def test_a_series_of_zeros_against_a_sum_that_agrees_changes_no_row_and_is_held_against_the_sum(engine: Engine) -> None:
    """As of a server whose series are computed by night, and not there yet."""

    def zeros(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/reports"):
            return answer
        return json_answer([one | {"value": 0} for one in orjson.loads(answer.body)])

    with job(account_of(12), engine, zeros) as etl:
        etl.run(patrol_percent=0)
        rows = etl.rows("SELECT id, xmin FROM messages ORDER BY id")
        run = etl.run(patrol_percent=0)
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.asked()[1] == []  # no history is read again for it
        assert run.books is not None
        assert run.books["incoming_messages"] == {"vendor": 36, "ours": 36, "explained": 0}
        assert etl.rows("SELECT id, xmin FROM messages ORDER BY id") == rows
