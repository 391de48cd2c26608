"""Contacts in full: what the list shows, in which order it is walked, what it hides, and who is gone."""

from collections.abc import Callable

import orjson
import pytest

from etl.demo.account import Account, Contact
from etl.demo.server import Answer, Request, json_answer, text_answer
from etl.demo.vendor import Vendor
from etl.exit_codes import Outcome
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, Job, account_of, job, notes_of, server_fault, walking_job

NO_ROUTE = Answer(404, b"<!DOCTYPE html><html></html>", "text/html")
REFUSED = json_answer({"error": "You are not authorized to do this action"}, 401)


def listed_account(contacts: int, conversations: int = 2) -> Account:
    """Return an account of so many contacts that are listed, from number 11 on, besides Dana, and Omer who is not."""
    account = account_of(conversations)
    for number in range(11, 10 + contacts):
        account.contacts[number] = Contact(number, f"Contact {number}", LONG_AGO, email=f"c{number}@example.com")
    return account


def asked(one: Job) -> list[str]:
    """Return what was asked for of contacts, without the parameter that is always there."""
    found = []
    for request in one.vendor.requests:
        path = request.path.partition("/accounts/1/")[2]
        if path.startswith("contacts"):
            assert request.first("include_contact_inboxes") == "false"
            page = f" {request.first('sort')} {request.first('page')}" if path == "contacts" else ""
            found.append(path + page)
    return sorted(found)


BEST = "email,phone_number,name,last_activity_at,created_at"


@pytest.mark.long
@pytest.mark.parametrize("behaviour", ["2.14", "4.7", "2026"])
def test_contacts_without_a_conversation_are_stored_and_the_second_run_writes_no_row(engine, behaviour):
    with walking_job(listed_account(3), engine, behaviour=behaviour) as one:
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert run.contact_ledger == {"counted": 3, "loaded": 3, "gone": 0, "not_shown": 0}
        assert asked(one) == [f"contacts {BEST} 1", f"contacts {BEST} 2"]
        assert one.rows("SELECT id, name, email, listed, deleted_at, merged_into, extra FROM contacts ORDER BY id") == [
            (1, "Dana", "dana@example.com", True, None, None, None),
            (2, "עומר", None, None, None, None, None),
            (11, "Contact 11", "c11@example.com", True, None, None, None),
            (12, "Contact 12", "c12@example.com", True, None, None, None),
        ]
        changed = one.rows("SELECT max(changed_at) FROM contacts")
        again = one.run()
        assert (again.outcome, again.tally.inserted, asked(one)) == (
            Outcome.COMPLETE,
            0,
            [f"contacts {BEST} 1", f"contacts {BEST} 2"],
        )
        assert again.tally.counts["contacts"] == {"seen": 3, "inserted": 0, "updated": 0, "unchanged": 3}
        assert one.rows("SELECT max(changed_at) FROM contacts") == changed


def test_as_seen_nothing_is_asked_for(engine):
    with job(listed_account(3), engine) as one:
        run = one.run(contacts="seen")
        assert (run.outcome, run.contact_ledger, asked(one)) == (Outcome.COMPLETE, None, [])
        assert one.rows("SELECT id FROM contacts ORDER BY id") == [(1,), (2,)]


def of_list(request: Request) -> bool:
    return request.path.endswith("/contacts")


def page_of(request: Request) -> int:
    return int(request.first("page") or 1) if of_list(request) else 0


NOT_READ = (
    "Not read: contacts without a conversation, and which contacts are gone (conversations tell the others). Why: "
)
MISSING = {
    "no route": (NO_ROUTE, f"{NOT_READ}this server does not have it."),
    "no record": (
        json_answer({"error": "Resource could not be found"}, 404),
        f"{NOT_READ}this server does not have it.",
    ),
    "refused": (REFUSED, f"{NOT_READ}it takes an administrator's token."),
    "limited": (text_answer("Retry later", 429), f"{NOT_READ}the server failed: http"),
    "broken": (server_fault(), f"{NOT_READ}the server failed: http"),
    "another list": (
        json_answer({"payload": [{"id": 1, "role": "agent", "email": "a"}]}),
        f"{NOT_READ}the server failed: http",
    ),
    "no list": (json_answer({"meta": {"count": 3}}), f"{NOT_READ}the server failed: http"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_list_that_cannot_be_had_is_a_note_and_marks_nobody(engine, kind):
    answer, said = MISSING[kind]
    is_on: list[bool] = []
    with walking_job(
        listed_account(3), engine, change=lambda request, sent: answer if is_on and of_list(request) else sent
    ) as one:
        one.run()
        is_on.append(True)
        one.vendor.account.contacts.pop(12)
        run = one.run()
        assert (run.outcome, run.problems, run.contact_ledger) == (Outcome.COMPLETE, [], None)
        assert [note[: len(said)] for note in notes_of(run)] == [said]
        assert len(asked(one)) == 1
        assert one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL") == []


@pytest.mark.long
def test_a_page_that_fails_costs_its_order_and_not_its_contacts(engine):
    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if page_of(request) == 2 and request.first("sort") == BEST else answer

    account = listed_account(40)
    account.contacts[39].email, account.contacts[39].identifier = None, "39"
    with job(account, engine, change=change) as one:
        run = one.run()
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert run.contact_ledger == {"counted": 40, "loaded": 40, "gone": 0, "not_shown": 0}
        assert asked(one) == [
            *(f"contacts email {n}" for n in (1, 2, 3, 4)),
            *(f"contacts {BEST} {n}" for n in (1, 2, 3, 4)),
        ]


def test_what_is_on_a_page_that_fails_in_every_order_is_told_and_no_problem(engine):
    with job(
        listed_account(40), engine, change=lambda request, sent: server_fault() if page_of(request) == 2 else sent
    ) as one:
        one.vendor.account.contacts[60] = Contact(60, "No mail", LONG_AGO, phone_number="+4900000060")
        run = one.run()
        ledger = run.contact_ledger
        assert ledger
        assert ledger["loaded"] + ledger["not_shown"] == ledger["counted"] == 41
        assert (run.outcome, run.problems, len(notes_of(run))) == (Outcome.COMPLETE, [], 1)
        assert notes_of(run)[0].startswith(
            f"{ledger['not_shown']} contacts are on pages that could not be read, or on none;"
        )
        assert one.rows("SELECT count(*) FROM contacts WHERE listed") == [(ledger["loaded"],)]


def test_several_failing_pages_end_the_reading_and_nobody_is_marked(engine):
    is_on: list[bool] = []

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if is_on and page_of(request) > 1 else answer

    with job(listed_account(90), engine, change=change) as one:
        one.run()
        is_on.append(True)
        del one.vendor.account.contacts[50]
        one.vendor.account.contacts[11].name = "Renamed"
        run = one.run()
        assert (run.outcome, run.problems, run.contact_ledger) == (Outcome.COMPLETE, [], None)
        assert len(notes_of(run)) == 1
        assert "several pages in a row could not be read" in notes_of(run)[0]
        assert one.rows("SELECT count(*) FROM contacts WHERE deleted_at IS NOT NULL") == [(0,)]
        assert one.rows("SELECT name FROM contacts WHERE id = 11") == [("Renamed",)]


def in_one_order_only(account: Account, *orders: str) -> Callable[[Request, Answer], Answer]:
    """Return a change of a server that knows none but some orders."""
    plain = Vendor(account)

    def change(request: Request, answer: Answer) -> Answer:
        if not of_list(request) or request.first("sort") in orders:
            return answer
        return plain(Request(request.path, [one for one in request.query if one[0] != "sort"], request.headers))

    return change


def test_pages_that_skip_are_made_up_for_by_another_order(engine):
    account = listed_account(60)
    with job(account, engine, change=in_one_order_only(account, "email")) as one:
        run = one.run()
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert run.contact_ledger == {"counted": 60, "loaded": 60, "gone": 0, "not_shown": 0}
        assert len(asked(one)) == 10
        assert one.rows("SELECT count(*) FROM contacts WHERE listed") == [(60,)]


def hiding(*numbers: int) -> Callable[[Request, Answer], Answer]:
    """Return a change by which the list shows others instead of some contacts, and counts as before."""

    def change(request: Request, answer: Answer) -> Answer:
        if not of_list(request) or answer.status != 200:
            return answer
        sent = orjson.loads(answer.body)
        kept = [one for one in sent["payload"] if one["id"] not in numbers]
        sent["payload"] = kept or sent["payload"][:1]
        return json_answer(sent)

    return change


def test_who_is_counted_and_shown_in_no_order_is_asked_for_where_known_and_else_a_problem(engine):
    account = listed_account(4)
    with job(account, engine, change=hiding(1, 12)) as one:
        run = one.run()
        assert run.contact_ledger == {"counted": 4, "loaded": 3, "gone": 0, "not_shown": 1}
        assert (run.outcome, run.problems) == (
            Outcome.INCOMPLETE,
            ["The vendor counts 4 contacts, and shows 1 of them in no order."],
        )
        assert [path for path in asked(one) if "/" in path] == ["contacts/1"]
        assert one.rows("SELECT id, listed FROM contacts ORDER BY id") == [(1, True), (2, None), (11, True), (13, True)]


@pytest.mark.parametrize("pii", ["keep", "hash", "drop"])
def test_who_was_listed_and_is_gone_gets_a_tombstone_whatever_is_stored_of_people(engine, pii):
    settings = {"pii": pii} | ({"pii_key": "0123456789abcdef0123456789abcdef"} if pii == "hash" else {})
    account = listed_account(4)
    with walking_job(account, engine) as one:
        one.run(**settings)
        gone = account.contacts.pop(12)
        account.contacts[13].email = None  # is there, and no longer listed
        run = one.run(**settings)
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert run.contact_ledger == {"counted": 2, "loaded": 2, "gone": 0, "not_shown": 0}
        assert asked(one)[2:] == ["contacts/12", "contacts/13"]
        tombstones = "SELECT id, listed, deleted_at IS NOT NULL, merged_into FROM contacts ORDER BY id"
        assert one.rows(tombstones) == [
            (1, True, False, None), (2, None, False, None), (11, True, False, None),
            (12, True, True, None), (13, False, False, None),
        ]  # fmt: skip
        changed = one.rows("SELECT id, changed_at FROM contacts ORDER BY id")
        one.run(**settings)
        assert asked(one) == [f"contacts {BEST} 1", f"contacts {BEST} 2"]
        assert one.rows("SELECT id, changed_at FROM contacts ORDER BY id") == changed
        account.contacts[12] = gone
        account.contacts[13].email = "again@example.com"
        one.run(**settings)
        assert one.rows(tombstones)[3:] == [(12, True, False, None), (13, True, False, None)]


@pytest.mark.long
@pytest.mark.parametrize(
    "answer", [NO_ROUTE, REFUSED, server_fault(), json_answer({"payload": {"id": 99}}), json_answer([])]
)
def test_only_the_vendors_own_404_says_that_a_contact_is_gone(engine, answer):
    account = listed_account(4)
    with job(
        account, engine, change=lambda request, sent: answer if request.path.endswith("/contacts/12") else sent
    ) as one:
        one.run()
        del account.contacts[12]
        run = one.run()
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL") == []


def test_a_server_that_shows_no_single_contact_says_nothing_of_who_is_gone(engine):
    account = listed_account(4)
    none = json_answer({"error": "Resource could not be found"}, 404)
    with job(account, engine, change=lambda request, sent: none if "/contacts/" in request.path else sent) as one:
        one.run()
        del account.contacts[12]
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert notes_of(run) == ["The server does not show single contacts: which of them are gone is not known."]
        assert one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL") == []


def test_many_who_are_gone_at_once_are_doubted_until_that_is_accepted(engine):
    account = listed_account(60)
    with job(account, engine) as one:
        one.run()
        for number in range(20, 50):
            del account.contacts[number]
        run = one.run()
        assert run.outcome == Outcome.INCOMPLETE
        assert run.problems == [
            "30 of 60 known contacts are no longer listed. That looks like a token that lost its scope, or another"
            " account, so none was marked as deleted. If they really were deleted, run `etl sync --accept-deletions`"
            " once."
        ]
        assert sum(path.startswith("contacts/") for path in asked(one)) == 25 + 3
        assert one.rows("SELECT count(*) FROM contacts WHERE deleted_at IS NOT NULL") == [(0,)]
        run = one.run(Selection(accept_deletions=True))
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert one.rows("SELECT min(id), max(id), count(*) FROM contacts WHERE deleted_at IS NOT NULL") == [
            (20, 49, 30)
        ]


def test_an_empty_list_where_there_was_one_marks_nobody(engine):
    account = listed_account(4)
    with job(account, engine) as one:
        one.run()
        account.contacts = {}
        account.conversations.clear()
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert notes_of(run) == ["The server does not show single contacts: which of them are gone is not known."]
        assert one.rows("SELECT id FROM contacts WHERE deleted_at IS NOT NULL") == []
