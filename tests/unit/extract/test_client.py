"""What is sent, what comes back, what is an error for good, and where the token never goes."""

import logging

import pytest

from etl.demo.server import Answer, json_answer, text_answer
from etl.errors import Denied, NotFound, TryAgain, Unreadable, VendorError
from etl.extract.client import Client
from etl.settings.settings import Settings, load

TOKEN = "t0ken-of-the-tests"


@pytest.fixture
def client(bare_environment) -> Client:
    return Client(load(Settings, base_url="https://chat.example.com", account_id=42, api_token=TOKEN))


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("conversations/7", (), "/api/v1/accounts/42/conversations/7"),
        ("conversations", [("status", "open"), ("page", 2)], "/api/v1/accounts/42/conversations?status=open&page=2"),
        ("x", [("labels[]", "a"), ("labels[]", "b c")], "/api/v1/accounts/42/x?labels[]=a&labels[]=b+c"),
        ("x", [("q", "שלום")], "/api/v1/accounts/42/x?q=%D7%A9%D7%9C%D7%95%D7%9D"),
        ("x", [("q", "a&b=c#d%")], "/api/v1/accounts/42/x?q=a%26b%3Dc%23d%25"),
        ("/api", (), "/api"),
        ("/api/v1/profile", [("a", 1)], "/api/v1/profile?a=1"),
    ],
)
def test_a_path_is_below_the_account_or_from_the_root(client, path, query, url):
    assert client.url(path, query) == f"https://chat.example.com{url}"


def test_one_request_carries_the_token_in_the_header_that_proxies_keep(serving, client_of, in_turn):
    server = in_turn(json_answer({"id": 7}))
    client = client_of(serving(server))
    assert client.get("conversations/7") == {"id": 7}
    (request,) = server.requests
    assert (request.path, request.query) == ("/api/v1/accounts/1/conversations/7", [])
    assert request.headers["api-access-token"] == TOKEN
    assert request.headers["accept"] == "application/json"
    assert [name for name, value in request.headers.items() if TOKEN in value] == ["api-access-token"]
    assert (client.requests, client.retries) == (1, 0)


def test_a_query_arrives_as_it_was_meant(serving, client_of, in_turn):
    server = in_turn(json_answer([]))
    query = [("q", "שלום & welcome +1"), ("labels[]", "vip"), ("labels[]", "a/b, ç"), ("page", 3), ("empty", "")]
    client_of(serving(server)).get("conversations", query)
    assert server.requests[0].query == [
        ("q", "שלום & welcome +1"),
        ("labels[]", "vip"),
        ("labels[]", "a/b, ç"),
        ("page", "3"),
        ("empty", ""),
    ]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (b"[]", []),
        (b"null", None),
        (b'"\xd7\xa9"', "ש"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'["half a pair \\ud83d"]', ["half a pair \ud83d"]),
        (b"9007199254740993", 9007199254740993),
        (b'{"a":36893488147419103232}', {"a": 2**65}),
        (b"[1,\n -36893488147419103232]", [1, -(2**65)]),
        (b'["36893488147419103232", 7]', ["36893488147419103232", 7]),
        (b'{"36893488147419103232": 0.10000000000000000000001}', {"36893488147419103232": 0.1}),
    ],
)
def test_any_json_is_decoded_also_with_half_a_surrogate_pair(serving, client_of, body, value):
    assert client_of(serving(lambda _: Answer(200, body))).get("x") == value


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Unreadable), (401, Denied), (403, Unreadable), (404, NotFound), (405, Unreadable), (422, Unreadable)],
)
def test_an_error_for_good_is_told_at_once_with_the_address_and_the_answer(serving, client_of, in_turn, status, kind):
    server = in_turn(json_answer({"error": "no"}, status))
    url = serving(server)
    client = client_of(url)
    with pytest.raises(VendorError) as failed:
        client.get("conversations/7", [("page", 1)])
    assert type(failed.value) is kind
    assert str(failed.value) == (
        f'{url}/api/v1/accounts/1/conversations/7?page=1: the server answered {status}: {{"error":"no"}}'
    )
    assert (len(server.requests), client.requests, client.retries) == (1, 1, 0)


@pytest.mark.parametrize("status", [201, 202, 204, 304, 418])
def test_no_other_status_passes_for_an_answer(serving, client_of, in_turn, status):
    server = in_turn(Answer(status))
    with pytest.raises(VendorError, match=f": the server answered {status}: an empty body$"):
        client_of(serving(server)).get("x")
    assert len(server.requests) == 1


def test_only_the_beginning_of_an_answer_is_shown_and_on_one_line(serving, client_of):
    page = "<html>\n\x1b[31m" + "x" * 1000
    with pytest.raises(VendorError) as failed:
        client_of(serving(lambda _: text_answer(page, 400))).get("x")
    assert str(failed.value).partition(" 400: ")[2] == "<html>\\n\\x1b[31m" + "x" * 288


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_token_not_sent_on(serving, client_of, in_turn, status):
    elsewhere = in_turn(json_answer({"id": 7}))
    there = f"{serving(elsewhere)}/api/v1/accounts/1/conversations/7"
    server = in_turn(Answer(status, headers={"Location": there}))
    url = serving(server)
    with pytest.raises(VendorError) as failed:
        client_of(url).get("conversations/7")
    assert str(failed.value) == (
        f"{url}/api/v1/accounts/1/conversations/7: redirected, and the token is not sent there; set ETL_BASE_URL:"
        f" {there}"
    )
    assert (len(server.requests), elsewhere.requests) == (1, [])


def test_no_login_of_the_machine_and_no_other_header_is_sent(
    serving, client_of, in_turn, bare_environment, monkeypatch
):
    (bare_environment / ".netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(bare_environment / ".netrc"))
    server = in_turn(json_answer([]))
    client_of(serving(server)).get("x")
    assert set(server.requests[0].headers) == {
        "host",
        "user-agent",
        "accept-encoding",
        "accept",
        "connection",
        "api-access-token",
    }


FAILURES = [
    json_answer({"error": "Invalid Access Token"}, 401),
    json_answer({}, 404),
    text_answer("Internal Server Error", 500),
    text_answer("Bad gateway", 502),
    text_answer("<html>", 200),
    Answer(200, b"[1", headers={"Content-Length": "99", "Connection": "close"}),
    Answer(302, headers={"Location": "http://127.0.0.1:9/"}),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_the_token_is_in_no_message_and_no_log(serving, client_of, caplog, failure):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "urllib3")  # a command that another test ran in this process has silenced it
    client = client_of(serving(lambda _: failure), retry_attempts=2)
    with pytest.raises(VendorError) as failed:
        client.get("conversations/7", [("page", 1)])
    said = [str(failed.value), repr(failed.value), repr(failed.value.__cause__), caplog.text]
    said += [repr(vars(one)) for one in (client, vars(client)["_exchange"])]
    assert [one for one in said if TOKEN in one] == []
    assert "conversations/7?page=1" in caplog.text


def test_a_server_that_cannot_be_reached_is_told_in_few_words(client_of):
    with pytest.raises(TryAgain) as failed:
        client_of("http://127.0.0.1:1", retry_attempts=1).get("x")
    assert str(failed.value).startswith("http://127.0.0.1:1/api/v1/accounts/1/x: no answer (")
    assert "refused" in str(failed.value)
    assert "HTTPConnectionPool" not in str(failed.value)
