"""The commands about personal data: `etl redact` and `etl forget`."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import OTHERS, VENDOR, say_below
from etl.commands.options import Accounts, AllAccounts, OneAccount
from etl.errors import SettingsError
from etl.exit_codes import ExitCode

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.privacy.redact import Watch
    from etl.settings.settings import Settings

log = logging.getLogger(__name__)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Contacts = Annotated[
    list[int] | None, typer.Option("--contact", min=1, metavar="ID", help="The contact's number. May be repeated.")
]
Conversations = Annotated[
    list[int] | None,
    typer.Option("--conversation", min=1, metavar="ID", help="The conversation's number. May be repeated."),
]

WORDS = {"keep": "kept as they are", "hash": "hashed", "drop": "dropped"}


@say_below(f"""
    Examples
      ETL_PII=drop etl redact
      etl redact --all --yes    every account, without asking

    Settings: ETL_PII, ETL_PII_KEY, and those of a run.
    {OTHERS}
""")
def redact(account: Accounts = None, all_accounts: AllAccounts = False, yes: Yes = False) -> None:
    """Rewrite what is stored as ETL_PII now says: personal data kept, hashed or dropped.

    No run begins until it is done. Killed and started again, it goes on where it was. What is hashed or dropped cannot
    be made readable again: then what is left of it is dropped, and the next run reads everything again.
    """
    from etl.database.migrate import open_at_head

    chosen = accounts.choose(account, all_accounts, "--account ID, or all: --all")
    with open_at_head(chosen[0].settings) as engine:
        code = accounts.each(chosen, lambda chosen_account: _redact(chosen_account.settings, engine, yes))
    raise typer.Exit(code)


def _redact(settings: "Settings", engine: "Engine", yes: bool) -> int:
    from etl.database.engine import transaction
    from etl.privacy import redact as redaction
    from etl.privacy.rules import way_of
    from etl.privacy.stored import is_being_redacted, stored_as

    way = way_of(settings)
    with transaction(engine) as connection:
        stored = stored_as(connection, settings.account_id)
        begun = is_being_redacted(connection, settings.account_id)
    if stored == (way.mode, way.fingerprint) and not begun:
        typer.echo(f"Personal data of account {settings.account_id} are {WORDS[way.mode]}, as ETL_PII says.")
        return ExitCode.COMPLETE
    if stored:
        _ask(yes, _warning(settings.account_id, stored, redaction.loses(stored, way), way.mode))
    with _watching(settings.account_id) as watch:
        done = redaction.redact(engine, settings.account_id, way, watch)
    _print_counts(done.rewritten, "rewritten")
    if done.read_again:
        typer.echo("What was hashed or dropped cannot be restored: `etl sync` now reads everything again.")
    else:
        typer.echo(f"Personal data of account {settings.account_id} are now {WORDS[way.mode]}.")
    return ExitCode.COMPLETE


@say_below(f"""
    Examples
      etl forget --contact 12 --contact 40
      etl forget --contact 12 --account 23 --yes
      etl forget --conversation 1000000000    one that should not be there

    {VENDOR}
    {OTHERS}
""")
def forget(
    contact: Contacts = None, conversation: Conversations = None, account: OneAccount = None, yes: Yes = False
) -> None:
    """Remove what is personal of a contact everywhere, for good; or remove a conversation that should not be there.

    Of a contact that is the columns, all messages, attachments and answers to surveys of their conversations, and what
    was rejected of them. Numbers, times and statuses stay, so that the figures hold, and later runs keep it out.

    Of a conversation that is every row that names it. It comes back with the next run when the vendor still shows it.

    Neither can be taken back.
    """
    from etl.database.migrate import open_at_head

    if not (contact or conversation):
        raise SettingsError("Whom or what? Say --contact ID or --conversation ID.")
    settings = accounts.choose([account] if account else None)[0].settings
    with open_at_head(settings) as engine:
        if contact:
            _forget_contacts(engine, settings.account_id, sorted(set(contact)), yes)
        if conversation:
            _remove_conversations(engine, settings.account_id, sorted(set(conversation)), yes)


def _forget_contacts(engine: "Engine", account_id: int, contact_ids: list[int], yes: bool) -> None:
    from etl.privacy import forget as forgetting

    known = forgetting.known(engine, account_id, contact_ids)
    for contact_id in contact_ids:
        is_there = contact_id in known
        said = f"with {known[contact_id]:,} conversations" if is_there else "not in the tables; it is kept out of them"
        typer.echo(f"Contact {contact_id} of account {account_id}: {said}")
    _ask(yes, "Their personal data and everything that was written are removed for good.")
    _print_counts(forgetting.forget(engine, account_id, contact_ids), "emptied")


def _remove_conversations(engine: "Engine", account_id: int, conversation_ids: list[int], yes: bool) -> None:
    from etl.database.engine import transaction
    from etl.load import run_lock
    from etl.privacy import removal
    from etl.views import schema

    known = removal.lengths(engine, account_id, conversation_ids)
    for conversation_id in conversation_ids:
        is_there = conversation_id in known
        said = f"with {known[conversation_id]:,} messages" if is_there else "not in the tables"
        typer.echo(f"Conversation {conversation_id} of account {account_id}: {said}")
    _ask(yes, "All rows that name them are removed; what the vendor still shows comes back with the next run.")
    removed = removal.remove(engine, account_id, conversation_ids)
    _print_counts(removed, "removed")
    with run_lock.hold(engine, account_id), transaction(engine) as connection:
        schema.refresh(connection, account_id)


def _warning(account_id: int, stored: tuple[str, str | None], loses: bool, wanted: str) -> str:
    said = f"In the tables of account {account_id} personal data are {WORDS[stored[0]]}; they shall be {WORDS[wanted]}."
    if loses:
        return f"{said} That cannot be made of what is stored: it is dropped, and everything has to be read again."
    return f"{said} What is stored now is lost for good."


def _ask(yes: bool, said: str) -> None:
    """Print what is going to happen, and return only when that is wanted."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(f"{said} Nobody is there to ask: add --yes if that is wanted.")
    typer.echo(said)
    typer.confirm("Go on?", abort=True)


def _print_counts(counts: dict[str, int], done: str) -> None:
    for table, rows in counts.items():
        if rows:
            typer.echo(f"  {table:<20} {rows:>12,} rows {done}")


@contextmanager
def _watching(account_id: int) -> "Iterator[Watch]":
    """Yield what shows the progress: a bar for each table on a terminal, a line at the end of each in a pipe."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    if not sys.stderr.isatty():

        def tell(table: str, rows: int, total: int) -> None:
            if rows >= total:
                log.info("account %d, %s: %d of %d rows", account_id, table, rows, total)

        yield tell
        return
    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def draw(table: str, rows: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(table)
            progress.update(tasks[table], completed=rows, total=total)

        yield draw
