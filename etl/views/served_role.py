"""The roles of `etl serve`: they read the views of schema `bi` of the embedded PostgreSQL, and may nothing else."""

from psycopg import sql
from sqlalchemy import Engine, text

from etl.database.engine import transaction
from etl.load.upsert import psycopg_of
from etl.views import grants
from etl.views.grants import THERE

# Two, as what one of them sees must not change while somebody else is served the other.
MASKED, IN_CLEAR = "etl_reader", "etl_reader_in_clear"
ROLES = (MASKED, IN_CLEAR)

# Whatever somebody made of it before.
RIGHTS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS VALID UNTIL 'infinity'"
SETTINGS = {
    "default_transaction_read_only": "on",
    "search_path": "bi",
    # A tool that forgets a transaction must not keep `etl migrate` from the views.
    "idle_in_transaction_session_timeout": "5min",
}


def make(engine: Engine, with_personal_data: bool, password: str) -> str:
    """Make the role, or bring it to what it has to be, and return its name; the server hears no password, but a hash.

    Raise DatabaseError where the role sees personal data that it must not see, as others let it.
    """
    role = IN_CLEAR if with_personal_data else MASKED
    with transaction(engine) as connection:
        raw = psycopg_of(connection)
        verifier = raw.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        verb = "ALTER" if connection.scalar(text(THERE), {"role": role}) else "CREATE"
        name = sql.Identifier(role)
        raw.execute(
            sql.SQL("{} ROLE {} WITH {} PASSWORD {}").format(
                sql.SQL(verb), name, sql.SQL(RIGHTS), sql.Literal(verifier)
            )
        )
        for setting, value in SETTINGS.items():
            raw.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value)))
    grants.grant(engine, role, with_personal_data)
    return role
