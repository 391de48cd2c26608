#!/usr/bin/env python3
"""Print the changelog's part of a version, given as its tag: `.ci/release_notes.py v0.1.0`.

Refuse a tag that is not the version of pyproject.toml, a version whose part is missing, empty or without its date, and
one that keeps no database of its last revision for later ones to upgrade.
"""

import gzip
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def notes(tag: str, changelog: str, version: str) -> str:
    """Return the part of a tag's version; raise ValueError where the three do not fit."""
    if tag != f"v{version}":
        raise ValueError(f"The tag is {tag}, and the version in pyproject.toml is {version}.")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n"
    found = re.search(heading + r"(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    if not found or not (part := found[1].strip()):
        raise ValueError(f"CHANGELOG.md has no part `## [{version}] - YYYY-MM-DD` with something in it.")
    return part


def require_kept(dump: Path, base: str) -> None:
    """Raise ValueError unless a dump is there and was made at the REVISION that etl/database/base.py names."""
    revision = re.search(r'^REVISION = "(\w+)"$', base, re.MULTILINE)
    if revision is None or not dump.exists() or f"{revision[1]}\n".encode() not in gzip.decompress(dump.read_bytes()):
        raise ValueError(f"{dump.name} is not there, or not of the last revision: run `make keep-dump`.")


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        require_kept(
            ROOT / "tests" / "kept_dumps" / f"{project['version']}.dump.gz",
            (ROOT / "etl" / "database" / "base.py").read_text(encoding="utf-8"),
        )
        print(notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), project["version"]))
    except ValueError as error:
        sys.exit(f"release_notes: {error}")
