from threading import Lock

import pytest

from etl.demo.server import json_answer, text_answer
from etl.errors import Denied, NotFound, VendorError
from etl.extract.history import Histories, History

BEGIN = 1767268800
EVERYTHING = {"after": 0, "before": 2147483647}


class Server:
    """Answers `/messages`: a window gives the oldest `cap` inside, by time; an old server misreads it (section 3).

    asked: the queries, in order. paths: the paths.
    """

    def __init__(self, messages, cap=1000, old=False):
        self.messages = sorted(messages, key=lambda one: (one["created_at"], one["id"]))
        self.cap, self.old = cap, old
        self.asked, self.paths = [], set()
        self._lock = Lock()

    def __call__(self, request):
        query = {name: int(value) for name, value in request.query}
        with self._lock:
            self.asked.append(query)
            self.paths.add(request.path)
        return json_answer({"meta": {}, "payload": self._find(**query)})

    def _find(self, after=None, before=None):
        if after is not None and self.old:
            return [one for one in self.messages if one["id"] >= (before or 0)][:20]
        if after is not None and before is not None:
            return [one for one in self.messages if after <= one["id"] < before][: self.cap]
        return [one for one in self.messages if before is None or one["id"] < before][-20:]


def in_order(count):
    return [{"id": 3 * number, "created_at": BEGIN + number} for number in range(1, count + 1)]


def back_dated(count):
    """Every third message was imported: a high number, an old time."""
    return [
        {"id": 3 * number, "created_at": BEGIN - number if number % 3 == 0 else BEGIN + number}
        for number in range(1, count + 1)
    ]


def reversed_times(count):
    return [{"id": 3 * number, "created_at": BEGIN - number} for number in range(1, count + 1)]


@pytest.fixture
def histories_of(serving, client_of):
    """Return the histories of an app, read by one client that tries each request once."""
    return lambda app: Histories(client_of(serving(app), retry_attempts=1))


@pytest.fixture
def read(histories_of):
    """Read the history of conversation 7 of an app by itself."""
    return lambda app, shown=(): histories_of(app).read(7, set(shown))


def by_number(messages):
    return sorted(messages, key=lambda one: one["id"])


# The window of servers from 2.16


def test_a_history_below_the_cap_takes_one_request(read):
    server = Server(in_order(999))
    assert read(server, {3, 2997}) == History(in_order(999), complete=True)
    assert server.asked == [EVERYTHING]
    assert server.paths == {"/api/v1/accounts/1/conversations/7/messages"}


def test_a_history_of_exactly_the_cap_is_split_in_two(read):
    server = Server(in_order(1000))
    history = read(server, {3000})
    assert (by_number(history.messages), history.complete) == (in_order(1000), True)
    assert server.asked == [EVERYTHING, {"after": 0, "before": 1503}, {"after": 1503, "before": 2147483647}]


@pytest.mark.parametrize("times", [in_order, back_dated, reversed_times])
@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 99, 100, 101, 999, 1000, 1001, 2500, 4321])
def test_every_message_is_read_once_whatever_the_order_of_the_times(read, times, count):
    history = read(Server(times(count)))
    assert (by_number(history.messages), history.complete) == (times(count), True)


@pytest.mark.parametrize("times", [in_order, back_dated, reversed_times])
@pytest.mark.parametrize("cap", [20, 100])
@pytest.mark.parametrize("count", [20, 21, 100, 101, 450])
def test_every_message_is_read_once_where_a_window_gives_no_more_than_20_or_100(read, times, cap, count):
    history = read(Server(times(count), cap))
    assert (by_number(history.messages), history.complete) == (times(count), True)


@pytest.mark.parametrize(
    ("lengths", "requests"),
    [
        # A length that may be a cap is proved by asking for both halves...
        ([20], [3]),
        ([100], [3]),
        ([1000], [3]),
        # ... every time, as long as nothing longer was answered ...
        ([20, 20], [3, 3]),
        ([100, 100], [3, 3]),
        ([1000, 1000], [3, 3]),
        ([19, 20], [1, 3]),
        ([99, 100, 20], [1, 3, 1]),
        # ... and no longer when something was.
        ([21, 20, 100], [1, 1, 3]),
        ([101, 20, 100, 1000], [1, 1, 1, 3]),
        ([1000, 100, 20], [3, 1, 1]),
        # No window gives 1,001 where its cap is 1,000, which therefore stays suspected.
        ([1001, 1000, 999], [3, 3, 1]),
    ],
)
def test_a_possible_cap_is_suspected_until_a_window_was_answered_with_more(histories_of, lengths, requests):
    server = Server([])
    histories = histories_of(server)
    asked = []
    for length in lengths:
        server.messages = in_order(length)
        server.asked.clear()
        assert by_number(histories.read(7, {3 * length}).messages) == in_order(length)
        asked.append(len(server.asked))
    assert asked == requests
    assert not histories.walks_back


def test_the_messages_of_one_dense_block_far_above_the_others_are_read(read):
    dense = [{"id": number, "created_at": BEGIN} for number in [1, *range(2_000_000_000, 2_000_001_500)]]
    assert by_number(read(Server(dense)).messages) == dense


def test_a_number_above_the_usual_range_that_the_list_shows_is_in_the_window(read):
    server = Server([{"id": 5, "created_at": BEGIN}, {"id": 2**31 + 5, "created_at": BEGIN}])
    history = read(server, {2**31 + 5})
    assert history.messages == [{"id": 5, "created_at": BEGIN}, {"id": 2**31 + 5, "created_at": BEGIN}]
    assert server.asked == [{"after": 0, "before": 2**31 + 6}]


def test_a_history_without_a_message_that_the_list_shows_is_not_taken_for_the_whole(histories_of):
    server = Server(in_order(21))
    histories = histories_of(server)
    assert histories.read(7, {3, 64, 67}) == History(in_order(21), complete=False)
    # It was looked for by walking back, too, and that showed that this server reads windows well.
    assert server.asked == [EVERYTHING, {}, {"before": 6}]
    assert not histories.walks_back


@pytest.mark.parametrize("old", [False, True])
def test_one_message_is_asked_for_by_the_window_or_as_old_servers_have_it(histories_of, old):
    server = Server(in_order(50), old=old)
    histories = histories_of(server)
    histories.read(7, {150})
    server.asked.clear()
    (found,) = histories.read_singly(7, {30}, {})
    assert found == (in_order(29)[9:] if old else [{"id": 30, "created_at": BEGIN + 10}])
    assert server.asked == [{"after": 1, "before": 30}] if old else [{"after": 30, "before": 31}]


# Walking back, on servers before 2.16


def test_a_server_that_misreads_the_window_is_read_by_walking_back(read):
    server = Server(in_order(45), old=True)
    history = read(server, {135})
    assert (by_number(history.messages), history.complete) == (in_order(45), False)
    assert server.asked == [EVERYTHING, {}, {"before": 78}, {"before": 18}]


def test_that_a_server_misreads_the_window_is_learned_once(histories_of):
    server = Server(in_order(45), old=True)
    histories = histories_of(server)
    histories.read(7, {135})
    assert histories.walks_back
    server.asked.clear()
    server.messages = in_order(21)
    assert by_number(histories.read(8, {63}).messages) == in_order(21)
    assert server.asked == [{}, {"before": 6}]


def test_that_a_server_misreads_the_window_is_learned_even_where_the_list_shows_no_message(histories_of):
    server = Server(in_order(3), old=True)
    histories = histories_of(server)
    assert histories.read(7, set()) == History(in_order(3), complete=True)
    assert histories.walks_back


@pytest.mark.parametrize(
    ("length", "complete", "requests"), [(0, True, 1), (1, True, 1), (19, True, 1), (20, False, 2), (21, False, 2)]
)
def test_walking_back_is_complete_when_its_first_answer_is_shorter_than_20(histories_of, length, complete, requests):
    server = Server(in_order(1), old=True)
    histories = histories_of(server)
    histories.read(7, {3})
    server.messages = in_order(length)
    server.asked.clear()
    history = histories.read(8, set())
    assert (by_number(history.messages), history.complete) == (in_order(length), complete)
    assert len(server.asked) == requests


@pytest.mark.parametrize(("times", "found"), [(back_dated, 70), (reversed_times, 20)])
def test_walking_back_loses_what_has_a_high_number_and_an_old_time_and_does_not_claim_to_be_complete(
    read, times, found
):
    newest = max(times(100), key=lambda one: one["created_at"])
    history = read(Server(times(100), old=True), {newest["id"]})
    assert (len({one["id"] for one in history.messages}), history.complete) == (found, False)


@pytest.mark.parametrize("old", [False, True])
def test_a_conversation_that_is_really_empty_is_empty_on_any_server(histories_of, old):
    server = Server([], old=old)
    histories = histories_of(server)
    assert histories.read(7, set()) == History([], complete=True)
    # Nothing is known of the server yet, so both readings are asked...
    assert (server.asked, histories.walks_back) == ([EVERYTHING, {}], False)
    server.asked.clear()
    server.messages = in_order(2)
    histories.read(8, {6})
    assert histories.walks_back is old
    # ... and once something is, one.
    server.messages = []
    server.asked.clear()
    assert histories.read(9, set()) == History([], complete=True)
    assert server.asked == [{} if old else EVERYTHING]


def test_nothing_at_all_is_not_the_whole_history_where_the_list_shows_a_message(histories_of):
    histories = histories_of(Server([]))
    assert histories.read(7, {5}) == History([], complete=False)
    assert not histories.walks_back


def test_a_message_that_comes_between_the_two_readings_does_not_make_a_server_old(histories_of):
    server = Server([])
    histories = histories_of(server)

    def find(after=None, before=None):
        found = Server._find(server, after, before)
        server.messages = in_order(1)
        return found

    server._find = find
    assert histories.read(7, set()) == History(in_order(1), complete=True)
    assert server.asked == [EVERYTHING, {}, EVERYTHING]
    assert not histories.walks_back


@pytest.mark.parametrize("length", [19, 50])
def test_a_message_that_walking_back_does_not_find_leaves_the_history_incomplete(histories_of, length):
    # This is what becomes of a high number with an old time.
    server = Server(in_order(length), old=True)
    histories = histories_of(server)
    for number in (7, 8):
        history = histories.read(number, {3, 153})
        assert (by_number(history.messages), history.complete) == (in_order(length), False)


def test_an_answer_with_messages_from_outside_of_the_window_is_a_misread_window(histories_of):
    class IgnoresAfter(Server):
        def _find(self, **query):
            return super()._find(before=query.get("before"))

    server = IgnoresAfter(in_order(45))
    histories = histories_of(server)
    history = histories.read(7, {135})
    assert (by_number(history.messages), history.complete) == (in_order(45), False)
    assert histories.walks_back
    # Twice 20 look like a cap; what then comes for the upper half of the lower half is not of it.
    assert server.asked == [
        EVERYTHING,
        {"after": 0, "before": 108},
        {"after": 0, "before": 78},
        {"after": 0, "before": 48},
        {"after": 48, "before": 78},
        {},
        {"before": 78},
        {"before": 18},
    ]


def test_a_server_that_answers_the_same_page_for_ever_is_no_endless_loop(histories_of):
    asked = []

    def ignoring(request):
        asked.append(dict(request.query))
        return json_answer({"payload": in_order(40)[-20:]})

    histories = histories_of(ignoring)
    assert histories.read(7, {120}) == History(in_order(40)[-20:], complete=False)
    assert histories.walks_back
    # The half of the window gave it away; then walking back, which gave nothing new.
    assert asked == [{"after": "0", "before": "2147483647"}, {"after": "0", "before": "93"}, {}, {"before": "63"}]


# Records and answers that are not what they should be


@pytest.mark.parametrize("answer", [[], {}, None, {"payload": None}, {"payload": {"id": 1}}, {"data": {"payload": []}}])
def test_an_answer_of_another_shape_is_an_error(read, answer):
    with pytest.raises(VendorError) as failed:
        read(lambda _: json_answer(answer))
    assert str(failed.value).endswith(
        "/conversations/7/messages?after=0&before=2147483647: the answer holds no list of messages."
    )


NO_MESSAGES = [None, "x", {}, {"id": None}, {"id": "five"}, {"id": [5]}, {"id": {}}]


def test_records_that_are_no_messages_are_handed_on_to_be_rejected(read):
    assert read(lambda _: json_answer({"payload": [*NO_MESSAGES, {"id": 5}, None, {}]}), {5}) == History(
        [*NO_MESSAGES, {"id": 5}, None, {}], complete=True
    )


def test_records_that_are_no_messages_are_handed_on_each_when_walking_back_too(histories_of):
    def old(request):
        if request.first("after"):
            return json_answer({"payload": []})
        below = int(request.first("before") or 99)
        found = [one for one in [{"id": number} for number in range(1, 31)] if one["id"] < below]
        return json_answer({"payload": [*NO_MESSAGES, *found[-13:]]})

    history = histories_of(old).read(7, {30})
    assert history.complete is False
    assert [one for one in history.messages if one not in NO_MESSAGES] == [
        {"id": one} for one in [*range(18, 31), *range(5, 18), *range(1, 5)]
    ]
    assert sum(one in NO_MESSAGES for one in history.messages) == 3 * len(NO_MESSAGES)


def test_a_page_of_nothing_but_records_without_a_number_is_no_endless_loop(histories_of):
    broken = [{"content": f"message {number}"} for number in range(20)]
    with pytest.raises(VendorError, match=r"the window 0 to 2147483647 cannot be split"):
        histories_of(lambda _: json_answer({"payload": broken})).read(7, set())

    def old(request):
        return json_answer({"payload": [] if request.first("after") else broken})

    assert histories_of(old).read(7, set()) == History(broken, complete=False)


# Refusals


def test_a_conversation_that_is_gone_or_forbidden_is_told_apart(read):
    with pytest.raises(NotFound):
        read(lambda _: json_answer({"error": "Resource could not be found"}, 404))
    with pytest.raises(Denied):
        read(lambda _: json_answer({"error": "You are not authorized to do this action"}, 401))


class Refuses:
    """Answers histories with a status, and shows the conversations up to `living`. asked: the paths below them."""

    def __init__(self, status, living=1_000):
        self.status, self.living = status, living
        self.asked = []

    def __call__(self, request):
        path = request.path.removeprefix("/api/v1/accounts/1/conversations/")
        self.asked.append(path)
        if path.endswith("/messages"):
            return json_answer({"error": "no"}, self.status)
        return json_answer({"id": int(path)}, 200 if int(path) <= self.living else 404)


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_refuses_the_first_ten_histories_is_not_asked_again(histories_of, status):
    server = Refuses(status)
    histories = histories_of(server)
    for number in range(1, 11):
        assert not histories.refused
        with pytest.raises(VendorError, match=f"the server answered {status}"):
            histories.read(number, {number})
    assert histories.refused
    with pytest.raises(NotFound, match=r"/11/messages: not asked for, as the server refuses histories\.$"):
        histories.read(11, {11})
    assert server.asked[:2] == ["1/messages", "1" if status == 404 else "2/messages"]
    assert [one for one in server.asked if one.endswith("/messages")] == [f"{one}/messages" for one in range(1, 11)]


def test_the_history_of_a_conversation_that_is_gone_is_no_refusal(histories_of):
    server = Refuses(404, living=0)
    histories = histories_of(server)
    for number in range(1, 15):
        with pytest.raises(NotFound, match="the server answered 404"):
            histories.read(number, {number})
    assert not histories.refused


def test_one_history_among_refused_ones_shows_that_the_server_gives_them(histories_of):
    def every_tenth(request):
        number = int(request.path.split("/")[-2])
        return json_answer({"payload": in_order(2)} if number % 10 == 0 else {}, 200 if number % 10 == 0 else 404)

    histories = histories_of(every_tenth)
    for number in range(1, 40):
        if number % 10 == 0:
            assert histories.read(number, {6}).messages == in_order(2)
        else:
            with pytest.raises(NotFound, match="the server answered 404"):
                histories.read(number, {6})
    assert not histories.refused


@pytest.mark.parametrize(
    "answer", [text_answer("out of order", 500), json_answer({"error": "blocked"}, 403), json_answer({}, 410)]
)
def test_faults_of_the_server_and_refusals_by_others_are_none_of_the_vendor(histories_of, answer):
    histories = histories_of(lambda _: answer)
    for number in range(1, 15):
        with pytest.raises(VendorError, match="the server answered"):
            histories.read(number, set())
    assert not histories.refused
