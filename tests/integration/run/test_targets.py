"""Service level targets in runs: taken from the file, replaced as a whole, and never for nothing without a word."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from etl.errors import SettingsError
from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings
from tests.scripted_account import Job, account_of, job, notes_of, walking_job

STORED = (
    "SELECT name, valid_from, what, within_seconds, time, unseen, inbox, team, priority, channel, label FROM targets"
)
ONE = """
[[target]]
name = "First"
what = "first_reply"
within = "5 minutes"
time = "business"
valid_from = 2023-01-01
"""
NAMING = """
[[target]]
name = "Named"
what = "resolution"
within = "2 days"
time = "calendar"
valid_from = 2023-01-01
unseen = "as_next_seen"
inbox = ["website", 2, "Shop", 7]
team = "Sales"
channel = "e-mail"
priority = "urgent"
label = ["VIP", "new"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "targets.toml"


def kept(etl: Job) -> list[tuple[object, ...]]:
    return etl.rows(STORED + " ORDER BY 1, 2")


FIRST = ("First", date(2023, 1, 1), "first_reply", 300, "business", "not_known", None, None, None, None, None)


def test_a_run_takes_the_file_as_a_whole_and_without_it_the_targets_stay(engine: Engine, file: Path) -> None:
    with job(account_of(2), engine) as etl:
        file.write_text(ONE + NAMING)
        etl.run(targets=file)
        assert kept(etl) == [
            FIRST,
            (
                *(
                    "Named",
                    date(2023, 1, 1),
                    "resolution",
                    172800,
                    "calendar",
                    "as_next_seen",
                    ["website", 2, "Shop", 7],
                ),
                *(["Sales"], ["urgent"], ["e-mail"], ["VIP", "new"]),
            ),
        ]
        file.write_text(ONE)
        assert notes_of(etl.run(targets=file)) == []
        assert kept(etl) == [FIRST]
        assert notes_of(etl.run()) == [
            "ETL_TARGETS is not set: service levels are counted by what an earlier run took from it (1)."
        ]
        assert kept(etl) == [FIRST]
        file.write_text("")
        assert notes_of(etl.run(targets=file)) == []
        assert kept(etl) == []


@pytest.mark.long
def test_a_name_that_nothing_has_is_told_by_every_run_until_something_has_it(engine: Engine, file: Path) -> None:
    account = account_of(2)
    file.write_text(NAMING)
    with walking_job(account, engine) as etl:
        lacks = 'The target "Named" of 2023-01-01 names what the tables do not have, and is for nothing there: '
        said = [f"{lacks}inbox Shop, 7.", f"{lacks}label new."]
        assert notes_of(etl.run(targets=file)) == said
        assert notes_of(etl.run(targets=file)) == said
        account.labels[1].title = "New"
        account.inboxes[2].name = "shop"
        run = etl.run(targets=file)
        assert run.outcome == "complete"
        assert notes_of(run) == [f"{lacks}inbox 7."]


@pytest.mark.long
def test_targets_are_those_of_one_account(engine: Engine, file: Path) -> None:
    file.write_text(ONE)
    with job([account_of(1), account_of(1, number=2)], engine) as etl:
        etl.run(targets=file)
        etl.run(account_id=2, targets=file)
        file.write_text("")
        etl.run(targets=file)
        assert etl.rows("SELECT account_id FROM targets") == [(2,)]


def test_a_file_that_was_spoilt_meanwhile_lets_no_run_begin(engine: Engine, file: Path) -> None:
    file.write_text(ONE)
    with job(account_of(1), engine) as etl:
        etl.run(targets=file)
        settings = Settings(account_id=1, base_url=etl.url, api_token="demo-token", targets=file)
        file.write_text(ONE.replace("5 minutes", "soon"))
        with pytest.raises(SettingsError, match='target "First", within: must be a duration'):
            sync.run(settings, engine, Selection(), sync.Hooks())
        assert etl.rows("SELECT count(*) FROM sync_runs") == [(1,)]
        assert kept(etl) == [FIRST]
