"""What each kind of run asks for: nights by counts, walks and recent runs, on accounts of several sizes.

    python -m benchmarks.nights --conversations 1000,10000,100000

Requests are counted at the demo's vendor, whose answers are the server's by its public rules; they hang on no clock and
no processor. Each conversation has one message, as no history is read again here. The names are read in each run, as
they are once a day; the patrol (ETL_PATROL_PERCENT) is off, as its cost is a setting. What is found is written to
nights.json, from which docs/scaling.md has its table.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine, text

from benchmarks.place import MIGRATED, Place, made
from etl.database.engine import make_engine
from etl.demo.account import Account, Agent, Contact, Inbox, Team
from etl.demo.events import add_conversation, add_message, change_conversation, delete_conversation
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings

RESULTS = Path(__file__).with_name("nights.json")
DATABASE = "nights"
BEGUN, APART = 1_600_000_000, 601
# 2.14 knows no `updated_within`; the newest does, and its edits move no clock.
SERVERS = ("2.14", "2026")
CHANGED = 5


@dataclass(frozen=True)
class Night:
    """A kind of run. change: what happens to the account before it. proof: what the run has to say of itself."""

    name: str
    selection: Selection
    change: Callable[[Account], None]
    proof: str | None


def _nothing(_: Account) -> None:
    """Change nothing."""


def _spread(account: Account) -> list[int]:
    """Return some of the conversations, far from each other."""
    ids = sorted(account.conversations)
    return [ids[(2 * at + 1) * len(ids) // (2 * CHANGED)] for at in range(CHANGED)]


def _delete(account: Account) -> None:
    for number in _spread(account):
        delete_conversation(account, number)


def _move(account: Account) -> None:
    """End snoozes: nothing but the status changes, and on newer servers `updated_at`."""
    for number in _spread(account):
        status = "snoozed" if account.conversations[number].status == "open" else "open"
        change_conversation(account, number, int(time.time()), None, status=status)


NIGHTS = (
    Night("nothing changed", Selection(), _nothing, "counts"),
    Night("5 deleted", Selection(), _delete, "counts"),
    Night("5 moved silently", Selection(), _move, "counts"),
    Night("walk", Selection(full=True), _nothing, "walk"),
    Night("recent", Selection(recent=True), _nothing, None),
)


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description="Counts the requests of each kind of run.")
    parser.add_argument("--conversations", default="1000,10000", help="sizes of the account, commas between them")
    sizes = [int(size) for size in parser.parse_args().conversations.split(",")]
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    with made() as place:
        for size in sizes:
            for server in SERVERS:
                found.setdefault(server, {})[str(size)] = measure(place, size, server)
                RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(place: Place, conversations: int, server: str) -> dict[str, int]:
    """Return the requests of each kind of run over an account of that size, read before."""
    place.create(DATABASE, MIGRATED)
    account = account_of(conversations)
    engine = make_engine(place.url(DATABASE))
    vendor = Vendor(account, behaviour=server)
    with serve(vendor) as url:
        _run(engine, url, Selection(), "walk")
        found = {}
        for night in NIGHTS:
            night.change(account)
            _forget_names(engine)
            vendor.requests.clear()
            _run(engine, url, night.selection, night.proof)
            found[night.name] = len(vendor.requests)
    engine.dispose()
    return found


def account_of(conversations: int) -> Account:
    """Return an account whose conversations began one after the other, in the four statuses by turns."""
    account = Account(
        1,
        "Nights",
        contacts={1: Contact(1, "Dana", BEGUN, email="dana@example.com")},
        agents={1: Agent(1, "Alice", "alice@example.com", role="administrator")},
        inboxes={1: Inbox(1, "Website", "Channel::WebWidget")},
        teams={1: Team(1, "sales")},
    )
    for at in range(conversations):
        conversation = add_conversation(account, 1, 1, BEGUN + at * APART)
        add_message(account, conversation.id, "hello", BEGUN + at * APART)
        conversation.status = ("resolved", "resolved", "resolved", "open", "resolved", "snoozed", "pending")[at % 7]
    return account


def _run(engine: Engine, url: str, selection: Selection, proof: str | None) -> None:
    """Run the job; stop where it did not prove what it should."""
    settings = Settings(
        account_id=1, api_token=SecretStr("demo-token"), base_url=url, patrol_percent=0, reread_days=0, concurrency=16
    )
    run = sync.run(settings, engine, selection, sync.Hooks())
    if (run.outcome, run.proof) != ("complete", proof):
        raise SystemExit(f"The run was {run.outcome} by {run.proof}: {[*run.problems, *run.notes]}")


def _forget_names(engine: Engine) -> None:
    """Let a day pass as far as the names are concerned."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE helpdesk.accounts SET names_read_at = NULL"))


if __name__ == "__main__":
    main()
