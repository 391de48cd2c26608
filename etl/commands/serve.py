"""`etl serve`: opens the embedded PostgreSQL to the BI tools of this machine, for reading, until it is stopped."""

import asyncio
import errno
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.commands import accounts
from etl.commands.help import OTHERS, say_below
from etl.errors import DatabaseError, SettingsError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from etl.database.gate import Leads
    from etl.settings.settings import DatabaseSettings

HOST = "127.0.0.1"
# Tools keep a connection by its port, so it is the same one each time, where nobody else has it.
USUAL_PORT = 54_320
ANY_PORT = 0
STOPPED_BY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

TOOLS = {
    "Metabase": "Add database, PostgreSQL. Schemas: only bi. SSL: off.",
    "Power BI": "Get data, PostgreSQL database, server {host}:{port}. Untick encryption where it is asked for.",
    "DBeaver": "New connection, PostgreSQL.",
    "Excel": "Data, Get data, From ODBC; by the driver psqlODBC:\n"
    "Driver={{PostgreSQL Unicode(x64)}};Server={host};\nPort={port};Database={database};SSLmode=disable",
    "psql": 'psql "host={host} port={port} dbname={database} user={user}"',
}


@say_below(f"""
    Examples
      etl serve
      etl serve --demo --port 54321
      etl serve --personal-data --show-password

    A password is made once, and kept in a file under ETL_HOME that only you can read: delete it for a new one.
    Settings: ETL_HOME.
    {OTHERS}
""")
def serve(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, metavar="PORT", help="The port; 0: any free one. Else 54320, if it is free."),
    ] = None,
    with_personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Names, addresses, phone numbers and texts in clear.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Open the database that `etl demo` filled.")] = False,
    show_password: Annotated[bool, typer.Option("--show-password", help="Print the password, too.")] = False,
) -> None:
    """Open the views of the embedded PostgreSQL to BI tools on this machine, until Ctrl-C.

    It listens on 127.0.0.1 only, for one user who may read schema bi and nothing else; contacts have numbers instead of
    names, and neither addresses, phone numbers nor texts, unless --personal-data is given. Runs and other commands go
    on meanwhile.
    """
    from etl.database.engine import make_engine
    from etl.settings.settings import DatabaseSettings

    settings = accounts.read_settings(DatabaseSettings)
    if settings.database_url is not None and not demo:
        raise SettingsError(
            "DATABASE_URL leads to a server of your own, which BI tools reach by themselves: make a role for them"
            " (CREATE ROLE ... LOGIN PASSWORD '...') and let it read the views by `etl grant --role NAME`. `etl serve`"
            " is for the embedded PostgreSQL."
        )
    with _listen(port) as listening:
        url = _address(settings, demo)
        engine = make_engine(url)
        try:
            leads, facts = _prepare(engine, url, settings.home, with_personal_data)
        finally:
            engine.dispose()
        if not show_password:
            facts.pop("the password itself")
        asyncio.run(_stand(leads, listening, facts))


def _listen(port: int | None) -> socket.socket:
    """Return a socket that listens; raise SettingsError where somebody else has the port."""
    try:
        return socket.create_server((HOST, USUAL_PORT if port is None else port))
    except PermissionError as error:
        raise SettingsError(f"--port {port}: below 1024 only root may listen. Take a higher one.") from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise SettingsError(f"Nothing can listen on {HOST}: {error.strerror}.") from error
        if port is None:
            return socket.create_server((HOST, ANY_PORT))
        raise SettingsError(
            f"--port {port} is in use on {HOST}, perhaps by another `etl serve`. Take another one, or 0 for a free one."
        ) from error


def _address(settings: "DatabaseSettings", demo: bool) -> str:
    """Return the owner's way into the database; raise DatabaseError where its tables are of another version."""
    from etl.database.engine import chosen_address, make_engine
    from etl.database.migrate import require_head, versions

    url = chosen_address(settings, demo=demo)
    engine = make_engine(url)
    try:
        if demo and versions(engine)[0] is None:
            raise DatabaseError("The demo's database is empty. Run `etl demo` first.")
        require_head(engine)
    finally:
        engine.dispose()
    return url


def _prepare(engine: "Engine", url: str, home: Path, in_clear: bool) -> "tuple[Leads, dict[str, str]]":
    """Make role and password, and return where a gate may lead, and what to tell of them."""
    from etl.database import passwords
    from etl.database.address import parameters
    from etl.database.gate import Leads
    from etl.views import served_role

    name = served_role.IN_CLEAR if in_clear else served_role.MASKED
    file, password = passwords.of_role(home.expanduser().resolve() / "serve", name)
    role = served_role.make(engine, in_clear, password)
    found = parameters(url)
    passwords.demand(url.replace("+psycopg", "", 1), served_role.ROLES, role, password)
    leads = Leads(f"{found['host']}/.s.PGSQL.{found.get('port') or 5432}", role, found["dbname"])
    return leads, {
        "sees": "schema bi, personal data " + ("in clear" if in_clear else "masked"),
        "database": leads.database,
        "user": leads.user,
        "password in": str(file),
        "the password itself": password,
    }


async def _stand(leads: "Leads", listening: socket.socket, facts: dict[str, str]) -> None:
    """Let tools in until somebody asks to stop: that is how it ends, and no failure."""
    from etl.database.gate import Gate

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in STOPPED_BY:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, stop.set)
    port = listening.getsockname()[1]
    _tell({"host": HOST, "port": str(port)} | facts, dict(_typed(leads, port)))
    await Gate(leads).stand(listening, stop)
    typer.echo("Closed.")


def _typed(leads: "Leads", port: int) -> Iterator[tuple[str, str]]:
    """Yield what to type into which tool."""
    for tool, said in TOOLS.items():
        yield tool, said.format(host=HOST, port=port, database=leads.database, user=leads.user)


def _tell(facts: dict[str, str], tools: dict[str, str]) -> None:
    from etl.monitoring.console import output, print_facts

    screen = output()
    screen.print("Open for reading, from this machine only, until Ctrl-C:", style="bold")
    print_facts(facts.items(), screen)
    screen.print("\nWhat to type, with host, port, database, user and password as above:", style="bold")
    print_facts(tools.items(), screen)
    sys.stdout.flush()
