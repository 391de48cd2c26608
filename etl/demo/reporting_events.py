"""The vendor's own events of conversations, which its reports are made of: what it writes down, and how it is asked.

Written from the server's code (chatwoot: app/listeners/reporting_event_listener.rb, app/helpers/
reporting_event_helper.rb; enterprise: reporting_events_controller.rb, conversations_controller.rb):

- `conversation_resolved` from the creation of the conversation to its resolution, on its assignee; beside it
  `conversation_bot_resolved` where a bot is active in the inbox and no user ever wrote in it;
- `conversation_opened` whenever it becomes open, from its last resolution on, if there was one;
- `first_response` once, by the first reply of a person, on who wrote it: from the last opening or else the creation;
- `reply_time` for each reply to a contact who waits, on the assignee.

Of a conversation they come the oldest first, all at once; of the account the newest first, 25 a page, for
administrators. `conversation_id` is the number of the server's own table in both.
"""

from collections.abc import Iterator
from operator import itemgetter

from etl.demo.account import INCOMING, OUTGOING, Account, Conversation, Json, Message, in_time_order
from etl.demo.asked import FORBIDDEN, Asked, Handler
from etl.demo.dimensions import iso
from etl.demo.finders import NotFoundError, number, page_number
from etl.demo.server import Answer, json_answer

OFFERED_BY = "2026"
EVENTS_A_PAGE = 25
# Numbers of the server's own tables: those of all accounts, so that none is the account's own.
FIRST_INNER_NUMBER, MOST_TURNS = 90_000, 10_000
# An event is written down by a background job.
WRITTEN_AFTER = 1
NOT_OFFERED = Answer(404, b"<!DOCTYPE html><title>There is no such page (404)</title>", "text/html")

# number, name, begin, end, on whom it is booked
Event = tuple[int, str, int, int, int | None]


def inner_number(conversation_id: int) -> int:
    """Return the number that a conversation has in the server's own table."""
    return FIRST_INNER_NUMBER + 7 * conversation_id


def events_of(account: Account, conversation: Conversation) -> list[Json]:
    """Return the events of a conversation as they are sent, the oldest first."""
    told = sorted([*_turns(conversation), *_replies(conversation)], key=itemgetter(3))
    return [_payload(account, conversation, event) for event in told]


def _turns(conversation: Conversation) -> Iterator[Event]:
    """Yield what its changes of status had the server write."""
    resolved_at: int | None = None
    first = inner_number(conversation.id) * MOST_TURNS
    for number_of_it, (status, at, assignee) in enumerate(conversation.turns, first):
        if status == "resolved":
            yield 2 * number_of_it, "conversation_resolved", conversation.created_at, at, assignee
            resolved_at = at
        else:
            begun = conversation.created_at if resolved_at is None else resolved_at
            yield 2 * number_of_it, "conversation_opened", begun, at, assignee


def _replies(conversation: Conversation) -> Iterator[Event]:
    """Yield what the replies of people had it write: notes, bots, campaigns and automations are none."""
    waiting_since: int | None = None
    is_first = True
    for message in in_time_order(conversation.messages):
        if message.message_type == INCOMING:
            waiting_since = message.created_at if waiting_since is None else waiting_since
        elif _is_human(message):
            if is_first:
                opened = [at for status, at, _ in conversation.turns if status == "open" and at <= message.created_at]
                begun = max(opened, default=conversation.created_at)
                yield 2 * message.id + 1, "first_response", begun, message.created_at, message.sender_id
            elif waiting_since is not None:
                yield 2 * message.id + 1, "reply_time", waiting_since, message.created_at, conversation.assignee_id
            is_first, waiting_since = False, None


def _is_human(message: Message) -> bool:
    return message.message_type == OUTGOING and message.sender_type == "User" and not message.private


def _payload(account: Account, conversation: Conversation, event: Event) -> Json:
    number_of_it, name, begun, ended, user_id = event
    return {
        "id": number_of_it,
        "name": name,
        "value": float(ended - begun),
        "value_in_business_hours": 0.0,
        "event_start_time": iso(begun),
        "event_end_time": iso(ended),
        "account_id": account.id,
        "conversation_id": inner_number(conversation.id),
        "inbox_id": conversation.inbox_id,
        "user_id": user_id,
        "created_at": iso(ended + WRITTEN_AFTER),
        "updated_at": iso(ended + WRITTEN_AFTER),
    }


def _of_conversation(asked: Asked, key: str) -> Answer:
    if asked.viewer.behaviour != OFFERED_BY:
        return NOT_OFFERED
    conversation = asked.account.conversations.get(number(key))
    if conversation is None:
        raise NotFoundError
    if conversation.inbox_id in asked.viewer.hidden_inboxes:
        return FORBIDDEN
    return json_answer(events_of(asked.account, conversation))


def _of_account(asked: Asked) -> Answer:
    if asked.viewer.behaviour != OFFERED_BY:
        return NOT_OFFERED
    if asked.viewer.is_agent:
        return FORBIDDEN
    since, until = asked.request.first("since"), asked.request.first("until")
    everything = [
        event for one in list(asked.account.conversations.values()) for event in events_of(asked.account, one)
    ]
    found = everything
    if since and until:  # one alone is no range
        first, last = str(iso(number(since))), str(iso(number(until)))
        found = [event for event in everything if first <= event["created_at"] < last]
    found.sort(key=itemgetter("created_at"), reverse=True)
    page = page_number(asked.request, EVENTS_A_PAGE)
    shown = found[(page - 1) * EVENTS_A_PAGE : page * EVENTS_A_PAGE]
    pages = -(-len(found) // EVENTS_A_PAGE)
    return json_answer({"payload": shown, "meta": {"count": len(found), "current_page": page, "total_pages": pages}})


OF_EVENTS: tuple[tuple[str, Handler], ...] = (
    ("v1/conversations/([^/]+)/reporting_events", _of_conversation),
    ("v1/reporting_events", _of_account),
)
