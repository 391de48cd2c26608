"""What the body of an answer says: JSON as Python's values, whatever numbers and texts are in it."""

import json
import math
from typing import Any

import orjson

from etl.errors import TryAgain
from etl.extract.quotes import Quotes

# A body without its spaces, and in it one sign for each digit and one for each that stands before a value.
SHAPE = bytes(b"0"[0] if one in b"0123456789" else b":"[0] if one in b":,[" else one for one in range(256))
# In a number, not in a text: the long ids of other systems are texts of digits.
BEYOND_64_BITS = b"0" * 20, b"-" + b"0" * 19
IN_A_LIST_OR_OBJECT = tuple(b":" + long for long in BEYOND_64_BITS)
BEGINNING = 2**16


def decode(body: bytearray, quotes: Quotes) -> Any:
    """Return the value of a body; raise TryAgain, with what was there instead, when it is no JSON."""
    try:
        if not _has_long_numbers(body):
            return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses half of a surrogate pair, and rounds numbers beyond 64 bits: real messages have both.
        return json.loads(body, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        if begins_as_json(body):
            raise TryAgain("the answer is no JSON: cut short or broken.") from None
        raise TryAgain("the answer is no JSON.", quotes.of_answer(body)) from None


def _has_long_numbers(body: bytearray) -> bool:
    shape = body.translate(SHAPE, b" \t\r\n")
    return shape.startswith(BEYOND_64_BITS) or any(long in shape for long in IN_A_LIST_OR_OBJECT)


def begins_as_json(body: bytearray) -> bool:
    """Return whether a body begins as JSON does: then it holds what people wrote, and has no place in a log."""
    return body[:BEGINNING].lstrip().startswith((b"{", b"["))


def is_json(body: bytearray) -> bool:
    """Return whether a body is an object or a list in JSON, and not the page of a firewall or a login."""
    try:
        return isinstance(orjson.loads(body), dict | list)
    except orjson.JSONDecodeError:
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise ValueError(f"{digits} is beyond any number")
    return value
