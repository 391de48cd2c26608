"""An account that lives while it is read, and what the tables then have to say of it.

What is expected is made from the account's own objects and from what the vendor documents, never by the job's reading
of payloads, so that a fault there cannot hide itself here.

Not compared is what no reading of the vendor's can keep true: the fields of a message that only the list shows, and
only of the newest one (updated_at, additional_attributes, external_source_ids, conversation_*, `extra`), and contacts
beyond those that a conversation has now. Servers after March 2026 and 2.14 show no clock that an edit would move, so
the tests of these read with `reread_days=ALWAYS`: every history again in each run. On 4.7 every change moves a clock
or shows in the list, so there `reread_days=0` has to be exact too.
"""

import uuid
from datetime import UTC, datetime
from itertools import chain, pairwise
from typing import Any

from sqlalchemy import Engine, text

from etl.demo import events
from etl.demo.account import Account, Agent, Attachment, Bot, Contact, Conversation, Label, Message, Team
from etl.demo.messages import unread_count
from etl.load.journal import Run
from tests.scripted_account import DAY, Job, empty_account, now

Row = dict[str, Any]
Rows = dict[Any, Row]

ALWAYS = 3650
STATUSES = ("open", "resolved", "pending", "snoozed")
PRIORITIES = (None, "low", "medium", "high", "urgent")
LABELS = ((), ("vip",), ("bug",), ("bug", "vip"), ("באג",))
# What can happen in a World, by the names of its methods.
HAPPENINGS = (
    *("write", "reply", "note", "bot_answers", "send_file", "import_message", "campaign", "converse"),
    *("edit_message", "deliver", "answer_survey", "delete_message"),
    *("change_by_person", "change_by_automaton", "set_attributes", "see", "open", "migrate", "delete"),
    *("remove_agent", "hire", "delete_team", "merge_contacts"),
)
# More would make the job doubt its token, which is another test's matter.
MOST_DELETIONS = 20
# Of so many of the highest ids a gap may yet be filled: the vendor numbers a conversation before it can be seen.
NEWEST = 25
JUMP = 10_000  # numbers that are so far apart are not asked for
# Longer than what 2.14 shows at once, which is 20.
LONG = 23


class World:
    """An account with a clock, in which something happens each time that a test says so.

    Every event takes two numbers: `which` picks the conversation, `how` the rest, so that dice and hypothesis can both
    play. The clock moves on by seconds, and some things happen to several conversations in the same one, as the
    vendor's order has no tie-breaker then. at_rest: ids of conversations that are never picked. touched: ids of those
    that changed since it was last cleared.
    """

    def __init__(self, conversations: int = 0) -> None:
        self.at_rest: set[int] = set()
        self.account = empty_account()
        self.account.bots[1] = Bot(1, "Answering machine")
        self.touched: set[int] = set()
        self.deletions = 0
        self._files = 0
        self.at = now() - 400 * DAY
        for number in range(conversations):
            # Three at a time, in ties.
            self.at += 60 * (number % 3 == 0)
            self._open(number, self.at, messages=number % 5)
        self.at = now() - DAY

    def happen(self, what: str, which: int, how: int) -> None:
        """Let something happen; nothing does where there is nothing that it could happen to."""
        self.at += 5
        getattr(self, what)(which, how)

    # Messages.

    def write(self, which: int, how: int) -> None:
        for one in self._some(which):
            events.add_message(self.account, one.id, f"שלום {how} 🙂", self.at)

    def reply(self, which: int, how: int) -> None:
        for one in self._some(which):
            events.reply(self.account, one.id, f"answer {how}", self.at, by=self._agent(how))

    def note(self, which: int, how: int) -> None:
        for one in self._some(which):
            fields: Row = {"message_type": 1, "sender_type": "User", "sender_id": self._agent(how), "private": True}
            events.add_message(self.account, one.id, f"note {how}", self.at, **fields)

    def bot_answers(self, which: int, how: int) -> None:
        for one in self._some(which):
            # Its number is also that of an agent and of a contact.
            fields: Row = {"message_type": 3, "sender_type": "AgentBot", "sender_id": 1, "content_type": "input_csat"}
            events.add_message(self.account, one.id, f"How was it, {how}?", self.at, **fields)

    def send_file(self, which: int, how: int) -> None:
        for one in self._some(which):
            files = [self._file(how + number) for number in range(1 + how % 2)]
            events.add_message(self.account, one.id, None, self.at, attachments=files, source_id=f"wamid.{how}")

    def import_message(self, which: int, how: int) -> None:
        for one in self._some(which):
            events.add_message(self.account, one.id, f"old {how}", self.at, created_at=one.created_at - how % 90 * 60)

    def campaign(self, which: int, how: int) -> None:
        """Write to several conversations within one second."""
        for number in range(4):
            self.reply(which + number, how)

    def converse(self, which: int, how: int) -> None:
        """Talk for longer than a server before 2.16 shows at once."""
        for one in self._some(which):
            for number in range(LONG):
                events.add_message(self.account, one.id, f"{number} of {how}", self.at, created_at=self.at + number)
            self.at += LONG

    def edit_message(self, which: int, how: int) -> None:
        for one, message in self._message(which, how):
            events.edit_message(self.account, one.id, message.id, self.at, content=f"edited {how}")

    def deliver(self, which: int, how: int) -> None:
        for one, message in self._message(which, how):
            status = (None, "delivered", "read", "failed")[how % 4]
            events.edit_message(self.account, one.id, message.id, self.at, status=status)

    def answer_survey(self, which: int, how: int) -> None:
        for one, message in self._message(which, how):
            answer = {"csat_survey_response": {"rating": 1 + how % 5, "feedback_message": "תודה"}}
            fields = {"content_attributes": (message.content_attributes or {}) | {"submitted_values": answer}}
            events.edit_message(self.account, one.id, message.id, self.at, **fields)

    def delete_message(self, which: int, how: int) -> None:
        for one, message in self._message(which, how):
            events.delete_message(self.account, one.id, message.id, self.at)

    # Conversations.

    def change_by_person(self, which: int, how: int) -> None:
        self._change(which, how, by=self._agent(how))

    def change_by_automaton(self, which: int, how: int) -> None:
        self._change(which, how, by=None)

    def set_attributes(self, which: int, how: int) -> None:
        for one in self._some(which):
            events.set_custom_attributes(self.account, one.id, {"plan": how} if how % 3 else {}, self.at)

    def see(self, which: int, _: int) -> None:
        for one in self._some(which):
            events.see(self.account, one.id, self.at)

    def open(self, which: int, how: int) -> None:
        self._open(which, self.at, messages=how % 4)

    def migrate(self, which: int, how: int) -> None:
        """Import a conversation with its old times."""
        self._open(which, self.at - 600 * DAY + how % 50, messages=how % 4)

    def delete(self, which: int, _: int) -> None:
        if self.deletions < MOST_DELETIONS:
            for one in self._some(which):
                events.delete_conversation(self.account, one.id)
                self.deletions += 1

    # The account.

    def remove_agent(self, _: int, how: int) -> None:
        here = [one.id for one in self.account.agents.values() if not one.left and one.role != "administrator"]
        if here:
            gone = here[how % len(here)]
            self.touched |= {one.id for one in self.account.conversations.values() if one.assignee_id == gone}
            events.remove_agent(self.account, gone)

    def hire(self, *_: int) -> None:
        number = max(self.account.agents) + 1
        self.account.agents[number] = Agent(number, f"Agent {number}", f"{number}@example.com")
        team = max(self.account.teams, default=1) + 1
        self.account.teams[team] = Team(team, f"team {team}")

    def delete_team(self, _: int, how: int) -> None:
        if self.account.teams:
            gone = list(self.account.teams)[how % len(self.account.teams)]
            self.touched |= {one.id for one in self.account.conversations.values() if one.team_id == gone}
            events.delete_team(self.account, gone)

    def merge_contacts(self, which: int, how: int) -> None:
        contacts = list(self.account.contacts)
        keep, gone = contacts[which % len(contacts)], contacts[how % len(contacts)]
        if keep != gone:
            self.touched |= {one.id for one in self.account.conversations.values() if one.contact_id == gone}
            events.merge_contacts(self.account, keep, gone, self.at)

    def _some(self, which: int) -> list[Conversation]:
        living = [one for one in self.account.conversations.values() if one.id not in self.at_rest]
        if not living:
            return []
        one = living[which % len(living)]
        self.touched.add(one.id)
        return [one]

    def _message(self, which: int, how: int) -> list[tuple[Conversation, Message]]:
        return [(one, one.messages[how % len(one.messages)]) for one in self._some(which) if one.messages]

    def _agent(self, how: int) -> int:
        here = [one.id for one in self.account.agents.values() if not one.left]
        return here[how % len(here)]

    def _file(self, how: int) -> Attachment:
        self._files += 1
        url = f"https://files.example/{self._files}"
        match how % 3:
            case 0:
                return Attachment(self._files, "image", url, f"{url}?small", None, 1_000 + how, 640, 480)
            case 1:
                return Attachment(self._files, "location", url, coordinates_lat=32.1, coordinates_long=34.8)
        return Attachment(self._files, "file", url, extension="pdf", file_size=how)

    def _open(self, which: int, at: int, messages: int) -> None:
        contact = max(self.account.contacts) + 1
        if which % 3:
            contact = list(self.account.contacts)[which % len(self.account.contacts)]
        else:
            self.account.contacts[contact] = Contact(contact, f"Contact {contact}", at, phone_number=f"+1555{contact}")
        one = events.add_conversation(self.account, contact, inbox_id=1 + which % 2, at=at)
        one.status = STATUSES[which % 4]
        self.touched.add(one.id)
        for number in range(messages):
            fields: Row = {"message_type": number % 2, "attachments": None if number else [self._file(which)]}
            events.add_message(self.account, one.id, f"{number} of {one.id}", at, **fields)
            # What writes to a resolved conversation opens it again; this one is over.
            one.status = STATUSES[which % 4]

    def _change(self, which: int, how: int, by: int | None) -> None:
        for one in self._some(which):
            teams = [None, *self.account.teams]
            self.account.labels += [Label(9, "באג")] * (len(self.account.labels) < len(LABELS[3]) + 1)
            status = STATUSES[how % 4]
            changes: list[Row] = [
                {"status": status, "snoozed_until": self.at + 600.25 if status == "snoozed" else None},
                {"assignee_id": (None, self._agent(how // 8))[how // 4 % 2]},
                {"team_id": teams[how % len(teams)]},
                {"priority": PRIORITIES[how % 5]},
                {"labels": LABELS[how % 5]},
                {"muted": how % 2 == 0, "can_reply": how % 3 == 0, "additional_attributes": {"browser": how}},
            ]
            events.change_conversation(self.account, one.id, self.at, by, **changes[how // 2 % len(changes)])


# What is expected.


def conversations(account: Account, behaviour: str) -> Rows:
    """Return what table conversations says of the living, by id; `labels` of their own table among it."""
    return {one.id: _conversation(account, one, behaviour) for one in account.conversations.values()}


def _conversation(account: Account, one: Conversation, behaviour: str) -> Row:
    assignee = account.agents.get(one.assignee_id or 0)
    updated = one.updated_at if behaviour == "2026" else max(one.updated_at, one.messages_changed_at)
    row: Row = {
        "status": one.status,
        "inbox_id": one.inbox_id,
        "contact_id": one.contact_id,
        "assignee_id": assignee.id if assignee and not assignee.left else None,
        "team_id": one.team_id,
        "channel": account.inboxes[one.inbox_id].channel_type,
        "labels": sorted(one.labels),
        "created_at": utc(one.created_at),
        "last_activity_at": utc(one.last_activity_at),
        "first_reply_created_at": utc(one.first_reply_created_at),
        "snoozed_until": utc(one.snoozed_until),
        "agent_last_seen_at": utc(one.agent_last_seen_at),
        "assignee_last_seen_at": utc(one.assignee_last_seen_at),
        "contact_last_seen_at": utc(one.contact_last_seen_at),
        "unread_count": unread_count(one, behaviour),
        "can_reply": one.can_reply,
        "muted": one.muted,
        "hmac_verified": one.hmac_verified,
        "custom_attributes": one.custom_attributes,
        "additional_attributes": one.additional_attributes,
        "last_non_activity_message_id": max((m.id for m in one.messages if m.message_type != 2), default=None),
        "deleted_at": None,
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{account.id}/{one.id}")),
        "priority": one.priority,
        "updated_at": utc(updated),
        "waiting_since": utc(one.waiting_since),
    }
    if behaviour == "2.14":
        row |= dict.fromkeys(("uuid", "priority", "updated_at", "waiting_since"))
    return row


def messages(account: Account) -> Rows:
    """Return what table messages says of the living conversations, by id."""
    return {
        message.id: {
            "conversation_id": one.id,
            "message_type": ("incoming", "outgoing", "activity", "template")[message.message_type],
            "content": message.content,
            "created_at": utc(message.created_at),
            "removed_at": None,
            "partial": False,
            "inbox_id": one.inbox_id,
            "content_type": message.content_type,
            "private": message.private,
            "status": message.status,
            "source_id": message.source_id,
            "sender_type": {"Contact": "contact", "User": "user", "AgentBot": "agent_bot"}.get(
                message.sender_type or ""
            ),
            "sender_id": message.sender_id,
            "content_attributes": message.content_attributes or {},
            "deleted": (message.content_attributes or {}).get("deleted", False),
        }
        for one in account.conversations.values()
        for message in one.messages
    }


def attachments(account: Account, behaviour: str) -> Rows:
    """Return what table attachments says of the living conversations, by id."""
    return {
        file.id: _attachment(message, file, behaviour)
        for one in account.conversations.values()
        for message in one.messages
        for file in message.attachments or []
    }


def _attachment(message: Message, file: Attachment, behaviour: str) -> Row:
    nothing = dict.fromkeys(("thumb_url", "extension", "file_size", "width", "height", "coordinates_lat"))
    row: Row = nothing | {"message_id": message.id, "file_type": file.file_type, "data_url": file.data_url}
    if file.file_type in {"location", "contact"}:
        return row | {"coordinates_lat": file.coordinates_lat}
    row |= {"thumb_url": file.thumb_url, "extension": file.extension, "file_size": file.file_size}
    return row if behaviour == "2.14" else row | {"width": file.width, "height": file.height}


def utc(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None


# What is there.

COLUMNS = {
    "conversations": (
        *("status", "priority", "inbox_id", "contact_id", "assignee_id", "team_id", "channel", "labels", "uuid"),
        *("created_at", "updated_at", "last_activity_at", "first_reply_created_at", "waiting_since", "snoozed_until"),
        *("agent_last_seen_at", "assignee_last_seen_at", "contact_last_seen_at", "unread_count", "can_reply", "muted"),
        *("hmac_verified", "custom_attributes", "additional_attributes", "last_non_activity_message_id", "deleted_at"),
    ),
    "messages": (
        *("conversation_id", "inbox_id", "message_type", "content_type", "content", "private", "status", "source_id"),
        *("sender_type", "sender_id", "created_at", "content_attributes", "deleted", "removed_at", "partial"),
    ),
    "attachments": (
        *("message_id", "file_type", "data_url", "thumb_url", "extension", "file_size", "width", "height"),
        "coordinates_lat",
    ),
    "contacts": ("name", "email", "phone_number", "created_at"),
}
LABELS_OF = """ARRAY(
    SELECT label FROM conversation_labels WHERE account_id = t.account_id AND conversation_id = t.id
    ORDER BY label COLLATE "C"
)"""


def assert_equal(etl: Job, account: Account, only: set[int] | None = None) -> None:
    """Hold every table to the truth; only: nothing but these conversations, and what is too many is not looked for."""
    behaviour = etl.vendor.behaviour
    expected = conversations(account, behaviour)
    found = _rows(etl, "conversations")
    living = expected.keys() if only is None else only
    gone = {one: row for one, row in found.items() if one not in expected}
    _same("conversations", _of(expected, living), _of(found, living))
    if only is None:
        still = [one for one, row in gone.items() if row["deleted_at"] is None]
        assert not still, f"deleted upstream, without a tombstone: {still}"
        _assert_ids_accounted_for(etl, account)

    expected = {number: row for number, row in messages(account).items() if row["conversation_id"] in living}
    found = {n: row for n, row in _rows(etl, "messages").items() if row["conversation_id"] in living}
    partial = {number for number, row in found.items() if row["partial"]}
    if behaviour == "2.14":
        # Of what the witness alone knows there are four columns.
        for number in partial & expected.keys():
            kept = ("conversation_id", "message_type", "content", "created_at", "removed_at")
            for rows in (expected, found):
                rows[number] = {name: rows[number][name] for name in kept}
    _same("messages", expected, found)

    expected = {
        number: row
        for number, row in attachments(account, behaviour).items()
        if row["message_id"] in found and row["message_id"] not in partial
    }
    files = {number: row for number, row in _rows(etl, "attachments").items() if row["message_id"] in found}
    _same("attachments", expected, files)
    if only is None:
        _assert_contacts(etl, account)


def _rows(etl: Job, table: str) -> Rows:
    """Return the rows of a table by id, with the columns that are compared."""
    columns = COLUMNS[table]
    names = [LABELS_OF if name == "labels" else f"t.{name}" for name in columns]
    rows = etl.rows(f"SELECT t.id, {', '.join(names)} FROM {table} AS t")
    return {number: dict(zip(columns, values, strict=True)) for number, *values in rows}


def _of(rows: Rows, keys: Any) -> Rows:
    return {key: row for key, row in rows.items() if key in keys}


def _same(table: str, expected: Rows, found: Rows) -> None:
    """Compare whole; what differs is said in few words, as pytest's own would not be."""
    faults = [f"missing: {sorted(expected.keys() - found.keys())}"] * bool(expected.keys() - found.keys())
    faults += [f"too many: {sorted(found.keys() - expected.keys())}"] * bool(found.keys() - expected.keys())
    for key in sorted(expected.keys() & found.keys()):
        for name, value in expected[key].items():
            if found[key][name] != value:
                faults.append(f"{key}.{name}: {found[key][name]!r} instead of {value!r}")
    assert not faults, f"{table}: " + "\n".join(faults[:20])


def _assert_contacts(etl: Job, account: Account) -> None:
    expected: Rows = {
        number: {
            "name": one.name,
            "email": one.email,
            "phone_number": one.phone_number,
            "created_at": utc(one.created_at),
        }
        for number, one in account.contacts.items()
        if any(conversation.contact_id == number for conversation in account.conversations.values())
    }
    _same("contacts", expected, _of(_rows(etl, "contacts"), expected))


def _assert_ids_accounted_for(etl: Job, account: Account) -> None:
    """Each id has a row, or is a gap, but for those in jumps, and the newest, which are asked for again; not both."""
    noted = dict(etl.rows("SELECT conversation_id, state FROM conversation_ledger"))
    rows = {number for (number,) in etl.rows("SELECT id FROM conversations")}
    known = sorted({0} | rows | {one for one, state in noted.items() if state == "deleted"})
    gaps = chain(*(range(low + 1, high) for low, high in pairwise(known) if high - low <= JUMP))
    neither = [one for one in gaps if one < max(rows | noted.keys()) + 1 - NEWEST]
    assert (neither, rows & noted.keys()) == ([], set()), "neither a row nor a gap, or both"


def assert_sound(etl: Job, account: Account) -> None:
    """Hold the tables to what is true after any run, whatever went wrong in it.

    States follow each other, nothing that lives is taken for deleted, and no message for removed: the vendor's messages
    stay, deleted ones too, and no number is given out twice.
    """
    of = "PARTITION BY s.conversation_id ORDER BY s.valid_from"
    state = "(s.status, s.assignee_type, s.assignee_id, s.assignee_bot_type, s.assignee_bot_id, s.team_id, s.priority)"
    faults = etl.rows(
        f"""
        WITH chain AS (
            SELECT s.*, lead(s.valid_from) OVER ({of}) AS next_from, row_number() OVER ({of}) > 1
                AND lag(({state}, s.muted)) OVER ({of}) IS NOT DISTINCT FROM ({state}, s.muted) AS repeated
            FROM conversation_states AS s
        )
        SELECT conversation_id, 'gap, overlap or repetition' FROM chain
        WHERE valid_to IS DISTINCT FROM next_from OR valid_to <= valid_from OR repeated
        UNION ALL
        SELECT c.id, 'not exactly one open state that equals the row' FROM conversations AS c
        WHERE 1 <> (SELECT count(*) FROM conversation_states AS s WHERE s.conversation_id = c.id AND s.valid_to IS NULL)
           OR NOT EXISTS (SELECT FROM conversation_states AS s WHERE s.conversation_id = c.id AND s.valid_to IS NULL
                AND {state} IS NOT DISTINCT FROM {state.replace("(s.", "(c.").replace(" s.", " c.")})
        UNION ALL
        SELECT m.id, 'message removed, though the vendor removes none' FROM messages AS m WHERE m.removed_at IS NOT NULL
        """
    )
    assert not faults, faults
    dead = "SELECT id FROM conversations WHERE deleted_at IS NOT NULL"
    dead += " UNION SELECT conversation_id FROM conversation_ledger WHERE state = 'deleted'"
    buried = {number for (number,) in etl.rows(dead)} & account.conversations.keys()
    assert not buried, f"taken for deleted: {buried}"
    assert etl.rows("SELECT entity, entity_id, reason FROM rejected_records") == []


def assert_quiet(run: Run, account: Account) -> None:
    """Hold a run during which nothing changed to its own words: complete, and every id and message accounted for."""
    assert (run.outcome, run.problems) == ("complete", [])
    if run.ledger is not None:
        assert run.ledger["loaded"] == len(account.conversations)
        assert run.ledger["highest_id"] >= max(account.conversations, default=0)
        assert run.ledger["highest_id"] == run.ledger["loaded"] + run.ledger["deleted"]


def clear(engine: Engine) -> None:
    """Empty all tables: cheaper than another database."""
    with engine.begin() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'")).all()
        names = ", ".join(f"helpdesk.{name}" for name in tables if name != "alembic_version")
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
