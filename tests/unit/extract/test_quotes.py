"""What the client quotes: nothing where personal data are not kept, and nothing that it could not remember."""

import pytest

from etl.demo.server import Answer, text_answer
from etl.errors import TryAgain, Unreadable, VendorError
from etl.extract import quotes

KEY = "a key of at least thirty-two characters"
BAD_CHUNK = Answer(200, b"Dana\r\n", headers={"Transfer-Encoding": "chunked"})


@pytest.mark.parametrize("mode", ["hash", "drop"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (text_answer("Dana", 404), "the server answered 404."),
        (text_answer("", 404), "the server answered 404."),
        (text_answer("Dana"), "the answer is no JSON."),
        (Answer(200, b'{"name": "Dana'), "the answer is no JSON: cut short or broken."),
        (Answer(302, headers={"Location": "/Dana"}), "redirected, and the token is not sent there; set ETL_BASE_URL."),
        (BAD_CHUNK, "no answer (ProtocolError)."),
    ],
)
def test_where_personal_data_are_not_kept_nothing_is_quoted(serving, client_of, caplog, mode, answer, said):
    url = serving(lambda _: answer)
    client = client_of(url, pii=mode, pii_key=KEY, retry_attempts=2)
    with pytest.raises(VendorError) as failed:
        client.get("conversations", [("q", "Dana Levi"), ("page", 2)])
    address = f"{url}/api/v1/accounts/1/conversations?q=...&page=2"
    assert (str(failed.value), client.quotes) == (f"{address}: {said}", set())
    assert "Dana" not in repr(failed.value) + "".join(
        one.getMessage() for one in caplog.records if one.name[:3] == "etl"
    )


@pytest.mark.parametrize("pii", ["keep", "drop"])
def test_what_this_machine_itself_says_of_a_connection_is_no_quote(client_of, pii):
    client = client_of("http://127.0.0.1:1", pii=pii, retry_attempts=1)
    with pytest.raises(TryAgain, match=r"no answer \(.*refused\)\.$"):
        client.get("x")
    assert client.quotes == set()


def test_what_broke_an_answer_is_a_quote(serving, client_of):
    client = client_of(serving(lambda _: BAD_CHUNK), retry_attempts=1)
    with pytest.raises(TryAgain, match=r"/x: no answer \(ProtocolError\): .*Dana") as failed:
        client.get("x")
    assert client.quotes == {failed.value.quote}


def test_what_could_not_be_remembered_is_not_quoted(serving, client_of, monkeypatch):
    monkeypatch.setattr(quotes, "MOST_QUOTES", 2)
    client = client_of(serving(lambda request: text_answer(request.path[-1], 404)))
    said = []
    for path in ("a", "b", "c", "a"):
        with pytest.raises(Unreadable) as failed:
            client.get(path)
        said.append(str(failed.value).rpartition("the server ")[2])
    assert said == ["answered 404: a", "answered 404: b", "answered 404.", "answered 404: a"]
    assert client.quotes == {"a", "b"}
