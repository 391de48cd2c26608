"""`etl status` for monitors, and `etl runs --run`: one run whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.load import journal, run_lock
from etl.load.journal import Run
from etl.selection import Selection
from tests.etl_process import TOKEN, RunEtl, kill, run_into, settings
from tests.held_vendor import Trap
from tests.scripted_account import account_of, change_messages, job


@pytest.fixture
def vendor() -> Vendor:
    return Vendor([account_of(3), account_of(2, number=2)], token=TOKEN)


@pytest.fixture
def trap(vendor: Vendor) -> Trap:
    return Trap(vendor)


@pytest.fixture
def variables(trap: Trap, database_url: str) -> Iterator[dict[str, str]]:
    with serve(trap) as base_url:
        yield settings(base_url, database_url)


@pytest.fixture
def monitor(database_url: str) -> dict[str, str]:
    """What a monitor has: no token."""
    return {"DATABASE_URL": database_url}


def execute(url: str, statement: str) -> None:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True, options="-c search_path=helpdesk") as connection:
        connection.execute(statement)


def age(url: str, interval: str) -> None:
    execute(url, f"UPDATE sync_runs SET started_at = started_at - interval '{interval}'")


def words_of(said: str) -> list[str]:
    """Return the lines with one space between words, however they are aligned."""
    return [" ".join(line.split()) for line in said.splitlines()]


def test_an_account_without_a_run_is_a_fault(etl: RunEtl, monitor: dict[str, str]) -> None:
    done = etl("status", **monitor)
    assert (done.returncode, done.stdout) == (1, "FAULT  no run of any account yet\n")
    done = etl("status", ETL_ACCOUNT_ID="7", **monitor)
    assert (done.returncode, done.stdout) == (1, "FAULT  account 7: no complete run yet\n")


def test_a_complete_run_is_well_until_it_is_too_old(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], database_url: str
) -> None:
    assert etl("sync", **variables).returncode == 0
    done = etl("status", **monitor)
    assert done.returncode == 0
    assert done.stdout.startswith("ok     account 1: complete 0 min ago (")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""

    age(database_url, "90 minutes")
    assert etl("status", "--max-age", "91m", **monitor).returncode == 0
    late = etl("status", "--max-age", "1h", **monitor)
    assert late.returncode == 1
    assert late.stdout.startswith("FAULT  account 1: complete 1 h 30 min ago (")
    assert late.stdout.endswith("; that is more than 1 h\n")

    age(database_url, "2 days")
    assert etl("status", **monitor).returncode == 1
    assert "complete 2 d 1 h ago" in etl("status", "--max-age", "3d", **monitor).stdout


def test_a_selection_does_not_make_an_account_complete(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str]
) -> None:
    assert etl("backfill", "--conversation", "1", **variables).returncode == 0
    assert etl("status", **monitor).stdout == "FAULT  account 1: no complete run yet\n"


@pytest.mark.long
def test_a_failed_run_after_a_complete_one_is_told_with_its_reason_and_without_quotations(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str]
) -> None:
    etl("sync", **variables)
    etl("sync", **variables | {"ETL_API_TOKEN": "another"})
    done = etl("status", **monitor)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert "; run 2 failed: " in done.stdout
    assert "{" not in done.stdout


def test_what_is_unaccounted_is_a_fault(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], database_url: str
) -> None:
    etl("sync", **variables)
    execute(database_url, "UPDATE sync_runs SET unaccounted = 2, audit = '{\"unaccounted\": 5}'")
    done = etl("status", **monitor)
    assert done.returncode == 1
    assert done.stdout.endswith("; 2 conversation ids unaccounted for; 5 messages unaccounted for\n")


@pytest.mark.long
def test_what_could_not_be_read_is_named(
    etl: RunEtl, vendor: Vendor, variables: dict[str, str], monitor: dict[str, str]
) -> None:
    vendor.accounts[0].conversations[2].contact_id = 99  # deleted: a 500 on the real server
    vendor.accounts[0].conversations[1].status = "resolved"  # so that some page can be read
    assert etl("sync", ETL_RETRY_ATTEMPTS="1", **variables).returncode == 3
    done = etl("status", **monitor)
    assert done.returncode == 1
    assert (
        "; run 1 was incomplete: 1 unreadable: 2; The vendor counts 3 conversations, and 2 were loaded. (2"
        in done.stdout
    )
    assert done.stdout.count("\n") == 1
    assert json.loads(etl("status", "--json", **monitor).stdout)["accounts"][0]["unreadable"] == [2]


def test_what_is_refused_to_the_token_is_named_and_no_fault(
    etl: RunEtl, vendor: Vendor, variables: dict[str, str], monitor: dict[str, str]
) -> None:
    assert etl("sync", **variables).returncode == 0
    vendor.hidden_inboxes = frozenset({2})
    run = etl("sync", "--json", **variables)
    assert (run.returncode, json.loads(run.stdout)["unseen"]) == (0, [2])
    done = etl("status", **monitor)
    assert (done.returncode, "; 1 refused to the token: 2" in done.stdout) == (0, True), done.stdout
    assert json.loads(etl("status", "--json", **monitor).stdout)["accounts"][0]["unseen"] == [2]


def test_a_run_that_goes_on_is_told_and_no_fault_of_its_own(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], engine: Engine
) -> None:
    etl("sync", **variables)
    with run_lock.hold(engine, 1):
        journal.open_run(engine, Run(1, "sync"))
        done = etl("status", **monitor)
    assert done.returncode == 0
    assert done.stdout.endswith("; run 2 is going on for 0 min\n")


def test_a_run_that_was_killed_is_told_at_once(
    etl: RunEtl, trap: Trap, variables: dict[str, str], monitor: dict[str, str], tmp_path: Path
) -> None:
    etl("sync", **variables)
    run_into(trap, 5, kill, tmp_path, **variables)
    done = etl("status", **monitor)
    assert done.returncode == 1
    assert done.stdout.endswith("; run 2 was killed (begun 0 min ago)\n")
    shown = etl("runs", "--run", "2", **monitor)
    assert shown.returncode == 0
    etl("sync", **variables)
    assert etl("status", **monitor).returncode == 0
    shown = words_of(etl("runs", "--run", "2", **monitor).stdout)
    assert shown[0] == "Run 2 · sync of account 1 · interrupted"
    assert "ended killed: it could not say when, nor what it did" in shown
    assert json.loads(etl("runs", "--run", "2", "--json", **monitor).stdout)["seconds"] is None


@pytest.mark.long
def test_several_accounts_are_a_line_each_and_one_that_is_bad_is_enough(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str]
) -> None:
    etl("sync", **variables)
    etl("sync", **variables | {"ETL_ACCOUNT_ID": "2"})
    well = etl("status", **monitor)
    assert well.returncode == 0
    assert [line.split(":")[0] for line in well.stdout.splitlines()] == ["ok     account 1", "ok     account 2"]
    etl("sync", **variables | {"ETL_ACCOUNT_ID": "2", "ETL_API_TOKEN": "another"})
    bad = etl("status", **monitor)
    assert bad.returncode == 1
    assert [line.split(":")[0] for line in bad.stdout.splitlines()] == ["ok     account 1", "FAULT  account 2"]
    assert etl("status", ETL_ACCOUNT_ID="1", **monitor).returncode == 0


def accounts_file(folder: Path, *tables: str) -> dict[str, str]:
    """Write a file of accounts as a monitor reads it: their tokens are in no variable and in no file that is there."""
    text = "".join(f'[[account]]\n{one}\ntoken_variable = "NOT_HERE"\n' for one in tables)
    (folder / "accounts.toml").write_text(text)
    return {"ETL_ACCOUNTS": "accounts.toml"}


@pytest.mark.long
def test_of_a_file_of_accounts_all_are_told_and_no_others(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], tmp_path: Path
) -> None:
    etl("sync", **variables)
    both = etl("status", **monitor, **accounts_file(tmp_path, "id = 2", "id = 1"))
    assert both.returncode == 1
    assert both.stdout.startswith("FAULT  account 2: no complete run yet\nok     account 1: complete 0 min ago (")
    assert both.stdout.count("\n") == 2
    one = etl("status", ETL_ACCOUNT_ID="1", **monitor, **accounts_file(tmp_path, "id = 2", "id = 1"))
    assert (one.returncode, one.stdout.count("\n")) == (0, 1)

    etl("sync", **variables | {"ETL_ACCOUNT_ID": "2"})
    assert etl("status", **monitor, **accounts_file(tmp_path, "id = 2", "id = 1")).returncode == 0
    # The first one is taken out of the file, and fails: nobody waits for it.
    etl("sync", **variables | {"ETL_API_TOKEN": "another"})
    left = etl("status", "--json", **monitor, **accounts_file(tmp_path, "id = 2"))
    assert left.returncode == 0
    assert [account["account_id"] for account in json.loads(left.stdout)["accounts"]] == [2]


def test_a_file_of_accounts_that_does_not_say_which_is_a_wrong_setting(
    etl: RunEtl, monitor: dict[str, str], tmp_path: Path
) -> None:
    done = etl("status", **monitor, **accounts_file(tmp_path, "id = 1", 'name = "Shop"'))
    assert (done.returncode, done.stdout) == (2, "")
    assert "accounts.toml: has an account without a number as its id" in done.stderr
    (tmp_path / "accounts.toml").unlink()
    done = etl("status", **monitor, ETL_ACCOUNTS="accounts.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "ETL_ACCOUNTS: accounts.toml cannot be read" in done.stderr


def test_status_as_json_is_one_object(etl: RunEtl, variables: dict[str, str], monitor: dict[str, str]) -> None:
    etl("sync", **variables)
    done = etl("status", "--json", "--max-age", "2d", **monitor)
    told = json.loads(done.stdout)
    assert (told["ok"], told["max_age_seconds"], done.stdout.count("\n")) == (True, 172_800, 1)
    (account,) = told["accounts"]
    assert list(account) == [
        "account_id", "ok", "said", "last_complete_started_at", "age_seconds", "last_run", "under_way", "is_alive",
        "conversations_unaccounted", "messages_unaccounted", "unreadable", "known", "unseen", "proof",
        "last_walk_started_at", "books_agree_as_of", "oldest_history_read_at", "last_verified_at", "messages_bound",
    ]  # fmt: skip
    assert account["last_run"]["outcome"] == "complete"
    assert account["under_way"] is None
    assert (account["conversations_unaccounted"], account["messages_unaccounted"]) == (0, None)


VERIFIED = """
    INSERT INTO verifications (account_id, sample, seed, finished_at, conversations, messages, fields,
        conversations_differing, messages_differing, unreadable, repaired, confidence, messages_bound)
    VALUES (1, 1500, 7, now() - interval '3 days', 900, 1500, 31120, 0, {differing}, 0, {repaired}, 0.95, 0.0019953)
"""


def test_status_says_since_when_books_agree_how_old_readings_are_and_what_was_verified(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], database_url: str
) -> None:
    etl("sync", **variables)
    agree = '{"conversations": {"vendor": 3, "ours": 2, "explained": 1}}'
    execute(database_url, f"UPDATE sync_runs SET books = '{agree}', started_at = '2026-01-02 03:04Z'")
    execute(database_url, "UPDATE conversations SET history_read_at = now() - interval '50 hours 30 minutes'")
    execute(database_url, VERIFIED.format(differing=1, repaired=1))
    done = etl("status", "--max-age", "9999d", **monitor)
    assert done.returncode == 0
    assert done.stdout.endswith(
        "; books agree as of 2026-01-02 03:04 UTC; oldest reading 2 d 2 h ago; verified 3 d ago: with 95% confidence"
        " at most 0.20% of messages differ\n"
    )


def test_rows_found_to_differ_and_not_repaired_are_a_fault(
    etl: RunEtl, variables: dict[str, str], monitor: dict[str, str], database_url: str
) -> None:
    etl("sync", **variables)
    differ = '{"conversations": {"vendor": 3, "ours": 2, "explained": 0}}'
    execute(database_url, f"UPDATE sync_runs SET books = '{differ}'")
    execute(database_url, VERIFIED.format(differing=3, repaired=1))
    done = etl("status", **monitor)
    assert done.returncode == 1
    assert "the last verification found 2 rows that differ (`etl verify --repair`)" in done.stdout
    assert "books agree" not in done.stdout


@pytest.mark.parametrize("wrong", ["26", "h", "1w", "-1h", "1.5h", "9999999d"])
def test_an_age_that_cannot_be_read_is_a_wrong_argument(etl: RunEtl, monitor: dict[str, str], wrong: str) -> None:
    done = etl("status", "--max-age", wrong, **monitor)
    assert done.returncode == 2
    assert "is no age such as" in done.stderr


def without_id(message: dict[str, Any]) -> None:
    if message["content"].startswith("message 1"):
        message["id"] = "seven"


def test_one_run_is_shown_whole(etl: RunEtl, monitor: dict[str, str], engine: Engine) -> None:
    with job(account_of(3), engine, change=change_messages(without_id)) as the_job:
        the_job.run(Selection(statuses=("open", "pending")))
    done = etl("runs", "--run", "1", **monitor)
    assert done.returncode == 0
    lines = words_of(done.stdout)
    assert lines[0].startswith("Run 1 · sync of account 1 · incomplete after ")
    names = [one.split()[0] for one in lines]
    for name in ("seen", "conversations", "messages", "requests", "kept", "rejected", "started", "ended", "on"):
        assert name in names, done.stdout
    assert "selection statuses open, pending" in lines
    assert "reasons 3 message: id: expected a whole number, got the text 'seven'" in lines
    assert "ledger" not in names
    told = json.loads(etl("runs", "--run", "1", "--json", **monitor).stdout)
    assert told["selection"] == {"statuses": ["open", "pending"]}
    assert told["conversations"]["seen"] == 3
    assert told["rejected_reasons"] == [
        {"entity": "message", "reason": "id: expected a whole number, got the text 'seven'", "records": 3}
    ]


def test_runs_are_json_when_asked_for(etl: RunEtl, variables: dict[str, str], monitor: dict[str, str]) -> None:
    assert json.loads(etl("runs", "--json", **monitor).stdout) == []
    etl("sync", **variables)
    (told,) = json.loads(etl("runs", "--json", **monitor).stdout)
    assert (told["run_id"], told["outcome"], told["selection"]) == (1, "complete", None)


def test_a_run_that_is_not_there_is_a_wrong_argument(etl: RunEtl, monitor: dict[str, str]) -> None:
    done = etl("runs", "--run", "99", **monitor)
    assert done.returncode == 2
    assert "There is no run 99." in done.stderr
