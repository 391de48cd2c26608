"""`--recent` reads what was active since the last complete run, and no more pages than that takes."""

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Account
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import DAY, Job, account_of, job, notes_of, now

RECENT = Selection(recent=True)


def account_by_age(days: int, a_day: int = 10) -> Account:
    """Return an account with ten conversations a day, the newest of today; all open."""
    account = account_of(days * a_day, messages=1)
    for number, conversation in account.conversations.items():
        conversation.last_activity_at = now() - DAY * days + (number - 1) * DAY // a_day
        conversation.updated_at = float(conversation.last_activity_at)
    return account


def list_pages(etl: Job) -> list[str]:
    return [
        "&".join(f"{name}={value}" for name, value in request.query)
        for request in etl.vendor.requests
        if request.path.endswith("/conversations")
    ]


def test_without_a_complete_run_everything_is_read_and_the_summary_says_so(engine: Engine) -> None:
    with job(account_by_age(5), engine) as etl:
        run = etl.run(RECENT)
        assert etl.rows("SELECT count(*) FROM conversations") == [(50,)]
        assert etl.rows("SELECT selection FROM sync_runs") == [(None,)]
    assert run.outcome == "complete"
    assert run.ledger is not None
    assert notes_of(run) == ["No run was complete yet, so everything was read, and not only what is recent."]


@pytest.mark.parametrize("behaviour", ["2.14", "4.7"])
def test_what_changed_since_the_last_complete_run_is_read_and_nothing_else(engine: Engine, behaviour: str) -> None:
    account = account_by_age(30)
    with job(account, engine, behaviour=behaviour) as etl:
        assert etl.run(reread_days=0).outcome == "complete"
        events.add_message(account, 3, "news", now())
        new = events.add_conversation(account, 1, 1, now())
        events.add_message(account, new.id, "hello", now())
        run = etl.run(RECENT, reread_days=0)
        assert sorted(set(etl.asked()[1])) == [3, new.id]
        assert etl.rows("SELECT count(*) FROM messages WHERE content IN ('news', 'hello')") == [(2,)]
        assert etl.rows("SELECT selection FROM sync_runs ORDER BY run_id DESC LIMIT 1") == [({"recent": True},)]
        # Two days back with ten a day: the pages of 25 with numbers 1 and 2, where the full walk has 13.
        open_pages = [one for one in list_pages(etl) if one.startswith("status=open")]
        if behaviour == "2.14":
            assert len(open_pages) <= 2 + 3
        else:
            assert [one.split("&")[1].split("=")[0] for one in open_pages] == [
                "page",
                "updated_within",
                "updated_within",
            ]
    assert (run.outcome, run.ledger) == ("complete", None)


@pytest.mark.long
def test_a_pinned_old_conversation_that_comes_first_does_not_end_the_walk(engine: Engine) -> None:
    account = account_by_age(10, a_day=20)

    def pinned(request: Request, answer: Answer) -> Answer:
        if (
            request.path.endswith("/conversations")
            and request.first("page") == "1"
            and request.first("status") == "open"
        ):
            value = orjson.loads(answer.body)
            value["data"]["payload"].insert(0, {"id": 1, "timestamp": 1, "labels": []})
            return json_answer(value)
        return answer

    with job(account, engine, behaviour="2.14", change=pinned) as etl:
        etl.run(reread_days=0)
        changed = [one.id for one in account.conversations.values() if one.last_activity_at > now() - DAY * 2]
        assert len(changed) > 30
        etl.run(RECENT, reread_days=0)
        assert len([one for one in list_pages(etl) if one.startswith("status=open")]) >= 2


@pytest.mark.long
def test_a_recent_run_that_is_complete_is_where_the_next_one_begins(engine: Engine) -> None:
    account = account_by_age(30)
    with job(account, engine, behaviour="2.14") as etl:
        etl.run(reread_days=0)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE helpdesk.sync_runs SET started_at = started_at - interval '20 days'")
        etl.run(RECENT, reread_days=0)
        far = len(list_pages(etl))
        etl.run(RECENT, reread_days=0)
        assert len(list_pages(etl)) < far
