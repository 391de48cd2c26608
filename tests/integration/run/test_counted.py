"""A night that reads what changed proves by counts that nothing else is missing: what it finds, and what that costs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Account
from etl.demo.server import Answer, Request, json_answer
from etl.load.journal import COUNTS, WALK, Run
from etl.selection import Selection
from tests.examples import in_the_long_run
from tests.scripted_account import LONG_AGO, Job, account_of, job, notes_of, now

BEHAVIOURS = ["2.14", "4.7", "2026"]
FEW, PAGE = 60, 5
QUIET = {"contacts": "seen", "books": "off", "patrol_percent": 0}
# Without histories: what the list costs.
LISTED = QUIET | {"messages": "listed"}
AFTER_ALL = "Every page was walked, as counts did not prove enough: "


def kinds(etl: Job) -> Counter[str]:
    """Return how many requests there were for what."""
    return Counter(_kind(request.path.split("/")[5:]) for request in etl.vendor.requests)


def _kind(path: list[str]) -> str:
    if path[:1] != ["conversations"]:
        return "names"
    return {1: "list", 2: "counts" if path[-1] == "meta" else "single", 3: "history"}[len(path)]


def why(run: Run) -> list[str]:
    """Return why a run walked after all."""
    return [note.removeprefix(AFTER_ALL) for note in run.notes if note.startswith(AFTER_ALL)]


def statuses(etl: Job) -> dict[int, str]:
    return dict(etl.rows("SELECT id, status FROM conversations WHERE deleted_at IS NULL"))


def tombstones(etl: Job) -> list[int]:
    return [number for (number,) in etl.rows("SELECT id FROM conversations WHERE deleted_at IS NOT NULL ORDER BY id")]


def truth(account: Account) -> dict[int, str]:
    return {one.id: one.status for one in account.conversations.values()}


def of_all_statuses(conversations: int = FEW) -> Account:
    """Return an account of which two of three conversations are open, and the others of each other status in turn."""
    account = account_of(conversations)
    for number, one in account.conversations.items():
        if number % 3 == 0:
            one.status = ("resolved", "pending", "snoozed")[number // 3 % 3]
    return account


@dataclass
class Once:
    """Does something once, as soon as a request is answered of which `when` says so."""

    when: Callable[[Request], bool]
    do: Callable[[], object]
    is_armed: bool = False
    done: list[Request] = field(default_factory=list)

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if self.is_armed and not self.done and self.when(request):
            self.done.append(request)
            self.do()
        return answer


def is_list(request: Request) -> bool:
    return request.path.endswith("/conversations")


def is_count(request: Request) -> bool:
    return request.path.endswith("/conversations/meta")


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("size", [60, *in_the_long_run(300, 1_200)])
def test_a_night_in_which_nothing_changed_costs_the_same_whatever_there_is(
    engine: Engine, behaviour: str, size: int
) -> None:
    with job(account_of(size), engine, behaviour=behaviour) as etl:
        first = etl.run(**LISTED)
        second = etl.run(**LISTED)
        asked = kinds(etl)
    assert (first.outcome, first.proof) == ("complete", WALK)
    assert (second.outcome, second.proof, second.problems) == ("complete", COUNTS, [])
    assert second.ledger == first.ledger
    # One first page has rows: of its status is asked whether the server knows `updated_within`, and what it has.
    pages = {"2.14": 4 + 1, "4.7": 4 + 2, "2026": 4 + 2}[behaviour]
    assert (asked["list"], asked["counts"], asked["single"]) == (pages, 4, 0)
    assert asked.total() <= pages + 4 + 3  # the profile, and the vendor's own events, which there are none of


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("size", [300, *in_the_long_run(1_200)])
def test_five_deletions_are_found_by_the_rank_of_rows(engine: Engine, behaviour: str, size: int) -> None:
    account = account_of(size)
    gone = [size * part // 7 for part in range(1, 6)]
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run(**LISTED)
        for number in gone:
            events.delete_conversation(account, number)
        run = etl.run(**LISTED)
        asked = kinds(etl)
        assert (run.outcome, run.proof, why(run)) == ("complete", COUNTS, [])
        assert (tombstones(etl), statuses(etl)) == (gone, truth(account))
    assert run.ledger is not None
    assert (run.ledger["loaded"], run.ledger["deleted"]) == (size - 5, 5)
    # And three that are there, each time that some are not: the server may show none by itself.
    assert asked["single"] <= 5 + 2 * 3
    assert asked.total() <= 60 + 5 * 15


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_snooze_that_ended_by_itself_is_seen_the_next_night(engine: Engine, behaviour: str) -> None:
    account = of_all_statuses()
    account.conversations[15].snoozed_until = now() - 60.0
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.change_conversation(account, 15, now(), None, status="open", snoozed_until=None)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert statuses(etl) == truth(account)


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_conversation_that_was_imported_with_its_old_times_is_loaded(engine: Engine, behaviour: str) -> None:
    account = of_all_statuses()
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        new = events.add_conversation(account, 1, 1, LONG_AGO + 30)
        events.add_message(account, new.id, "long ago", LONG_AGO + 30)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, run.problems) == ("complete", COUNTS, [])
        assert statuses(etl) == truth(account)
        assert etl.rows("SELECT content FROM messages WHERE conversation_id = :new", new=new.id) == [("long ago",)]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_two_that_changed_places_are_seen_where_the_server_tells_what_changed_and_else_by_the_next_walk(
    engine: Engine, behaviour: str
) -> None:
    account = of_all_statuses()
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        before = statuses(etl)
        events.change_conversation(account, 9, now(), None, status="open")
        events.change_conversation(account, 4, now(), None, status="resolved")
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert statuses(etl) == (before if behaviour == "2.14" else truth(account))
        said = "This server does not tell what changes without a new message or somebody's doing, as a snooze that ends"
        assert [note.partition(":")[0] for note in notes_of(run)] == [said] * (behaviour == "2.14")
        walk = etl.run(Selection(full=True), **QUIET)
        assert (walk.outcome, walk.proof) == ("complete", WALK)
        assert statuses(etl) == truth(account)


@pytest.mark.long
@pytest.mark.parametrize("selection", [Selection(), Selection(recent=True)], ids=["by counts", "recent"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_figures_claim_no_more_than_a_run_has_seen(engine: Engine, behaviour: str, selection: Selection) -> None:
    """A rule gave the conversation to an agent before the second run, and that may not have been told of it."""
    account = of_all_statuses()
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        first = etl.run(**QUIET)
        events.change_conversation(account, 9, now(), None, assignee_id=2)
        second = etl.run(selection, **QUIET)
        third = etl.run(Selection(full=True), **QUIET)
        told = etl.rows("SELECT not_before, not_after FROM conversation_events WHERE kind = 'assigned'")
    assert [run.outcome for run in (first, second, third)] == ["complete"] * 3
    assert [first.started_at <= not_before < second.started_at for not_before, _ in told] == [True]


def _delete(account: Account) -> None:
    events.delete_conversation(account, 20)


def _wake(account: Account) -> None:
    events.change_conversation(account, 15, now(), None, status="open")


def _begin(account: Account) -> None:
    events.add_message(account, events.add_conversation(account, 1, 1, now()).id, "hello", now())


def _change_places(account: Account) -> None:
    events.change_conversation(account, 15, now(), None, status="open")
    events.change_conversation(account, 10, now(), 1, status="snoozed")


AMID = [(when, do) for when in (is_list, is_count) for do in (_delete, _wake, _begin, _change_places)]


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize(("when", "do"), AMID)
def test_what_changes_while_the_proof_goes_on_is_seen_then_or_where_it_was_counted_already_the_next_night(
    engine: Engine, behaviour: str, when: Callable[[Request], bool], do: Callable[[Account], None]
) -> None:
    """After the first answer of a kind: the other three first pages, or counts, already tell of the change."""
    account = of_all_statuses()
    once = Once(when, lambda: do(account))
    with job(account, engine, change=once, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        once.is_armed = True
        run = etl.run(**QUIET)
        assert (len(once.done), run.outcome, run.proof) == (1, "complete", COUNTS)
        if when is is_count:
            run = etl.run(**QUIET)
            assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert statuses(etl) == truth(account)


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_where_something_changes_all_the_time_every_page_is_walked_and_the_summary_says_so(
    engine: Engine, behaviour: str
) -> None:
    account = of_all_statuses()
    going_on: list[bool] = []

    def begin(request: Request, answer: Answer) -> Answer:
        if going_on and (is_count(request) or is_list(request)):
            _begin(account)
        return answer

    with job(account, engine, change=begin, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        going_on.append(True)
        run = etl.run(**QUIET)
        assert (run.proof, why(run)) == (WALK, ["counts and tables did not agree in 5 rounds."])
        going_on.clear()
        run = etl.run(**QUIET)
        assert run.outcome == "complete"
        assert (statuses(etl), tombstones(etl)) == (truth(account), [])


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_run_that_ends_amid_its_proof_leaves_what_the_next_one_proves(engine: Engine, behaviour: str) -> None:
    account = of_all_statuses()
    refusing = Once(is_count, lambda: None)

    def refuse(request: Request, answer: Answer) -> Answer:
        refusing(request, answer)
        return json_answer({"error": "no"}, 401) if refusing.done and refusing.is_armed else answer

    with job(account, engine, change=refuse, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.delete_conversation(account, 20)
        _wake(account)
        events.add_message(account, 40, "news", now())
        refusing.is_armed = True
        assert etl.run(**QUIET).outcome == "failed"
        assert tombstones(etl) == []
        refusing.is_armed = False
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert (statuses(etl), tombstones(etl)) == (truth(account), [20])
        assert etl.rows("SELECT content FROM messages WHERE conversation_id = 40 ORDER BY id DESC LIMIT 1") == [
            ("news",)
        ]


@pytest.mark.long
def test_a_gap_that_is_filled_by_an_import_does_not_make_up_for_a_deletion(engine: Engine) -> None:
    account = of_all_statuses()
    with job(account, engine, behaviour="2.14", page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.delete_conversation(account, 20)
        old = events.add_conversation(account, 1, 1, LONG_AGO + 30)
        events.add_message(account, old.id, "long ago", LONG_AGO + 30)
        _begin(account)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        assert (statuses(etl), tombstones(etl)) == (truth(account), [20])


LOST = "".join(
    f"DELETE FROM helpdesk.{table} WHERE {name} = 20;"
    for table, name in [
        ("messages", "conversation_id"),
        ("conversation_states", "conversation_id"),
        ("conversations", "id"),
    ]
)
LONG_FORBIDDEN = "UPDATE helpdesk.conversation_ledger SET checked_at = now() - interval '31 days'"


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("before", [LOST, LONG_FORBIDDEN], ids=["lost from the tables", "forbidden until now"])
def test_what_is_behind_a_gap_does_not_make_up_for_a_deletion(engine: Engine, behaviour: str, before: str) -> None:
    """One of a status is lacking in the tables, and another of it is gone: the counts agree from the first."""
    account = of_all_statuses()
    for number, conversation in account.conversations.items():
        conversation.inbox_id = 2 if number == 20 else 1
    with job(account, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.vendor.hidden_inboxes = frozenset({2} if before == LONG_FORBIDDEN else ())
        etl.run(**QUIET)
        etl.vendor.hidden_inboxes = frozenset()
        with engine.begin() as connection:
            connection.exec_driver_sql(before)
        events.delete_conversation(account, 25)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, tombstones(etl)) == ("complete", COUNTS, [25])
        assert statuses(etl) == truth(account)


@pytest.mark.long
def test_a_status_that_was_falsified_in_the_tables_is_set_right_though_the_vendor_sends_what_it_sent(
    engine: Engine,
) -> None:
    account = of_all_statuses()
    with job(account, engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE helpdesk.conversations SET status = 'snoozed' WHERE id IN (10, 11)")
            connection.exec_driver_sql("UPDATE helpdesk.conversations SET status = 'open' WHERE id = 30")
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, why(run)) == ("complete", COUNTS, [])
        assert statuses(etl) == truth(account)


@pytest.mark.long
def test_the_counts_that_are_kept_are_those_of_the_proof_and_not_of_the_first_look(engine: Engine) -> None:
    account = account_of(20)
    once = Once(is_count, lambda: events.change_conversation(account, 7, now(), None, status="snoozed"))
    with job(account, engine, change=once, page_size=PAGE) as etl:
        etl.run(**QUIET)
        once.is_armed = True
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, once.done != []) == ("complete", COUNTS, True)
        kept = "SELECT status, all_count FROM account_counts WHERE run_id = :run ORDER BY status"
        assert etl.rows(kept, run=run.run_id) == [("open", 19), ("pending", 0), ("resolved", 0), ("snoozed", 1)]
