"""Accepts what is not complete, just as it is: by what the tables know of it since the last run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from etl.database.engine import transaction
from etl.errors import SettingsError
from etl.load import acceptances, clock, contract, ledger_entries, rejected, run_lock
from etl.load.acceptances import Acceptance, FaultKind
from etl.load.ledger_entries import FORBIDDEN
from etl.run import accepted_books
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
        accepted_books.add(connection, account_id, ways, before)
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
    if int(what) not in ledger_entries.of_state(connection, account_id, FORBIDDEN):
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


def _name(kind: FaultKind, what: str) -> str:
    name = kind.name_one(what)
    return name[:1].upper() + name[1:]
