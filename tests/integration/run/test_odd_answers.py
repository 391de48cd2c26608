"""Answers that are valid in themselves and yet not what they seem: nothing that is there goes missing by them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from etl.selection import Selection
from tests.scripted_account import Change, Job, account_of, change_messages, job

REMOVED = "SELECT count(*) FROM messages WHERE removed_at IS NOT NULL"
OPEN = "SELECT id FROM conversations WHERE mark IS NULL ORDER BY 1"


def each_message(change: Callable[[dict[str, Any]], None]) -> Change:
    """Change every message, in lists, histories and searches alike."""

    def walk(value: Any) -> None:
        for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            walk(inner)
        if isinstance(value, dict) and "message_type" in value:
            change(value)

    def changed(request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or "conversations" not in request.path:
            return answer
        value = orjson.loads(answer.body)
        walk(value)
        return json_answer(value)

    return changed


def each_conversation(change: Callable[[dict[str, Any]], None]) -> Change:
    """Change every conversation of the list's pages."""

    def changed(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        for one in value["data"]["payload"]:
            change(one)
        return json_answer(value)

    return changed


@pytest.mark.parametrize("kind", [str, float])
def test_numbers_of_messages_in_another_spelling_are_the_same_messages(engine: Engine, kind: type) -> None:
    with job(account_of(4), engine, change=each_message(lambda one: one.update(id=kind(one["id"])))) as etl:
        for selection in (Selection(), Selection(), Selection(audit=True)):
            run = etl.run(selection)
            assert (run.outcome, etl.rows(REMOVED)) == ("complete", [(0,)])
        assert run.audit is not None
        assert (run.audit["messages"], run.audit["read"]) == (12, 12)


@pytest.mark.long
@pytest.mark.parametrize("kind", [str, float])
def test_numbers_of_conversations_in_another_spelling_end_no_walk(engine: Engine, kind: type) -> None:
    change = each_conversation(lambda one: one.update(id=kind(one["id"])))
    with job(account_of(25, 1), engine, change=change, page_size=1) as etl:
        assert etl.run(messages="listed").outcome == "complete"
        assert etl.rows("SELECT count(*) FROM conversations") == [(25,)]


@pytest.mark.long
@pytest.mark.parametrize(("asked", "given"), [(1, 2), (2, 1)])
def test_a_backfill_keeps_the_marks_open_of_histories_that_were_given_for_each_other(
    engine: Engine, asked: int, given: int
) -> None:
    wrong, vendor = [True], Vendor(account_of(4))
    there = f"/conversations/{asked}/messages"

    def answer(request: Request) -> Answer:
        proper = vendor(request)
        if not (wrong and request.path.endswith(there)):
            return proper
        value = orjson.loads(
            vendor(replace(request, path=request.path.replace(there, there.replace(str(asked), str(given))))).body
        )
        for one in value["payload"]:
            del one["conversation_id"]
        value["payload"] += orjson.loads(proper.body)["payload"][-1:]
        return json_answer(value)

    with serve(answer) as url:
        etl = Job(vendor, url, engine)
        assert etl.run(Selection(kind="backfill")).outcome == "incomplete"
        assert etl.rows(OPEN) == [(1,), (2,)]
        wrong.clear()
        etl.run()
        assert etl.run().outcome == "complete"
        whole = "SELECT conversation_id, count(*) - count(removed_at) FROM messages GROUP BY 1 ORDER BY 1"
        assert etl.rows(whole) == [(number, 3) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("is_empty", [False, True])
@pytest.mark.parametrize(("asked", "given"), [(1, 2), (2, 1)])
def test_the_patrol_removes_nothing_by_one_wrong_answer(engine: Engine, asked: int, given: int, is_empty: bool) -> None:
    wrong, vendor = [], Vendor(account_of(4))

    def answer(request: Request) -> Answer:
        if not (wrong and request.path.endswith(f"/conversations/{asked}/messages")):
            return vendor(request)
        value = orjson.loads(vendor(replace(request, path=request.path.replace(f"/{asked}/", f"/{given}/"))).body)
        for one in value["payload"]:
            del one["conversation_id"]
        return json_answer(value | ({"payload": []} if is_empty else {}))

    with serve(answer) as url:
        etl = Job(vendor, url, engine)
        etl.run()
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.conversations SET history_read_at = now() - interval '3 days'"))
            connection.execute(text("UPDATE helpdesk.sync_runs SET started_at = now() - interval '3 days'"))
        wrong.append(True)
        etl.run(patrol_percent=100)
        assert etl.rows(REMOVED) == [(0,)]
        wrong.clear()
        etl.run()
        assert (etl.run().outcome, etl.rows(REMOVED), etl.rows(OPEN)) == ("complete", [(0,)], [])


@pytest.mark.long
def test_times_in_milliseconds_reject_what_figures_rest_on(engine: Engine) -> None:
    def change(message: dict[str, Any]) -> None:
        message["created_at"] *= 1000

    with job(account_of(1), engine, change=each_message(change)) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected > 0) == ("incomplete", True)
        assert etl.rows("SELECT count(*) FROM messages WHERE created_at IS NULL") == [(0,)]


@pytest.mark.long
@pytest.mark.parametrize("status", [429, 503])
def test_a_time_to_wait_until_that_is_none_is_as_good_as_none(engine: Engine, status: int) -> None:
    bad = Answer(status, b"{}", headers={"Retry-After": "Tue, 14 Nov 2023 22:13:20 +99999999999999"})
    left = [bad]

    def change(request: Request, answer: Answer) -> Answer:
        return left.pop() if left and request.path.endswith("/inboxes") else answer

    with job(account_of(1), engine, change=change) as etl:
        assert etl.run().outcome == "complete"


@pytest.mark.long
def test_a_sender_of_whom_two_types_are_told_renames_nobody(engine: Engine) -> None:
    def change(message: dict[str, Any]) -> None:
        message |= {"sender": {"id": 1, "name": "Robot", "type": "user"}, "sender_type": "AgentBot", "sender_id": 1}

    with job(account_of(1), engine, change=change_messages(change)) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected) == ("incomplete", 3)
        assert etl.rows("SELECT name FROM agents WHERE id = 1") == [("Alice Admin",)]


@pytest.mark.long
def test_a_mark_holds_nothing_but_clocks(engine: Engine) -> None:
    change = each_conversation(lambda one: one.update(updated_at={"by": "dana@example.com"}))
    with job(account_of(1), engine, change=change) as etl:
        assert etl.run(pii="drop").outcome == "complete"
        ((mark,),) = etl.rows("SELECT mark FROM conversations")
        assert mark == " 1700000120 3"


# 0 stands for no time; of the others it is a value.
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value"), [("created_at", None), ("created_at", 0), ("message_type", None), ("private", None)]
)
def test_what_figures_rest_on_is_not_stored_as_null_under_complete(engine: Engine, name: str, value: Any) -> None:
    with job(account_of(1), engine, change=each_message(lambda one: one.update({name: value}))) as etl:
        run = etl.run()
        nulls = etl.rows(f"SELECT count(*) FROM messages WHERE {name} IS NULL")
        assert (run.outcome, nulls) == ("incomplete", [(0,)])


@pytest.mark.long
@pytest.mark.parametrize(("asked", "given"), [(1, 2), (2, 1)])
def test_an_audit_is_not_told_of_one_conversation_by_the_history_of_another(
    engine: Engine, asked: int, given: int
) -> None:
    account, wrong = account_of(4), list[bool]()
    vendor = Vendor(account)

    def answer(request: Request) -> Answer:
        if not (wrong and request.path.endswith(f"/conversations/{asked}/messages")):
            return vendor(request)
        value = orjson.loads(vendor(replace(request, path=request.path.replace(f"/{asked}/", f"/{given}/"))).body)
        for one in value["payload"]:
            del one["conversation_id"]
        return json_answer(value)

    held = "SELECT id, conversation_id, content, partial, removed_at IS NOT NULL FROM messages ORDER BY id"
    with serve(answer) as url:
        etl = Job(vendor, url, engine)
        etl.run()
        for number in (1, 2):  # edited upstream, which moves no clock
            account.conversations[number].messages[0].content = "edited"
        truth = [
            (message.id, one.id, message.content, False, False)
            for one in account.conversations.values()
            for message in one.messages
        ]
        wrong.append(True)
        run = etl.run(Selection(audit=True))
        assert run.outcome == "incomplete" or etl.rows(held) == truth
        wrong.clear()
        etl.run()
        assert (etl.run(Selection(audit=True)).outcome, etl.rows(held)) == ("complete", truth)
