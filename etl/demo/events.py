"""What happens to an account while it is served, and which clocks each event moves (the vendor's section 5).

Three servers differ: up to 4.11 an edited or delivered message moves the conversation's `updated_at`, after March 2026
it does not, and 2.14 shows no `updated_at` at all. The event is the same: payloads.py shows what the server would.
"""

from typing import Any

from etl.demo.account import ACTIVITY, OUTGOING, Account, Conversation, Json, Message, post, turn

# A change by a person leaves an activity message, written by a background job a little later.
ACTIVITY_DELAY = 2
DELETED_TEXT = "This message was deleted"


def add_conversation(account: Account, contact_id: int, inbox_id: int, at: int) -> Conversation:
    """Open an empty conversation with the account's next number."""
    account.last_conversation_id += 1
    conversation = Conversation(account.last_conversation_id, contact_id, inbox_id, at, at, updated_at=float(at))
    account.conversations[conversation.id] = conversation
    return conversation


def add_message(account: Account, conversation_id: int, content: str | None, at: int, **fields: Any) -> Message:
    """Add a message, an incoming one unless `message_type` says other; `created_at` among the fields back-dates it."""
    conversation = account.conversations[conversation_id]
    account.last_message_id += 1
    values: Json = {"message_type": 0, "created_at": at, "updated_at": float(at)} | fields
    if values["message_type"] == 0 and "sender_type" not in fields:
        values |= {"sender_type": "Contact", "sender_id": conversation.contact_id}
    message = Message(account.last_message_id, content=content, **values)
    post(conversation, message)
    conversation.updated_at = float(at)
    return message


def edit_message(account: Account, conversation_id: int, message_id: int, at: int, **fields: Any) -> Message:
    """Change fields of a message: its content, its delivery `status`, its attributes."""
    conversation = account.conversations[conversation_id]
    message = next(message for message in conversation.messages if message.id == message_id)
    for name, value in fields.items():
        setattr(message, name, value)
    message.updated_at = conversation.messages_changed_at = float(at)
    return message


def delete_message(account: Account, conversation_id: int, message_id: int, at: int) -> Message:
    """Delete a message the vendor's way: the row stays, the words and attachments go."""
    fields: Json = {"content": DELETED_TEXT, "content_attributes": {"deleted": True}, "attachments": None}
    return edit_message(account, conversation_id, message_id, at, **fields)


def change_conversation(account: Account, conversation_id: int, at: int, by: int | None, **fields: Any) -> Conversation:
    """Change status, labels, assignee_id, team_id, priority, snoozed_until and the like.

    By an agent, an activity message follows and moves the last activity; by None, an automaton, only
    `updated_at` moves.
    """
    conversation = account.conversations[conversation_id]
    for name, value in fields.items():
        if name != "status":
            setattr(conversation, name, value)
    if "status" in fields:
        turn(conversation, fields["status"], at)
    conversation.updated_at = float(at)
    if by is not None:
        text = f"{account.agents[by].name} changed {', '.join(fields)}"
        add_message(account, conversation_id, text, at + ACTIVITY_DELAY, message_type=ACTIVITY)
    return conversation


def set_custom_attributes(account: Account, conversation_id: int, attributes: Json, at: int) -> None:
    """Replace the conversation's custom attributes; the last activity stays."""
    conversation = account.conversations[conversation_id]
    conversation.custom_attributes = attributes
    conversation.updated_at = float(at)


def see(account: Account, conversation_id: int, at: int) -> None:
    """Let an agent read the conversation: nothing is unread, and no clock moves."""
    account.conversations[conversation_id].agent_last_seen_at = float(at)


def reply(account: Account, conversation_id: int, content: str, at: int, by: int) -> Message:
    """Answer the customer as an agent."""
    fields: Json = {"message_type": OUTGOING, "sender_type": "User", "sender_id": by}
    return add_message(account, conversation_id, content, at, **fields)


def delete_conversation(account: Account, conversation_id: int) -> None:
    """Delete a conversation with its survey response; its number is not given again."""
    del account.conversations[conversation_id]
    account.csat_responses = [
        response for response in account.csat_responses if response.conversation_id != conversation_id
    ]


def remove_agent(account: Account, agent_id: int) -> None:
    """Let an agent leave: conversations keep the id but show no assignee; no clock moves."""
    account.agents[agent_id].left = True


def delete_team(account: Account, team_id: int) -> None:
    """Delete a team; its conversations have none from now on, and no clock tells."""
    del account.teams[team_id]
    for conversation in account.conversations.values():
        if conversation.team_id == team_id:
            conversation.team_id = None


def merge_contacts(account: Account, keep: int, gone: int, at: int) -> None:
    """Merge one contact into another: its id vanishes, its conversations and messages change hands."""
    del account.contacts[gone]
    for conversation in account.conversations.values():
        if conversation.contact_id != gone:
            continue
        conversation.contact_id = keep
        conversation.updated_at = float(at)
        for message in conversation.messages:
            if message.sender_type == "Contact" and message.sender_id == gone:
                message.sender_id = keep
