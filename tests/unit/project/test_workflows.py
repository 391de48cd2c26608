"""Holds what GitHub and Renovate read to their schemas, has zizmor look for holes, and tries the notes of a release."""

import gzip
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(one for one in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if one.stem != "config")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def run(name: str, *arguments: object) -> str:
    """Run a program of this environment; return what it said, or skip where it is not."""
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        pytest.skip(f"{name} is not on this machine")
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def release_notes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / ".ci" / "release_notes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
        ("renovate", [ROOT / "renovate.json"]),
    ],
)
def test_what_others_read_is_as_they_read_it(schema, files, capsys):
    checker = pytest.importorskip("check_jsonschema", reason="check-jsonschema is not on this machine")
    assert files
    arguments = ["--builtin-schema", f"vendor.{schema}", *map(str, files)]
    assert checker.main(arguments, standalone_mode=False) == 0, capsys.readouterr().out


def test_zizmor_finds_no_hole_in_the_workflows():
    run("zizmor", "--offline", "--no-progress", "--quiet", "--persona=pedantic", GITHUB)


def test_every_action_is_pinned_by_commit_with_its_version_beside_it():
    used = [line for file in WORKFLOWS for line in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


def test_an_action_has_one_version_everywhere():
    used = {line for file in WORKFLOWS for line in re.findall(r"uses: (.+)", file.read_text(encoding="utf-8"))}
    assert len(used) == len({one.partition("@")[0] for one in used})


def test_every_job_ends_by_itself():
    for file in WORKFLOWS:
        text = file.read_text(encoding="utf-8")
        assert text.count("timeout-minutes:") == text.count("runs-on:"), file.name


# --- The notes of a release -----------------------------------------------------------------------------------------

CHANGELOG = (
    "# Changelog\n\n## [0.2.0] - 2027-01-02\n\n- New.\n\n### Fixed\n\n- Old.\n\n## [0.1.0] - 2026-11-29\n\n- First.\n"
)


def test_the_notes_of_a_release_are_its_part_of_the_changelog(release_notes):
    assert release_notes.notes("v0.2.0", CHANGELOG, "0.2.0") == "- New.\n\n### Fixed\n\n- Old."
    assert release_notes.notes("v0.1.0", CHANGELOG, "0.1.0") == "- First."


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v0.2.1", CHANGELOG, r"The tag is v0\.2\.1, and the version in pyproject\.toml is 0\.2\.0\."),
        ("v0.2.0", "## [0.1.0] - 2026-11-29\n\n- First.\n", r"has no part `## \[0\.2\.0\] - YYYY-MM-DD`"),
        ("v0.2.0", "## [0.2.0]\n\n- New.\n", "has no part"),
        ("v0.2.0", "## [0.2.0] - 2027-01-02\n\n## [0.1.0] - 2026-11-29\n\n- First.\n", "has no part"),
    ],
)
def test_no_release_is_made_of_what_does_not_fit(release_notes, tag, changelog, said):
    with pytest.raises(ValueError, match=said):
        release_notes.notes(tag, changelog, "0.2.0")


def test_no_release_is_made_without_a_database_of_its_last_revision(release_notes, tmp_path):
    dump, base = tmp_path / "0.2.0.dump.gz", 'SCHEMA = "helpdesk"\nREVISION = "0013_more"\n'
    for held in (None, b"COPY alembic_version\n0012_targets\n"):
        if held:
            dump.write_bytes(gzip.compress(held))
        with pytest.raises(ValueError, match=r"^0\.2\.0\.dump\.gz is not there, or not of the last revision"):
            release_notes.require_kept(dump, base)
    dump.write_bytes(gzip.compress(b"COPY alembic_version\n0013_more\n"))
    release_notes.require_kept(dump, base)


def test_this_version_has_its_part(release_notes):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert release_notes.notes(f"v{VERSION}", changelog, VERSION).startswith("### ")
