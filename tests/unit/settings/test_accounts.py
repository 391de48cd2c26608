import logging
import re
import signal
from pathlib import Path

import pytest

from etl.commands.accounts import choose, each
from etl.errors import Interrupted, SettingsError
from etl.exit_codes import ExitCode
from etl.interrupt import Interrupt, check_asked
from etl.settings.accounts import load_all, token_variables

ROOT = Path(__file__).parents[3]
TOKEN, ANOTHER_TOKEN = "kQ7vR2mXw9ZtB4nL", "sY8dJc6HpW3eF5gA"
KEY = "0123456789abcdef0123456789abcdef"
TWO = """
[[account]]
id = 17
token = "kQ7vR2mXw9ZtB4nL"

[[account]]
id = 23
name = "Outlet"
token = "sY8dJc6HpW3eF5gA"
"""


@pytest.fixture(autouse=True)
def folder(bare_environment, monkeypatch):
    """The working folder, in which the accounts stand in the file that ETL_ACCOUNTS names."""
    monkeypatch.setenv("ETL_ACCOUNTS", "accounts.toml")
    return bare_environment


def write(folder: Path, text: str) -> None:
    file = folder / "accounts.toml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


def faults(folder: Path, text: str) -> list[str]:
    write(folder, text)
    with pytest.raises(SettingsError) as refused:
        load_all()
    head, *lines = str(refused.value).splitlines()
    assert head == "The settings have faults:"
    assert TOKEN not in str(refused.value)
    # What pydantic said of it holds the values.
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    return [line.removeprefix("  ") for line in lines]


def test_a_table_says_everything_of_its_account(folder, monkeypatch):
    monkeypatch.setenv("ETL_PII_KEY", KEY)
    write(
        folder,
        """
        [[account]]
        id = 17
        name = "Shop"
        base_url = "https://chat.example.com/"
        token = "kQ7vR2mXw9ZtB4nL"
        schedule = "*/30 2-4,22 * * MON-FRI"
        time_zone = "Asia/Jerusalem"
        week_starts = "monday"
        weekend = "saturday, sunday"
        holidays = "IL"
        messages = "listed"
        contacts = "seen"
        books = "off"
        walk_days = 30
        reread_days = 0
        patrol_percent = 5
        concurrency = 2
        requests_per_minute = 60
        pii = "hash"
        """,
    )
    (one,) = load_all()
    assert (one.name, one.label) == ("Shop", "account 17 (Shop)")
    assert one.settings.api_token.get_secret_value() == TOKEN
    assert one.settings.model_dump(exclude={"api_token", "home", "pii_key"}) == {
        "accounts": Path("accounts.toml"),
        "database_url": None,
        "database_url_file": None,
        "api_token_file": None,
        "pii_key_file": None,
        "ping_url_file": None,
        "ping_url": None,
        "metrics_file": None,
        "log_format": "console",
        "base_url": "https://chat.example.com",
        "account_id": 17,
        "concurrency": 2,
        "requests_per_minute": 60,
        "timeout_seconds": 60.0,
        "memory_mb": 512,
        "retry_attempts": 6,
        "messages": "listed",
        "contacts": "seen",
        "books": "off",
        "walk_days": 30,
        "reread_days": 0,
        "patrol_percent": 5,
        "timezone": "Asia/Jerusalem",
        "week_starts": "monday",
        "weekend": "saturday,sunday",
        "holidays": "IL",
        "targets": None,
        "schedule": "*/30 2-4,22 * * MON-FRI",
        "schedule_recent": None,
        "schedule_audit": None,
        "pii": "hash",
    }


def test_what_a_table_does_not_say_comes_from_the_environment(folder, monkeypatch):
    for name, value in {
        "ETL_BASE_URL": "https://chat.example.com",
        "ETL_CONCURRENCY": "3",
        "ETL_API_TOKEN": "of-all-accounts",
        "ETL_ACCOUNT_ID": "99",
        "DATABASE_URL": "postgres://h/d",
    }.items():
        monkeypatch.setenv(name, value)
    write(folder, "[[account]]\nid = 17\nconcurrency = 5\n[[account]]\nid = 5\n")
    first, second = load_all()
    assert [(one.settings.account_id, one.settings.concurrency) for one in (first, second)] == [(17, 5), (5, 3)]
    for one in (first, second):
        assert one.settings.base_url == "https://chat.example.com"
        assert one.settings.api_token.get_secret_value() == "of-all-accounts"
        assert one.settings.database_url.get_secret_value() == "postgresql+psycopg://h/d"
        assert (one.name, one.settings.schedule) == (None, "0 2 * * *")


def test_a_token_may_be_in_a_variable_in_the_file_env_or_in_a_file_beside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / ".env").write_text("OUTLET_TOKEN=from-env-file\nSHOP_TOKEN=overruled\n")
    (folder / ".env").chmod(0o600)
    monkeypatch.setenv("SHOP_TOKEN", "from-variable")
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "token").write_text("from-file\r\n")
    file = folder / "elsewhere" / "accounts.toml"
    file.write_text(
        """
        account = [
            {id = 1, token_variable = "SHOP_TOKEN"},
            {id = 2, token_variable = "OUTLET_TOKEN"},
            {id = 3, token_file = "token"},
        ]
        """
    )
    monkeypatch.setenv("ETL_ACCOUNTS", str(file))
    tokens = [one.settings.api_token.get_secret_value() for one in load_all()]
    assert tokens == ["from-variable", "from-env-file", "from-file"]
    assert token_variables(file) == {"SHOP_TOKEN", "OUTLET_TOKEN"}
    assert token_variables(None) == set()


def test_no_token_is_shown_with_an_account(folder):
    write(folder, TWO)
    assert TOKEN not in repr(load_all())
    assert ANOTHER_TOKEN not in repr(load_all())


def test_every_fault_is_told_at_once_by_file_account_and_key(folder, monkeypatch):
    monkeypatch.setenv("ETL_RETRY_ATTEMPTS", "many")
    monkeypatch.setenv("DATABASE_URL", "mysql://h/d")
    (folder / "empty").write_text("\n")
    (folder / "latin").write_bytes(b"\xe9")
    told = faults(
        folder,
        """
        [[account]]
        name = "no number"
        token = "kQ7vR2mXw9ZtB4nL"
        concurrency = 0
        tokn = "kQ7vR2mXw9ZtB4nL"

        [[account]]
        id = 17
        token = "kQ7vR2mXw9ZtB4nL kQ7vR2mXw9ZtB4nL"
        base_url = "http://chat.example.com"
        schedule = "at two"
        time_zone = "Asia/Atlantis"
        messages = "some"
        reread_days = "3"
        requests_per_minute = true
        pii = "hash"

        [[account]]
        id = 17

        [[account]]
        id = 18
        token_variable = "kQ7vR2mXw9ZtB4nL"

        [[account]]
        id = 19
        token_file = "kQ7vR2mXw9ZtB4nL"

        [[account]]
        id = 20
        token_file = "empty"

        [[account]]
        id = 21
        token_file = "latin"

        [[account]]
        id = 22
        token = ""
        token_file = "empty"

        [[account]]
        id = "kQ7vR2mXw9ZtB4nL"
        token = 17

        [[account]]
        id = 0
        token = "kQ7vR2mXw9ZtB4nL"
        """,
    )
    assert told == [
        "DATABASE_URL: must begin with postgres://, postgresql:// or postgresql+psycopg://",
        "ETL_PII_KEY: is missing: ETL_PII=hash needs a key, such as `openssl rand -hex 32` makes",
        "ETL_RETRY_ATTEMPTS: input should be a valid integer, unable to parse string as an integer",
        "accounts.toml, the account at place 1, tokn: is not known; known are id, name, base_url, token,"
        " token_variable, token_file, schedule, schedule_recent, schedule_audit, time_zone,"
        " week_starts, weekend, holidays, targets, messages, contacts, books, walk_days, reread_days,"
        " patrol_percent, concurrency, requests_per_minute, pii",
        "accounts.toml, the account at place 1, id: is missing",
        "accounts.toml, the account at place 1, concurrency: input should be greater than or equal to 1",
        "accounts.toml, account 17, reread_days: must be a whole number",
        "accounts.toml, account 17, requests_per_minute: must be a whole number",
        "accounts.toml, account 17, base_url: must begin with https:// (http:// is for this machine only: the token"
        " would travel unprotected)",
        "accounts.toml, account 17, token: must be one word of printable ASCII characters (was a line break or a quote"
        " copied along?)",
        "accounts.toml, account 17, messages: input should be 'full' or 'listed'",
        "accounts.toml, account 17, time_zone: must be the name of a time zone, such as Asia/Jerusalem or UTC",
        "accounts.toml, account 17, schedule: must be a cron expression of five fields, such as 30 2 * * *, or never",
        "accounts.toml, account 17, token: is missing: give token, token_variable or token_file",
        "accounts.toml, account 18, token_variable: the variable that it names is not set",
        "accounts.toml, account 19, token_file: the file that it names cannot be read: No such file or directory",
        "accounts.toml, account 20, token_file: the file that it names is empty",
        "accounts.toml, account 21, token_file: the file that it names is not in UTF-8",
        "accounts.toml, account 22, token and token_file: are too many: one of them",
        "accounts.toml, account 22, token: is empty",
        "accounts.toml, the account at place 9, id: must be a whole number",
        "accounts.toml, the account at place 9, token: must be text in quotes",
        "accounts.toml, account 0, id: input should be greater than or equal to 1",
        "accounts.toml, account 17, id: is there more than once. Ids are unique on one server only, but the tables tell"
        " accounts apart by their id: an account of another server with the same one needs another database",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "accounts.toml: has no account; each is a table that begins with [[account]]"),
        ("account = []", "accounts.toml: has no account; each is a table that begins with [[account]]"),
        ("account = [17]", "accounts.toml: has no account; each is a table that begins with [[account]]"),
        ("[account]\nid = 17", "accounts.toml: has no account; each is a table that begins with [[account]]"),
        ("[[accounts]]\nid = 17", "accounts.toml: accounts is not known; each account is a table [[account]]"),
        (
            "[[account]]\ntoken = kQ7vR2mXw9ZtB4nL",
            "ETL_ACCOUNTS: accounts.toml is no TOML: Invalid value (at line 2, column 9)",
        ),
        (
            "[[account]]\ntoken = 'kQ7vR2mXw9ZtB4nL",
            'ETL_ACCOUNTS: accounts.toml is no TOML: Expected "\'" (at end of document)',
        ),
    ],
)
def test_a_file_that_holds_no_accounts_is_a_fault(folder, text, told):
    assert faults(folder, text) == [told]


def test_a_file_that_cannot_be_read_is_a_fault(folder):
    with pytest.raises(SettingsError, match=r"ETL_ACCOUNTS: accounts\.toml cannot be read: No such file or directory"):
        load_all()
    (folder / "accounts.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match=r"ETL_ACCOUNTS: accounts\.toml is not in UTF-8"):
        load_all()


@pytest.mark.parametrize(
    ("mode", "text", "warned"),
    [
        (0o600, TWO, False),
        (0o640, TWO, True),
        (0o604, TWO, True),
        (0o644, '[[account]]\nid = 17\ntoken_variable = "SHOP_TOKEN"\n', False),
    ],
)
def test_a_file_with_a_token_that_others_may_read_gets_a_warning(folder, monkeypatch, caplog, mode, text, warned):
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    write(folder, text)
    (folder / "accounts.toml").chmod(mode)
    load_all()
    said = "accounts.toml can be read by other users of this machine, and holds a token: chmod 600 accounts.toml"
    assert [record.getMessage() for record in caplog.records] == ([said] if warned else [])


@pytest.fixture
def ids_of():
    """What `choose` gives, as ids. It sends the log to standard error, which is undone here."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda *given, **more: [one.settings.account_id for one in choose(*given, **more)]
    root.handlers[:], root.level = handlers, level


def test_accounts_come_in_the_order_of_the_file_each_once(folder, ids_of):
    write(folder, TWO)
    assert ids_of([23, 17, 23]) == [17, 23]
    assert ids_of([23]) == [23]
    assert ids_of(None, everything=True) == [17, 23]


def test_which_of_several_has_to_be_said(folder, ids_of):
    write(folder, TWO)
    with pytest.raises(SettingsError) as refused:
        ids_of(None, how="--account ID, or all: --all")
    assert str(refused.value) == (
        "accounts.toml has account 17, account 23 (Outlet). Say which one: --account ID, or all: --all."
    )


def test_one_that_is_not_in_the_file_is_a_fault(folder, ids_of):
    write(folder, TWO)
    with pytest.raises(SettingsError) as refused:
        ids_of([17, 5])
    assert str(refused.value) == "--account 5: accounts.toml has account 17, account 23 (Outlet) only."


def test_the_only_one_of_a_file_need_not_be_named(folder, ids_of):
    write(folder, TWO.partition("[[account]]\nid = 23")[0])
    assert ids_of(None) == [17]


def test_without_a_file_it_is_the_account_of_the_settings(monkeypatch, ids_of):
    monkeypatch.delenv("ETL_ACCOUNTS")
    monkeypatch.setenv("ETL_ACCOUNT_ID", "7")
    monkeypatch.setenv("ETL_API_TOKEN", TOKEN)
    assert ids_of(None) == ids_of([7]) == ids_of(None, everything=True) == [7]
    with pytest.raises(SettingsError) as refused:
        ids_of([8])
    assert str(refused.value) == (
        "--account 8: the settings are those of account 7. Several accounts stand in a file: see ETL_ACCOUNTS."
    )


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([ExitCode.COMPLETE, ExitCode.COMPLETE], 0),
        ([ExitCode.COMPLETE, ExitCode.ANOTHER_RUN], 4),
        ([ExitCode.ANOTHER_RUN, ExitCode.INCOMPLETE, ExitCode.COMPLETE], 3),
        ([ExitCode.INCOMPLETE, ExitCode.FAILED, ExitCode.ANOTHER_RUN], 1),
        ([ExitCode.USAGE, ExitCode.USAGE], 2),
        ([ExitCode.USAGE, ExitCode.COMPLETE], 2),
        ([ExitCode.USAGE, ExitCode.INCOMPLETE], 2),
    ],
)
def test_the_worst_exit_code_counts(codes, code):
    assert ExitCode.worst(codes) == code


def test_a_fault_of_the_program_keeps_no_other_account_from_its_turn(folder, capsys, monkeypatch):
    monkeypatch.setenv("ETL_HOME", str(folder))
    write(folder, TWO)
    met = []

    def act(account) -> int:
        met.append(account.settings.account_id)
        if account.settings.account_id == 17:
            raise ZeroDivisionError("one part by none")
        return ExitCode.COMPLETE

    assert each(load_all(), act) == ExitCode.FAILED
    assert met == [17, 23]
    said = capsys.readouterr()
    assert said.out == "Account 17\n\nAccount 23 (Outlet)\n"
    assert said.err.startswith("etl: account 17: A fault of this program (ZeroDivisionError at ")
    assert "one part by none" not in said.err + next((folder / "faults").iterdir()).read_text()


def test_the_example_of_the_readme_is_right(folder, monkeypatch):
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Several accounts\n")[2]
    write(folder, re.search(r"```toml\n(.*?)```", section, re.DOTALL)[1])
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    (folder / "outlet.token").write_text(ANOTHER_TOKEN)
    shop, outlet = load_all()
    assert (shop.label, shop.settings.schedule, shop.settings.timezone) == (
        "account 17 (Shop)",
        "30 2 * * *",
        "Asia/Jerusalem",
    )
    assert (shop.settings.base_url, outlet.settings.base_url) == (
        "https://online.99digital.co.il",
        "https://chat.example.com",
    )
    assert (outlet.label, outlet.settings.messages) == ("account 23 (Outlet)", "listed")
    assert [one.settings.api_token.get_secret_value() for one in (shop, outlet)] == [TOKEN, ANOTHER_TOKEN]


def test_the_readme_tells_every_key():
    from etl.settings.accounts import KEYS

    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Several accounts\n")[2]
    table = "\n".join(re.findall(r"^\| (`.*?) \|", section.partition("\n## ")[0], re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(KEYS)


def test_a_request_to_stop_that_one_run_heard_keeps_all_others_from_beginning(folder, monkeypatch, capsys):
    write(folder, TWO)
    monkeypatch.setattr(Interrupt, "asked", False)
    met = []

    def act(account) -> int:
        met.append(account.settings.account_id)
        Interrupt()._heard(signal.SIGTERM, None)  # so late that the run itself is complete
        return ExitCode.COMPLETE

    with pytest.raises(Interrupted, match="Stopped on request"):
        each(load_all(), act, before=check_asked)
    assert met == [17]
    assert capsys.readouterr().out == "Account 17\n"
