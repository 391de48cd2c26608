"""`etl migrate`, `etl psql` and `etl grant`: what is done to the database itself."""

from typing import Annotated

import typer

from etl.commands import accounts
from etl.commands.help import DATABASE, OTHERS, say_below
from etl.errors import DatabaseError


@say_below(f"""
    {DATABASE}
    {OTHERS}
""")
def migrate(
    drop_views: Annotated[
        bool, typer.Option("--drop-views", help="Only drop the views, to partition the tables they rest on, say.")
    ] = False,
) -> None:
    """Create the tables and views, or bring them to this version; make anew what is missing of them.

    Run it at first, after every upgrade, and after a restore. It is one transaction: all of it happens, or nothing.
    """
    from etl.database import migrate as migrations
    from etl.database.engine import transaction
    from etl.database.requirements import require_fit
    from etl.load.upsert import psycopg_of
    from etl.views import attribute_columns, readers, schema

    with accounts.open_database() as engine:
        before, head = migrations.versions(engine)
        if drop_views:
            require_fit(engine)
            with transaction(engine) as connection:
                raw = psycopg_of(connection)
                told = readers.release(connection)
                attribute_columns.drop_views(raw)
                schema.drop(raw)
            typer.echo("\n".join(["The views are dropped. `etl migrate` makes them again.", *told]))
            return
        told = migrations.migrate(engine)
        try:
            with transaction(engine) as connection:
                attribute_columns.renew_views(connection)
        except DatabaseError as error:
            accounts.complain(
                f"The views of the custom attributes stay as they were; the next run tries again. {error}"
            )
        as_before = ", as before." if before == head else "."
        typer.echo("\n".join([f"The tables are at revision {head}{as_before}", *told]))


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
