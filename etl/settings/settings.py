"""All settings, from the environment and `.env`; all faults reported at once and by name."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from etl import faults
from etl.errors import SettingsError
from etl.settings import secret_files
from etl.settings.calendar import check_holidays, check_week_start, check_weekend
from etl.settings.cron import check_cron
from etl.settings.database_url import check_database_url
from etl.settings.secret_files import SecretFile, is_open_to_others
from etl.settings.targets import TargetsFile
from etl.settings.validators import (
    check_base_url,
    check_metrics_file,
    check_pii_key,
    check_ping_url,
    check_time_zone,
    check_token,
)

log = logging.getLogger(__name__)

SECRETS = {"ETL_API_TOKEN", "ETL_PII_KEY", "ETL_PING_URL"}  # no child process gets these


class Variables(BaseSettings):
    """Where settings are read from, and whether they are those of one account or of several."""

    model_config = SettingsConfigDict(
        env_prefix="ETL_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    accounts: Path | None = Field(
        default=None,
        description="TOML file of several accounts, in the place of `ETL_ACCOUNT_ID` and `ETL_API_TOKEN`.",
    )


class DatabaseSettings(Variables):
    """What every command needs: where the tables are, and how to log."""

    database_url: Annotated[SecretStr, AfterValidator(check_database_url)] | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="Where the tables are. Unset: an embedded PostgreSQL 18 under `ETL_HOME`.",
    )
    database_url_file: SecretFile = Field(
        default=None, validation_alias="DATABASE_URL_FILE", description="File that holds `DATABASE_URL`, in its place."
    )
    home: Path = Field(
        default_factory=faults.default_home,
        description="Folder of the embedded PostgreSQL. Unset: the user's data folder.",
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="`console` for people, `json` for log collectors."
    )

    def model_post_init(self, _: Any) -> None:
        """Have faults of this program written down in this home from here on."""
        faults.keep_under(self.home)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the files that variables name; pydantic's own, one folder of files named like fields, is left out."""
        del file_secret_settings
        from_files = secret_files.read_secrets({**dotenv_settings(), **env_settings()})
        return init_settings, InitSettingsSource(settings_cls, from_files), env_settings, dotenv_settings


class StatusSettings(DatabaseSettings):
    """What `etl status` needs: no token, and an account only where one of several is meant."""

    account_id: int | None = Field(
        default=None, ge=1, description="Unset: those of `ETL_ACCOUNTS`, else all of the database."
    )


class Settings(DatabaseSettings):
    """All settings; one field, one variable. The README's table is generated from it."""

    # By what a server is known whose address is another one each time; no variable.
    server_name: ClassVar[str | None] = None
    base_url: Annotated[str, AfterValidator(check_base_url)] = Field(
        default="https://online.99digital.co.il",
        description="Address of the vendor's server, without path. `http://` only for this machine.",
    )
    account_id: int = Field(ge=1, description="The number after `/accounts/` in the inbox's address.")
    api_token: Annotated[SecretStr, AfterValidator(check_token)] = Field(
        min_length=1, description="Access token of an administrator's profile. Secret."
    )
    api_token_file: SecretFile = Field(default=None, description="File that holds `ETL_API_TOKEN`, in its place.")
    concurrency: int = Field(default=8, ge=1, le=64, description="Requests under way at once.")
    requests_per_minute: int | None = Field(
        default=None, ge=1, description="The server's limit, if known. Unset: learned when the server says 429."
    )
    timeout_seconds: float = Field(default=60, gt=0, le=600, description="Longest wait for a whole answer, in seconds.")
    memory_mb: int = Field(
        default=512, ge=1, le=65536, description="Memory for the answers under way, all together, in megabytes."
    )
    retry_attempts: int = Field(default=6, ge=1, le=20, description="Attempts at one request before it has failed.")
    messages: Literal["full", "listed"] = Field(
        default="full",
        description="`full`: whole histories. `listed`: what the list carries, where histories are not given.",
    )
    contacts: Literal["all", "seen"] = Field(
        default="all", description="`all`: the vendor's whole list. `seen`: those of conversations, messages, surveys."
    )
    books: Literal["on", "off"] = Field(default="on", description="`on`: compares with the vendor's own counts.")
    walk_days: int = Field(
        default=7, ge=0, le=365, description="Every so many days a run walks every page, others count; 0: all walk."
    )
    reread_days: int = Field(
        default=3, ge=0, le=3650, description="What was active in so many last days is read again: edits move no clock."
    )
    patrol_percent: int = Field(
        default=2,
        ge=0,
        le=100,
        description="So many percent of the histories, the longest unread, are read again each night; 0: none.",
    )
    timezone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        default="UTC", description="Time zone of the views' days and of the schedule, such as `Asia/Jerusalem`."
    )
    week_starts: Annotated[str, AfterValidator(check_week_start)] | None = Field(
        default=None, description="With which day weeks begin. Unset: `monday`; in Israel's time zone `sunday`."
    )
    weekend: Annotated[str, AfterValidator(check_weekend)] | None = Field(
        default=None, description="Unset: `saturday,sunday`; in Israel's time zone `friday,saturday`."
    )
    holidays: Annotated[str, AfterValidator(check_holidays)] | None = Field(
        default=None, description="Countries, or parts of one, whose public holidays are kept: `IL`, or `US,DE-BY`."
    )
    targets: TargetsFile = Field(default=None, description="TOML file of service level targets. Unset: the last ones.")
    schedule: Annotated[str, AfterValidator(check_cron)] = Field(
        default="0 2 * * *",
        description="When `etl worker` begins the run over everything: cron by `ETL_TIMEZONE`'s clock, or `never`.",
    )
    schedule_recent: Annotated[str, AfterValidator(check_cron)] | None = Field(
        default=None,
        description="When it begins runs over what is recent in between, such as `0 * * * *`. Unset: never.",
    )
    schedule_audit: Annotated[str, AfterValidator(check_cron)] | None = Field(
        default=None,
        description="When it begins a run with an audit in their place, such as `0 2 * * 6`. Unset: never.",
    )
    ping_url: Annotated[SecretStr, AfterValidator(check_ping_url)] | None = Field(
        default=None,
        description="Told of each run's start, success or failure, as healthchecks.io wants it. Secret.",
    )
    ping_url_file: SecretFile = Field(default=None, description="File that holds `ETL_PING_URL`, in its place.")
    metrics_file: Annotated[Path, AfterValidator(check_metrics_file)] | None = Field(
        default=None,
        description="Written for Prometheus after each run. `{account_id}` in it stands for the account's number.",
    )
    pii: Literal["keep", "hash", "drop"] = Field(
        default="keep",
        description="Contacts' personal data: `keep`, `hash` or `drop`; what people wrote is kept with `keep` only.",
    )
    pii_key: Annotated[SecretStr | None, AfterValidator(check_pii_key)] = Field(
        default=None, validate_default=True, description="Key of the hashes, for `ETL_PII=hash`. Secret."
    )
    pii_key_file: SecretFile = Field(default=None, description="File that holds `ETL_PII_KEY`, in its place.")


AnyVariables = TypeVar("AnyVariables", bound=Variables)
AnySettings = TypeVar("AnySettings", bound=DatabaseSettings)


def load(kind: type[AnyVariables], **given: Any) -> AnyVariables:
    """Read the settings of one kind from `given`, the environment and `.env`, in this order.

    Raise SettingsError that names every fault at once, and never repeats a value.
    """
    if is_open_to_others(Path(".env")):
        log.warning(".env can be read by other users of this machine, and may hold the token: chmod 600 .env")
    return read(kind, **given)


def read(kind: type[AnyVariables], **given: Any) -> AnyVariables:
    """Read settings as `load` does, without its warning about `.env`, which is given once for all accounts."""
    try:
        return kind(**given)
    except ValidationError as error:
        found = dict(
            _fault(kind, fault["loc"], fault["type"], fault["msg"]) for fault in error.errors(include_input=False)
        )
        # A secret whose file has a fault is missing too, which says nothing new.
        found = {name: said for name, said in found.items() if f"{name}_FILE" not in found}
        raise faulty(sorted(f"{name}: {said}" for name, said in found.items()), found.items()) from None
    except UnicodeDecodeError:
        raise SettingsError("The file .env is not in UTF-8. Save it in that encoding.") from None
    except OSError as error:
        raise SettingsError(f"The file .env cannot be read: {error.strerror}.") from None


def faulty(lines: Iterable[str], faults: Iterable[tuple[str, str]] = ()) -> SettingsError:
    """Return the error that lists faults, one a line."""
    return SettingsError("\n  ".join(["The settings have faults:", *lines]), dict(faults))


def variable_name(kind: type[Variables], field: str) -> str:
    """Return the environment variable of a field."""
    alias = kind.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"ETL_{field.upper()}"


def _fault(kind: type[Variables], location: tuple[int | str, ...], fault: str, message: str) -> tuple[str, str]:
    """Return the variable, and what is wrong with it."""
    field = str(location[0]) if location else ""
    name = variable_name(kind, field) if field in kind.model_fields else field
    said = "is missing" if fault == "missing" else message.removeprefix("Value error, ")
    return name, f"{said[:1].lower()}{said[1:]}"


def inherited_environment(secrets: Iterable[str] = (), **extra: str) -> dict[str, str]:
    """Return the environment for a child process: ours without token, key, proxies and `secrets`, with `extra` added.

    Secrets reach a child by its environment only, never by its arguments, which every user of the machine can read. A
    proxy's address may hold a password, and PostgreSQL is reached by none.
    """
    withheld = SECRETS.union(secrets)
    return {
        name: value
        for name, value in os.environ.items()
        if name not in withheld and (not name.lower().endswith("_proxy") or name.lower() == "no_proxy")
    } | extra
