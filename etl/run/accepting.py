"""Accepts what is not complete, just as it is: by what the tables know of it since the last run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select

from etl.database.bookkeeping import LedgerEntry, SyncRun
from etl.database.engine import transaction
from etl.database.witnesses import VendorCount
from etl.errors import SettingsError
from etl.exit_codes import Outcome
from etl.extract.reports import METRICS, TimeSpan
from etl.load import acceptances, clock, contract, ledger_entries, rejected, run_lock
from etl.load.acceptances import Acceptance, FaultKind
from etl.load.ledger_entries import FORBIDDEN
from etl.run import books_sayings as sayings
from etl.run.contract import how
from etl.run.expected import GONE
from etl.transform.entities import CONVERSATION
from etl.transform.observed import UNREAD

Things = Collection[tuple[FaultKind, str]]


@dataclass(frozen=True)
class Signed:
    """With what something is accepted. reason: None where personal data are not kept. until: UTC."""

    reason: str | None
    by: str
    until: datetime


def accept(engine: Engine, account_id: int, wanted: Things, signed: Signed) -> None:
    """Accept what is wanted as it is now, in the place of what was accepted of it before.

    Raise SettingsError, and accept nothing, where something is not so that it could be; AnotherRun while a run goes on.
    """
    with run_lock.hold(engine, account_id), transaction(engine) as connection:
        if signed.until <= clock.Clock.of(connection).at:
            raise SettingsError(f"--until {signed.until:%Y-%m-%d}: that is over. Name a day that is to come.")
        before = {(one.kind, one.what): one for one in acceptances.in_force(connection, account_id)}
        ways = {one: WAYS[one[0]](connection, account_id, one[1]) for one in dict.fromkeys(wanted)}
        _add_books(connection, account_id, ways, before)
        renewed = [before[one].number for one in ways if one in before]
        acceptances.end(connection, account_id, renewed, "it was accepted anew")
        ids = [int(what) for kind, what in ways if kind == FaultKind.CONVERSATION and (kind, what) in before]
        ledger_entries.forget_counted(connection, account_id, ids)
        rows = [
            {"kind": kind, "what": what, "as_it_was": way, "reason": signed.reason, "accepted_by": signed.by}
            for (kind, what), way in ways.items()
        ]
        acceptances.accept(connection, account_id, [row | {"expires_at": signed.until} for row in rows])


def withdraw(engine: Engine, account_id: int, wanted: Things, by: str) -> None:
    """Take acceptances back; raise SettingsError, and take none back, where something was not accepted."""
    with run_lock.hold(engine, account_id), transaction(engine) as connection:
        before = {(one.kind, one.what): one for one in acceptances.in_force(connection, account_id)}
        for kind, what in wanted:
            if (kind, what) not in before:
                raise SettingsError(f"{_name(kind, what)} is not accepted. `etl accept` lists what is.")
        acceptances.end(connection, account_id, [before[one].number for one in wanted], f"taken back by {by}")


def listed(engine: Engine, account_id: int) -> tuple[list[Acceptance], datetime]:
    """Return what was accepted and has not ended, and the time (UTC), by which some may have expired."""
    with transaction(engine) as connection:
        return acceptances.in_force(connection, account_id), clock.Clock.of(connection).at


def _unreadable(connection: Connection, account_id: int, what: str) -> dict[str, Any]:
    """Return how a conversation cannot be read now; raise SettingsError where it could be when last asked for."""
    found = ledger_entries.unread(connection, account_id).get(int(what))
    if found is None:
        raise SettingsError(
            f"Conversation {what} is none that could not be read when it was last asked for: there is nothing to"
            " accept. The table conversation_ledger has those that could not."
        )
    if found.reason.failure is None:
        raise SettingsError(f"How conversation {what} fails was not kept yet: run `etl sync` once, then accept it.")
    return {"failure": found.reason.failure}


def _refused(connection: Connection, account_id: int, what: str) -> dict[str, Any]:
    ours = (LedgerEntry.account_id == account_id) & (LedgerEntry.conversation_id == int(what))
    if connection.scalar(select(LedgerEntry.state).where(ours)) != FORBIDDEN:
        raise SettingsError(f"Conversation {what} was not refused to the token when it was last asked for.")
    return {}


def _waiting(connection: Connection, account_id: int, what: str) -> dict[str, Any]:
    digests = rejected.waiting(connection, account_id).get(what)
    if not digests:
        raise SettingsError(
            f"No rejected record {what} waits to be read well. Name one by its entity and id, such as message:7, as"
            " the table rejected_records has them; one without an id by the first"
            f" {rejected.DIGITS} digits of its digest."
        )
    if what.startswith(f"{CONVERSATION.name}:"):
        raise SettingsError(
            f"Rejected record {what} cannot be accepted: without it the ledger knows nothing of that conversation, and"
            " no run is complete. The table rejected_records says what is wrong with it: show that to the vendor."
        )
    return {"digests": sorted(digests)}


def _gone(connection: Connection, account_id: int, what: str) -> dict[str, Any]:
    found = [one for one in contract.read(connection, account_id) if one.name == what and GONE in one.kinds]
    if not found:
        raise SettingsError(f"Field {what} is not gone. `etl check --contract` lists those that are.")
    return {"how": how(UNREAD in found[0].kinds)}


WAYS: dict[FaultKind, Callable[[Connection, int, str], dict[str, Any]]] = {
    FaultKind.CONVERSATION: _unreadable,
    FaultKind.FORBIDDEN: _refused,
    FaultKind.REJECTED: _waiting,
    FaultKind.CONTRACT: _gone,
}


def _add_books(
    connection: Connection,
    account_id: int,
    ways: dict[tuple[FaultKind, str], dict[str, Any]],
    before: dict[tuple[FaultKind, str], Acceptance],
) -> None:
    """Add to conversations by how much the vendor counted more in the last run, as far as just these are why.

    What several that are accepted at once make up is on the first of them.
    """
    mine = [one for one in ways if one[0] == FaultKind.CONVERSATION]
    if not mine:
        return
    run = connection.execute(
        select(SyncRun.run_id, SyncRun.known)
        .where(SyncRun.account_id == account_id, SyncRun.selection.is_(None))
        .where(SyncRun.outcome.in_([Outcome.COMPLETE, Outcome.INCOMPLETE]))  # others have not come to the books
        .order_by(SyncRun.run_id.desc())
        .limit(1)
    ).first()
    if run is None:
        return
    known = (run.known or {}).get(FaultKind.CONVERSATION, [])
    others = [before[FaultKind.CONVERSATION, what] for what in known if (FaultKind.CONVERSATION, what) in before]
    all_unread = {str(one) for one in ledger_entries.unread(connection, account_id)}
    if all_unread <= {what for _, what in mine} | set(known):
        ways[mine[0]]["books"] = _counted_more(connection, account_id, run.run_id, others)
    if renewed := {name: n for one in mine if one in before and one[1] in known for name, n in _books(before[one])}:
        ways[mine[0]]["books"] = renewed | ways[mine[0]].get("books", {})


def _counted_more(connection: Connection, account_id: int, run_id: int, others: list[Acceptance]) -> dict[str, int]:
    """Return metric and span -> how many more the vendor counted, in a run, than is known of others."""
    rows = connection.execute(
        select(VendorCount).where(VendorCount.account_id == account_id, VendorCount.run_id == run_id)
    )
    found: dict[str, int] = {}
    for row in rows:
        if row.metric in METRICS and row.explained_by == sayings.UNSHOWN:
            span = TimeSpan(int(row.since.timestamp()), int(row.until.timestamp()))
            is_whole = row.grain == "all"
            name = sayings.span_name(row.metric, span._replace(since=0) if is_whole else span, is_whole=is_whole)
            found[name] = row.vendor - row.ours - sum(dict(_books(one)).get(name, 0) for one in others)
    return {name: more for name, more in found.items() if more > 0}


def _books(one: Acceptance) -> list[tuple[str, int]]:
    return list((one.as_it_was.get("books") or {}).items())


def _name(kind: FaultKind, what: str) -> str:
    name = kind.name_one(what)
    return name[:1].upper() + name[1:]
