"""Service level targets: the TOML file that ETL_TARGETS names, a table a target; all its faults reported at once."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
DURATION = re.compile(r"(\d{1,9}) *(second|minute|hour|day)s?", re.ASCII)
IN_DAYS = re.compile(r"\d+ *days?", re.ASCII)
LONGEST_DAYS = 366
# What pydantic says by a code of its own; whatever else is wrong it says well enough.
SAID = {
    "missing": "is missing",
    "date_type": "must be a date without quotes, such as 2026-01-31",
    "string_type": "must be text in quotes",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "is empty",
    "too_short": "is empty: leave it out for all",
}


def seconds_of(value: Any) -> int:
    """Return the seconds of a duration in words, such as "5 minutes", or of a whole number of seconds."""
    seconds = value if type(value) is int else 0
    if isinstance(value, str) and (found := DURATION.fullmatch(value.strip().lower())):
        seconds = int(found[1]) * SECONDS[found[2]]
    if not 0 < seconds <= LONGEST_DAYS * SECONDS["day"]:
        raise ValueError('must be a duration such as "5 minutes", "4 hours", or a number of seconds; up to a year')
    return seconds


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_Name = Annotated[StrictStr, Field(pattern=r"\S")]
_Some = Field(default=None, min_length=1)
_Names = Annotated[list[StrictInt | _Name] | None, BeforeValidator(_listed), _Some]
_Channels = Annotated[list[_Name] | None, BeforeValidator(_listed), _Some]
_Priorities = Annotated[list[Literal["low", "medium", "high", "urgent"]] | None, BeforeValidator(_listed), _Some]


class Target(BaseModel):
    """What is promised, from which day on, and of which conversations; None: of all.

    within: seconds, of the inbox's working hours where time is business. The next version of a target has its name.
    unseen: what is taken for the team, priority and labels of a moment before a run saw them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    what: Literal["first_reply", "next_reply", "resolution"]
    within: Annotated[int, BeforeValidator(seconds_of)]
    time: Literal["business", "calendar"]
    valid_from: Annotated[date, Field(strict=True)]
    inbox: _Names = None
    team: _Names = None
    priority: _Priorities = None
    channel: _Channels = None
    label: _Names = None
    unseen: Literal["not_known", "as_next_seen"] = "not_known"

    @model_validator(mode="before")
    @classmethod
    def _no_business_days(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Refuse days of business time: whether one has eight hours or 24, nobody knows."""
        within = given.get("within")
        if given.get("time") == "business" and isinstance(within, str) and IN_DAYS.fullmatch(within.strip().lower()):
            raise ValueError("within: a day of business time is of no certain length: say how many hours")
        return given

    @classmethod
    def of(cls, table: dict[str, Any]) -> Self:
        """Return the target of a table of the file; raise pydantic's ValidationError."""
        return cls.model_validate(table)


def check_targets(file: Path) -> Path:
    """Accept a file of targets that has no fault."""
    read_targets(file)
    return file


def read_targets(file: Path) -> list[Target]:
    """Return the targets of a file in its order; an empty file has none.

    Raise ValueError that names every fault by file, target and key, one a line.
    """
    tables = _tables(file)
    targets, faults = [], []
    for place, table in enumerate(tables, 1):
        name = table.get("name")
        whose = f'target "{name}"' if isinstance(name, str) and name.strip() else f"the target at place {place}"
        try:
            targets.append(Target.of(table))
        except ValidationError as error:
            faults += [f"in {file}, {whose}, {said}" for said in _said(error)]
    for (name, day), times in Counter((one.name, one.valid_from) for one in targets).items():
        if times > 1:
            faults.append(f'in {file}, target "{name}", valid_from: {times} targets of this name begin on {day}')
    if faults:
        raise ValueError("\n  ".join(faults))
    return targets


TargetsFile = Annotated[Path, AfterValidator(check_targets)] | None


def _tables(file: Path) -> list[dict[str, Any]]:
    try:
        content = tomllib.loads(file.expanduser().read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"the file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {file} is not in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the file {file} is no TOML: {error}") from None
    tables = content.pop("target", [])
    if content:
        raise ValueError(f"in {file}, {', '.join(content)}: not known; each target is a table [[target]]")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"in {file}, target: each one is a table that begins with [[target]]")
    return tables


def _said(error: ValidationError) -> Iterator[str]:
    """Yield key and fault, one a key: of what may be text or a number pydantic tells both, the better one last."""
    told = {}
    for fault in error.errors(include_url=False, include_input=False):
        key, kind = str(fault["loc"][0]) if fault["loc"] else "", fault["type"]
        said = SAID.get(kind, fault["msg"].removeprefix("Value error, "))
        if kind == "extra_forbidden":
            said = f"is not known; known are {', '.join(Target.model_fields)}"
        elif kind == "literal_error":
            said = f"must be {fault['ctx']['expected']}"
        elif key in {"inbox", "team", "label"} and kind in {"int_type", "string_type"}:
            said = "must be a name in quotes, a number, or a list of these"
        told[key] = f"{key}: {said}" if key else said
    yield from told.values()
