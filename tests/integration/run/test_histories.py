"""Histories of every length and order, on servers of three kinds, in the tables: all rows, with literal requests."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import ACTIVITY, Account
from etl.demo.events import add_conversation, add_message, delete_message, reply
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.examples import in_the_long_run
from tests.scripted_account import (
    DAY,
    LONG_AGO,
    Change,
    Job,
    account_of,
    change_messages,
    empty_account,
    job,
    notes_of,
    walking_job,
)

LENGTHS = (0, 1, 19, 20, 21, 99, 100, 101, 999, 1_000, 1_001, 2_500)
OLD, NEW, NEWEST = "2.14", "4.7", "2026"

Times = Callable[[int], int]


def plain(number: int) -> int:
    """Return the time of the n-th message: a minute after the one before."""
    return LONG_AGO + number * 60


def imported(number: int) -> int:
    """Every seventh was imported later than it was written: a high number, and a time of years ago."""
    return plain(number) - 1_000 * DAY if number % 7 == 0 else plain(number)


def reversed_(number: int) -> int:
    """Imported newest first: the times run exactly against the numbers."""
    return LONG_AGO - number * 60


def account_with(times: Times, lengths: tuple[int, ...] = LENGTHS) -> Account:
    """Return an account whose first conversation has the first length, and so on, listed in this order."""
    account = empty_account()
    for length in lengths:
        conversation = add_conversation(account, 1, 1, LONG_AGO)
        for number in range(1, length + 1):
            add_message(account, conversation.id, f"{number} of {length} 🙂", LONG_AGO, created_at=times(number))
        conversation.last_activity_at = LONG_AGO - conversation.id * DAY
    return account


def history_requests(etl: Job) -> dict[int, int]:
    """Return conversation -> how often its history, or a message of it, was asked for in the last run."""
    return dict(sorted(Counter(etl.asked()[1]).items()))


def search_requests(etl: Job) -> int:
    return sum(request.path.endswith("/conversations/search") for request in etl.vendor.requests)


def truth(account: Account) -> list[tuple[Any, ...]]:
    return sorted(
        (one.id, conversation.id, one.content, one.created_at)
        for conversation in account.conversations.values()
        for one in conversation.messages
    )


STORED = "SELECT id, conversation_id, content, extract(epoch FROM created_at)::bigint FROM messages ORDER BY id"


def by_conversation(*requests: int) -> dict[int, int]:
    return dict(enumerate(requests, start=1))


# One request each, and two more where the length may be a cap that nothing longer has disproved. For the empty one,
# read first, a second request tells whether it is the server or the conversation that is empty. 2,500 are four times
# cut at 1,000, and a cut one is asked for in two halves.
BY_WINDOWS = (2, 1, 1, 3, 1, 1, 3, 1, 1, 3, 3, 9)
BY_WINDOWS_LONGEST_FIRST = (9, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    ("times", "behaviour"),
    [
        (imported, NEW),
        (reversed_, NEWEST),
        *in_the_long_run((plain, NEW), (reversed_, NEW), (plain, NEWEST), (imported, NEWEST)),
    ],
)
def test_every_message_of_every_history_is_read_by_windows(engine: Engine, behaviour: str, times: Times) -> None:
    account = account_with(times)
    with job(account, engine, behaviour=behaviour) as etl:
        run = etl.run(concurrency=1)
        assert (run.outcome, run.problems, notes_of(run), run.audit) == ("complete", [], [], None)
        assert history_requests(etl) == by_conversation(*BY_WINDOWS)
        assert etl.rows(STORED) == truth(account)
        assert etl.rows("SELECT count(*) FROM messages WHERE partial OR removed_at IS NOT NULL") == [(0,)]
        assert etl.run().outcome == "complete"
        assert history_requests(etl) == {}


@pytest.mark.long
def test_after_a_long_history_no_shorter_length_is_taken_for_a_cap(engine: Engine) -> None:
    account = account_with(plain, LENGTHS[::-1])
    with job(account, engine) as etl:
        etl.run(concurrency=1)
        assert history_requests(etl) == by_conversation(*BY_WINDOWS_LONGEST_FIRST)
        assert etl.rows(STORED) == truth(account)


@pytest.mark.long
def test_histories_read_at_once_are_as_whole_as_those_read_one_after_the_other(engine: Engine) -> None:
    account = account_with(imported)
    with job(account, engine) as etl:
        assert etl.run(concurrency=16).outcome == "complete"
        assert etl.rows(STORED) == truth(account)


# Where windows are misread, which the first message shows, 20 come at a time, and one more answer tells that it was the
# last. What walking back loses is then asked for by its number: of the imported ones a few; of the reversed ones, whose
# 20 lowest numbers walking back finds, the 20 highest. The others are hidden by older ones with higher numbers.
@pytest.mark.long
@pytest.mark.parametrize(
    ("times", "requests", "partial"),
    [
        (plain, (2, 2, 1, 2, 2, 5, 6, 6, 50, 51, 51, 126), {}),
        (imported, (2, 2, 1, 2, 3, 6, 6, 6, 50, 52, 52, 126), {}),
        (
            reversed_,
            (2, 2, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3),
            {6: 59, 7: 60, 8: 61, 9: 959, 10: 960, 11: 961, 12: 2460},
        ),
    ],
)
def test_every_message_of_every_history_is_there_where_windows_are_misread(
    engine: Engine, times: Times, requests: tuple[int, ...], partial: dict[int, int]
) -> None:
    account = account_with(times)
    with job(account, engine, behaviour=OLD) as etl:
        run = etl.run(concurrency=1)
        assert (run.outcome, run.problems) == ("complete", [])
        assert notes_of(run) == ["The server reads 20 messages at a time, as those before Chatwoot 2.16 do."]
        assert (history_requests(etl), search_requests(etl)) == (by_conversation(*requests), 1)
        # The nine of 20 and more could have lost some; the witness names all of theirs on its first page.
        witnessed = sum(partial.values())
        assert run.audit == {
            "conversations": 9, "messages": 5_841, "read": 5_841 - witnessed, "witnessed": witnessed, "unaccounted": 0,
        }  # fmt: skip
        assert etl.rows(STORED) == truth(account)
        found = "SELECT conversation_id, count(*), min(id), max(id) FROM messages WHERE partial GROUP BY 1 ORDER BY 1"
        assert etl.rows(found) == [
            (one, count, account.conversations[one].messages[20].id, account.conversations[one].messages[-21].id)
            for one, count in partial.items()
        ]
        assert etl.rows("SELECT count(*) FROM messages WHERE removed_at IS NOT NULL") == [(0,)]
        assert etl.run().outcome == "complete"
        assert (history_requests(etl), search_requests(etl)) == ({}, 0)


# What is gone, and what the vendor calls deleted

REMOVED = "SELECT id FROM messages WHERE removed_at IS NOT NULL"


@pytest.mark.parametrize(
    ("length", "behaviour"), [(50, OLD), (3, NEW), (50, NEWEST), *in_the_long_run((3, OLD), (50, NEW), (3, NEWEST))]
)
def test_a_message_that_is_no_longer_there_is_marked_as_removed_until_it_comes_back(
    engine: Engine, behaviour: str, length: int
) -> None:
    account = account_of(2, messages=length)
    messages = account.conversations[1].messages
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run()
        gone = messages.pop(1)
        reply(account, 1, "it moves the clock", LONG_AGO + DAY, by=1)
        assert etl.run().outcome == "complete"
        assert etl.rows(REMOVED) == [(2,)]
        # Nothing else is lost with it, and a run in which nothing happens marks it no second time.
        look = "SELECT content, created_at IS NULL, partial, removed_at, changed_at FROM messages WHERE id = 2"
        ((content, *_, changed_at),) = before = etl.rows(look)
        assert content == "message 1 of 1 🙂"
        etl.run(Selection(kind="backfill"))
        assert etl.rows(look) == before
        messages.insert(1, gone)
        reply(account, 1, "again", LONG_AGO + 2 * DAY, by=1)
        assert etl.run().outcome == "complete"
        assert etl.rows(REMOVED) == []
        assert etl.rows("SELECT changed_at > :before FROM messages WHERE id = 2", before=changed_at) == [(True,)]
        assert etl.rows(STORED) == truth(account)


@pytest.mark.parametrize("behaviour", [OLD, NEW])
def test_a_history_that_could_not_be_read_removes_nothing(engine: Engine, behaviour: str) -> None:
    account = account_of(2, messages=5)
    broken = []

    def change(request: Request, answer: Answer) -> Answer:
        hit = broken and request.path.endswith("/conversations/1/messages")
        return json_answer({"error": "Internal Server Error"}, 500) if hit else answer

    with job(account, engine, change=change, behaviour=behaviour) as etl:
        etl.run()
        account.conversations[1].messages.pop(1)
        reply(account, 1, "it moves the clock", LONG_AGO + DAY, by=1)
        broken.append(True)
        assert etl.run().outcome == "incomplete"
        assert etl.rows(REMOVED) == []
        broken.clear()
        assert etl.run().outcome == "complete"
        assert etl.rows(REMOVED) == [(2,)]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", [OLD, NEW, NEWEST])
def test_a_deleted_message_is_what_the_vendor_now_says_and_is_not_removed(engine: Engine, behaviour: str) -> None:
    account = account_of(1, messages=30)
    look = "SELECT id, content, content_attributes, deleted, removed_at, partial FROM messages WHERE id IN (2, 30)"
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run()
        # The newest is in the list's shape too.
        for one in (2, 30):
            delete_message(account, 1, one, LONG_AGO + DAY)
        etl.run(Selection(kind="backfill"))
        said = ("This message was deleted", {"deleted": True}, True, None, False)
        assert etl.rows(f"{look} ORDER BY id") == [(2, *said), (30, *said)]


# The shapes of the list and of /messages

SHAPES = """
    SELECT content, status, source_id, sender_id, updated_at IS NOT NULL, additional_attributes, external_source_ids,
           conversation_unread_count, created_at_exact IS NOT NULL, extra
    FROM messages WHERE id = 3
"""


@pytest.mark.long
@pytest.mark.parametrize("behaviour", [OLD, NEW])
def test_what_only_one_of_the_two_shapes_has_is_kept_when_the_other_is_read(engine: Engine, behaviour: str) -> None:
    account = account_of(1)

    def only_in_histories(message: dict[str, Any]) -> None:
        message |= {"source_id": f"wa-{message['id']}", "created_at_exact": "2023-11-14T22:15:20.123Z", "mood": "fine"}

    with job(account, engine, change=change_messages(only_in_histories), behaviour=behaviour) as etl:
        etl.run()
        ((*columns, extra),) = etl.rows(SHAPES)
        assert columns == ["message 2 of 1 🙂", "sent", "wa-3", 1, True, {}, {}, 3, True]
        # `extra` has what either shape brought.
        assert extra["mood"] == "fine"
        assert ("sentiment" in extra) is (behaviour == NEW)
        # The message is the newest no more, and comes in the shape of /messages only: what the list said stays.
        reply(account, 1, "thanks", LONG_AGO + DAY, by=1)
        account.conversations[1].agent_last_seen_at = LONG_AGO + DAY
        account.conversations[1].messages[2].status = "read"
        etl.run()
        assert etl.rows(SHAPES) == [("message 2 of 1 🙂", "read", *columns[2:], extra)]


@pytest.mark.long
def test_a_key_that_is_absent_says_nothing_and_a_null_erases(engine: Engine) -> None:
    account = account_of(1)
    for message in account.conversations[1].messages:
        message.source_id = f"wa-{message.id}"
    said: list[str] = []

    def change(message: dict[str, Any]) -> None:
        for name in ("content", "status", "source_id"):
            if "absent" in said:
                del message[name]
            if "null" in said:
                message[name] = None

    look = "SELECT content, status, source_id, message_type FROM messages WHERE id < 3 ORDER BY id"
    whole = [("message 0 of 1 🙂", "sent", "wa-1", "incoming"), ("message 1 of 1 🙂", "sent", "wa-2", "incoming")]
    with job(account, engine, change=change_messages(change)) as etl:
        etl.run()
        assert etl.rows(look) == whole
        said[:] = ["absent"]
        run = etl.run(Selection(kind="backfill"))
        assert etl.rows(look) == whole
        assert run.tally.counts["messages"]["updated"] == 0
        said[:] = ["null"]
        etl.run(Selection(kind="backfill"))
        assert etl.rows(look) == [(None, None, None, "incoming")] * 2
        said.clear()
        etl.run(Selection(kind="backfill"))
        assert etl.rows(look) == whole


# Where the vendor gives no histories


def refusing(status: int) -> Change:
    def change(request: Request, answer: Answer) -> Answer:
        return json_answer({"error": "no"}, status) if request.path.endswith("/messages") else answer

    return change


@pytest.mark.parametrize("status", [401, 404])
def test_where_histories_are_refused_throughout_the_lists_messages_are_saved_and_it_is_said_once(
    engine: Engine, status: int
) -> None:
    with job(account_of(60), engine, change=refusing(status)) as etl:
        run = etl.run(concurrency=4)
        assert run.outcome == "incomplete"
        assert run.problems == ["The server gives no histories at all. ETL_MESSAGES=listed does without them for good."]
        assert 10 <= sum(history_requests(etl).values()) <= 10 + 4
        assert etl.rows("SELECT id, content FROM messages ORDER BY id") == [
            (3 * one, f"message 2 of {one} 🙂") for one in range(1, 61)
        ]
        assert etl.rows("SELECT count(*) FROM conversations WHERE mark IS NULL") == [(60,)]


@pytest.mark.long
def test_where_histories_are_refused_and_that_is_accepted_the_run_is_complete(engine: Engine) -> None:
    with walking_job(account_of(60), engine, change=refusing(404)) as etl:
        run = etl.run(messages="listed")
        assert (run.outcome, run.problems, run.audit) == ("complete", [], None)
        assert notes_of(run) == ["Only the messages that the list carries were read (ETL_MESSAGES=listed)."]
        assert etl.asked() == (4 + 3, [])
        assert etl.rows("SELECT id FROM messages ORDER BY id") == [(3 * one,) for one in range(1, 61)]
        assert etl.run(messages="listed").tally.counts["conversations"]["unchanged"] == 60


@pytest.mark.long
@pytest.mark.parametrize("behaviour", [OLD, NEW])
def test_who_goes_back_from_listed_to_full_gets_every_history(engine: Engine, behaviour: str) -> None:
    account = account_of(3, messages=25)
    # 2.14 lists up to ten that no agent has seen.
    listed = {OLD: 30, NEW: 3}[behaviour]
    with job(account, engine, behaviour=behaviour) as etl:
        assert etl.run(messages="listed").outcome == "complete"
        assert etl.rows("SELECT count(*) FROM messages") == [(listed,)]
        assert etl.run().outcome == "complete"
        assert set(history_requests(etl)) == {1, 2, 3}
        assert etl.rows(STORED) == truth(account)
        # And back again: histories that were read once stay, and what moves meanwhile is read by the next full run.
        reply(account, 2, "one", LONG_AGO + DAY, by=1)
        reply(account, 2, "two", LONG_AGO + DAY + 1, by=1)
        account.conversations[2].agent_last_seen_at = LONG_AGO + DAY + 1
        etl.run(messages="listed")
        assert etl.rows("SELECT content FROM messages WHERE conversation_id = 2 AND id > 75") == [("two",)]
        assert etl.run().outcome == "complete"
        assert set(history_requests(etl)) == {2}
        assert etl.rows(STORED) == truth(account)


@pytest.mark.long
def test_a_conversation_whose_clock_goes_backwards_is_read_again(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine) as etl:
        etl.run()
        # An import: neither the newest message nor the last one that is no activity changes, only the clocks.
        add_message(account, 2, "imported", LONG_AGO - 365 * DAY, message_type=ACTIVITY)
        assert etl.run().outcome == "complete"
        assert set(history_requests(etl)) == {2}
        assert etl.rows(STORED) == truth(account)
