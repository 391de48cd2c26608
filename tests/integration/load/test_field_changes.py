"""Changes of fields as several workers note them at once, and that they lead back to what was seen first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from etl.load import changes, upsert
from tests.examples import examples
from tests.integration.run.truth import clear
from tests.waits import LONGEST, wait_until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCOUNT = {"accounts": [{"account_id": 1, "base_url": "https://vendor.example"}]}
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NOTED = "SELECT field, before, after, seen_at FROM helpdesk.field_changes ORDER BY number"


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def save(connection: Connection, at: datetime, **tables: list[dict[str, Any]]) -> None:
    changes.note_from_now_on(connection, at)
    upsert.save(connection, {name: [{"account_id": 1} | row for row in some] for name, some in tables.items()})


@contextmanager
def while_another_waits(engine: Engine, first: dict[str, Any], last: dict[str, Any]) -> Iterator[None]:
    """Save two tellings of a contact at once: the last waits for the first, and was begun a second before it."""
    with engine.connect() as one, ThreadPoolExecutor(1) as thread:
        one.begin()
        save(one, NOON, contacts=[{"id": 7} | first])

        def saved_last() -> None:
            with engine.begin() as other:
                save(other, NOON - timedelta(seconds=1), contacts=[{"id": 7} | last])

        saving = thread.submit(saved_last)
        wait_until(lambda: rows(engine, WAITING) == [(1,)])
        one.commit()
        saving.result(LONGEST)
    yield


def test_of_two_who_save_a_contact_at_once_the_second_notes_what_the_first_has_made_of_it(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert.save(connection, ACCOUNT)
        save(connection, NOON - timedelta(days=1), contacts=[{"id": 7, "name": "A", "email": "a@example.com"}])
    with while_another_waits(engine, {"name": "B"}, {"name": "C", "email": "a@example.com"}):
        assert rows(engine, NOTED) == [
            ("name", "A", "B", NOON),
            ("name", "B", "C", NOON + timedelta(microseconds=1)),
        ]


def test_of_two_who_meet_a_contact_first_the_second_notes_what_differs_from_the_first(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert.save(connection, ACCOUNT)
    with while_another_waits(engine, {"name": "A"}, {"name": "B"}):
        assert rows(engine, NOTED) == [("name", "A", "B", NOON - timedelta(seconds=1))]


def test_what_nobody_says_when_it_was_seen_is_noted_by_nobody(engine: Engine) -> None:
    with engine.begin() as connection:
        upsert.save(connection, ACCOUNT | {"contacts": [{"account_id": 1, "id": 7, "name": "A"}]})
    with engine.begin() as connection:
        save(connection, NOON, contacts=[{"id": 8, "name": "B"}])
    with engine.begin() as connection:
        upsert.save(connection, {"contacts": [{"account_id": 1, "id": 7, "name": "C"}]})
        connection.execute(text("UPDATE helpdesk.contacts SET name = 'D'"))
    assert rows(engine, NOTED) == []


def test_a_key_as_long_as_a_text_may_be_is_noted(engine: Engine) -> None:
    key = "k" * 100_000
    with engine.begin() as connection:
        upsert.save(connection, ACCOUNT)
        save(connection, NOON, contacts=[{"id": 7, "custom_attributes": {}}])
    with engine.begin() as connection:
        save(connection, NOON, contacts=[{"id": 7, "custom_attributes": {key: key}}])
    assert rows(engine, NOTED) == [(f"custom_attributes.{key}", None, key, NOON)]


WORDS = st.sampled_from([None, "", "a", "b", "ü \\ \" '"])
VALUES = st.sampled_from([None, 0, 1, True, False, 1.5, "", "0", [], {}, {"a": [1, None]}])
ATTRIBUTES = st.none() | st.dictionaries(st.sampled_from(["plan", "Seats", "a.b", ""]), VALUES)
LABELS = st.sets(st.sampled_from(["vip", "bug", "Ärger", "a b"]))
CONTACT = st.fixed_dictionaries(
    {}, optional={"name": WORDS, "email": WORDS, "blocked": st.none() | st.booleans(), "custom_attributes": ATTRIBUTES}
)
CONVERSATION = st.fixed_dictionaries(
    {"status": st.sampled_from(["open", "resolved"])}, optional={"priority": WORDS, "custom_attributes": ATTRIBUTES}
)
READINGS = st.lists(st.tuples(CONTACT, CONVERSATION, st.none() | LABELS), min_size=2, max_size=8)


def take_in(engine: Engine, number: int, contact: Any, conversation: Any, labels: set[str] | None) -> None:
    """Save a reading of a contact and a conversation as a run does; labels: None where it does not tell them."""
    at = NOON + timedelta(days=number)
    titles = [{"account_id": 1, "title": one} for one in labels or ()]
    theirs = [{"account_id": 1, "conversation_id": 5, "label": one["title"]} for one in titles]
    with engine.begin() as connection:
        save(connection, at, contacts=[{"id": 5} | contact], conversations=[{"id": 5} | conversation], labels=titles)
        if labels is not None:
            changes.note_labels(connection, 1, [5], theirs, at)
            upsert.save(connection, {"conversation_labels": theirs})
            upsert.replace_children(connection, 1, {"conversation_labels": [5]}, {"conversation_labels": theirs})


def state(engine: Engine) -> dict[tuple[str, str], Any]:
    """Return the fields that are noted, as the tables have them; NULL is as if there was none."""
    found: dict[tuple[str, str], Any] = {}
    query = "SELECT 'contact', to_jsonb(c) FROM helpdesk.contacts AS c"
    query += " UNION ALL SELECT 'conversation', to_jsonb(c) FROM helpdesk.conversations AS c"
    for entity, row in rows(engine, query):
        fields = {name: row[name] for name in ("name", "email", "blocked", "priority") if name in row}
        fields |= {f"custom_attributes.{key}": one for key, one in (row["custom_attributes"] or {}).items()}
        found |= {(entity, name): value for name, value in fields.items() if value is not None}
    labels = rows(engine, 'SELECT label FROM helpdesk.conversation_labels ORDER BY label COLLATE "C"')
    return found | {("conversation", "labels"): [label for (label,) in labels]}


def strictly(value: Any) -> str:
    """True and 1 are not the same, as Python has it."""
    return repr(value)


@pytest.mark.long
@settings(
    max_examples=examples(8, 400), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(READINGS)
def test_the_changes_lead_back_from_what_is_stored_to_every_reading_before(engine: Engine, readings: Any) -> None:
    clear(engine)
    with engine.begin() as connection:
        upsert.save(connection, ACCOUNT)
    seen = []
    for number, reading in enumerate(readings):
        take_in(engine, number, *reading)
        seen.append(state(engine))
    query = "SELECT entity, field, before, after, seen_at FROM helpdesk.field_changes ORDER BY number DESC"
    noted = rows(engine, query)
    assert all(strictly(before) != strictly(after) for _, _, before, after, _ in noted)
    now = dict(seen[-1])
    for number in reversed(range(len(readings) - 1)):
        for entity, field, before, after, _ in [one for one in noted if one[4] == NOON + timedelta(days=number + 1)]:
            assert strictly(now.pop((entity, field), None)) == strictly(after)
            if before is not None:
                now[entity, field] = before
        assert {key: strictly(one) for key, one in now.items()} == {
            key: strictly(one) for key, one in seen[number].items()
        }
