"""A conversation that is sent exactly as before is left alone, and only such a one."""

import json
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import DAY, LONG_AGO, account_of, job, walking_job

DIGESTS = "SELECT id FROM conversations WHERE payload_digest IS NOT NULL ORDER BY id"


def test_only_what_changed_is_taken_in_again(engine: Engine) -> None:
    account = account_of(60)
    with walking_job(account, engine) as etl:
        etl.run()
        assert len(etl.rows(DIGESTS)) == 60
        events.set_custom_attributes(account, 7, {"plan": "gold"}, LONG_AGO + DAY)
        run = etl.run()
        assert run.tally.counts["conversations"] == {"seen": 60, "inserted": 0, "updated": 1, "unchanged": 59}
        # Dana with her conversation, and as the list has her.
        assert run.tally.counts["contacts"] == {"seen": 2, "inserted": 0, "updated": 0, "unchanged": 2}
        assert etl.rows('SELECT id FROM conversations WHERE custom_attributes = \'{"plan": "gold"}\'') == [(7,)]
        assert etl.run().tally.counts["conversations"] == {"seen": 60, "inserted": 0, "updated": 0, "unchanged": 60}


@pytest.mark.long
def test_what_changed_between_list_and_history_and_then_back_is_put_right(engine: Engine) -> None:
    amid = {"on": True}

    def edited_for_a_moment(request: Request, answer: Answer) -> Answer:
        if not (amid["on"] and request.path.endswith("/conversations/1/messages")):
            return answer
        value: dict[str, Any] = orjson.loads(answer.body)
        value["payload"][-1]["content"] = "for a moment"
        return json_answer(value)

    with job(account_of(2), engine, change=edited_for_a_moment) as etl:
        etl.run()
        assert etl.rows("SELECT content FROM messages WHERE id = 3") == [("for a moment",)]
        assert etl.rows(DIGESTS) == [(2,)]
        amid["on"] = False
        etl.run()
        assert etl.rows("SELECT content FROM messages WHERE id = 3") == [("message 2 of 1 🙂",)]


@pytest.mark.long
def test_a_tombstone_goes_when_the_conversation_comes_back_as_it_was(engine: Engine) -> None:
    account = account_of(3)
    gone = account.conversations[2]
    with job(account, engine) as etl:
        etl.run()
        del account.conversations[2]
        etl.run()
        assert etl.rows("SELECT id FROM conversations WHERE deleted_at IS NOT NULL") == [(2,)]
        account.conversations[2] = gone
        etl.run()
        assert etl.rows("SELECT id FROM conversations WHERE deleted_at IS NOT NULL") == []


@pytest.mark.long
def test_a_backfill_takes_in_what_is_unchanged_too(engine: Engine) -> None:
    with job(account_of(30), engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE helpdesk.messages SET content = 'by hand' WHERE id = 10")
        etl.run()
        assert etl.rows("SELECT content FROM messages WHERE id = 10") == [("by hand",)]
        etl.run(Selection(kind="backfill"))
        assert etl.rows("SELECT content FROM messages WHERE id = 10") == [("message 0 of 4 🙂",)]


@pytest.mark.long
def test_a_conversation_of_which_a_record_was_rejected_is_looked_at_every_night(engine: Engine) -> None:
    def broken(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        for one in value["data"]["payload"]:
            one["meta"]["sender"]["id"] = "no"
        return json_answer(value)

    with job(account_of(2), engine, change=broken) as etl:
        assert etl.run().tally.rejected == 2
        assert etl.rows(DIGESTS) == []
        assert etl.run().tally.rejected == 2


@pytest.mark.long
def test_a_conversation_that_was_refused_for_a_night_is_struck_off_the_ledger_when_it_comes_as_it_was(
    engine: Engine,
) -> None:
    hidden = {"on": False}

    def refused(request: Request, answer: Answer) -> Answer:
        if hidden["on"] and request.path.endswith("/conversations/2"):
            return json_answer({"error": "You are not authorized to do this action"}, 401)
        if hidden["on"] and request.path.endswith("/conversations"):
            value = orjson.loads(answer.body)
            value["data"]["payload"] = [one for one in value["data"]["payload"] if one["id"] != 2]
            return json_answer(value)
        return answer

    with walking_job(account_of(30), engine, change=refused) as etl:
        etl.run()
        hidden["on"] = True
        etl.run()
        assert etl.rows("SELECT conversation_id, state FROM conversation_ledger") == [(2, "forbidden")]
        hidden["on"] = False
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT conversation_id, state FROM conversation_ledger") == []


@pytest.mark.long
def test_a_conversation_that_was_rejected_for_a_night_is_read_well_when_it_comes_as_it_was(engine: Engine) -> None:
    broken = {"on": False}

    def change(request: Request, answer: Answer) -> Answer:
        if not broken["on"] or not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        for one in value["data"]["payload"]:
            one["status"] = 7 if one["id"] == 2 else one["status"]
        return json_answer(value)

    with job(account_of(3), engine, change=change) as etl:
        etl.run()
        broken["on"] = True
        assert etl.run().tally.rejected == 1
        broken["on"] = False
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT entity_id FROM rejected_records WHERE resolved_at IS NULL") == []


@pytest.mark.long
def test_whether_an_agent_is_at_work_is_told_by_conversations_that_are_left_alone_too(engine: Engine) -> None:
    account = account_of(2)
    account.conversations[1].assignee_id = 2
    online = {"on": True}

    def at_work(request: Request, answer: Answer) -> Answer:
        if not (online["on"] and request.path.endswith("/messages")):
            return answer
        value = orjson.loads(answer.body)
        for one in value["payload"]:
            one["sender"] = {"id": 2, "type": "user", "name": "Bob", "availability_status": "online"}
        return json_answer(value)

    def listed_offline(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/conversations"):
            value = orjson.loads(answer.body)
            for one in value["data"]["payload"]:
                if "assignee" in one["meta"]:
                    one["meta"]["assignee"]["availability_status"] = "offline"
            return json_answer(value)
        return at_work(request, answer)

    status = "SELECT availability_status FROM agents WHERE id = 2"
    with job(account, engine, change=listed_offline) as etl:
        etl.run()
        online["on"] = False
        etl.run()
        assert etl.rows(status) == [("offline",)]


def test_a_number_below_all_others_is_a_rejected_record(engine: Engine) -> None:
    def poison(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        for one in value["data"]["payload"]:
            one["id"] = -(10**19) if one["id"] == 2 else one["id"]
        return Answer(body=json.dumps(value).encode())

    with job(account_of(3), engine, change=poison) as etl:
        run = etl.run()
        assert (run.outcome, etl.rows("SELECT id FROM conversations ORDER BY id")) == ("incomplete", [(1,), (2,), (3,)])
        assert etl.rows("SELECT entity, entity_id FROM rejected_records") == [("conversation", str(-(10**19)))]


def test_a_run_that_fails_counts_what_it_saved(engine: Engine) -> None:
    def refused(request: Request, answer: Answer) -> Answer:
        return json_answer({"error": "no"}, 401) if request.first("status") == "pending" else answer

    with job(account_of(60), engine, change=refused) as etl:
        run = etl.run()
        assert run.outcome == "failed"
        assert etl.rows("SELECT (counts->'conversations'->>'inserted')::int FROM sync_runs") == etl.rows(
            "SELECT count(*) FROM conversations"
        )
