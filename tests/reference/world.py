"""A help desk of which everything is known: what was asked, answered, resolved and came back, to the second.

A world is made of a seed. What a run can see of it is in nights.py; what truly happened is `Talk.truth`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

Row = dict[str, Any]
Happened = tuple[str, datetime]
# Clocks change in Jerusalem on its eighth day, in Berlin on the tenth.
FIRST_DAY = datetime(2026, 3, 20, tzinfo=UTC)
AGENTS, BOTS, TEAMS, INBOXES, CONTACTS = (1, 2, 3), (1, 2), (1, 2), (1, 2, 3), tuple(range(1, 9))
STATE = (
    "status",
    "assignee_type",
    "assignee_id",
    "assignee_bot_type",
    "assignee_bot_id",
    "team_id",
    "priority",
    "muted",
)
UNSET: Row = dict.fromkeys(STATE) | {"status": "open", "muted": False}


@dataclass
class Message:
    """A message, and what became of it later: each with the moment from which on the vendor tells it so."""

    id: int
    at: datetime
    row: Row
    later: list[tuple[datetime, Row]] = field(default_factory=list)
    dated: datetime | None = None

    def as_of(self, moment: datetime) -> Row:
        row = {"id": self.id, "created_at": self.dated or self.at} | self.row
        for since, change in self.later:
            row |= change if since <= moment else {}
        return row


@dataclass
class Talk:
    """A conversation: its messages, what was true of it from when on, and what happened."""

    id: int
    inbox_id: int
    contact_id: int
    begun: datetime
    now: datetime
    created_at: datetime | None
    messages: list[Message] = field(default_factory=list)
    changes: list[tuple[datetime, Row]] = field(default_factory=list)
    truth: list[Happened] = field(default_factory=list)
    deleted: datetime | None = None

    def state_at(self, moment: datetime) -> Row:
        state = dict(UNSET)
        for since, change in self.changes:
            if since <= moment:
                state |= change
        return state

    def change(self, **values: Any) -> None:
        self.changes.append((self.now, values))

    def is_(self, status: str) -> bool:
        return bool(self.state_at(self.now)["status"] == status)

    def happened(self, kind: str) -> None:
        self.truth.append((kind, self.now))

    def write(self, kind: str, **values: Any) -> Message:
        row = {"message_type": kind, "private": False, "status": "sent", "deleted": False, "sender_type": None}
        row |= {"sender_id": None, "content_attributes": None, "additional_attributes": None} | values
        message = Message(self.id * 1000 + len(self.messages) + 1, self.now, row)
        self.messages.append(message)
        return message

    def activity(self) -> None:
        self.write("activity")


def ask(talk: Talk, _: Random) -> None:
    """The contact writes: what is resolved or snoozed opens again, unless the contact is blocked."""
    state = talk.state_at(talk.now)
    talk.write("incoming", sender_type="contact", sender_id=talk.contact_id)
    if state["status"] == "resolved" and not state["muted"]:
        talk.change(status="open")
        talk.happened("reopened")
    elif state["status"] == "snoozed":
        talk.change(status="open")


def reply(talk: Talk, chance: Random) -> None:
    owner = talk.state_at(talk.now)["assignee_id"] or chance.choice(AGENTS)
    talk.write("outgoing", sender_type="user", sender_id=owner if chance.random() < 0.8 else chance.choice(AGENTS))


def resolve(talk: Talk, _: Random) -> None:
    """An agent resolves: the vendor writes an activity."""
    if not talk.is_("resolved"):
        talk.change(status="resolved")
        talk.activity()
        talk.happened("resolved")


def resolve_in_silence(talk: Talk, _: Random) -> None:
    """A bot resolves, without an activity."""
    if not talk.is_("resolved"):
        talk.change(status="resolved")
        talk.happened("resolved")


def reopen(talk: Talk, chance: Random) -> None:
    """An agent opens it again, with an activity or, as by the API, without."""
    if talk.is_("resolved"):
        talk.change(status="open")
        if chance.random() < 0.7:
            talk.activity()
        talk.happened("reopened")


def assign(talk: Talk, chance: Random) -> None:
    talk.change(**(UNSET | talk.state_at(talk.now)) | of_agent(chance.choice(AGENTS)))
    if chance.random() < 0.7:
        talk.activity()


def of_agent(number: int) -> Row:
    return {"assignee_type": "user", "assignee_id": number, "assignee_bot_type": None, "assignee_bot_id": None}


def give_to_bot(talk: Talk, chance: Random) -> None:
    bot = {"assignee_type": "agent_bot", "assignee_bot_type": "agent_bot", "assignee_bot_id": chance.choice(BOTS)}
    talk.change(assignee_id=None, **bot)


def leave_to_nobody(talk: Talk, _: Random) -> None:
    talk.change(assignee_type=None, assignee_id=None, assignee_bot_type=None, assignee_bot_id=None)
    talk.activity()


def give_to_team(talk: Talk, chance: Random) -> None:
    talk.change(team_id=chance.choice((*TEAMS, None)))
    talk.activity()


def prioritise(talk: Talk, chance: Random) -> None:
    talk.change(priority=chance.choice(("low", "urgent", None)))
    talk.activity()


def put_off(talk: Talk, chance: Random) -> None:
    """Snoozed, pending, a status that only a newer server knows, or open again."""
    if not talk.is_("resolved"):
        talk.change(status=chance.choice(("snoozed", "pending", "open", "parked")))
        if chance.random() < 0.5:
            talk.activity()


def mute(talk: Talk, _: Random) -> None:
    """Block the contact: the vendor resolves the conversation, and writes an activity."""
    if not talk.is_("resolved"):
        talk.happened("resolved")
    talk.change(muted=True, status="resolved")
    talk.activity()


def block(talk: Talk, _: Random) -> None:
    """Block the contact on the contact's page: nothing is resolved, and there is no activity."""
    talk.change(muted=True)


def unmute(talk: Talk, _: Random) -> None:
    if talk.state_at(talk.now)["muted"]:
        talk.change(muted=False)
        talk.activity()


def label(talk: Talk, _: Random) -> None:
    talk.activity()


def note(talk: Talk, chance: Random) -> None:
    talk.write("outgoing", private=True, sender_type="user", sender_id=chance.choice(AGENTS))


def bot_writes(talk: Talk, chance: Random) -> None:
    talk.write("outgoing", sender_type="agent_bot", sender_id=chance.choice(BOTS))


def template(talk: Talk, chance: Random) -> None:
    """A survey, which may be answered an hour later, or a template of the channel's, whose name may be told."""
    if chance.random() < 0.5:
        message = talk.write("template", content_type="input_csat")
        answer = {"rating": 1 + message.id % 5, "feedback_message": f"As of {message.id}"}
        told = {"content_attributes": {"submitted_values": {"csat_survey_response": answer}}}
        message.later += [(talk.now + timedelta(hours=1), told)] if message.id % 4 == 0 else []
    else:
        message = talk.write("template", content_type="text")
        told = {"additional_attributes": {"template_params": {"name": TEMPLATES[message.id % 3]}}}
        message.row |= told if message.id % 2 else {}


def campaign(talk: Talk, chance: Random) -> None:
    talk.write("outgoing", sender_type="user", sender_id=1, additional_attributes={"campaign_id": 7})


def automation(talk: Talk, _: Random) -> None:
    talk.write("outgoing", content_attributes={"automation_rule_id": 3})


def echo(talk: Talk, _: Random) -> None:
    talk.write("outgoing", content_attributes={"external_echo": True})


def react(talk: Talk, chance: Random) -> None:
    kind, sender = chance.choice((("outgoing", "user"), ("incoming", "contact")))
    talk.write(kind, content_attributes={"is_reaction": True}, sender_type=sender, sender_id=1)


def fail(talk: Talk, chance: Random) -> None:
    """A reply that fails at once, or hours later; the channel may say why."""
    message = talk.write("outgoing", sender_type="user", sender_id=chance.choice(AGENTS))
    failed: Row = {"status": "failed"}
    if error := ERRORS[message.id % len(ERRORS)]:
        failed["content_attributes"] = {"external_error": error}
    message.later.append((talk.now + timedelta(hours=chance.choice((0, 0, 30))), failed))


def lose_author(talk: Talk, chance: Random) -> None:
    """A reply of a user who is deleted: from the beginning as far as runs see it, or later."""
    message = talk.write("outgoing", sender_type="user", sender_id=chance.choice(AGENTS))
    gone = {"sender_type": None, "sender_id": None}
    message.later.append((talk.now + timedelta(hours=chance.choice((0, 0, 0, 50))), gone))


ERRORS = (None, "131047: Re-engagement message", "131026", "No such number", "")
TEMPLATES = ("welcome", "order_is_ready", "")


def take_back(talk: Talk, chance: Random) -> None:
    if talk.messages:
        chance.choice(talk.messages[-3:]).later.append((talk.now, {"deleted": True}))


def merge(talk: Talk, chance: Random) -> None:
    """The contact is merged into another: the conversation and all that was sent changes its owner."""
    talk.contact_id = chance.choice(CONTACTS)
    for message in talk.messages:
        if message.row["sender_type"] == "contact":
            message.later.append((talk.now, {"sender_id": talk.contact_id}))


def date_ahead(talk: Talk, chance: Random) -> None:
    """A device whose clock is ahead."""
    ask(talk, chance)
    talk.messages[-1].dated = talk.now + timedelta(hours=chance.choice((1, 30, 3000)))


def delete(talk: Talk, _: Random) -> None:
    talk.deleted = talk.now


Act = Callable[[Talk, Random], None]
ORDINARY: dict[Act, int] = {ask: 30, reply: 30, resolve: 20, assign: 8, label: 8, note: 5, bot_writes: 5, template: 4}
ODD: dict[Act, int] = {
    resolve_in_silence: 8, reopen: 4, give_to_bot: 4, leave_to_nobody: 2, give_to_team: 3, prioritise: 3, put_off: 6,
    mute: 2, block: 2, unmute: 3, campaign: 2, automation: 2, echo: 2, react: 3, fail: 3, lose_author: 2, take_back: 2,
    merge: 2, date_ahead: 1, delete: 1,
}  # fmt: skip
GAPS = (0, 0, 1, 30, 60, 600, 3_600, 7_200, 20_000, 50_000, 90_000, 200_000)


def wild(seed: int, talks: int = 40, days: int = 10, *, meets_runs: bool = True) -> list[Talk]:
    """Return conversations in which anything follows anything; meets_runs: also while a run is reading."""
    chance = Random(seed)
    return [_wild_talk(number, chance, days, meets_runs) for number in range(1, talks + 1)]


def _wild_talk(number: int, chance: Random, days: int, meets_runs: bool) -> Talk:
    begun = FIRST_DAY + timedelta(seconds=chance.randrange(-2 * 86_400, days * 86_400))
    # An import brings old messages, a conversation of the moment of its import, or one whose clock is ahead.
    created = begun + timedelta(days=chance.choice((0,) * 12 + (1, 3, 400)))
    talk = Talk(number, chance.choice(INBOXES), chance.choice(CONTACTS), begun, begun, created)
    talk.happened("opened")
    acts = ORDINARY | ODD
    for _ in range(chance.randrange(0, 25)):
        talk.now += timedelta(seconds=chance.choice(GAPS) + chance.choice((0, 0, chance.randrange(100))))
        if talk.now > FIRST_DAY + timedelta(days=days) or talk.deleted:
            break
        if meets_runs and chance.random() < 0.1:
            talk.now = talk.now.replace(hour=2, minute=0, second=chance.randrange(60)) + timedelta(days=1)
        chance.choices(list(acts), list(acts.values()))[0](talk, chance)
    return talk
