"""Behind a real pgbouncer: where transactions get sessions of others nothing is done, and in session mode all is."""

from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from etl.commands import check
from etl.database import migrate, pooler
from etl.database.engine import make_engine, transaction, where
from etl.errors import DatabaseError, NoSession
from tests.databases import plain, query
from tests.examples import in_the_long_run
from tests.pooler import needs_pgbouncer, pooled
from tests.scripted_account import account_of, job

pytestmark = needs_pgbouncer

# What a session would tell of us if anything was left behind on it.
LEFT = """
    SELECT current_setting('search_path'), current_setting('lock_timeout'), current_setting('timezone'),
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
        (SELECT count(*) FROM pg_prepared_statements)
"""

LOCKS = """
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def fill(url: str, sessions: int) -> None:
    """Have a pooler open so many sessions, which then wait for whoever comes."""
    with ExitStack() as open_ones:
        for _ in range(sessions):
            one = open_ones.enter_context(psycopg.connect(plain(url)))
            one.execute("SELECT 1")


def left(url: str, sessions: int) -> set[tuple[Any, ...]]:
    """Return what is left behind on the sessions of a pooler."""
    with ExitStack() as open_ones:
        asking = [open_ones.enter_context(psycopg.connect(plain(url))) for _ in range(sessions)]
        return {tuple(one.execute(LEFT.encode()).fetchall()[0]) for one in asking}


@pytest.mark.parametrize(
    ("mode", "size", "robin"),
    [
        ("transaction", 20, 0),
        ("transaction", 1, 0),
        ("transaction", 2, 1),
        ("statement", 2, 0),
        *in_the_long_run(
            ("transaction", 2, 0), ("transaction", 3, 1), ("transaction", 20, 1), ("statement", 1, 0),
            ("statement", 20, 1),
        ),
    ],
)  # fmt: skip
def test_where_each_transaction_gets_another_session_it_is_refused_and_nothing_is_left_behind(
    database_url: str, mode: str, size: int, robin: int
) -> None:
    with pooled(database_url, mode, default_pool_size=size, server_round_robin=robin) as url:
        if mode == "transaction":
            fill(url, size)
            before = left(url, size)
        engine = make_engine(url)
        for _ in range(2):
            with pytest.raises(DatabaseError, match=r"in transaction or statement mode, .* Let DATABASE_URL lead to"):
                migrate.require_head(engine)
        with pytest.raises(NoSession), transaction(engine):
            pass
        (finding,) = check.check_database(engine)
        assert (finding.ok, finding.name, finding.said, finding.advice) == (
            False, "session", pooler.said(where(engine)), NoSession.advice,
        )  # fmt: skip
        engine.dispose()
        if mode == "transaction":
            assert left(url, size) == before


@pytest.mark.parametrize("settings", [{}, {"server_reset_query": "", "server_round_robin": 1}], ids=str)
def test_in_session_mode_a_run_is_as_it_is_without_a_pooler(database_url: str, settings: dict[str, Any]) -> None:
    with pooled(database_url, "session", **settings) as url:
        engine = make_engine(url)
        assert all(finding.ok for finding in check.check_database(engine))
        with job(account_of(3), engine) as etl:
            assert [etl.run().outcome for _ in range(2)] == ["complete", "complete"]
        engine.dispose()
        assert query(database_url, LOCKS) == []


def test_a_pooler_without_a_second_session_is_refused_soon(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooler, "SECONDS_FOR_A_SECOND", 0.2)
    with pooled(database_url, "session", default_pool_size=1) as url:
        engine = make_engine(url)
        with pytest.raises(DatabaseError, match=r"gave no second connection within 0\.2 seconds"):
            migrate.require_head(engine)
        engine.dispose()


def test_where_postgresql_itself_answers_two_short_questions_are_all_it_costs(database_url: str) -> None:
    asked: list[str] = []
    opened: list[Any] = []
    engine = make_engine(database_url)
    event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    asking = pooler._ask

    def ask(connection: Any) -> int:
        asked.append("asked")
        return asking(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooler, "_ask", ask)
        for _ in range(3):
            with engine.connect() as one, engine.connect() as other:
                assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1"))
    assert (len(asked), len(opened)) == (2, 2)
    engine.dispose()
