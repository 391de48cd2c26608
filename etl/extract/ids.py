"""The number of a record in an answer, however it is spelt: as rows read it, so that both mean the same record."""

from typing import Any

# The first number that PostgreSQL cannot hold, and how many digits it has.
BEYOND = 2**63
DIGITS = len(str(BEYOND))


def id_of(record: Any, name: str = "id") -> int | None:
    """Return the number that a record has under a name; None where it is no object, or what is there no number."""
    return number_in(record.get(name)) if isinstance(record, dict) else None


def number_in(value: Any) -> int | None:
    """Read a whole number of at least 1: also digits in quotes, and 640.0."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:DIGITS])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < BEYOND else None
