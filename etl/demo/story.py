"""One conversation told from its first message to its end, as a shop's support would have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from etl.demo.account import ACTIVITY, INCOMING, OUTGOING, Account, Contact, Conversation, Json, Message, post
from etl.demo.attach import attachment_for
from etl.demo.shop import EMAIL, TELEGRAM, WHATSAPP
from etl.demo.words import NOTES, Language, Topic

MINUTE, HOUR, DAY = 60, 3600, 86400
# The shop's clock, close enough: Israel's is two or three hours before UTC.
LOCAL_HOURS = 3
OPENS, CLOSES = 8, 18
SATURDAY = 5

_TEAM_OF = {"product": 1, "delivery": 2, "appointment": 2, "refund": 3, "invoice": 3}
_LABELS_OF = {
    "product": ("new-customer",),
    "delivery": ("delivery", "דחוף"),
    "appointment": ("התקנה",),
    "refund": ("refund", "החזרה"),
    "invoice": ("billing", "vip"),
}


def opens_next(moment: int) -> int:
    """Return the moment itself in working hours (Sunday to Thursday, Friday too), else the next opening, in seconds."""
    local = moment + LOCAL_HOURS * HOUR
    hour = local % DAY // HOUR
    weekday = (local // DAY + 3) % 7  # the epoch began on a Thursday, Monday being 0
    if hour >= CLOSES:
        local, weekday, hour = local - local % DAY + DAY + OPENS * HOUR, (weekday + 1) % 7, OPENS
    elif hour < OPENS:
        local = local - local % DAY + OPENS * HOUR
    if weekday == SATURDAY:
        local = local - local % DAY + DAY + OPENS * HOUR
    return local - LOCAL_HOURS * HOUR


@dataclass(frozen=True)
class Purchase:
    """What a customer ordered, and where it is to be brought."""

    number: str
    amount: int
    product: str
    city: str


class Story:
    """Tell one conversation; the clock only goes forward, and nothing is said after `until`."""

    def __init__(self, dice: Random, account: Account, conversation: Conversation, language: Language) -> None:
        self.dice, self.account, self.conversation, self.language = dice, account, conversation, language
        self.contact: Contact = account.contacts[conversation.contact_id]
        self.topic: Topic = dice.choice(language.topics)
        self.now = conversation.created_at
        self.until = 0
        self.agent_id = dice.randrange(2, 9)
        self.choose_order()

    def choose_order(self) -> None:
        """Choose what the customer has ordered."""
        self.order = Purchase(
            number=f"DS-{self.dice.randrange(10000, 99999)}",
            amount=self.dice.randrange(49, 1900),
            product=self.dice.choice(self.language.general["products"]),
            city=self.dice.choice(self.language.general["cities"]),
        )

    def exchanges(self) -> Iterator[tuple[str, str]]:
        """Yield what the customer writes and what the shop answers, topic after topic, without an end."""
        while True:
            others = [topic for topic in self.language.topics if topic is not self.topic]
            self.dice.shuffle(others)
            for topic in [self.topic, *others]:
                self.topic = topic
                yield self.dice.choice(topic.openings)
                follow_ups = list(topic.follow_ups)
                self.dice.shuffle(follow_ups)
                yield from follow_ups[: self.dice.randrange(1, len(follow_ups) + 1)]
            self.choose_order()

    @property
    def agent_name(self) -> str:
        """Return the name of the agent whose conversation it is."""
        return self.account.agents[self.agent_id].name

    @property
    def over(self) -> bool:
        """Return whether the clock has passed the account's last moment."""
        return self.now > self.until

    def wait(self, shortest: int, longest: int) -> None:
        """Let some seconds pass."""
        self.now += self.dice.randrange(shortest, longest)

    def chance(self, share: float) -> bool:
        """Decide by the dice."""
        return self.dice.random() < share

    def say(self, kind: str) -> str:
        """Choose a general line of this kind, such as "hello"."""
        return self.fill(self.dice.choice(self.language.general[kind]))

    def fill(self, line: str) -> str:
        """Fill the braces of a line."""
        return line.format(
            order=self.order.number,
            product=self.order.product,
            amount=self.order.amount,
            city=self.order.city,
            name=self.contact.name.split(" ")[0],
            day=self.dice.choice(self.language.general["days"]),
        )

    def write(self, message_type: int, content: str | None, **fields: object) -> Message | None:
        """Add a message now; None once the story is over."""
        if self.over:
            return None
        values: Json = {"updated_at": self.now + self.dice.randrange(1000) / 1000} | fields
        message = Message(0, message_type, content, self.now, **values)
        post(self.conversation, message)
        return message

    def customer(self, text: str) -> None:
        """Let the customer write, with the traces that the channel leaves on a message."""
        number = len(self.conversation.messages)
        fields: Json = {"sender_type": "Contact", "sender_id": self.contact.id}
        if self.conversation.inbox_id == EMAIL:
            fields |= self._email(text, f"{self.conversation.id}.{number}@mail.example")
        elif self.conversation.inbox_id == WHATSAPP:
            fields["source_id"] = f"wamid.{self.conversation.id:07d}{number:05d}"
        elif self.conversation.inbox_id == TELEGRAM:
            fields["source_id"] = str(self.conversation.id * 1000 + number)
        message = self.write(INCOMING, text, **fields)
        if message and self.chance(0.05):
            self._attach(message)
        self.contact.last_activity_at = max(self.contact.last_activity_at or 0, min(self.now, self.until))

    def agent(self, text: str) -> Message | None:
        """Let the agent answer; on WhatsApp the message is then delivered, read, or fails."""
        if self.conversation.assignee_id is None:
            self.assign()
        fields: Json = {"sender_type": "User", "sender_id": self.agent_id, "status": self._delivery()}
        if fields["status"] == "failed":
            fields["content_attributes"] = {"external_error": "131026: Message undeliverable"}
        message = self.write(OUTGOING, text, **fields)
        if message:
            self.conversation.agent_last_seen_at = self.conversation.assignee_last_seen_at = float(self.now)
            if self.topic.name == "invoice" and self.chance(0.3):
                message.attachments = [attachment_for(self.dice, "file")]
        return message

    def activity(self, text: str) -> None:
        """Note what somebody did to the conversation."""
        self.write(ACTIVITY, text)

    def note(self) -> None:
        """Leave a private note for the team."""
        fields: Json = {"sender_type": "User", "sender_id": self.agent_id, "private": True}
        self.write(OUTGOING, self.dice.choice(NOTES), **fields)

    def assign(self) -> None:
        """Assign the conversation to the agent, and mostly to a team, and give it a label."""
        name = self.agent_name
        self.conversation.assignee_id = self.agent_id
        self.activity(f"{name} self-assigned this conversation" if self.chance(0.4) else f"Assigned to {name}")
        if self.chance(0.7):
            self.conversation.team_id = _TEAM_OF[self.topic.name]
        if self.chance(0.55):
            label = self.dice.choice(_LABELS_OF[self.topic.name])
            self.conversation.labels = (label,) if self.chance(0.8) or label == "vip" else (label, "vip")
            self.wait(1, 9)
            self.activity(f"{name} added {', '.join(self.conversation.labels)}")

    def opening(self) -> int:
        """Return the moment at which an agent can answer at the earliest."""
        return opens_next(self.now)

    def exchange(self, asked: str, answered: str) -> None:
        """Let the customer ask and the agent answer, in working hours, sooner or later."""
        self.customer(self.fill(asked))
        if self.chance(0.1):
            self.wait(20 * MINUTE, 2 * HOUR)
            self.customer(self.say("nudge"))
        self.now = self.opening()
        self.wait(40, 8 * MINUTE if self.chance(0.8) else 90 * MINUTE)
        if self.chance(0.15):
            self.agent(self.say("wait"))
            self.wait(MINUTE, 12 * MINUTE)
        if self.chance(0.06):
            self.note()
            self.wait(20, 3 * MINUTE)
        self.agent(self.fill(answered))

    def _delivery(self) -> str | None:
        if self.conversation.inbox_id in (WHATSAPP, TELEGRAM):
            return self.dice.choices(("read", "delivered", "sent", "failed"), (70, 18, 10, 2))[0]
        return None if self.chance(0.01) else "sent"

    def _attach(self, message: Message) -> None:
        kinds: tuple[str, ...] = ("image", "file", "video")
        if self.conversation.inbox_id in (WHATSAPP, TELEGRAM):
            kinds = ("image", "image", "audio", "audio", "video", "location", "contact", "fallback")
        kind = "image" if self.topic.name == "refund" and self.chance(0.6) else self.dice.choice(kinds)
        message.attachments = [attachment_for(self.dice, kind)]
        if kind == "image" and self.chance(0.2):
            message.attachments.append(attachment_for(self.dice, "image"))
        if kind in ("audio", "location", "contact"):
            message.content = None

    def _email(self, text: str, message_id: str) -> Json:
        body = {"full": text, "quoted": text, "reply": text}
        email: Json = {
            "subject": self.conversation.additional_attributes.get("mail_subject", ""),
            "from": [self.contact.email],
            "to": ["service@shop.example.com"],
            "cc": None,
            "bcc": None,
            "date": None,
            "message_id": message_id,
            "in_reply_to": None,
            "multipart": False,
            "number_of_attachments": 0,
            "html_content": {},
            "text_content": body,
        }
        attributes = {"email": email, "cc_email": None, "bcc_email": None}
        return {"content_type": "incoming_email", "content_attributes": attributes, "source_id": f"<{message_id}>"}
