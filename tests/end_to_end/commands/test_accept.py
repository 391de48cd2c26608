"""`etl accept` as a command: what it says, and how status, JSON, metrics and pings tell what is known."""

import json
from pathlib import Path

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import execute, query
from tests.etl_process import TOKEN, RunEtl, settings
from tests.integration.run.test_accepted import Faults
from tests.ping_service import pinged
from tests.scripted_account import account_of

REASON = "its contact was deleted"


def assert_all_tell_it(etl: RunEtl, folder: Path, variables: dict[str, str]) -> None:
    """Status, the list and the metrics tell that conversation 3 is known."""
    well = etl("status", **variables)
    assert (well.returncode, "1 known: conversation 3 (etl accept)" in well.stdout) == (0, True)
    (told,) = json.loads(etl("status", "--json", **variables).stdout)["accounts"]
    assert (told["ok"], told["known"]) == (True, {"conversation": ["3"]})
    (shown,) = json.loads(etl("accept", "--json", **variables).stdout)
    assert (shown["kind"], shown["what"], shown["reason"]) == ("conversation", "3", REASON)
    written = (folder / "etl-1.prom").read_text()
    assert 'etl_run_known_faults{account_id="1",kind="sync",what="conversation"} 1' in written
    assert 'etl_run_success{account_id="1",kind="sync"} 1' in written


def test_a_night_that_is_red_because_of_one_conversation_is_green_once_that_is_known(
    etl: RunEtl, database_url: str, tmp_path: Path
) -> None:
    app, faults = Vendor(account_of(4), token=TOKEN, page_size=1), Faults(3)
    with serve(lambda request: faults(request, app(request))) as base_url, pinged() as service:
        more = {"ETL_PING_URL": service.url, "ETL_METRICS_FILE": str(tmp_path / "etl-{account_id}.prom")}
        variables = settings(base_url, database_url, ETL_RETRY_ATTEMPTS="1", **more)
        assert etl("sync", **variables).returncode == 3
        assert service.steps() == ["/start", "/fail"]
        refused = etl("accept", "--conversation", "3", **variables)
        assert (refused.returncode, "say --reason TEXT" in refused.stderr) == (2, True)
        done = etl("accept", "--conversation", "3", "--reason", REASON, "--until", "2126-01-31", **variables)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("conversation 3: until 2126-01-31; since ")
        assert done.stdout.endswith(f"database user postgres\n    {REASON}\n")
        night = etl("sync", **variables)
        assert night.returncode == 0, night.stdout
        assert "1 known: conversation 3 (etl accept)" in night.stdout
        assert "4 ids = 3 loaded + 1 unreadable" in night.stdout
        assert [step for step, _ in service.told][-1].endswith("/" + service.url.rpartition("/")[2])
        assert "problems 0, known 1," in service.told[-1][1]
        assert_all_tell_it(etl, tmp_path, variables)
        back = etl("accept", "--withdraw", "--conversation", "3", **variables)
        assert (back.returncode, back.stdout) == (0, "Nothing is accepted.\n")
        assert etl("sync", "--full", **variables).returncode == 3


def test_without_personal_data_no_reason_is_kept(etl: RunEtl, database_url: str) -> None:
    app, faults = Vendor(account_of(3), token=TOKEN, page_size=1), Faults(2)
    with serve(lambda request: faults(request, app(request))) as base_url:
        variables = settings(base_url, database_url, ETL_RETRY_ATTEMPTS="1", ETL_PII="drop")
        etl("sync", **variables)
        done = etl("accept", "--conversation", "2", "--reason", "Dana asked for it", **variables)
        assert (done.returncode, "The reason was not kept" in done.stderr) == (0, True), done.stderr
        assert query(database_url, "SELECT reason FROM acceptances") == [(None,)]
        execute(database_url, "UPDATE helpdesk.acceptances SET ended_at = now()")
        assert etl("accept", **variables).stdout == "Nothing is accepted.\n"
