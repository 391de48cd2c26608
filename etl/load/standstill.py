"""No run goes on while the tables change: each was begun for the tables of its own version.

It would go on with the new ones as if they were those, and mark as read what lacks all that they have more.
"""

from sqlalchemy import BigInteger, Connection, column, func, select, table

from etl.database.base import SCHEMA
from etl.errors import AnotherRun
from etl.load.run_lock import lock_key

# Of any revision, and every run's account is in it: the first one made it so.
_ACCOUNTS = table("accounts", column("account_id", BigInteger), schema=SCHEMA)


def require_standstill(connection: Connection) -> None:
    """Take the locks of all accounts until this transaction ends; raise AnotherRun when one of them is taken.

    What begins meanwhile waits for its lock, or ends without having done anything.
    """
    is_free = func.pg_try_advisory_xact_lock(lock_key(_ACCOUNTS.c.account_id))
    busy = connection.scalars(select(_ACCOUNTS.c.account_id).where(~is_free)).all()
    if busy:
        named = ", ".join(map(str, sorted(busy)))
        raise AnotherRun(
            f"A run of account {named} is going on, with the tables as they are: nothing was migrated. Wait for it, or"
            " stop it, and the workers, then run `etl migrate` again."
        )
