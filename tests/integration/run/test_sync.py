"""A run against a scripted account: what it asks for, what it writes, and what it says of itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo import events
from etl.demo.account import Attachment
from etl.demo.server import Answer, Request
from etl.errors import AnotherRun
from etl.load import run_lock
from tests.scripted_account import (
    DAY,
    LONG_AGO,
    Change,
    account_of,
    change_messages,
    empty_account,
    job,
    now,
    server_fault,
)

# What a full run asks for beside pages and histories: 25 ids above the highest, four counts, five lists of names, the
# profile, and one page of survey responses, which is empty; bots, campaigns and policies, the members of a team and of
# two inboxes; the vendor's books, seven times; and whether it has events of its own.
PROBES = 36 + 6 + 7 + 1
# One page of contacts, and the empty one.
CONTACTS = 2


def test_the_first_run_reads_every_page_and_every_history_and_is_complete(engine: Engine) -> None:
    with job(account_of(60), engine) as etl:
        run = etl.run()
        # 60 open: three pages and the empty one; the three other statuses have only the empty one.
        assert etl.asked() == (4 + 3, list(range(1, 61)))
    assert (run.outcome, run.problems, run.tally.requests, run.tally.pages) == (
        "complete",
        [],
        67 + PROBES + CONTACTS,
        7,
    )
    assert run.ledger == {
        "highest_id": 60, "loaded": 60, "deleted": 0, "forbidden": 0, "unreadable": 0, "unaccounted": 0,
    }  # fmt: skip
    assert run.tally.counts["messages"] == {"seen": 180, "inserted": 180, "updated": 0, "unchanged": 0}


def test_a_quiet_run_asks_for_the_list_only_and_writes_nothing(engine: Engine) -> None:
    with job(account_of(30), engine) as etl:
        etl.run()
        run = etl.run()
        assert etl.asked() == (6, [])
    assert run.outcome == "complete"
    assert {table: (one["inserted"], one["updated"]) for table, one in run.tally.counts.items()} == {
        "conversations": (0, 0), "messages": (0, 0), "contacts": (0, 0), "attachments": (0, 0),
    }  # fmt: skip


def test_only_the_histories_of_conversations_that_changed_are_read_again(engine: Engine) -> None:
    account = account_of(30)
    with job(account, engine) as etl:
        etl.run()
        events.reply(account, 7, "שלום!", LONG_AGO + 50 * DAY, by=2)
        run = etl.run()
        assert etl.asked() == (6, [7])
        assert etl.rows(
            "SELECT content, agent_id FROM messages WHERE conversation_id = 7 ORDER BY id DESC LIMIT 1"
        ) == [("שלום!", 2)]
    assert run.tally.counts["messages"]["inserted"] == 1


@pytest.mark.long
def test_conversations_of_the_last_days_are_read_again_because_an_edit_moves_no_clock(engine: Engine) -> None:
    account = empty_account()
    for age in (1, 2, 10):
        conversation = events.add_conversation(account, 1, 1, now() - age * DAY)
        events.add_message(account, conversation.id, "before", now() - age * DAY)
        events.add_message(account, conversation.id, "newest", now() - age * DAY + 60)
    with job(account, engine, behaviour="2026") as etl:
        etl.run()
        for one in (1, 2, 3):
            events.edit_message(account, one, account.conversations[one].messages[0].id, now(), content="after")
        etl.run(reread_days=3)
        assert etl.asked()[1] == [1, 2]
        first = "SELECT content FROM messages WHERE content <> 'newest' ORDER BY conversation_id"
        assert etl.rows(first) == [("after",), ("after",), ("before",)]
        etl.run(reread_days=0)
        assert etl.asked()[1] == []


def test_a_history_longer_than_the_windows_cap_is_read_in_parts_back_dated_messages_included(engine: Engine) -> None:
    account = account_of(1, messages=2_300)
    events.add_message(account, 1, "imported", LONG_AGO + DAY, created_at=LONG_AGO - DAY)
    with job(account, engine) as etl:
        run = etl.run()
        assert etl.rows("SELECT count(*), count(DISTINCT id) FROM messages") == [(2_301, 2_301)]
        assert run.outcome == "complete"
        etl.run()
        assert etl.asked()[1] == []


def test_what_no_longer_is_becomes_null_and_what_changed_is_updated(engine: Engine) -> None:
    account = account_of(1)
    at = LONG_AGO + DAY
    events.change_conversation(account, 1, at, by=1, assignee_id=2, team_id=1, labels=("vip", "bug"), priority="high")
    look = "SELECT status, assignee_id, team_id, priority FROM conversations"
    labels = "SELECT label FROM conversation_labels ORDER BY label"
    with job(account, engine) as etl:
        etl.run()
        assert (etl.rows(look), etl.rows(labels)) == ([("open", 2, 1, "high")], [("bug",), ("vip",)])
        events.change_conversation(account, 1, at + 60, by=1, status="resolved", assignee_id=None, team_id=None)
        events.change_conversation(account, 1, at + 90, by=None, labels=("bug",), priority=None)
        etl.run()
        assert (etl.rows(look), etl.rows(labels)) == ([("resolved", None, None, None)], [("bug",)])
        columns = "status, assignee_id, team_id, priority, valid_to IS NULL"
        states = f"SELECT {columns} FROM conversation_states ORDER BY valid_from"
        assert etl.rows(states) == [("open", 2, 1, "high", False), ("resolved", None, None, None, True)]


def test_an_agent_who_left_and_a_contact_without_a_name_are_still_there(engine: Engine) -> None:
    account = account_of(1)
    events.reply(account, 1, "hello", LONG_AGO + DAY, by=2)
    events.change_conversation(account, 1, LONG_AGO + DAY, by=1, assignee_id=2)
    events.remove_agent(account, 2)
    with job(account, engine) as etl:
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT assignee_id FROM conversations") == [(None,)]
        assert etl.rows("SELECT a.name FROM messages AS m JOIN agents AS a ON a.id = m.agent_id") == [("Bob",)]


def test_a_deleted_message_keeps_its_row_and_loses_its_attachments(engine: Engine) -> None:
    account = account_of(1)
    picture = Attachment(5, "image", data_url="https://files.example/5.png")
    message = events.add_message(account, 1, "look", LONG_AGO + DAY, attachments=[picture])
    look = "SELECT deleted, content, (SELECT count(*) FROM attachments) FROM messages ORDER BY id DESC LIMIT 1"
    with job(account, engine) as etl:
        etl.run()
        assert etl.rows(look) == [(False, "look", 1)]
        events.delete_message(account, 1, message.id, LONG_AGO + DAY + 60)
        etl.run()
        assert etl.rows(look) == [(True, "This message was deleted", 0)]


def _breaks(conversation_id: int, broken: list[bool]) -> Change:
    """Make the history of one conversation a 500, as long as something says so."""

    def change(request: Request, answer: Answer) -> Answer:
        hit = request.path.endswith(f"/conversations/{conversation_id}/messages")
        return server_fault() if hit and broken else answer

    return change


def test_a_history_that_cannot_be_read_is_counted_and_tried_again_by_the_next_run(engine: Engine) -> None:
    broken = [True]
    with job(account_of(3), engine, change=_breaks(2, broken)) as etl:
        run = etl.run()
        broken.clear()
        assert run.outcome == "incomplete"
        assert len(run.problems) == 1
        assert run.problems[0].startswith(
            "1 histories could not be read completely; the next run tries again. The first: http"
        )
        # The list's own newest message is saved in any case, and the mark stays open.
        assert etl.rows("SELECT id, mark IS NULL, history_read_at IS NULL FROM conversations ORDER BY id") == [
            (1, False, False), (2, True, True), (3, False, False),
        ]  # fmt: skip
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = 2") == [(1,)]
        assert etl.run().outcome == "complete"
        assert etl.asked() == (5, [2])
        assert etl.rows("SELECT count(*) FROM messages") == [(9,)]


def test_a_record_that_cannot_be_a_row_is_kept_aside_and_the_rest_of_the_page_is_saved(engine: Engine) -> None:
    def break_message_4(message: dict[str, Any]) -> None:
        if message["id"] == 4:
            message["created_at"] = "yesterday"

    with job(account_of(3), engine, change=change_messages(break_message_4)) as etl:
        run = etl.run(books="off")
        assert (run.outcome, run.tally.rejected) == ("incomplete", 1)
        ((entity, entity_id, reason, payload),) = etl.rows(
            "SELECT entity, entity_id, reason, payload FROM rejected_records"
        )
        assert (entity, entity_id, reason) == ("message", "4", "created_at: expected a time, got the text 'yesterday'")
        assert payload["content"] == "message 0 of 2 🙂"
        assert etl.rows("SELECT count(*) FROM messages") == [(8,)]
        # It is met again by the next run, as the history is not taken for read; and it is kept once.
        assert etl.run(books="off").tally.rejected == 1
        assert etl.asked()[1] == [2]
        assert etl.rows("SELECT count(*), max(run_id) FROM rejected_records") == [(1, 2)]


def test_unknown_fields_are_kept_and_named(engine: Engine) -> None:
    change = change_messages(lambda message: message.update(mood={"score": 0}))
    with job(account_of(1), engine, change=change) as etl:
        assert "message.mood" in etl.run().tally.unknown_fields
        assert etl.rows("SELECT DISTINCT extra -> 'mood' FROM messages") == [({"score": 0},)]


def test_a_dead_token_fails_the_run_and_the_journal_says_why(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        run = etl.run(api_token="wrong")
        assert run.outcome == "failed"
        assert 'the server answered 401: {"error":"Invalid Access Token"}' in run.problems[0]
        assert etl.rows("SELECT outcome, finished_at IS NULL, problems FROM sync_runs") == [
            ("failed", False, run.problems)
        ]
        assert "wrong" not in run.problems[0]


def test_one_run_at_a_time_an_account_and_the_second_says_who_holds_it(engine: Engine) -> None:
    with job([account_of(1), account_of(1, number=2)], engine) as etl:
        etl.run()
        with run_lock.hold(engine, 1):
            with engine.begin() as connection:
                connection.execute(text("UPDATE helpdesk.sync_runs SET outcome = 'running'"))
            with pytest.raises(
                AnotherRun, match=r"^Run 1 of account 1 is going on since 20.* UTC \(process \d+ on .+\)"
            ):
                etl.run()
            assert etl.run(account_id=2).outcome == "complete"
        assert etl.run().outcome == "complete"
        # The one that died without a word was closed by the next.
        assert etl.rows("SELECT run_id, account_id, outcome FROM sync_runs ORDER BY run_id") == [
            (1, 1, "interrupted"), (2, 2, "complete"), (3, 1, "complete"),
        ]  # fmt: skip


def test_two_accounts_with_the_same_numbers_live_side_by_side(engine: Engine) -> None:
    with job([account_of(2), account_of(3, number=2)], engine) as etl:
        etl.run()
        etl.run(account_id=2)
        assert etl.rows("SELECT account_id, count(*) FROM conversations GROUP BY 1 ORDER BY 1") == [(1, 2), (2, 3)]
        assert etl.rows("SELECT account_id, count(*) FROM messages GROUP BY 1 ORDER BY 1") == [(1, 6), (2, 9)]


def test_the_journal_has_the_whole_run(engine: Engine) -> None:
    with job(account_of(2), engine) as etl:
        run = etl.run()
        columns = (
            "kind, selection, outcome, requests, retries, pages, rejected, highest_id, loaded, unaccounted, problems"
        )
        assert etl.rows(f"SELECT {columns} FROM sync_runs") == [
            ("sync", None, "complete", 7 + PROBES + CONTACTS, 0, 5, 0, 2, 2, 0, None)
        ]
        ((started, finished, counts),) = etl.rows("SELECT started_at, finished_at, counts FROM sync_runs")
        assert (started, finished) == (run.started_at, run.finished_at)
        assert started <= finished <= datetime.now(UTC)
        assert counts["messages"] == {"seen": 6, "inserted": 6, "updated": 0, "unchanged": 0}
