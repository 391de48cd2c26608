"""Holds the figures of real runs against the reference: what a simulated run leaves is what a real one does."""

import time

import pytest
from sqlalchemy import Engine

from etl.demo.events import add_conversation, add_message
from tests.reference.compare import base_tables, differences, read, stored
from tests.reference.events import events_of
from tests.reference.figures import FIGURES
from tests.scripted_account import empty_account, job


@pytest.mark.long
def test_the_figures_of_real_runs_are_what_the_document_says(engine: Engine) -> None:
    account, now = empty_account(), int(time.time())
    for number in range(1, 7):
        conversation = add_conversation(account, contact_id=1, inbox_id=1, at=now - 9_000 + number)
        for minute in range(number):
            add_message(account, conversation.id, f"message {minute}", now - 8_000 + minute * 60)
        conversation.status = "resolved" if number % 2 else "open"
    with job(account, engine) as served:
        served.run()
        for number, conversation in account.conversations.items():
            conversation.status = "open" if number % 3 else "resolved"
            add_message(account, number, "thanks", now - 60)
        served.run()
    tables = base_tables(engine)
    openings, waits = read(tables)
    assert {row["status"] for row in tables["conversation_states"]} == {"open", "resolved"}
    for name, wanted in zip(FIGURES, (openings, waits, events_of(tables)), strict=True):
        assert differences(wanted, stored(engine, name, FIGURES[name])) == {}
