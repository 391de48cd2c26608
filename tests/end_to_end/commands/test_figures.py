"""`etl figures`: what changed by hand is counted, and everything anew gives the rows that the runs wrote."""

from sqlalchemy import Engine

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.load import journal
from etl.load.run_lock import hold
from tests.databases import execute, query, tables
from tests.etl_process import RunEtl, settings
from tests.scripted_account import account_of

TOKEN = "t" * 20


def test_figures_are_computed_of_what_changed_and_all_anew_with_the_same_rows(etl: RunEtl, database_url: str) -> None:
    with serve(Vendor(account_of(30), token=TOKEN)) as base_url:
        assert etl("sync", **settings(base_url, database_url, ETL_API_TOKEN=TOKEN)).returncode == 0
    before = tables(database_url)
    anew = etl("figures", "--rebuild", DATABASE_URL=database_url)
    assert (anew.returncode, anew.stdout) == (0, "The figures of 30 conversations are computed.\n")
    assert anew.stderr == "Account 1: figures of 30 conversations\n"
    assert tables(database_url) == before

    execute(database_url, "UPDATE helpdesk.messages SET message_type = 'activity' WHERE conversation_id IN (3, 4)")
    changed = etl("figures", DATABASE_URL=database_url)
    assert (changed.returncode, changed.stdout) == (0, "The figures of 2 conversations are computed.\n")
    waits = "SELECT count(*) FROM helpdesk.customer_waits WHERE conversation_id IN (3, 4)"
    assert query(database_url, waits) == [(0,)]


def test_figures_wait_for_no_run_and_are_waited_for_by_none(etl: RunEtl, database_url: str, engine: Engine) -> None:
    with serve(Vendor(account_of(3), token=TOKEN)) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN=TOKEN)
        assert etl("sync", **variables).returncode == 0
        with hold(engine, 1):
            journal.open_run(engine, journal.Run(1, "sync"))
            refused = etl("figures", "--rebuild", DATABASE_URL=database_url)
    assert (refused.returncode, refused.stdout) == (4, "")


def test_figures_need_tables_of_this_version(etl: RunEtl, empty_database_url: str) -> None:
    refused = etl("figures", DATABASE_URL=empty_database_url)
    assert (refused.returncode, "has no tables yet. Run `etl migrate` first." in refused.stderr) == (2, True)
