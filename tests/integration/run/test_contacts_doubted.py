"""Lists of contacts that lie: by their count, by what they leave out, and by what single contacts answer."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.events import add_conversation, add_message, delete_conversation, merge_contacts
from etl.demo.server import Answer, Request, json_answer
from etl.exit_codes import Outcome
from tests.integration.run.test_contacts import BEST, asked, listed_account, of_list
from tests.integration.run.test_contacts_changing import TOMBSTONES, moved, when
from tests.scripted_account import LONG_AGO, job, notes_of, now, walking_job

NOBODY = json_answer({"error": "Resource could not be found"}, 404)
GONE = "SELECT id FROM contacts WHERE deleted_at IS NOT NULL ORDER BY id"


def with_list(changed: Callable[[dict[str, Any]], None]) -> Callable[[Request, Answer], Answer]:
    """Return a change of each page of the list."""

    def change(request: Request, answer: Answer) -> Answer:
        if not of_list(request):
            return answer
        value = orjson.loads(answer.body)
        changed(value)
        return json_answer(value)

    return change


@pytest.mark.parametrize("count", [15, 0, 40])
def test_a_count_that_is_too_low_is_not_believed_and_nobody_is_said_to_be_gone(engine: Engine, count: int) -> None:
    with job(listed_account(50), engine, with_list(lambda value: value["meta"].update(count=count))) as one:
        run = one.run()
        assert (run.outcome, run.problems, run.contact_ledger) == (Outcome.COMPLETE, [], None)
        assert notes_of(run) == [
            f"The vendor counts {count} contacts, and shows 50 in one order: whether the list has shown all is not"
            " known."
        ]
        assert one.rows("SELECT count(*) FROM contacts WHERE listed") == [(50,)]


# Of those whom a whole list has shown there are ten without a conversation: of these the token is doubted, by a sample.
LOST = [
    "30 of 60 known contacts are no longer listed. That looks like a token that lost its scope, or another account, so"
    " none was marked as deleted. If they really were deleted, run `etl sync --accept-deletions` once."
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "outcome", "problems", "shown"),
    [("seen", Outcome.COMPLETE, [], 20), ("all", Outcome.INCOMPLETE, LOST, 15)],
    ids=["seen", "all"],
)
def test_who_is_with_a_conversation_that_was_just_seen_is_not_gone_whatever_the_server_says(
    engine: Engine, first: str, outcome: Outcome, problems: list[str], shown: int
) -> None:
    """A token that may see few contacts, and every conversation; before, their list was never read, or was whole."""
    account = listed_account(60, conversations=1)
    for number in range(11, 60):
        conversation = add_conversation(account, number, 1, LONG_AGO + number)
        add_message(account, conversation.id, "hello", LONG_AGO + number)
    is_on: list[bool] = []

    def few(value: dict[str, Any]) -> None:
        value["payload"] = [one for one in value["payload"] if one["id"] < 40]
        value["meta"]["count"] = 30

    def change(request: Request, answer: Answer) -> Answer:
        if not is_on:
            return answer
        number = request.path.rpartition("/contacts/")[2]
        return NOBODY if number.isdigit() and int(number) >= 40 else with_list(few)(request, answer)

    with walking_job(account, engine, change) as one:
        one.run(contacts=first)
        is_on.append(True)
        run = one.run()
        assert (run.outcome, run.problems) == (outcome, problems)
        assert notes_of(run) == [
            f"{shown} contacts are not found by themselves, and are with conversations that this run has seen: they are"
            " not believed to be gone."
        ]
        assert one.rows(GONE) == []
        for number in (41, 42):
            conversation_id = next(key for key, kept in account.conversations.items() if kept.contact_id == number)
            delete_conversation(account, conversation_id)
        one.run()
        assert one.rows(GONE) == ([] if problems else [(41,), (42,)])


def test_a_list_that_shrinks_to_nothing_while_its_contacts_are_there_is_told(engine: Engine) -> None:
    is_on: list[bool] = []
    none = json_answer({"meta": {"count": 0, "current_page": 1}, "payload": []})
    with job(listed_account(60), engine, lambda request, sent: none if is_on and of_list(request) else sent) as one:
        one.run()
        is_on.append(True)
        run = one.run()
        assert (run.outcome, run.problems) == (Outcome.COMPLETE, [])
        assert notes_of(run) == [
            "60 of 60 known contacts are no longer listed, and those that were asked for are there: the list does not"
            " show all. Contacts that it hides are known as far as conversations tell them."
        ]
        assert one.rows(GONE) == []


def test_who_goes_while_many_are_listed_by_numbers_alone_is_found_without_asking_for_them(engine: Engine) -> None:
    """An order by e-mail addresses ties where contacts have none: it skips many."""
    account = listed_account(200)
    for contact in account.contacts.values():
        contact.email, contact.phone_number = None, f"+49{contact.id:08}"
    with job(account, engine, when(1, lambda: account.contacts.pop(100))) as one:
        run = one.run(concurrency=1)
        assert (run.outcome, notes_of(run), run.problems) == (Outcome.COMPLETE, [], [])
        assert one.rows("SELECT count(*) FROM contacts WHERE listed AND deleted_at IS NULL") == [(200,)]
        others = [path for path in asked(one) if not path.startswith(f"contacts {BEST} ")]
        assert "contacts/100" in others
        assert len(others) < 10


@pytest.mark.long
def test_a_conversation_that_moved_by_hand_is_no_merge_of_who_was_deleted_later(engine: Engine) -> None:
    account = listed_account(6)
    for contact, number in ((11, 3), (11, 4), (12, 5), (13, 6), (13, 7)):
        assert add_conversation(account, contact, 1, LONG_AGO + number).id == number
        add_message(account, number, "hello", LONG_AGO + number)
    with job(account, engine) as one:
        one.run()
        for number in (3, 5, 6):
            account.conversations[number].contact_id = 14
            add_message(account, number, "it was I", now())
        for _ in range(2):
            assert one.run().problems == []
        for number in (11, 12):  # 11 goes with a conversation, 12 without any
            del account.contacts[number]
        delete_conversation(account, 4)
        merge_contacts(account, keep=15, gone=13, at=now())
        moved(one, 7, 13, 15)
        one.run()
        assert one.rows(TOMBSTONES)[1:] == [
            (11, True, None), (12, True, None), (13, True, 15), (14, False, None), (15, False, None),
        ]  # fmt: skip
