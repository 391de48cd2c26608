"""Holds the import contracts to what they are there against: each is broken in a copy of the package, and sees it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.examples import in_the_long_run

ROOT = Path(__file__).parents[3]
LINT_IMPORTS = str(Path(sys.executable).parent / "lint-imports")

LAYERS = "A wing may import from the wings below its own, and not from its neighbours"
DEMO = "The demo is a vendor, and knows nothing of the job"
HTTP = "HTTP and retries are the client's, but for the pings"
NO_DATABASE = "What is extracted and transformed knows no database"
VENDOR = "The vendor is asked by runs, by those who share them, and by the check"
NO_CIRCLE = "Within a wing no two rooms import each other"

# What is written where, and which contracts that breaks.
FAULTS = {
    "the demo imports the job": ("demo/vendor.py", "from etl.run import sync", {DEMO}),
    "the client imports the demo": ("extract/client.py", "from etl.demo import vendor", {LAYERS}),
    "a wing imports its neighbour": ("workers/worker.py", "from etl.demo import vendor", {LAYERS}),
    "a wing imports one above it": ("load/upsert.py", "from etl.privacy import stored", {LAYERS, NO_CIRCLE}),
    "a new room lies on the ground": ("newroom.py", "", {LAYERS}),
    "a new wing is there": ("newwing/__init__.py", "", {LAYERS}),
    "another room speaks HTTP": ("workers/worker.py", "import requests", {HTTP}),
    "rows are made with the database": ("transform/rows.py", "import psycopg", {NO_DATABASE}),
    "a command asks the vendor itself": ("commands/runs.py", "from etl.extract import walk", {VENDOR}),
    "a wing goes in a circle": ("extract/pacing.py", "from etl.extract import client", {NO_CIRCLE}),
}
# Of their contracts others are seen to break, too; for each the whole package is read.
ALIKE = (
    "the client imports the demo",
    "a wing imports its neighbour",
    "a new wing is there",
    "a wing goes in a circle",
)


@pytest.fixture
def package(tmp_path):
    """A copy of the package with its contracts, in a folder with a space in its name."""
    copy = tmp_path / "a copy"
    shutil.copytree(ROOT / "etl", copy / "etl", ignore=shutil.ignore_patterns("__pycache__", "*.sql"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy / "etl"


def lint(package: Path) -> tuple[int, set[str], str]:
    """The exit code, the contracts that are broken, and all that was said."""
    command = [LINT_IMPORTS, "--no-logo", "--no-cache", "--config", str(package.parent / "pyproject.toml")]
    done = subprocess.run(
        command,
        check=False,
        cwd=package.parent,  # from where the package is imported
        env=os.environ | {"COLUMNS": "200"},  # no name of a contract is broken into two lines
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    return done.returncode, set(re.findall(r"^(.+) BROKEN\b", said, re.MULTILINE)), said


def test_the_package_keeps_its_contracts(package):
    code, broken, said = lint(package)
    assert (code, broken) == (0, set()), said


@pytest.mark.parametrize("fault", [*(one for one in FAULTS if one not in ALIKE), *in_the_long_run(*ALIKE)])
def test_a_contract_sees_what_it_is_there_against(package, fault):
    name, line, contracts = FAULTS[fault]
    file = package / name
    file.parent.mkdir(exist_ok=True)
    file.write_text((file.read_text(encoding="utf-8") if file.exists() else "") + f"\n{line}\n", encoding="utf-8")
    code, broken, said = lint(package)
    assert (code, broken) == (1, contracts), said


def test_no_contract_is_there_that_was_not_seen_to_break():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {one["name"] for one in project["tool"]["importlinter"]["contracts"]}
    assert contracts == set.union(*(broken for _, _, broken in FAULTS.values()))
