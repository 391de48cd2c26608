"""Several accounts by the command line: one after the other, each by itself, and one exit code for all."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.demo.server import serve
from etl.demo.vendor import Vendor
from tests.databases import query
from tests.etl_process import RunEtl, command_lines, start_etl, terminate
from tests.held_vendor import holding
from tests.ping_service import pinged
from tests.scripted_account import account_of
from tests.waits import LONGEST

SHOP_TOKEN, OUTLET_TOKEN, WRONG_TOKEN = "kQ7vR2mXw9ZtB4nL", "sY8dJc6HpW3eF5gA", "bN5zV7xC1qM4lK9j"


@pytest.fixture
def outlet() -> Vendor:
    return Vendor(account_of(2, number=23), token=OUTLET_TOKEN)


@pytest.fixture
def settings(outlet: Vendor, database_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Two vendors: account 17 of one, account 23 of another, and account 18 with a token that opens nothing."""
    shop = Vendor(account_of(3, number=17), token=SHOP_TOKEN)
    with serve(shop) as shop_url, serve(outlet) as outlet_url:
        file = tmp_path / "accounts.toml"
        file.write_text(
            f"""
            [[account]]
            id = 17
            name = "Shop"
            token_variable = "SHOP_TOKEN"

            [[account]]
            id = 18
            token_file = "closed.token"

            [[account]]
            id = 23
            name = "Outlet"
            base_url = "{outlet_url}"
            token = "{OUTLET_TOKEN}"
            """
        )
        file.chmod(0o600)
        (tmp_path / "closed.token").write_text(WRONG_TOKEN + "\n")
        yield {
            "ETL_ACCOUNTS": "accounts.toml",
            "ETL_BASE_URL": shop_url,
            "SHOP_TOKEN": SHOP_TOKEN,
            "DATABASE_URL": database_url,
        }


def no_token(said: str) -> str:
    for token in (SHOP_TOKEN, OUTLET_TOKEN, WRONG_TOKEN):
        assert token not in said
    return said


def loaded(database_url: str) -> list[tuple[int, int]]:
    return query(database_url, "SELECT account_id, count(*) FROM conversations GROUP BY account_id ORDER BY account_id")


@pytest.mark.long
def test_all_are_read_one_after_the_other_and_one_that_fails_keeps_no_other_from_its_turn(
    etl: RunEtl, settings: dict[str, str], database_url: str
) -> None:
    done = etl("sync", "--all", **settings)
    assert done.returncode == 2
    no_token(done.stdout + done.stderr)
    lines = [line.split(" after ")[0].rstrip() for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert lines == [
        "Account 17 (Shop)", "Run 1 · sync of account 17 · complete", "",
        "Account 18", "Run 2 · sync of account 18 · failed", "",
        "Account 23 (Outlet)", "Run 3 · sync of account 23 · complete",
    ]  # fmt: skip
    assert "account 17, open: 1 page" in done.stderr
    assert "account 23, snoozed: 0 pages" in done.stderr
    assert loaded(database_url) == [(17, 3), (23, 2)]


def test_json_is_one_object_a_line_for_each(etl: RunEtl, settings: dict[str, str]) -> None:
    done = etl("sync", "--all", "--json", **settings)
    assert done.returncode == 2
    runs = [json.loads(line) for line in no_token(done.stdout).splitlines()]
    assert [(one["account_id"], one["outcome"], one["conversations"]["seen"]) for one in runs] == [
        (17, "complete", 3), (18, "failed", 0), (23, "complete", 2),
    ]  # fmt: skip
    no_token(done.stderr)


def test_who_watches_is_told_of_each_by_itself_and_one_that_fails_silences_no_other(
    etl: RunEtl, settings: dict[str, str], tmp_path: Path
) -> None:
    with pinged() as service:
        variables = settings | {"ETL_PING_URL": service.url + "/etl-{account_id}"}
        assert etl("sync", "--all", **variables).returncode == 2
        assert service.steps() == [
            "/etl-17/start", "/etl-17", "/etl-18/start", "/etl-18/fail", "/etl-23/start", "/etl-23",
        ]  # fmt: skip
        # Nor does one whose run cannot even begin: its personal data are stored in another way than is wanted now.
        file = tmp_path / "accounts.toml"
        file.write_text(file.read_text().replace("id = 17", 'id = 17\npii = "drop"'))
        assert etl("sync", "--account", "17", "--account", "23", **variables).returncode == 2
        assert [said.partition(": ")[0] for _, said in service.told] == [
            "A run of account 17 failed", "Run 4 of account 23", "Run 4 of account 23",
        ]  # fmt: skip
        assert service.steps() == ["/etl-17/fail", "/etl-23/start", "/etl-23"]


@pytest.mark.long
def test_some_are_named_and_the_one_that_is_not_is_left_alone(
    etl: RunEtl, settings: dict[str, str], database_url: str
) -> None:
    done = etl("sync", "--account", "23", "--account", "17", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("Account")] == [
        "Account 17 (Shop)", "Account 23 (Outlet)",
    ]  # fmt: skip
    again = etl("backfill", "--account", "23", "--conversation", "1", "--json", **settings)
    assert (again.returncode, json.loads(again.stdout)["account_id"]) == (0, 23)
    # As with one account in the settings: no heading, and no account in the progress.
    one = etl("sync", "--account", "23", **settings)
    assert one.stdout.startswith("Run 4 · sync of account 23 · complete")
    assert "account 23, " not in one.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sync",), "account 18, account 23 (Outlet). Say which one: --account ID, or all: --all."),
        (("backfill",), "Say which one: --account ID.\n"),
        (("redact", "--yes"), "Say which one: --account ID, or all: --all."),
        (("forget", "--contact", "1", "--yes"), "Say which one: --account ID.\n"),
        (("sync", "--account", "5"), "--account 5: accounts.toml has account 17"),
        (("sync", "--account", "17", "--all"), "not both"),
        (("backfill", "--all"), "--all"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_was_not_said_or_is_not_there_is_a_clear_fault(
    etl: RunEtl, settings: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    done = etl(*arguments, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in no_token(done.stderr)
    assert "Traceback" not in done.stderr


def test_faults_of_the_file_are_told_without_a_token(etl: RunEtl, settings: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "accounts.toml").open("a") as file:
        file.write(f'[[account]]\nid = 17\ntoken = "{WRONG_TOKEN} {WRONG_TOKEN}"\nsecret = "{WRONG_TOKEN}"\n')
    for command in ("sync", "check"):
        done = etl(command, **settings)
        assert (done.returncode, done.stdout) == (2, "")
        named = [line.partition(": ")[0] for line in no_token(done.stderr).splitlines()]
        assert named == [
            "etl",
            "  accounts.toml, account 17, secret",
            "  accounts.toml, account 17, token",
            "  accounts.toml, account 17, id",
        ]


def test_check_looks_at_all_of_them_and_at_the_database_once(etl: RunEtl, settings: dict[str, str]) -> None:
    done = etl("check", **settings)
    assert done.returncode == 1
    said = [line.rstrip() for line in no_token(done.stdout).splitlines()]
    heads = [line for line in said if not line.startswith(("ok", "note", "FAULT"))]
    assert heads == ["Account 17 (Shop)", "", "Account 18", "", "Account 23 (Outlet)", "", "The database"]
    assert sum(line.startswith("FAULT  token") for line in said) == 1
    assert sum(line.startswith("ok     database") for line in said) == 1
    assert etl("check", "--account", "17", "--account", "23", **settings).returncode == 0


@pytest.mark.long
def test_one_that_cannot_begin_counts_as_2_as_do_several(etl: RunEtl, settings: dict[str, str], tmp_path: Path) -> None:
    assert etl("sync", "--account", "17", "--account", "23", **settings).returncode == 0
    # Personal data are stored as they are; only `etl redact` makes another thing of them.
    file = tmp_path / "accounts.toml"
    before = file.read_text()
    file.write_text(before.replace("id = 17", 'id = 17\npii = "drop"'))
    some = etl("sync", "--account", "17", "--account", "23", "--json", **settings)
    assert (some.returncode, json.loads(some.stdout)["account_id"]) == (2, 23)
    assert "etl: account 17 (Shop): ETL_PII is drop" in no_token(some.stderr)
    none = etl("sync", "--account", "17", "--account", "23", ETL_PII="drop", **settings)
    assert none.returncode == 2
    assert etl("redact", "--account", "17", "--account", "23", "--yes", **settings).returncode == 0
    assert etl("sync", "--account", "17", "--account", "23", **settings).returncode == 0


@pytest.mark.long
def test_a_contact_is_forgotten_in_the_account_that_was_named(
    etl: RunEtl, settings: dict[str, str], database_url: str
) -> None:
    etl("sync", "--all", **settings)
    done = etl("forget", "--contact", "1", "--account", "23", "--yes", **settings)
    assert done.returncode == 0, done.stderr
    assert query(database_url, "SELECT account_id, name FROM contacts WHERE id = 1 ORDER BY account_id") == [
        (17, "Dana"), (23, None),
    ]  # fmt: skip


@pytest.mark.long
def test_a_request_to_stop_ends_the_series_and_no_token_is_in_the_list_of_processes(
    tmp_path: Path, settings: dict[str, str], database_url: str
) -> None:
    with holding(Vendor(account_of(3, number=17), token=SHOP_TOKEN)) as (shop, base_url):
        process = start_etl(tmp_path, "sync", "--all", **settings | {"ETL_BASE_URL": base_url})
        shop.wait_until_asked()
        assert "--all" in no_token(command_lines(process.pid))
        terminate(process)
        out, err = process.communicate(timeout=LONGEST)
    assert process.returncode == 1
    assert "Run 1 · sync of account 17 · interrupted" in out
    assert "Account 18" not in out
    assert "Stopped on request." in no_token(out + err)
    assert query(database_url, "SELECT account_id FROM sync_runs") == [(17,)]


def test_psql_gets_none_of_the_tokens(etl: RunEtl, settings: dict[str, str]) -> None:
    done = etl("psql", "-c", r"\! env", **settings)
    assert done.returncode == 0
    assert "ETL_ACCOUNTS=accounts.toml" in no_token(done.stdout)
    assert "SHOP_TOKEN" not in done.stdout


@pytest.mark.long
def test_without_a_file_the_account_may_be_named_if_it_is_the_one_of_the_settings(
    etl: RunEtl, outlet: Vendor, settings: dict[str, str]
) -> None:
    with serve(outlet) as base_url:
        alone = {
            "ETL_ACCOUNT_ID": "23", "ETL_API_TOKEN": OUTLET_TOKEN, "ETL_BASE_URL": base_url,
            "DATABASE_URL": settings["DATABASE_URL"],
        }  # fmt: skip
        assert etl("sync", "--account", "23", **alone).returncode == 0
        assert etl("sync", "--all", **alone).returncode == 0
        other = etl("sync", "--account", "17", **alone)
    assert other.returncode == 2
    assert "--account 17: the settings are those of account 23." in other.stderr
