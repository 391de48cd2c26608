import json
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest

from etl.demo.server import Answer, json_answer, text_answer
from etl.errors import NotFound, VendorError
from etl.extract.walk import PAGES_AHEAD, Page, walk


class Account:
    """Answers the list of conversations `1..total`; `pages` keeps which pages were asked for, `queries` how."""

    def __init__(self, total, size=25, meta=None, broken=None):
        self.total, self.size, self.broken = total, size, broken or {}
        self.meta = {"all_count": total} if meta is None else meta
        self.pages, self.queries = [], []
        self._lock = Lock()

    def __call__(self, request) -> Answer:
        number = int(request.first("page"))
        with self._lock:
            self.pages.append(number)
            self.queries.append(request.query)
        if number in self.broken:
            return self.broken[number]
        ids = range((number - 1) * self.size + 1, min(number * self.size, self.total) + 1)
        return json_answer({"data": {"meta": self.meta, "payload": [{"id": one} for one in ids]}})


@pytest.fixture
def walked(serving, client_of):
    def walk_it(account, query=(("status", "open"),), **settings):
        client = client_of(serving(account), **settings)
        with ThreadPoolExecutor(4) as pool:
            return list(walk(client, pool, list(query)))

    return walk_it


def ids(pages) -> list[int]:
    return [one["id"] for page in pages for one in page.payloads]


def test_the_pages_come_in_order_and_the_empty_one_last(walked):
    pages = walked(Account(5, size=2))
    assert pages == [
        Page(1, 3, [{"id": 1}, {"id": 2}], {"all_count": 5}),
        Page(2, 3, [{"id": 3}, {"id": 4}], {"all_count": 5}),
        Page(3, 3, [{"id": 5}], {"all_count": 5}),
        Page(4, 3, [], {"all_count": 5}, distinct=5),
    ]


@pytest.mark.parametrize(
    ("total", "size", "requests"),
    [
        (0, 25, 1),
        (1, 25, 2),
        (24, 25, 2),
        (25, 25, 2),
        (26, 25, 3),
        (120, 25, 6),
        (120, 10, 13),
        (7, 1, 8),
        (99, 100, 2),
    ],
)
def test_a_truthful_count_costs_one_request_more_than_there_are_pages(walked, total, size, requests):
    account = Account(total, size)
    assert ids(walked(account)) == list(range(1, total + 1))
    assert sorted(account.pages) == list(range(1, requests + 1))


@pytest.mark.parametrize(
    "meta",
    [
        {"all_count": 3},
        {"all_count": 0},
        {"all_count": -9},
        {},
        {"all_count": None},
        {"all_count": "60"},
        None,
        [],
        "no",
    ],
)
def test_a_walk_is_complete_though_the_count_is_too_small_or_missing(walked, meta):
    account = Account(60, 10)
    account.meta = meta
    assert ids(walked(account)) == list(range(1, 61))
    assert sorted(account.pages) == [1, 2, 3, 4, 5, 6, 7]


def test_a_count_that_is_too_large_wastes_no_more_than_was_read_ahead(walked):
    account = Account(60, 10, meta={"all_count": 100_000})
    assert ids(walked(account)) == list(range(1, 61))
    assert sorted(account.pages) == list(range(1, 7 + PAGES_AHEAD))


def test_a_first_page_that_is_empty_ends_the_walk_whatever_the_count_says(walked):
    account = Account(0, meta={"all_count": 1000})
    assert walked(account) == [Page(1, None, [], {"all_count": 1000})]
    assert account.pages == [1]


def test_the_query_is_sent_with_every_page(walked):
    account = Account(3, size=2)
    walked(account, [("status", "snoozed"), ("labels[]", "vip"), ("labels[]", "חשוב")])
    assert sorted(account.queries) == [
        [("status", "snoozed"), ("labels[]", "vip"), ("labels[]", "חשוב"), ("page", page)] for page in "123"
    ]


def test_the_counts_are_those_of_the_contract_that_are_numbers(walked):
    meta = {
        "mine_count": 1,
        "assigned_count": 2,
        "unassigned_count": None,
        "new_count": "4",
        "all_count": 3,
        "x_count": 5,
    }
    assert [page.counts for page in walked(Account(0, meta=meta))] == [
        {"mine_count": 1, "assigned_count": 2, "all_count": 3}
    ]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        "busy",
        {"payload": []},
        {"data": []},
        {"data": {"meta": {"all_count": 1}}},
        {"data": {"payload": None}},
        {"data": {"payload": {"id": 1}}},
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_a_page_of_another_shape_is_an_error_and_no_end(walked, answer, number):
    with pytest.raises(VendorError) as failed:
        walked(Account(5, size=2, broken={number: json_answer(answer)}))
    assert str(failed.value).endswith(
        f"/api/v1/accounts/1/conversations?status=open&page={number}: the answer holds no list of conversations."
    )


def test_a_server_that_gives_the_same_page_for_ever_is_an_error_and_no_endless_walk(walked):
    asked = []

    def ignoring(request) -> Answer:
        asked.append(request.first("page"))
        return json_answer({"data": {"meta": {"all_count": 50}, "payload": [{"id": 1}, {"id": 2}]}})

    with pytest.raises(VendorError, match=r"the last 21 pages, up to 22, showed nothing new"):
        walked(ignoring)
    assert len(asked) <= 22 + PAGES_AHEAD


@pytest.mark.parametrize(("second", "distinct"), [([3, 4], 4), ([2, 3], 3), ([2], 2)])
def test_the_last_page_says_how_many_different_conversations_the_walk_has_shown(walked, second, distinct):
    page_2 = json_answer({"data": {"meta": {"all_count": 4}, "payload": [{"id": one} for one in second]}})
    pages = walked(Account(2, size=2, meta={"all_count": 4}, broken={2: page_2}))
    assert [page.distinct for page in pages] == [0, 0, distinct]


def test_the_pages_before_a_failing_one_are_given(serving, client_of):
    account = Account(9, size=2, broken={3: json_answer({"error": "gone"}, 404)})
    client = client_of(serving(account))
    with ThreadPoolExecutor(4) as pool:
        pages = walk(client, pool, [])
        assert [next(pages).number, next(pages).number] == [1, 2]
        with pytest.raises(NotFound):
            next(pages)


@pytest.mark.parametrize(
    "broken",
    [json_answer({"status": 500}, 500), text_answer("<html>you have been blocked</html>", 403), text_answer("", 204)],
    ids=["a fault", "a firewall", "nothing"],
)
def test_counts_that_have_a_limit_of_their_own_are_no_sign_of_a_dead_server(serving, client_of, broken):
    account = Account(20, size=2, broken=dict.fromkeys(range(2, 7), broken))

    def limited(request):
        return text_answer("Retry later", 429) if request.path.endswith("/meta") else account(request)

    client = client_of(serving(limited), retry_attempts=1)
    with ThreadPoolExecutor(4) as pool:
        pages = list(walk(client, pool, []))
    assert [page.number for page in pages if page.failed] == [2, 3, 4, 5, 6]
    assert ids(pages) == [1, 2, *range(13, 21)]


@pytest.mark.parametrize("count", [True, "20", -1, 2**31, 2**63, 10**400, 20.0, None, [20]], ids=range(9))
def test_what_is_no_number_of_conversations_counts_nothing(walked, count):
    body = json.dumps({"data": {"meta": {"all_count": count, "mine_count": 3}, "payload": [{"id": 1}]}}).encode()
    pages = walked(Account(1, meta={}, broken={1: Answer(200, body)}))
    assert pages[0] == Page(1, None, [{"id": 1}], {"mine_count": 3})
    assert [page.number for page in pages] == [1, 2]


def test_a_walk_that_shows_ever_new_conversations_ends_where_the_counts_are_left_far_behind(walked):
    made_up = Account(10**9, size=5_000, meta={"all_count": 3})
    with pytest.raises(VendorError, match="and the server counts 3: the walk would not end"):
        walked(made_up)
    assert len(made_up.pages) < 50


def test_a_count_that_is_too_low_ends_no_walk(walked):
    pages = walked(Account(60_000, size=5_000, meta={"all_count": 0}))
    assert ids(pages) == list(range(1, 60_001))
