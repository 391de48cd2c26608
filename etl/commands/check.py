"""`etl check`: look at everything that a run needs, one finding a line, without reading or writing any conversation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.commands import accounts
from etl.commands.help import VENDOR, say_below
from etl.commands.options import Accounts
from etl.errors import DatabaseError, NoSession, Unreadable, VendorError
from etl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.extract.client import Client
    from etl.settings.accounts import Account
    from etl.settings.settings import Settings

LONG_ENOUGH_TO_SHOW_ITS_END = 16
COPY_IT = "Copy the access token from the inbox, Profile settings, into ETL_API_TOKEN."
SAME_ACCOUNT = "Are ETL_ACCOUNT_ID and the token of the same account?"
# What a server, or a firewall before it, answers where it does not tell its version.
NOT_FOR_EVERYBODY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True)
class Finding:
    """One line of the check. ok: None for what is worth knowing but no fault; advice: what to do."""

    ok: bool | None
    name: str
    said: str
    advice: str = ""


def check_vendor(settings: "Settings") -> Iterator[Finding]:
    """Check the way out, address, version, token, account, role, and what the token may see; stop at a fault."""
    from etl.commands.way_out import ways_out
    from etl.extract.client import Client

    token = settings.api_token.get_secret_value()
    ending = f", token ending in {token[-4:]}" if len(token) >= LONG_ENOUGH_TO_SHOW_ITS_END else ""
    yield Finding(True, "settings", f"{settings.base_url}, account {settings.account_id}{ending}")
    for way in ways_out(settings):
        yield Finding(*way)
        if way[0] is False:
            return
    client = Client(settings.model_copy(update={"retry_attempts": 1}))
    for step in (_server, _token, _account, _optional):
        for finding in step(client):
            yield finding
            if finding.ok is False:
                return


def check_database(engine: "Engine") -> Iterator[Finding]:
    """Check the database's connection and schema."""
    from etl.database.engine import transaction, where
    from etl.database.migrate import require_head, versions
    from etl.database.requirements import unmet
    from etl.views import missing

    try:
        with transaction(engine) as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar()
        yield Finding(True, "database", f"PostgreSQL {str(version).split()[0]}, {where(engine)}")
    except DatabaseError as error:
        if not isinstance(error, NoSession):  # that is the first of what is not met
            yield Finding(False, "database", str(error), "Mend DATABASE_URL, or see to the server.")
            return
    lacks = unmet(engine)
    for requirement, said in lacks:
        yield Finding(False if requirement.is_fault else None, requirement.name, said, requirement.advice)
    if any(requirement.refuses for requirement, _ in lacks):
        return
    try:
        require_head(engine)
    except DatabaseError as error:
        yield Finding(False, "schema", str(error))
        return
    yield Finding(True, "schema", f"at revision {versions(engine)[1]}")
    for name, said, ok in missing.find_missing(engine):
        yield Finding(ok, name, said, "Run `etl migrate`.")


def print_findings(findings: Iterable[Finding]) -> int:
    """Print findings, one a line; return how many of them are faults."""
    from rich.text import Text

    from etl.monitoring.console import ATTENTION, output, print_line

    console = output()
    signs = {True: ("ok", "green"), False: ("FAULT", "bold red"), None: ("note", ATTENTION)}
    faults = 0
    for finding in findings:
        sign, style = signs[finding.ok]
        said = f"  {finding.name:<8}  {finding.said} {finding.advice}".rstrip()
        print_line(Text.assemble((f"{sign:<5}", style), said), console)
        faults += finding.ok is False
    return faults


def _server(client: "Client") -> Iterator[Finding]:
    """Resolve the name, connect, verify the certificate, and ask for the version, which no run needs."""
    try:
        answer = client.get("/api")
    except VendorError as error:
        if isinstance(error, Unreadable) and _answers(client):
            yield Finding(None, "server", f"reached; it does not tell its version ({error})")
            return
        if error.status not in NOT_FOR_EVERYBODY:
            yield Finding(False, "server", str(error), "Is ETL_BASE_URL right? Does a proxy or firewall stand between?")
            return
        answer = None
    version = answer.get("version") if isinstance(answer, dict) else None
    yield Finding(
        True, "server", f"reached; Chatwoot {version}" if version else "reached; it does not tell its version"
    )


def _advise(error: VendorError, otherwise: str) -> str:
    """Return what to do about a refusal, by the vendor's own reason; where that is not known, something else."""
    from etl.extract import refusals

    advice = {
        refusals.WRONG_TOKEN: COPY_IT,
        refusals.NO_TOKEN: "Have the proxy in between let the header api-access-token through.",
        refusals.BOT: f"A bot may not read conversations. {COPY_IT}",
        refusals.SUSPENDED: "Ask the vendor why the account is suspended.",
        refusals.OTHER_ACCOUNT: SAME_ACCOUNT,
        refusals.NO_RIGHT: "The token's user may not read conversations: use an administrator's token.",
    }
    return advice.get(error.reason, otherwise)


def _answers(client: "Client") -> bool:
    """Return whether the server answers anything but that it failed."""
    try:
        client.get("conversations/meta", [("status", "open")])
    except VendorError as error:
        return not isinstance(error, Unreadable)
    return True


def _token(client: "Client") -> Iterator[Finding]:
    """Ask whose token it is. The answer contains the token itself: only named fields are used."""
    try:
        profile = client.get("/api/v1/profile")
    except Unreadable as error:
        yield Finding(None, "token", f"the server failed when it was asked whose it is ({error})")
        return
    except VendorError as error:
        is_there = error.status != HTTPStatus.NOT_FOUND
        unknown = Finding(None, "token", "the server has no /profile to ask whose it is")
        yield Finding(False, "token", str(error), _advise(error, COPY_IT)) if is_there else unknown
        return
    listed = profile.get("accounts") if isinstance(profile, dict) else None
    memberships = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    mine: list[dict[str, Any]] = [one for one in memberships if one.get("id") == client.account_id]
    if not isinstance(profile, dict):
        yield Finding(None, "token", "the server does not tell whose it is")
        return
    yield Finding(True, "token", f"belongs to user {profile.get('id')}")
    if memberships and not mine:
        known = ", ".join(str(membership.get("id")) for membership in memberships)
        yield Finding(
            False, "role", f"the user is not in account {client.account_id}", f"ETL_ACCOUNT_ID may be: {known}."
        )
    elif mine:
        role = str(mine[0].get("role"))
        sees_all = role == "administrator"
        advice = "" if sees_all else "Use an administrator's token: other roles see only their own inboxes, silently."
        yield Finding(sees_all or None, "role", role, advice)


def _account(client: "Client") -> Iterator[Finding]:
    """Ask for the first page of conversations, as a run would; one broken conversation fails its whole page."""
    try:
        meta = client.get("conversations", [("status", "open"), ("page", 1)])["data"]["meta"]
        yield Finding(True, "account", f"conversations can be read; {meta.get('all_count')} are open")
    except Unreadable as error:
        yield _without_the_first_page(client, error)
    except VendorError as error:
        yield Finding(False, "account", str(error), _advise(error, SAME_ACCOUNT))
    except (KeyError, TypeError, AttributeError):
        yield Finding(False, "account", "the answer is no list of conversations", "Is ETL_BASE_URL a Chatwoot server?")


def _without_the_first_page(client: "Client", failed: VendorError) -> Finding:
    """Tell a broken page, after which a run goes on, from a server that gives none."""
    try:
        count = client.get("conversations/meta", [("status", "open")])["meta"].get("all_count")
    except VendorError as error:
        return Finding(False, "account", str(failed), _advise(error, SAME_ACCOUNT))
    except (KeyError, TypeError, AttributeError):
        return Finding(False, "account", str(failed), "Is ETL_BASE_URL a Chatwoot server?")
    said = f"conversations can be counted; {count} are open. Their first page cannot be read ({failed})"
    return Finding(None, "account", said, "A run asks for its conversations one by one; see to the broken one.")


def _optional(client: "Client") -> Iterator[Finding]:
    """Ask for the lists of names that ids refer to; each of them may be missing on an installation."""
    from etl.commands.offers import OPTIONAL, missing_of

    if missing := missing_of(client):
        said = f"not to be had on this server, or not with this token: {', '.join(missing)}."
        yield Finding(None, "lists", said, "A run does without; what they would tell is not in the tables.")
    else:
        yield Finding(True, "lists", f"all can be read: {', '.join(OPTIONAL.values())}")


@say_below(f"""
    A line begins with ok, note (worth knowing, and no fault) or FAULT.

    {VENDOR}
    Exit codes: 0 no fault, 1 a fault, 2 usage or settings.
""")
def check(
    contract: Annotated[
        bool, typer.Option("--contract", help="Print what the vendor sends, as the runs have met it. Asks nothing.")
    ] = False,
    account: Accounts = None,
) -> None:
    """Try settings, server, token, account and database; say what to do about each fault.

    All accounts of ETL_ACCOUNTS, unless some are named.
    """
    from etl.commands.promises import unknown_names

    chosen = accounts.choose(account, everything=not account)
    if contract:
        from etl.commands.contract import print_contract

        raise typer.Exit(accounts.each(chosen, print_contract))
    with accounts.open_database(chosen[0].settings) as engine:
        code = accounts.each(chosen, _try_vendor)
        if len(chosen) > 1:
            accounts.heading("the database")
        faults = print_findings(check_database(engine))
        if not faults:
            print_findings(Finding(*one) for one in unknown_names(engine, [one.settings for one in chosen]))
    raise typer.Exit(ExitCode.FAILED if faults else code)


def _try_vendor(account: "Account") -> int:
    return ExitCode.FAILED if print_findings(check_vendor(account.settings)) else ExitCode.COMPLETE
