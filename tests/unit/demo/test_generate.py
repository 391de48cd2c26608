import hashlib
import re
from collections import Counter
from dataclasses import asdict

import orjson

from etl.demo.account import Account, Message
from etl.demo.generate import UNTIL, generate


def bytes_of(account: Account) -> bytes:
    return orjson.dumps(asdict(account), option=orjson.OPT_NON_STR_KEYS)


def messages_of(account: Account) -> list[Message]:
    return [message for conversation in account.conversations.values() for message in conversation.messages]


def test_the_same_arguments_give_the_same_account() -> None:
    assert generate(60, seed=7) == generate(60, seed=7)


def test_a_small_account_is_the_same_byte_for_byte_everywhere() -> None:
    assert (
        hashlib.sha256(bytes_of(generate(40))).hexdigest()
        == "eda6364f99e9d5cdd98f7329e48c812b8df60169ed7a54d05f228c97845be6d9"
    )


def test_another_seed_gives_another_account() -> None:
    assert bytes_of(generate(20, seed=1)) != bytes_of(generate(20, seed=2))


def test_the_ids_of_conversations_messages_contacts_and_attachments_have_no_gaps() -> None:
    account = generate(250)
    messages = messages_of(account)
    attachments = [one.id for message in messages for one in message.attachments or []]
    assert list(account.conversations) == list(range(1, 251))
    assert list(account.contacts) == list(range(1, len(account.contacts) + 1))
    assert sorted(message.id for message in messages) == list(range(1, len(messages) + 1))
    assert sorted(attachments) == list(range(1, len(attachments) + 1))
    assert (account.last_conversation_id, account.last_message_id) == (250, len(messages))


def test_every_conversation_has_its_own_time_of_last_activity_and_of_creation() -> None:
    conversations = generate(3000).conversations.values()
    assert len({conversation.last_activity_at for conversation in conversations}) == 3000
    assert len({conversation.created_at for conversation in conversations}) == 3000


def test_the_last_activity_is_the_time_of_the_message_with_the_highest_id() -> None:
    for conversation in generate(300, ties=0.2).conversations.values():
        last = max(conversation.messages, key=lambda message: message.id, default=None)
        assert conversation.last_activity_at == (last.created_at if last else conversation.created_at)


def test_ties_make_the_asked_share_of_conversations_share_their_last_activity() -> None:
    counts = Counter(row.last_activity_at for row in generate(1000, ties=0.5).conversations.values())
    assert 450 < sum(count for count in counts.values() if count > 1) < 550


def test_nothing_happens_after_the_end() -> None:
    account = generate(300, until=1_700_000_000)
    assert max(message.created_at for message in messages_of(account)) < 1_700_000_000
    assert UNTIL == 1_793_491_200


def test_no_address_or_number_can_belong_to_anybody() -> None:
    account = generate(400)
    text = bytes_of(account).decode()
    addresses = re.findall(r"[\w.+-]+@[\w.-]+", text)
    hosts = {address.partition("@")[2] for address in addresses} | set(re.findall(r"https?://([\w.-]+)", text))
    phones = {contact.phone_number for contact in account.contacts.values() if contact.phone_number}
    assert {host for host in hosts if not host.endswith((".example", "example.com"))} == set()
    assert {phone for phone in phones if not re.fullmatch(r"\+97250000\d{4}|\+1555\d{7}", phone)} == set()


def test_the_account_holds_what_a_shop_has() -> None:
    account = generate()
    assert (account.id, account.name) == (1, "Demo Store")
    assert [inbox.channel_type for inbox in account.inboxes.values()] == [
        "Channel::WebWidget",
        "Channel::Email",
        "Channel::Whatsapp",
        "Channel::Api",
        "Channel::Telegram",
    ]
    assert [agent.role for agent in account.agents.values() if not agent.left] == ["administrator"] + ["agent"] * 7
    assert (len(account.teams), len(account.labels), len(account.bots)) == (3, 8, 1)
    assert 150 < len(account.contacts) < 210


def test_its_histories_show_every_kind_of_message() -> None:
    account = generate()
    messages = messages_of(account)
    lengths = sorted(len(conversation.messages) for conversation in account.conversations.values())
    attachments = [one.file_type for message in messages for one in message.attachments or []]
    assert {conversation.status for conversation in account.conversations.values()} == {
        "open",
        "resolved",
        "pending",
        "snoozed",
    }
    assert {message.message_type for message in messages} == {0, 1, 2, 3}
    assert {message.status for message in messages} == {"sent", "delivered", "read", "failed", None}
    assert {message.content_type for message in messages} == {"text", "incoming_email", "input_select", "input_csat"}
    assert set(attachments) == {"image", "file", "audio", "video", "location", "contact", "fallback"}
    assert lengths[0] == 0
    assert lengths[-1] > 1000
    assert sum(length > 100 for length in lengths) == 4
    assert any((message.content_attributes or {}).get("deleted") for message in messages)
    assert any(message.private for message in messages)
    assert 40 < len(account.csat_responses) < 120


def test_imported_messages_have_high_ids_and_old_times() -> None:
    account = generate()
    disordered = [
        conversation.id
        for conversation in account.conversations.values()
        if [message.created_at for message in conversation.messages]
        != sorted(message.created_at for message in conversation.messages)
    ]
    assert disordered == [50, 90, 91, 92, 93, 94, 170, 290]


def test_first_replies_are_the_times_of_answers_by_people() -> None:
    for conversation in generate(150).conversations.values():
        replies = {
            message.created_at
            for message in conversation.messages
            if message.message_type == 1 and message.sender_type == "User" and not message.private
        }
        first = conversation.first_reply_created_at
        assert first in replies or (first is None and not replies)


def test_an_account_may_be_small_or_empty() -> None:
    assert generate(0).conversations == {}
    assert [conversation.id for conversation in generate(1).conversations.values()] == [1]
