"""A pooled connection is asked whether it still is one after a rest, and taken for one right after its last use."""

import pytest
from sqlalchemy import Engine, text

from etl.database import engine as engines
from etl.database.engine import make_engine, transaction
from etl.errors import DatabaseError


def number_of_session(engine: Engine) -> int:
    with transaction(engine) as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.fixture
def ended(database_url: str) -> Engine:
    """An engine whose pooled sessions are all ended."""
    engine, another = make_engine(database_url), make_engine(database_url)
    with transaction(engine) as one, transaction(engine) as two:
        numbers = [int(each.execute(text("SELECT pg_backend_pid()")).scalar_one()) for each in (one, two)]
    with transaction(another) as connection:
        for number in numbers:
            # Waits until it has ended.
            assert connection.execute(text("SELECT pg_terminate_backend(:number, 10000)"), {"number": number}).scalar()
    another.dispose()
    return engine


def test_after_a_rest_those_that_ended_are_opened_anew(ended: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SECONDS_BELIEVED", 0)
    with transaction(ended) as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != number_of_session(ended)
    ended.dispose()


def test_right_after_its_use_one_that_ended_is_an_error_and_the_next_is_none(
    ended: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SECONDS_BELIEVED", 600)
    with pytest.raises(DatabaseError):
        number_of_session(ended)
    assert number_of_session(ended)
    ended.dispose()
