from threading import Lock

import pytest

from etl import history
from etl.demo.server import json_answer
from etl.errors import NotFound, VendorError

CAP = 1000
BEGIN = 1767268800


class Window:
    """Answers `after=A&before=B` as servers from 2.16 do: the oldest 1,000 of A <= id < B, by time. Keeps `windows`."""

    def __init__(self, messages):
        self.messages = sorted(messages, key=lambda one: (one["created_at"], one["id"]))
        self.windows = []
        self.paths = set()
        self._lock = Lock()

    def __call__(self, request):
        after, before = int(request.first("after")), int(request.first("before"))
        with self._lock:
            self.windows.append((after, before))
            self.paths.add(request.path)
        inside = [one for one in self.messages if after <= one["id"] < before]
        return json_answer({"meta": {}, "payload": inside[:CAP]})


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
def read(serving, client_of):
    def read_it(app, shown=frozenset()):
        return history.read(client_of(serving(app)), 7, set(shown))

    return read_it


def by_number(messages):
    return sorted(messages, key=lambda one: one["id"])


def test_a_history_below_the_cap_takes_one_request(read):
    server = Window(in_order(999))
    assert read(server, {3, 2997}) == in_order(999)
    assert server.windows == [(0, 2147483647)]
    assert server.paths == {"/api/v1/accounts/1/conversations/7/messages"}


def test_a_history_of_exactly_the_cap_is_split_in_two(read):
    server = Window(in_order(1000))
    assert by_number(read(server, {3000})) == in_order(1000)
    assert server.windows == [(0, 2147483647), (0, 1503), (1503, 2147483647)]


@pytest.mark.parametrize("times", [in_order, back_dated, reversed_times])
@pytest.mark.parametrize("count", [0, 1, 20, 100, 1000, 1001, 2500, 4321])
def test_every_message_is_read_once_whatever_the_order_of_the_times(read, times, count):
    assert by_number(read(Window(times(count)))) == times(count)


def test_the_messages_of_one_dense_block_far_above_the_others_are_read(read):
    dense = [{"id": number, "created_at": BEGIN} for number in [1, *range(2_000_000_000, 2_000_001_500)]]
    assert by_number(read(Window(dense))) == dense


def test_a_number_above_the_usual_range_that_the_list_shows_is_in_the_window(read):
    server = Window([{"id": 5, "created_at": BEGIN}, {"id": 2**31 + 5, "created_at": BEGIN}])
    assert read(server, {2**31 + 5}) == [{"id": 5, "created_at": BEGIN}, {"id": 2**31 + 5, "created_at": BEGIN}]
    assert server.windows == [(0, 2**31 + 6)]


def test_a_history_without_a_message_that_the_list_shows_is_not_taken_for_the_whole(read):
    with pytest.raises(VendorError) as failed:
        read(Window(in_order(20)), {3, 61, 64})
    assert str(failed.value).endswith(
        "/api/v1/accounts/1/conversations/7/messages: the history lacks message 61, which the list shows;"
        " 20 messages were answered, and are not taken for the whole."
    )


def test_the_empty_answer_of_a_server_before_2_16_is_not_taken_for_the_whole(read):
    def old(request):
        from_id = int(request.first("before"))
        return json_answer({"meta": {}, "payload": [one for one in in_order(50) if one["id"] >= from_id][:20]})

    with pytest.raises(VendorError, match=r"lacks message 150, which the list shows; 0 messages were answered"):
        read(old, {150})


def test_a_server_that_ignores_the_window_is_an_error_and_no_endless_loop(read):
    asked = []

    def ignoring(request):
        asked.append(request.query)
        return json_answer({"meta": {}, "payload": in_order(1000)})

    with pytest.raises(VendorError) as failed:
        read(ignoring)
    assert str(failed.value).endswith(
        "/api/v1/accounts/1/conversations/7/messages: the window 0 to 1503 cannot be split."
    )
    assert len(asked) == 2


@pytest.mark.parametrize("answer", [[], {}, None, {"payload": None}, {"payload": {"id": 1}}, {"data": {"payload": []}}])
def test_an_answer_of_another_shape_is_an_error(read, answer):
    with pytest.raises(VendorError) as failed:
        read(lambda _: json_answer(answer))
    assert str(failed.value).endswith(
        "/conversations/7/messages?after=0&before=2147483647: the answer holds no list of messages."
    )


def test_records_that_are_no_messages_are_handed_on_to_be_rejected(read):
    assert read(lambda _: json_answer({"payload": [None, {"id": 5}, "x", {}]}), {5}) == [None, {"id": 5}, "x", {}]


def test_a_conversation_that_is_gone_is_told_apart(read):
    with pytest.raises(NotFound):
        read(lambda _: json_answer({"error": "Resource could not be found"}, 404))
