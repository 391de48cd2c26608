"""Whether edits move a conversation's clock is learnt from what the server sends; what was left out is caught up."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_message, edit_message
from etl.load.journal import WALK
from etl.run.edit_clock import ENOUGH, MOVES, MOVES_NO_MORE
from etl.selection import Selection
from tests.integration.run.test_counted_odds import Odd, counting
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job, now

FULL = Selection(full=True)


def delivered_account(conversations: int = ENOUGH) -> Account:
    """Return an account of which each newest message was delivered some minutes after it was written, of late."""
    account = account_of(conversations, messages=2)
    for conversation in account.conversations.values():
        at = now() - 7_200 + conversation.id
        for message in conversation.messages:
            message.created_at, message.updated_at = at, float(at)
        conversation.last_activity_at, conversation.updated_at = at, float(at)
        edit_message(account, conversation.id, conversation.messages[-1].id, at + 300, status="delivered")
    return account


def moved_account(created_at: int, updated_at: int) -> Account:
    """Return an account on whose conversations the clock and the newest message were set at one time."""
    account = account_of(ENOUGH, messages=2)
    for conversation in account.conversations.values():
        newest = conversation.messages[-1]
        newest.created_at, newest.updated_at = created_at, float(updated_at)
        conversation.last_activity_at, conversation.updated_at = created_at, float(updated_at)
    return account


def contents(account: Job) -> list[str]:
    return [
        content for (content,) in account.rows("SELECT content FROM messages WHERE conversation_id = 3 ORDER BY id")
    ]


@pytest.mark.long
@pytest.mark.parametrize("selection", [Selection(), FULL], ids=["by counts", "walked"])
def test_where_edits_move_the_clock_what_was_active_is_read_again_only_when_it_moved(
    engine: Engine, selection: Selection
) -> None:
    vendor = delivered_account()
    with job(vendor, engine, behaviour="4.7") as account:
        first = account.run(patrol_percent=0)
        again = account.run(selection, patrol_percent=0)
        read_again = account.asked()[1]
        old = vendor.conversations[3].messages[0]
        edit_message(vendor, 3, old.id, now(), content="edited")
        edited = account.run(selection, patrol_percent=0)
        assert (account.asked()[1], contents(account)[0]) == ([3], "edited")
    assert (MOVES in first.notes, MOVES in again.notes, read_again) == (True, False, [])
    assert (edited.outcome, edited.problems) == ("complete", [])


def test_a_server_that_was_upgraded_is_found_out_by_one_edit_and_what_was_left_out_is_read(engine: Engine) -> None:
    vendor = delivered_account()
    with job(vendor, engine, behaviour="4.7") as account:
        account.run(patrol_percent=0)
        account.vendor.behaviour = "2026"
        hidden, shown = vendor.conversations[3].messages[0], vendor.conversations[9].messages[-1]
        edit_message(vendor, 3, hidden.id, now(), content="edited")
        edit_message(vendor, 9, shown.id, now(), status="read")
        run = account.run(patrol_percent=0)
        assert contents(account)[0] == "edited"
        later = account.run(patrol_percent=0)
        assert account.asked()[1] == list(range(1, ENOUGH + 1))
    assert (MOVES_NO_MORE in run.notes, MOVES_NO_MORE in later.notes) == (True, False)


@pytest.mark.long
def test_too_few_edits_or_one_that_moved_nothing_are_not_believed(engine: Engine) -> None:
    few, odd = delivered_account(ENOUGH - 1), replace(delivered_account(ENOUGH + 1), id=2)
    odd.conversations[5].messages_changed_at = 0.0
    with job([few, odd], engine, behaviour="4.7") as account:
        runs = [account.run(account_id=number, patrol_percent=0) for number in (1, 2)]
        known = account.rows("SELECT account_id, edits_move_clock FROM accounts ORDER BY account_id")
    assert ([MOVES in run.notes for run in runs], known) == ([False, False], [(1, None), (2, False)])


@pytest.mark.long
@pytest.mark.parametrize(
    ("created_at", "updated_at"),
    [(now() - 30 * DAY, now() - 30 * DAY + 300), (LONG_AGO, now() - 7_200)],
    ids=["edited before the server was upgraded", "imported of late"],
)
def test_what_was_set_together_long_ago_or_by_an_import_says_nothing_of_edits_now(
    engine: Engine, created_at: int, updated_at: int
) -> None:
    vendor = moved_account(created_at, updated_at)
    with job(vendor, engine, behaviour="2026") as account:
        assert MOVES not in account.run(patrol_percent=0).notes
        add_message(vendor, 3, "new", now() - 600)
        account.run(patrol_percent=0)
        edit_message(vendor, 3, vendor.conversations[3].messages[0].id, now(), content="edited")
        account.run(patrol_percent=0)
        assert contents(account)[0] == "edited"


@pytest.mark.long
def test_edits_that_counted_pages_and_a_walk_after_them_told_are_counted_once(engine: Engine) -> None:
    few, odd = delivered_account(ENOUGH // 2), Odd(counting(-1))
    with job(few, engine, change=odd, behaviour="4.7") as account:
        account.run(patrol_percent=0)
        odd.is_armed = True
        run = account.run(patrol_percent=0)
    assert (run.proof, MOVES in run.notes) == (WALK, False)


def test_a_run_of_what_is_recent_notes_that_edits_no_longer_move_the_clock(engine: Engine) -> None:
    vendor = delivered_account()
    with job(vendor, engine, behaviour="4.7") as account:
        account.run(patrol_percent=0)
        account.vendor.behaviour = "2026"
        edit_message(vendor, 3, vendor.conversations[3].messages[0].id, now(), content="edited")
        edit_message(vendor, 9, vendor.conversations[9].messages[-1].id, now(), status="read")
        recent = account.run(Selection(recent=True), patrol_percent=0)
        add_message(vendor, 9, "what tells of it is no longer the newest", now() + 60)
        account.run(patrol_percent=0)
        assert (MOVES_NO_MORE in recent.notes, contents(account)[0]) == (True, "edited")
