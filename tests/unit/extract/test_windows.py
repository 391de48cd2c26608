"""A history that cannot be had at once is read in windows, down to single messages, and by walking back at last."""

import pytest

from etl.demo.server import json_answer, text_answer
from etl.errors import TryAgain
from etl.extract.history import Histories, History
from etl.extract.memory import MEGABYTE
from tests.unit.extract.test_history import Server, back_dated, by_number, in_order, reversed_times

# `in_order` numbers messages by three.
POISON = 3 * 77

SLOW = text_answer("<html>504 Gateway Time-out</html>", 504)
FAULT = json_answer({"status": 500, "error": "Internal Server Error"}, 500)


class Limited(Server):
    """Fails every answer that `is_too_much`; `windows` keeps the numbers of messages in those that were given."""

    def __init__(self, messages, is_too_much, failure=SLOW, **how):
        super().__init__(messages, **how)
        self.is_too_much, self.failure = is_too_much, failure
        self.windows, self.failed = [], 0

    def __call__(self, request):
        answer = super().__call__(request)
        found = self._find(**{name: int(value) for name, value in request.query})
        if self.is_too_much(found):
            self.failed += 1
            return self.failure
        self.windows.append(len(found))
        return answer


@pytest.fixture
def histories_of(serving, client_of):
    return lambda app, **settings: Histories(client_of(serving(app), **settings))


def more_than(most):
    return lambda found: len(found) > most


def spread(count, gap):
    return [one | {"id": one["id"] * gap} for one in in_order(count)]


def far_apart():
    """Two dense blocks, and a few messages far from both."""
    ids = [*range(1, 5), *range(900_000, 900_250), *range(5_000_000, 5_000_400), 1_900_000_000]
    return [one | {"id": number} for one, number in zip(in_order(len(ids)), ids, strict=True)]


MESSAGES = {
    "in order": in_order(453),
    "far apart": far_apart(),
    "spread": spread(453, 10_007),
    "back-dated": back_dated(453),
    "reversed": reversed_times(453),
}


@pytest.mark.parametrize("failure", [SLOW, FAULT], ids=["504", "500"])
@pytest.mark.parametrize("most", [300, 20])
@pytest.mark.parametrize("kind", MESSAGES)
def test_every_message_is_read_where_windows_of_more_than_so_many_fail(histories_of, kind, most, failure):
    messages = MESSAGES[kind]
    server = Limited(messages, more_than(most), failure)
    history = histories_of(server, retry_attempts=1).read(7, {max(one["id"] for one in messages)})
    assert history.complete
    assert by_number(history.messages) == by_number(messages)
    assert len(history.messages) == len(messages)


def test_a_504_is_asked_for_again_once_and_then_in_windows_that_succeed(histories_of):
    server = Limited(in_order(453), more_than(300))
    histories = histories_of(server, retry_attempts=6)
    assert histories.read(7, {3 * 453}).complete
    assert server.failed == 2
    assert max(server.windows) <= 300
    assert len(server.windows) <= 8


def test_what_passes_is_not_read_in_windows(histories_of):
    left = [FAULT] * 4

    class Passing(Limited):
        def __call__(self, request):
            return left.pop() if left else super().__call__(request)

    server = Passing(in_order(453), more_than(1000))
    assert histories_of(server, retry_attempts=6).read(7, {3 * 453}).complete
    assert server.windows == [453]


def test_twenty_messages_that_are_too_many_are_read_from_the_one_that_the_list_shows(histories_of):
    server = Limited(in_order(100), more_than(3))
    history = histories_of(server, retry_attempts=1).read(7, {3 * 100})
    assert (history.complete, by_number(history.messages)) == (True, by_number(in_order(100)))


def test_a_message_that_cannot_be_read_even_by_itself_leaves_the_others_and_an_incomplete_history(histories_of):
    server = Limited(in_order(200), lambda found: any(one["id"] == POISON for one in found))
    history = histories_of(server, retry_attempts=2).read(7, {3 * 200})
    assert not history.complete
    assert by_number(history.messages) == [one for one in in_order(200) if one["id"] != POISON]
    assert server.failed < 60


def test_what_no_window_gives_is_looked_for_by_walking_back(histories_of):
    """A server that fails every window with one message in it, and gives that message among the newest."""

    class Walked(Limited):
        def __call__(self, request):
            self.is_too_much = (
                (lambda found: any(one["id"] == POISON for one in found)) if request.first("after") else more_than(1000)
            )
            return super().__call__(request)

    history = histories_of(Walked(in_order(200), None), retry_attempts=1).read(7, {3 * 200})
    assert history == History(history.messages, complete=False)
    assert by_number(history.messages) == by_number(in_order(200))


def test_an_old_server_that_fails_its_windows_is_read_by_walking_back(histories_of):
    class Old(Limited):
        def __call__(self, request):
            self.is_too_much = (lambda _: True) if request.first("before") == str(2**31 - 1) else more_than(1000)
            return super().__call__(request)

    histories: Histories = histories_of(Old(in_order(65), None, old=True), retry_attempts=1)
    history = histories.read(7, {3 * 65})
    assert (history.complete, histories.walks_back) == (False, True)
    assert by_number(history.messages) == by_number(in_order(65))


def test_a_server_that_is_down_is_not_asked_for_ever_narrower_windows(histories_of):
    server = Limited(in_order(453), lambda _: True, FAULT)
    with pytest.raises(TryAgain, match="500"):
        histories_of(server, retry_attempts=3).read(7, {3 * 453})
    assert server.failed <= 3 * 3


def test_a_server_that_goes_down_in_between_is_given_up_after_a_bounded_number_of_requests(histories_of):
    server = Limited(in_order(453), lambda found: len(found) > 300 or len(server.windows) > 1)
    history = histories_of(server, retry_attempts=2).read(7, {3 * 453})
    assert not history.complete
    assert server.failed < 30


@pytest.mark.parametrize("kind", ["in order", "far apart"])
def test_answers_that_are_too_large_are_read_in_windows_that_fit(histories_of, kind):
    """Forty e-mails of 100 kB among others, and room for a quarter of a megabyte at once."""
    messages = MESSAGES[kind]
    for one in messages[100:140]:
        one["content"] = "x" * 100_000
    server = Limited(messages, more_than(1000))
    history = histories_of(server, retry_attempts=6, memory_mb=1).read(7, {max(one["id"] for one in messages)})
    assert (history.complete, by_number(history.messages)) == (True, by_number(messages))
    assert sum(len(str(one)) for one in messages) > 3 * MEGABYTE


def test_a_message_that_is_too_large_by_itself_costs_itself_only(histories_of):
    messages = in_order(60)
    messages[30]["content"] = "x" * MEGABYTE
    history = histories_of(Limited(messages, more_than(1000)), memory_mb=1).read(7, {3 * 60})
    assert not history.complete
    assert by_number(history.messages) == [one for one in messages if one["id"] != 3 * 31]
