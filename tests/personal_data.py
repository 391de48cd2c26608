"""What is personal in an account, and everything that is stored or said, to look for it."""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Engine, text

from etl.demo.account import Account
from tests.recorded_vendor import recording

KEY = "a key of at least thirty-two characters"
ANOTHER_KEY = "another key of at least thirty-two characters"

# Shorter ones are in other words.
SHORTEST = 5
OF_AGENTS = frozenset({"agents", "bots"})


def everything_stored(engine: Engine, without: frozenset[str] = frozenset()) -> str:
    """Return every value of every row of every table of ours, one a line; keys of JSON objects are values, too."""
    with engine.connect() as connection:
        tables = list(
            connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'")).scalars()
        )
        assert len(tables) > 15
        rows = [
            row
            for table in tables
            if table not in without
            for row in connection.execute(text(f"SELECT to_jsonb(t) FROM helpdesk.{table} AS t")).scalars()
        ]
    return "\n".join(leaf for row in rows for leaf in leaves(row))


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None:
        yield str(value)


def whole_tables(engine: Engine, *other_times: str) -> dict[str, list[Any]]:
    """Return every row of every table, without when and by which run it was written."""
    times = [*other_times, "first_synced_at", "changed_at", "history_read_at", "valid_from", "valid_to", "run_id"]
    times += ["first_rejected_at", "checked_at", "payload_digest", "base_url"]
    # What the contract has of a field depends on how often it was sent; that it is there, and its kinds, do not.
    times += ["first_run_id", "last_run_id", "records", "share"]
    # Of figures: when a run saw it.
    times += ["at", "since", "until", "not_before", "not_after", "opened_not_before", "opened_not_after"]
    times += ["resolved_not_before", "resolved_not_after", "ended_not_before", "ended_not_after", "holds_from"]
    times += ["first_assignment_seconds_at_least", "first_assignment_seconds_at_most"]
    times += ["nobodys_seconds", "perhaps_nobodys_seconds"]
    # When events were read, and personal data dropped.
    times += ["events_read_at", "events_listed_until", "dropped_until", "walked_at", "walked_as", "names_read_at"]
    found = {}
    with engine.connect() as connection:
        names = connection.execute(
            text(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'"
                " AND tablename NOT IN ('sync_runs', 'figures_computed', 'stale_figures', 'vendor_counts')"
            )
        )
        for table in list(names.scalars()):
            query = text(f"SELECT to_jsonb(t) - CAST(:times AS text[]) FROM helpdesk.{table} AS t")
            found[table] = sorted(
                (row for row in connection.execute(query, {"times": times}).scalars()),
                key=lambda row: orjson.dumps(row, option=orjson.OPT_SORT_KEYS),
            )
    return found


def identities_of(account: Account) -> set[str]:
    """Return names, addresses and numbers of the contacts that have a conversation."""
    talking = {one.contact_id for one in account.conversations.values()}
    people = [one for one in account.contacts.values() if one.id in talking]
    values = {one for who in people for one in (who.name, who.email, who.phone_number, who.identifier, who.thumbnail)}
    return {one for one in values if one and len(one) >= SHORTEST}


def texts_of(account: Account) -> set[str]:
    """Return what was written and sent."""
    messages = [one for conversation in account.conversations.values() for one in conversation.messages]
    contents = {one.content for one in messages if one.content and len(one.content) >= 12}
    return contents | {file.data_url for one in messages for file in one.attachments or [] if file.data_url}


def personal_in_recording(*names: str) -> tuple[set[str], set[str]]:
    """Return who contacts are, and what was written and sent, of recorded exchanges."""
    people: set[str] = set()
    written: set[str] = set()
    for name in names:
        for exchange in recording(name):
            _collect(exchange["response"]["json"], "", people, written)
    return {one for one in people if len(one) >= SHORTEST}, {one for one in written if len(one) >= 12}


def _collect(value: Any, key: str, people: set[str], written: set[str]) -> None:
    if isinstance(value, list):
        for one in value:
            _collect(one, key, people, written)
    if not isinstance(value, dict):
        return
    if value.get("type") == "contact" or (key == "sender" and "type" not in value):
        names = ("name", "email", "phone_number", "identifier", "thumbnail")
        people.update(value[one] for one in names if value.get(one))
    names = ("data_url", "fallback_title") + (("content",) if "message_type" in value else ())
    written.update(value[one] for one in names if value.get(one))
    for name, one in value.items():
        _collect(one, name, people, written)
