"""Readers of single values: what the API sent, as Python's own type, or BadValue saying what was there.

None never reaches a reader: a null is a null in every field.
"""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from etl.errors import BadValue, BeyondRange

Reader = Callable[[Any], Any]

SMALLEST, LARGEST = -(2**63), 2**63 - 1
LONGEST_NUMBER = len(str(SMALLEST))

ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

# Deeper than any record; at the interpreter's own limit (about 1,000 calls, two a level) anything may fail.
DEEPEST = 350

# PostgreSQL stores neither the NUL character nor half of a surrogate pair in text; both occur in real messages.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def whole(value: Any) -> int:
    """Read a whole number of at most 64 bits; digits in quotes are one, true and 1.5 are none."""
    if (
        isinstance(value, str)
        and len(value) <= LONGEST_NUMBER
        and value.isascii()
        and value.removeprefix("-").isdigit()
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadValue("expected a whole number", shown(value))
    if not SMALLEST <= value <= LARGEST:
        raise BeyondRange("expected a number of at most 64 bits", shown(value))
    return value


def number(value: Any) -> float:
    """Read a finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise BadValue("expected a number", shown(value))


def flag(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise BadValue("expected true or false", shown(value))
    return value


def text(value: Any) -> str:
    """Read text; characters that PostgreSQL refuses become U+FFFD."""
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
    """Read a time as an aware UTC datetime: seconds since 1970, whole or with a fraction, or ISO 8601.

    0 stands for null (the vendor's section 4). The same field comes as seconds from one endpoint and as ISO 8601
    from another, so every time takes both.
    """
    if isinstance(value, str) and ISO_DATE.match(value):
        try:
            read = datetime.fromisoformat(value)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC) if value else None
        except (ValueError, OverflowError, OSError):
            raise BeyondRange("expected a time", shown(value)) from None
    raise BadValue("expected a time", shown(value))


def free(value: Any) -> Any:
    """Read a free-form JSON value; characters that PostgreSQL refuses become U+FFFD, in keys too."""
    try:
        if b"\\u0000" not in orjson.dumps(value):
            return value
    except TypeError:
        pass  # half of a surrogate pair, a number beyond 64 bits, or more than 254 levels
    return _cleaned(value, DEEPEST)


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
