"""The head of an answer is read as http.client reads it, whatever is in it."""

import http.client
import socket
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.extract.adapter import _Response

FRAMING = ["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive"]
NAMES = st.sampled_from([*FRAMING, "Vary", "X-Odd", "From", "F r", ""])
NUMBERS = ["3", "0", "-1", "+3", "3, 3", "0x3", "\xb2", "1234567"]
WORDS = ["chunked", "Chunked", "gzip, chunked", "identity", "close", "keep-alive", "Close, x", "a: b"]
ODDS = ["", " ", "x ", " x", "\tx", "a\tb", "\x85", "\xe9", "a\x0bb", "a\x1cb"]
VALUES = st.sampled_from([*NUMBERS, *WORDS, *ODDS]) | st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=8
)
LINES = st.builds("{}{}{}".format, NAMES, st.sampled_from([": ", ":", ":  ", " : ", ":\t", " ", ""]), VALUES)
# A line that begins with a space goes on with the one before it.
ODD_LINES = st.sampled_from([" folded", "\tfolded", "From nobody", "no colon", ": no name", "X: 1\rY: 2"])
USUAL = [
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200",
    "HTTP/1.1 200 ",
    "HTTP/1.1 200  O K ",
    "HTTP/1.1 200 \xe9",
    "HTTP/1.1  200 OK",
]
UNUSUAL = [
    "HTTP/1.0 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/2 200 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 100 Go on",
    "ICY 200 OK",
    "",
]
STATUS = st.sampled_from(USUAL) | st.sampled_from(UNUSUAL)
BODY = b"3\r\nabc\r\n0\r\n\r\n"
FIELDS = ("version", "status", "code", "reason", "length", "chunked", "will_close")


def read(kind: type[http.client.HTTPResponse], said: bytes) -> Any:
    """Return all that an answer is for a kind of reader, or how it fails."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        answer = kind(ours, method="GET")
        with answer:
            try:
                answer.begin()
                fields = {name: getattr(answer, name) for name in FIELDS}
                assert type(answer.headers) is type(answer.msg) is http.client.HTTPMessage
                told = answer.headers.items(), answer.headers.defects, answer.headers.get_payload() or ""
                return fields, *map(repr, told), answer.read()
            except (http.client.HTTPException, ValueError) as error:
                return type(error), str(error)


@settings(max_examples=500)
@given(status=STATUS, lines=st.lists(LINES | ODD_LINES, max_size=5), end=st.sampled_from(["\r\n", "\r\n", "\n"]))
@example(status="HTTP/1.1 200 OK", lines=["Content-Length: 3", "Content-Length: 5"], end="\r\n")
@example(status="HTTP/1.1 200 OK", lines=["Transfer-Encoding: chunked", "Content-Length: 5"], end="\r\n")
@example(status="HTTP/1.1 200 OK", lines=["Transfer-Encoding: chunked", "Connection: close"], end="\r\n")
@example(status="HTTP/1.1 200 OK", lines=["Vary: Accept", "Vary: Origin", "X: y"], end="\r\n")
def test_a_head_says_what_it_says_to_http_client(status, lines, end):
    said = end.join([status, *lines, "", ""]).encode("latin-1", "replace") + BODY
    assert read(_Response, said) == read(http.client.HTTPResponse, said)


@pytest.mark.parametrize(("number", "length"), [*((n, 1) for n in (1, 50, 51, 99, 100, 101)), (1, 65_000), (1, 66_000)])
def test_very_many_and_very_long_headers_are_bounded_as_by_http_client(number, length):
    said = b"HTTP/1.1 200 OK\r\n" + (b"X-Long: " + length * b"x" + b"\r\n") * number + b"\r\n"
    assert read(_Response, said) == read(http.client.HTTPResponse, said)


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_head_that_comes_in_pieces_is_whole(cut):
    said = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\nabc"
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said[:cut] or said[:1])
        answer = _Response(ours, method="GET")
        answer.fp.peek()
        theirs.sendall(said[cut or 1 :])
        answer.begin()
        assert (answer.headers["content-type"], answer.read()) == ("application/json", b"abc")
