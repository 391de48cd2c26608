"""When a night walks every page, what it reads beside conversations, and that a quiet one writes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Contact, CsatResponse
from etl.demo.server import Answer, Request
from etl.load.journal import COUNTS, WALK
from etl.run import due
from etl.selection import Selection
from tests.integration.run.test_counted import PAGE, QUIET, kinds, of_all_statuses, statuses, truth
from tests.scripted_account import LONG_AGO, Job, account_of, job, now, server_fault

SINGLE_SQL = {
    "a week later": "UPDATE helpdesk.accounts SET walked_at = walked_at - interval '6.6 days'",
    "the last walk began in the future": "UPDATE helpdesk.accounts SET walked_at = now() + interval '1 hour'",
    "no walk is known": "UPDATE helpdesk.accounts SET walked_at = NULL",
    "the last run was incomplete": "UPDATE helpdesk.sync_runs SET outcome = 'incomplete'",
    "the last run began in the future": "UPDATE helpdesk.sync_runs SET started_at = now() + interval '1 hour'",
}


def run_sql(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.long
@pytest.mark.parametrize("name", SINGLE_SQL)
def test_a_walk_is_due_by_what_is_known_of_earlier_runs(engine: Engine, name: str) -> None:
    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        run_sql(engine, SINGLE_SQL[name])
        assert etl.run(**QUIET).proof == WALK
        assert etl.run(**QUIET).proof == COUNTS


@pytest.mark.parametrize(
    ("selection", "settings"),
    [
        (Selection(full=True), {}),
        (Selection(audit=True), {}),
        (Selection(accept_contract=True), {}),
        (Selection(kind="backfill"), {}),
        (Selection(), {"walk_days": 0}),
        (Selection(), {"messages": "listed"}),
        (Selection(), {"contacts": "all"}),
    ],
)
def test_a_walk_is_due_where_it_is_asked_for_or_the_last_one_read_otherwise(
    engine: Engine, selection: Selection, settings: dict[str, Any]
) -> None:
    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        assert etl.run(**QUIET).proof == COUNTS
        assert etl.run(selection, **QUIET | settings).proof == WALK


@pytest.mark.long
def test_a_walk_is_due_where_the_clock_was_ahead_as_a_run_that_followed_shows(engine: Engine) -> None:
    """What has changed since the last whole run really began is not known, however long ago the clock was set right."""
    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        first = etl.run(**QUIET)
        etl.run(Selection(recent=True), **QUIET)
        run_sql(engine, f"UPDATE helpdesk.sync_runs SET started_at = now() WHERE run_id = {first.run_id}")
        assert etl.run(**QUIET).proof == WALK
        assert etl.run(**QUIET).proof == COUNTS


@pytest.mark.long
def test_a_walk_is_due_with_another_token_and_another_version(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        etl.vendor.token = "another-token"
        proofs = [etl.run(**QUIET, api_token="another-token").proof for _ in range(2)]
        monkeypatch.setattr(due, "VERSION", "another")
        proofs += [etl.run(**QUIET, api_token="another-token").proof for _ in range(2)]
    assert proofs == [WALK, COUNTS, WALK, COUNTS]


def test_a_run_that_failed_leaves_the_proof_to_rest_on_the_one_before(engine: Engine) -> None:
    account, failing = of_all_statuses(20), list[bool]()

    def fail(request: Request, answer: Answer) -> Answer:
        return server_fault() if failing and request.path.endswith("/conversations") else answer

    with job(account, engine, change=fail, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.change_conversation(account, 9, now(), None, status="open")
        failing.append(True)
        assert etl.run(**QUIET).outcome == "failed"
        failing.clear()
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert statuses(etl) == truth(account)


@pytest.mark.long
@pytest.mark.parametrize("behaviour", ["2.14", "4.7", "2026"])
def test_a_quiet_night_writes_no_row_of_the_vendors(engine: Engine, behaviour: str) -> None:
    tables = (
        *("conversations", "messages", "contacts", "conversation_states", "conversation_labels", "attachments"),
        *("conversation_ledger", "agents", "inboxes", "teams", "labels"),
    )
    written = " UNION ALL ".join(f"SELECT '{table}', ctid::text, xmin::text FROM {table}" for table in tables)
    with job(of_all_statuses(40), engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        assert etl.run(**QUIET).proof == COUNTS  # what histories told otherwise than the list is settled
        before = sorted(etl.rows(written))
        assert etl.run(**QUIET).proof == COUNTS
        assert sorted(etl.rows(written)) == before


@pytest.mark.long
def test_names_are_read_once_a_day_and_the_tokens_role_each_time(engine: Engine) -> None:
    def lists(etl: Job) -> set[str]:
        return {request.path.rpartition("/")[2] for request in etl.vendor.requests} & {"inboxes", "agents", "profile"}

    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        etl.run(**QUIET)
        assert lists(etl) == {"profile"}
        etl.vendor.hidden_inboxes = frozenset({99})
        assert "This token does not see everything: it is not an administrator's." in etl.run(**QUIET).notes
        run_sql(engine, "UPDATE helpdesk.accounts SET names_read_at = names_read_at - interval '20 hours'")
        etl.run(**QUIET)
        assert lists(etl) == {"profile", "agents", "inboxes"}
        run_sql(engine, "UPDATE helpdesk.accounts SET names_read_at = now() + interval '1 hour'")
        etl.run(**QUIET)
        assert lists(etl) == {"profile", "agents", "inboxes"}


@pytest.mark.long
def test_names_at_which_the_server_failed_are_read_again_the_same_day(engine: Engine) -> None:
    failing = [True]

    def fail(request: Request, answer: Answer) -> Answer:
        return server_fault() if failing and request.path.endswith("/agents") else answer

    with job(of_all_statuses(20), engine, change=fail, page_size=PAGE) as etl:
        assert "agents without a conversation" in str(etl.run(**QUIET).notes)
        assert "agents without a conversation" in str(etl.run(**QUIET).notes)
        failing.clear()
        assert etl.run(**QUIET).proof == COUNTS
        assert etl.rows("SELECT name FROM agents ORDER BY id") == [("Alice Admin",), ("Bob",)]


@pytest.mark.long
def test_histories_that_could_not_be_read_are_read_again_though_nothing_changed(engine: Engine) -> None:
    with job(of_all_statuses(20), engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        run_sql(engine, "UPDATE helpdesk.conversations SET mark = NULL WHERE id IN (3, 4)")
        run_sql(engine, "DELETE FROM helpdesk.messages WHERE conversation_id IN (3, 4)")
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, etl.asked()[1]) == ("complete", COUNTS, [3, 4])
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id IN (3, 4)") == [(6,)]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", ["2.14", "4.7"])
def test_what_has_a_status_that_no_list_shows_is_asked_for_each_night(engine: Engine, behaviour: str) -> None:
    account = of_all_statuses(20)
    account.conversations[5].status = "parked"
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.change_conversation(account, 7, now(), None, status="parked")
        for _ in range(2):
            run = etl.run(**QUIET)
            assert (run.outcome, run.proof) == ("complete", COUNTS)
            assert statuses(etl) == truth(account)
        events.delete_conversation(account, 5)
        etl.run(**QUIET)
        assert statuses(etl) == truth(account)


CONTACTS = QUIET | {"contacts": "all"}


def _contact_pages(etl: Job) -> int:
    return sum(request.path.endswith("/contacts") for request in etl.vendor.requests)


@pytest.mark.long
@pytest.mark.parametrize("what", ["nothing", "deleted", "merged", "imported", "active"])
def test_contacts_are_counted_and_the_whole_list_is_read_where_that_differs(engine: Engine, what: str) -> None:
    account = account_of(10)
    for number in range(3, 80):
        account.contacts[number] = Contact(number, f"Contact {number}", LONG_AGO, email=f"{number}@example.com")
        account.contacts[number].last_activity_at = LONG_AGO + number
    with job(account, engine) as etl:
        etl.run(**CONTACTS)
        match what:
            case "deleted":
                del account.contacts[50]
            case "merged":
                events.merge_contacts(account, 51, 50, now())
            case "imported":
                account.contacts[80] = Contact(80, "New", LONG_AGO, email="80@example.com")
            case "active":
                account.contacts[60].name, account.contacts[60].last_activity_at = "Active", now()
        run = etl.run(**CONTACTS)
        pages = _contact_pages(etl)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        names = dict(etl.rows("SELECT id, name FROM contacts WHERE deleted_at IS NULL AND email IS NOT NULL"))
    assert names == {one.id: one.name for one in account.contacts.values() if one.email}
    assert (pages < 6) is (what in {"nothing", "active"})


SURVEYS = QUIET | {"books": "on"}


def _answer(number: int, rating: int, at: int) -> CsatResponse:
    return CsatResponse(number, rating, None, number, number * 3, 1, None, at)


@pytest.mark.long
@pytest.mark.parametrize("what", ["nothing", "new", "changed", "said later", "new, as one was destroyed"])
def test_survey_answers_are_counted_and_the_newest_read(engine: Engine, what: str) -> None:
    account = account_of(60)
    account.csat_responses = [_answer(number, 4, LONG_AGO + number) for number in range(1, 60)]
    account.csat_responses.append(_answer(60, 5, now() - 3_600))
    with job(account, engine) as etl:
        etl.run(**SURVEYS)
        responses = account.csat_responses
        change: dict[str, Callable[[], object]] = {
            "nothing": lambda: None,
            "new": lambda: responses.append(_answer(61, 1, now() - 60)),
            "changed": lambda: setattr(responses[0], "rating", 1),
            "said later": lambda: setattr(responses[-1], "feedback_message", "thank you"),
            "new, as one was destroyed": lambda: responses.__setitem__(0, _answer(61, 4, now() - 60)),
        }
        change[what]()
        for one in responses:
            one.conversation_id = min(one.conversation_id, 60)
        run = etl.run(**SURVEYS)
        pages = sum(request.path.endswith("/csat_survey_responses") for request in etl.vendor.requests)
        assert run.proof == COUNTS
        found = etl.rows("SELECT id, rating, feedback_message FROM csat_responses ORDER BY id")
    expected = {one.id: (one.id, one.rating, one.feedback_message) for one in account.csat_responses}
    assert {row[0]: row for row in found if row[0] in expected} == expected
    # Each time that counts differ, the whole list: also where what was destroyed makes up for what is new.
    assert (pages <= 3) is (what in {"nothing", "new", "said later"})
    assert kinds(etl)["single"] == 0
