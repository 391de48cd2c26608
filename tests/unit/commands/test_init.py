"""`etl init`: the file of settings as the example has it, for its owner alone, and never over one that is there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.commands import init
from etl.commands.main import app
from etl.errors import EtlError, SettingsError

EXAMPLE = Path(__file__).parents[3] / ".env.example"


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_is_the_example_and_its_owners(folder):
    done = CliRunner().invoke(app, ["init"])
    assert (done.exit_code, done.output.startswith(".env is there. Fill in ETL_ACCOUNT_ID")) == (0, True)
    assert (folder / ".env").read_bytes() == EXAMPLE.read_bytes()
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("leads_nowhere", [False, True])
def test_a_file_that_is_there_stays_as_it_is(folder, leads_nowhere):
    if leads_nowhere:
        (folder / ".env").symlink_to("somewhere")
    else:
        (folder / ".env").write_text("ETL_ACCOUNT_ID=17\n")
    with pytest.raises(SettingsError, match=r"\.env is there already, and stays as it is"):
        init.init()
    assert not (folder / "somewhere").exists()
    assert leads_nowhere or (folder / ".env").read_text() == "ETL_ACCOUNT_ID=17\n"


def test_half_a_file_does_not_stay(folder, monkeypatch):
    monkeypatch.setattr(init, "_example", lambda: folder / "not there")
    with pytest.raises(EtlError, match="could not be written"):
        init.init()
    assert list(folder.iterdir()) == []
