from typing import Any

import orjson
import pytest

from etl.demo.account import Account, Contact, Inbox
from etl.demo.events import add_conversation, add_message
from etl.demo.server import Request
from etl.demo.vendor import Vendor


def an_account(times: list[int]) -> Account:
    """Return an account whose only conversation has messages 1, 2, 3... with these times."""
    account = Account(1, "Test", contacts={1: Contact(1, "Ann", 0)}, inboxes={1: Inbox(1, "Web", "Channel::Api")})
    add_conversation(account, 1, 1, at=0)
    for at in times:
        add_message(account, 1, f"at {at}", at)
    return account


def read(account: Account, behaviour: str, **query: object) -> list[int]:
    request = Request(
        "/api/v1/accounts/1/conversations/1/messages",
        [(name, str(value)) for name, value in query.items()],
        {"api_access_token": "demo-token"},
    )
    answer: dict[str, Any] = orjson.loads(Vendor(account, behaviour=behaviour)(request).body)
    return [message["id"] for message in answer["payload"]]


LONG = an_account(list(range(1, 1201)))
# Message 3 was imported later than its time: a high id, an old time.
BACK_DATED = an_account([100, 200, 50, 300])
REVERSED = an_account(list(range(1000, 900, -1)))
ALL = ["4.7", "2026", "2.14"]
NEW = ["4.7", "2026"]


@pytest.mark.parametrize("behaviour", ALL)
def test_without_a_window_the_newest_20_are_returned_oldest_first(behaviour: str) -> None:
    assert read(LONG, behaviour) == list(range(1181, 1201))


@pytest.mark.parametrize("behaviour", ALL)
def test_before_returns_the_newest_20_below_the_id(behaviour: str) -> None:
    assert read(LONG, behaviour, before=500) == list(range(480, 500))
    assert read(LONG, behaviour, before="abc") == []


@pytest.mark.parametrize("behaviour", NEW)
def test_after_returns_the_oldest_100_above_the_id(behaviour: str) -> None:
    assert read(LONG, behaviour, after=500) == list(range(501, 601))


@pytest.mark.parametrize("behaviour", NEW)
def test_a_window_returns_the_oldest_1000_from_after_to_below_before(behaviour: str) -> None:
    assert read(LONG, behaviour, after=100, before=105) == [100, 101, 102, 103, 104]
    assert read(LONG, behaviour, after=0, before=2147483647) == list(range(1, 1001))


def test_old_servers_ignore_the_value_of_after() -> None:
    assert read(LONG, "2.14", after=500) == list(range(1, 21))
    assert read(LONG, "2.14", after=1100) == list(range(1, 21))
    assert read(LONG, "2.14", after=1, before=700) == list(range(700, 720))


def test_old_servers_answer_a_wide_window_with_nothing() -> None:
    assert read(LONG, "2.14", after=0, before=2147483647) == []


def test_an_empty_parameter_counts_as_absent() -> None:
    assert read(LONG, "4.7", after="", before="") == list(range(1181, 1201))


def test_messages_are_cut_by_id_but_ordered_by_time() -> None:
    assert read(BACK_DATED, "4.7") == [3, 1, 2, 4]
    assert read(BACK_DATED, "4.7", before=4) == [3, 1, 2]
    assert read(BACK_DATED, "4.7", after=2) == [3, 4]
    assert read(BACK_DATED, "2.14", after=1, before=2) == [3, 2, 4]


def test_a_walk_back_by_lowest_id_loses_messages_whose_times_run_against_their_ids() -> None:
    # The newest 20 by time are the 20 lowest ids: nothing lies below them.
    assert read(REVERSED, "4.7") == list(range(20, 0, -1))
    assert read(REVERSED, "4.7", before=1) == []
    assert len(read(REVERSED, "4.7", after=0, before=101)) == 100


def test_old_servers_list_up_to_ten_unread_messages_and_new_ones_the_newest() -> None:
    account = an_account(list(range(1, 16)))
    listed = {}
    for behaviour in ALL:
        request = Request("/api/v1/accounts/1/conversations/1", [], {"api_access_token": "demo-token"})
        payload = orjson.loads(Vendor(account, behaviour=behaviour)(request).body)
        listed[behaviour] = [message["id"] for message in payload["messages"]], payload["unread_count"]
    assert listed == {"4.7": ([15], 10), "2026": ([15], 10), "2.14": (list(range(6, 16)), 15)}
