"""All that the document says of one account, read once: what the rows of each view are made of."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from tests.reference.compare import OWNER
from tests.reference.events import events_of
from tests.reference.evidence import Evidence, Row, Written, gather, time_of
from tests.reference.promises import Hours, hours_of
from tests.reference.timeline import Opening, Reading
from tests.reference.waiting import Wait, waits_of

CHANNELS = {"Channel::WebWidget": "Website", "Channel::Email": "E-mail", "Channel::Api": "API"}


@dataclass
class Read:
    """One conversation, as the second reading has it."""

    evidence: Evidence
    openings: list[Opening]
    waits: list[Wait]
    events: list[Row] = field(default_factory=list)

    @property
    def row(self) -> Row:
        return self.evidence.conversation


@dataclass
class Whole:
    """One account's tables, and what is read out of them; now: when it is asked."""

    tables: dict[str, list[Row]]
    now: datetime

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tables["accounts"][0]["time_zone"])

    @cached_property
    def conversations(self) -> list[Read]:
        events = defaultdict(list)
        for event in events_of(self.tables):
            events[event["conversation_id"]].append(event)
        read = []
        for evidence in sorted(gather(self.tables), key=lambda one: one.conversation["id"]):
            openings = Reading(evidence).read()
            read.append(Read(evidence, openings, waits_of(evidence, openings), events[evidence.conversation["id"]]))
        return read

    @cached_property
    def hours(self) -> dict[int, Hours | None]:
        begun = min(time_of(row) for name in ("conversations", "messages") for row in self.tables[name])
        return {row["id"]: hours_of(row, begun, self.now) for row in self.tables["inboxes"]}

    @cached_property
    def labels(self) -> dict[int, list[str]]:
        held = defaultdict(list)
        for row in self.tables["conversation_labels"]:
            held[row["conversation_id"]].append(row["label"])
        return defaultdict(list, {number: sorted(of_it) for number, of_it in held.items()})

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def hour(self, at: datetime) -> int:
        return at.astimezone(self.zone).hour

    def ends(self, day: date) -> datetime:
        """Return the midnight with which a day ends."""
        following = day + timedelta(days=1)
        return datetime(following.year, following.month, following.day, tzinfo=self.zone).astimezone(UTC)

    def business(self, inbox_id: int, since: datetime | None, until: datetime | None) -> int | None:
        hours = self.hours[inbox_id]
        return None if since is None or until is None or hours is None else hours.between(since, max(since, until))

    def named(self, row: Row) -> Row:
        """Return a row with the names of all that it has the numbers of."""
        for key, name, table in (("inbox_id", "inbox", "inboxes"), ("team_id", "team", "teams")):
            if key in row:
                row = row | {name: self._of(table, row[key]).get("name")}
        if "inbox_id" in row:
            row = row | {"channel": CHANNELS.get(self._of("inboxes", row["inbox_id"]).get("channel_type", ""))}
        if "agent_id" in row:
            row = row | {"agent": self._of("agents", row["agent_id"]).get("name")}
        if "bot_id" in row:
            bot = self._of("bots", row["bot_id"]).get("name")
            owner_kind = "agent" if row["agent_id"] is not None else "bot" if row["bot_id"] is not None else None
            row = row | {"owner": bot if owner_kind == "bot" else row["agent"], "owner_kind": owner_kind}
        return {name: value for name, value in row.items() if name not in {"bot_id", "bot_type"}}

    def _of(self, table: str, number: int | None) -> Row:
        return next((row for row in self.tables[table] if row["id"] == number), {})

    def of_conversation(self, read: Read) -> Row:
        """Return what every row has that is about a conversation."""
        base = self.tables["accounts"][0]["base_url"]
        number = read.row["id"]
        return {
            "account_id": 1,
            "conversation_id": number,
            "conversation_url": f"{base}/app/accounts/1/conversations/{number}",
        }


def owner_of(state: Row) -> Row:
    return {name: state.get(key) for name, key in OWNER.items()}


def direction(written: Written) -> str | None:
    """Return in (from the contact), out (to the contact), internal; None: it may be a note."""
    kind, private = written.row["message_type"], written.row["private"]
    if kind == "activity" or private:
        return "internal"
    return "in" if kind == "incoming" else None if private is None else "out"


def author_kind(written: Written) -> str | None:
    """Return contact, agent, bot or system; None: the vendor does not tell."""
    row = written.row
    if row["message_type"] == "activity" or (row["content_attributes"] or {}).get("automation_rule_id") is not None:
        return "system"
    kinds = {"contact": "contact", "user": "agent", "agent_bot": "bot"}
    by_itself = {"incoming": "contact", "template": "system"}
    return kinds[row["sender_type"]] if row["sender_type"] else by_itself.get(row["message_type"])


def is_failed(written: Written) -> bool:
    return direction(written) == "out" and written.row["status"] == "failed"


def is_out(written: Written) -> bool:
    """Whether it reached the contact, of anybody."""
    return direction(written) == "out" and not is_failed(written)
