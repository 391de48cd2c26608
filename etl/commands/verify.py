"""`etl verify`: reads a random sample again, compares it with the tables, and says what that permits to say of all."""

from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import RUNS, VENDOR, say_below
from etl.commands.options import Accounts, AsJson, Since, Until, day

if TYPE_CHECKING:
    from etl.run.sampling import Wanted
    from etl.settings.accounts import Account

SEEDS = 2**31


@say_below(f"""
    Examples
      etl verify                     a sample of 1,500 messages and as many conversations
      etl verify --sample 300 --seed 4711
      etl verify --since 2026-03-01 --until 2026-03-31 --all
      etl verify --conversation 17 --repair

    {VENDOR}
    {RUNS}
""")
def verify(  # noqa: PLR0913, PLR0917 -- one parameter, one option of the command
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many messages, and how many conversations. 1500.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Compare all of them.")] = False,
    since: Since = None,
    until: Until = None,
    conversation: Annotated[
        list[int] | None, typer.Option(min=1, metavar="ID", help="Only this conversation. May be repeated.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=SEEDS - 1, metavar="S", help="Draw the sample that was drawn with this seed."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read the conversations that differ again into the tables.")
    ] = False,
    account: Accounts = None,
    as_json: AsJson = False,
) -> None:
    """Read a random sample again from the vendor, and compare it with the tables field by field.

    Messages are drawn from those that are stored, and numbers of conversations from all that there are, so that what
    the tables lack is found, too. What was compared, and what that says of everything else, is printed, with the seed,
    by which anybody draws the same sample. It takes about two requests a conversation, and no run may be going on.

    Without --repair nothing that is stored of the account is written; the result is noted in helpdesk.verifications.
    """
    if conversation and any((sample, everything, since, until, seed is not None)):
        raise typer.BadParameter("name conversations, or draw some: not both", param_hint="--conversation")
    if everything and (sample or seed is not None):
        raise typer.BadParameter("of all nothing is drawn: leave --sample and --seed out", param_hint="--all")
    from secrets import randbelow

    from etl.run.sampling import SAMPLE, Wanted

    chosen = Wanted(
        sample=None if everything or conversation else sample or SAMPLE,
        seed=randbelow(SEEDS) if seed is None else seed,
        since=day(since, "--since") if since else None,
        until=day(until, "--until", days_later=1) if until else None,
        conversations=tuple(sorted(set(conversation or ()))),
    )
    _verify(chosen, repair, as_json, accounts.choose(account))


def _verify(wanted: "Wanted", repair: bool, as_json: bool, chosen: "list[Account]") -> None:
    from etl.commands.verified import print_verification, watching
    from etl.database.migrate import open_at_head
    from etl.interrupt import check_asked
    from etl.run import verify as verifying

    def act(account: "Account") -> int:
        with (
            open_at_head(account.settings) as engine,
            watching(accounts.account_prefix(account, chosen)) as watch,
        ):
            found = verifying.verify(account.settings, engine, wanted, repair=repair, watch=watch)
        print_verification(found, as_json)
        return found.outcome.exit_code

    raise typer.Exit(accounts.each(chosen, act, headings=not as_json, before=check_asked))
