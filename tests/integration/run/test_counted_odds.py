"""Servers that count, sort or show otherwise than they should: nothing wrong is proved, and a walk comes after all."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Account
from etl.demo.server import Answer, Request, json_answer
from etl.load.journal import COUNTS, WALK
from tests.integration.run.test_counted import (
    BEHAVIOURS,
    PAGE,
    QUIET,
    is_count,
    is_list,
    kinds,
    of_all_statuses,
    statuses,
    tombstones,
    truth,
    why,
)
from tests.scripted_account import DAY, LONG_AGO, Change, account_of, job, now, server_fault

NOT_FOUND = json_answer({"error": "Resource could not be found"}, 404)


class Odd:
    """Changes answers as soon as it is armed: after the first load."""

    def __init__(self, change: Change) -> None:
        self.change, self.is_armed = change, False

    def __call__(self, request: Request, answer: Answer) -> Answer:
        return self.change(request, answer) if self.is_armed and answer.status == 200 else answer


def by_creation(request: Request) -> bool:
    return is_list(request) and request.first("sort_by") == "sort_on_created_at"


def of_page(change: Callable[[list[Any]], list[Any]], when: Callable[[Request], bool] = by_creation) -> Change:
    """Change the payloads of pages."""

    def changed(request: Request, answer: Answer) -> Answer:
        if not when(request):
            return answer
        value = orjson.loads(answer.body)
        value["data"]["payload"] = change(value["data"]["payload"])
        return json_answer(value)

    return changed


def failing(when: Callable[[Request], bool]) -> Change:
    return lambda request, answer: server_fault() if when(request) else answer


def counting(more: int) -> Change:
    def changed(request: Request, answer: Answer) -> Answer:
        if not is_count(request):
            return answer
        value = orjson.loads(answer.body)
        value["meta"]["all_count"] += more
        return json_answer(value)

    return changed


def within_the_last_page(request: Request) -> bool:
    return by_creation(request) and request.first("status") == "open" and request.first("page") == "4"


UNRANKED = "the vendor counts otherwise than the tables, and its pages do not tell where."
NO_COUNTS = "the vendor's counts could not be read."
NOT_IN_ROUNDS = "counts and tables did not agree in 5 rounds."
ODDS: dict[str, tuple[Change, str, list[str]]] = {
    "pages in another order": (of_page(lambda rows: rows[::-1]), WALK, [UNRANKED]),
    "pinned ones first": (of_page(lambda rows: [{"id": 1, "created_at": LONG_AGO}, *rows]), WALK, [UNRANKED]),
    "pages that are too short": (of_page(lambda rows: rows[:-1]), WALK, [UNRANKED]),
    "times of creation as texts": (
        of_page(lambda rows: [row | {"created_at": "2023-11-14T22:13:20Z"} for row in rows]),
        WALK,
        [UNRANKED],
    ),
    "times of creation with fractions": (
        of_page(lambda rows: [row | {"created_at": row["created_at"] + 0.25} for row in rows]),
        COUNTS,
        [],
    ),
    "no times of creation": (of_page(lambda rows: [row | {"created_at": None} for row in rows]), WALK, [UNRANKED]),
    "no ids": (of_page(lambda rows: [row | {"id": None} for row in rows]), WALK, [UNRANKED]),
    "the page of the search fails": (failing(within_the_last_page), COUNTS, []),
    "every page of the search fails": (failing(by_creation), WALK, [UNRANKED]),
    "counts fail": (failing(is_count), WALK, [NO_COUNTS]),
    "counts are missing": (lambda request, answer: NOT_FOUND if is_count(request) else answer, WALK, [NO_COUNTS]),
    "counts are no numbers": (
        lambda request, answer: json_answer({"meta": {"all_count": "9"}}) if is_count(request) else answer,
        WALK,
        [NO_COUNTS],
    ),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("name", ODDS)
def test_two_deletions_are_found_whatever_is_odd_about_the_server(engine: Engine, behaviour: str, name: str) -> None:
    change, proof, said = ODDS[name]
    account, odd = of_all_statuses(), Odd(change)
    with job(account, engine, change=odd, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        odd.is_armed = True
        for number in (25, 26):
            events.delete_conversation(account, number)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, why(run)) == ("complete", proof, said)
        assert (statuses(etl), tombstones(etl)) == (truth(account), [25, 26])


@pytest.mark.long
@pytest.mark.parametrize("more", [1, -1])
def test_counts_that_never_agree_with_the_list_prove_nothing(engine: Engine, more: int) -> None:
    account, odd = of_all_statuses(), Odd(counting(more))
    with job(account, engine, change=odd, page_size=PAGE) as etl:
        etl.run(**QUIET)
        odd.is_armed = True
        run = etl.run(**QUIET)
        assert (run.proof, why(run)) == (WALK, [NOT_IN_ROUNDS])
        assert (statuses(etl), tombstones(etl)) == (truth(account), [])
        assert run.outcome == ("incomplete" if more > 0 else "complete")


def _within(request: Request) -> bool:
    return is_list(request) and request.first("updated_within") is not None


def _paginated(size: int) -> Change:
    """Serve what was updated in pages: of this page size."""

    def changed(request: Request, answer: Answer) -> Answer:
        if not _within(request):
            return answer
        value, first = orjson.loads(answer.body), (int(request.first("page") or 1) - 1) * size
        value["data"]["payload"] = value["data"]["payload"][first : first + size]
        return json_answer(value)

    return changed


def _only_tiny(request: Request) -> bool:
    return _within(request) and request.first("updated_within") != "1"


PINNED = of_page(
    lambda rows: [row | {"id": row["id"]} for row in rows[-1:]] + rows,
    lambda request: is_list(request) and not _within(request),
)
WITHIN: dict[str, Change] = {
    "in pages": _paginated(PAGE),
    "in pages of another size": _paginated(2 * PAGE),
    "in pages that are shorter than others by what is pinned": lambda request, answer: PINNED(
        request, _paginated(PAGE)(request, answer)
    ),
    "not at all: it fails": failing(_within),
    "not in time": lambda request, answer: json_answer({}, 504) if _only_tiny(request) else answer,
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_changed_is_read_however_the_server_tells_it(engine: Engine, name: str) -> None:
    """More than two pages of changes that move no status: nothing but `updated_within`, or the pages, tells of them."""
    account, odd = account_of(60), Odd(WITHIN[name])
    proof = COUNTS if name == "not at all: it fails" else WALK
    with job(account, engine, change=odd, page_size=PAGE) as etl:
        etl.run(**QUIET)
        odd.is_armed = True
        for number in range(20, 33):
            events.change_conversation(account, number, now() - number * 60, 1, priority="high")
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", proof)
        high = etl.rows("SELECT count(*) FROM conversations WHERE priority = 'high'")
    assert high == [(13,)]


def _tied(account: Account, numbers: range, at: int) -> None:
    for number in numbers:
        events.add_message(account, number, "campaign", at)


@pytest.mark.parametrize("seed", range(6))
def test_pages_by_activity_that_skip_some_of_one_second_hide_no_change(engine: Engine, seed: int) -> None:
    """Of forty that were active in one second pages of five show some twice, and others never."""
    account = account_of(60, messages=1)
    before = now() - DAY
    _tied(account, range(5 + seed, 30), before)
    with job(account, engine, behaviour="2.14", page_size=PAGE) as etl:
        etl.run(**QUIET)
        # Its status moved in balance within the second in which they were active, as far as the list tells.
        _tied(account, range(25, 50), before)
        run = etl.run(**QUIET)
        assert run.outcome == "complete"
        found = etl.rows("SELECT conversation_id FROM messages WHERE content = 'campaign' ORDER BY id")
    assert [number for (number,) in found] == [*range(5 + seed, 30), *range(25, 50)]


def test_when_half_of_all_are_gone_nothing_is_marked_as_in_a_walk(engine: Engine) -> None:
    account = of_all_statuses()
    with job(account, engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        for number in range(1, 31):
            events.delete_conversation(account, number)
        run = etl.run(**QUIET)
        assert run.outcome == "failed"
        assert "30 of 60 known conversations are no longer there" in run.problems[0]
        assert tombstones(etl) == []


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_server_that_shows_no_single_conversation_has_nothing_taken_for_gone(engine: Engine, behaviour: str) -> None:
    def hide(request: Request, answer: Answer) -> Answer:
        path = request.path.split("/")[5:]
        return NOT_FOUND if path[:1] == ["conversations"] and len(path) == 2 and path[1].isdigit() else answer

    account, odd = of_all_statuses(), Odd(hide)
    with job(account, engine, change=odd, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        odd.is_armed = True
        events.change_conversation(account, 9, now(), None, status="open")
        events.change_conversation(account, 18, now(), None, status="open")
        etl.run(**QUIET)
        assert (statuses(etl), tombstones(etl)) == (truth(account), [])


@pytest.fixture
def few_hidden() -> Account:
    """An account of which a few conversations are in an inbox of their own."""
    account = of_all_statuses()
    for number in (7, 8, 9):
        account.conversations[number].inbox_id = 2
    for number in account.conversations.keys() - {7, 8, 9}:
        account.conversations[number].inbox_id = 1
    return account


@pytest.mark.long
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_what_is_forbidden_since_it_was_loaded_stays_and_is_not_counted(
    engine: Engine, behaviour: str, few_hidden: Account
) -> None:
    with job(few_hidden, engine, behaviour=behaviour, page_size=PAGE) as etl:
        etl.run(**QUIET)
        etl.vendor.hidden_inboxes = frozenset({2})
        first = etl.run(**QUIET)
        second = etl.run(**QUIET)
        asked = kinds(etl)
        assert (tombstones(etl), statuses(etl)) == ([], truth(few_hidden))
        assert [run.ledger and run.ledger["forbidden"] for run in (first, second)] == [3, 3]
        assert [(run.outcome, run.proof) for run in (first, second)] == [("complete", COUNTS)] * 2
        assert asked["single"] == 0
        etl.vendor.hidden_inboxes = frozenset()
        events.add_message(few_hidden, 8, "still there", now())
        third = etl.run(**QUIET)
        assert (third.outcome, third.ledger and third.ledger["loaded"]) == ("complete", 60)
        assert etl.rows("SELECT count(*) FROM messages WHERE content = 'still there'") == [(1,)]


@pytest.mark.long
def test_after_one_that_could_not_be_read_the_next_night_walks(engine: Engine) -> None:
    account = of_all_statuses()
    with job(account, engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.change_conversation(account, 20, now(), None, priority="high")
        contact = account.contacts.pop(account.conversations[20].contact_id)
        others = [one for one in account.conversations.values() if one.contact_id == contact.id and one.id != 20]
        for one in others:
            one.contact_id = next(iter(account.contacts))
        broken = etl.run(**QUIET)
        assert (broken.outcome, broken.proof) == ("incomplete", WALK)
        account.contacts[contact.id] = contact
        mended = etl.run(**QUIET)
        assert (mended.outcome, mended.proof, why(mended)) == ("complete", WALK, [])
        assert etl.run(**QUIET).proof == COUNTS
        assert etl.rows("SELECT priority FROM conversations WHERE id = 20") == [("high",)]


@pytest.mark.long
def test_pages_that_get_another_size_amid_the_search_tell_no_ranks(engine: Engine) -> None:
    account = of_all_statuses()

    def grow(request: Request, answer: Answer) -> Answer:
        if by_creation(request):
            etl.vendor.page_size = PAGE + 2
        return answer

    with job(account, engine, change=grow, page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.delete_conversation(account, 25)
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof, why(run)) == ("complete", WALK, [UNRANKED])
        assert (statuses(etl), tombstones(etl)) == (truth(account), [25])


def test_conversations_of_one_second_are_never_taken_apart(engine: Engine) -> None:
    """All were imported in one second: pages show some twice and others never, in the order of creation, too."""
    account = of_all_statuses()
    for one in account.conversations.values():
        one.created_at = LONG_AGO
    with job(account, engine, behaviour="2.14", page_size=PAGE) as etl:
        etl.run(**QUIET)
        events.delete_conversation(account, 25)
        events.change_conversation(account, 15, now(), None, status="open")
        run = etl.run(**QUIET)
        assert run.outcome == "complete"
        assert (statuses(etl), tombstones(etl)) == (truth(account), [25])


@pytest.mark.long
def test_a_server_on_which_much_has_just_changed_is_known_to_tell_what(engine: Engine) -> None:
    """What was updated within the last second fills more than a page, as while a rule goes through all of them."""
    account = account_of(60)
    with job(account, engine, page_size=PAGE) as etl:
        etl.run(**QUIET)
        for number in range(20, 33):
            events.change_conversation(account, number, now() + 60, None, priority="high")
        run = etl.run(**QUIET)
        assert (run.outcome, run.proof) == ("complete", COUNTS)
        high = etl.rows("SELECT count(*) FROM conversations WHERE priority = 'high'")
    assert high == [(13,)]
