"""The book of what was verified, which is no part of what is stored of the account."""

from typing import Any

from sqlalchemy import Connection, insert

from etl.database.witnesses import Verification


def note(connection: Connection, account_id: int, columns: dict[str, Any]) -> None:
    """Write down what was compared, and with which result."""
    connection.execute(insert(Verification).values(account_id=account_id, **columns))
