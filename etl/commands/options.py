"""Options that several commands take."""

from enum import StrEnum
from typing import Annotated

import typer

OneAccount = Annotated[
    int | None, typer.Option("--account", min=1, metavar="ID", help="Whose, if ETL_ACCOUNTS has several.")
]


Accounts = Annotated[
    list[int] | None,
    typer.Option("--account", min=1, metavar="ID", help="Only this account of ETL_ACCOUNTS. May be repeated."),
]


AllAccounts = Annotated[bool, typer.Option("--all", help="Every account of ETL_ACCOUNTS, one after the other.")]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on one line, and nothing else.")]


class Status(StrEnum):
    """The statuses that the vendor documents; it answers others with nothing, or with an error."""

    open = "open"
    resolved = "resolved"
    pending = "pending"
    snoozed = "snoozed"


class AssigneeType(StrEnum):
    """Whose conversations, from the point of view of the token's user."""

    me = "me"
    unassigned = "unassigned"
    all = "all"
    assigned = "assigned"


Statuses = Annotated[
    list[Status] | None,
    typer.Option(
        "--status", metavar="STATUS", help="Only this status: open, resolved, pending, snoozed. May be repeated."
    ),
]
