"""A list is answered with its own records: another list's are no answer to the question."""

from itertools import permutations
from typing import Any

import pytest

from etl.demo.server import json_answer
from etl.errors import TryAgain
from etl.extract.belonging import get_list
from tests.recorded_vendor import recording

RECORD: dict[str, dict[str, Any]] = {
    "inboxes": {"id": 1, "name": "Mail", "channel_type": "Channel::Email", "email": "a@b.c", "phone_number": None},
    "agents": {"id": 1, "name": "Alice", "email": "alice@example.com", "role": "agent", "account_id": 1},
    "teams": {"id": 1, "name": "sales", "description": None, "allow_auto_assign": True, "account_id": 1},
    "labels": {"id": 1, "title": "vip", "description": None, "color": "#000000", "show_on_sidebar": True},
    "custom_attribute_definitions": {"id": 1, "attribute_key": "order", "attribute_display_name": "Order"},
    "csat_survey_responses": {"id": 1, "rating": 5, "feedback_message": None, "account_id": 1},
    # What else the vendor answers in lists.
    "contacts": {"id": 1, "name": "Dana", "email": "dana@example.com", "phone_number": None, "identifier": None},
    "agent_bots": {"id": 1, "name": "Robot", "description": None, "outgoing_url": "http://bot", "bot_type": "webhook"},
    "messages": {"id": 1, "content": "hello", "message_type": 0, "private": False},
}
LISTS = list(RECORD)[:6]


def in_a_list(name: str, *records: Any) -> Any:
    """Wrap records as the vendor does."""
    return {"payload": list(records)} if name in {"inboxes", "labels", "contacts", "messages"} else list(records)


@pytest.mark.parametrize(("asked", "answered"), [pair for pair in permutations(RECORD, 2) if pair[0] in LISTS])
def test_a_list_of_other_records_is_asked_for_again(serving, client_of, in_turn, asked, answered):
    own = in_a_list(asked, RECORD[asked])
    server = in_turn(json_answer(in_a_list(answered, RECORD[answered])), json_answer(own))
    client = client_of(serving(server), retry_attempts=2)
    assert get_list(client, asked) == own
    assert client.retries == 1


def test_one_record_of_another_list_spoils_the_answer_and_the_error_says_so(serving, client_of):
    answer = json_answer(in_a_list("labels", RECORD["labels"], RECORD["inboxes"]))
    url = serving(lambda _: answer)
    with pytest.raises(TryAgain) as failed:
        get_list(client_of(url, retry_attempts=1), "labels")
    assert str(failed.value) == (
        f"{url}/api/v1/accounts/1/labels: the answer is another list's: not each of its records is one of labels."
    )


@pytest.mark.parametrize("answer", [[], {"payload": []}, {"payload": None}, {}, None, ["x", None, 7]], ids=range(6))
def test_what_has_no_record_tells_nothing_of_another_list(serving, client_of, answer):
    assert get_list(client_of(serving(lambda _: json_answer(answer))), "labels") == answer


def test_a_record_without_one_of_its_keys_is_still_one_of_its_list(serving, client_of):
    few = [{"id": 1, "feedback_message": "thanks"}, {"id": 2, "rating": 3}]
    assert get_list(client_of(serving(lambda _: json_answer(few))), "csat_survey_responses") == few


def test_the_lists_of_the_real_server_pass(serving, client_of):
    for exchange in recording("4.7.0-dimensions"):
        path, answer = exchange["request"]["path"].rpartition("/")[2], exchange["response"]["json"]
        assert get_list(client_of(serving(lambda _, answer=answer: json_answer(answer))), path) == answer
