"""The dump and the restore of operations.md, word for word, and what the commands say between the two."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import execute, new_database, query
from tests.dumps import restore
from tests.end_to_end.workers.worker_processes import MESSAGES, messages_of
from tests.etl_process import TOKEN, RunEtl, settings
from tests.roles import OPERATIONS
from tests.scripted_account import account_of

BACKUP = OPERATIONS.read_text(encoding="utf-8").partition("## Backup")[2]


def dump_by_the_document(folder: Path, url: str, *options: str) -> Path:
    """Run the program of dump.sh on a database."""
    (program,) = re.findall(r"<<'PY'\n(.*?)^PY$", BACKUP, re.DOTALL | re.MULTILINE)
    file = folder / "etl.dump"
    command = [sys.executable, "-", "pg_dump", "--format=custom", f"--file={file}", *options]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "DATABASE_URL": url}
    subprocess.run(command, input=program, text=True, check=True, cwd=folder, env=environment)
    return file


def schemas_of_the_document() -> list[str]:
    (line,) = re.findall(r"^pg_dump --format=custom (.*) --file", BACKUP, re.MULTILINE)
    return line.split()


@pytest.mark.long
@pytest.mark.parametrize("schemas", [schemas_of_the_document(), ["--schema=helpdesk"], []], ids=["all", "one", "whole"])
def test_what_the_document_dumps_is_restored_and_the_nights_go_on(
    etl: RunEtl, database_url: str, server_url: str, tmp_path: Path, schemas: list[str]
) -> None:
    account = account_of(5)
    with serve(Vendor(account, token=TOKEN)) as base_url, new_database(server_url) as url:
        assert etl("sync", **settings(base_url, database_url)).returncode == 0
        restore(url, dump_by_the_document(tmp_path, database_url, *schemas), "--no-owner")
        variables = settings(base_url, url)
        if len(schemas) == 1:
            for command in (["worker"], ["jobs"], ["backfill", "--queue"]):
                refused = etl(*command, **variables)
                assert refused.returncode == 2
                assert "Schema etl_jobs lacks " in refused.stderr
                assert refused.stderr.endswith(" Run `etl migrate`, which makes the queue anew.\n")
            checked = etl("check", **variables)
            assert (checked.returncode, "FAULT  queue     Schema etl_jobs lacks" in checked.stdout) == (1, True)
        assert etl("migrate", **variables).returncode == 0
        assert "FAULT" not in etl("check", **variables).stdout
        assert etl("sync", **variables).returncode == 0
        assert query(url, MESSAGES) == messages_of(account)
        assert query(url, "SELECT run_id, outcome FROM sync_runs ORDER BY 1") == [(1, "complete"), (2, "complete")]
        assert etl("jobs", **variables).stdout == "Nothing waits, runs or failed.\n"


def test_where_nothing_is_wrong_the_check_has_two_lines_of_the_database_that_fit_a_terminal(
    etl: RunEtl, database_url: str
) -> None:
    with serve(Vendor(account_of(1), token=TOKEN)) as base_url:
        checked = etl("check", **settings(base_url, database_url))
        lines = [line for line in checked.stdout.splitlines() if " database " in line or " schema " in line]
        assert [line.split()[:2] for line in lines] == [["ok", "database"], ["ok", "schema"]]
        assert lines[1] == "ok     schema    at revision 0016_unseen"
        execute(database_url, "ALTER TABLE helpdesk.messages ENABLE ROW LEVEL SECURITY")
        assert etl("check", **settings(base_url, database_url)).returncode == 0  # the owner sees all rows
