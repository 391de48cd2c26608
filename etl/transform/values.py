"""Readers of single values: what the API sent, as Python's own type, or BadValue saying what was there.

None never reaches a reader: a null is a null in every field.
"""

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from etl.errors import BadValue, BeyondRange

Reader = Callable[[Any], Any]

SMALLEST, LARGEST = -(2**63), 2**63 - 1
LONGEST_NUMBER = len(str(SMALLEST))

# Digits in quotes: whole numbers, and those with a fraction. Of ten thousand digits nothing is plainly meant.
DIGITS = re.compile(r"-?\d{1,20}", re.ASCII)
FRACTION = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.ASCII)

# ISO 8601, and as Ruby writes times: `2023-11-14 22:13:20 UTC`, `2023-11-14 22:13:20 +0000`.
ISO_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}[^ ]*(?: \d{2}:[\d:.]+)?) ?(UTC|GMT|[+-]\d{2}:?\d{2})?", re.ASCII)
# As mails and HTTP write them: `Tue, 14 Nov 2023 22:13:20 GMT`.
MAIL_TIME = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} ", re.ASCII)

# What records of bots and of whoever may use the API carry: keys to others' systems, which are stored nowhere.
SECRETS = frozenset({"outgoing_url", "bot_config", "access_token", "secret"})

# Deeper than any record; at the interpreter's own limit (about 1,000 calls, two a level) anything may fail.
DEEPEST = 350

# PostgreSQL stores neither the NUL character nor half of a surrogate pair in text; both occur in real messages.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def whole(value: Any) -> int:
    """Read a whole number of at most 64 bits; digits in quotes are one, and 640.0 is; true and 1.5 are none."""
    if type(value) is int and SMALLEST <= value <= LARGEST:
        return value
    if isinstance(value, str):
        value = int(value) if len(value) <= LONGEST_NUMBER and DIGITS.fullmatch(value) else value
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue("expected a whole number", shown(value))
    if not SMALLEST <= value <= LARGEST:
        raise BeyondRange("expected a number of at most 64 bits", shown(value))
    return value


def key(value: Any) -> int:
    """Read the number of a record; these begin at 1, whatever the record."""
    if type(value) is int and 1 <= value <= LARGEST:
        return value
    if (found := whole(value)) < 1:
        raise BadValue("expected the number of a record, which is at least 1", shown(value))
    return found


def number(value: Any) -> float:
    """Read a finite number; digits in quotes are one."""
    if isinstance(value, str) and FRACTION.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise BadValue("expected a number", shown(value))


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise BadValue("expected true or false", shown(value))
    return value


def text(value: Any) -> str:
    """Read text, also from a whole number; characters that PostgreSQL refuses become U+FFFD."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return word(value)


def word(value: Any) -> str:
    """Read text that stands for something, such as a status: a number would stand for something else."""
    if not isinstance(value, str):
        raise BadValue("expected text", shown(value))
    return UNSTORABLE.sub("\ufffd", value)


def texts(value: Any) -> list[str]:
    """Read an array of texts."""
    if not isinstance(value, list):
        raise BadValue("expected an array", shown(value))
    return [text(item) for item in value]


def array(value: Any) -> list[Any]:
    """Read an array of free-form values."""
    if not isinstance(value, list):
        raise BadValue("expected an array", shown(value))
    read: list[Any] = free(value)
    return read


def instant(value: Any) -> datetime | None:
    """Read a time as an aware UTC datetime: seconds since 1970, whole or with a fraction, or a date with a time.

    0 stands for null (the vendor's section 4). The same field comes as seconds from one endpoint and as ISO 8601
    from another, and in quotes or in Ruby's own spelling from bridges and old installations, so every time takes all.
    """
    if type(value) is int:
        return _seconds(value)
    if isinstance(value, str) and FRACTION.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, str):
        with suppress(ValueError, OverflowError):
            read = _written(value)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        return _seconds(value)
    raise BadValue("expected a time", shown(value))


def _seconds(value: float) -> datetime | None:
    """Read seconds since 1970; 0 is no time."""
    try:
        return datetime.fromtimestamp(value, UTC) if value else None
    except (ValueError, OverflowError, OSError):
        raise BeyondRange("expected a time", shown(value)) from None


def _written(value: str) -> datetime:
    """Read a time that is written out; raise ValueError when it is none."""
    if MAIL_TIME.match(value):
        return parsedate_to_datetime(value)
    if parts := ISO_TIME.fullmatch(value):
        return datetime.fromisoformat(parts[1] + ZONES.get(parts[2], parts[2] or ""))
    raise ValueError(value)


ZONES = {"UTC": "+00:00", "GMT": "+00:00"}


def structure(value: Any) -> Any:
    """Read a free-form object; JSON text is read for the object that it is, as old installations send theirs."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        with suppress(ValueError):
            value = orjson.loads(value)
    return free(value)


def free(value: Any) -> Any:
    """Read a free-form JSON value; characters that PostgreSQL refuses become U+FFFD, in keys too."""
    return value if is_storable(value) else _cleaned(value, DEEPEST)


def is_storable(value: Any) -> bool:
    """Return whether all text in a JSON value, keys too, is as PostgreSQL stores it; in doubt it is not."""
    try:
        return b"\\u0000" not in orjson.dumps(value)
    except TypeError:
        return False  # half of a surrogate pair, a number beyond 64 bits, or more than 254 levels


def without_secrets(value: Any) -> Any:
    """Return a free-form JSON value without the keys of secrets, at any depth; the value itself where it has none."""
    if isinstance(value, dict):
        kept = {key: without_secrets(item) for key, item in value.items() if key not in SECRETS}
        return value if len(kept) == len(value) and all(kept[key] is value[key] for key in kept) else kept
    if isinstance(value, list):
        cleaned = [without_secrets(item) for item in value]
        return value if all(new is old for new, old in zip(cleaned, value, strict=True)) else cleaned
    return value


def _cleaned(value: Any, levels: int) -> Any:
    if not levels:
        raise BadValue("is nested too deeply")
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(key): _cleaned(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item, levels - 1) for item in value]
    return value


def shown(value: Any) -> str:
    """Show a value's kind and, for a short scalar, the value: enough to find the fault, too little to leak a text."""
    if isinstance(value, str):
        return f"the text {value[:20]!r}"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return str(value)[:40]
