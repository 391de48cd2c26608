"""Terminals, pipes and files that cannot take what is printed: the run's exit code stays, and JSON stays JSON."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.etl_process import ETL, TOKEN, environment_of, settings
from tests.examples import in_the_long_run
from tests.scripted_account import account_of
from tests.waits import LONGEST

NARROW = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "strict": {"PYTHONIOENCODING": "iso8859-8:strict"},
}


@pytest.fixture
def vendor() -> Vendor:
    return Vendor(account_of(3), token=TOKEN)


@pytest.fixture
def variables(vendor: Vendor, database_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Two accounts, one of them called in Hebrew; the second one's token is refused."""
    table = '[[account]]\nid = {}\nname = "חנות {}"\ntoken_variable = "ETL_API_TOKEN"\n'
    (tmp_path / "accounts.toml").write_text(table.format(1, 1) + table.format(2, 2), encoding="utf-8")
    with serve(vendor) as base_url:
        yield settings(base_url, database_url, ETL_ACCOUNTS="accounts.toml")


def run(folder: Path, arguments: str, variables: dict[str, str], redirected: str = "") -> tuple[int, bytes, bytes]:
    """Run the command line by a shell, which redirects its output; return the exit code and what came out."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{shlex.quote(ETL)} {arguments} {redirected}"],
        env=environment_of(folder) | variables,
        cwd=folder,
        capture_output=True,
        timeout=LONGEST,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    assert b"Exception ignored" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


NARROWS = pytest.mark.parametrize("narrow", ["ascii", "C", *in_the_long_run("cp1252", "strict")])


@pytest.mark.long
@NARROWS
def test_what_cannot_be_written_is_a_question_mark_and_the_exit_code_stays(
    tmp_path: Path, variables: dict[str, str], narrow: str
) -> None:
    code, out, err = run(tmp_path, "sync --account 1", variables | NARROW[narrow])
    assert (code, b"Run 1 " in out) == (0, True), out + err
    assert (b"?" in out, b"\xd7" in out + err) == (narrow in {"ascii", "C"}, False)
    # The heading names the account, in Hebrew.
    code, out, err = run(tmp_path, "sync --all", variables | NARROW[narrow])
    assert (code, out.count(b"complete"), out.count(b"failed")) == (1, 1, 1), out + err
    for command in ("runs", "--help"):
        code, out, err = run(tmp_path, command, variables | NARROW[narrow])
        assert code == 0, out + err


@pytest.mark.long
@NARROWS
def test_json_stays_whole_where_its_characters_cannot_be_written(
    tmp_path: Path, variables: dict[str, str], vendor: Vendor, narrow: str
) -> None:
    given = variables | NARROW[narrow] | {"ETL_LOG_FORMAT": "json"}
    code, out, err = run(tmp_path, "backfill --account 1 --search שלום --json", given)
    assert code == 0, out + err
    assert json.loads(out)["outcome"] == "complete"
    (listed,) = json.loads(run(tmp_path, "runs --json", given)[1])
    assert listed["selection"]["search"] == "שלום"
    lines = [json.loads(line) for line in err.decode("ascii").splitlines()]
    assert {line["level"] for line in lines} == {"info"}
    code, _, err = run(tmp_path, "sync --account 3", given)
    (line,) = err.splitlines()
    assert (code, "חנות 1" in json.loads(line)["event"]) == (2, True)


@pytest.mark.long
def test_a_reader_that_goes_away_changes_nothing(tmp_path: Path, variables: dict[str, str], database_url: str) -> None:
    code, _, err = run(tmp_path, "sync --account 1 --json", variables, "| true")
    assert (code, summaries_lost(err)) == (0, ["its reader went away"]), err
    code, _, err = run(tmp_path, "runs", variables, "| true")
    assert (code, b"Error" in err or b"written" in err) == (0, False), err
    assert run(tmp_path, "sync --all", variables, "2>&1 | true")[0] == 1  # the second account's token is refused


def test_output_that_is_lost_on_a_full_disk_is_told_and_is_no_success(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    lost = b"etl: Standard output could not be written: No space left on device.\n"
    for command in ("runs", "--version"):
        code, _, err = run(tmp_path, command, variables, ">/dev/full")
        assert (code, err.endswith(lost)) == (1, True), err
    assert run(tmp_path, "sync --account 3", variables, ">/dev/full")[0] == 2
    assert run(tmp_path, "runs", variables, "2>/dev/full")[0] == 0


@pytest.mark.parametrize("how", ["", "--json"])
def test_the_exit_code_of_a_run_is_its_own_whatever_becomes_of_its_summary(
    tmp_path: Path, variables: dict[str, str], how: str
) -> None:
    for redirected, why in ((">/dev/full", "No space left on device"), (">&-", "it is closed")):
        code, _, err = run(tmp_path, f"sync --account 1 {how}", variables, redirected)
        assert (code, summaries_lost(err)) == (0, [why]), err
    # Of several accounts it is said once, and the worst exit code counts.
    code, _, err = run(tmp_path, f"sync --all {how}", variables, ">/dev/full")
    assert (code, summaries_lost(err)) == (1, ["No space left on device"]), err
    assert run(tmp_path, f"sync --account 1 {how}", variables, ">/dev/full 2>/dev/full")[0] == 0


def summaries_lost(err: bytes) -> list[str]:
    """Return why summaries could not be written, as the log tells it."""
    return re.findall(r"warning .*The summary could not be written: (.+?)\. The run is not touched", err.decode())


@pytest.mark.long
@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", *in_the_long_run(">&-", "2>&-", ">&- 2>&-")])
def test_output_that_is_closed_is_not_wanted(tmp_path: Path, variables: dict[str, str], closed: str) -> None:
    for command in ("sync --account 1", "psql -c 'TABLE accounts'"):
        code, out, err = run(tmp_path, command, variables, closed)
        assert code == 0, err
        assert (b"" if ">&- 2" in closed or closed == ">&-" else out) == out
    assert run(tmp_path, "sync --account 2", variables, closed)[0] == 1
