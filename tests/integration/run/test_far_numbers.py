"""A number far from all others is doubted: the vendor confirms the conversation by itself, or it does not count."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, delete_conversation
from etl.demo.server import Answer, Request, json_answer
from etl.load.journal import Run
from etl.run import spans
from etl.selection import Selection
from tests.integration.run.test_connections import BOTH, alone
from tests.integration.run.test_costly_answers import run_of
from tests.integration.run.truth import assert_equal
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, notes_of, server_fault, walking_job

FAR = 10**9
LIVING = "SELECT count(*), max(id) FROM conversations WHERE deleted_at IS NULL"
EVERYWHERE = (
    "SELECT (SELECT count(*) FROM conversations WHERE id >= :far), (SELECT count(*) FROM conversation_ledger"
    " WHERE conversation_id >= :far), (SELECT count(*) FROM messages WHERE conversation_id >= :far)"
)
REJECTED = "SELECT entity, entity_id, reason FROM rejected_records"
REASON = "id: is far from all others, and the vendor does not show the conversation when asked for it, got {}"
NOT_STORED = "1 records could not be stored: see the table rejected_records."


class Shows:
    """Shows conversations that are none on the first page of the open ones, as often as it is told to."""

    def __init__(self, *numbers: int, times: int = 1, counted: bool = False) -> None:
        self.numbers, self.times, self.counted = numbers, times, counted

    def __call__(self, request: Request, answer: Answer) -> Answer:
        asked = request.path.split("/")[5:], request.first("status"), request.first("page")
        if not self.times or asked[1] != "open" or asked[0] not in (["conversations"], ["conversations", "meta"]):
            return answer
        value = orjson.loads(answer.body)
        if self.counted:
            value.get("data", value)["meta"]["all_count"] += len(self.numbers)
        if asked[0] == ["conversations"] and asked[2] == "1":
            self.times -= 1
            payloads = value["data"]["payload"]
            payloads[:0] = [made_up(payloads[-1], number) for number in self.numbers]
        return json_answer(value)


def made_up(payload: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a conversation of another number, whose messages say nothing of the conversation that they are of."""
    made: dict[str, Any] = orjson.loads(orjson.dumps(payload)) | {"id": number}
    for message in [*made["messages"], made["last_non_activity_message"]]:
        del message["conversation_id"]
    return made


def asked_singly(etl: Job) -> list[int]:
    paths = [request.path.split("/")[5:] for request in etl.vendor.requests]
    return sorted(int(one[1]) for one in paths if len(one) == 2 and one[0] == "conversations" and one[1].isdigit())


def book(run: Run) -> dict[str, int]:
    assert run.ledger is not None
    return {name: count for name, count in run.ledger.items() if count}


def with_a_jump(conversations: int, *far: int) -> Account:
    """Return an account whose numbers jump."""
    account = account_of(conversations)
    for number in far:
        account.last_conversation_id = number - 1
        add_conversation(account, 1, 1, LONG_AGO)
        add_message(account, number, f"message of {number}", LONG_AGO)
    return account


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("first", [False, True])
def test_a_number_that_one_page_makes_up_is_stored_nowhere_and_later_runs_are_complete(
    engine: Engine, run_it: Callable[..., Run], first: bool
) -> None:
    # The first page of a run that is shared is read once more, to cut it.
    account, times = account_of(60), 1 if run_it is alone else 2
    made = Shows(FAR, times=times * first)
    with walking_job(account, engine, change=made, page_size=5) as etl:
        run = run_of(run_it, etl)
        if not first:
            made.times = 1
            run = run_of(run_it, etl)
        assert (run.outcome, run.problems) == ("incomplete", [NOT_STORED])
        assert asked_singly(etl)[-1] == FAR
        assert etl.rows(REJECTED) == [("conversation", str(FAR), REASON.format(FAR))]
        assert etl.rows(EVERYWHERE, far=FAR) == [(0, 0, 0)]
        for _ in range(2):
            run = run_of(run_it, etl)
            assert (run.outcome, run.problems, book(run)) == ("complete", [], {"highest_id": 60, "loaded": 60})
            assert max(asked_singly(etl)) == 85
        assert etl.run(Selection(audit=True)).outcome == "complete"
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
def test_a_jump_that_the_vendor_confirms_counts_and_what_lies_between_is_not_asked_for(
    engine: Engine, run_it: Callable[..., Run]
) -> None:
    account = with_a_jump(60, FAR)
    delete_conversation(account, 20)
    around = 25
    said = [
        "The numbers of conversations jump: of the 999,999,914 from 61 to 999,999,974 only the first 25 were asked for,"
        " as no page shows any of them."
    ]
    with walking_job(account, engine, page_size=5) as etl:
        for number in range(3):
            run = run_of(run_it, etl)
            assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], said)
            assert book(run) == {"highest_id": FAR, "loaded": 60, "deleted": 1 + around}
            asked = set(asked_singly(etl))
            assert set(range(61, 86)) | set(range(FAR - around + 1, FAR)) | set(range(FAR + 1, FAR + 26)) <= asked
            assert len(asked) < 90
            assert etl.rows(LIVING) == [(60, FAR)], number
        add_conversation(account, 1, 1, LONG_AGO)
        run = run_of(run_it, etl)
        assert (run.outcome, book(run)["highest_id"], book(run)["loaded"]) == ("complete", FAR + 1, 61)
        assert etl.run(Selection(audit=True)).outcome == "complete"
        assert_equal(etl, account)


def test_a_conversation_behind_a_jump_that_is_deleted_upstream_gets_a_tombstone_and_the_jump_ends(
    engine: Engine,
) -> None:
    account = with_a_jump(40, FAR)
    with job(account, engine) as etl:
        etl.run()
        delete_conversation(account, FAR)
        run = etl.run()
        assert (run.outcome, run.problems, book(run)) == ("complete", [], {"highest_id": 40, "loaded": 40})
        assert notes_of(run) == [
            "Far from all others and no longer there: conversation 1000000000. It does not count. If it never was of"
            " this account: `etl forget --conversation 1000000000` removes it."
        ]
        assert etl.rows("SELECT id FROM conversations WHERE deleted_at IS NOT NULL") == [(FAR,)]
        run = etl.run()
        assert (run.outcome, notes_of(run), book(run)) == ("complete", [], {"highest_id": 40, "loaded": 40})


def stored_by_an_earlier_version(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO helpdesk.conversations (account_id, id, status, contact_id, inbox_id)"
                " SELECT account_id, :far, status, contact_id, inbox_id FROM helpdesk.conversations WHERE id = 1"
            ),
            {"far": FAR},
        )


@pytest.mark.long
@pytest.mark.parametrize("times", [0, 9])
def test_a_number_that_an_earlier_version_stored_is_asked_for_and_does_not_count(engine: Engine, times: int) -> None:
    made = Shows(FAR, times=0)
    with job(account_of(40), engine, change=made) as etl:
        etl.run()
        stored_by_an_earlier_version(engine)
        made.times = times
        run = etl.run()
        assert (run.outcome, run.problems) == (("incomplete", [NOT_STORED]) if times else ("complete", []))
        for _ in range(2):
            assert etl.rows(LIVING) == [(40, 40)]
            run = etl.run(Selection(audit=True))
            assert (run.outcome, run.problems, book(run)) == ("complete", [], {"highest_id": 40, "loaded": 40})


@pytest.mark.long
@pytest.mark.parametrize("counted", [False, True])
def test_a_number_that_is_shown_each_night_is_said_and_a_problem_as_long_as_it_is_counted(
    engine: Engine, counted: bool
) -> None:
    said = "The pages show conversation 1000000000, which the vendor does not show by itself: see rejected_records."
    with walking_job(account_of(40), engine, change=Shows(FAR, times=9, counted=counted)) as etl:
        problems = ["The vendor counts 41 conversations, and 40 were loaded."] if counted else []
        run = etl.run()
        assert (run.outcome, run.problems) == ("incomplete", [*problems, NOT_STORED])
        for _ in range(2):
            run = etl.run()
            assert notes_of(run) + run.problems == ([*problems, said] if counted else [said])
            assert run.outcome == ("incomplete" if counted else "complete")
            assert (etl.rows(LIVING), len(etl.rows(REJECTED))) == ([(40, 40)], 1)


@pytest.mark.long
def test_where_nothing_counts_a_number_that_is_shown_each_night_stays_a_problem(engine: Engine) -> None:
    made = Shows(FAR, times=9)

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if request.path.endswith("/meta") else made(request, answer)

    with job(account_of(40), engine, change=change) as etl:
        etl.run()
        assert etl.run().outcome == "incomplete"


def test_a_number_that_could_not_be_asked_for_is_confirmed_the_next_night(engine: Engine) -> None:
    broken = {"on": True}

    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if broken["on"] and request.path.endswith(f"/{FAR}") else answer

    account = with_a_jump(40, FAR)
    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert (run.outcome, etl.rows(EVERYWHERE, far=FAR)) == ("incomplete", [(0, 0, 0)])
        broken["on"] = False
        run = etl.run()
        assert (run.outcome, book(run)["loaded"]) == ("complete", 41)
        assert etl.rows("SELECT resolved_at IS NOT NULL FROM rejected_records") == [(True,)]
        assert_equal(etl, account)


@pytest.mark.parametrize(
    "selection", [Selection(recent=True), Selection("backfill", statuses=("open",))], ids=["recent", "open"]
)
def test_a_selection_stores_no_number_that_is_made_up(engine: Engine, selection: Selection) -> None:
    made = Shows(FAR, times=0)
    with job(account_of(40), engine, change=made) as etl:
        etl.run()
        made.times = 1
        run = etl.run(selection)
        assert (run.outcome, run.problems, etl.rows(LIVING)) == ("incomplete", [NOT_STORED], [(40, 40)])
        assert etl.run(selection).outcome == "complete"
        made.times = 1
        assert etl.run(selection).outcome == "incomplete"


def test_a_conversation_that_is_chosen_by_its_number_is_not_doubted_twice(engine: Engine) -> None:
    account = with_a_jump(3, FAR)
    with job(account, engine) as etl:
        assert etl.run(Selection("backfill", conversations=(2, FAR))).outcome == "complete"
        assert (etl.rows(LIVING), asked_singly(etl)) == ([(2, FAR)], [2, FAR])


def all_from(first: int, conversations: int) -> Account:
    """Return an account whose numbers begin high, as those of one that began before its oldest ones were purged."""
    account = account_of(0)
    account.last_conversation_id = first - 1
    for at in range(conversations):
        one = add_conversation(account, 1, 1, LONG_AGO + at * 60)
        add_message(account, one.id, f"message of {one.id}", LONG_AGO + at * 60)
    return account


@pytest.mark.long
def test_a_dense_account_is_never_doubted_wherever_its_numbers_begin(engine: Engine) -> None:
    account = all_from(3_000_000, 60)
    with job(account, engine) as etl:
        run = etl.run()
        assert (run.outcome, run.problems, book(run)["loaded"]) == ("complete", [], 60)
        assert asked_singly(etl)[0] >= 3_000_000 - 25
        # Which the list has just shown, so that the server does show single conversations.
        assert [one for one in asked_singly(etl) if one in account.conversations] == [3_000_057]
        assert_equal(etl, account)


@pytest.mark.long
def test_a_jump_is_asked_for_as_far_as_it_can_be_while_the_vendor_counts_more(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "BESIDES", 100)
    account = with_a_jump(40, 1_000, 2_000)

    def change(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations"):
            return answer
        value = orjson.loads(answer.body)
        value["data"]["payload"] = [one for one in value["data"]["payload"] if one["id"] != 1_000]
        return json_answer(value)

    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert (run.outcome, book(run)["loaded"]) == ("complete", 42)
        assert_equal(etl, account)


@pytest.mark.long
def test_several_numbers_that_are_made_up_do_not_confirm_each_other(engine: Engine) -> None:
    with job(account_of(40), engine, change=Shows(FAR, FAR + 1, FAR + 7, 5 * FAR)) as etl:
        run = etl.run()
        assert run.problems == [NOT_STORED.replace("1", "4")]
        assert etl.rows(EVERYWHERE, far=FAR) == [(0, 0, 0)]
        assert (etl.run().outcome, etl.rows(LIVING)) == ("complete", [(40, 40)])


@pytest.mark.long
def test_where_single_conversations_are_not_shown_the_pages_are_believed(engine: Engine) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        gone = json_answer({"error": "Resource could not be found"}, 404)
        return gone if request.path.split("/")[-2:-1] == ["conversations"] and request.path[-1].isdigit() else answer

    account = with_a_jump(40, FAR)
    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert (run.outcome, run.problems, etl.rows(LIVING)) == ("complete", [], [(41, FAR)])
        assert_equal(etl, account)


def unchanged(request: Request, answer: Answer) -> Answer:
    return answer


@pytest.mark.long
@pytest.mark.parametrize("change", [unchanged, Shows(90_000)], ids=["alone", "with a made-up one"])
def test_a_dense_account_is_asked_for_no_more_than_before(engine: Engine, change: Change) -> None:
    with walking_job(account_of(40), engine, change=change) as etl:
        etl.run()
        etl.run()
        assert asked_singly(etl) == list(range(41, 66))
