"""`etl sync` and `etl backfill`: which conversations, of which accounts, and the run itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import RUNS, VENDOR, say_below
from etl.commands.options import Accounts, AllAccounts, AsJson, AssigneeType, Since, Status, Statuses, Until, day
from etl.commands.workers import queue_run
from etl.exit_codes import ExitCode
from etl.selection import Selection

if TYPE_CHECKING:
    from etl.settings.accounts import Account


@say_below(f"""
    Examples
      etl sync                  every night
      etl sync --audit          once a week, in its place
      etl sync --all --json     every account, an object a line

    {VENDOR}
    {RUNS}
""")
def sync(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    status: Statuses = None,
    recent: Annotated[
        bool, typer.Option("--recent", help="Only what was active since the last complete run. No ledger.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Walk every page, also where counts would do.")] = False,
    audit: Annotated[
        bool, typer.Option("--audit", help="Compare every message with the vendor's search, too. Once a week, say.")
    ] = False,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", help="Believe it when many conversations are gone.")
    ] = False,
    accept_contract: Annotated[
        bool, typer.Option("--accept-contract", help="Believe it when the vendor sends other fields than before.")
    ] = False,
    account: Accounts = None,
    all_accounts: AllAccounts = False,
    as_json: AsJson = False,
) -> None:
    """Read everything that changed into the tables. The nightly job.

    Reads what changed, with the complete message history of each such conversation, and proves by the vendor's counts
    that nothing else is missing. At first, every ETL_WALK_DAYS, with --full or --audit, and whenever counts do not
    prove it, it walks every page of the four statuses, and asks for every conversation id that no page showed. Each id
    is then loaded, deleted upstream, forbidden or unreadable. Killed and started again, it goes on where it was. With
    --status or --recent the ids are not accounted for.
    """
    if full and (status or recent):
        raise typer.BadParameter(
            "a walk of every page is of everything: leave --status and --recent out", param_hint="--full"
        )
    if audit and (status or recent):
        raise typer.BadParameter(
            "an audit compares all messages: leave --status and --recent out", param_hint="--audit"
        )
    if accept_contract and (status or recent):
        raise typer.BadParameter(
            "only a run over everything shows what the vendor sends: leave --status and --recent out",
            param_hint="--accept-contract",
        )
    chosen = Selection(
        statuses=_statuses(status),
        recent=recent,
        full=full,
        audit=audit,
        accept_deletions=accept_deletions,
        accept_contract=accept_contract,
    )
    _run(chosen, as_json, accounts.choose(account, all_accounts, "--account ID, or all: --all"))


@say_below(f"""
    Examples
      etl backfill --since 2026-03-01 --until 2026-03-31
      etl backfill --status resolved --inbox-id 3 --label billing --label refund
      etl backfill --search "order 1234"
      etl backfill --conversation 17 --conversation 42
      etl backfill --queue      everything again, by the workers

    {VENDOR}
    {RUNS}
""")
def backfill(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    since: Since = None,
    until: Until = None,
    status: Statuses = None,
    inbox_id: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Only this inbox.")] = None,
    team_id: Annotated[int | None, typer.Option(min=1, metavar="ID", help="Only this team.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="With this label. Repeated: with any of them.")
    ] = None,
    assignee_type: Annotated[
        AssigneeType | None,
        typer.Option(metavar="WHOSE", help="me, unassigned, assigned or all, seen from the token's user."),
    ] = None,
    search: Annotated[str | None, typer.Option(metavar="TERM", help="With a message that contains this.")] = None,
    conversation: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="Only this conversation. May be repeated.")
    ] = None,
    account: Accounts = None,
    queue: Annotated[bool, typer.Option("--queue", help="Leave it to the workers, and return at once.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read a selection again, every history in it, whatever the tables already have.

    A conversation was going on from its creation to its last activity. A day is a day in UTC (2026-03-01), or with an
    offset (2026-03-01+02:00). Without any option everything is read again. Conversation ids are not accounted for,
    unless everything is read. Killed and started again with the same options within a day, it goes on where it was.
    """
    if conversation and any((since, until, status, inbox_id, team_id, label, assignee_type, search)):
        raise typer.BadParameter(
            "name conversations, or select them by other options: not both", param_hint="--conversation"
        )
    chosen = Selection(
        kind="backfill",
        statuses=_statuses(status),
        since=day(since, "--since") if since else None,
        until=day(until, "--until", days_later=1) if until else None,
        inbox_id=inbox_id,
        team_id=team_id,
        labels=tuple(label or ()),
        assignee_type=assignee_type.value if assignee_type else None,
        search=search,
        conversations=tuple(dict.fromkeys(conversation or ())),
    )
    if queue:
        queue_run(chosen, accounts.choose(account))
    else:
        _run(chosen, as_json, accounts.choose(account))


def _run(selection: Selection, as_json: bool, chosen: "list[Account]") -> None:
    from etl.database.embedded import leave_at_once
    from etl.database.migrate import open_at_head
    from etl.interrupt import check_asked
    from etl.monitoring.observer import observed
    from etl.monitoring.progress import watching
    from etl.monitoring.summary import print_run
    from etl.run import sync

    def run(account: "Account") -> int:
        with observed(account.settings) as observer, open_at_head(account.settings) as engine:
            with watching(accounts.account_prefix(account, chosen)) as watch:
                done = sync.run(account.settings, engine, selection, sync.Hooks(watch, observer.begun))
            observer.ended(engine, done)
        print_run(done, as_json)
        return done.exit_code

    code = accounts.each(chosen, run, headings=not as_json, before=check_asked)
    if code in {ExitCode.FAILED, ExitCode.USAGE}:  # requests may be under way
        leave_at_once(code)
    raise typer.Exit(code)


def _statuses(chosen: list[Status] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(status.value for status in chosen or Status))
