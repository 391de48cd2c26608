"""The tables come to another revision while no run goes on, and can be taken back: `etl migrate --to`."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from etl.database import migrate
from etl.database.base import REVISION
from etl.database.engine import where
from etl.errors import AnotherRun, DatabaseError
from tests.databases import plain, query
from tests.etl_process import RunEtl
from tests.scripted_account import account_of, job

EARLIER = "0011_cheap_nights"
LOCK = "SELECT pg_advisory_lock(hashtextextended('etl sync ' || %s, 0))"


def revision_of(engine: Engine) -> str | None:
    return migrate.versions(engine)[0]


def holder(engine: Engine, account_id: int) -> psycopg.Connection:
    """Hold the lock of an account, as its run does."""
    connection = psycopg.connect(plain(engine.url.render_as_string(hide_password=False)), autocommit=True)
    connection.execute(LOCK, [account_id])
    return connection


def with_accounts(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, ''), (2, '')"))


@pytest.mark.parametrize("account_id", [1, 2])
def test_the_tables_stay_at_their_revision_while_a_run_goes_on(engine: Engine, account_id: int) -> None:
    migrate.migrate(engine, EARLIER)
    with_accounts(engine)
    with holder(engine, account_id), pytest.raises(AnotherRun) as refused:
        migrate.migrate(engine)
    assert str(refused.value) == (
        f"A run of account {account_id} is going on, with the tables as they are: nothing was migrated."
        " Wait for it, or stop it, and the workers, then run `etl migrate` again."
    )
    assert revision_of(engine) == EARLIER
    migrate.migrate(engine)
    assert revision_of(engine) == REVISION


def test_neither_are_they_taken_back_under_it(engine: Engine) -> None:
    with_accounts(engine)
    with holder(engine, 1), pytest.raises(AnotherRun):
        migrate.migrate(engine, EARLIER)
    assert revision_of(engine) == REVISION


def test_a_run_does_not_keep_anybody_from_a_look_whether_there_is_something_to_migrate(engine: Engine) -> None:
    """The service `migrate` of docker-compose.yml does so before each run of a container."""
    with_accounts(engine)
    with holder(engine, 1):
        assert migrate.migrate(engine) == []


def test_a_run_that_the_migration_overtook_before_it_had_the_lock_does_nothing(engine: Engine) -> None:
    with job(account_of(2), engine) as night:
        migrate.migrate(engine, EARLIER)
        with pytest.raises(DatabaseError, match=f"are at revision {EARLIER}, this version of etl needs {REVISION}"):
            night.run()
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM helpdesk.sync_runs")) == 0


def test_back_with_the_rows_and_up_again_once_the_loss_is_accepted(
    etl: RunEtl, engine: Engine, database_url: str
) -> None:
    with job(account_of(3), engine) as night:
        assert night.run().outcome == "complete"
    kept = query(database_url, "SELECT * FROM messages ORDER BY id")

    refused = etl("migrate", "--to", EARLIER, DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (1, "")
    first_line = refused.stderr.split(" drops what ")[0]
    assert first_line == f"etl: To take the tables back from {REVISION} to {EARLIER}"
    files = sorted((Path(__file__).parents[3] / "migrations" / "versions").glob("0*.py"), reverse=True)
    taken = ", ".join(file.stem for file in files if file.stem > EARLIER)
    assert f"drops what {taken} added, with all that is in it. Nothing was changed." in refused.stderr
    assert revision_of(engine) == REVISION

    back = etl("migrate", "--to", EARLIER, "--accept-loss", DATABASE_URL=database_url)
    assert (back.returncode, back.stdout) == (
        0,
        f"The tables are at revision {EARLIER}. Install the version of etl that they are for, and run its"
        " `etl migrate`, which makes the views.\n",
    )
    assert revision_of(engine) == EARLIER
    assert query(database_url, "SELECT to_regclass('bi.conversations')") == [(None,)]

    migrate.migrate(engine)
    assert query(database_url, "SELECT * FROM messages ORDER BY id") == kept
    assert query(database_url, "SELECT count(*) FROM bi.conversations") == [(3,)]


def test_only_an_earlier_revision_is_a_way_back(engine: Engine, empty_database_url: str, etl: RunEtl) -> None:
    assert migrate.taken_back(engine, REVISION) == []
    assert migrate.taken_back(engine, EARLIER)[-1] == "0012_targets"
    migrate.migrate(engine, EARLIER)
    assert migrate.taken_back(engine, REVISION) == []
    later = etl("migrate", "--to", REVISION, "--accept-loss", DATABASE_URL=engine.url.render_as_string(False))
    assert later.stderr == (
        f"etl: Revision {REVISION} is later than {EARLIER}, at which the tables are: run `etl migrate`.\n"
    )
    with pytest.raises(
        DatabaseError, match=r"^There is no revision 0011\. There are: 0001_tables, .*0011_cheap_nights"
    ):
        migrate.taken_back(engine, "0011")
    nowhere = etl("migrate", "--to", EARLIER, DATABASE_URL=empty_database_url)
    assert "has no tables yet. Run `etl migrate` first." in nowhere.stderr


@pytest.mark.parametrize("options", [["--accept-loss"], ["--to", EARLIER, "--drop-views"]])
def test_what_makes_no_sense_together_is_refused(etl: RunEtl, options: list[str]) -> None:
    assert etl("migrate", *options).returncode == 2


def test_the_refusals_name_the_database(engine: Engine) -> None:
    migrate.migrate(engine, EARLIER)
    with pytest.raises(DatabaseError) as refused:
        migrate.require_revision(engine)
    assert str(refused.value).startswith(f"The tables in {where(engine)} are at revision {EARLIER}")
