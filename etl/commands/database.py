"""`etl migrate`, `etl psql` and `etl grant`: what is done to the database itself."""

from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, say_below
from etl.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy import Engine


@say_below(f"""
    Examples
      etl migrate
      etl migrate --to 0012_targets --accept-loss

    {DATABASE}
    Exit codes: 0 done, 1 failed, 2 usage or settings, 4 a run is going on.
""")
def migrate(
    drop_views: Annotated[
        bool, typer.Option("--drop-views", help="Only drop the views, to partition the tables they rest on, say.")
    ] = False,
    to: Annotated[
        str,
        typer.Option(metavar="REVISION", help="Take the tables back to an earlier revision, for an earlier version."),
    ] = "",
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="With --to: what later revisions added goes, with what is in it.")
    ] = False,
) -> None:
    """Create the tables and views, or bring them to this version; make anew what is missing of them.

    Run it at first, after every upgrade, and after a restore. It is one transaction: all of it happens, or nothing.
    While a run goes on, the tables are not brought to another revision.
    """
    if (accept_loss and not to) or (drop_views and to):
        raise typer.BadParameter("--accept-loss goes with --to, and --to without --drop-views", param_hint="migrate")
    with accounts.open_database() as engine:
        if drop_views:
            told = ["The views are dropped. `etl migrate` makes them again.", *_drop_views(engine)]
        elif to:
            told = _take_back(engine, to, accept_loss=accept_loss)
        else:
            told = _bring_up(engine)
        typer.echo("\n".join(told))


def _drop_views(engine: "Engine") -> list[str]:
    """Drop all views; return what there is to say of those who read them."""
    from etl.database.engine import transaction
    from etl.database.requirements import require_fit
    from etl.load.upsert import psycopg_of
    from etl.views import attribute_columns, readers, schema

    require_fit(engine)
    with transaction(engine) as connection:
        raw = psycopg_of(connection)
        told = readers.release(connection)
        attribute_columns.drop_views(raw)
        schema.drop(raw)
    return told


def _bring_up(engine: "Engine") -> list[str]:
    """Bring the tables to this version's revision; return what there is to say."""
    from etl.database import migrate as migrations
    from etl.database.engine import transaction
    from etl.views import attribute_columns

    before, head = migrations.versions(engine)
    told = migrations.migrate(engine)
    try:
        with transaction(engine) as connection:
            attribute_columns.renew_views(connection)
    except DatabaseError as error:
        accounts.complain(f"The views of the custom attributes stay as they were; the next run tries again. {error}")
    as_before = ", as before." if before == head else "."
    return [f"The tables are at revision {head}{as_before}", *told]


def _take_back(engine: "Engine", revision: str, *, accept_loss: bool) -> list[str]:
    """Take the tables back to an earlier revision; return what there is to say."""
    from etl.database import migrate as migrations

    lost = migrations.taken_back(engine, revision)
    found, _ = migrations.versions(engine)
    if not lost:
        if revision == found:
            return [f"The tables are at revision {revision}, as before."]
        raise DatabaseError(f"Revision {revision} is later than {found}, at which the tables are: run `etl migrate`.")
    if not accept_loss:
        raise DatabaseError(
            f"To take the tables back from {found} to {revision} drops what {', '.join(lost)} added, with all that is"
            " in it. Nothing was changed. Dump the database first (docs/operations.md, Backup), then add --accept-loss."
        )
    told = migrations.migrate(engine, revision)
    return [
        f"The tables are at revision {revision}. Install the version of etl that they are for, and run its"
        " `etl migrate`, which makes the views.",
        *told,
    ]


@say_below(f"""
    Examples
      etl psql
      etl psql -c "TABLE accounts"
      etl psql --demo -f report.sql

    {DATABASE}
    Exit codes: those of psql; 1 no database, 2 settings.
""")
def psql(
    context: typer.Context,
    demo: Annotated[bool, typer.Option("--demo", help="Open the database that `etl demo` filled.")] = False,
) -> None:
    """Open the database in psql, at the tables.

    All that etl does not know is handed on to psql, which comes with it. Names without a schema mean what is in
    helpdesk, or PostgreSQL's own.
    """
    from etl.commands.child import accompany
    from etl.database import psql as beginning
    from etl.database.engine import chosen_address, psql_command, require_sessions
    from etl.settings.accounts import token_variables
    from etl.settings.settings import DatabaseSettings, inherited_environment

    settings = accounts.read_settings(DatabaseSettings)
    url = chosen_address(settings, demo=demo)
    require_sessions(url)  # what it begins with would be set for strangers
    command, secrets = psql_command(url)
    with beginning.begun(context.args) as (arguments, variables):
        environment = inherited_environment(token_variables(settings.accounts), **secrets, **variables)
        code = accompany([*command, *arguments], environment)
    raise typer.Exit(code)


@say_below(f"""
    Examples
      etl psql -c "CREATE ROLE bi_reader LOGIN PASSWORD '...'"
      etl grant --role bi_reader
      etl grant --role bi_reader --revoke

    {DATABASE}
    {OTHERS}
""")
def grant(
    role: Annotated[str, typer.Option(metavar="NAME", help="A role of the database, made by CREATE ROLE before.")],
    with_personal_data: Annotated[
        bool, typer.Option("--with-personal-data", help="Names, addresses, phone numbers and texts in clear.")
    ] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back, all of it.")] = False,
) -> None:
    """Let a role read the views of schema bi, and nothing else.

    Without --with-personal-data contacts have numbers instead of names, and neither addresses, phone numbers nor texts;
    given again without it, the role no longer sees them. The list of who was granted it is kept, so that `etl migrate`
    can give it again after a restore.
    """
    if revoke and with_personal_data:
        raise typer.BadParameter("one gives, the other takes back", param_hint="--revoke --with-personal-data")
    from etl.database.migrate import open_at_head
    from etl.settings.settings import DatabaseSettings
    from etl.views import grants

    with open_at_head(accounts.read_settings(DatabaseSettings)) as engine:
        if revoke:
            grants.revoke(engine, role)
            typer.echo(f"{role} no longer reads the views of schema bi.")
            return
        grants.grant(engine, role, with_personal_data)
    seen = "with personal data in clear" if with_personal_data else "with personal data masked"
    typer.echo(f"{role} may read the views of schema bi, {seen}.")
