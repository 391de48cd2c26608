"""The audit holds what the witness says of each message against the row: text, type and sender."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account, Contact
from etl.demo.events import add_conversation, add_message, delete_message, edit_message, reply
from etl.demo.server import Answer, Request
from etl.privacy.forget import forget
from etl.selection import Selection
from tests.integration.run.audits import broken_second_page, sums
from tests.personal_data import KEY
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, empty_account, job, notes_of, server_fault

AUDIT = Selection(audit=True)
NEWEST, OLD = "2026", "2.14"
MODES: dict[str, dict[str, Any]] = {
    "keep": {},
    "hash": {"pii": "hash", "pii_key": KEY},
    "drop": {"pii": "drop"},
}
STORED = """
    SELECT id, content, message_type, content_attributes ->> 'deleted', removed_at IS NOT NULL FROM messages ORDER BY id
"""


def histories(etl: Job) -> list[int]:
    """Return the conversations whose history was asked for."""
    return etl.asked()[1]


def execute(etl: Job, statement: str) -> None:
    with etl.engine.begin() as connection:
        connection.execute(text(statement))


def truth(account: Account) -> list[tuple[Any, ...]]:
    types = ("incoming", "outgoing", "activity", "template")
    return [
        (
            one.id,
            one.content,
            types[one.message_type],
            "true" if (one.content_attributes or {}).get("deleted") else None,
        )
        for conversation in account.conversations.values()
        for one in conversation.messages
    ]


# Servers after March 2026: nothing that is done to a message moves a clock


def test_an_audit_finds_every_old_message_that_was_deleted_or_edited(engine: Engine) -> None:
    account = account_of(40)  # more than one answer of the witness
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        for number in range(1, 14):
            delete_message(account, number, 3 * number - 1, LONG_AGO + 900 * DAY)
        for number in range(14, 33):
            edit_message(account, number, 3 * number - 1, LONG_AGO + 900 * DAY, content=f"edited {number}")
        assert (etl.run().outcome, histories(etl)) == ("complete", [])  # nothing tells an ordinary run
        run = etl.run(AUDIT)
        assert (run.outcome, run.problems, run.notes) == ("complete", [], [])
        assert histories(etl) == list(range(1, 33))
        assert [row[:4] for row in etl.rows(STORED)] == truth(account)
        # What agrees is not asked for again.
        assert (etl.run(AUDIT).outcome, histories(etl)) == ("complete", [])


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_an_edited_text_has_its_history_read_again_even_where_texts_are_not_kept(engine: Engine, mode: str) -> None:
    account = account_of(3)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run(**MODES[mode])
        edit_message(account, 2, 5, LONG_AGO + 900 * DAY, content="something else", status="read")
        run = etl.run(AUDIT, **MODES[mode])
        assert (run.outcome, run.notes, histories(etl)) == ("complete", [], [2])
        kept = "something else" if mode == "keep" else None
        assert etl.rows("SELECT content, status FROM messages WHERE id = 5") == [(kept, "read")]
        assert (etl.run(AUDIT, **MODES[mode]).outcome, histories(etl)) == ("complete", [])


@pytest.mark.long
@pytest.mark.parametrize(
    "change",
    [
        {"content": ""},
        {"content": None},
        {"content": "message 1 of 2"},
        {"message_type": 1, "sender_type": "User", "sender_id": 1},  # a contact's would contradict itself
        {"message_type": 3},
    ],
)
def test_a_small_difference_is_one(engine: Engine, change: dict[str, Any]) -> None:
    account = account_of(3)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        edit_message(account, 2, 5, LONG_AGO + 900 * DAY, **change)
        assert (etl.run(AUDIT).outcome, histories(etl)) == ("complete", [2])
        assert [row[:4] for row in etl.rows(STORED)] == truth(account)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_a_difference_of_what_is_stored_is_one_too(engine: Engine, mode: str) -> None:
    with job(account_of(3), engine, behaviour=NEWEST) as etl:
        etl.run(**MODES[mode])
        before = etl.rows(STORED)
        execute(
            etl, "UPDATE helpdesk.messages SET content = 'x', content_digest = left(content_digest, 20) WHERE id = 5"
        )
        run = etl.run(AUDIT, **MODES[mode])
        assert (run.outcome, histories(etl)) == ("complete", [2])
        assert etl.rows(STORED) == before


@pytest.mark.long
@pytest.mark.parametrize("content", ["a\x00b", "שלום 🙂\r\n", "x" * 100_000])
def test_texts_that_are_stored_in_another_form_agree(engine: Engine, content: str) -> None:
    account = account_of(3)
    account.conversations[2].messages[1].content = content
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        assert (etl.run(AUDIT).outcome, histories(etl)) == ("complete", [])


# Texts that are not kept


@pytest.mark.long
def test_digests_of_texts_tell_nothing_without_the_key_and_go_with_who_is_forgotten(engine: Engine) -> None:
    account = account_of(4)
    digests = "SELECT content_digest IS NULL, contact_id FROM messages WHERE message_type = 'incoming' ORDER BY id"
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run(**MODES["hash"])
        assert {row[0] for row in etl.rows(digests)} == {False}
        hashed = etl.rows("SELECT DISTINCT content_digest FROM messages")
        assert len(hashed) == 12
        forget(engine, 1, [1])
        assert set(etl.rows(digests)) == {(True, 1), (False, 2)}
        edit_message(account, 1, 2, LONG_AGO + 900 * DAY, content="theirs")
        run = etl.run(AUDIT, **MODES["hash"])
        assert (run.outcome, histories(etl)) == ("complete", [])
        assert "by their numbers only" not in " ".join(run.notes)
        etl.run(Selection(kind="backfill"), **MODES["hash"])
        assert set(etl.rows(digests)) == {(True, 1), (False, 2)}


@pytest.mark.long
def test_who_is_forgotten_where_texts_are_kept_is_not_read_again_by_every_audit(engine: Engine) -> None:
    with job(account_of(4), engine, behaviour=NEWEST) as etl:
        etl.run()
        forget(engine, 1, [1])
        for _ in range(2):
            run = etl.run(AUDIT)
            assert (run.outcome, run.notes, histories(etl)) == ("complete", [], [])


def test_what_cannot_be_compared_is_said_until_it_was_read_again(engine: Engine) -> None:
    with job(account_of(3), engine, behaviour=NEWEST) as etl:
        etl.run(**MODES["drop"])
        execute(etl, "UPDATE helpdesk.messages SET content_digest = NULL WHERE id = 4")
        # As if made with another token's key.
        execute(etl, "UPDATE helpdesk.messages SET content_digest = reverse(content_digest) WHERE id = 7")
        run = etl.run(AUDIT, **MODES["drop"])
        assert (run.outcome, histories(etl)) == ("complete", [])
        assert notes_of(run) == [
            "2 messages were compared by their numbers only: there is no digest of their texts yet. Each gets one when"
            " its history is read again (ETL_PATROL_PERCENT, or `etl backfill`)."
        ]
        etl.run(Selection(kind="backfill"), **MODES["drop"])
        assert notes_of(etl.run(AUDIT, **MODES["drop"])) == []


# Who wrote


@pytest.mark.long
@pytest.mark.parametrize("mode", ["keep", "hash"])
def test_a_message_that_is_somebody_else_s_by_now_is_read_again(engine: Engine, mode: str) -> None:
    account = account_of(3)
    account.contacts[3] = Contact(3, "Noa", LONG_AGO)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run(**MODES[mode])
        # Of one message only: the conversation's contact is as it was.
        account.conversations[2].messages[1].sender_id = 3
        assert (etl.run(**MODES[mode]).outcome, histories(etl)) == ("complete", [])
        run = etl.run(AUDIT, **MODES[mode])
        assert (run.outcome, set(histories(etl))) == ("complete", {2})
        assert etl.rows("SELECT contact_id FROM messages WHERE id = 5") == [(3,)]
        assert (etl.run(AUDIT, **MODES[mode]).outcome, histories(etl)) == ("complete", [])


@pytest.mark.long
def test_a_sender_who_is_gone_or_has_a_new_name_is_no_difference(engine: Engine) -> None:
    account = account_of(3)
    reply(account, 1, "by Alice", LONG_AGO + DAY, by=1)
    reply(account, 2, "by Bob", LONG_AGO + DAY, by=2)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        del account.agents[2]
        account.agents[1].name = "Alice Newname"
        account.contacts[1].name = "Dana Newname"
        assert (etl.run(AUDIT).outcome, histories(etl)) == ("complete", [])
        assert etl.rows("SELECT agent_id FROM messages WHERE agent_id IS NOT NULL ORDER BY id") == [(1,), (2,)]


# What is gone


@pytest.mark.long
@pytest.mark.parametrize("behaviour", [NEWEST, OLD])
def test_a_message_that_vanished_without_a_trace_is_removed_by_an_audit(engine: Engine, behaviour: str) -> None:
    account = account_of(3, messages=30)
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run()
        del account.conversations[2].messages[1]
        assert etl.run(books="off").outcome == "complete"  # whose counts would tell it
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL") == []
        assert etl.run(AUDIT).outcome == "complete"
        assert etl.rows("SELECT id FROM messages WHERE removed_at IS NOT NULL") == [(32,)]
        # Once more, as one reading may have been wrong.
        assert (etl.run().outcome, set(histories(etl))) == ("complete", {2})
        assert (etl.run(AUDIT).outcome, histories(etl)) == ("complete", [])


def hidden(account: Account) -> int:
    """Let a conversation have 100 messages whose times run against their ids; return one that both doors hide."""
    add_conversation(account, 1, 1, LONG_AGO)
    for number in range(1, 101):
        add_message(account, 1, f"message {number}", LONG_AGO, created_at=LONG_AGO - number * 60)
    return 50


@pytest.mark.long
@pytest.mark.parametrize("whole", [True, False])
def test_what_only_the_witness_tells_is_stored_as_it_tells_it_now(engine: Engine, whole: bool) -> None:
    account = empty_account()
    number = hidden(account)
    with job(account, engine, behaviour=OLD) as etl:
        etl.run()
        if whole:  # as if it had been read while nothing hid it
            execute(etl, f"UPDATE helpdesk.messages SET partial = false, status = 'sent' WHERE id = {number}")
        edit_message(account, 1, number, LONG_AGO + 900 * DAY, content="edited")
        assert etl.run(AUDIT).outcome == "complete"
        look = f"SELECT content, partial, removed_at FROM messages WHERE id = {number}"
        assert etl.rows(look) == [("edited", True, None)]
        account.conversations[1].messages = [one for one in account.conversations[1].messages if one.id != number]
        assert etl.run(AUDIT).outcome == "complete"
        assert etl.rows(look.replace("removed_at", "removed_at IS NULL")) == [("edited", True, False)]


# Ties: an idle account of which both orders skip some


def tied(at_once: int, messages: int) -> Account:
    """Return an account of 80 conversations, imported by so many at once: these have all times in common."""
    account = account_of(80, messages)
    for conversation in account.conversations.values():
        conversation.created_at = conversation.last_activity_at = LONG_AGO + conversation.id // at_once * DAY
        conversation.updated_at = float(LONG_AGO)
    return account


@pytest.mark.long
@pytest.mark.parametrize(
    ("behaviour", "at_once", "length"),
    # Before 2.16 only the witness proves a longer history: there are fewer ties within an inbox.
    [("4.7", 80, 25), ("4.7", 7, 3), (OLD, 80, 3), (OLD, 7, 25)],
)
def test_an_audit_of_an_idle_account_with_ties_is_complete(
    engine: Engine, behaviour: str, at_once: int, length: int
) -> None:
    with job(tied(at_once, length), engine, behaviour=behaviour) as etl:
        assert etl.run().outcome == "complete"
        run = etl.run(AUDIT)
        assert (run.outcome, run.problems) == ("complete", [])
        assert run.audit is not None
        assert (run.audit["conversations"], run.audit["messages"], run.audit["unaccounted"]) == (80, 80 * length, 0)


@pytest.mark.long
def test_what_no_page_shows_is_read_by_itself_with_one_request_each(engine: Engine) -> None:
    with job(tied(80, 3), engine) as etl:
        etl.run()
        run = etl.run(AUDIT)
        searched = [request for request in etl.vendor.requests if request.path.endswith("/search")]
        shown = {one["id"] for request in searched for one in orjson.loads(etl.vendor(request).body)["payload"]}
        left = sorted(set(range(1, 81)) - shown)
        assert len(searched) == 10
        assert left
        assert histories(etl) == left
        assert notes_of(run) == [
            f"{len(left)} histories that the vendor's search did not show were read by themselves, as its order has"
            " ties."
        ]


def test_a_backfill_with_an_audit_is_complete_with_ties_too(engine: Engine) -> None:
    with job(tied(80, 3), engine) as etl:
        run = etl.run(Selection(kind="backfill", audit=True))
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.rows("SELECT count(*) FROM conversations WHERE mark IS NULL") == [(0,)]


@pytest.mark.long
def test_what_the_witness_did_not_show_and_cannot_be_read_either_is_said(engine: Engine) -> None:
    broken: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        hit = broken and request.path.endswith("/conversations/30/messages")
        return server_fault() if hit else broken_second_page(request, answer)

    with job(account_of(60), engine, change=change) as etl:
        etl.run()
        broken.append(True)
        run = etl.run(AUDIT)
        assert (run.outcome, run.audit) == ("incomplete", sums(59, read=177))
        (said,) = run.problems
        assert said.startswith("1 histories were not compared with the vendor's search. The search failed: http://")
        assert "page=2: the server answered 500" in said
