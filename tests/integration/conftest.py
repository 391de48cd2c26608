"""What tests of the views share: the written account in a database of its own, which they only read."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from etl import database
from tests.conftest import new_database
from tests.integration import written_account


@pytest.fixture(scope="module")
def written(server_url: str, template: str) -> Iterator[Engine]:
    """An engine for a database that holds the written account."""
    with new_database(server_url, template) as url:
        engine = database.make_engine(url)
        written_account.write(engine)
        yield engine
        engine.dispose()
