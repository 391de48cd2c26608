"""What is released: the wheel carries all that the job needs, the source archive all that its tests need.

Both are the same bytes wherever they are built, and an index shows the README with links that lead somewhere.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = PROJECT["urls"]["Source"]
AT_TAG = f"{SOURCE}/blob/v{PROJECT['version']}/"
RAW_AT_TAG = AT_TAG.replace("//github.com/", "//raw.githubusercontent.com/").replace("/blob/", "/")


def build(source: Path, folder: Path) -> tuple[Path, Path]:
    """Build wheel and source archive of a folder into another one."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,), (archive,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, archive


def digests(files: tuple[Path, Path]) -> list[str]:
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, Path]) -> Path:
    return built[0]


@pytest.fixture(scope="module")
def archive(built: tuple[Path, Path]) -> Path:
    return built[1]


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the source archive, in a folder of its own, as somebody else has it: new files, with other rights."""
    folder = tmp_path_factory.mktemp("unpacked elsewhere")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for file in source.rglob("*"):
        file.chmod(file.stat().st_mode & 0o700)
    return source


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own; return the `etl` program in it.

    The dependencies are those of this environment, reached by a path file: a test asks no registry. Nothing else of it
    is seen, as the path files of such a folder, which link this checkout, are not read.
    """
    folder = tmp_path_factory.mktemp("an empty environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=120)
    return folder / "bin" / "etl"


def run(program: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "ETL_HOME": str(folder / "data of its own")}
    return subprocess.run(
        [str(program), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_holds_the_package_and_the_migrations_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"etl/commands/main.py", "etl/py.typed", "etl/demo/vendor.py", "etl/migrations/env.py"} < set(names)
    assert zipfile.ZipFile(wheel).read("etl/env.example") == (ROOT / ".env.example").read_bytes()
    assert sorted(name.split("/")[-1] for name in names if name.startswith("etl/migrations/versions/")) == sorted(
        path.name for path in (ROOT / "migrations" / "versions").glob("*.py")
    )
    assert {name.split("/")[0].split("-")[0] for name in names} == {"etl", "etl_99digital"}


def test_the_source_archive_holds_what_git_has_and_nothing_else_that_lies_in_the_checkout(archive: Path) -> None:
    if not (ROOT / ".git").exists() or not (git := shutil.which("git")):
        pytest.skip("this is no checkout, or git is not on this machine")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    with tarfile.open(archive) as files:
        held = [one.name.partition("/")[2] for one in files.getmembers()]
    assert sorted(held) == sorted({*filter(None, listed.split("\0")), "PKG-INFO"})


@pytest.mark.long
def test_wheel_and_source_archive_are_the_same_bytes_wherever_they_are_built(
    built: tuple[Path, Path], unpacked: Path, tmp_path: Path
) -> None:
    assert digests(build(unpacked, tmp_path)) == digests(built)


def test_an_index_takes_both(wheel: Path, archive: Path) -> None:
    """By twine's own check, which renders the README as an index does."""
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_of_an_index_has_links_and_pictures_that_lead_out_of_it(wheel: Path) -> None:
    (name,) = (one for one in zipfile.ZipFile(wheel).namelist() if one.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(zipfile.ZipFile(wheel).read(name))
    readme = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "```mermaid" not in readme
    links = re.findall(r"(!?)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\(([^)]+)\)", readme)
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme)
    assert [link for _, link in links if not link.startswith("https://")] == []
    assert [picture for picture in pictures if not picture.startswith(RAW_AT_TAG)] == []
    ours = [link.removeprefix(AT_TAG) for _, link in links if link.startswith(AT_TAG)]
    assert {"README.md#the-tables", "docs/bi.md", "CONTRIBUTING.md"} <= set(ours)
    named = [*ours, *(picture.removeprefix(RAW_AT_TAG) for picture in pictures)]
    assert [one for one in named if not (ROOT / one.partition("#")[0]).is_file()] == []


def test_every_address_of_the_project_is_in_one_repository() -> None:
    assert [url for url in PROJECT["urls"].values() if not url.startswith(SOURCE)] == []


@pytest.mark.long
def test_the_installed_demo_works_in_an_empty_folder_and_again(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [str(installed.parent / "python"), "-c", "import etl; print(etl.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(installed.parents[1]))

    first = run(installed, tmp_path, "demo", "--conversations", "60", "--json")
    assert first.returncode == 0, first.stderr
    done = json.loads(first.stdout)
    assert (done["outcome"], done["conversations"]["inserted"]) == ("complete", 59)
    assert (done["ledger"]["deleted"], done["ledger"]["unaccounted"]) == (1, 0)

    again = run(installed, tmp_path, "demo", "--conversations", "60")
    assert again.returncode == 0, again.stderr
    for said in (
        "complete after",
        "Conversations by status",
        "Busiest inboxes",
        "Median first response",
        "psql --demo",
    ):
        assert said in again.stdout
    tables = [
        line.split() for line in again.stdout.splitlines() if line.startswith(("  conversations ", "  messages "))
    ]
    assert [(line[0], line[2:4]) for line in tables[:2]] == [("conversations", ["0", "0"]), ("messages", ["0", "0"])]

    counted = run(installed, tmp_path, "psql", "--demo", "-Atc", "SELECT count(*) FROM conversations")
    assert counted.stdout == "59\n"
