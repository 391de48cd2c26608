"""Several accounts: the file that ETL_ACCOUNTS names, a table an account; all its faults reported at once.

What a table does not say comes from the environment and `.env`, as it does for a single account.
"""

import logging
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl.errors import SettingsError
from etl.settings.secret_files import is_open_to_others
from etl.settings.settings import Settings, Variables, faulty, load, read, variable_name
from etl.settings.variables import variable

log = logging.getLogger(__name__)

KEYS: dict[str, type] = {
    "id": int,
    "name": str,
    "base_url": str,
    "token": str,
    "token_variable": str,
    "token_file": str,
    "schedule": str,
    "schedule_recent": str,
    "schedule_audit": str,
    "time_zone": str,
    "week_starts": str,
    "weekend": str,
    "holidays": str,
    "targets": str,
    "messages": str,
    "contacts": str,
    "books": str,
    "walk_days": int,
    "reread_days": int,
    "patrol_percent": int,
    "concurrency": int,
    "requests_per_minute": int,
    "pii": str,
}
# The keys for a token, and the fault when it gives none. The value is not repeated: it may be the token itself.
EMPTY = {
    "token": "is empty",
    "token_variable": "the variable that it names is not set",
    "token_file": "the file that it names is empty",
}
# Keys that are no settings, and keys whose settings have other names.
NO_SETTINGS = {"name", *EMPTY}
CALLED_OTHERWISE = {"id": "account_id", "time_zone": "timezone"}

# In the place of a faulty value, so that the rest of the table is checked all the same.
ANY_ID, ANY_TOKEN = 1, "none"


@dataclass(frozen=True)
class Account:
    """An account: its settings, and what only the file tells of it."""

    settings: Settings
    name: str | None = None

    @property
    def label(self) -> str:
        """Return what to call the account within a sentence."""
        return f"account {self.settings.account_id}" + (f" ({self.name})" if self.name else "")


def load_all() -> list[Account]:
    """Return the accounts of the file ETL_ACCOUNTS in its order; where there is none, the one of the settings.

    Raise SettingsError that names every fault at once, by file, account and key, and never repeats a secret.
    """
    file = load(Variables).accounts
    return [Account(read(Settings))] if file is None else _Reader(file).accounts()


def ids(file: Path) -> list[int]:
    """Return the accounts' ids and check nothing else: `etl status` needs no token.

    Raise SettingsError when they cannot be read.
    """
    tables = _tables(file)
    found = [table["id"] for table in tables if type(table.get("id")) is int]
    if len(found) < len(tables):
        raise faulty([f"{file}: has an account without a number as its id"])
    return found


def token_variables(file: Path | None) -> set[str]:
    """Return the names of the environment variables that hold tokens."""
    named = [table.get("token_variable") for table in _tables(file)] if file else []
    return {name for name in named if isinstance(name, str)}


def _tables(file: Path) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(file.expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise faulty([f"ETL_ACCOUNTS: {file} cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise faulty([f"ETL_ACCOUNTS: {file} is not in UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise faulty([f"ETL_ACCOUNTS: {file} is no TOML: {error}"]) from None
    tables = content.pop("account", None)
    if content:
        raise faulty(f"{file}: {key} is not known; each account is a table [[account]]" for key in content)
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise faulty([f"{file}: has no account; each is a table that begins with [[account]]"])
    return tables


@dataclass
class _Reader:
    """Reads the file. faults: what is wrong in it; of_variables: what is wrong in the environment beside it."""

    file: Path
    faults: list[str] = field(default_factory=list)
    of_variables: dict[str, str] = field(default_factory=dict)

    def accounts(self) -> list[Account]:
        tables = _tables(self.file)
        if any("token" in table for table in tables) and is_open_to_others(self.file.expanduser()):
            log.warning(
                "%s can be read by other users of this machine, and holds a token: chmod 600 %s", self.file, self.file
            )
        numbers = [table["id"] if type(table.get("id")) is int else None for table in tables]
        found = [
            self._account(f"account {number}" if number is not None else f"the account at place {place}", table)
            for place, (number, table) in enumerate(zip(numbers, tables, strict=True), 1)
        ]
        for number, times in Counter(number for number in numbers if number is not None).items():
            if times > 1:
                self._add(
                    f"account {number}",
                    "id",
                    "is there more than once. Ids are unique on one server only, but the tables tell accounts apart by"
                    " their id: an account of another server with the same one needs another database",
                )
        if self.faults or self.of_variables:
            raise faulty([*sorted(f"{name}: {said}" for name, said in self.of_variables.items()), *self.faults])
        return [account for account in found if account]

    def _add(self, whose: str, key: str, said: str) -> None:
        self.faults.append(f"{self.file}, {whose}, {key}: {said}")

    def _account(self, whose: str, table: dict[str, Any]) -> Account | None:
        """Read one table; return None when it has faults."""
        right = {key: value for key, value in table.items() if self._is_well_formed(whose, key, value)}
        if "id" not in table:
            self._add(whose, "id", "is missing")
        fields = {CALLED_OTHERWISE.get(key, key): key for key in right if key not in NO_SETTINGS}
        keys = {variable_name(Settings, name): key for name, key in fields.items()}
        given = {"account_id": ANY_ID} | {name: right[key] for name, key in fields.items()}
        if "targets" in given:
            given["targets"] = self._beside(right["targets"])
        tokens = [key for key in EMPTY if key in table]
        if len(tokens) > 1:
            self._add(whose, " and ".join(tokens), "are too many: one of them")
        if tokens:
            given["api_token"] = self._token(whose, tokens[0], right)
            keys["ETL_API_TOKEN"] = tokens[0]
        try:
            settings = read(Settings, **given)
        except SettingsError as error:
            for variable, said in error.faults.items():
                self._blame(whose, keys.get(variable), variable, said)
            return None
        return Account(settings, right.get("name"))

    def _is_well_formed(self, whose: str, key: str, value: Any) -> bool:
        if key not in KEYS:
            self._add(whose, key, f"is not known; known are {', '.join(KEYS)}")
        elif type(value) is not KEYS[key]:
            self._add(whose, key, "must be " + ("a whole number" if KEYS[key] is int else "text in quotes"))
        else:
            return True
        return False

    def _token(self, whose: str, key: str, table: dict[str, Any]) -> str:
        """Return the token; where there is none, add the fault and return a placeholder."""
        if key not in table:
            return ANY_TOKEN  # this fault has been added
        said = EMPTY[key]
        try:
            sources: dict[str, Callable[[str], str | None]]
            sources = {"token": str, "token_variable": variable, "token_file": self._content}
            if token := sources[key](table[key]):
                return token
        except UnicodeDecodeError:
            said = "the file that it names is not in UTF-8"
        except OSError as error:
            said = f"the file that it names cannot be read: {error.strerror}"
        self._add(whose, key, said)
        return ANY_TOKEN

    def _content(self, name: str) -> str:
        return self._beside(name).read_text(encoding="utf-8").rstrip("\r\n")

    def _beside(self, name: str) -> Path:
        """Return the path of a file whose name may be relative to the folder of ETL_ACCOUNTS."""
        return self.file.expanduser().parent / Path(name).expanduser()

    def _blame(self, whose: str, key: str | None, variable: str, said: str) -> None:
        """Add the fault of a setting: to the table, if that is where it comes from, else to the environment."""
        if key:
            self._add(whose, key, said)
        elif (variable, said) == ("ETL_API_TOKEN", "is missing"):
            self._add(whose, "token", "is missing: give token, token_variable or token_file")
        else:
            self.of_variables[variable] = said


def listed(known: "list[Account]") -> str:
    """Return what to call accounts within a sentence."""
    return ", ".join(account.label for account in known)
