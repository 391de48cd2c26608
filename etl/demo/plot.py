"""The course of a conversation: how it begins, how long it goes on, how it ends."""

from collections.abc import Iterator
from itertools import islice

from etl.demo.account import OUTGOING, TEMPLATE, Json, turn
from etl.demo.events import DELETED_TEXT
from etl.demo.shop import EMAIL, WEBSITE, WHATSAPP
from etl.demo.story import DAY, HOUR, MINUTE, Story

# So long ago, a conversation is most likely closed.
SETTLED = 4 * DAY
# How many exchanges of question and answer, and how often.
_EXCHANGES = (0, 1, 2, 3, 4, 6, 9, 15)
_SHARES = (8, 25, 25, 16, 11, 8, 5, 2)
_MIDDLE_RATING = 3
_OUTCOMES = ("resolved", "snoozed", "open", "pending")
_OLD_OUTCOMES = (90, 3, 4, 3)
_NEW_OUTCOMES = (50, 12, 26, 12)


def tell(story: Story, exchanges: int | None = None) -> None:
    """Tell the whole conversation, of the given number of exchanges or one drawn by lot."""
    if exchanges is None:
        exchanges = story.dice.choices(_EXCHANGES, _SHARES)[0]
    course = story.exchanges()
    asked, answered = next(course)
    _begin(story, story.fill(asked))
    if exchanges:
        _answer(story, answered)
    for asked, answered in islice(course, max(exchanges - 1, 0)):
        if story.over:
            break
        story.wait(30, 15 * MINUTE if story.chance(0.85) else 20 * HOUR)
        story.exchange(asked, answered)
    _end(story, course, answered=exchanges > 0)
    _mishaps(story)
    _dress(story)


def _begin(story: Story, question: str) -> None:
    conversation = story.conversation
    _furnish(story, question)
    if conversation.inbox_id != EMAIL and story.chance(0.6):
        story.customer(story.say("hello"))
        story.wait(3, 40)
    story.customer(question)
    if conversation.inbox_id == WEBSITE:
        story.wait(1, 3)
        story.write(TEMPLATE, story.say("greeting"))
    if conversation.inbox_id in (WEBSITE, WHATSAPP) and story.chance(0.25):
        _ask_by_bot(story)


def _furnish(story: Story, question: str) -> None:
    conversation = story.conversation
    if story.chance(0.5):
        conversation.custom_attributes = {"order_id": story.order.number, "amount": story.order.amount + 0.9}
    if conversation.inbox_id == WEBSITE:
        browser = {"browser_name": story.dice.choice(("Chrome", "Safari", "Firefox")), "platform_name": "iOS"}
        conversation.additional_attributes = {
            "browser": browser,
            "referer": f"https://shop.example.com/p/{story.dice.randrange(1000)}",
            "browser_language": story.language.code,
        }
    elif conversation.inbox_id == EMAIL:
        conversation.additional_attributes = {"source": "email", "mail_subject": question, "in_reply_to": None}


def _ask_by_bot(story: Story) -> None:
    items = [{"title": title, "value": title.lower()} for title in ("Orders", "Billing", "Something else")]
    story.wait(1, 4)
    fields: Json = {"sender_type": "AgentBot", "sender_id": 1, "content_type": "input_select"}
    message = story.write(OUTGOING, "How can we help?", **fields, content_attributes={"items": items})
    if message and story.chance(0.7):
        story.wait(4, 50)
        # The customer's choice is an edit of the bot's message, not a message.
        message.content_attributes = {"items": items, "submitted_values": [story.dice.choice(items)]}
        message.updated_at = story.conversation.messages_changed_at = float(story.now)


def _answer(story: Story, answered: str) -> None:
    story.now = story.opening()
    story.wait(40, 12 * MINUTE if story.chance(0.8) else 3 * HOUR)
    story.agent(story.fill(answered))


def _end(story: Story, course: Iterator[tuple[str, str]], *, answered: bool) -> None:
    conversation = story.conversation
    shares = _OLD_OUTCOMES if story.until - story.now > SETTLED else _NEW_OUTCOMES
    outcome = story.dice.choices(_OUTCOMES, shares)[0]
    if story.over:
        return
    if outcome == "resolved":
        _resolve(story, thanked=answered)
        if story.chance(0.08):
            story.wait(HOUR, 9 * DAY)
            story.exchange(*next(course))
            if story.chance(0.8):
                _resolve(story, thanked=False)
    elif outcome == "snoozed":
        story.wait(20, 5 * MINUTE)
        story.activity(f"Conversation was snoozed by {story.agent_name}")
        conversation.status = "snoozed"
        conversation.snoozed_until = float(story.until + story.dice.randrange(DAY, 12 * DAY))
    elif outcome == "pending":
        story.wait(20, 5 * MINUTE)
        story.activity("Conversation was marked as pending by " + story.agent_name)
        conversation.status = "pending"


def _resolve(story: Story, *, thanked: bool) -> None:
    if thanked:
        story.wait(20, 10 * MINUTE)
        story.customer(story.say("thanks"))
        if story.chance(0.7):
            story.wait(10, 4 * MINUTE)
            story.agent(story.say("welcome"))
    assigned = story.conversation.assignee_id is not None
    if assigned:
        story.wait(5, 2 * HOUR)
    else:
        story.wait(2 * DAY, 5 * DAY)
    if story.over:
        return
    story.activity(f"Conversation was resolved by {story.agent_name if assigned else 'system due to inactivity'}")
    turn(story.conversation, "resolved", story.now)
    story.conversation.waiting_since = None
    story.conversation.agent_last_seen_at = float(story.now)
    if story.account.inboxes[story.conversation.inbox_id].csat_survey_enabled and thanked:
        _survey(story)


def _survey(story: Story) -> None:
    story.wait(1, 3)
    text = story.say("survey")
    message = story.write(TEMPLATE, text, content_type="input_csat", content_attributes={"display_type": "emoji"})
    if message is None or story.chance(0.55):
        return
    story.wait(MINUTE, 5 * HOUR)
    rating = story.dice.choices((5, 4, 3, 2, 1), (52, 24, 10, 6, 8))[0]
    words = story.language.general["good" if rating > _MIDDLE_RATING else "bad"]
    feedback = story.dice.choice(words) if story.chance(0.5) else None
    answer: Json = {"rating": rating, "feedback_message": feedback}
    message.content_attributes = {"display_type": "emoji", "submitted_values": {"csat_survey_response": answer}}
    message.updated_at = story.conversation.messages_changed_at = float(min(story.now, story.until))


def _mishaps(story: Story) -> None:
    # Now and then somebody deletes a message: the row stays, its words go.
    if not story.chance(0.05):
        return
    message = story.dice.choice(story.conversation.messages)
    if message.sender_id is not None:
        message.content, message.attachments = DELETED_TEXT, None
        message.content_attributes = {"deleted": True}


def _dress(story: Story) -> None:
    conversation = story.conversation
    if story.chance(0.12):
        conversation.priority = story.dice.choices(("urgent", "high", "medium", "low"), (2, 4, 4, 2))[0]
    if conversation.agent_last_seen_at and story.chance(0.8):
        conversation.contact_last_seen_at = conversation.agent_last_seen_at
    age = story.until - conversation.last_activity_at
    conversation.can_reply = conversation.inbox_id != WHATSAPP or age < DAY
    conversation.muted = story.chance(0.004)
    conversation.hmac_verified = conversation.inbox_id == WEBSITE and story.chance(0.3)
