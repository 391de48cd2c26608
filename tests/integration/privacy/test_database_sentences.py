"""What PostgreSQL says of a value that it refuses is told without the value, whatever is kept of it."""

import pytest
from sqlalchemy import Engine, text

from etl.demo.events import add_message
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.end_to_end.run.test_kills import TOKEN, settings
from tests.etl_process import RunEtl
from tests.marked_vendor import MARK, found, mark
from tests.personal_data import everything_stored
from tests.scripted_account import LONG_AGO, account_of


@pytest.mark.parametrize(
    "trap",
    [
        f"ALTER TABLE helpdesk.messages ADD CHECK (content NOT LIKE '%{MARK}%')",
        "CREATE INDEX ON helpdesk.messages ((content::int))",
    ],
    ids=["in its detail", "in its sentence"],
)
def test_what_the_database_says_quotes_no_value(etl: RunEtl, engine: Engine, trap: str) -> None:
    account = account_of(1, messages=0)
    add_message(account, 1, mark("content"), LONG_AGO)
    with engine.begin() as connection:
        connection.execute(text(trap))
    with serve(Vendor(account, token=TOKEN)) as url:
        variables = settings(url, engine.url.render_as_string(hide_password=False))
        done = etl("sync", **variables)
    assert (done.returncode, found(done.stdout + done.stderr)) == (1, [])
    assert found(everything_stored(engine)) == []
