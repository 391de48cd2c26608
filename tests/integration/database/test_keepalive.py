"""What a connection is opened with, and that a flow which nobody knows any more hangs nothing for good."""

import socket

import psycopg
import pytest
from sqlalchemy import make_url, text

from etl.database import keepalive
from etl.database.engine import make_engine, translated
from etl.errors import DatabaseError
from etl.load import journal, run_lock
from etl.load.run_lock import hold
from etl.workers import queue
from tests.databases import execute, query
from tests.forwarder import forwarder
from tests.waits import LONGEST, wait_until

# As many as the kernel is asked for here.
OPTIONS = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")

LOCKS = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def options_of(connection: psycopg.Connection) -> list[int]:
    with socket.socket(fileno=connection.pgconn.socket) as one:
        found = [one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
        found += [one.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in OPTIONS]
        one.detach()
    return found


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", [1, 30, 15, 4, 90_000]),
        ("?keepalives_idle=7&tcp_user_timeout=1500", [1, 7, 15, 4, 1500]),
        ("?keepalives=0&tcp_user_timeout=0", [0, None, None, None, 0]),
    ],
)
def test_each_connection_asks_whether_the_other_side_is_there_and_the_url_wins(
    database_url: str, given: str, expected: list[int | None]
) -> None:
    with forwarder(database_url) as through:
        engine = make_engine(through.url + given)
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, psycopg.Connection)
            found = options_of(raw)
        engine.dispose()
    assert [one for one, wanted in zip(found, expected, strict=True) if wanted is not None] == [
        wanted for wanted in expected if wanted is not None
    ]


def test_the_queue_opens_its_connections_in_the_same_way(database_url: str) -> None:
    given = f"{database_url}{'&' if '?' in database_url else '?'}keepalives_idle=7"
    pool = queue.open_app(given).connector._pool_args  # type: ignore[attr-defined] -- procrastinate shows it nowhere
    assert {name: pool["kwargs"][name] for name in {*keepalive.PARAMETERS, "application_name"}} == {
        "connect_timeout": 10, "keepalives": 1, "keepalives_idle": "7", "keepalives_interval": 15,
        "keepalives_count": 4, "tcp_user_timeout": 90_000, "application_name": "etl worker",
    }  # fmt: skip


def test_the_server_is_asked_to_look_after_its_side_and_ends_no_silent_session(database_url: str) -> None:
    name = make_url(database_url).database
    execute(database_url, f"ALTER DATABASE {name} SET idle_session_timeout = '1s'")
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW idle_session_timeout")) == "0"
        local = {
            one: connection.scalar(text(f"SELECT setting FROM pg_settings WHERE name = '{one}'"))
            for one in keepalive.LOOKED_AFTER
        }
    engine.dispose()
    # On a Unix socket the server takes them, and has none.
    assert local == dict.fromkeys(keepalive.LOOKED_AFTER, "0")


@pytest.mark.long
def test_the_lock_of_a_run_whose_connections_are_forgotten_is_soon_free(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port goes on acknowledging, as a proxy's does: the server alone can notice that nobody is there."""
    monkeypatch.setattr(run_lock, "LONGEST_SILENCE", "1s")
    monkeypatch.setattr(run_lock, "SECONDS_BETWEEN_TOUCHES", LONGEST)
    execute(database_url, "INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'http://x')")
    with forwarder(database_url) as through:
        engine, direct = make_engine(through.url), make_engine(database_url)
        with hold(engine, 1):
            journal.open_run(engine, journal.Run(1, "sync"))
            through.forget()
            # Another machine is let in as soon as the server has not heard of this one for too long.
            wait_until(lambda: query(database_url, LOCKS) == [])
            with hold(direct, 1):
                assert query(database_url, "SELECT outcome FROM sync_runs") == [("interrupted",)]
            through.close()
        engine.dispose()
        direct.dispose()


@pytest.mark.long
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
def test_what_nobody_takes_any_more_is_given_up_after_the_timeout(database_url: str) -> None:
    with forwarder(database_url) as through:
        engine = make_engine(f"{through.url}?tcp_user_timeout=300")
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))  # the transaction is open: nothing is answered before this is taken
            through.forget()
            with pytest.raises(DatabaseError, match=r"PostgreSQL at 127\.0\.0\.1"), translated(engine):
                connection.execute(text("SELECT length(:much)"), {"much": "x" * 30_000_000})
            connection.invalidate()
        engine.dispose()
