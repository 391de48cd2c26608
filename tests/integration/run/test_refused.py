"""What was loaded and is refused to the token since is told by its number, and no run is a witness of it."""

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import change_conversation
from etl.selection import Selection
from tests.integration.run.test_accepted import Faults
from tests.scripted_account import Job, account_of, job, now

UNSEEN = "SELECT run_id, unseen FROM whole_runs ORDER BY 1"
SEEN = "SELECT is_seen FROM helpdesk.evidence_of(1, ARRAY[:number]) WHERE is_seen AND kind = 'open' AND at = :at"


def seen_then(etl: Job, at: object) -> dict[int, bool]:
    """Return of a conversation of each inbox whether a run that ended then saw it open."""
    return {number: bool(etl.rows(SEEN, number=number, at=at)) for number in (3, 4)}


def resolve(account: Account) -> None:
    for number in (3, 4):
        change_conversation(account, number, now(), None, status="resolved")


@pytest.mark.parametrize("walks", [False, True])
def test_a_run_saw_nothing_of_what_was_refused_to_it(engine: Engine, walks: bool) -> None:
    account = account_of(6)
    with job(account, engine, page_size=2, walks=walks) as etl:
        assert etl.run().outcome == "complete"
        etl.vendor.hidden_inboxes = frozenset({2})
        for _ in range(2):
            refused = etl.run()
            assert (refused.outcome, refused.problems) == ("complete", [])
            assert [note for note in refused.notes if "2, 4, 6" in note], refused.notes
        etl.vendor.hidden_inboxes = frozenset()
        resolve(account)
        again = etl.run(walk_days=0)
        assert (again.outcome, [note for note in again.notes if "2, 4, 6" in note]) == ("complete", [])
        assert [unseen for _, unseen in etl.rows(UNSEEN)] == [[], ["2", "4", "6"], ["2", "4", "6"], []]
        assert seen_then(etl, refused.finished_at) == {3: True, 4: False}


def test_a_run_of_what_is_recent_saw_nothing_of_it_either(engine: Engine) -> None:
    account = account_of(6)
    with job(account, engine, page_size=2) as etl:
        etl.run()
        etl.vendor.hidden_inboxes = frozenset({2})
        etl.run()
        recent = etl.run(Selection(recent=True))
        assert recent.outcome == "complete"
        etl.vendor.hidden_inboxes = frozenset()
        resolve(account)
        etl.run(walk_days=0)
        assert seen_then(etl, recent.finished_at) == {3: True, 4: False}


def test_what_was_never_loaded_is_in_no_table_and_stays_uncounted(engine: Engine) -> None:
    with job(account_of(6), engine, page_size=2, hidden_inboxes=frozenset({2})) as etl:
        run = etl.run()
        assert (run.outcome, run.unseen) == ("complete", [])
        assert [unseen for _, unseen in etl.rows(UNSEEN)] == [[]]


def test_nor_of_what_the_night_before_could_not_read(engine: Engine) -> None:
    account, faults = account_of(6), Faults()
    with job(account, engine, change=faults, page_size=1) as etl:
        etl.run()
        faults.ids = {4}
        assert etl.run(walk_days=0).outcome == "incomplete"
        recent = etl.run(Selection(recent=True))
        assert (recent.outcome, recent.unseen) == ("complete", [4])
        faults.ids = set()
        resolve(account)
        assert etl.run(walk_days=0).outcome == "complete"
        assert seen_then(etl, recent.finished_at) == {3: True, 4: False}


def test_another_token_is_no_witness_of_what_it_is_refused_and_one_of_what_it_is_not(engine: Engine) -> None:
    account = account_of(6)
    with job(account, engine, page_size=2) as etl:
        etl.run()
        for hidden in (2, 1):
            etl.vendor.hidden_inboxes = frozenset({hidden})
            by_another = etl.run()
            assert by_another.outcome == "complete"
        assert [unseen for _, unseen in etl.rows(UNSEEN)] == [[], ["2", "4", "6"], ["1", "3", "5"]]
        etl.vendor.hidden_inboxes = frozenset()
        resolve(account)
        etl.run(walk_days=0)
        assert seen_then(etl, by_another.finished_at) == {3: False, 4: True}


def test_of_two_accounts_with_the_same_numbers_one_is_refused_some(engine: Engine) -> None:
    both = [account_of(6), account_of(6, number=2)]
    with job(both, engine, page_size=2) as etl:
        for number in (1, 2):
            etl.run(account_id=number)
        etl.vendor.hidden_inboxes = frozenset({2})
        etl.run()
        etl.vendor.hidden_inboxes = frozenset()
        etl.run(account_id=2, walk_days=0)
        told = etl.rows("SELECT account_id, unseen FROM whole_runs ORDER BY run_id")
        assert told == [(1, []), (2, []), (1, ["2", "4", "6"]), (2, [])]
