"""Makes a believable account out of a seed: the same arguments give the same account on any machine."""

from random import Random

from etl.demo.account import ACTIVITY, INCOMING, Account, Conversation, CsatResponse, Message, post
from etl.demo.dimensions import iso
from etl.demo.events import add_conversation
from etl.demo.plot import tell
from etl.demo.shop import furnish
from etl.demo.story import DAY, HOUR, LOCAL_HOURS, Story
from etl.demo.visitors import Visitors

UNTIL = 1793491200  # 2026-11-01 00:00 UTC
DAYS = 180

# How busy the days of a week are, from Monday, and the hours of a day by the shop's clock.
_DAY_WEIGHTS = (10, 9, 9, 9, 4, 1, 11)
_HOUR_WEIGHTS = (1, 1, 0, 0, 0, 1, 2, 5, 12, 15, 16, 15, 13, 12, 13, 14, 13, 11, 7, 6, 6, 5, 3, 2)
# From this size on, one conversation is huge.
_LARGE = 200
_LONG, _HUGE = 60, 520
# Which conversations are long, and to which ones somebody later imports what was written elsewhere before.
_LONG_EVERY, _LONG_AT = 97, 40
_OLDER_EVERY, _OLDER_AT = 120, 50
# Above the numbers of conversations, so that what the channels call a message stays unique.
_IMPORT_NUMBERS = 5_000_000

# When a message reached the server, in which conversation and as which of its messages: the order of ids.
Insertion = tuple[int, int, int, Message]


def generate(conversations: int = 300, seed: int = 99, until: int = UNTIL, ties: float = 0.0) -> Account:
    """Return an account with this many conversations over the 180 days before `until` (epoch seconds).

    Each conversation has its own time of last activity, but for the share `ties` of them, which share theirs in groups.
    """
    dice = Random(seed)  # noqa: S311 -- not a secret: the same seed has to give the same account
    account = furnish(iso(until - (DAYS + 30) * DAY) or "")
    visitors = Visitors(dice, account)
    insertions: list[Insertion] = []
    taken: set[int] = set()
    for number, start in enumerate(_starts(dice, conversations, until), 1):
        moved = 0 <= number - conversations * 3 // 10 < conversations // 60
        at = start - (DAYS + dice.randrange(300)) * DAY if moved else start
        contact = visitors.next(at)
        conversation = add_conversation(account, contact.id, visitors.inbox_of(contact), at)
        story = Story(dice, account, conversation, visitors.language_of(contact))
        story.until = until - HOUR
        if number != conversations // 2:  # one conversation is opened and never used
            tell(story, _length(number, conversations))
        if moved:
            _disorder(dice, conversation)
        elif number % _OLDER_EVERY == _OLDER_AT:
            _import_older(story)
        _make_distinct(conversation, taken)
        insertions += _insert(conversation, start)
    _tie(dice, account, ties, insertions)
    _number(account, insertions)
    return account


def _starts(dice: Random, conversations: int, until: int) -> list[int]:
    first_day = until - DAYS * DAY
    weekday = (first_day // DAY + 3) % 7  # the epoch began on a Thursday, Monday being 0
    # The shop grows: the last day is half as busy again as the first.
    days = [_DAY_WEIGHTS[(weekday + day) % 7] * (2 * DAYS + day) for day in range(DAYS)]
    chosen_days = dice.choices(range(DAYS), days, k=conversations)
    chosen_hours = dice.choices(range(24), _HOUR_WEIGHTS, k=conversations)
    starts: list[int] = []
    for start in sorted(
        first_day + day * DAY + (hour - LOCAL_HOURS) * HOUR + dice.randrange(HOUR)
        for day, hour in zip(chosen_days, chosen_hours, strict=True)
    ):
        starts.append(max(start, starts[-1] + 1) if starts else start)
    return starts


def _length(number: int, conversations: int) -> int | None:
    if conversations >= _LARGE and number == conversations // 3:
        return _HUGE
    return _LONG if number % _LONG_EVERY == _LONG_AT else None


def _disorder(dice: Random, conversation: Conversation) -> None:
    # A moved history is written newest first, or in the order in which parallel jobs finished.
    if dice.choice((True, False)):
        conversation.messages.reverse()
    else:
        dice.shuffle(conversation.messages)
    if conversation.messages:
        conversation.last_activity_at = conversation.messages[-1].created_at
    conversation.custom_attributes = conversation.custom_attributes | {"moved_from": "old helpdesk"}


def _import_older(story: Story) -> None:
    # Later somebody imports what was written elsewhere before: high ids, old times, and the last activity goes back.
    conversation = story.conversation
    created_at = conversation.created_at - 60 * DAY
    number = conversation.id + _IMPORT_NUMBERS
    before = Conversation(number, conversation.contact_id, conversation.inbox_id, created_at, created_at)
    past = Story(story.dice, story.account, before, story.language)
    past.until = conversation.created_at - 1
    tell(past, 12)
    conversation.messages += before.messages
    conversation.last_activity_at = conversation.messages[-1].created_at


def _make_distinct(conversation: Conversation, taken: set[int]) -> None:
    old = new = conversation.last_activity_at
    while new in taken:
        new += 1
    taken.add(new)
    if new == old:
        return
    conversation.last_activity_at = new
    if conversation.messages:
        conversation.messages[-1].created_at = new
    if conversation.first_reply_created_at == old:
        conversation.first_reply_created_at = new
    if conversation.waiting_since == old:
        conversation.waiting_since = new


def _insert(conversation: Conversation, start: int) -> list[Insertion]:
    insertions: list[Insertion] = []
    moment = start
    for place, message in enumerate(conversation.messages):
        moment = max(moment, message.created_at)
        insertions.append((moment, conversation.id, place, message))
    conversation.updated_at = moment + conversation.id % 1000 / 1000
    return insertions


def _tie(dice: Random, account: Account, share: float, insertions: list[Insertion]) -> None:
    # As after a job that touches many conversations in the same second.
    rows = [row for row in account.conversations.values() if dice.random() < share]
    rows.sort(key=lambda row: (row.last_activity_at, row.id))
    while rows:
        size = dice.randrange(2, 40)
        group, rows = rows[:size], rows[size:]
        moment = int(max(max(row.last_activity_at, row.updated_at) for row in group))
        for row in group:
            message = Message(0, ACTIVITY, "Demo Store added automation", moment, updated_at=float(moment))
            insertions.append((moment, row.id, len(row.messages), message))
            post(row, message)
            row.updated_at = float(moment)


def _number(account: Account, insertions: list[Insertion]) -> None:
    insertions.sort(key=lambda insertion: insertion[:3])
    attachments = 0
    questions: dict[int, int] = {}
    for number, (_, conversation_id, _, message) in enumerate(insertions, 1):
        message.id = number
        for attachment in message.attachments or ():
            attachments += 1
            attachment.id = attachments
        if message.message_type == INCOMING:
            questions[conversation_id] = number
        elif message.sender_type == "User" and number % 37 == 0 and conversation_id in questions:
            if message.content_attributes is None:
                question = questions[conversation_id]
                message.content_attributes = {"in_reply_to": question, "in_reply_to_external_id": None}
        elif message.content_type == "input_csat":
            _respond(account, account.conversations[conversation_id], message)
    account.last_message_id = len(insertions)


def _respond(account: Account, conversation: Conversation, message: Message) -> None:
    answer = (message.content_attributes or {}).get("submitted_values")
    if not answer:
        return
    survey = answer["csat_survey_response"]
    account.csat_responses.append(
        CsatResponse(
            len(account.csat_responses) + 1,
            survey["rating"],
            survey["feedback_message"],
            conversation.id,
            message.id,
            conversation.contact_id,
            conversation.assignee_id,
            int(message.updated_at),
        )
    )
