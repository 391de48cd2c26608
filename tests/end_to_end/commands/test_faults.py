"""An unexpected fault is one line and exit code 1, its details a file without data; a run is closed as failed."""

import json
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.broken_python import SAID, lacking, raising
from tests.databases import query
from tests.etl_process import ETL, RunEtl, end_server, run_program, settings, start
from tests.scripted_account import account_of
from tests.secret_values import PASSWORD, TOKEN, no_secret, with_password
from tests.waits import LONGEST, wait_until

FORMATS = pytest.mark.parametrize("form", ["console", "json"])
LINE = re.compile(
    r"A fault of this program \((?P<kind>\S+) at (?P<place>\S+ in \S+)\)\. Its details are in (?P<file>\S+)\. Please"
    r" report it to whoever maintains etl, with that file: it holds no data and no secrets\."
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[RunEtl]:
    """Start the program itself: a fault has to be there from its start on."""
    yield partial(run_program, tmp_path)
    end_server(tmp_path / "home")


@pytest.fixture
def variables(database_url: str) -> Iterator[dict[str, str]]:
    with serve(Vendor(account_of(3), token=TOKEN)) as base_url:
        yield settings(base_url, with_password(database_url), ETL_API_TOKEN=TOKEN)


def fault_in(said: str, folder: Path) -> tuple[str, str, str]:
    """Return kind, place and details of the one fault that was told; nothing of it quotes anything."""
    assert "Traceback" not in said
    (found,) = LINE.finditer(said)
    file = Path(found["file"])
    assert file.parent == folder / "home" / "faults"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    details = file.read_text()
    no_secret(said + details)
    for piece in SAID.split():
        assert piece not in said + details
    return found["kind"], found["place"], details


@pytest.mark.long
@FORMATS
def test_a_fault_of_a_run_closes_it_as_failed_with_its_reason(
    program: RunEtl, variables: dict[str, str], database_url: str, tmp_path: Path, form: str
) -> None:
    broken = raising(tmp_path, "orjson", "loads")
    done = program("sync", *(["--json"] if form == "json" else []), ETL_LOG_FORMAT=form, **variables | broken)
    assert done.returncode == 1, done.stderr
    no_secret(done.stderr)
    # As JSON lines the summary has it once more.
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()] if form == "json" else []
    said = "\n".join(events) if form == "json" else " ".join(done.stdout.split())
    kind, place, details = fault_in(said, tmp_path)
    assert (kind, place.partition(":")[0]) == ("KeyError", "etl/extract/decoding.py")
    assert re.search(r"^  etl/run/sync\.py:\d+ in run$", details, re.MULTILINE)
    ((outcome, problems, finished),) = query(
        database_url, "SELECT outcome, problems, finished_at IS NOT NULL FROM helpdesk.sync_runs"
    )
    assert (outcome, finished) == ("failed", True)
    assert LINE.fullmatch(problems[0])
    assert program("sync", **variables).returncode == 0


HOW = {
    "KeyError": f"raise KeyError({SAID!r})",
    "MemoryError": "raise MemoryError",
    "RecursionError": "return broken()",
    "SystemError": f"raise SystemError({SAID!r}) from ValueError({SAID!r})",
    "BaseExceptionGroup": f"raise BaseExceptionGroup({SAID!r}, [KeyboardInterrupt({SAID!r})])",
    "UnicodeEncodeError": f"{SAID!r}.encode('ascii'), chr(1488).encode('ascii')",
}


COMMANDS = ("migrate", "check", "status", "runs", "jobs", "grant --role nobody", "worker")


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "kind"),
    [*((command, "KeyError") for command in COMMANDS), *(("status", kind) for kind in HOW if kind != "KeyError")],
)
def test_a_fault_of_any_command_is_one_line_and_exit_code_1(
    program: RunEtl, variables: dict[str, str], tmp_path: Path, command: str, kind: str
) -> None:
    done = program(
        *command.split(), **variables | raising(tmp_path, "sqlalchemy.engine.base", "Engine.begin", HOW[kind])
    )
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if " fault of this program" in line]
    assert len(lines) == 1, done.stderr
    told, _, details = fault_in(done.stderr, tmp_path)
    assert told == kind
    assert details.count("\n") < 200


@pytest.mark.parametrize("module", ["typer", "pydantic", "sqlalchemy", "psycopg", "structlog", "rich.console"])
@FORMATS
def test_a_library_that_is_missing_is_one_line_whatever_needs_it(
    program: RunEtl, variables: dict[str, str], tmp_path: Path, module: str, form: str
) -> None:
    done = program("runs", **variables | lacking(tmp_path, module) | {"ETL_LOG_FORMAT": form})
    assert done.returncode == 1
    kind, _, details = fault_in(done.stderr, tmp_path)
    assert kind == "ImportError"
    assert f"\nImportError: {module}\n" in details
    assert done.stderr.count("\n") == 1
    if form == "json" and module not in {"structlog", "typer"}:
        assert json.loads(done.stderr)["level"] == "error"


def test_where_nothing_can_be_written_the_line_says_so(
    program: RunEtl, variables: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    broken = raising(tmp_path, "sqlalchemy.engine.base", "Engine.begin")
    done = program("status", **variables | broken | {"ETL_HOME": "a-file/home"})
    assert done.returncode == 1
    assert re.fullmatch(
        r"etl: A fault of this program \(KeyError at etl/database/engine\.py:\d+ in transaction\)\. Its details could"
        r" not be written under ETL_HOME \(Not a directory\)\. Please report it with this line\.\n",
        done.stderr,
    )


@pytest.mark.long
def test_of_several_accounts_a_fault_of_one_ends_no_other(
    program: RunEtl, variables: dict[str, str], tmp_path: Path
) -> None:
    table = '[[account]]\nid = {}\ntoken_variable = "ETL_API_TOKEN"\n'
    (tmp_path / "accounts.toml").write_text(table.format(1) + table.format(2))
    broken = raising(tmp_path, "sqlalchemy.engine.base", "Engine.begin")
    done = program("sync", "--all", **variables | broken | {"ETL_ACCOUNTS": "accounts.toml"})
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.partition(": A fault")[0] for line in lines] == ["etl: account 1", "etl: account 2"]
    for line in lines:
        fault_in(line, tmp_path)


def test_a_fault_of_a_job_is_one_line_of_the_worker_which_goes_on(
    tmp_path: Path, variables: dict[str, str], database_url: str
) -> None:
    """The run of a first load is due at once; its fault is told, and it is queued to be tried again."""
    broken = raising(tmp_path, "orjson", "loads")
    with (tmp_path / "said").open("w") as said:
        process = start([ETL, "worker"], tmp_path, variables | broken | {"ETL_LOG_FORMAT": "json"}, said)
        wait_until(lambda: "It is tried again at" in (tmp_path / "said").read_text())
        process.terminate()
        assert process.wait(LONGEST) == 0
    told = (tmp_path / "said").read_text()
    assert "Traceback" not in told
    assert query(database_url, "SELECT outcome FROM helpdesk.sync_runs") == [("failed",)]
    faults = {found["file"] for found in LINE.finditer(told)}
    assert len(faults) == 1
    no_secret(told)


def test_faults_of_threads_and_of_what_python_ignores_are_lines_too(
    program: RunEtl, variables: dict[str, str], tmp_path: Path
) -> None:
    how = (
        f"import threading; said = {SAID!r}; one = threading.Thread(target=lambda: [][said]); one.start(); one.join();"
        " kind = type('Kind', (), {'__del__': lambda _: {}[said]}); kind();"
        " import logging; logging.getLogger('etl').info('%d', said); raise OverflowError(said)"
    )
    done = program("status", **variables | raising(tmp_path, "sqlalchemy.engine.base", "Engine.begin", how))
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [LINE.search(line)["kind"] for line in lines] == ["TypeError", "KeyError", "TypeError", "OverflowError"]
    for line in lines:
        fault_in(line, tmp_path)
    assert PASSWORD not in done.stderr
