"""Holds an answer against its question: whether its records are of the conversation, account and list asked for.

A proxy, a cache or a connection that is out of step may hand over the answer to another question, valid in itself. What
names another conversation or account than the one that was asked for is none of ours, and is asked for again; what
names none says nothing.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from sys import maxsize
from typing import Any

from etl.errors import NotFound, TryAgain, VendorError
from etl.extract.client import Client, Query
from etl.extract.ids import id_of
from etl.id_set import IdSet

# What tells the records of a list from those of any other: they have one of these keys, and none of those after them.
TELLING: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "inboxes": (frozenset({"channel_type", "channel_id"}), frozenset()),
    "agents": (frozenset({"role", "email"}), frozenset({"channel_type", "channel_id", "identifier"})),
    "teams": (
        frozenset({"name", "allow_auto_assign"}),
        frozenset({"email", "role", "channel_type", "channel_id", "identifier", "bot_type", "outgoing_url"}),
    ),
    "labels": (frozenset({"title", "show_on_sidebar"}), frozenset()),
    "custom_attribute_definitions": (frozenset({"attribute_key", "attribute_display_name"}), frozenset()),
    "csat_survey_responses": (frozenset({"rating", "feedback_message"}), frozenset()),
    "contacts": (frozenset({"phone_number", "identifier"}), frozenset({"role", "channel_type", "bot_type", "rating"})),
    "agent_bots": (frozenset({"outgoing_url", "bot_type"}), frozenset({"email", "role", "channel_type"})),
    "sla_policies": (frozenset({"only_during_business_hours", "resolution_time_threshold"}), frozenset()),
    "campaigns": (frozenset({"campaign_type", "trigger_rules"}), frozenset()),
    "reporting_events": (frozenset({"event_start_time", "event_end_time"}), frozenset({"rating"})),
}
PROBES = 3


def get_conversation(client: Client, conversation_id: int, attempts: int = maxsize) -> Any:
    """Return the payload of one conversation; attempts: as `Client.get` takes them.

    Raise VendorError when it cannot be had, or when every answer is another conversation's or another account's.
    """

    def check(answer: Any) -> None:
        _require(answer, "id", conversation_id)
        require_conversations([answer], client.account_id)

    return client.get(f"conversations/{conversation_id}", check=check, attempts=attempts)


def can_be_asked(client: Client, shown: IdSet) -> bool:
    """Return whether the server shows single conversations: ask for some that the list has just shown."""
    probes = sorted(islice(reversed(shown), PROBES))
    for conversation_id in probes:
        try:
            get_conversation(client, conversation_id)
        except NotFound:
            continue
        except VendorError:
            return True
        return True
    return not probes


def get_messages(
    client: Client, conversation_id: int, query: Query, attempts: int = maxsize, slow: int = maxsize
) -> Any:
    """Return the answer about messages of one conversation; raise VendorError as `get_conversation` does.

    attempts, slow: as `Client.get` takes them.
    """

    def check(answer: Any) -> None:
        _require_messages(_list_in(answer, "payload"), conversation_id, client.account_id)

    return client.get(f"conversations/{conversation_id}/messages", query, check, attempts, slow)


def get_list(client: Client, path: str, query: Query = (), of: str = "", attempts: int = maxsize) -> Any:
    """Return the answer about a list of the account, bare or under `payload`.

    of: what its records are those of, where the path does not say so. attempts: as `Client.get` takes them.

    Raise VendorError as above, and where every answer is another list's: its records would be stored as those asked
    for, and what is not among them be taken for gone.
    """
    check = partial(_require_items, path=of or path, account_id=client.account_id)
    return client.get(path, query, check, attempts)


def get_events(client: Client, conversation_id: int, attempts: int = maxsize) -> Any:
    """Return the vendor's own events of one conversation; raise VendorError as `get_list` does.

    They name the conversation by a number of the server's own, which has to be the same in all of them.
    """

    def check(answer: Any) -> None:
        _require_items(answer, "reporting_events", client.account_id)
        events = list(_objects(_list_in(answer, "payload") if isinstance(answer, dict) else answer))
        if len({id_of(event, "conversation_id") for event in events} - {None}) > 1:
            raise TryAgain("the answer is another list's: its events are of more than one conversation.")

    return client.get(f"conversations/{conversation_id}/reporting_events", check=check, attempts=attempts)


def require_conversations(payloads: Any, account_id: int) -> None:
    """Raise TryAgain when conversations, or the messages that they carry, are of another account or conversation."""
    for payload in _objects(payloads):
        _require(payload, "account_id", account_id)
        last = payload.get("last_non_activity_message")
        listed = [*_objects(payload.get("messages")), last]
        _require_messages(listed, id_of(payload), account_id)


def _require_items(answer: Any, path: str, account_id: int) -> None:
    has, has_not = TELLING[path]
    for item in _objects(_list_in(answer, "payload") if isinstance(answer, dict) else answer):
        _require(item, "account_id", account_id)
        if item.keys().isdisjoint(has) or not item.keys().isdisjoint(has_not):
            raise TryAgain(f"the answer is another list's: not each of its records is one of {path}.")


def _require_messages(messages: Any, conversation_id: int | None, account_id: int) -> None:
    for message in _objects(messages):
        _require(message, "conversation_id", conversation_id)
        for record in (message, *_objects(message.get("attachments"))):
            _require(record, "account_id", account_id)


def _require(record: Any, name: str, expected: int | None) -> None:
    """Raise TryAgain when a record names another conversation or account than the one expected; None: any."""
    named = id_of(record, name)
    if named is not None and expected is not None and named != expected:
        what = "account" if name == "account_id" else "conversation"
        raise TryAgain(f"the answer belongs to {what} {named}, and was asked for {what} {expected}.")


def _list_in(answer: Any, name: str) -> Any:
    return answer.get(name) if isinstance(answer, dict) else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
