"""What the job depends on has no vulnerability that is known, as far as a registry tells."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def audited(lock: Path, report: Path) -> list[dict]:
    """Return pip-audit's report of what a lock pins; skip where nobody answers it."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", "--output", str(report), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if not report.exists():
        pytest.skip(f"no registry answers: {done.stderr.strip().splitlines()[-1]}")
    told: list[dict] = json.loads(report.read_text(encoding="utf-8"))["dependencies"]
    # A mirror that serves files alone: pip-audit then says that nothing is known, and exits with 0.
    if all("skip_reason" in one for one in told):
        pytest.skip(f"the registry here knows of no vulnerability of anything: {told[0]['skip_reason']}")
    return told


@pytest.mark.long
@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_that_is_pinned_has_a_known_vulnerability(lock: str, tmp_path: Path) -> None:
    told = audited(ROOT / lock, tmp_path / "report.json")
    assert {one["name"]: one["skip_reason"] for one in told if "skip_reason" in one} == {}
    known = {one["name"]: [vuln["id"] for vuln in one["vulns"]] for one in told}
    assert {name: ids for name, ids in known.items() if ids} == {}, "run `make lock`"
