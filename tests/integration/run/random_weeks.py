"""Weeks in which anything happens to an account, and what nights that prove by counts may leave to the walk.

What a night cannot see is written down as it happens: `unseen` has the conversations of which only a walk tells what
became of them, `silent` those whose status, or whether they are there at all, no clock tells. Everything else has to be
right after each night.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from etl.demo import events
from etl.demo.account import Account, Contact, Conversation, Message
from etl.load.journal import COUNTS, WALK, Run
from etl.selection import STATUSES, Selection
from tests.integration.run.truth import utc
from tests.scripted_account import DAY, Job

BEHAVIOURS = ("2.14", "4.7", "2026")
NIGHTS = 6
# Histories of conversations that were active since then are read again each night.
REREAD_DAYS = 3
PRIORITIES = (None, "low", "high", "urgent")
LABELS: tuple[tuple[str, ...], ...] = ((), ("vip",), ("refund", "vip"))
# The more often, the higher.
OFTEN = {
    "begin": 6, "begin_at_once": 1, "write": 8, "answer": 8, "change_by_person": 8, "change_by_rule": 4,
    "set_attributes": 3, "edit": 4, "see": 4, "edit_contact": 2, "import_message": 1, "resolve_at_once": 0.3,
    "merge_contacts": 0.7, "remove_agent": 0.05, "delete_team": 0.03,
}  # fmt: skip
# Of these nights differ: a few of each, or none; what moves in both directions may be left in balance.
SILENT = ("delete", "wake", "move_back", "import_conversation")


class World:
    """An account to which things happen; known: whether the server tells what changed without an activity."""

    def __init__(self, account: Account, behaviour: str, dice: Random) -> None:
        self.account, self.behaviour, self.dice = account, behaviour, dice
        self.tells = behaviour != "2.14"
        self.at = int(time.time())
        self.unseen: set[int] = set()
        self.silent: set[int] = set()
        self.seen: set[int] = set()
        self.edited: set[int] = set()

    def live(self, things: int) -> None:
        """Let a day pass."""
        # After what a change by a person sets off a moment later: a clock never goes back.
        self.at = max(self.at + events.ACTIVITY_DELAY + 1, int(time.time()))
        for what in self.dice.choices(list(OFTEN), list(OFTEN.values()), k=things):
            self.at += self.dice.random() < 0.5  # several in one second
            getattr(self, what)()
        for what in SILENT:
            for _ in range(self.dice.choice((0, 0, 0, 1, 1, 2, 5))):
                getattr(self, what)()

    # What moves the last activity.

    def begin(self, status: str = "open") -> None:
        contact = self.dice.choice(list(self.account.contacts))
        if self.dice.random() < 0.5:
            contact = max(self.account.contacts) + 1
            self.account.contacts[contact] = Contact(contact, f"Visitor {contact}", self.at, phone_number="+1")
        one = events.add_conversation(self.account, contact, self._inbox(), self.at)
        one.status = status
        for _ in range(self.dice.randrange(1, 4)):
            events.add_message(self.account, one.id, "שלום 🙂", self.at)

    def begin_at_once(self) -> None:
        for _ in range(self.dice.randrange(2, 6)):
            self.begin(self.dice.choice(("open", "pending")))

    def write(self) -> None:
        one = self._one()
        events.add_message(self.account, one.id, f"news {self.at}", self.at)
        self._told(one)

    def answer(self) -> None:
        one = self._one()
        events.reply(self.account, one.id, f"answer {self.at}", self.at, by=self._agent())
        self._told(one)

    def change_by_person(self) -> None:
        one = self._one()
        events.change_conversation(self.account, one.id, self.at, self._agent(), **self._change(any_status=True))
        self._told(one)

    def resolve_at_once(self) -> None:
        for _ in range(30):
            one = self._one()
            events.change_conversation(self.account, one.id, self.at, self._agent(), status="resolved")
            self._told(one)

    # What does not: newer servers tell it all the same.

    def change_by_rule(self) -> None:
        one = self._one()
        events.change_conversation(self.account, one.id, self.at, None, **self._change(any_status=False))
        self._untold(one)

    def set_attributes(self) -> None:
        one = self._one()
        events.set_custom_attributes(self.account, one.id, {"order": self.at}, self.at)
        self._untold(one)

    def import_message(self) -> None:
        one = self._one()
        old = one.created_at - self.dice.randrange(1, 1_000)
        events.add_message(self.account, one.id, "imported", self.at, created_at=old, message_type=1)
        self._untold(one)

    def merge_contacts(self) -> None:
        keep, gone = self.dice.sample(list(self.account.contacts), 2)
        for one in self.account.conversations.values():
            if one.contact_id == gone:
                self._untold(one)
        events.merge_contacts(self.account, keep, gone, self.at)

    def wake(self) -> None:
        """End a snooze by itself."""
        snoozed = [one for one in self.account.conversations.values() if one.status == "snoozed"]
        if snoozed:
            self._move(self.dice.choice(snoozed), "open")

    def move_back(self) -> None:
        """Have a rule move a conversation, in any direction."""
        self._move(self._one(), self.dice.choice(STATUSES))

    def import_conversation(self) -> None:
        old = self.at - self.dice.randrange(30, 600) * DAY
        one = events.add_conversation(self.account, self.dice.choice(list(self.account.contacts)), self._inbox(), old)
        one.status = self.dice.choice(STATUSES)
        events.add_message(self.account, one.id, "moved here", old, message_type=1)
        one.updated_at = float(self.at)
        if not self.tells:
            self.silent.add(one.id)

    # What no server tells.

    def delete(self) -> None:
        one = self._one()
        events.delete_conversation(self.account, one.id)
        self.silent.add(one.id)

    def edit(self) -> None:
        """Edit or delete a message: up to 4.11 that moves a clock; else it is read where it was active of late."""
        one = self._one()
        if self.dice.random() < 0.5:
            one = max(self.account.conversations.values(), key=lambda row: (row.last_activity_at, row.id))
        if not one.messages:
            return
        message = self.dice.choice(one.messages)
        if self.dice.random() < 0.5:
            events.delete_message(self.account, one.id, message.id, self.at)
        else:
            events.edit_message(self.account, one.id, message.id, self.at, content=f"edited {self.at}")
        if self.behaviour != "4.7" and one.last_activity_at < time.time() - REREAD_DAYS * DAY:
            self.edited.add(one.id)

    def see(self) -> None:
        one = self._one()
        events.see(self.account, one.id, self.at)
        self.seen.add(one.id)

    def edit_contact(self) -> None:
        contact = self.dice.choice(list(self.account.contacts.values()))
        contact.name, contact.blocked = f"{contact.name} the Second", not contact.blocked

    def remove_agent(self) -> None:
        here = [one.id for one in self.account.agents.values() if not one.left and one.role != "administrator"]
        if len(here) > 1:
            gone = self.dice.choice(here)
            events.remove_agent(self.account, gone)
            self.unseen |= {one.id for one in self.account.conversations.values() if one.assignee_id == gone}

    def delete_team(self) -> None:
        if self.account.teams:
            gone = self.dice.choice(list(self.account.teams))
            self.unseen |= {one.id for one in self.account.conversations.values() if one.team_id == gone}
            events.delete_team(self.account, gone)

    def _one(self) -> Conversation:
        return self.dice.choice(list(self.account.conversations.values()))

    def _agent(self) -> int:
        return self.dice.choice([one.id for one in self.account.agents.values() if not one.left])

    def _inbox(self) -> int:
        return self.dice.choice(list(self.account.inboxes))

    def _change(self, *, any_status: bool) -> dict[str, Any]:
        changes: list[dict[str, Any]] = [
            {"assignee_id": self.dice.choice((None, self._agent()))},
            {"team_id": self.dice.choice((None, *self.account.teams))},
            {"priority": self.dice.choice(PRIORITIES)},
            {"labels": self.dice.choice(LABELS)},
        ]
        if any_status:
            status = self.dice.choice(STATUSES)
            changes += [{"status": status, "snoozed_until": self.at + DAY if status == "snoozed" else None}] * 4
        return self.dice.choice(changes)

    def _move(self, one: Conversation, status: str) -> None:
        if one.status != status:
            events.change_conversation(self.account, one.id, self.at, None, status=status, snoozed_until=None)
            self._untold(one)
            if not self.tells:
                self.silent.add(one.id)

    def _told(self, one: Conversation) -> None:
        self.unseen.discard(one.id)
        self.silent.discard(one.id)
        self.edited.discard(one.id)

    def _untold(self, one: Conversation) -> None:
        if self.tells:
            self.unseen.discard(one.id)  # also of what no server tells by itself
        else:
            self.unseen.add(one.id)


# What is true, and what is there.

FIELDS = ("contact_id", "assignee_id", "team_id", "priority", "labels", "custom_attributes", "last_activity_at")
QUERY = """
    SELECT c.id, c.status, c.contact_id, c.assignee_id, c.team_id, c.priority,
        ARRAY(SELECT label FROM conversation_labels AS l
              WHERE l.account_id = c.account_id AND l.conversation_id = c.id ORDER BY label COLLATE "C"),
        c.custom_attributes, c.last_activity_at
    FROM conversations AS c WHERE deleted_at IS NULL
"""
MESSAGES = """
    SELECT m.conversation_id, m.id, CASE WHEN m.deleted THEN NULL ELSE m.content END
    FROM messages AS m JOIN conversations AS c ON c.account_id = m.account_id AND c.id = m.conversation_id
    WHERE c.deleted_at IS NULL AND m.removed_at IS NULL
"""
WHOLE = """
    SELECT id, (to_jsonb(c) - '{payload_digest,mark,history_read_at,changed_at,events_read_at}'::text[])::text
    FROM conversations AS c
"""
Statuses = dict[int, str | None]


def statuses_of(account: Account) -> Statuses:
    return {one.id: one.status for one in account.conversations.values()}


def stored_statuses(etl: Job) -> Statuses:
    return dict(etl.rows("SELECT id, status FROM conversations WHERE deleted_at IS NULL"))  # type: ignore[arg-type]


def moves(ours: Statuses, theirs: Statuses) -> dict[int, tuple[str | None, str | None]]:
    """Return the status in the tables and in truth of those of which these differ; None: it is not there."""
    return {
        one: (ours.get(one), theirs.get(one)) for one in ours.keys() | theirs.keys() if ours.get(one) != theirs.get(one)
    }


def can_balance(silent: dict[int, tuple[str | None, str | None]]) -> bool:
    """Return whether in any status as much could come as go."""
    left, come = ({move[side] for move in silent.values()} for side in (0, 1))
    return bool(left & come - {None})


def wrong_fields(etl: Job, world: World) -> dict[int, set[str]]:
    """Return which fields of which conversations are wrong, of those that are on both sides; messages among them."""
    account, wrong = world.account, dict[int, set[str]]()
    for number, _, *values in etl.rows(QUERY):
        if one := account.conversations.get(number):
            expected = _fields(account, one, tells=world.tells)
            faults = {name for name, value in zip(FIELDS, values, strict=True) if expected[name] != value}
            wrong |= {number: faults} if faults else {}
    found: dict[int, dict[int, str | None]] = {}
    for conversation, number, content in etl.rows(MESSAGES):
        found.setdefault(conversation, {})[number] = content
    for one in account.conversations.values():
        if found.get(one.id, {}) != {message.id: _content(message) for message in one.messages}:
            wrong.setdefault(one.id, set()).add("messages")
    return wrong


def _fields(account: Account, one: Conversation, *, tells: bool) -> dict[str, Any]:
    assignee = account.agents.get(one.assignee_id or 0)
    return {
        "contact_id": one.contact_id,
        "assignee_id": assignee.id if assignee and not assignee.left else None,
        "team_id": one.team_id,
        "priority": one.priority if tells else None,
        "labels": sorted(one.labels),
        "custom_attributes": one.custom_attributes,
        "last_activity_at": utc(one.last_activity_at),
    }


def _content(message: Message) -> str | None:
    return None if (message.content_attributes or {}).get("deleted") else message.content


# The weeks.


@dataclass
class Told:
    """What a week's nights were like. left: silent moves that were left in balance."""

    nights: int = 0
    proofs: Counter[str] = field(default_factory=Counter)
    whys: list[str] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    walk_requests: list[int] = field(default_factory=list)
    left: int = 0


def spend_week(etl: Job, world: World, things: int, told: Told, **settings: Any) -> None:
    """Live through six nights and a walk, and hold each to what it has to see; the first load has been made."""
    for _ in range(NIGHTS):
        world.live(things)
        before = moves(stored_statuses(etl), statuses_of(world.account))
        silent = {one: move for one, move in before.items() if one in world.silent}
        run = etl.run(**settings)
        _note(told, run)
        assert (run.outcome, run.problems) == ("complete", [])
        if run.proof == COUNTS:
            told.left += _check_counted(etl, world, silent)
        else:
            _check_walked(etl, world)
    world.live(things)
    before_walk = dict(etl.rows(WHOLE))
    quiet = etl.run(**settings)
    _note(told, quiet)
    after_night = dict(etl.rows(WHOLE))
    assert before_walk.keys() <= after_night.keys()
    unseen = world.unseen | world.silent | world.seen | world.edited
    walk = etl.run(Selection(full=True), **settings)
    told.walk_requests.append(walk.tally.requests)
    assert (walk.outcome, walk.proof) == ("complete", WALK)
    after = dict(etl.rows(WHOLE))
    changed = {one for one in after if after[one] != after_night.get(one)}
    assert changed <= unseen, f"the walk found what nights should have seen: {sorted(changed - unseen)}"
    _check_walked(etl, world)


def _note(told: Told, run: Run) -> None:
    told.nights += 1
    told.proofs[str(run.proof)] += 1
    told.whys += [note for note in run.notes if note.startswith("Every page was walked")]
    if run.proof == COUNTS:
        told.requests.append(run.tally.requests)


def _check_counted(etl: Job, world: World, silent: dict[int, tuple[str | None, str | None]]) -> int:
    """Hold a proved night to all that it has to see; return how many silent moves it left."""
    left = moves(stored_statuses(etl), statuses_of(world.account))
    assert left.keys() <= silent.keys(), f"wrong, though a clock told: {left.keys() - silent.keys()}"
    assert not left or can_balance(silent), f"nothing made up for these: {left}"
    gone, come = (Counter(move[side] for move in left.values()) for side in (0, 1))
    assert all(gone[status] == come[status] for status in STATUSES), f"not in balance: {left}"
    assert world.tells is False or not left
    wrong = wrong_fields(etl, world)
    blind = {one: faults for one, faults in wrong.items() if one in world.unseen | world.silent}
    blind |= {one: {"messages"} for one in wrong if one in world.edited and wrong[one] == {"messages"}}
    assert not wrong.keys() - blind.keys(), f"wrong: { {one: wrong[one] for one in wrong.keys() - blind.keys()} }"
    if world.tells:
        assert all(faults <= {"assignee_id", "team_id", "messages"} for faults in blind.values()), blind
    return len(left)


def _check_walked(etl: Job, world: World) -> None:
    """Hold a walk to everything but edits of old messages, which no clock tells and no list shows."""
    assert moves(stored_statuses(etl), statuses_of(world.account)) == {}
    wrong = wrong_fields(etl, world)
    assert all(one in world.edited and faults == {"messages"} for one, faults in wrong.items()), wrong
    world.unseen.clear()
    world.silent.clear()
    world.seen.clear()
