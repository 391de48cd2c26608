"""`etl verify` as people and monitors use it: what it prints, with which exit code, and how it is stopped."""

import json
import signal
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import execute, query
from tests.etl_process import TOKEN, RunEtl, settings, start_etl
from tests.held_vendor import holding
from tests.scripted_account import account_of
from tests.waits import LONGEST

EQUAL = """\
Account 1 · equal
  messages       36 compared, 0 differ, with their attachments
                 that is all of them: none of the messages differ
  conversations  12 compared, 0 differ, with their whole histories
                 that is all of them: none of the conversations differ, or lack a message
  fields         {fields} compared, of both
  seed           7: --seed 7 draws the same of the same tables
"""
STOPPED = "etl: Stopped on request. `etl verify` begins anew, and --seed draws the same sample. What a repair has saved"


def test_it_says_what_was_compared_what_differs_and_what_that_means(etl: RunEtl, database_url: str) -> None:
    with serve(Vendor(account_of(12), token=TOKEN)) as base_url:
        variables = settings(base_url, database_url)
        nothing = etl("verify", **variables)
        assert (nothing.returncode, "Nothing of account 1 is stored" in nothing.stderr) == (2, True)

        assert etl("sync", **variables).returncode == 0
        equal = etl("verify", "--seed", "7", **variables)
        fields = query(database_url, "SELECT fields FROM helpdesk.verifications")[0][0]
        assert equal.returncode == 0
        printed = "".join(f"{line.rstrip()}\n" for line in equal.stdout.splitlines())
        assert printed.startswith(EQUAL.format(fields=f"{fields:,}"))
        assert "12 conversations to read again, in about 24 requests" in equal.stderr

        execute(
            database_url,
            "UPDATE helpdesk.messages SET content = 'secret words', status = 'read' WHERE id = 5",
        )
        differs = etl("verify", "--conversation", "2", **variables)
        assert differs.returncode == 3
        lines = [" ".join(line.split()) for line in differs.stdout.splitlines()]
        assert lines[0] == "Account 1 · 2 differences in 1 conversations"
        assert lines[-2:] == [
            "message 5 content (not shown) (not shown)",
            "message 5 status read sent",
        ]
        assert "secret words" not in differs.stdout + differs.stderr

        sampled = etl("verify", "--sample", "36", "--json", **variables)
        told = json.loads(sampled.stdout)
        assert (sampled.returncode, told["outcome"], told["differences_found"]) == (3, "incomplete", 2)
        assert told["messages"] == {
            "population": 36,
            "drawn": 36,
            "compared": 36,
            "differing": 1,
            "changed": 0,
            "bound": pytest.approx(1 / 36),
        }
        assert told["differences"] == [
            {"what": "message", "id": 5, "field": "content", "stored": "(not shown)", "vendor": "(not shown)"},
            {"what": "message", "id": 5, "field": "status", "stored": "read", "vendor": "sent"},
        ]

        repaired = etl("verify", "--all", "--repair", **variables)
        assert repaired.returncode == 0
        assert repaired.stdout.startswith("Account 1 · 2 differences in 1 conversations, of which 1 are equal now\n")
        assert etl("verify", "--all", **variables).stdout.startswith("Account 1 · equal\n")


@pytest.mark.parametrize(
    "arguments",
    ["--conversation 2 --all", "--conversation 2 --seed 1", "--all --sample 3", "--since yesterday", "--sample 0"],
)
def test_what_cannot_be_meant_together_is_a_fault_of_the_command_line(etl: RunEtl, arguments: str) -> None:
    assert etl("verify", *arguments.split(), ETL_ACCOUNT_ID="1", ETL_API_TOKEN=TOKEN).returncode == 2


def test_a_request_to_stop_ends_it_and_nothing_is_written(etl: RunEtl, database_url: str, tmp_path: Path) -> None:
    vendor = Vendor(account_of(12), token=TOKEN)
    with serve(vendor) as base_url:
        assert etl("sync", **settings(base_url, database_url)).returncode == 0
    with holding(vendor) as (held, base_url):
        process = start_etl(tmp_path, "verify", **settings(base_url, database_url))
        held.wait_until_asked()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, STOPPED in err, "Traceback" in err) == (1, True, False)
    assert query(database_url, "SELECT count(*) FROM helpdesk.verifications") == [(0,)]
