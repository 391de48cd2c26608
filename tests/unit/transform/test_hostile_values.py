"""What a broken or hostile server may send: an error with a name, a rejected record, and never more than that."""

import pytest

from etl.demo.server import Answer, text_answer
from etl.errors import BadValue, TryAgain, VendorError
from etl.transform.rows import to_batch
from etl.transform.values import free, number, whole

TOKEN = "the-secret-token-of-this-test"


@pytest.mark.parametrize(
    "app",
    [
        lambda request: text_answer(str(request.headers), 500),
        lambda request: text_answer(str(request.headers), 404),
        lambda request: text_answer(f"headers: {request.headers}"),
        lambda request: Answer(
            302, headers={"Location": f"https://sso.example/?t={request.headers['api-access-token']}"}
        ),
    ],
    ids=["500", "404", "200", "302"],
)
def test_a_token_that_the_server_echoes_is_not_repeated(serving, client_of, caplog, app):
    with pytest.raises(VendorError) as failed:
        client_of(serving(app), api_token=TOKEN, retry_attempts=2).get("x")
    assert TOKEN not in str(failed.value) + caplog.text
    assert "(the token)" in str(failed.value)


@pytest.mark.parametrize("body", [b"[" * 100_000 + b"]" * 100_000, b'{"a": NaN}', b'{"a": 1e400}', b'{"a": -Infinity}'])
def test_json_that_is_none_is_an_error_with_a_name(serving, client_of, body):
    with pytest.raises(TryAgain, match="the answer is no JSON"):
        client_of(serving(lambda _: Answer(body=body)), retry_attempts=1).get("x")


def test_numbers_beyond_reason_are_refused_with_a_name():
    for value in ("9" * 5000, 10**400, 2**63):
        with pytest.raises(BadValue):
            whole(value)
    with pytest.raises(BadValue):
        number(10**400)


def nested(levels, value="x"):
    return nested(levels - 1, [value]) if levels else value


def test_json_nested_beyond_reason_is_a_rejected_record():
    deep = nested(500)
    with pytest.raises(BadValue, match="is nested too deeply"):
        free(deep)
    batch = to_batch(1, [{"id": 7, "custom_attributes": {"a": deep}}, {"id": 8}])
    assert list(batch.rows["conversations"]) == [(8,)]
    assert [(one["entity"], one["entity_id"], one["reason"], one["payload"]) for one in batch.rejected] == [
        ("conversation", "7", "custom_attributes: is nested too deeply", None)
    ]


def test_a_rejected_assignee_team_or_sender_is_still_referred_to():
    deep = nested(500)  # cannot even be kept in `extra`
    payload = {
        "id": 7,
        "meta": {
            "assignee": {"id": 6, "custom_attributes": deep},
            "team": {"id": 8, "name": deep},
            "sender": {"id": 5, "custom_attributes": deep},
        },
    }
    batch = to_batch(1, [payload])
    row = batch.rows["conversations"][(7,)]
    assert (row["assignee_id"], row["team_id"], row["contact_id"]) == (6, 8, 5)
    assert [list(batch.rows[table]) for table in ("agents", "teams", "contacts")] == [[(6,)], [(8,)], [(5,)]]
    assert [one["entity"] for one in batch.rejected] == ["agent", "team", "contact"]


def test_children_are_complete_only_when_none_was_rejected():
    message = {"id": 9, "attachments": [{"id": 1}, {"id": "x"}]}
    batch = to_batch(1, [{"id": 7, "labels": "vip", "messages": [message]}])
    assert batch.complete == {"conversation_labels": [], "attachments": []}
    assert list(batch.rows["attachments"]) == [(1,)]


def test_a_null_says_null_of_the_last_message_the_contact_and_the_attributes():
    payload = {"id": 7, "meta": {"sender": None}, "last_non_activity_message": None}
    row = to_batch(1, [payload | {"messages": [{"id": 9, "content_attributes": None}]}])
    assert row.rows["conversations"][(7,)]["last_non_activity_message_id"] is None
    assert row.rows["conversations"][(7,)]["contact_id"] is None
    assert row.rows["messages"][(9,)]["deleted"] is False


def test_a_sender_that_cannot_be_told_is_rejected_and_the_message_kept():
    for sender in ({"id": 3, "name": "X"}, "X"):
        batch = to_batch(1, [{"id": 7, "messages": [{"id": 9, "sender": sender}]}])
        assert [(one["entity"], one["reason"], one["payload"]) for one in batch.rejected] == [
            ("sender", "type: is missing", sender)
        ]
        assert list(batch.rows["messages"]) == [(9,)]
