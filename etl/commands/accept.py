"""`etl accept`: what is known not to be complete, and is no problem while it stays so; listed, and taken back."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.commands import accounts
from etl.commands.help import OTHERS, VENDOR, say_below
from etl.commands.options import AsJson, OneAccount, day
from etl.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.load.acceptances import Acceptance
    from etl.run.accepting import Things
    from etl.settings.settings import Settings

DAYS = 90


@say_below(f"""
    Examples
      etl accept                lists what is accepted
      etl accept --conversation 262 --reason "its contact was deleted, ticket 4711"
      etl accept --rejected message:91 --until 2027-01-31 --reason "answered twice"
      etl accept --withdraw --conversation 262

    A reason may be read by whoever reads the tables: name no person in it.
    {VENDOR}
    {OTHERS} 4 while a run goes on.
""")
def accept(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    conversation: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="One that the vendor cannot show. May be repeated.")
    ] = None,
    rejected: Annotated[
        list[str] | None, typer.Option(metavar="ENTITY:ID", help="A rejected record, such as message:91. Likewise.")
    ] = None,
    forbidden: Annotated[
        list[int] | None,
        typer.Option(min=1, metavar="ID", help="One that is refused to the token. Likewise."),
    ] = None,
    contract: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="A field that is gone, such as conversation.meta.team.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; has to be said.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help=f"The last day on which it counts. Without: {DAYS} days.")
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back what was accepted.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List what is accepted; so does no option at all.")] = False,
    account: OneAccount = None,
    as_json: AsJson = False,
) -> None:
    """Accept that something is not complete, as it is now: it is known, and no problem while it stays so.

    It is not complete all the same: the ledger goes on counting it. When it fails otherwise, has other content, or the
    time is over, it is a problem again; when it can be read again, it is loaded, and the acceptance ends. An accepted
    conversation is asked for once a week, without retries.
    """
    from etl.database.migrate import open_at_head
    from etl.run import accepting

    wanted = _wanted(conversation, rejected, forbidden, contract)
    if wanted and show:
        raise typer.BadParameter("list, or name what is accepted: not both", param_hint="--list")
    if not wanted and (withdraw or reason or until):
        raise SettingsError("What? Say --conversation ID, --rejected ENTITY:ID, --forbidden ID or --contract PATH.")
    if wanted and not withdraw and not (reason or "").strip():
        raise SettingsError("Why? Whoever reads it in a quarter of a year wants to know: say --reason TEXT.")
    settings = accounts.choose([account] if account else None)[0].settings
    with open_at_head(settings) as engine:
        if withdraw:
            accepting.withdraw(engine, settings.account_id, wanted, _who(engine))
        elif wanted:
            _accept(engine, settings, wanted, (str(reason).strip(), until))
        _print(engine, settings.account_id, as_json)


def _wanted(
    conversation: list[int] | None, rejected: list[str] | None, forbidden: list[int] | None, contract: list[str] | None
) -> "Things":
    from etl.load.acceptances import FaultKind

    for one in rejected or ():
        if not re.fullmatch(r"[^:]+:.+", one):
            raise typer.BadParameter(f"{one!r} is no record such as message:91", param_hint="--rejected")
    chosen = zip(FaultKind, (conversation, forbidden, rejected, contract), strict=True)
    return list(dict.fromkeys((kind, str(what)) for kind, several in chosen for what in several or ()))


def _accept(engine: "Engine", settings: "Settings", wanted: "Things", why_until: tuple[str, str | None]) -> None:
    from etl.load import clock
    from etl.run import accepting

    reason, until = why_until
    last = day(until, "--until", days_later=1) if until else _in_days(clock.now(engine))
    is_kept = settings.pii == "keep"
    accepting.accept(
        engine, settings.account_id, wanted, accepting.Signed(reason if is_kept else None, _who(engine), last)
    )
    if not is_kept:
        typer.echo(f"The reason was not kept: with ETL_PII={settings.pii} nothing is that people wrote.", err=True)
    typer.echo("Accepted. The next run counts it as known, as long as it stays as it is.", err=True)


def _in_days(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=DAYS + 1)


def _who(engine: "Engine") -> str:
    """Return who accepts: the user of this machine, where it has a name, and the database's."""
    import os
    import pwd

    from sqlalchemy import text

    from etl.database.engine import transaction

    with transaction(engine) as connection:
        role = f"database user {connection.scalar(text('SELECT session_user'))}"
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name}, {role}"
    except KeyError:  # a number without a name, as in a container
        return role


def _print(engine: "Engine", account_id: int, as_json: bool) -> None:
    from etl.monitoring import console
    from etl.run import accepting

    found, now = accepting.listed(engine, account_id)
    if as_json:
        console.print_json([_to_json(one, now) for one in found])
    for one in () if as_json else found:
        over = "expired on" if one.expires_at <= now else "until"
        since = f"since {one.accepted_at:%Y-%m-%d}, by {one.accepted_by}"
        typer.echo(f"{one.name}: {over} {_last(one):%Y-%m-%d}; {since}\n    {one.reason or '(no reason is kept)'}")
    if not found and not as_json:
        typer.echo("Nothing is accepted.")


def _last(one: "Acceptance") -> datetime:
    """Return the last moment at which it counts: it expires with the day after the last one."""
    return one.expires_at - timedelta(microseconds=1)


def _to_json(one: "Acceptance", now: datetime) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "what": one.what,
        "as_it_was": one.as_it_was,
        "reason": one.reason,
        "accepted_by": one.accepted_by,
        "accepted_at": one.accepted_at.astimezone(UTC).isoformat(),
        "expires_at": one.expires_at.astimezone(UTC).isoformat(),
        "has_expired": one.expires_at <= now,
    }
