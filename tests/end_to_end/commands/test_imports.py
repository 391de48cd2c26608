"""What a command loads: who asks the database alone waits for neither the client nor the transformation."""

from pathlib import Path

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.end_to_end.run.test_kills import TOKEN, settings
from tests.etl_process import RunEtl, run_program
from tests.scripted_account import account_of

# What asks the vendor, and what reads its answers.
HEAVY = ("requests", "tenacity", "etl.extract", "etl.transform", "etl.run", "etl.demo")


COMMANDS = ("jobs", "status --json", "runs --run 1")


def test_who_asks_the_database_alone_loads_nothing_that_asks_the_vendor(
    etl: RunEtl, tmp_path: Path, database_url: str
) -> None:
    with serve(Vendor(account_of(1), token=TOKEN)) as base_url:
        variables = settings(base_url, database_url)
        assert etl("sync", **variables).returncode == 0
        assert etl("backfill", "--queue", **variables).returncode == 0
    for command in COMMANDS:
        done = run_program(tmp_path, *command.split(), DATABASE_URL=database_url, PYTHONPROFILEIMPORTTIME="1")
        assert done.returncode == 0, done.stderr
        assert "sync" in done.stdout or "backfill" in done.stdout or "complete" in done.stdout
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert {"etl.commands.main", "etl.database.migrate", "sqlalchemy"} <= loaded
        heavy = [one for one in loaded if one in HEAVY or one.startswith(tuple(f"{name}." for name in HEAVY))]
        assert (command, sorted(heavy)) == (command, [])
