"""A counter is declared in one line and counted in another, and is then told wherever the others are."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.etl_process import environment_of
from tests.scripted_account import account_of

ROOT = Path(__file__).parents[3]
# Line of the package -> the line that comes behind it.
DECLARED = "load/tally.py", "    retries: int = told()\n", "    histories: int = told()\n"
COUNTED = "run/intake.py", "        self._under_way |= ", "        self.run.tally.histories += len(begun)\n"

# A run as a worker does it, with parts done by members of their own, each of which writes down what it did as JSON.
SHARED = """
import asyncio, json, sys, threading
from functools import partial
from etl.database.migrate import open_at_head
from etl.monitoring.summary import run_to_json
from etl.run import sync
from etl.selection import Selection
from etl.settings.accounts import Account
from etl.settings.settings import Settings, load
from etl.workers import queue
from etl.workers.shared_run import share
from etl.workers.worker import QueueCrew, Worker

settings = load(Settings)
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
app = queue.open_app(settings.database_url.get_secret_value())
do = lambda asked: asyncio.run_coroutine_threadsafe(asked, loop).result()

def shared(*given):
    pages = share(*given)
    assert pages is not None, "it was not worth sharing"
    return pages

with open_at_head(settings) as engine:
    do(app.open_async().__aenter__())
    crew = QueueCrew(Worker(app, settings, loop), Account(settings), engine, do(app.job_manager.register_worker()))
    done = sync.run(settings, engine, Selection(kind="backfill"), sync.Hooks(share=partial(shared, crew)))
    do(app.close_async())
print(json.dumps(run_to_json(done)))
"""


def doctored(folder: Path) -> Path:
    """Copy the package, and add the two lines."""
    copy = folder / "with a counter"
    shutil.copytree(ROOT / "etl", copy / "etl", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "migrations", copy / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, line in (DECLARED, COUNTED):
        file = copy / "etl" / name
        lines = file.read_text("utf-8").splitlines(keepends=True)
        (at,) = [at for at, one in enumerate(lines) if one.startswith(before.rstrip("\n"))]
        lines.insert(at + 1, line)
        file.write_text("".join(lines), "utf-8")
    return copy


def python(folder: Path, *arguments: str, **variables: str) -> str:
    """Run Python on the copy; return what it printed."""
    environment = environment_of(folder) | {"PYTHONPATH": str(folder)} | variables
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_a_counter_is_added_in_one_line_and_is_in_the_journal_in_json_and_in_a_shared_run(
    database_url: str, tmp_path: Path
) -> None:
    copy = doctored(tmp_path)
    etl = ("-c", "from etl.commands.main import main; main()")
    with serve(Vendor(account_of(50, messages=1), page_size=5)) as url:
        variables = {"ETL_BASE_URL": url, "ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": "demo-token"}
        variables["DATABASE_URL"] = database_url
        printed = json.loads(python(copy, *etl, "sync", "--json", **variables))
        assert (printed["outcome"], printed["histories"]) == ("complete", 50)
        (kept,) = json.loads(python(copy, *etl, "runs", "--json", **variables))
        assert kept["histories"] == 50
        shared = json.loads(python(copy, "-c", SHARED, **variables).splitlines()[-1])
        assert (shared["outcome"], shared["histories"], shared["messages"]["seen"]) == ("complete", 50, 50)
