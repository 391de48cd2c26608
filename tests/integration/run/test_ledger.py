"""The ledger: every conversation id is loaded, deleted, forbidden, unreadable, or said to be unaccounted for."""

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Account
from etl.demo.server import Answer, Request, json_answer
from etl.load.journal import Run
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, notes_of, server_fault, walking_job

NOT_FOUND = json_answer({"error": "Resource could not be found"}, 404)
TOMBSTONES = "SELECT id FROM conversations WHERE deleted_at IS NOT NULL ORDER BY id"
ENTRIES = "SELECT conversation_id, state FROM conversation_ledger ORDER BY 1"


def book(run: Run) -> dict[str, int]:
    """Return the ledger's sum without what is zero, having checked that it adds up."""
    assert run.ledger is not None
    highest = run.ledger["highest_id"]
    assert highest == sum(run.ledger.values()) - highest
    return {name: count for name, count in run.ledger.items() if count}


def asked_for(etl: Job, highest: int) -> list[int]:
    """Return the ids up to the highest that the ledger asked for."""
    paths = [request.path.split("/")[5:] for request in etl.vendor.requests]
    numbers = [int(one[1]) for one in paths if len(one) == 2 and one[0] == "conversations" and one[1].isdigit()]
    return sorted(number for number in numbers if number <= highest)


def details(change: Change) -> Change:
    """Change the answers about single conversations only."""

    def changed(request: Request, answer: Answer) -> Answer:
        *_, kind, number = request.path.split("/")
        return change(request, answer) if kind == "conversations" and number.isdigit() else answer

    return changed


def hidden(*ids: int) -> Change:
    """Leave conversations out of every page, as the vendor's order without a tie-breaker does."""

    def changed(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        value["data"]["payload"] = [one for one in value["data"]["payload"] if one["id"] not in ids]
        return json_answer(value)

    return changed


def test_conversations_that_tie_and_are_skipped_by_every_page_are_asked_for(engine: Engine) -> None:
    account = account_of(120)
    for conversation in account.conversations.values():
        conversation.last_activity_at = LONG_AGO
    with job(account, engine) as etl:
        run = etl.run()
        assert 0 < len(asked_for(etl, 120)) < 60
        assert etl.rows("SELECT count(*) FROM conversations") == [(120,)]
        assert etl.rows("SELECT count(*) FROM messages") == [(360,)]
    assert (run.outcome, book(run)) == ("complete", {"highest_id": 120, "loaded": 120})


def test_a_conversation_deleted_upstream_gets_a_tombstone_and_is_not_asked_for_again(engine: Engine) -> None:
    account = account_of(5)
    with walking_job(account, engine) as etl:
        etl.run()
        events.delete_conversation(account, 3)
        run = etl.run()
        # Number 2, which the list has just shown, tells that the server does show single conversations.
        assert asked_for(etl, 5) == [2, 3]
        assert (run.outcome, book(run)) == ("complete", {"highest_id": 5, "loaded": 4, "deleted": 1})
        assert (etl.rows(TOMBSTONES), etl.rows(ENTRIES)) == ([(3,)], [])
        (before,) = etl.rows("SELECT deleted_at, xmin::text FROM conversations WHERE id = 3")
        run = etl.run()
        assert asked_for(etl, 5) == []
        assert book(run) == {"highest_id": 5, "loaded": 4, "deleted": 1}
        assert etl.rows("SELECT deleted_at, xmin::text FROM conversations WHERE id = 3") == [before]


@pytest.mark.long
def test_a_gap_that_was_never_seen_is_written_down_and_not_asked_for_again(engine: Engine) -> None:
    account = account_of(40, messages=1)
    for one in (2, 39, 40):
        events.delete_conversation(account, one)
    with job(account, engine) as etl:
        run = etl.run()
        # Number 40 is yet to come, for all that can be known: it is no gap.
        assert book(run) == {"highest_id": 38, "loaded": 37, "deleted": 1}
        assert etl.rows(ENTRIES) == [(2, "deleted")]
        etl.run()
        assert asked_for(etl, 38) == []


@pytest.mark.long
def test_a_gap_among_the_newest_is_asked_for_again_as_a_lower_number_may_appear_after_a_higher_one(
    engine: Engine,
) -> None:
    account = account_of(40, messages=1)
    late = account.conversations.pop(30)
    with job(account, engine) as etl:
        assert book(etl.run()) == {"highest_id": 40, "loaded": 39, "deleted": 1}
        assert etl.rows(ENTRIES) == []
        account.conversations[30] = late
        assert book(etl.run()) == {"highest_id": 40, "loaded": 40}


@pytest.mark.long
def test_a_404_that_was_wrong_is_asked_for_again_while_the_vendor_counts_more(engine: Engine) -> None:
    wrong = {"on": True}

    def once(request: Request, answer: Answer) -> Answer:
        return NOT_FOUND if wrong["on"] and request.path.endswith("/conversations/3") else answer

    def change(request: Request, answer: Answer) -> Answer:
        return once(request, hidden(3)(request, answer))

    with job(account_of(40, messages=1), engine, change=change) as etl:
        run = etl.run(books="off")
        assert (run.outcome, book(run)) == ("incomplete", {"highest_id": 40, "loaded": 39, "deleted": 1})
        assert run.problems == ["The vendor counts 40 conversations, and 39 were loaded."]
        wrong["on"] = False
        run = etl.run(books="off")
        assert (run.outcome, book(run)) == ("complete", {"highest_id": 40, "loaded": 40})


def test_a_token_that_is_refused_after_the_walks_writes_nothing_down(engine: Engine) -> None:
    denied = json_answer({"error": "Invalid Access Token"}, 401)
    change = details(lambda _, __: denied)
    with job(account_of(6), engine, change=change) as etl:
        run = etl.run()
        assert run.outcome == "failed"
        assert "401" in run.problems[0]
        assert etl.rows(ENTRIES) == etl.rows(TOMBSTONES) == []
        assert len(etl.vendor.requests) < 70


@pytest.mark.long
@pytest.mark.parametrize("loaded_before", [False, True])
def test_a_role_without_any_right_is_not_complete(engine: Engine, loaded_before: bool) -> None:
    account = account_of(6)
    if loaded_before:
        with job(account, engine) as etl:
            etl.run()
    # The list is empty, its counts are 0, and what is there is refused.
    with job(account, engine, hidden_inboxes=frozenset({1, 2})) as etl:
        run = etl.run()
        assert run.outcome == "incomplete"
        assert run.problems[0] == (
            "The token sees no conversation, and was refused some that were asked for by their numbers: what is there"
            " is not known. Use an administrator's token."
        )
        assert etl.rows(ENTRIES) == etl.rows(TOMBSTONES) == []
    with job(account, engine) as etl:
        assert (etl.run().outcome, len(etl.rows("SELECT id FROM conversations"))) == ("complete", 6)


def test_who_sees_nothing_and_is_no_administrator_is_not_complete(engine: Engine) -> None:
    with job(account_of(0), engine, hidden_inboxes=frozenset({1})) as etl:
        run = etl.run()
        said = "The token sees no conversation, and is not an administrator's: there may be some."
        assert (run.outcome, run.problems) == ("incomplete", [said])
    with job(account_of(0), engine) as etl:
        assert etl.run().outcome == "complete"


def test_the_highest_conversation_is_found_although_no_page_shows_it(engine: Engine) -> None:
    account = account_of(10)
    events.delete_conversation(account, 8)
    with job(account, engine, change=hidden(6, 9, 10)) as etl:
        run = etl.run()
        assert book(run) == {"highest_id": 10, "loaded": 9, "deleted": 1}
        assert run.outcome == "complete"
        assert etl.rows(ENTRIES) == []


def test_a_conversation_that_the_token_may_not_see_is_forbidden_for_thirty_days(engine: Engine) -> None:
    with job(account_of(6), engine, hidden_inboxes=frozenset({2})) as etl:
        run = etl.run()
        assert book(run) == {"highest_id": 6, "loaded": 3, "forbidden": 3}
        assert run.outcome == "complete"
        assert "This token does not see everything: it is not an administrator's." in notes_of(run)
        assert etl.rows(ENTRIES) == [(2, "forbidden"), (4, "forbidden"), (6, "forbidden")]
        assert book(etl.run()) == {"highest_id": 6, "loaded": 3, "forbidden": 3}
        assert asked_for(etl, 6) == []
        with engine.begin() as connection:
            aged = "UPDATE helpdesk.conversation_ledger SET checked_at = now() - interval '31 days'"
            connection.exec_driver_sql(f"{aged} WHERE conversation_id = 4")
        assert book(etl.run()) == {"highest_id": 6, "loaded": 3, "forbidden": 3}
        # Number 1, which the list has just shown, tells that it is not the token that is refused.
        assert asked_for(etl, 6) == [1, 4]
        etl.run()
        assert asked_for(etl, 6) == []


@pytest.mark.long
def test_what_was_forbidden_to_one_token_is_asked_for_at_once_by_an_administrators_though_no_page_shows_it(
    engine: Engine,
) -> None:
    account = account_of(6)
    with job(account, engine, hidden_inboxes=frozenset({2})) as etl:
        assert book(etl.run()) == {"highest_id": 6, "loaded": 3, "forbidden": 3}
    with job(account, engine, change=hidden(4)) as etl:
        run = etl.run()
        assert (book(run), notes_of(run)) == ({"highest_id": 6, "loaded": 6}, [])
        assert (run.outcome, etl.rows(ENTRIES)) == ("complete", [])


@pytest.mark.long
def test_another_token_of_the_same_role_asks_at_once_and_is_remembered_by_itself(engine: Engine) -> None:
    account = account_of(6)
    with job(account, engine, hidden_inboxes=frozenset({2})) as etl:
        etl.run()
    with job(account, engine, hidden_inboxes=frozenset({2}), token="another-token") as etl:
        for asked in ([1, 2, 4, 6], []):
            assert book(etl.run(api_token="another-token")) == {"highest_id": 6, "loaded": 3, "forbidden": 3}
            assert sorted(set(asked_for(etl, 6))) == asked


@pytest.mark.long
def test_the_same_token_with_other_rights_asks_at_once(engine: Engine) -> None:
    permits = ["agent"]

    def tell(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/profile"):
            return answer
        profile = orjson.loads(answer.body)
        profile["accounts"][0]["permissions"] = permits
        return json_answer(profile)

    with job(account_of(6), engine, change=tell, hidden_inboxes=frozenset({2})) as etl:
        etl.run()
        etl.run()
        assert asked_for(etl, 6) == []
        permits[:] = ["custom_role", "conversation_unassigned_manage"]
        etl.run()
        assert sorted(set(asked_for(etl, 6))) == [1, 2, 4, 6]


@pytest.mark.long
@pytest.mark.parametrize("fails_first", [False, True])
def test_a_night_without_a_profile_asks_for_nothing_again_that_is_forbidden_to_the_same_token(
    engine: Engine, fails_first: bool
) -> None:
    fails = [fails_first]

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if fails[0] and request.path.endswith("/profile") else answer

    account = account_of(6)
    with job(account, engine, change=change, hidden_inboxes=frozenset({2})) as etl:
        etl.run()
        fails[0] = True
        run = etl.run()
        assert (asked_for(etl, 6), book(run)) == ([], {"highest_id": 6, "loaded": 3, "forbidden": 3})
        fails[0] = False
        etl.run()
        # With which rights it was refused is not known of a first night without a profile.
        assert (asked_for(etl, 6) == []) is not fails_first
        etl.run()
        assert asked_for(etl, 6) == []
    fails[0] = True
    with job(account, engine, change=change, hidden_inboxes=frozenset({2}), token="another-token") as etl:
        etl.run(api_token="another-token")
        assert sorted(set(asked_for(etl, 6))) == [1, 2, 4, 6]


@pytest.mark.long
def test_a_conversation_that_becomes_visible_is_struck_off_the_ledger(engine: Engine) -> None:
    account = account_of(4)
    with job(account, engine, hidden_inboxes=frozenset({2})) as etl:
        etl.run()
    with job(account, engine) as etl:
        assert book(etl.run()) == {"highest_id": 4, "loaded": 4}
        assert etl.rows(ENTRIES) == []


def test_a_conversation_that_the_server_cannot_show_is_unreadable_and_asked_for_again(engine: Engine) -> None:
    faults = details(lambda request, answer: server_fault() if request.path.endswith("/3") else answer)

    def change(request: Request, answer: Answer) -> Answer:
        return faults(request, hidden(3)(request, answer))

    account = account_of(5)
    with job(account, engine, change=change) as etl:
        for _ in range(2):
            run = etl.run(books="off")
            assert (run.outcome, book(run)) == ("incomplete", {"highest_id": 5, "loaded": 4, "unreadable": 1})
            assert run.problems[-1].startswith("1 conversations could not be read; the next run tries again.")
            assert asked_for(etl, 5) == [3]
        assert etl.rows(ENTRIES) == [(3, "unreadable")]
    with job(account, engine) as etl:
        assert etl.run(books="off").outcome == "complete"
        assert etl.rows(ENTRIES) == []


def test_a_conversation_that_comes_back_loses_its_tombstone(engine: Engine) -> None:
    account = account_of(4)
    with job(account, engine) as etl:
        etl.run()
        kept = account.conversations.pop(2)
        etl.run()
        assert etl.rows(TOMBSTONES) == [(2,)]
        account.conversations[2] = kept
        assert book(etl.run()) == {"highest_id": 4, "loaded": 4}
        assert etl.rows(TOMBSTONES) == []


@pytest.mark.long
@pytest.mark.parametrize(("known", "deleted", "fails"), [(60, 26, True), (60, 25, False), (300, 28, False)])
def test_so_many_deletions_that_the_token_is_to_be_doubted_are_refused(
    engine: Engine, known: int, deleted: int, fails: bool
) -> None:
    account = account_of(known, messages=1)
    with job(account, engine) as etl:
        etl.run()
        for one in range(1, deleted + 1):
            events.delete_conversation(account, one)
        run = etl.run()
        if fails:
            assert run.outcome == "failed"
            assert run.problems[0].startswith(f"{deleted} of {known} known conversations are no longer there.")
            assert etl.rows(TOMBSTONES) == etl.rows(ENTRIES) == []
            run = etl.run(Selection(accept_deletions=True))
        assert (run.outcome, run.ledger and run.ledger["deleted"]) == ("complete", deleted)
        assert len(etl.rows(TOMBSTONES)) == deleted


def test_fewer_conversations_than_the_vendor_counts_are_not_complete_whatever_the_ids_say(engine: Engine) -> None:
    def one_more(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/meta") and request.first("status") == "open":
            return json_answer({"meta": {"all_count": 6}})
        return answer

    with job(account_of(5), engine, change=one_more) as etl:
        run = etl.run()
    assert book(run) == {"highest_id": 5, "loaded": 5}
    assert (run.outcome, run.problems) == ("incomplete", ["The vendor counts 6 conversations, and 5 were loaded."])


def test_where_the_counts_cannot_be_read_they_are_not_compared_and_the_summary_says_so(engine: Engine) -> None:
    def no_meta(request: Request, answer: Answer) -> Answer:
        return NOT_FOUND if request.path.endswith("/meta") else answer

    with job(account_of(5), engine, change=no_meta) as etl:
        run = etl.run()
    assert (run.outcome, notes_of(run)) == (
        "complete",
        ["The vendor's counts could not be read, and were not compared."],
    )


def tied(count: int) -> Account:
    account = account_of(count, messages=1)
    for conversation in account.conversations.values():
        conversation.last_activity_at = LONG_AGO
    return account


@pytest.mark.long
def test_where_single_conversations_cannot_be_asked_for_the_pages_are_walked_again(engine: Engine) -> None:
    with job(tied(120), engine, change=details(lambda _, __: NOT_FOUND)) as etl:
        run = etl.run()
        assert etl.rows(TOMBSTONES) == etl.rows(ENTRIES) == []
        assert notes_of(run) == ["The server does not show single conversations: what the pages skip was walked again."]
        assert (run.outcome, book(run)) == ("complete", {"highest_id": 120, "loaded": 120})


def test_what_even_walking_again_does_not_show_stays_unaccounted_for(engine: Engine) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return details(lambda _, __: NOT_FOUND)(request, hidden(3)(request, answer))

    with job(account_of(5), engine, change=change) as etl:
        run = etl.run()
        assert etl.rows(TOMBSTONES) == etl.rows(ENTRIES) == []
    assert (run.outcome, book(run)) == ("incomplete", {"highest_id": 5, "loaded": 4, "unaccounted": 1})
    assert run.problems == [
        "The vendor counts 5 conversations, and 4 were loaded.",
        "Of 1 of 5 conversation ids nothing is known.",
    ]
