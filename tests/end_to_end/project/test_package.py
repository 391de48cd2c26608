"""The wheel carries all that the job needs: installed into an empty environment, `etl demo` works there."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


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
    assert sorted(name.split("/")[-1] for name in names if name.startswith("etl/migrations/versions/")) == sorted(
        path.name for path in (ROOT / "migrations" / "versions").glob("*.py")
    )
    assert {name.split("/")[0].split("-")[0] for name in names} == {"etl", "etl_99digital"}


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
