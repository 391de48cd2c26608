"""The runs over a world, and the rows that each of them would have left in the base tables."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from etl.database.bookkeeping import SyncRun
from etl.database.dimensions import Account, Agent, Bot, Contact, Inbox, Team
from etl.database.models import Conversation, Message
from etl.database.states import ConversationState
from etl.database.witnesses import ReportingEvent
from etl.views import schema
from tests.reference import vendor
from tests.reference.world import AGENTS, BOTS, CONTACTS, FIRST_DAY, INBOXES, TEAMS, Row, Talk

HOURS = [
    {"day_of_week": day, "open_hour": 9, "open_minutes": 30, "close_hour": 17, "close_minutes": 0,
     "closed_all_day": day == 6, "open_all_day": day == 5} for day in range(7)
]  # fmt: skip
ZONES = ("Asia/Jerusalem", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Pacific/Auckland")


@dataclass(frozen=True)
class Night:
    """One run: when, of which kind, how it ended, and of how many of what it looks at it sees nothing."""

    started_at: datetime
    kind: str = "sync"
    outcome: str = "complete"
    selection: Row | None = None
    misses: float = 0.0

    @property
    def finished_at(self) -> datetime:
        return self.started_at + timedelta(seconds=60)


def every_night(days: int, first: int = 1, **of_each: Any) -> list[Night]:
    return [Night(FIRST_DAY + timedelta(days=day, hours=2), **of_each) for day in range(first, days + 2)]


def every_hour(days: int) -> list[Night]:
    return [Night(FIRST_DAY + timedelta(days=1, hours=hour)) for hour in range(days * 24 + 2)]


def mixed(seed: int, days: int) -> list[Night]:
    """Runs of all kinds: whole, of what is recent, of a selection; complete, not complete, failed and killed."""
    chance, runs = Random(seed), []
    for night in every_night(days):
        kinds = [
            Night(night.started_at),
            Night(night.started_at, selection={"recent": True}),
            Night(night.started_at, outcome="incomplete", misses=0.2),
            Night(night.started_at, outcome="failed", misses=0.5),
            Night(night.started_at, outcome="interrupted", misses=0.5),
            Night(night.started_at, kind="backfill", selection={"statuses": ["open"]}, misses=0.6),
        ]
        runs.append(chance.choices(kinds, [6, 3, 2, 1, 1, 1])[0])
        if chance.random() < 0.2:
            runs.append(Night(night.started_at + timedelta(hours=chance.choice((1, 9))), selection={"recent": True}))
    return [*runs, Night(FIRST_DAY + timedelta(days=days + 2, hours=2))]


@dataclass
class Found:
    """What a run saves: the rows that are new or have changed."""

    run: Row

    conversations: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)
    reporting_events: list[Row] = field(default_factory=list)


@dataclass
class Eyes:
    """What the runs of an account have seen so far."""

    talks: list[Talk]
    account_id: int = 1
    seed: int = 0
    has_events: bool = False
    known: dict[tuple[str, int], Row] = field(default_factory=dict)

    def look(self, night: Night) -> Found:
        """Return what a run finds that the runs before it did not."""
        chance = Random(f"{self.seed} {night.started_at}")
        run: Row = {"account_id": self.account_id, "kind": night.kind, "selection": night.selection, "host": "h"}
        run |= {"process_id": 1, "outcome": night.outcome, "started_at": night.started_at}
        has_ledger = night.selection is None and night.outcome in {"complete", "incomplete"}
        run |= {"finished_at": night.finished_at, "unaccounted": round(9 * night.misses) if has_ledger else None}
        found = Found(run)
        for talk in self.talks:
            if chance.random() >= night.misses:
                self._see(found, talk, night, chance)
        return found

    def _see(self, found: Found, talk: Talk, night: Night, chance: Random) -> None:
        page = night.started_at + timedelta(seconds=chance.randrange(20), microseconds=chance.randrange(10**6))
        history = page + timedelta(seconds=chance.randrange(20))
        saved = history + timedelta(seconds=chance.randrange(15))
        before = self.known.get(("conversations", talk.id))
        if talk.begun > page or (before and before.get("deleted_at")):
            return
        if talk.deleted and talk.deleted <= page:
            if before:
                self._find(found, "conversations", before | {"deleted_at": saved})
            return
        state = talk.state_at(page)
        row = {"id": talk.id, "inbox_id": talk.inbox_id, "contact_id": talk.contact_id, "created_at": talk.created_at}
        row |= state | {"first_synced_at": saved, "deleted_at": None}
        if self.has_events:
            row["events_read_at"] = saved
        self._find(found, "conversations", row | _first(before))
        for event in vendor.events_of(talk) if self.has_events else ():
            if event["created_at"] <= history:
                first = {"first_synced_at": saved} | _first(self.known.get(("reporting_events", event["id"])))
                self._find(found, "reporting_events", event | first)
        if self.known.get(("states", talk.id)) != state:
            self.known["states", talk.id] = state
            found.states.append(
                {"account_id": self.account_id, "conversation_id": talk.id, "valid_from": saved} | state
            )
        for message in talk.messages:
            if message.at <= history:
                row = {"conversation_id": talk.id, "inbox_id": talk.inbox_id} | message.as_of(history)
                row.setdefault("content_type", "text")
                row["first_synced_at"] = saved
                self._find(found, "messages", row | _first(self.known.get(("messages", message.id))))

    def _find(self, found: Found, name: str, row: Row) -> None:
        """Keep a row that is new or has changed."""
        if self.known.get((name, row["id"])) != row:
            self.known[name, row["id"]] = row
            getattr(found, name).append({"account_id": self.account_id} | row)


def tables_of(talks: list[Talk], nights: list[Night], *, has_events: bool = False) -> dict[str, list[Row]]:
    """Return the rows that runs leave in the base tables, without a database; has_events: the vendor's own, too."""
    eyes, states, runs = Eyes(talks, has_events=has_events), [], []
    last: dict[int, Row] = {}
    for night in nights:
        found = eyes.look(night)
        runs.append(found.run)
        for state in found.states:
            if before := last.get(state["conversation_id"]):
                before["valid_to"] = state["valid_from"]
            last[state["conversation_id"]] = state | {"valid_to": None}
            states.append(last[state["conversation_id"]])
    kept = {
        name: [row | {"removed_at": None} for (kind, _), row in eyes.known.items() if kind == name]
        for name in ("conversations", "messages", "reporting_events")
    }
    return kept | {"conversation_states": states, "sync_runs": runs}


@dataclass
class Desk:
    """A world as it is loaded, run by run, into the tables of one account."""

    engine: Engine
    talks: list[Talk]
    account_id: int = 1
    zone: str = "Asia/Jerusalem"
    seed: int = 0
    has_events: bool = False
    eyes: Eyes = field(init=False)

    def __post_init__(self) -> None:
        self.eyes = Eyes(self.talks, self.account_id, self.seed, self.has_events)

    def open(self) -> None:
        """Write what conversations refer to."""
        of_all = {"account_id": self.account_id, "first_synced_at": FIRST_DAY}
        with self.engine.begin() as connection:
            account = {"account_id": self.account_id, "name": "World", "base_url": "https://x", "time_zone": self.zone}
            connection.execute(insert(Account).values(account))
            for model, numbers in ((Contact, CONTACTS), (Agent, AGENTS), (Team, TEAMS)):
                named = [of_all | {"id": number, "name": f"{model.__name__} {number}"} for number in numbers]
                connection.execute(insert(model).values(named))
            bots = [of_all | {"type": "agent_bot", "id": number, "name": f"Bot {number}"} for number in BOTS]
            connection.execute(insert(Bot).values(bots))
            hours = [{"timezone": self.zone, "working_hours_enabled": True, "working_hours": HOURS}]
            hours += [hours[0] | {"timezone": "Europe/Berlin"}, hours[0] | {"working_hours_enabled": False}]
            kinds = ("Channel::WebWidget", "Channel::Email", "Channel::Api")
            inboxes = [
                of_all
                | {"id": number, "name": f"Inbox {number}", "channel_type": kinds[number - 1]}
                | hours[number - 1]
                for number in INBOXES
            ]
            connection.execute(insert(Inbox).values(inboxes))

    def run(self, night: Night) -> None:
        """Have a run see the world, save what is new, and compute the figures unless it failed."""
        found = self.eyes.look(night)
        with self.engine.begin() as connection:
            connection.execute(insert(SyncRun).values(found.run))
            self._save(connection, found)
            if night.outcome in {"complete", "incomplete"}:
                schema.refresh(connection, self.account_id)

    def _save(self, connection: Connection, found: Found) -> None:
        saved = (
            (Conversation, found.conversations),
            (Message, found.messages),
            (ReportingEvent, found.reporting_events),
        )
        for model, rows in saved:
            if rows:
                statement = upsert(model)
                changed = {name: statement.excluded[name] for name in rows[0]}
                statement = statement.on_conflict_do_update(index_elements=["account_id", "id"], set_=changed)
                connection.execute(statement, rows)
        if found.states:
            table = ConversationState.__table__
            earlier = (table.c.account_id == self.account_id) & table.c.valid_to.is_(None)
            closed = update(table).where(earlier, table.c.conversation_id == bindparam("number"))
            moments = [{"number": row["conversation_id"], "moment": row["valid_from"]} for row in found.states]
            connection.execute(closed.values(valid_to=bindparam("moment")), moments)
            connection.execute(insert(ConversationState), found.states)


def _first(before: Row | None) -> Row:
    """Return since when a row is known that is written again."""
    return {"first_synced_at": before["first_synced_at"]} if before else {}
