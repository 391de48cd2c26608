"""The file of service level targets: what it may say, and that every fault of it is told at once."""

import re
from datetime import date
from pathlib import Path

import pytest

from etl.errors import SettingsError
from etl.settings import accounts
from etl.settings.settings import Settings, load
from etl.settings.targets import Target, read_targets

README = Path(__file__).parents[3] / "README.md"
RIGHT = """
[[target]]
name = "Answers"
what = "next_reply"
within = 90
time = "business"
valid_from = 2026-01-01
"""


def file_of(folder: Path, content: str) -> Path:
    file = folder / "Targets.toml"
    file.write_text(content, encoding="utf-8")
    return file


def faults_of(folder: Path, content: str) -> list[str]:
    """Return the faults of a file, without its name."""
    with pytest.raises(ValueError, match=r"in|the file") as refused:
        read_targets(file_of(folder, content))
    return [line.replace(str(folder / "Targets.toml"), "FILE") for line in str(refused.value).split("\n  ")]


def test_the_example_of_the_readme_is_read(tmp_path: Path) -> None:
    part = README.read_text(encoding="utf-8").partition("## Service level targets")[2]
    example = re.search(r"```toml\n(.*?)```", part, re.DOTALL)
    assert example
    assert read_targets(file_of(tmp_path, example[1])) == [
        Target(
            name="WhatsApp: first reply",
            what="first_reply",
            within=300,
            time="business",
            valid_from=date(2026, 1, 1),
            channel=["WhatsApp"],
        ),
        Target(
            name="Urgent: resolved",
            what="resolution",
            within=8 * 3600,
            time="calendar",
            valid_from=date(2026, 1, 1),
            priority=["urgent", "high"],
            unseen="as_next_seen",
        ),
    ]


@pytest.mark.parametrize(
    ("within", "seconds"),
    [
        ("90", 90),
        ('"1 second"', 1),
        ('"5 minutes"', 300),
        ('" 4 Hours "', 14400),
        ('"5minutes"', 300),
        ('"366 days"', 31622400),
    ],
)
def test_a_duration_is_in_words_or_in_seconds(tmp_path: Path, within: str, seconds: int) -> None:
    content = RIGHT.replace("90", within).replace("business", "calendar")
    assert [one.within for one in read_targets(file_of(tmp_path, content))] == [seconds]


@pytest.mark.parametrize("within", ["0", "-5", "true", "1.5", '"soon"', '"5"', '"0 hours"', '"367 days"', '"1h"', "[]"])
def test_what_is_no_duration_is_refused(tmp_path: Path, within: str) -> None:
    assert faults_of(tmp_path, RIGHT.replace("90", within).replace("business", "calendar")) == [
        'in FILE, target "Answers", within: must be a duration such as "5 minutes", "4 hours",'
        " or a number of seconds; up to a year"
    ]


def test_an_empty_file_has_no_targets(tmp_path: Path) -> None:
    assert read_targets(file_of(tmp_path, "# none\n")) == []


def test_every_fault_is_told_by_target_and_key(tmp_path: Path) -> None:
    content = """
        [[target]]
        name = " "
        what = "reply"
        within = "5 min"
        time = "office"
        valid_from = "2026-01-01"
        inbox = [true]
        team = [""]
        priority = "urgnt"
        channel = 3
        label = []
        unseen = "guess"
        inboxes = 1

        [[target]]
        name = "Days"
        what = "resolution"
        within = "2 days"
        time = "business"
        valid_from = 2026-01-01

        [[target]]
    """
    first = "in FILE, the target at place 1, "
    assert faults_of(tmp_path, content) == [
        f"{first}name: is empty",
        f"{first}what: must be 'first_reply', 'next_reply' or 'resolution'",
        f'{first}within: must be a duration such as "5 minutes", "4 hours", or a number of seconds; up to a year',
        f"{first}time: must be 'business' or 'calendar'",
        f"{first}valid_from: must be a date without quotes, such as 2026-01-31",
        f"{first}inbox: must be a name in quotes, a number, or a list of these",
        f"{first}team: is empty",
        f"{first}priority: must be 'low', 'medium', 'high' or 'urgent'",
        f"{first}channel: must be text in quotes",
        f"{first}label: is empty: leave it out for all",
        f"{first}unseen: must be 'not_known' or 'as_next_seen'",
        f"{first}inboxes: is not known; known are name, what, within, time, valid_from, inbox, team, priority, channel,"
        " label, unseen",
        'in FILE, target "Days", within: a day of business time is of no certain length: say how many hours',
        *(
            f"in FILE, the target at place 3, {key}: is missing"
            for key in ("name", "what", "within", "time", "valid_from")
        ),
    ]


def test_a_name_begins_once_on_a_day(tmp_path: Path) -> None:
    assert faults_of(tmp_path, RIGHT + RIGHT + RIGHT.replace("01-01", "02-01")) == [
        'in FILE, target "Answers", valid_from: 2 targets of this name begin on 2026-01-01'
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("target = [", "the file FILE is no TOML: Invalid value (at end of document)"),
        ("target = 3", "in FILE, target: each one is a table that begins with [[target]]"),
        ("[target]", "in FILE, target: each one is a table that begins with [[target]]"),
        ("[[targets]]", "in FILE, targets: not known; each target is a table [[target]]"),
    ],
)
def test_what_is_no_file_of_targets_is_refused(tmp_path: Path, content: str, said: str) -> None:
    assert faults_of(tmp_path, content) == [said]


def test_a_file_that_cannot_be_read_is_a_fault_of_the_settings(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ETL_TARGETS", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError) as refused:
        load(Settings, account_id=1, api_token="t")
    assert str(refused.value) == (
        "The settings have faults:\n"
        f"  ETL_TARGETS: the file {tmp_path / 'none.toml'} cannot be read: No such file or directory"
    )
    (tmp_path / "none.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"none\.toml is not in UTF-8"):
        load(Settings, account_id=1, api_token="t")


def test_an_account_names_its_own_file_beside_that_of_the_accounts(monkeypatch, tmp_path: Path) -> None:
    file_of(tmp_path, RIGHT)
    listed = tmp_path / "accounts.toml"
    listed.write_text('[[account]]\nid = 7\ntoken = "t"\ntargets = "Targets.toml"\n', encoding="utf-8")
    listed.chmod(0o600)
    monkeypatch.setenv("ETL_ACCOUNTS", str(listed))
    assert [one.settings.targets for one in accounts.load_all()] == [tmp_path / "Targets.toml"]
    file_of(tmp_path, RIGHT.replace("next_reply", "no_reply"))
    with pytest.raises(SettingsError) as refused:
        accounts.load_all()
    assert str(refused.value) == (
        f"The settings have faults:\n  {listed}, account 7, targets: in {tmp_path / 'Targets.toml'}, target"
        " \"Answers\", what: must be 'first_reply', 'next_reply' or 'resolution'"
    )
