"""Conversations as they were: at each moment the view says what was true then, and now what the tables say."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import change_conversation, delete_conversation
from etl.load import clock
from tests.scripted_account import Job, account_of, job, now

AT = """
    SELECT conversation_id, status, agent_id, team, labels, priority FROM bi.conversation_history
    WHERE valid_from <= :at AND (valid_to IS NULL OR valid_to > :at) ORDER BY 1
"""
OVERLAPS = """
    SELECT count(*) FROM bi.conversation_history AS one JOIN bi.conversation_history AS other
      ON other.conversation_id = one.conversation_id AND other.valid_from > one.valid_from
    WHERE one.valid_to IS NULL OR other.valid_from < one.valid_to
"""
GAPS = """
    SELECT count(*) FROM bi.conversation_history AS one
    WHERE valid_to IS NOT NULL AND NOT EXISTS (
        SELECT FROM bi.conversation_history AS next
        WHERE next.conversation_id = one.conversation_id AND next.valid_from = one.valid_to
    )
"""
IN_TABLES = """
    SELECT id, status, assignee_id, (SELECT name FROM teams WHERE id = team_id),
        ARRAY(SELECT label FROM conversation_labels WHERE conversation_id = c.id ORDER BY label), priority
    FROM conversations AS c WHERE deleted_at IS NULL ORDER BY 1
"""


def as_it_is(account: Account) -> list[tuple[Any, ...]]:
    return [
        (one.id, one.status, one.assignee_id, "sales" if one.team_id else None, sorted(one.labels), one.priority)
        for one in account.conversations.values()
    ]


def happen(etl: Job, account: Account, *events: Callable[[], Any]) -> dict[datetime, list[tuple[Any, ...]]]:
    """Run after each event; return the moments after each run, and what was true of the conversations then."""
    truths = {}
    for event in events:
        event()
        assert (run := etl.run()).outcome == "complete", run.problems
        truths[clock.now(etl.engine)] = as_it_is(account)
    return truths


@pytest.mark.long
def test_at_each_moment_it_says_what_was_true_then(engine: Engine) -> None:
    account = account_of(3)
    account.conversations[1].labels = ["vip"]

    def change(number: int, **fields: Any) -> Callable[[], Any]:
        return lambda: change_conversation(account, number, now(), None, **fields)

    with job(account, engine, behaviour="2026") as etl:
        truths = happen(
            etl,
            account,
            lambda: None,
            change(1, status="resolved"),
            change(1, labels=["bug", "vip"]),
            change(1, labels=["bug"], assignee_id=2, team_id=1),
            change(2, labels=["vip"]),
            change(1, status="open", priority="high"),
            change(1, labels=[]),
        )
        assert {at: etl.rows(AT, at=at) for at in truths} == truths
        assert etl.rows(AT, at=clock.now(engine)) == etl.rows(IN_TABLES) == as_it_is(account)
        assert (etl.rows(OVERLAPS), etl.rows(GAPS)) == ([(0,)], [(0,)])
        periods = "SELECT conversation_id, count(*), count(valid_to) FROM bi.conversation_history GROUP BY 1 ORDER BY 1"
        assert etl.rows(periods) == [(1, 6, 5), (2, 2, 1), (3, 1, 0)]
        assert etl.rows(AT.replace("ORDER", "AND conversation_id = 2 ORDER"), at=min(truths)) == [
            (2, "open", None, None, [], None)
        ]


@pytest.mark.long
def test_one_that_is_deleted_is_not_there_any_more_and_was_before(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        truths = happen(etl, account, lambda: None, lambda: delete_conversation(account, 2))
        assert {at: etl.rows(AT, at=at) for at in truths} == truths
        assert etl.rows("SELECT count(*) FROM bi.conversation_history WHERE conversation_id = 2") == [(1,)]


@pytest.mark.long
def test_changes_of_fields_are_shown_with_whose_they_are(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        etl.run()
        account.contacts[1].name = "Dana K."
        account.contacts[1].custom_attributes = {"plan": "gold"}
        change_conversation(account, 1, now(), None, labels=["vip"])
        etl.run()
        shown = "SELECT entity, conversation_id, contact_id, field, before, after FROM bi.field_changes ORDER BY number"
        assert etl.rows(shown) == [
            ("contact", None, 1, "custom_attributes.plan", None, "gold"),
            ("contact", None, 1, "name", "Dana", "Dana K."),
            ("conversation", 1, 1, "labels", [], ["vip"]),
        ]
