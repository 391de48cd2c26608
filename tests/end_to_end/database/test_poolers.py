"""The command line and workers behind a real pgbouncer."""

from pathlib import Path

import pytest

from etl.database.pooler import said
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.errors import NoSession
from tests.databases import outcomes, query
from tests.end_to_end.workers.worker_processes import Slow, workers
from tests.etl_process import TOKEN, RunEtl, sentence, settings
from tests.examples import in_the_long_run
from tests.pooler import needs_pgbouncer, pooled
from tests.scripted_account import account_of

pytestmark = needs_pgbouncer

COMMANDS = ["sync", "migrate", "status", "jobs", "worker", "psql"]
OTHERS = ["backfill --since 2026-01-01", "runs", "grant --role postgres", "redact", "migrate --drop-views"]


def test_each_command_refuses_a_pooler_that_hands_transactions_to_other_sessions_and_nothing_is_written(
    etl: RunEtl, database_url: str
) -> None:
    with serve(Vendor(account_of(3), token=TOKEN)) as base_url, pooled(database_url, "transaction") as url:
        for command in COMMANDS:
            done = etl(*command.split(), **settings(base_url, url))
            assert done.returncode == 2, command
            assert sentence(done.stderr).startswith("PostgreSQL at 127.0.0.1:"), command
            assert sentence(done.stderr).endswith(NoSession.advice), command
        done = etl("check", **settings(base_url, url))
        assert done.returncode == 1
        assert f"FAULT  session   {said(url.rpartition('@')[2])} {NoSession.advice}\n" in done.stdout
        assert query(database_url, "SELECT count(*) FROM accounts") == [(0,)]


@pytest.mark.parametrize("command", in_the_long_run(*OTHERS))
def test_so_does_every_other_command(etl: RunEtl, database_url: str, command: str) -> None:
    with serve(Vendor(account_of(3), token=TOKEN)) as base_url, pooled(database_url, "statement") as url:
        done = etl(*command.split(), **settings(base_url, url, ETL_PII="drop"))
        assert (done.returncode, sentence(done.stderr).endswith(NoSession.advice)) == (2, True)


@pytest.mark.long
def test_in_session_mode_workers_are_called_and_share_a_run(tmp_path: Path, database_url: str) -> None:
    slow = Slow(Vendor(account_of(60), token=TOKEN))
    with serve(slow) as base_url, pooled(database_url, "session", server_reset_query="DISCARD ALL") as url:
        with workers(tmp_path, settings(base_url, url)) as some:
            some.start(2)
            slow.go.set()
            some.wait_until_all_is_done()
            some.started[0].stop()
        assert outcomes(database_url) == ["complete"]
        assert query(database_url, "SELECT count(*) FROM conversations") == [(60,)]
