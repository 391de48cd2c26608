"""Dumps and restores, by PostgreSQL's own programs as they come with the embedded server."""

import subprocess
from pathlib import Path

from etl.database import embedded
from tests.databases import plain

# Servers before 17 do not know it; pg_restore of 18 sets it, says that it could not, and goes on.
NOT_KNOWN_BEFORE_17 = "transaction_timeout"


def dump(url: str, file: Path, *options: str) -> Path:
    """Dump a database into a file."""
    _run("pg_dump", "--format=custom", f"--file={file}", *options, f"--dbname={plain(url)}", check=True)
    return file


def restore(url: str, file: Path, *options: str) -> str:
    """Restore a file into a database; return the errors that pg_restore went on after."""
    said = _run("pg_restore", *options, f"--dbname={plain(url)}", str(file)).stderr
    errors = [line for line in said.splitlines() if line.startswith("pg_restore: error:")]
    return "\n".join(line for line in errors if NOT_KNOWN_BEFORE_17 not in line)


def contents(file: Path) -> list[str]:
    """Return the table of contents of a dump, a line an entry, as --use-list takes it."""
    return _run("pg_restore", "--list", str(file), check=True).stdout.splitlines()


def _run(name: str, *arguments: str, check: bool = False) -> "subprocess.CompletedProcess[str]":
    command = [str(embedded.program(name)), *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True)
