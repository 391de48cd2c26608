"""Contacts that the vendor merged: the messages of the one that is gone become the other's, and no clock tells."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account, Contact
from etl.demo.events import merge_contacts
from etl.demo.server import Answer, Request
from etl.selection import Selection
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job, server_fault

OLD = "2.14"
WRITERS = "SELECT DISTINCT conversation_id, contact_id FROM messages ORDER BY 1"
OPEN = "SELECT id FROM conversations WHERE mark IS NULL"


def seen_by_an_agent(conversations: int) -> Account:
    """Return an account of which 2.14 lists no message but the newest: it lists what nobody has seen."""
    account = account_of(conversations)
    for conversation in account.conversations.values():
        conversation.agent_last_seen_at = float(LONG_AGO + 900 * DAY)
    return account


def merge_unseen(account: Account) -> None:
    """Merge contact 2 into 1, as servers before 4.0.2 do: no clock tells."""
    clocks = {number: one.updated_at for number, one in account.conversations.items()}
    merge_contacts(account, keep=1, gone=2, at=LONG_AGO)
    for number, one in account.conversations.items():
        one.updated_at = clocks[number]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", [OLD, "4.7"])
@pytest.mark.parametrize("settings", [{}, {"pii": "drop"}])
def test_a_conversation_whose_contact_changed_has_its_history_read_again(
    engine: Engine, behaviour: str, settings: dict[str, Any]
) -> None:
    account = seen_by_an_agent(4)
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run(**settings)
        merge_unseen(account)
        run = etl.run(**settings)
        assert (run.outcome, set(etl.asked()[1])) == ("complete", {2, 4})
        assert etl.rows(WRITERS) == [(1, 1), (2, 1), (3, 1), (4, 1)]
        assert etl.run(**settings).outcome == "complete"
        assert etl.asked()[1] == []


@pytest.mark.long
def test_a_history_that_could_not_be_read_then_is_read_by_the_next_run(engine: Engine) -> None:
    account = seen_by_an_agent(4)
    broken: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if broken and request.path.endswith("/2/messages") else answer

    with job(account, engine, change=change, behaviour=OLD) as etl:
        etl.run()
        merge_unseen(account)
        broken.append(True)
        assert (etl.run().outcome, etl.rows(OPEN)) == ("incomplete", [(2,)])
        broken.clear()
        assert (etl.run().outcome, etl.rows(OPEN)) == ("complete", [])
        assert etl.rows(WRITERS) == [(1, 1), (2, 1), (3, 1), (4, 1)]


@pytest.mark.long
def test_a_conversation_that_is_given_to_somebody_else_alone_is_read_again_too(engine: Engine) -> None:
    account = seen_by_an_agent(4)
    account.contacts[3] = Contact(3, "Noa", LONG_AGO)
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        account.conversations[3].contact_id = 3
        assert etl.run().outcome == "complete"
        assert set(etl.asked()[1]) == {3}
        # Who has written stays: only the conversation is another's.
        assert etl.rows(WRITERS) == [(1, 1), (2, 2), (3, 1), (4, 2)]


@pytest.mark.long
def test_a_list_that_names_no_contact_changes_none(engine: Engine) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        body = answer.body.replace(b'"sender":{"additional', b'"nobody":{"additional')
        return Answer(answer.status, answer.headers, body) if request.path.endswith("/conversations") else answer

    with job(seen_by_an_agent(4), engine, behaviour=OLD) as etl:
        etl.run()
    with job(etl.vendor.account, engine, change=change, behaviour=OLD) as again:
        again.run()
        assert again.asked()[1] == []


def merged_in_the_tables(etl: Job) -> list[tuple[Any, ...]]:
    return etl.rows("SELECT count(*) FROM messages WHERE contact_id = 2")


@pytest.mark.long
def test_an_audit_finds_by_their_names_the_messages_of_a_contact_who_is_gone(engine: Engine) -> None:
    account = seen_by_an_agent(4)
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        merge_unseen(account)
        # A run of an earlier version: the conversations are with the other contact, the messages are not.
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE helpdesk.conversations SET contact_id = 1")
        assert (etl.run().outcome, merged_in_the_tables(etl)) == (
            "complete",
            [(4,)],
        )  # but for those that the list shows
        run = etl.run(Selection(audit=True))
        assert (run.outcome, merged_in_the_tables(etl)) == ("complete", [(0,)])
        assert (etl.run(Selection(audit=True)).outcome, etl.asked()[1]) == ("complete", [])
