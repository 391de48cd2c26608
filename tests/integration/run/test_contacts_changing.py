"""Contacts that change while they are listed or between runs: created, deleted, merged, edited, forgotten."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from etl.database.engine import transaction
from etl.demo.account import Contact
from etl.demo.events import add_conversation, add_message, delete_conversation, merge_contacts
from etl.demo.server import Answer, Request, json_answer
from etl.exit_codes import Outcome
from etl.privacy.forget import forget
from etl.selection import Selection
from tests.integration.run.test_contacts import BEST, asked, listed_account, of_list, page_of
from tests.scripted_account import LONG_AGO, Job, job, notes_of, now, walking_job

TOMBSTONES = "SELECT id, deleted_at IS NOT NULL, merged_into FROM contacts WHERE id <> 2 ORDER BY id"


def when(page: int, then: Callable[[], object], sort: str = BEST) -> Callable[[Request, Answer], Answer]:
    """Have something happen once, after a page of contacts was answered."""
    due = [then]

    def change(request: Request, answer: Answer) -> Answer:
        if due and page_of(request) == page and request.first("sort") == sort:
            due.pop()()
        return answer

    return change


def moved(one: Job, conversation: int, before: int, after: int) -> None:
    """Note that a conversation has another contact, as a run does that sees it."""
    with transaction(one.engine) as connection:
        connection.execute(
            text(
                "INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)"
                " VALUES (1, 'conversation', :number, 'contact_id', :before, :after, now())"
            ),
            {"number": conversation, "before": json.dumps(before), "after": json.dumps(after)},
        )


@pytest.mark.long
def test_who_is_created_while_the_list_is_read_is_left_to_the_next_run_and_no_alarm(engine):
    account = listed_account(40)
    new = Contact(99, "New", now(), email="a@example.com")  # comes on the first page, which was read
    change = when(4, lambda: account.contacts.update({99: new}))
    with job(account, engine, change=change) as one:
        run = one.run(concurrency=1)
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert run.contact_ledger == {"counted": 40, "loaded": 40, "gone": 0, "not_shown": 0}
        run = one.run()
        assert run.contact_ledger == {"counted": 41, "loaded": 41, "gone": 0, "not_shown": 0}


@pytest.mark.long
def test_who_is_deleted_while_the_list_is_read_hides_nobody_whom_that_made_the_pages_skip(engine):
    account = listed_account(40)
    change = when(1, lambda: account.contacts.pop(11))  # the first of the second page is the last of the first one now
    with job(account, engine, change=change) as one:
        run = one.run(concurrency=1)
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert run.contact_ledger == {"counted": 40, "loaded": 39, "gone": 1, "not_shown": 0}
        assert one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL") == [(11,)]
        assert one.rows("SELECT count(*) FROM contacts WHERE deleted_at IS NULL AND listed") == [(39,)]


@pytest.mark.parametrize("seed", range(3))
def test_an_account_that_moves_all_the_time_raises_no_alarm_and_buries_nobody_who_lives(engine, seed):
    account = listed_account(50)
    asked_so_far = [seed]

    def change(request: Request, answer: Answer) -> Answer:
        if of_list(request):
            asked_so_far[0] += 1
            number = asked_so_far[0]
            account.contacts[100 + number] = Contact(100 + number, "New", now(), email=f"{number % 10}{number}@x")
            account.contacts.pop(10 + number * 5 % 40, None)
        return answer

    with job(account, engine, change=change) as one:
        for _ in range(4):
            run = one.run(Selection(accept_deletions=True))
            assert run.problems == []
            ledger = run.contact_ledger
            assert ledger
            assert ledger["counted"] == ledger["loaded"] + ledger["gone"] + ledger["not_shown"]
            buried = {row[0] for row in one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL")}
            assert not buried & account.contacts.keys()


@pytest.mark.long
def test_a_contact_that_was_merged_names_into_whom_and_a_chain_of_merges_each_its_own(engine):
    account = listed_account(5)
    for contact, number in ((11, 3), (11, 4), (12, 5), (13, 6)):
        assert add_conversation(account, contact, 1, LONG_AGO + number).id == number
    with job(account, engine) as one:
        one.run()
        merge_contacts(account, keep=12, gone=11, at=now())
        moved(one, 3, 11, 12)
        moved(one, 4, 11, 12)
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        merge_contacts(account, keep=13, gone=12, at=now())
        for number, before in ((3, 12), (4, 12), (5, 12)):
            moved(one, number, before, 13)
        del account.contacts[14]
        one.run()
        assert one.rows(TOMBSTONES) == [
            (1, False, None), (11, True, 12), (12, True, 13), (13, False, None), (14, True, None),
        ]  # fmt: skip
        seen = "SELECT contact_id, is_deleted, merged_into FROM bi.contacts WHERE contact_id > 10 ORDER BY contact_id"
        assert one.rows(seen) == [
            (11, True, 12), (12, True, 13), (13, False, None), (14, True, None),
        ]  # fmt: skip


@pytest.mark.long
def test_where_the_heir_is_merged_between_two_pages_the_last_one_of_the_chain_tells(engine):
    account = listed_account(5)
    for contact, number in ((11, 3), (11, 4), (12, 5)):
        assert add_conversation(account, contact, 1, LONG_AGO + number).id == number
    with job(account, engine) as one:
        one.run()
        merge_contacts(account, keep=12, gone=11, at=now())
        merge_contacts(account, keep=13, gone=12, at=now())
        for number, before, after in ((3, 11, 12), (3, 12, 13), (4, 11, 13), (5, 12, 13)):
            moved(one, number, before, after)
        one.run()
        assert one.rows(TOMBSTONES)[1:4] == [(11, True, 13), (12, True, 13), (13, False, None)]


@pytest.mark.long
def test_who_was_in_no_list_and_was_merged_or_whose_conversations_are_deleted_is_asked_for_once(engine):
    account = listed_account(2)
    for number in (21, 22, 23):
        account.contacts[number] = Contact(number, f"Visitor {number}", LONG_AGO)
        add_conversation(account, number, 1, LONG_AGO + number)
    with walking_job(account, engine) as one:
        one.run()
        assert [path for path in asked(one) if "/" in path] == []
        merge_contacts(account, keep=11, gone=21, at=now())
        moved(one, 3, 21, 11)
        delete_conversation(account, 4)
        del account.contacts[22]
        delete_conversation(account, 5)  # 23 is still there
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert [path for path in asked(one) if "/" in path] == ["contacts/21", "contacts/22", "contacts/23"]
        assert one.rows(TOMBSTONES) == [
            (1, False, None), (11, False, None), (21, True, 11), (22, True, None), (23, False, None),
        ]  # fmt: skip
        one.run()
        assert [path for path in asked(one) if "/" in path] == []


@pytest.mark.long
def test_two_heirs_that_do_not_meet_name_nobody_and_nor_does_a_conversation_that_stayed(engine):
    account = listed_account(5)
    assert add_conversation(account, 11, 1, LONG_AGO).id == 3
    with job(account, engine) as one:
        one.run()
        moved(one, 7, 12, 13)
        moved(one, 8, 12, 14)
        moved(one, 9, 11, 13)
        one.run()
        assert {row[1:] for row in one.rows(TOMBSTONES)} == {(False, None)}
        account.contacts.pop(12)
        one.run()
        assert one.rows(TOMBSTONES)[2] == (12, True, None)


def test_a_forgotten_contact_is_listed_without_anything_personal_and_its_merge_is_told(engine):
    account = listed_account(5)
    assert add_conversation(account, 11, 1, LONG_AGO).id == 3
    with job(account, engine) as one:
        one.run()
        forget(one.engine, 1, [11, 12])
        account.contacts[12].name = "Renamed"
        one.run()
        personal = (
            "SELECT id, name, email, phone_number, identifier, listed FROM contacts WHERE id IN (11, 12) ORDER BY 1"
        )
        assert one.rows(personal) == [(11, None, None, None, None, True), (12, None, None, None, None, True)]
        merge_contacts(account, keep=13, gone=11, at=now())
        moved(one, 3, 11, 13)
        run = one.run()
        assert notes_of(run) == [
            "Conversations of a forgotten person now belong to contact 13: if the vendor merged two contacts, that one"
            " has to be forgotten, too (`etl forget`)."
        ]
        assert one.rows(TOMBSTONES)[1] == (11, True, 13)
        assert one.rows(personal)[0] == (11, None, None, None, None, True)


@pytest.mark.long
def test_what_only_the_sender_or_only_the_list_tells_stays(engine):
    def change(request: Request, answer: Answer) -> Answer:
        if not of_list(request):
            return answer
        sent = orjson.loads(answer.body)
        for one in sent["payload"]:
            del one["blocked"], one["availability_status"]
            one["conversations_count"] = 7
        return json_answer(sent)

    account = listed_account(2)
    account.contacts[1].blocked = True
    with job(account, engine, change=change) as one:
        for _ in range(2):
            run = one.run()
            assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
            told = "SELECT blocked, availability_status, conversations_count FROM contacts WHERE id = 1"
            assert one.rows(told) == [(True, "offline", 7)]
            add_message(account, 1, "again", now())


@pytest.mark.long
def test_a_run_without_the_list_misses_none_of_its_fields(engine):
    def change(request: Request, answer: Answer) -> Answer:
        if not of_list(request):
            return answer
        sent = orjson.loads(answer.body)
        for one in sent["payload"]:
            one["conversations_count"] = 7
        return json_answer(sent)

    account = listed_account(30, conversations=30)
    with job(account, engine, change=change) as one:
        one.run()
        for values in ({"contacts": "seen"}, {}):
            for conversation in account.conversations:
                add_message(account, conversation, "again", now())
            run = one.run(**values)
            assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        run = one.run(Selection(recent=True))
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])


@pytest.mark.long
def test_secrets_that_a_list_embeds_all_the_same_are_stored_nowhere(engine):
    secret = "s3cret-imap-password"

    def change(request: Request, answer: Answer) -> Answer:
        if "/contacts" not in request.path:
            return answer
        sent = orjson.loads(answer.body)
        several = sent["payload"] if isinstance(sent["payload"], list) else [sent["payload"]]
        for one in several:
            one["contact_inboxes"] = [{"source_id": "x", "inbox": {"id": 1, "imap_password": secret, "login": secret}}]
            one["id"] = "none" if one["id"] == 12 else one["id"]
        return json_answer(sent)

    account = listed_account(4)
    with job(account, engine, change=change) as one:
        run = one.run()
        assert (run.outcome, run.tally.rejected) == (Outcome.INCOMPLETE, 1)
        assert one.rows("SELECT entity, entity_id FROM rejected_records") == [("contact", "none")]
        tables = one.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'helpdesk'")
        stored = [one.rows(f"SELECT t::text FROM {table} AS t WHERE t::text LIKE '%{secret}%'") for (table,) in tables]
        assert [rows for rows in stored if rows] == []


@pytest.mark.long
def test_a_recent_run_reads_the_newest_pages_and_takes_over_edits_that_no_conversation_tells(engine):
    account = listed_account(50)
    for number, contact in account.contacts.items():
        contact.last_activity_at = LONG_AGO + number if number > 2 else None
    with job(account, engine) as one:
        one.run()
        account.contacts[11].name, account.contacts[11].last_activity_at = "Renamed", now()
        account.contacts[12].name = "Renamed without a clock"
        account.contacts[99] = Contact(99, "New", now(), email="n@example.com", last_activity_at=now())
        del account.contacts[13]
        run = one.run(Selection(recent=True))
        assert (run.outcome, notes_of(run), run.problems, run.contact_ledger) == (Outcome.COMPLETE, [], [], None)
        assert (
            {f"contacts -last_activity_at {n}" for n in (1, 2)}
            <= set(asked(one))
            <= {f"contacts -last_activity_at {n}" for n in (1, 2, 3, 4, 5)}
        )
        names = "SELECT id, name, deleted_at FROM contacts WHERE id IN (11, 12, 13, 99) ORDER BY id"
        assert one.rows(names) == [
            (11, "Renamed", None), (12, "Contact 12", None), (13, "Contact 13", None), (99, "New", None),
        ]  # fmt: skip
        one.run()
        assert [row[1] for row in one.rows(names)] == ["Renamed", "Renamed without a clock", "Contact 13", "New"]


def test_a_recent_run_without_a_list_says_so_and_goes_on(engine):
    is_on: list[Any] = []
    change = lambda request, sent: json_answer({"error": "x"}, 404) if is_on and of_list(request) else sent  # noqa: E731 -- short
    with job(listed_account(2), engine, change=change) as one:
        one.run()
        is_on.append(True)
        run = one.run(Selection(recent=True))
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert notes_of(run) == [
            "Not read: contacts that changed without a conversation (the next run over everything reads all). Why: this"
            " server does not have it."
        ]
