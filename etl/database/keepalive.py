"""How a connection with PostgreSQL is kept, and how it is found out that the other side is gone: in a minute or two.

A balancer or firewall forgets a flow that was silent for some minutes, without telling either side: who waits for an
answer would wait for hours, and the server would hold the locks of who is gone for as long.
"""

from collections.abc import Container

# Of libpq, in seconds, the last one in milliseconds. On a Unix socket they say nothing.
PARAMETERS = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 15,
    "keepalives_count": 4,
    "tcp_user_timeout": 90_000,
}
# The server's own side of it. It leaves out what its version or system does not know.
LOOKED_AFTER = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "15",
    "tcp_keepalives_count": "4",
    "tcp_user_timeout": "90000",
    # Connections rest in a pool while the vendor is waited for; that of a run's lock has a limit of its own.
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


def statement() -> str:
    """Return the statement by which a session has the server look whether the other side is still there."""
    given = ", ".join(f"('{name}', '{value}')" for name, value in LOOKED_AFTER.items())
    return (
        "SELECT pg_catalog.set_config(name, wanted, false)"  # noqa: S608 -- only constants are formatted in
        f" FROM (VALUES {given}) AS given(name, wanted) WHERE pg_catalog.current_setting(name, true) IS NOT NULL"
    )


def defaults(given: Container[str], application_name: str) -> dict[str, str | int]:
    """Return what a connection is opened with, but for what the database's URL says itself (`given`)."""
    ours = PARAMETERS | {"application_name": application_name}
    return {name: value for name, value in ours.items() if name not in given}
