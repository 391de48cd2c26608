"""What waits for the writer is stored, counted and noted as if each page had come by itself."""

from random import Random
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from etl.database.engine import transaction
from etl.database.models import METADATA
from etl.load import journal, upsert
from etl.load.journal import Run
from etl.privacy.rules import Way
from etl.run.writer import Writer
from etl.transform.batch import Batch
from etl.transform.rows import add_history, close_history, to_batch

NOON = 1767268800
PAGES = 12
TABLES = (
    *("contacts", "agents", "inboxes", "labels", "conversations", "conversation_labels", "messages", "attachments"),
    *("conversation_states", "field_changes", "rejected_records"),
)
# By whom and when it was stored.
NOT_COMPARED = {"account_id", "run_id", "number"}


def some(random: Random) -> tuple[list[dict[str, Any]], dict[int, list[dict[str, Any]]]]:
    """Return the payloads of a page, and the histories of its conversations."""
    # Each page has conversations of its own, as a rule; who is in them changes now and then.
    numbers = {random.randrange(1, 60) for _ in range(random.randrange(1, 4))}
    payloads, histories = [], {}
    for number in sorted(numbers):
        contact = {"id": number % 5 + 1, "name": random.choice(["Dana"] * 8 + ["Dina"])}
        agent = {"id": number % 2 + 1, "name": "Tal"} | random.choice([{}, {"availability_status": "online"}])
        meta: Any = {"sender": contact, "assignee": agent, "channel": "Channel::Api"}
        if random.random() < 0.05:
            meta = []  # is rejected
        labels = random.choice([["vip"], ["vip", "new"], []])
        status = random.choice(["open"] * 3 + ["resolved"])
        fields = {"inbox_id": number % 2 + 1, "meta": meta, "labels": labels, "timestamp": NOON + random.randrange(3)}
        payloads.append({"id": number, "status": status, "created_at": NOON} | fields)
        # A few messages are claimed by two conversations.
        ids = {number * 10 + random.randrange(3) for _ in range(2)} | ({5} if random.random() < 0.05 else set())
        histories[number] = [
            {"id": one, "content": random.choice("ab"), "message_type": 0, "private": False, "created_at": NOON + one}
            | ({"attachments": [{"id": one, "file_size": 2}]} if random.random() < 0.3 else {})
            for one in sorted(ids)
        ]
    return payloads, histories


def batches(run: Run, seed: int) -> list[Batch]:
    """Return the pages of a seed as batches of a run."""
    random, made = Random(seed), []
    for _ in range(PAGES):
        payloads, histories = some(random)
        batch = to_batch(run.account_id, payloads)
        for number in batch.marks:
            add_history(batch, number, histories[number])
            close_history(batch, number, run.clock.now())
        made.append(batch)
    return made


def begun(engine: Engine, account: int) -> Run:
    run = Run(account, "sync", None)
    with transaction(engine) as connection:
        upsert.save(connection, {"accounts": [{"account_id": account, "base_url": "http://127.0.0.1"}]})
        journal.begin(run, connection)
    journal.open_run(engine, run)
    return run


def rows_of(connection: Connection, account: int) -> dict[str, list[str]]:
    """Return the rows of an account, but for who stored them and when, in no order."""
    found = {}
    for name in TABLES:
        table = METADATA.tables[f"helpdesk.{name}"]
        columns = [
            column.name
            for column in table.columns
            if column.name not in NOT_COMPARED and (column.name.startswith("created") or str(column.type) != "DATETIME")
        ]
        statement = f"SELECT {', '.join(columns)} FROM helpdesk.{name} WHERE account_id = {account}"
        found[name] = sorted(map(repr, connection.exec_driver_sql(statement)))
    return found


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(4, 60))])
def test_pages_that_wait_together_are_stored_and_counted_as_those_that_come_by_themselves(
    engine: Engine, seed: int
) -> None:
    alone, together = begun(engine, 1), begun(engine, 2)
    with Writer(engine, alone, lambda: None, Way("keep")) as writer:
        for batch in batches(alone, seed):
            writer.save(batch)
    all_wait, transactions = Event(), list[int]()

    def guard(_: Connection) -> None:
        all_wait.wait()
        transactions.append(1)

    with Writer(engine, together, lambda: None, Way("keep")) as writer:
        writer.kept.guard = guard
        for batch in batches(together, seed):
            writer.begin(batch)
        all_wait.set()
        writer.finish()
    # Where messages move, each page is saved by itself after all.
    assert len(transactions) < PAGES or alone.tally.moved
    assert alone.tally == together.tally
    with transaction(engine) as connection:
        assert rows_of(connection, 1) == rows_of(connection, 2)
