"""The command line as a process: what it prints, where it prints it, and its exit codes."""

import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.etl_process import ETL, RunEtl, end_server, environment_of, run_program
from tests.recorded_vendor import EVENTS_NOT_READ
from tests.scripted_account import LONG_AGO, account_of

TOKEN = "a-token-of-twenty-letters"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[RunEtl]:
    """Start the program itself, so that a fault of its start is found; `etl` forks it, which shows all else."""
    yield partial(run_program, tmp_path)
    end_server(tmp_path / "home")


@pytest.fixture
def vendor() -> Vendor:
    return Vendor(account_of(3), token=TOKEN)


@pytest.fixture
def settings(vendor: Vendor, database_url: str) -> Iterator[dict[str, str]]:
    with serve(vendor) as url:
        yield {"ETL_BASE_URL": url, "ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": TOKEN, "DATABASE_URL": database_url}


def test_sync_prints_a_summary_that_says_first_whether_it_is_complete(
    program: RunEtl, settings: dict[str, str]
) -> None:
    done = program("sync", **settings)
    assert done.returncode == 0
    first, *lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert first.startswith("Run 1 · sync of account 1 · complete after ")
    assert lines == [
        f"  note: {EVENTS_NOT_READ}",
        "                 seen  inserted  updated  unchanged",
        "  conversations     3         3        0          0",
        "  messages          9         9        0          0",
        "  contacts          3         2        1          0",
        "  attachments       0         0        0          0",
        "  ledger         3 ids = 3 loaded",
        "  proof          every page was walked",
        "  contacts       1 listed = 1 loaded",
        "  books          9 of 9 messages agree",
        "  requests       60 · 5 pages",
        "  kept in extra  message.conversation.contact_inbox, message.conversation.last_activity_at, message.sentiment",
    ]
    # Progress goes to standard error, a line a walk when that is no terminal.
    assert [line.split("] ")[1].split(" · ")[0] for line in done.stderr.splitlines()] == [
        "open: 1 page",
        "resolved: 0 pages",
        "pending: 0 pages",
        "snoozed: 0 pages",
    ]


def test_json_is_one_object_and_nothing_else_on_standard_output(etl: RunEtl, settings: dict[str, str]) -> None:
    done = etl("sync", "--json", **settings)
    run = json.loads(done.stdout)
    assert list(run) == [
        "run_id", "account_id", "kind", "outcome", "started_at", "finished_at", "seconds", "requests", "retries",
        "pages", "conversations", "messages", "contacts", "attachments", "rejected", "unknown_fields", "proof",
        "ledger", "audit", "contact_ledger", "books", "known", "unseen", "notes", "problems",
    ]  # fmt: skip
    assert done.stdout.count("\n") == 1


@pytest.mark.long
def test_logs_are_json_lines_when_asked_for(etl: RunEtl, settings: dict[str, str]) -> None:
    lines = [json.loads(line) for line in etl("sync", ETL_LOG_FORMAT="json", **settings).stderr.splitlines()]
    assert [(line["level"], line["event"].split(":")[0]) for line in lines] == [
        ("info", "open"), ("info", "resolved"), ("info", "pending"), ("info", "snoozed"), ("info", "note"),
        ("info", "Run 1 of account 1"),
    ]  # fmt: skip


def test_an_incomplete_run_exits_with_3_and_one_whose_token_is_refused_with_2(
    etl: RunEtl, vendor: Vendor, settings: dict[str, str]
) -> None:
    # A conversation whose contact was deleted is a 500 on the real server, and so is its page.
    vendor.accounts[0].conversations[2].contact_id = 99
    incomplete = etl(
        "backfill", "--json", "--conversation", "1", "--conversation", "2", ETL_RETRY_ATTEMPTS="1", **settings
    )
    assert incomplete.returncode == 3
    assert "conversations/2: the server answered 500" in json.loads(incomplete.stdout)["problems"][0]

    failed = etl("sync", "--json", **settings | {"ETL_API_TOKEN": "of-another-account"})
    assert failed.returncode == 2
    assert json.loads(failed.stdout)["outcome"] == "failed"
    assert "401" in failed.stderr
    assert "of-another-account" not in failed.stderr + failed.stdout


def test_missing_and_wrong_settings_are_all_named_at_once_with_exit_code_2(program: RunEtl) -> None:
    done = program("sync", ETL_CONCURRENCY="many", ETL_BASE_URL="http://vendor.example")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "etl: The settings have faults:"
    named = [line.split(":")[0].strip() for line in done.stderr.splitlines()[1:]]
    assert named == ["ETL_ACCOUNT_ID", "ETL_API_TOKEN", "ETL_BASE_URL", "ETL_CONCURRENCY"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync", "--status", "closed"), "closed"),
        (("backfill", "--since", "yesterday"), "'yesterday' is no day"),
        (("backfill", "--since", "2026-02-30"), "'2026-02-30' is no day"),
        (("backfill", "--conversation", "7", "--status", "open"), "not both"),
        (("backfill", "--inbox-id", "zero"), "--inbox-id"),
        (("backfill", "--until", "9999-12-31"), "is no day"),
        (("sync", "--audit", "--recent"), "--audit"),
        (("nonsense",), "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_arguments_exit_with_2_and_say_what_is_wrong(etl: RunEtl, arguments: tuple[str, ...], said: str) -> None:
    done = etl(*arguments, ETL_ACCOUNT_ID="1", ETL_API_TOKEN=TOKEN)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_backfill_takes_a_day_as_a_whole_day_in_utc_or_with_an_offset(
    etl: RunEtl, vendor: Vendor, settings: dict[str, str]
) -> None:
    # The three conversations of 2023-11-14/15 begin at 22:13, 23:13 and 00:13 UTC.
    assert LONG_AGO == 1_700_000_000

    def read(*arguments: str) -> int:
        return json.loads(etl("backfill", "--json", *arguments, **settings).stdout)["conversations"]["seen"]

    assert read("--until", "2023-11-14") == 2
    assert read("--since", "2023-11-15") == 1
    assert read("--since", "2023-11-15", "--until", "2023-11-15") == 1
    assert read("--since", "2023-11-15+02:00") == 3
    assert read("--until", "2023-11-14-01:00") == 3


@pytest.mark.long
def test_runs_lists_the_last_runs(etl: RunEtl, settings: dict[str, str]) -> None:
    assert etl("runs", **settings).stdout == "No run yet: `etl sync` makes the first.\n"
    etl("sync", **settings)
    header, row = etl("runs", **settings).stdout.splitlines()
    assert header.split() == [
        "run", "account", "kind", "started", "(UTC)", "took", "outcome", "conversations", "messages", "unaccounted",
        "rejected",
    ]  # fmt: skip
    assert row.split()[:3] + row.split()[-7:] == ["1", "1", "sync", "complete", "+3", "~0", "+9", "~0", "0", "0"]


@pytest.mark.long
def test_psql_opens_the_database_at_the_tables_and_hands_its_arguments_on(
    etl: RunEtl, settings: dict[str, str]
) -> None:
    etl("sync", **settings)
    done = etl("psql", "-Atc", "SELECT count(*) FROM messages", **settings)
    assert (done.returncode, done.stdout) == (0, "9\n")
    assert etl("psql", "-c", "SELEKT", **settings).returncode == 1


def test_check_finds_everything_right(etl: RunEtl, settings: dict[str, str]) -> None:
    done = etl("check", **settings)
    assert done.returncode == 0, done.stdout
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [(sign, name) for sign, name, _ in lines[:7]] == [
        ("ok", "settings"), ("ok", "server"), ("ok", "token"), ("ok", "role"), ("ok", "account"), ("note", "lists"),
        ("ok", "database"),
    ]  # fmt: skip
    # As no server of this version has these.
    assert lines[5][2] == (
        "not to be had on this server, or not with this token: SLA policies, the vendor's own events."
        " A run does without; what they would tell is not in the tables."
    )
    assert lines[0][2].endswith("account 1, token ending in ters")
    assert lines[1][2] == "reached; Chatwoot 4.7.0"
    assert lines[3][2] == "administrator"
    assert lines[4][2] == "conversations can be read; 3 are open"
    assert TOKEN not in done.stdout + done.stderr


def test_check_tells_names_in_targets_that_nothing_has(etl: RunEtl, settings: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "targets.toml"
    target = (
        'name = "First"\nwhat = "first_reply"\nwithin = 60\ntime = "calendar"\nvalid_from = 2026-01-01\nteam = "none"'
    )
    file.write_text(f"[[target]]\n{target}\n")
    done = etl("check", **settings, ETL_TARGETS=str(file))
    assert (done.returncode, [line for line in done.stdout.splitlines() if "  targets  " in line]) == (
        0,
        [
            f"note   targets   account 1: 1 in {file}",
            'note   targets   "First" of 2026-01-01 names what the tables do not have: team none.'
            " Is it right, or yet to come?",
        ],
    )
    file.write_text(f"[[target]]\n{target}\nteams = 1\n")
    done = etl("check", **settings, ETL_TARGETS=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert f'ETL_TARGETS: in {file}, target "First", teams: is not known' in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("changed", "name", "said"),
    [
        ({"ETL_API_TOKEN": "a-wrong-token-of-length"}, "token", "Copy the access token from the inbox"),
        ({"ETL_ACCOUNT_ID": "7"}, "role", "ETL_ACCOUNT_ID may be: 1."),
        ({"ETL_BASE_URL": "http://127.0.0.1:9"}, "server", "Is ETL_BASE_URL right?"),
        ({"DATABASE_URL": "postgresql://u:pass-word@127.0.0.1:9/x"}, "database", "Mend DATABASE_URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_check_says_what_is_wrong_and_what_to_do(
    etl: RunEtl, settings: dict[str, str], changed: dict[str, str], name: str, said: str
) -> None:
    done = etl("check", **settings | changed)
    assert done.returncode == 1
    (fault,) = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    assert fault.split()[1] == name
    assert said in fault
    assert "pass-word" not in done.stdout + done.stderr
    assert "a-wrong-token-of-length" not in done.stdout + done.stderr


def test_check_says_that_the_tables_are_missing(etl: RunEtl, settings: dict[str, str], empty_database_url: str) -> None:
    done = etl("check", **settings | {"DATABASE_URL": empty_database_url})
    assert done.returncode == 1
    assert "has no tables yet. Run `etl migrate` first." in done.stdout


def test_help_names_every_command_with_one_line_and_the_exit_codes(program: RunEtl) -> None:
    done = program("--help")
    assert done.returncode == 0
    for command in ("sync", "backfill", "migrate", "check", "runs", "status", "psql", "demo"):
        assert f"│ {command} " in done.stdout
    assert "3  Finished, but not complete" in done.stdout


# What bash itself does when the Tab key is pressed, as `etl --show-completion` tells it.
BASH = """
eval "$(etl --show-completion)" || exit
press_tab() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    $(complete -p etl | sed 's/.*-F \\([^ ]*\\).*/\\1/') etl
    echo "${COMPREPLY[@]}"
}
press_tab etl re
press_tab etl runs --
press_tab etl sync --status re
press_tab etl psql -c ''
"""


@pytest.mark.long
def test_bash_completes_commands_options_and_values_without_loading_what_takes_time(tmp_path: Path) -> None:
    environment = environment_of(tmp_path) | {"PYTHONPROFILEIMPORTTIME": "1"}
    environment["PATH"] = f"{Path(ETL).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", BASH], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    redact, runs, status, nothing = done.stdout.splitlines()
    assert redact == "redact"
    assert {"--limit", "--run", "--json"} <= set(runs.split())
    assert (status, nothing) == ("resolved", "")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "etl.commands.main" in loaded
    assert not loaded & {"sqlalchemy", "psycopg", "requests", "alembic", "etl.settings"}


def test_version_names_the_version(program: RunEtl) -> None:
    assert program("--version").stdout == "etl 0.1.0\n"
