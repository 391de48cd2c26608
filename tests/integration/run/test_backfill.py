"""A backfill reads what was selected, all of it, and every history in it whatever the marks say."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, account_of, job
from tests.waits import LONGEST

REFUSED = json_answer({"error": "Invalid Access Token"}, 401)
BEGIN = datetime.fromtimestamp(LONG_AGO, UTC)


def hour(number: int) -> datetime:
    """Conversation n of account_of() goes on for three minutes from this hour."""
    return BEGIN + timedelta(hours=number - 1)


@pytest.mark.long
def test_without_a_selection_every_history_is_read_again_and_ids_are_accounted_for(engine: Engine) -> None:
    with job(account_of(3), engine) as etl:
        etl.run()
        run = etl.run(Selection(kind="backfill"))
        assert etl.asked() == (5, [1, 2, 3])
        assert etl.rows("SELECT kind, selection, highest_id FROM sync_runs ORDER BY run_id") == [
            ("sync", None, 3),
            ("backfill", None, 3),
        ]
    assert run.outcome == "complete"
    assert run.tally.counts["messages"]["unchanged"] == 9


@pytest.mark.parametrize(
    ("selection", "read"),
    [
        (Selection(since=hour(4)), [4, 5, 6]),
        (Selection(until=hour(3)), [1, 2]),
        (Selection(since=hour(2), until=hour(4)), [2, 3]),
        (Selection(since=hour(2) + timedelta(minutes=2), until=hour(4)), [2, 3]),
        (Selection(since=hour(2) + timedelta(minutes=2, seconds=1), until=hour(4)), [3]),
        (Selection(statuses=("resolved",)), [2, 4]),
        (Selection(statuses=("resolved", "pending")), [2, 4]),
        (Selection(inbox_id=2), [2, 4, 6]),
        (Selection(inbox_id=99), []),
        (Selection(team_id=1), [5]),
        (Selection(labels=("vip",)), [1, 3]),
        (Selection(labels=("vip", "bug")), [1, 3, 6]),
        (Selection(assignee_type="assigned"), [3]),
        (Selection(assignee_type="unassigned", inbox_id=1), [1, 5]),
        (Selection(search="of 4"), [4]),
        (Selection(search="message 1"), [1, 2, 3, 4, 5, 6]),
        (Selection(search="message 1", statuses=("resolved",)), [2, 4]),
        (Selection(search="שלום"), []),
        (Selection(conversations=(6, 1)), [1, 6]),
    ],
    ids=lambda value: str(value.chosen()) if isinstance(value, Selection) else "",
)
def test_a_selection_reads_what_it_names_and_nothing_else(
    engine: Engine, selection: Selection, read: list[int]
) -> None:
    account = account_of(6)
    for one, changed in {
        1: {"labels": ("vip",)},
        2: {"status": "resolved"},
        3: {"labels": ("vip",), "assignee_id": 2},
        4: {"status": "resolved"},
        5: {"team_id": 1},
        6: {"labels": ("bug",)},
    }.items():
        events.change_conversation(account, one, LONG_AGO, by=None, **changed)
    with job(account, engine) as etl:
        run = etl.run(selection)
        assert etl.asked()[1] == read
        assert etl.rows("SELECT id FROM conversations ORDER BY id") == [(one,) for one in read]
        assert etl.rows("SELECT count(*) FROM messages") == [(3 * len(read),)]
    assert (run.outcome, run.ledger) == ("complete", None)


def test_the_journal_keeps_what_was_selected(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        etl.run(Selection(kind="backfill", since=hour(1), labels=("vip",), statuses=("open",)))
        assert etl.rows("SELECT kind, selection FROM sync_runs") == [
            ("backfill", {"since": "2023-11-14T22:13:20+00:00", "labels": ["vip"], "statuses": ["open"]})
        ]


def test_conversations_by_id_come_in_pages_and_one_that_is_not_there_makes_the_run_incomplete(engine: Engine) -> None:
    with job(account_of(30), engine) as etl:
        run = etl.run(Selection(kind="backfill", conversations=(*range(1, 31), 99)))
        assert etl.rows("SELECT count(*), sum(id) FROM conversations") == [(30, 465)]
    assert (run.outcome, run.tally.pages, run.tally.requests) == ("incomplete", 2, 31 + 30)
    assert len(run.problems) == 1
    assert "/conversations/99: the server answered 404" in run.problems[0]


def test_a_page_without_anything_selected_does_not_end_the_walk(engine: Engine) -> None:
    with job(account_of(60), engine) as etl:
        etl.run(Selection(until=hour(2)))
        assert etl.asked() == (7, [1])


def test_a_selection_whose_pages_skip_conversations_is_incomplete(engine: Engine) -> None:
    account = account_of(120)
    for conversation in account.conversations.values():
        conversation.last_activity_at = LONG_AGO
    with job(account, engine) as etl:
        run = etl.run(Selection(statuses=("open",)))
        ((rows,),) = etl.rows("SELECT count(*) FROM conversations")
    assert rows < 120
    assert run.outcome == "incomplete"
    assert run.problems == [f"The pages of open skipped {120 - rows} conversations that the vendor counts."]


@pytest.mark.long
def test_a_backfill_that_was_cut_short_goes_on_where_it_was_and_a_new_one_reads_all_again(engine: Engine) -> None:
    broken, histories = {"on": False}, threading.Semaphore(0)

    def page_2_is_refused(request: Request, answer: Answer) -> Answer:
        if broken["on"] and request.path.endswith("/messages"):
            histories.release()
        if broken["on"] and request.first("page") == "2":
            assert all(histories.acquire(timeout=LONGEST) for _ in range(25))  # those of page 1 were asked for
            return REFUSED
        return answer

    everything, of_inbox_1 = Selection(kind="backfill"), Selection(kind="backfill", inbox_id=1)
    with job(account_of(40), engine, change=page_2_is_refused) as etl:
        etl.run()
        broken["on"] = True
        assert etl.run(everything).outcome == "failed"
        first = etl.asked()[1]
        assert first == list(range(16, 41))
        broken["on"] = False
        # The same again reads only the rest; another selection is another work.
        assert etl.run(everything).outcome == "complete"
        assert etl.asked()[1] == list(range(1, 16))
        assert etl.run(of_inbox_1).outcome == "complete"
        assert etl.asked()[1] == list(range(1, 41, 2))
        assert etl.run(everything).outcome == "complete"
        assert etl.asked()[1] == list(range(1, 41))


@pytest.mark.long
def test_a_conversation_on_two_pages_of_a_backfill_is_read_once(engine: Engine) -> None:
    account = account_of(120, messages=1)
    for conversation in account.conversations.values():
        conversation.last_activity_at = LONG_AGO
    with job(account, engine) as etl:
        etl.run(Selection(kind="backfill"))
        assert etl.asked()[1] == list(range(1, 121))
