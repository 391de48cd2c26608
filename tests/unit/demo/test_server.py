import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

import pytest

from etl.demo.generate import generate
from etl.demo.server import Answer, Request, json_answer, serve, text_answer
from etl.demo.vendor import Vendor
from tests.waits import LONGEST, slowness


def connect(base: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(base).netloc, timeout=LONGEST)


def test_an_app_gets_the_path_the_query_in_order_and_lower_case_headers() -> None:
    seen: list[Request] = []

    def app(request: Request) -> Answer:
        seen.append(request)
        return json_answer({"שלום": [1, None]})

    with serve(app) as base:
        connection = connect(base)
        connection.request("GET", "/a/b?labels[]=x&labels[]=%D7%A9&page=", headers={"Api_Access_Token": "t"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
    assert (response.status, response.getheader("Content-Type")) == (200, "application/json; charset=utf-8")
    assert body.decode() == '{"שלום":[1,null]}'
    assert (seen[0].path, seen[0].query) == ("/a/b", [("labels[]", "x"), ("labels[]", "ש"), ("page", "")])
    assert (seen[0].headers["api_access_token"], seen[0].first("labels[]"), seen[0].first("q")) == ("t", "x", None)


def test_a_connection_is_kept_alive_for_many_quick_requests() -> None:
    with serve(lambda _: text_answer("Retry later", 429)) as base:
        connection = connect(base)
        ports = set()
        started = time.perf_counter()
        for _ in range(100):
            connection.request("GET", "/")
            response = connection.getresponse()
            assert (response.status, response.getheader("Content-Type"), response.read()) == (
                429,
                "text/plain",
                b"Retry later",
            )
            ports.add(connection.sock.getsockname()[1])
        seconds = time.perf_counter() - started
        connection.close()
    assert len(ports) == 1
    assert seconds < 3 * slowness()  # a stall of 40 ms each would be 4


def test_many_clients_are_served_at_once() -> None:
    vendor = Vendor(generate(100))

    def page(base: str) -> int:
        connection = connect(base)
        connection.request("GET", "/api/v1/accounts/1/conversations", headers={"api_access_token": "demo-token"})
        status = connection.getresponse().status
        connection.close()
        return status

    with serve(vendor) as base, ThreadPoolExecutor(16) as pool:
        assert list(pool.map(page, [base] * 64)) == [200] * 64
    assert len(vendor.requests) == 64


def test_an_app_around_an_app_can_inject_faults() -> None:
    vendor = Vendor(generate(1))

    def cut_short(request: Request) -> Answer:
        answer = vendor(request)
        length = {"Content-Length": str(len(answer.body) + 10), "Connection": "close"}
        return Answer(answer.status, answer.body, headers=length)

    with serve(cut_short) as base:
        connection = connect(base)
        connection.request("GET", "/api")
        with pytest.raises(IncompleteRead):
            connection.getresponse().read()
        connection.close()


def test_a_client_that_hangs_up_disturbs_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with serve(lambda _: Answer(body=b"x" * 5_000_000)) as base:
        host, port = urlsplit(base).netloc.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection = connect(base)
        connection.request("GET", "/")
        assert len(connection.getresponse().read()) == 5_000_000
        connection.close()
    assert capfd.readouterr() == ("", "")


def test_the_server_closes_promptly_although_a_client_keeps_its_connection() -> None:
    with serve(lambda _: Answer()) as base:
        connection = connect(base)
        connection.request("GET", "/")
        connection.getresponse().read()
        started = time.perf_counter()
    assert time.perf_counter() - started < slowness()
    assert connection.sock.recv(1) == b""
    connection.close()


def test_two_servers_have_ports_of_their_own_and_a_given_port_is_taken() -> None:
    with serve(lambda _: Answer()) as one, serve(lambda _: Answer()) as other:
        assert one != other
    port = urlsplit(one).port or 0
    with serve(lambda _: Answer(), port=port) as again:
        assert again == one
