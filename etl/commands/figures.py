"""`etl figures`: computes what the views of schema `bi` rest on, by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, say_below

if TYPE_CHECKING:
    from psycopg import Connection as PsycopgConnection
    from psycopg.errors import Diagnostic


@say_below(f"""
    Examples
      etl figures              of what changed since they were computed
      etl figures --rebuild    of everything, as after changes by hand

    {DATABASE}
    {OTHERS}
    4 while a run of an account goes on.
""")
def figures(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Compute all of them anew, whatever has changed.")] = False,
) -> None:
    """Compute openings, waits and events of conversations, on which the views of schema bi rest.

    Every run does so at its end, for what changed. To compute all anew gives the same rows. Who reads meanwhile sees
    those of before. No run of the account begins until it is done, and none may be going on.
    """
    from sqlalchemy import select

    from etl.database.dimensions import Account
    from etl.database.engine import transaction
    from etl.database.migrate import require_head
    from etl.load import run_lock
    from etl.load.upsert import psycopg_of
    from etl.views import schema

    computed = 0
    with accounts.open_database() as engine:
        require_head(engine)
        with transaction(engine) as connection:
            known = list(connection.scalars(select(Account.account_id).order_by(Account.account_id)))
        for account_id in known:
            # A run writes what is read here, and would wait for it, or be waited for, for good.
            with run_lock.hold(engine, account_id), transaction(engine) as connection, _telling(psycopg_of(connection)):
                computed += schema.refresh(connection, account_id, everything=rebuild)
    typer.echo(f"The figures of {computed:,} conversations are computed.")


@contextmanager
def _telling(connection: "PsycopgConnection[object]") -> Iterator[None]:
    """Print on stderr how far the database says that it is."""

    def say(told: "Diagnostic") -> None:
        if told.severity_nonlocalized == "INFO":
            typer.echo(told.message_primary, err=True)

    connection.add_notice_handler(say)
    try:
        yield
    finally:
        connection.remove_notice_handler(say)
