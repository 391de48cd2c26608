"""What tests of the views share and only read: a database with the written account, and one without a row."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event

from tests.databases import new_engine
from tests.integration.views import written_account


@pytest.fixture(scope="module")
def written(server_url: str, template: str) -> Iterator[Engine]:
    """An engine for a database that holds the written account, to which replies and resolutions are promised."""
    with new_engine(server_url, template) as engine:
        written_account.write(engine)
        written_account.promise(engine)
        yield engine


@pytest.fixture(scope="module")
def shown(server_url: str, template: str) -> Iterator[Engine]:
    """The same with a message that failed: of everything that a dashboard shows there is something."""
    with new_engine(server_url, template) as engine:
        written_account.write(engine)
        written_account.promise(engine)
        written_account.fail(engine)
        yield engine


@pytest.fixture(scope="module")
def no_rows(server_url: str, template: str) -> Iterator[Engine]:
    """An engine for a database that holds no row, and takes none."""
    with new_engine(server_url, template) as engine:
        event.listen(engine, "begin", lambda one: one.exec_driver_sql("SET TRANSACTION READ ONLY"))
        yield engine
