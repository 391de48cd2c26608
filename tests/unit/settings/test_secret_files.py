"""Secrets that lie in files: what Docker, Kubernetes and systemd do instead of variables."""

import pytest

from etl.errors import SettingsError
from etl.settings.settings import DatabaseSettings, Settings, load

pytestmark = pytest.mark.usefixtures("bare_environment")

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setenv("ETL_ACCOUNT_ID", "1")


def faults(kind=Settings, **given) -> str:
    with pytest.raises(SettingsError) as refused:
        load(kind, **given)
    assert refused.value.__cause__ is None
    head, *lines = str(refused.value).splitlines()
    assert head == "The settings have faults:"
    return "\n".join(line.strip() for line in lines)


@pytest.fixture
def file(tmp_path):
    def write(name: str, content: str) -> str:
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_each_secret_may_lie_in_a_file_with_or_without_the_end_of_its_line(monkeypatch, account, file, end):
    monkeypatch.setenv("ETL_API_TOKEN_FILE", file("token", "t0ken" + end))
    monkeypatch.setenv("DATABASE_URL_FILE", file("url", "postgres://u:p@h/d" + end))
    monkeypatch.setenv("ETL_PING_URL_FILE", file("ping", "https://hc-ping.com/s3cret" + end))
    monkeypatch.setenv("ETL_PII", "hash")
    monkeypatch.setenv("ETL_PII_KEY_FILE", file("key", KEY + end))
    read = load(Settings)
    assert read.api_token.get_secret_value() == "t0ken"
    assert read.database_url.get_secret_value() == "postgresql+psycopg://u:p@h/d"
    assert read.ping_url.get_secret_value() == "https://hc-ping.com/s3cret"
    assert read.pii_key.get_secret_value() == KEY
    assert "t0ken" not in repr(read)
    assert "s3cret" not in repr(read)


def test_a_file_may_be_named_in_the_file_env_and_lie_beside_it(tmp_path, file):
    file("token", "t0ken\n")
    file(".env", "ETL_ACCOUNT_ID=1\nETL_API_TOKEN_FILE=token\n")
    (tmp_path / ".env").chmod(0o600)
    assert load(Settings).api_token.get_secret_value() == "t0ken"


def test_the_environment_names_another_file_than_the_file_env(monkeypatch, account, file):
    file(".env", f"ETL_API_TOKEN_FILE={file('one', 'first')}\n")
    monkeypatch.setenv("ETL_API_TOKEN_FILE", file("other", "second"))
    assert load(Settings).api_token.get_secret_value() == "second"


def test_a_command_that_needs_the_database_only_reads_no_other_file(monkeypatch, file):
    monkeypatch.setenv("DATABASE_URL_FILE", file("url", "postgres://h/d"))
    monkeypatch.setenv("ETL_API_TOKEN_FILE", "/nowhere/token")
    assert load(DatabaseSettings).database_url.get_secret_value() == "postgresql+psycopg://h/d"


def test_an_empty_name_of_a_file_counts_as_not_set(monkeypatch, account):
    monkeypatch.setenv("ETL_API_TOKEN", "t0ken")
    monkeypatch.setenv("ETL_API_TOKEN_FILE", "")
    assert load(Settings).api_token.get_secret_value() == "t0ken"


def test_what_is_given_wins_over_a_file(monkeypatch, account, file):
    monkeypatch.setenv("ETL_API_TOKEN_FILE", file("token", "t0ken"))
    assert load(Settings, api_token="given").api_token.get_secret_value() == "given"


@pytest.mark.parametrize("is_in_env_file", [False, True])
def test_a_variable_and_its_file_together_are_a_fault(monkeypatch, account, file, is_in_env_file):
    monkeypatch.setenv("ETL_API_TOKEN_FILE", file("token", "t0ken"))
    if is_in_env_file:
        file(".env", "ETL_API_TOKEN=t0ken\n")
    else:
        monkeypatch.setenv("ETL_API_TOKEN", "t0ken")
    assert faults() == ("ETL_API_TOKEN_FILE: is set, and so is the variable without _FILE: leave one of them out")


def test_files_that_cannot_be_read_are_told_with_all_other_faults(monkeypatch, tmp_path, file):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path))
    monkeypatch.setenv("ETL_API_TOKEN_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("ETL_PII", "hash")
    monkeypatch.setenv("ETL_PII_KEY_FILE", str(tmp_path / "bytes"))
    monkeypatch.setenv("ETL_CONCURRENCY", "0")
    assert faults() == (
        f"DATABASE_URL_FILE: the file {tmp_path} cannot be read: Is a directory\n"
        "ETL_ACCOUNT_ID: is missing\n"
        f"ETL_API_TOKEN_FILE: the file {tmp_path}/nothing cannot be read: No such file or directory\n"
        "ETL_CONCURRENCY: input should be greater than or equal to 1\n"
        f"ETL_PII_KEY_FILE: the file {tmp_path}/bytes is not in UTF-8"
    )


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_is_a_fault(monkeypatch, account, file, content):
    path = file("token", content)
    monkeypatch.setenv("ETL_API_TOKEN_FILE", path)
    assert faults() == f"ETL_API_TOKEN_FILE: the file {path} is empty"


def test_what_a_file_holds_is_looked_at_as_the_variable_is_and_not_repeated(monkeypatch, account, file):
    monkeypatch.setenv("ETL_API_TOKEN_FILE", file("token", "two secrets\nin one file\n"))
    monkeypatch.setenv("DATABASE_URL_FILE", file("url", "mysql://u:secret-pw@h/d"))
    monkeypatch.setenv("ETL_PING_URL_FILE", file("ping", "http://pings.example/s3cret"))
    assert faults() == (
        "DATABASE_URL: must begin with postgres://, postgresql:// or postgresql+psycopg://\n"
        "ETL_API_TOKEN: must be one word of printable ASCII characters (was a line break or a quote copied along?)\n"
        "ETL_PING_URL: must begin with https:// (http:// is for this machine only)"
    )
