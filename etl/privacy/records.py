"""What is stored of a rejected record, and of what a run says of itself, where personal data are not kept."""

import hashlib
import json
import re

from etl.extract.wording import without_quotes
from etl.privacy.rules import Row, Way, identity

# What payload.py, fields.py and transform.py say, up to where they quote.
REASON = re.compile(
    r"((?:[a-z_.]+: )?(?:expected [a-z ]+(?:\d+ [a-z]+)?|is missing|is beyond range|is nested too deeply))"
    r"(?:(?:, got|:) .*)?",
    re.DOTALL,
)


def protect_record(record: Row) -> None:
    """Make of a rejected record in place what is stored of it: which one, and what is wrong, but not what was there.

    Its digest is made anew, as the old one is of the whole payload; the same fault of the same record has the same.
    """
    reason = REASON.fullmatch(record["reason"])
    record["reason"] = reason[1] if reason else "The reason is not shown."
    number = record["entity_id"]
    record["entity_id"] = number if number and number.isascii() and number.isdigit() else None
    record["payload"] = None
    which = [record[name] for name in ("entity", "entity_id", "conversation_id", "reason")]
    record["digest"] = hashlib.sha256(json.dumps(which).encode()).hexdigest()


FIELD_NAME = re.compile(r"[a-z_]+(?:\.[a-z_][a-z0-9_]{0,59})+")


def shown_field(path: str) -> str:
    """Return the path of an unknown field, without a name that is none: what a person is called may be a key."""
    return path if FIELD_NAME.fullmatch(path) else f"{path.partition('.')[0]}.(not shown)"


def protect_run(row: Row, way: Way) -> None:
    """Make of what a run says of itself in place what is stored of it."""
    if row.get("selection"):
        row["selection"] = protect_selection(row["selection"], way)
    for name in ("problems", "notes"):
        if row.get(name):
            row[name] = [without_quotes(one) for one in row[name]]
    if row.get("unknown_fields"):
        row["unknown_fields"] = sorted({shown_field(one) for one in row["unknown_fields"]})


def protect_selection(chosen: Row | None, way: Way) -> Row | None:
    """Return what was selected without the term that was searched for, which may be somebody's name."""
    if way.mode == "keep" or not chosen or "search" not in chosen:
        return chosen
    return chosen | {"search": identity(chosen["search"], way)}
