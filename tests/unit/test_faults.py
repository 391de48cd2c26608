"""What is written down of a fault: kinds and places, no data; and no more files than can be read."""

import os
import stat
from pathlib import Path

import pytest

from etl import faults
from etl.settings.settings import DatabaseSettings, load

SAID = "dana@example.com"


@pytest.fixture(autouse=True)
def home(tmp_path):
    faults.keep_under(tmp_path)
    return tmp_path


def fault(said=SAID) -> Exception:
    secret = said  # a variable of a frame, which is not shown
    try:
        try:
            {}[secret]
        except KeyError:
            raise ValueError(secret) from FileNotFoundError(2, secret, secret)
    except ValueError as error:
        return error


def test_kinds_places_and_numbers_are_told_and_nothing_that_was_said(home):
    said = faults.report(fault())
    (file,) = (home / "faults").iterdir()
    details = file.read_text()
    assert str(file) in said
    assert SAID not in said + details
    assert details.index("FileNotFoundError: No such file or directory\n") < details.index("\nValueError\n")
    assert "tests/unit/test_faults.py" in details or "unit/test_faults.py" in details
    assert str(Path.home()) not in details.replace(str(home), "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_old_files_go(home):
    for number in range(faults.MOST_FILES + 5):
        faults.report(KeyError(number))
    files = sorted((home / "faults").iterdir())
    assert len(files) == faults.MOST_FILES
    assert {one.name[:4] for one in files} == {f"{__import__('datetime').date.today().year}"}


def test_a_folder_that_others_could_read_is_closed(home):
    (home / "faults").mkdir(mode=0o755)
    faults.report(KeyError())
    assert stat.S_IMODE((home / "faults").stat().st_mode) == 0o700


def test_a_chain_without_end_and_a_fault_without_a_place_are_told():
    one, other = KeyError(), ValueError()
    one.__context__, other.__context__ = other, one
    assert "KeyError at no place that is known" in faults.report(one)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(home):
    home.chmod(0o500)
    assert "could not be written under ETL_HOME (Permission denied)" in faults.report(KeyError(SAID))


def test_a_user_without_a_home_has_none_that_could_be_made_and_no_fault(monkeypatch):
    """As a number that a cluster gives out: neither HOME nor an entry in the list of users."""

    def unknown(*_):
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_DATA_HOME", "ETL_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert load(DatabaseSettings, database_url="postgresql://db/etl").home == faults.NO_HOME
    monkeypatch.setenv("ETL_HOME", "/srv/etl")
    assert load(DatabaseSettings).home == Path("/srv/etl")
