"""What is tried again, how often, and how long the client waits before it."""

import logging
import socket
import socketserver
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event, Thread

import pytest

from etl.demo.server import Answer, json_answer, text_answer
from etl.errors import Limited, TooSlow, TryAgain
from etl.extract.client import MOST_IN_ONE_ATTEMPT
from etl.extract.pacing import Pace
from tests.waits import LONGEST

GOOD = json_answer({"id": 7})
LATER = text_answer("Retry later", 429)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 522, 524])
def test_a_status_that_may_pass_is_tried_again(serving, client_of, in_turn, waits, status):
    server = in_turn(text_answer("busy", status), text_answer("busy", status), GOOD)
    client = client_of(serving(server))
    assert client.get("x") == {"id": 7}
    assert (len(server.requests), client.requests, client.retries, len(waits)) == (3, 3, 2, 2)


TRUNCATED = Answer(200, b'{"id": 7}', headers={"Content-Length": "999", "Connection": "close"})
UNDECODABLE = Answer(200, b"this was never compressed", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (TRUNCATED, ": no answer ("),
        (UNDECODABLE, ": no answer ("),
        (Answer(200, b""), ": the answer is no JSON: an empty body"),
        (Answer(200, b'{"id": 7'), ": the answer is no JSON: cut short or broken"),
        (Answer(200, b'"\xff"'), ': the answer is no JSON: "\\ufffd"'),
        (text_answer("<html>Bad</html>"), ": the answer is no JSON: <html>Bad</html>"),
    ],
)
def test_an_answer_that_did_not_arrive_whole_is_tried_again(serving, client_of, in_turn, caplog, bad, said):
    server = in_turn(bad, GOOD)
    client = client_of(serving(server))
    assert client.get("x") == {"id": 7}
    assert (len(server.requests), client.requests, client.retries) == (2, 2, 1)
    assert said in caplog.text


class Resetting(socketserver.ThreadingTCPServer):
    """Resets the first connections, then answers properly."""

    daemon_threads = True

    def __init__(self, resets):
        super().__init__(("127.0.0.1", 0), Connection)
        self.resets, self.connections = resets, 0


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.connections += 1
        while self.rfile.readline().strip():
            pass
        if self.server.connections <= self.server.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{"id": 7}')

    def finish(self):
        if self.connection.fileno() != -1:
            super().finish()


def test_a_connection_that_is_reset_is_tried_again(client_of):
    with Resetting(2) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        client = client_of(f"http://127.0.0.1:{server.server_address[1]}")
        try:
            assert client.get("x") == {"id": 7}
        finally:
            server.shutdown()
            thread.join()
    assert (server.connections, client.requests, client.retries) == (3, 3, 2)


@pytest.mark.long
def test_an_answer_that_does_not_come_in_time_is_tried_again(serving, client_of, caplog):
    enough = Event()
    asked = []

    def slow_at_first(request):
        asked.append(request)
        if len(asked) == 1:
            enough.wait(LONGEST)
        return GOOD

    client = client_of(serving(slow_at_first), timeout_seconds=2)
    try:
        assert client.get("x") == {"id": 7}
    finally:
        enough.set()
    assert (len(asked), client.requests, client.retries) == (2, 2, 1)
    assert "Read timed out" in caplog.text


@pytest.mark.parametrize("failures", range(6))
def test_as_many_failures_as_there_are_cost_a_request_and_a_wait_each(
    serving, client_of, in_turn, waits, caplog, failures
):
    server = in_turn(*[Answer(502, headers={"Retry-After": "3"})] * failures, GOOD)
    client = client_of(serving(server), retry_attempts=6)
    assert client.get("x") == {"id": 7}
    assert (len(server.requests), client.requests, client.retries) == (failures + 1, failures + 1, failures)
    assert waits == [3] * failures
    told = [record.getMessage().partition(" Attempt ")[2] for record in caplog.records]
    assert [words for words in told if words] == [f"{one}, next in 3.0 s." for one in range(1, failures + 1)]


def test_the_time_for_retries_begins_with_the_first_attempt(serving, client_of, monkeypatch):
    monkeypatch.setattr("etl.extract.client.LONGEST_RETRYING", 0.2)
    asked, enough = [], Event()

    def too_slow(request):
        asked.append(request.path)
        enough.wait(LONGEST)
        return GOOD

    client = client_of(serving(too_slow), timeout_seconds=0.3)
    try:
        with pytest.raises(TooSlow):
            client.get("x")
    finally:
        enough.set()
    assert (len(asked), client.retries) == (1, 0)


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_attempts_are_bounded_and_the_last_failure_is_told(serving, client_of, in_turn, waits, attempts):
    server = in_turn(json_answer({"status": 500, "error": "Internal Server Error"}, 500))
    url = serving(server)
    client = client_of(url, retry_attempts=attempts)
    with pytest.raises(TryAgain) as failed:
        client.get("conversations", [("page", 2)])
    assert str(failed.value) == (
        f"{url}/api/v1/accounts/1/conversations?page=2: the server answered 500:"
        ' {"status":500,"error":"Internal Server Error"}'
    )
    assert (len(server.requests), client.requests, client.retries) == (attempts, attempts, attempts - 1)
    assert len(waits) == attempts - 1


def test_without_retry_after_the_waits_grow_with_jitter_to_at_most_a_minute(serving, client_of, in_turn, waits):
    with pytest.raises(TryAgain):
        client_of(serving(in_turn(text_answer("busy", 503))), retry_attempts=12).get("x")
    assert len(waits) == 11
    assert all(0 <= wait <= min(2**number, 60) for number, wait in enumerate(waits))


@pytest.mark.parametrize(
    ("value", "waited"),
    [
        ("0", 0),
        ("7", 7),
        ("120", 120),
        ("3600", 120),
        ("99999999999999999999", 120),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 120),
    ],
)
def test_retry_after_is_kept_to_but_not_beyond_two_minutes(serving, client_of, in_turn, waits, value, waited):
    server = in_turn(Answer(503, b"busy", headers={"Retry-After": value}), GOOD)
    assert client_of(serving(server)).get("x") == {"id": 7}
    assert waits == [waited]


def test_retry_after_may_be_a_date(serving, client_of, in_turn, waits):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server = in_turn(Answer(503, b"busy", headers={"Retry-After": date}), GOOD)
    assert client_of(serving(server)).get("x") == {"id": 7}
    assert 40 < waits[0] <= 60


@pytest.mark.parametrize("value", ["soon", "-5", "1.5", "", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_cannot_be_read_is_as_good_as_none(serving, client_of, in_turn, waits, value):
    server = in_turn(Answer(503, b"busy", headers={"Retry-After": value}), GOOD)
    assert client_of(serving(server)).get("x") == {"id": 7}
    assert 0 <= waits[0] <= 1


def test_after_a_429_the_pace_waits_for_the_next_clock_minute(serving, client_of, in_turn, waits, clock):
    clock.now = 6010.0
    pace = Pace(None, clock, clock.sleep)
    server = in_turn(GOOD, GOOD, GOOD, LATER, GOOD)
    client = client_of(serving(server), pace)
    for _ in range(4):
        assert client.get("x") == {"id": 7}
    assert clock.slept == [50]
    assert waits == [0]
    assert (client.requests, client.retries) == (5, 1)


def test_after_a_429_with_retry_after_the_pace_waits_as_long(serving, client_of, in_turn, clock):
    clock.now = 6010.0
    server = in_turn(Answer(429, b"Retry later", headers={"Retry-After": "75"}), GOOD)
    assert client_of(serving(server), Pace(None, clock, clock.sleep)).get("x") == {"id": 7}
    assert clock.slept == [75]


def test_429s_are_tried_a_bounded_number_of_times_too(serving, client_of, in_turn, clock):
    url = serving(in_turn(LATER))
    clock.now = 6000.0
    client = client_of(url, Pace(None, clock, clock.sleep), retry_attempts=3)
    with pytest.raises(TryAgain) as failed:
        client.get("x")
    assert str(failed.value) == f"{url}/api/v1/accounts/1/x: too many requests (429); those like it wait 60 s."
    assert clock.slept == [60, 60]
    assert (client.requests, client.retries) == (3, 2)


AT_ONCE = Answer(429, b"Retry later", headers={"Retry-After": "0"})


def test_retry_after_0_is_now_also_when_it_comes_twenty_times(serving, client_of, in_turn, waits, clock):
    server = in_turn(*[AT_ONCE] * 20, GOOD)
    client = client_of(serving(server), Pace(None, clock, clock.sleep))
    assert client.get("x") == {"id": 7}
    assert (clock.slept, waits, client.requests, client.retries) == ([], [], 21, 20)


def test_retry_after_0_without_end_is_tried_a_bounded_number_of_times_with_pauses(
    serving, client_of, in_turn, waits, clock
):
    server = in_turn(AT_ONCE)
    with pytest.raises(Limited):
        client_of(serving(server), Pace(None, clock, clock.sleep), retry_attempts=3).get("x")
    assert (len(server.requests), len(waits), clock.slept) == (3 * MOST_IN_ONE_ATTEMPT, 2, [])


def test_a_limit_by_the_second_costs_a_second_and_no_attempt(serving, client_of, in_turn, waits, clock):
    """Five a second, and whoever comes sooner is told to come in a second."""
    clock.now = 6010.0
    passed: dict[int, int] = {}

    def by_the_second(_):
        passed[int(clock.now)] = passed.get(int(clock.now), 0) + 1
        return GOOD if passed[int(clock.now)] <= 5 else Answer(429, headers={"Retry-After": "1"})

    client = client_of(serving(by_the_second), Pace(None, clock, clock.sleep), retry_attempts=1)
    assert [client.get("x") for _ in range(100)] == [{"id": 7}] * 100
    assert (clock.slept, waits) == ([1.0] * 19, [])


def test_a_429_of_one_address_makes_no_other_wait(serving, client_of, waits, clock):
    clock.now = 6010.0
    client = client_of(
        serving(lambda request: LATER if request.path.endswith("meta") else GOOD),
        Pace(None, clock, clock.sleep),
        retry_attempts=1,
    )
    with pytest.raises(Limited, match=r"meta: too many requests \(429\); those like it wait 50 s\.$"):
        client.get("conversations/meta")
    assert [client.get(f"conversations/{one}/messages") for one in range(500)] == [{"id": 7}] * 500
    assert (clock.slept, waits) == ([], [])


def test_a_known_rate_is_kept_without_a_429(serving, client_of, in_turn, clock):
    server = in_turn(GOOD)
    client = client_of(serving(server), Pace(2, clock, clock.sleep))
    for _ in range(5):
        client.get("x")
    assert clock.slept == [60, 60]
    assert (len(server.requests), client.retries) == (5, 0)


def test_each_wait_is_logged_with_its_cause(serving, client_of, in_turn, caplog):
    url = serving(in_turn(Answer(503, b"busy", headers={"Retry-After": "7"}), GOOD))
    client_of(url).get("x")
    assert [
        (one.name, one.levelno, one.getMessage()) for one in caplog.records if one.name == "etl.extract.client"
    ] == [
        (
            "etl.extract.client",
            logging.WARNING,
            f"{url}/api/v1/accounts/1/x: the server answered 503: busy Attempt 1, next in 7.0 s.",
        )
    ]


def test_the_counters_count_the_requests_of_all_threads(serving, client_of):
    client = client_of(serving(lambda _: GOOD))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.get("x", [("number", number)]), range(80)))
    assert answers == [{"id": 7}] * 80
    assert (client.requests, client.retries) == (80, 0)
