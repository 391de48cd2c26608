"""`etl demo`: a made-up account on a local server, the real job against it, and three answers by SQL."""

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.commands import accounts
from etl.commands.help import RUNS, say_below
from etl.commands.options import AsJson
from etl.selection import Selection

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

    from etl.demo.account import Account
    from etl.exit_codes import Outcome
    from etl.settings.settings import DatabaseSettings

TOKEN = "demo-token"  # noqa: S105 -- opens the made-up account only
TARGETS = Path(__file__).parents[1] / "demo" / "targets.toml"
# The settings of the shop's account, whatever those of the environment are.
SHOP: dict[str, Any] = {
    "account_id": 1,
    "api_token": TOKEN,
    "timezone": "Asia/Jerusalem",
    "pii": "keep",
    "targets": TARGETS,
}

QUESTIONS = {
    "Conversations by status": """
        SELECT status, count(*) AS conversations, sum(messages_in)::bigint AS "messages in",
               sum(messages_out)::bigint AS "messages out"
        FROM bi.conversations WHERE NOT is_deleted GROUP BY status ORDER BY conversations DESC, status
    """,
    "Busiest inboxes": """
        SELECT inbox, channel, sum(conversations_opened)::bigint AS conversations,
               sum(messages_in + messages_out)::bigint AS messages
        FROM bi.daily_volume GROUP BY inbox, channel ORDER BY messages DESC LIMIT 3
    """,
    "Median first response": """
        SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY make_interval(secs => first_response_seconds))::text
               AS "median (hours:minutes:seconds)",
               count(*) AS answered, (SELECT count(*) FROM bi.conversations) AS conversations
        FROM bi.first_responses WHERE opening = 1
    """,
}

# With a BI tool there is no way into a container: `etl serve` is for the machine that it runs on.
HOW_TO_GO_ON_OUTSIDE = """\
To look further   {etl} psql --demo
A quiet night     {etl} demo   (now only what changed is read, and nothing is written)
Your own account  https://github.com/etl-99digital/etl-99digital/blob/main/docs/operations.md#docker
"""
HOW_TO_GO_ON = """\
To look further   {etl} psql --demo
With a BI tool    {etl} serve --demo
A quiet night     {etl} demo   (now only what changed is read, and nothing is written)
Your own account  {etl} init writes .env, to be filled in, then
                  {etl} migrate && {etl} check && {etl} sync
"""


def run(base: "DatabaseSettings", conversations: int, as_json: bool) -> "Outcome":
    """Run `sync` against the demo's account into the demo's database, and print its summary; return the outcome."""
    from rich.console import Console

    from etl.commands.shop import ShopSettings
    from etl.database.engine import demo_address, open_database
    from etl.demo.server import serve
    from etl.demo.vendor import Vendor
    from etl.monitoring.console import output
    from etl.monitoring.progress import watching
    from etl.monitoring.summary import print_run
    from etl.run import sync
    from etl.settings.settings import load

    with Console(stderr=True).status("Making up an account and starting PostgreSQL ..."):
        vendor = Vendor(_account(conversations), token=TOKEN)
        url = demo_address(base)
    with serve(vendor) as base_url:
        settings = load(ShopSettings, base_url=base_url, database_url=url, **SHOP)
        with open_database(settings) as engine:
            _prepare(engine, conversations)
            with watching() as watch:
                done = sync.run(settings, engine, Selection(), sync.Hooks(watch))
            print_run(done, as_json)
            if not as_json:
                _print_answers(engine, output())
    return done.outcome


def _account(conversations: int) -> "Account":
    """Make up an account with what real ones have: deletions, and ties, which make pages skip conversations."""
    from etl.demo.events import delete_conversation
    from etl.demo.generate import generate

    account = generate(conversations, ties=0.2)
    for number in range(7, conversations, 100):
        delete_conversation(account, number)
    return account


def _prepare(engine: "Engine", conversations: int) -> None:
    """Bring the tables to head; empty them first when they hold the account made up for another number.

    Tables of a version of etl that this one does not know are dropped: the account is made up again.
    """
    from sqlalchemy import text

    from etl.database.engine import transaction
    from etl.database.migrate import DROP, is_known, migrate, versions

    found, _ = versions(engine)
    if found is not None and not is_known(found):
        with transaction(engine) as connection:
            connection.execute(text(DROP))
    elif found is not None:
        with transaction(engine) as connection:
            highest = connection.scalar(text("SELECT max(id) FROM helpdesk.conversations"))
        if highest not in {None, conversations}:
            migrate(engine, "base")
    migrate(engine)


def _print_answers(engine: "Engine", console: "Console") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from sqlalchemy import text

    from etl.database.engine import transaction

    for title, statement in QUESTIONS.items():
        with transaction(engine) as connection:
            result = connection.execute(text(statement))
            rows, names = result.all(), list(result.keys())
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for index, name in enumerate(names):
            table.add_column(name, justify="right" if all(isinstance(row[index], int) for row in rows) else "left")
        for row in rows:
            table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
        console.print()
        console.print(title, style="bold")
        console.print(Padding.indent(table, 2))
    outside = os.environ.get("CALLED_AS")
    told = HOW_TO_GO_ON_OUTSIDE if outside else HOW_TO_GO_ON
    console.print("\n" + told.format(etl=outside or _command()), end="", markup=False, soft_wrap=True)


def _command() -> str:
    """Return how this command was called, so that what is printed can be copied; CALLED_AS tells of a container."""
    return sys.argv[0] if "/" in sys.argv[0] and not shutil.which("etl") else "etl"


@say_below(f"""
    Examples
      etl demo --conversations 5000
      etl psql --demo           looks at what it has filled
      etl serve --demo          opens it to BI tools of this machine
      etl export conversations --demo --to conversations.csv

    Settings: none, but ETL_HOME if the embedded database shall be elsewhere.
    {RUNS}
""")
def demo(
    conversations: Annotated[int, typer.Option(min=1, max=200_000, metavar="N", help="How many to make up.")] = 300,
    as_json: AsJson = False,
) -> None:
    """Fill the embedded PostgreSQL from a made-up account on a local server, and look at it.

    Needs no settings and touches no database but its own, called demo. Run it again to see a quiet night.
    """
    from etl.settings.settings import DatabaseSettings

    raise typer.Exit(run(accounts.read_settings(DatabaseSettings), conversations, as_json).exit_code)
