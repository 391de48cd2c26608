import orjson
import pytest

from etl.demo import events
from etl.demo.account import Account, Agent, Contact, Conversation, Inbox, Message, Team
from etl.demo.server import Request
from etl.demo.vendor import Vendor


@pytest.fixture
def account() -> Account:
    """Return an account with conversation 1, opened at 100 with message 1."""
    account = Account(1, "Test")
    account.contacts = {1: Contact(1, "Ann", 0), 2: Contact(2, "Ben", 0)}
    account.agents = {1: Agent(1, "Dan", "dan@example.com", "administrator"), 2: Agent(2, "Eve", "eve@example.com")}
    account.inboxes = {1: Inbox(1, "Web", "Channel::Api")}
    account.teams = {1: Team(1, "Sales")}
    events.add_conversation(account, 1, 1, at=100)
    events.add_message(account, 1, "Hello", 100)
    return account


def clocks(account: Account, behaviour: str = "4.7") -> tuple[int, float]:
    """Return the last activity and `updated_at` that the server shows of conversation 1."""
    request = Request("/api/v1/accounts/1/conversations/1", [], {"api_access_token": "demo-token"})
    payload = orjson.loads(Vendor(account, behaviour=behaviour)(request).body)
    return payload["timestamp"], payload["updated_at"]


def test_a_new_message_moves_both_clocks(account: Account) -> None:
    events.reply(account, 1, "Hello Ann", 200, by=2)
    assert clocks(account) == (200, 200.0)
    assert account.conversations[1].first_reply_created_at == 200


def test_a_back_dated_message_moves_the_last_activity_back(account: Account) -> None:
    message = events.add_message(account, 1, "From the old system", 200, created_at=50)
    assert (message.id, clocks(account)) == (2, (50, 200.0))


def test_an_incoming_message_reopens_a_resolved_conversation(account: Account) -> None:
    account.conversations[1].status = "resolved"
    events.add_message(account, 1, "One more thing", 300)
    assert account.conversations[1].status == "open"


def test_edits_and_deliveries_move_updated_at_on_servers_before_march_2026_only(account: Account) -> None:
    events.edit_message(account, 1, 1, 300, content="Hello!")
    assert (clocks(account, "4.7"), clocks(account, "2026")) == ((100, 300.0), (100, 100.0))
    events.edit_message(account, 1, 1, 400, status="read")
    assert (clocks(account, "4.7"), clocks(account, "2026")) == ((100, 400.0), (100, 100.0))


def test_a_deleted_message_keeps_its_row(account: Account) -> None:
    events.delete_message(account, 1, 1, 300)
    assert account.conversations[1].messages == [
        Message(
            1,
            0,
            "This message was deleted",
            100,
            "Contact",
            1,
            content_attributes={"deleted": True},
            updated_at=300.0,
        )
    ]


def test_a_change_by_a_person_moves_the_last_activity_seconds_later(account: Account) -> None:
    events.change_conversation(account, 1, 200, by=2, status="resolved", labels=("vip",))
    conversation = account.conversations[1]
    assert (conversation.status, conversation.labels, clocks(account)) == ("resolved", ("vip",), (202, 202.0))
    assert conversation.messages[-1].content == "Eve changed status, labels"


def test_a_change_by_an_automaton_moves_updated_at_only(account: Account) -> None:
    events.change_conversation(account, 1, 200, by=None, assignee_id=2)
    assert clocks(account) == (100, 200.0)
    events.set_custom_attributes(account, 1, {"plan": "gold"}, 300)
    assert clocks(account) == (100, 300.0)


def test_reading_leaving_and_disbanding_move_no_clock(account: Account) -> None:
    account.conversations[1].assignee_id, account.conversations[1].team_id = 2, 1
    events.see(account, 1, 200)
    events.remove_agent(account, 2)
    events.delete_team(account, 1)
    assert clocks(account) == (100, 100.0)
    request = Request("/api/v1/accounts/1/conversations/1", [], {"api_access_token": "demo-token"})
    meta = orjson.loads(Vendor(account)(request).body)["meta"]
    assert sorted(meta) == ["channel", "hmac_verified", "sender"]


def test_merged_contacts_leave_one_id_and_move_updated_at(account: Account) -> None:
    events.merge_contacts(account, keep=2, gone=1, at=200)
    conversation = account.conversations[1]
    assert (list(account.contacts), conversation.contact_id, conversation.messages[0].sender_id) == ([2], 2, 2)
    assert clocks(account) == (100, 200.0)


def test_the_number_of_a_deleted_conversation_is_not_given_again(account: Account) -> None:
    events.delete_conversation(account, 1)
    assert account.conversations == {}
    assert events.add_conversation(account, 1, 1, at=500) == Conversation(2, 1, 1, 500, 500, updated_at=500.0)
