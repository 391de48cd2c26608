"""What is stored of a rejected record, and of what a run says of itself, where personal data are not kept."""

import hashlib
import json
import re

from etl.errors import unquoted, without_value
from etl.privacy.rules import Row, Way, identity
from etl.transform.entities import SENT


def protect_record(record: Row) -> None:
    """Reduce a rejected record, in place, to what is stored of it: which one, and what is wrong, not what was there.

    Its digest is made anew, as the old one is of the whole payload; the same fault of a record gives the same one.
    """
    record["reason"], record["quote"] = without_value(record["reason"], record["quote"]), None
    number = record["entity_id"]
    record["entity_id"] = number if number and number.isascii() and number.isdigit() else None
    record["payload"] = None
    which = [record[name] for name in ("entity", "entity_id", "conversation_id", "reason")]
    record["digest"] = hashlib.sha256(json.dumps(which).encode()).hexdigest()


FIELD_NAME = re.compile(r"[a-z_]+(?:\.[a-z_][a-z0-9_]{0,59})+")


def shown_field(path: str) -> str:
    """Return the path of an unknown field; a key that does not look like one is hidden, as it may name a person."""
    return path if FIELD_NAME.fullmatch(path) else f"{path.partition('.')[0]}.(not shown)"


def is_hidden(sent_as: str, path: str) -> bool:
    """Return whether the contract may not name a field: no column takes it, and it does not look like one."""
    return not SENT[sent_as].takes(path) and not FIELD_NAME.fullmatch(f"field.{path}")


def protect_run(row: Row, way: Way) -> None:
    """Reduce what a run says of itself, in place, to what is stored of it."""
    if row.get("selection"):
        row["selection"] = protect_selection(row["selection"], way)
    for name in ("problems", "notes"):
        if row[name]:
            row[name] = [unquoted(sentence, row["quotes"] or ()) for sentence in row[name]]
    row["quotes"] = None
    if row.get("unknown_fields"):
        row["unknown_fields"] = sorted({shown_field(path) for path in row["unknown_fields"]})


def protect_entry(entry: Row) -> None:
    """Reduce an entry of the ledger, in place, to what is stored of it: without what the vendor answered."""
    if entry["quote"]:
        entry["reason"], entry["quote"] = unquoted(entry["reason"], [entry["quote"]]), None


def protect_selection(chosen: Row | None, way: Way) -> Row | None:
    """Return what was selected without the term that was searched for, which may be somebody's name."""
    if way.mode == "keep" or not chosen or "search" not in chosen:
        return chosen
    return chosen | {"search": identity(chosen["search"], way)}
