"""What is stored of a change of a field: before and after by the rules of the column that the field is in.

Where personal data are dropped, no change of them could be seen in the tables: a keyed digest of each is kept for that.
"""

import hashlib
import json
from typing import Any

from sqlalchemy import Connection

from etl.load import changes
from etl.privacy.rules import ATTRIBUTE_NAME, RULES, Row, Rule, Way

HOLDERS = {"contact": "contacts", "conversation": "conversations"}
NEEDED = ("entity", "field", "before", "after")
# Whose changes are noted (`views/sql/note_changes.sql`) although they may not be kept: whole, and key by key.
SEEN_BY_DIGEST = {
    "contacts": ("name", "email", "phone_number", "identifier", "additional_attributes", "custom_attributes"),
    "conversations": ("custom_attributes",),
}
# Where a contact's browser was last, which is not noted.
PASSING = {"created_at_ip", "updated_at_ip"}


def digest(table: str, row: Row, way: Way) -> None:
    """Add to a row, before it is protected, digests of what is dropped of it; None of a field that is empty."""
    if table not in SEEN_BY_DIGEST or way.mode != "drop" or not way.digest_key:
        return
    digests = {column: _digest_of(table, column, row[column], way) for column in SEEN_BY_DIGEST[table] if column in row}
    if digests:
        row["digests"] = digests


def _digest_of(table: str, column: str, value: Any, way: Way) -> Any:
    rule = RULES[table][column]
    if not column.endswith("attributes"):
        return None if value is None else _keyed(column, value, way)
    told = value if isinstance(value, dict) else {}
    return {
        key: _keyed(f"{column}.{key}", one, way)
        for key, one in told.items()
        if one is not None and _is_name(key) and key not in PASSING and _kept(rule, one, key, way) is None
    }


def _keyed(name: str, value: Any, way: Way) -> str:
    """Return a digest that tells its key from another one, so that of two keys no change is seen."""
    key = way.digest_key.encode()
    tag = hashlib.blake2b(digest_size=2, key=key).hexdigest()
    said = f"{name}\n{json.dumps(value, sort_keys=True)}".encode()
    return f"digest:{tag}:{hashlib.blake2b(said, digest_size=16, key=key).hexdigest()}"


def protect_change(row: Row, way: Way) -> bool:
    """Reduce a change, in place, to what is stored of it; return whether the field may be named at all."""
    column, _, key = row["field"].partition(".")
    rule = RULES[HOLDERS[row["entity"]]].get(column)
    if rule is None or way.mode == "keep":
        return True
    for side in ("before", "after"):
        row[side] = _kept(rule, row[side], key, way)
    return not key or _is_name(key)


def save_changes(connection: Connection, rows: list[Row], way: Way) -> int:
    """Rewrite changes of one account as they may be stored, without those that may not be named; return how many."""
    rewritten, nameless = [], []
    for row in rows:
        as_stored = dict(row)
        if not protect_change(row, way):
            nameless.append(row["number"])
        elif row != as_stored:
            rewritten.append(row)
    changes.rewrite(connection, rows[0]["account_id"], rewritten, nameless)
    return len(rewritten) + len(nameless)


def _is_name(key: str) -> bool:
    """Return whether the key of an attribute is a name: another one may be what somebody typed."""
    return ATTRIBUTE_NAME.fullmatch(key) is not None


def _kept(rule: Rule, value: Any, key: str, way: Way) -> Any:
    """Return what is kept of a field's value, or of the value that an attribute has by its key."""
    if value is None or not key:
        return None if value is None else rule(value, way)
    return (rule({key: value}, way) or {}).get(key)
