"""Each request gets its own answer, and gets it in time: whatever comes before, after or instead of it."""

from threading import Lock

import pytest

from etl.demo.server import Answer, json_answer
from etl.errors import TryAgain, Unreadable, VendorError
from tests.raw_server import serve_raw, whole

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def own(request) -> Answer:
    """The answer that belongs to a request: it names what was asked for."""
    return json_answer({"id": request.path.rpartition("/")[2]})


@pytest.fixture
def raw():
    servers = []

    def start(script):
        servers.append(serve_raw(script))
        return servers[-1].__enter__()

    yield start
    for one in servers:
        one.__exit__(None, None, None)


@pytest.mark.parametrize("interim", [EARLY, PROCESSING, CONTINUE, EARLY + PROCESSING, 8 * EARLY], ids=range(5))
def test_interim_answers_are_passed_over_and_the_connection_stays_in_step(raw, client_of, interim):
    def script(exchange):
        if exchange.request.path.endswith("2"):
            exchange.send(interim)
            exchange.late(whole(own(exchange.request)))
        else:
            exchange.send(whole(own(exchange.request)))

    server = raw(script)
    client = client_of(server.url)
    assert [client.get(f"conversations/{one}")["id"] for one in range(1, 5)] == ["1", "2", "3", "4"]
    assert (server.connections, client.requests) == (1, 4)


@pytest.mark.parametrize("interim", [50 * EARLY, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"])
def test_interim_answers_without_end_and_another_protocol_are_refused_and_the_connection_is_closed(
    raw, client_of, interim
):
    def script(exchange):
        if exchange.request.path.endswith("2"):
            exchange.send(interim)
        exchange.send(whole(own(exchange.request)))

    server = raw(script)
    client = client_of(server.url)
    assert client.get("conversations/1") == {"id": "1"}
    with pytest.raises(Unreadable, match=r"/2: the server answered 10[13]: an empty body$"):
        client.get("conversations/2")
    assert client.get("conversations/3") == {"id": "3"}
    assert server.connections == 2


LATE = whole(json_answer({"id": "of another"}))


@pytest.mark.parametrize("status", [201, 204, 205, 206, 304, 400, 401, 403, 404, 418, 500, 503])
def test_after_every_status_but_200_the_connection_is_closed(raw, client_of, status):
    """What comes late on it would pass for the answer to the next request."""

    def script(exchange):
        if exchange.request.path.endswith("2"):
            exchange.send(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
            exchange.late(LATE)
        else:
            exchange.send(whole(own(exchange.request)))

    server = raw(script)
    client = client_of(server.url, retry_attempts=1)
    assert client.get("conversations/1") == {"id": "1"}
    with pytest.raises(VendorError, match=f"the server answered {status}: an empty body$"):
        client.get("conversations/2")
    assert [client.get(f"conversations/{one}")["id"] for one in (3, 4)] == ["3", "4"]
    assert server.connections == 2


@pytest.mark.parametrize("status", [204, 304])
def test_a_late_body_of_an_answer_that_has_none_is_nobodys_answer(raw, client_of, status):
    def script(exchange):
        if exchange.request.path.endswith("2"):
            exchange.send(f"HTTP/1.1 {status} Said\r\nContent-Length: {len(LATE)}\r\n\r\n".encode())
            exchange.late(LATE)
        else:
            exchange.send(whole(own(exchange.request)))

    client = client_of(raw(script).url)
    with pytest.raises(Unreadable):
        client.get("conversations/2")
    assert [client.get(f"conversations/{one}")["id"] for one in (3, 4)] == ["3", "4"]


@pytest.mark.parametrize("length", [9, 99])
def test_a_200_that_is_not_whole_closes_its_connection(raw, client_of, length):
    """Cut short, or longer than it says: neither is in step."""
    asked = []

    def script(exchange):
        asked.append(exchange.request.path[-1])
        if asked == ["2"]:
            exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + b'{"id":"2"}{"id":"x"}')
        else:
            exchange.send(whole(own(exchange.request)))

    client = client_of(raw(script).url, timeout_seconds=0.3)
    assert [client.get(f"conversations/{one}")["id"] for one in (2, 3, 4)] == ["2", "3", "4"]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "the body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" " * 100_000),
    "a header": (HEAD, b"X-Long: " + b"x" * 50_000),
    "the status": (b"", b"HTTP/1.1 200 " + b"O" * 50_000),
    "many headers": (HEAD, b"X-Short: 1\r\n" * 5_000),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 20_000),
    "the length of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 50_000),
    "a chunk's extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", b"x" * 50_000),
    "interim answers": (b"", CONTINUE * 5_000),
    "a body without a length": (HEAD + b"Connection: close\r\n\r\n", b" " * 100_000),
    "the body of a refusal": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n", b" " * 100_000),
}


@pytest.mark.parametrize("where", DRIPS)
def test_what_drips_ends_at_the_deadline_and_is_tried_again(raw, client_of, caplog, where):
    """A piece comes in good time each, and the whole would take for ever."""
    head, body = DRIPS[where]
    asked, lock = [], Lock()

    def script(exchange):
        with lock:
            asked.append(exchange.request.path)
        if len(asked) == 1:
            exchange.send(head)
            exchange.drip(body)
        else:
            exchange.send(whole(own(exchange.request)))

    client = client_of(raw(script).url, timeout_seconds=0.3)
    assert client.get("conversations/7") == {"id": "7"}
    assert (len(asked), client.retries) == (2, 1)
    assert "timed out" in caplog.text


def test_attempts_at_what_drips_are_bounded_and_it_is_said(raw, client_of):
    def script(exchange):
        exchange.send(HEAD + b"Content-Length: 100000\r\n\r\n")
        exchange.drip(b" " * 100_000)

    with pytest.raises(TryAgain, match=r"/x: no answer \(Read timed out\."):
        client_of(raw(script).url, timeout_seconds=0.1, retry_attempts=2).get("x")
