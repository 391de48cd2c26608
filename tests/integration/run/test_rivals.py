"""Two workers save the same messages under two conversations at the same moment: one of them has to notice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Engine

from etl.demo.account import Account
from etl.demo.payloads import conversation_payload, history_payload
from etl.load.journal import Run
from etl.load.tally import Tally
from etl.run.saving import Known, save_batch
from etl.transform.rows import add_history, close_history, to_batch
from tests.scripted_account import account_of, job
from tests.waits import LONGEST, wait_until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def save(connection: Connection, account: Account, number: int, of: int) -> Tally:
    """Save a conversation, whose history was answered with the messages of `of`, in the transaction that is open."""
    conversation, other = account.conversations[number], account.conversations[of]
    shown = conversation_payload(account, conversation, "4.7") | {"messages": [], "labels": []}
    batch = to_batch(1, [shown | {"last_non_activity_message": None}])
    add_history(batch, number, history_payload(account, other, other.messages, "4.7")["payload"])
    close_history(batch, number, datetime.now(UTC))
    rows = {table: list(by_key.values()) for table, by_key in batch.rows.items()}
    return save_batch(connection, Run(1, "sync"), batch, rows, Known.look(connection, 1))


@pytest.mark.long
@pytest.mark.parametrize("is_loaded", [False, True])
def test_whoever_saves_last_tells_both_conversations_and_leaves_both_open(engine: Engine, is_loaded: bool) -> None:
    account = account_of(4)
    with job(account_of(4) if is_loaded else account_of(0), engine) as etl:
        assert etl.run().outcome == "complete"
        with engine.connect() as first, ThreadPoolExecutor(1) as thread:
            first.begin()
            told = save(first, account, 3, of=4)

            def last() -> Tally:
                with engine.begin() as connection:
                    return save(connection, account, 4, of=4)

            saving = thread.submit(last)
            wait_until(lambda: etl.rows(WAITING) == [(1,)])
            first.commit()
            assert list(saving.result(LONGEST).moved) == [3, 4]
        assert list(told.moved) == ([3, 4] if is_loaded else [])
        assert etl.rows("SELECT id FROM conversations WHERE mark IS NULL ORDER BY id") == [(3,), (4,)]
        assert etl.rows("SELECT id, conversation_id, content, removed_at FROM messages WHERE id > 9 ORDER BY id") == [
            (10 + at, 4, f"message {at} of 4 🙂", None) for at in range(3)
        ]


@pytest.mark.long
def test_two_workers_that_save_the_same_history_agree(engine: Engine) -> None:
    account = account_of(4)
    with job(account_of(0), engine) as etl:
        etl.run()
        with engine.connect() as first, ThreadPoolExecutor(1) as thread:
            first.begin()
            save(first, account, 4, of=4)

            def last() -> Tally:
                with engine.begin() as connection:
                    return save(connection, account, 4, of=4)

            saving = thread.submit(last)
            wait_until(lambda: etl.rows(WAITING) == [(1,)])
            first.commit()
            tally = saving.result(LONGEST)
        assert (list(tally.moved), tally.counts["messages"]["unchanged"]) == ([], 3)
        assert etl.rows("SELECT count(*) FROM conversations WHERE mark IS NULL") == [(0,)]
