"""Brings the dashboard beside this file into a Metabase, over what an earlier time brought; deletes nothing.

`METABASE_URL` is its address, `METABASE_API_KEY` a key of its administrators, `METABASE_DATABASE` what the database is
called there (Helpdesk). Where there is none of that name it is made, from `BI_DATABASE_URL`. `ETL_LANGUAGE` says in
which language the dashboard speaks: en, he. A second time changes nothing.
"""

import os
import sys
from collections.abc import Mapping

from board import Board
from metabase_api import Failed, Json, Metabase
from pack import Pack, Question
from texts import UnknownLanguage, chosen_language

DATABASE = "Helpdesk"
TRIED = "SELECT count(*) FROM bi.sync_health"
HOW = """\
Set METABASE_URL and METABASE_API_KEY to bring the dashboard into a Metabase (docs/bi.md):

    METABASE_URL=https://metabase.example.com METABASE_API_KEY=mb_... \\
    BI_DATABASE_URL=postgresql://reader:its-password@host:5432/etl make metabase"""
ENCRYPTED = ("require", "verify-ca", "verify-full")
PORT = 5432
# What each type of filter is tried with: any will do, it is the answer that matters, not what is in it.
VALUES: Json = {"number/=": [1, 2], "string/=": ["one", "another"], "date/single": "2026-01-31"}


def database_of(metabase: Metabase, name: str, url: str) -> int:
    """Return the id of the database of this name, which is made from its address where there is none."""
    for one in metabase.get("database")["data"]:
        if one["name"] == name:
            if one["engine"] != "postgres":
                raise Failed(
                    f"The database {name} in Metabase is none of PostgreSQL: name another in METABASE_DATABASE."
                )
            return int(one["id"])
    if not url:
        raise Failed(f"Metabase has no database {name}: name one in METABASE_DATABASE, or give its BI_DATABASE_URL.")
    return int(metabase.post("database", {"name": name, "engine": "postgres", "details": details(url)})["id"])


def details(url: str) -> Json:
    """Return the connection of an address as Metabase's PostgreSQL driver has it, with schema `bi` alone."""
    from sqlalchemy import make_url  # only a database that is made waits for it
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except ArgumentError as error:
        raise Failed("BI_DATABASE_URL is no address such as postgresql://reader:password@host:5432/etl") from error
    return {
        "host": parts.host,
        "port": parts.port or PORT,
        "dbname": parts.database,
        "user": parts.username,
        "password": parts.password,
        "ssl": parts.query.get("sslmode") in ENCRYPTED,
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": "bi",
    }


def try_views(metabase: Metabase, database: int, name: str) -> None:
    """Raise Failed where Metabase's connection cannot read the views: nothing has been made then."""
    answer = metabase.post("dataset", {"database": database, "type": "native", "native": {"query": TRIED}})
    if answer.get("status") != "completed":
        raise Failed(
            f"Metabase's database {name} cannot read the views of schema bi: {answer.get('error')}. Does it lead to "
            "the database that `etl` loads, as a role that `etl grant` lets read?"
        )


def unanswered(metabase: Metabase, board: Board, questions: list[Question]) -> list[str]:
    """Ask every question without filters, and with all of them; return a line for each that has no answer."""
    found = []
    for one in questions:
        with_values = [it | {"value": VALUES[it["type"]]} for it in one.body["parameters"]]
        for parameters in ([], with_values) if with_values else ([],):
            answer = metabase.post(f"card/{board.ids[one.stem]}/query", {"parameters": parameters})
            if answer.get("status") != "completed":
                how = " with its filters" if parameters else ""
                found.append(f"Metabase cannot answer {one.body['name']!r}{how}: {answer.get('error')}")
    return found


def apply(environment: Mapping[str, str]) -> str:
    """Bring the dashboard into the Metabase that the environment names; return what came of it. Raise Failed."""
    pack = Pack(chosen_language())
    metabase = Metabase(environment["METABASE_URL"], environment.get("METABASE_API_KEY", ""))
    name = environment.get("METABASE_DATABASE") or DATABASE
    database = database_of(metabase, name, environment.get("BI_DATABASE_URL", ""))
    try_views(metabase, database, name)
    board = Board(metabase, pack, database)
    board.apply()
    faults = unanswered(metabase, board, pack.questions)
    if faults:
        raise Failed("\n".join(faults))
    counts = ", ".join(f"{number} {what}" for what, number in board.counts.items())
    return f"{metabase.address}/dashboard/{board.dashboard}: {counts}; every question answers."


def main() -> None:
    """Do it, or tell how."""
    if not os.environ.get("METABASE_URL"):
        print(HOW)
        return
    try:
        print(apply(os.environ))
    except (Failed, UnknownLanguage) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
