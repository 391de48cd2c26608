"""`etl psql`: its names are the tables', the user's own ~/.psqlrc is read, and -X, -c and -f do what they do there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from etl.database.psql import without_no_psqlrc
from tests.etl_process import RunEtl, run_program

PATH = "SHOW search_path"
OURS = "helpdesk, pg_temp"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["-X", "-c", "SELECT 1"], ["-c", "SELECT 1"]),
        (["--no-psqlrc"], []),
        (["--no-ps", "-q"], ["-q"]),
        (["-qXAt"], ["-qAt"]),
        (["-Xc", "SELECT 1"], ["-c", "SELECT 1"]),
        (["-XcSELECT X"], ["-cSELECT X"]),
        (["-c", "-X"], ["-c", "-X"]),
        (["-vX=1", "-X"], ["-vX=1"]),
        (["-v", "X=1"], ["-v", "X=1"]),
        (["-f", "-", "-AXtF", "X"], ["-f", "-", "-AtF", "X"]),
        (["-", "--", "-X"], ["-", "--", "-X"]),
        (["--no-password", "--no-readline", "-c"], ["--no-password", "--no-readline", "-c"]),
    ],
)
def test_the_option_that_keeps_the_users_file_out_is_told_from_values(given: Sequence[str], kept: list[str]) -> None:
    assert without_no_psqlrc(given) == (kept, list(given) == kept)


@pytest.mark.long
def test_psql_looks_for_names_in_the_tables_schema_only(etl: RunEtl, database_url: str) -> None:
    for options in (["-At"], ["-XAt"], ["-qAt", "--no-psqlrc"], ["-1At"]):
        done = etl("psql", *options, "-c", PATH, DATABASE_URL=database_url)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{OURS}\n", "")


def test_pythons_own_warnings_are_none_of_psqls_users(tmp_path: Path, database_url: str) -> None:
    done = run_program(
        tmp_path, "psql", "-Atc", "SELECT 1", DATABASE_URL=database_url, PYTHONWARNINGS="always", TMPDIR=str(tmp_path)
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_the_users_own_file_is_read_unless_it_is_kept_out(etl: RunEtl, tmp_path: Path, database_url: str) -> None:
    file = tmp_path / "it's mine"
    (tmp_path / ".psqlrc").write_text("\\pset null 'nil'\n")
    file.write_text("\\pset null 'none'\n")
    asked = ("psql", "-qAtc", "SELECT NULL")
    assert etl(*asked, DATABASE_URL=database_url).stdout == "nil\n"
    assert etl(*asked, "-X", DATABASE_URL=database_url).stdout == "\n"
    assert etl(*asked, DATABASE_URL=database_url, PSQLRC=str(file)).stdout == "none\n"
    file.with_name(f"{file.name}-18").write_text("\\pset null 'of 18'\n")
    assert etl(*asked, DATABASE_URL=database_url, PSQLRC=str(file)).stdout == "of 18\n"


def test_psql_is_as_quiet_as_it_was_told_to_be(etl: RunEtl, tmp_path: Path, database_url: str) -> None:
    file = tmp_path / "some.sql"
    file.write_text(f"BEGIN;\n{PATH};\n\\echo :QUIET :etl_quiet\n")
    assert etl("psql", "-Atf", str(file), DATABASE_URL=database_url).stdout == f"BEGIN\n{OURS}\noff :etl_quiet\n"
    assert etl("psql", "-qAtf", str(file), DATABASE_URL=database_url).stdout == f"{OURS}\non :etl_quiet\n"
