from pathlib import Path

import pytest

from etl.errors import SettingsError
from etl.settings.settings import DatabaseSettings, Settings, inherited_environment, load, variable_name

pytestmark = pytest.mark.usefixtures("bare_environment")

NEEDED = {"account_id": 1, "api_token": "t0ken"}

KEY = "0123456789abcdef0123456789abcdef"


def faults(**given) -> str:
    with pytest.raises(SettingsError) as refused:
        load(Settings, **(NEEDED | given))
    return str(refused.value)


def test_the_defaults_need_an_account_and_a_token_only(monkeypatch):
    monkeypatch.setenv("ETL_ACCOUNT_ID", "42")
    monkeypatch.setenv("ETL_API_TOKEN", "t0ken")
    read = load(Settings)
    assert read.api_token.get_secret_value() == "t0ken"
    assert read.model_dump(exclude={"api_token", "home"}) == {
        "accounts": None,
        "database_url": None,
        "database_url_file": None,
        "api_token_file": None,
        "pii_key_file": None,
        "ping_url_file": None,
        "log_format": "console",
        "base_url": "https://online.99digital.co.il",
        "account_id": 42,
        "concurrency": 8,
        "requests_per_minute": None,
        "timeout_seconds": 60.0,
        "memory_mb": 512,
        "retry_attempts": 6,
        "messages": "full",
        "contacts": "all",
        "books": "on",
        "walk_days": 7,
        "reread_days": 3,
        "patrol_percent": 2,
        "timezone": "UTC",
        "week_starts": None,
        "weekend": None,
        "holidays": None,
        "targets": None,
        "schedule": "0 2 * * *",
        "schedule_recent": None,
        "schedule_audit": None,
        "ping_url": None,
        "metrics_file": None,
        "pii": "keep",
        "pii_key": None,
    }
    assert read.home.is_absolute()


def test_every_setting_is_read_from_its_variable(monkeypatch, tmp_path):
    targets = tmp_path / "targets.toml"
    targets.touch()
    for name, value in {
        "DATABASE_URL": "postgres://u:p@db.example:5433/helpdesk?sslmode=require",
        "ETL_ACCOUNTS": "accounts.toml",
        "ETL_HOME": str(tmp_path),
        "ETL_LOG_FORMAT": "json",
        "ETL_BASE_URL": "https://chat.example.com:8443/",
        "ETL_ACCOUNT_ID": "7",
        "ETL_API_TOKEN": "abc-DEF_123",
        "ETL_CONCURRENCY": "64",
        "ETL_REQUESTS_PER_MINUTE": "300",
        "ETL_TIMEOUT_SECONDS": "0.5",
        "ETL_MEMORY_MB": "64",
        "ETL_RETRY_ATTEMPTS": "1",
        "ETL_CONTACTS": "seen",
        "ETL_BOOKS": "off",
        "ETL_WALK_DAYS": "0",
        "ETL_REREAD_DAYS": "0",
        "ETL_PATROL_PERCENT": "10",
        "ETL_TIMEZONE": "Asia/Jerusalem",
        "ETL_WEEK_STARTS": "Monday",
        "ETL_WEEKEND": "Sunday, saturday",
        "ETL_HOLIDAYS": "IL, de-by",
        "ETL_TARGETS": str(targets),
        "ETL_SCHEDULE": "30 1 * * 6",
        "ETL_SCHEDULE_RECENT": "0 6-22 * * *",
        "ETL_SCHEDULE_AUDIT": "0 1 1 * *",
        "ETL_PING_URL": "https://hc-ping.com/key/etl-{account_id}?create=1",
        "ETL_METRICS_FILE": "/var/lib/node_exporter/etl-{account_id}.prom",
        "ETL_PII": "hash",
        "ETL_PII_KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    read = load(Settings)
    assert read.api_token.get_secret_value() == "abc-DEF_123"
    assert read.database_url.get_secret_value() == ("postgresql+psycopg://u:p@db.example:5433/helpdesk?sslmode=require")
    assert read.pii_key.get_secret_value() == KEY
    assert read.ping_url.get_secret_value() == "https://hc-ping.com/key/etl-{account_id}?create=1"
    assert read.model_dump(exclude={"api_token", "database_url", "ping_url", "pii_key"}) == {
        "database_url_file": None,
        "api_token_file": None,
        "pii_key_file": None,
        "ping_url_file": None,
        "accounts": Path("accounts.toml"),
        "home": Path(tmp_path),
        "log_format": "json",
        "base_url": "https://chat.example.com:8443",
        "account_id": 7,
        "concurrency": 64,
        "requests_per_minute": 300,
        "timeout_seconds": 0.5,
        "memory_mb": 64,
        "retry_attempts": 1,
        "messages": "full",
        "contacts": "seen",
        "books": "off",
        "walk_days": 0,
        "reread_days": 0,
        "patrol_percent": 10,
        "timezone": "Asia/Jerusalem",
        "week_starts": "monday",
        "weekend": "saturday,sunday",
        "holidays": "IL,DE-BY",
        "targets": targets,
        "schedule": "30 1 * * 6",
        "schedule_recent": "0 6-22 * * *",
        "schedule_audit": "0 1 1 * *",
        "metrics_file": Path("/var/lib/node_exporter/etl-{account_id}.prom"),
        "pii": "hash",
    }


def test_every_fault_is_reported_at_once_by_the_name_of_its_variable(monkeypatch):
    for name, value in {
        "DATABASE_URL": "mysql://u:secret-pw@db.example/helpdesk",
        "ETL_LOG_FORMAT": "xml",
        "ETL_BASE_URL": "http://chat.example.com",
        "ETL_ACCOUNT_ID": "zero",
        "ETL_API_TOKEN": "two words",
        "ETL_CONCURRENCY": "0",
        "ETL_REQUESTS_PER_MINUTE": "0",
        "ETL_TIMEOUT_SECONDS": "nan",
        "ETL_RETRY_ATTEMPTS": "21",
        "ETL_REREAD_DAYS": "-1",
        "ETL_TIMEZONE": "Asia/Atlantis",
        "ETL_WEEK_STARTS": "1",
        "ETL_WEEKEND": "friday;saturday",
        "ETL_HOLIDAYS": "Israel",
        "ETL_PING_URL": "http://pings.example/secret-check",
        "ETL_METRICS_FILE": "/var/lib/etl.prom",
        "ETL_PII": "scramble",
        "ETL_PII_KEY": "too short to be safe",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load(Settings)
    head, *lines = str(refused.value).splitlines()
    assert head == "The settings have faults:"
    assert [line.partition(":")[0] for line in lines] == [
        "  DATABASE_URL",
        "  ETL_ACCOUNT_ID",
        "  ETL_API_TOKEN",
        "  ETL_BASE_URL",
        "  ETL_CONCURRENCY",
        "  ETL_HOLIDAYS",
        "  ETL_LOG_FORMAT",
        "  ETL_METRICS_FILE",
        "  ETL_PII",
        "  ETL_PII_KEY",
        "  ETL_PING_URL",
        "  ETL_REQUESTS_PER_MINUTE",
        "  ETL_REREAD_DAYS",
        "  ETL_RETRY_ATTEMPTS",
        "  ETL_TIMEOUT_SECONDS",
        "  ETL_TIMEZONE",
        "  ETL_WEEKEND",
        "  ETL_WEEK_STARTS",
    ]
    for value in ("secret-pw", "two words", "zero", "too short", "secret-check"):
        assert value not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_what_is_missing_is_named():
    with pytest.raises(SettingsError) as refused:
        load(Settings)
    assert str(refused.value) == (
        "The settings have faults:\n  ETL_ACCOUNT_ID: is missing\n  ETL_API_TOKEN: is missing"
    )


def test_a_command_that_needs_the_database_only_needs_no_token():
    read = load(DatabaseSettings)
    assert (read.database_url, read.log_format) == (None, "console")


@pytest.mark.parametrize("name", ["ETL_ACCOUNT_ID", "ETL_API_TOKEN"])
def test_an_empty_variable_is_unset_and_so_missing(monkeypatch, name):
    for one in ("ETL_ACCOUNT_ID", "ETL_API_TOKEN"):
        monkeypatch.setenv(one, "" if one == name else "1")
    with pytest.raises(SettingsError) as refused:
        load(Settings)
    assert str(refused.value) == f"The settings have faults:\n  {name}: is missing"


def test_an_empty_variable_leaves_the_default(monkeypatch):
    for name in ("DATABASE_URL", "ETL_BASE_URL", "ETL_CONCURRENCY", "ETL_REQUESTS_PER_MINUTE", "ETL_LOG_FORMAT"):
        monkeypatch.setenv(name, "")
    read = load(Settings, **NEEDED)
    assert (read.database_url, read.base_url, read.concurrency, read.requests_per_minute, read.log_format) == (
        None,
        "https://online.99digital.co.il",
        8,
        None,
        "console",
    )


def test_the_file_env_of_the_working_folder_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text(
        "# a comment\nETL_ACCOUNT_ID=5\nETL_API_TOKEN='quoted'\nETL_CONCURRENCY=2\nDATABASE_URL=postgres://h/d\nOTHER=1\n",
        "utf-8",
    )
    monkeypatch.setenv("ETL_CONCURRENCY", "3")
    read = load(Settings)
    assert (read.account_id, read.api_token.get_secret_value(), read.concurrency) == (5, "quoted", 3)
    assert read.database_url.get_secret_value() == "postgresql+psycopg://h/d"


def test_what_is_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("ETL_ACCOUNT_ID", "5")
    assert load(Settings, account_id=6, api_token="t0ken").account_id == 6


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://online.99digital.co.il", "https://online.99digital.co.il"),
        ("https://chat.example.com/", "https://chat.example.com"),
        ("https://chat.example.com:8443", "https://chat.example.com:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_the_address_may_be_any_https_host_and_http_on_this_machine(url, kept):
    assert load(Settings, base_url=url, **NEEDED).base_url == kept


UNPROTECTED = "must begin with https:// (http:// is for this machine only: the token would travel unprotected)"
NO_ADDRESS = "must look like https://online.99digital.co.il"
NOT_ALONE = "must be the address alone, without user, path or query"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://chat.example.com", UNPROTECTED),
        ("http://10.0.0.1", UNPROTECTED),
        ("http://0.0.0.0", UNPROTECTED),
        ("http://localhost.example.com", UNPROTECTED),
        ("http://127.0.0.1.example.com", UNPROTECTED),
        ("http://localhost@chat.example.com", UNPROTECTED),
        ("ftp://chat.example.com", NO_ADDRESS),
        ("chat.example.com", NO_ADDRESS),
        ("chat.example.com:443", NO_ADDRESS),
        ("https://", NO_ADDRESS),
        ("https://chat.example.com/app/accounts/1", NOT_ALONE),
        ("https://chat.example.com?page=1", NOT_ALONE),
        ("https://chat.example.com#top", NOT_ALONE),
        ("https://user:pw@chat.example.com", NOT_ALONE),
    ],
)
def test_any_other_address_is_refused(url, said):
    assert faults(base_url=url) == f"The settings have faults:\n  ETL_BASE_URL: {said}"


@pytest.mark.parametrize(
    "token", ["two words", "line\nbreak", "end\r\n", "טוקן", "quoted\u201d", "tab\there", "nul\x00"]
)
def test_what_cannot_be_a_header_is_no_token_and_is_not_repeated(token):
    said = faults(api_token=token)
    assert said == (
        "The settings have faults:\n  ETL_API_TOKEN: must be one word of printable ASCII characters"
        " (was a line break or a quote copied along?)"
    )


def test_the_token_is_not_shown_with_the_settings():
    read = load(Settings, account_id=1, api_token="t0ken", database_url="postgres://u:secret-pw@h/d")
    assert "t0ken" not in f"{read!r} {read} {read.model_dump()} {read.model_dump_json()}"
    assert "secret-pw" not in f"{read!r} {read} {read.model_dump()} {read.model_dump_json()}"


def test_the_database_is_kept_as_it_is_written_and_a_fault_of_it_names_the_variable():
    read = load(Settings, database_url="postgres://u:p%40@h:5433/d?sslmode=require", **NEEDED)
    assert read.database_url.get_secret_value() == "postgresql+psycopg://u:p%40@h:5433/d?sslmode=require"
    said = faults(database_url="postgresql://user:se@cret-word@127.0.0.1/tables")
    assert said == (
        "The settings have faults:\n  DATABASE_URL: has more than one @"
        " (is a special character of the password not %-encoded?)"
    )


def test_each_field_has_one_variable():
    assert {field: variable_name(Settings, field) for field in Settings.model_fields} == {
        "accounts": "ETL_ACCOUNTS",
        "database_url": "DATABASE_URL",
        "database_url_file": "DATABASE_URL_FILE",
        "home": "ETL_HOME",
        "log_format": "ETL_LOG_FORMAT",
        "base_url": "ETL_BASE_URL",
        "account_id": "ETL_ACCOUNT_ID",
        "api_token": "ETL_API_TOKEN",
        "api_token_file": "ETL_API_TOKEN_FILE",
        "concurrency": "ETL_CONCURRENCY",
        "requests_per_minute": "ETL_REQUESTS_PER_MINUTE",
        "timeout_seconds": "ETL_TIMEOUT_SECONDS",
        "memory_mb": "ETL_MEMORY_MB",
        "retry_attempts": "ETL_RETRY_ATTEMPTS",
        "messages": "ETL_MESSAGES",
        "contacts": "ETL_CONTACTS",
        "books": "ETL_BOOKS",
        "walk_days": "ETL_WALK_DAYS",
        "reread_days": "ETL_REREAD_DAYS",
        "patrol_percent": "ETL_PATROL_PERCENT",
        "timezone": "ETL_TIMEZONE",
        "week_starts": "ETL_WEEK_STARTS",
        "weekend": "ETL_WEEKEND",
        "holidays": "ETL_HOLIDAYS",
        "targets": "ETL_TARGETS",
        "schedule": "ETL_SCHEDULE",
        "schedule_recent": "ETL_SCHEDULE_RECENT",
        "schedule_audit": "ETL_SCHEDULE_AUDIT",
        "ping_url": "ETL_PING_URL",
        "metrics_file": "ETL_METRICS_FILE",
        "pii": "ETL_PII",
        "pii_key": "ETL_PII_KEY",
        "ping_url_file": "ETL_PING_URL_FILE",
        "pii_key_file": "ETL_PII_KEY_FILE",
    }


def test_hashing_needs_a_key(monkeypatch):
    monkeypatch.setenv("ETL_PII", "hash")
    with pytest.raises(SettingsError) as refused:
        load(Settings, account_id=1, api_token="t")
    assert str(refused.value) == (
        "The settings have faults:\n"
        "  ETL_PII_KEY: is missing: ETL_PII=hash needs a key, such as `openssl rand -hex 32` makes"
    )


@pytest.mark.parametrize(("key", "is_accepted"), [("k" * 31, False), ("k" * 32, True)])
def test_a_key_has_at_least_32_characters(key, is_accepted):
    given = {"account_id": 1, "api_token": "t", "pii": "hash", "pii_key": key}
    if is_accepted:
        assert key not in repr(load(Settings, **given))
        return
    with pytest.raises(SettingsError, match="ETL_PII_KEY: must have at least 32 characters"):
        load(Settings, **given)


def test_a_child_process_inherits_everything_but_the_secrets(monkeypatch):
    monkeypatch.setenv("ETL_PING_URL", "https://hc-ping.com/a")
    monkeypatch.setenv("ETL_API_TOKEN", "t0ken")
    monkeypatch.setenv("ETL_PII_KEY", KEY)
    monkeypatch.setenv("ETL_ACCOUNT_ID", "5")
    monkeypatch.setenv("SHOP_TOKEN", "t0ken")
    given = inherited_environment({"SHOP_TOKEN"}, PGPASSWORD="pw")
    assert not given.keys() & {"ETL_API_TOKEN", "ETL_PII_KEY", "ETL_PING_URL", "SHOP_TOKEN"}
    assert (given["ETL_ACCOUNT_ID"], given["PGPASSWORD"]) == ("5", "pw")


@pytest.mark.parametrize(
    "address", ["https://hc-ping.com/a", "https://pings.example:8443/a/?create=1", "http://127.0.0.1:8000/a"]
)
def test_an_address_for_pings_is_taken_as_it_is(address):
    assert load(Settings, **NEEDED, ping_url=address).ping_url.get_secret_value() == address


@pytest.mark.parametrize(
    "address",
    ["ftp://a.example/s3cret", "http://a.example/s3cret", "https:///s3cret", "https://u:s3cret@a.example/", "s3cret",
     "https://a.example/s3cret#x", "https://[s3cret/", "https://a.example:s3cret/", "https://a.example/s3cret x"],
)  # fmt: skip
def test_an_address_for_pings_that_is_none_is_refused_without_repeating_it(address):
    said = faults(ping_url=address)
    assert said.splitlines()[1].startswith("  ETL_PING_URL: must ")
    assert "s3cret" not in said


@pytest.mark.parametrize("file", ["etl.prom", "/var/lib/etl-{account_id}.txt", "{account_id}"])
def test_a_file_of_metrics_is_of_one_account_and_of_the_ending_that_is_collected(file):
    assert "ETL_METRICS_FILE: must hold {account_id} and end with .prom, such as " in faults(metrics_file=file)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o644, True)])
def test_a_file_that_others_may_read_gets_a_warning(caplog, monkeypatch, tmp_path, mode, warned):
    file = tmp_path / ".env"
    file.write_text("ETL_ACCOUNT_ID=1\nETL_API_TOKEN=secret\n")
    file.chmod(mode)
    monkeypatch.chdir(tmp_path)
    load(Settings)
    said = ".env can be read by other users of this machine, and may hold the token: chmod 600 .env"
    assert [record.getMessage() for record in caplog.records] == ([said] if warned else [])
