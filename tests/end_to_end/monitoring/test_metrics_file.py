"""ETL_METRICS_FILE: what node_exporter finds after each run."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import query
from tests.etl_process import TOKEN, RunEtl, settings
from tests.scripted_account import account_of

SAMPLE = re.compile(r'(\w+)\{((?:\w+="[^"]*",?)+)\} (\S+)')


@pytest.fixture
def variables(tmp_path: Path, database_url: str) -> Iterator[dict[str, str]]:
    with serve(Vendor([account_of(3), account_of(2, number=2)], token=TOKEN)) as base_url:
        file = tmp_path / "collected" / "etl-{account_id}.prom"
        file.parent.mkdir()
        yield settings(base_url, database_url, ETL_METRICS_FILE=str(file))


def samples(file: Path) -> dict[tuple[str, str], float]:
    """Return the values by name and labels; every line is a sample, or the help or the type of the ones below it."""
    found: dict[tuple[str, str], float] = {}
    name = ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("# HELP "):
            assert line.split()[2] != name
            name = line.split()[2]
        elif line.startswith("#"):
            assert line == f"# TYPE {name} gauge"
        else:
            form = SAMPLE.fullmatch(line)
            assert form, line
            assert form[1] == name
            assert (form[1], form[2]) not in found
            found[form[1], form[2]] = float(form[3])
    return found


@pytest.mark.long
def test_the_file_tells_of_the_last_run_of_each_kind(
    etl: RunEtl, variables: dict[str, str], tmp_path: Path, database_url: str
) -> None:
    assert etl("sync", **variables).returncode == 0
    assert etl("backfill", "--conversation", "1", **variables).returncode == 0
    folder = tmp_path / "collected"
    assert [one.name for one in folder.iterdir()] == ["etl-1.prom"]
    file = folder / "etl-1.prom"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    found = samples(file)
    of_sync, of_backfill = 'account_id="1",kind="sync"', 'account_id="1",kind="backfill"'
    (started, ended, requests), (started_later, _, _) = query(
        database_url,
        "SELECT extract(epoch FROM started_at)::float, extract(epoch FROM finished_at)::float, requests FROM sync_runs"
        " ORDER BY run_id",
    )
    assert found["etl_last_complete_timestamp_seconds", 'account_id="1"'] == pytest.approx(started)
    assert found["etl_last_walk_timestamp_seconds", 'account_id="1"'] == pytest.approx(started)
    assert found["etl_run_last_start_timestamp_seconds", of_sync] == pytest.approx(started)
    assert found["etl_run_last_start_timestamp_seconds", of_backfill] == pytest.approx(started_later)
    assert found["etl_run_last_end_timestamp_seconds", of_sync] == pytest.approx(ended)
    assert found["etl_run_duration_seconds", of_sync] == pytest.approx(ended - started, abs=0.001)
    assert found["etl_run_success", of_sync] == found["etl_run_success", of_backfill] == 1
    assert found["etl_run_outcome", of_sync + ',outcome="complete"'] == 1
    assert found["etl_run_outcome", of_sync + ',outcome="failed"'] == 0
    assert found["etl_run_requests", of_sync] == requests
    assert found["etl_run_retries", of_sync] == 0
    assert found["etl_run_rows", of_sync + ',table="messages",change="inserted"'] == 9
    assert found["etl_run_rejected_records", of_sync] == 0
    assert found["etl_run_conversation_ids", of_sync + ',state="loaded"'] == 3
    assert not [labels for name, labels in found if name == "etl_run_conversation_ids" and "backfill" in labels]


def test_a_failed_run_is_no_success_and_leaves_the_time_of_the_complete_one(
    etl: RunEtl, variables: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "collected" / "etl-1.prom"
    etl("sync", **variables)
    before = samples(file)
    assert etl("sync", **variables | {"ETL_API_TOKEN": "another"}).returncode == 2
    after = samples(file)
    complete = "etl_last_complete_timestamp_seconds", 'account_id="1"'
    assert after[complete] == before[complete]
    assert after["etl_run_success", 'account_id="1",kind="sync"'] == 0
    assert after["etl_run_outcome", 'account_id="1",kind="sync",outcome="failed"'] == 1


@pytest.mark.long
def test_accounts_do_not_erase_each_other(etl: RunEtl, variables: dict[str, str], tmp_path: Path) -> None:
    for account in ("1", "2"):
        assert etl("sync", **variables | {"ETL_ACCOUNT_ID": account}).returncode == 0
    files = sorted((tmp_path / "collected").iterdir())
    assert [one.name for one in files] == ["etl-1.prom", "etl-2.prom"]
    for number, file in enumerate(files, 1):
        assert all(f'account_id="{number}"' in labels for _, labels in samples(file))


def test_a_file_that_cannot_be_written_is_a_warning_and_no_failed_run(
    etl: RunEtl, variables: dict[str, str], tmp_path: Path
) -> None:
    done = etl("sync", **variables | {"ETL_METRICS_FILE": str(tmp_path / "nowhere" / "{account_id}.prom")})
    assert done.returncode == 0
    (warning,) = [line for line in done.stderr.splitlines() if "warning" in line]
    assert warning.endswith("nowhere/1.prom could not be written (ETL_METRICS_FILE): No such file or directory")
