"""The upsert against a real PostgreSQL: what it writes, what it leaves alone, and what it counts."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from etl.load import conversations, upsert

NEW, CHANGED, SAME = {"inserted": 1}, {"updated": 1}, {"unchanged": 1}


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        with connection.begin():
            upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "https://vendor.example"}]})
        yield connection


def contact(**columns: Any) -> dict[str, Any]:
    return {"account_id": 1, "id": 7} | columns


def save(connection: Connection, *rows: dict[str, Any], table: str = "contacts") -> dict[str, int]:
    """Upsert rows in a transaction of their own; return the counts that are not zero, without `seen`."""
    connection.commit()
    with connection.begin():
        counts = upsert.save(connection, {table: list(rows)})[table]
    assert counts["seen"] == len(rows) == counts["inserted"] + counts["updated"] + counts["unchanged"]
    return {name: count for name, count in counts.items() if count and name != "seen"}


def stored(connection: Connection, columns: str, table: str = "contacts") -> list[Any]:
    return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM helpdesk.{table} ORDER BY 1, 2"))]


def test_a_row_is_inserted_then_left_alone_then_updated(connection: Connection) -> None:
    assert save(connection, contact(name="Dana", blocked=False)) == NEW
    before = stored(connection, "ctid::text, xmin::text")
    assert save(connection, contact(name="Dana", blocked=False)) == SAME
    assert stored(connection, "ctid::text, xmin::text") == before
    assert save(connection, contact(name="דנה 🎉", blocked=False)) == CHANGED
    assert stored(connection, "id, name, blocked") == [(7, "דנה 🎉", False)]


def test_an_absent_column_is_not_touched_and_a_none_erases(connection: Connection) -> None:
    save(connection, contact(name="Dana", email="dana@example.com"))
    assert save(connection, contact(name="Dana")) == SAME
    assert save(connection, contact(email=None)) == CHANGED
    assert stored(connection, "id, name, email") == [(7, "Dana", None)]


def test_rows_of_different_shapes_are_saved_in_one_call(connection: Connection) -> None:
    rows = [contact(id=1, name="a"), contact(id=2, email="b@example.com"), contact(id=3), contact(id=4, name="d")]
    assert save(connection, *rows) == {"inserted": 4}
    assert stored(connection, "id, name, email") == [
        (1, "a", None),
        (2, None, "b@example.com"),
        (3, None, None),
        (4, "d", None),
    ]


TOLD = {"contacts": {"blocked": ("blocked",), "last_activity_at": ("last_activity_at", "timestamp")}}


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({"blocked": True}, {"timestamp": "soon", "score": 1}),
        ({"last_activity_at": None}, {"blocked": "no", "score": 1}),
        ({"last_activity_at": None, "extra": {"timestamp": "x"}}, {"blocked": "no", "timestamp": "x", "score": 1}),
        ({"blocked": None, "last_activity_at": None, "extra": {"x": 2}}, {"score": 1, "x": 2}),
        ({"name": "Dana"}, {"blocked": "no", "timestamp": "soon", "score": 1}),
    ],
    ids=range(5),
)
def test_extra_keeps_nothing_for_a_column_that_is_told_anew(connection: Connection, columns: Any, kept: Any) -> None:
    before = contact(blocked=None, last_activity_at=None, extra={"blocked": "no", "timestamp": "soon", "score": 1})
    save(connection, before)
    connection.commit()
    with connection.begin():
        assert upsert.save(connection, {"contacts": [contact(**columns)]}, TOLD)["contacts"]["updated"] == 1
    assert stored(connection, "id, extra") == [(7, kept)]
    connection.commit()
    with connection.begin():
        assert upsert.save(connection, {"contacts": [contact(**columns)]}, TOLD)["contacts"]["unchanged"] == 1


def test_extra_is_null_when_nothing_is_left_in_it(connection: Connection) -> None:
    save(connection, contact(blocked=None, extra={"blocked": "no"}), contact(id=8, blocked=True))
    with connection.begin():
        upsert.save(connection, {"contacts": [contact(blocked=True), contact(id=8, blocked=True)]}, TOLD)
    assert stored(connection, "id, extra") == [(7, None), (8, None)]


def test_extra_is_merged_key_by_key(connection: Connection) -> None:
    save(connection, contact(extra={"score": 1, "shown": {"a": 1}}))
    assert save(connection, contact(extra={"score": 1})) == SAME
    assert save(connection, contact(extra={"score": None, "new": []})) == CHANGED
    assert save(connection, contact(name="Dana")) == CHANGED
    assert stored(connection, "id, extra") == [(7, {"score": None, "shown": {"a": 1}, "new": []})]


def test_every_kind_of_value_arrives_as_it_is(connection: Connection) -> None:
    at = datetime(2026, 3, 1, 23, 59, 59, 999000, UTC)
    text_value = "tab\t newline\n backslash \\ \\N quote ' \" שלום 👩‍👩‍👧 ');DROP TABLE x;--"
    attributes = {"text": text_value, "number": 12.5, "big": 2**63 - 1, "list": [1, None, {"a": []}], "empty": ""}
    save(
        connection,
        contact(
            name=text_value, email="", blocked=True, last_activity_at=at, created_at=None, custom_attributes=attributes
        ),
    )
    assert stored(connection, "name, email, blocked, last_activity_at, created_at, custom_attributes") == [
        (text_value, "", True, at, None, attributes)
    ]


def conversation(connection: Connection, **columns: Any) -> dict[str, int]:
    return save(connection, {"account_id": 1, "id": 5} | columns, table="conversations")


def test_the_time_of_reading_alone_rewrites_no_row_but_a_new_mark_does(connection: Connection) -> None:
    first, later = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert conversation(connection, mark="m1", history_read_at=first) == NEW
    assert conversation(connection, mark="m1", history_read_at=later) == SAME
    assert conversation(connection, mark="m2", history_read_at=later) == CHANGED
    assert stored(connection, "mark, history_read_at", "conversations") == [("m2", later)]
    assert conversations.kept(connection, 1, [5, 6]) == {5: conversations.Kept("m2", later, None, None, deleted=False)}


def test_changed_at_moves_only_when_something_else_did(engine: Engine) -> None:
    def save_in_a_transaction_of_its_own(row: dict[str, Any]) -> None:
        with engine.begin() as connection:
            upsert.save(connection, {"accounts": [{"account_id": 1, "base_url": "u"}], "contacts": [row]})

    save_in_a_transaction_of_its_own(contact(name="Dana"))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE helpdesk.contacts SET changed_at = '2020-01-01', first_synced_at = '2020-01-01'")
        )
    save_in_a_transaction_of_its_own(contact(name="Dana"))
    with engine.connect() as connection:
        assert stored(connection, "changed_at = '2020-01-01', first_synced_at = '2020-01-01'") == [(True, True)]
    save_in_a_transaction_of_its_own(contact(name="Dana K."))
    with engine.connect() as connection:
        assert stored(connection, "changed_at = '2020-01-01', first_synced_at = '2020-01-01'") == [(False, True)]


def test_labels_that_a_conversation_no_longer_has_go_and_those_of_others_stay(connection: Connection) -> None:
    rows = {
        "labels": [{"account_id": 1, "title": title} for title in ("vip", "bug")],
        "conversations": [{"account_id": 1, "id": one} for one in (5, 6)],
        "conversation_labels": [
            {"account_id": 1, "conversation_id": 5, "label": "vip"},
            {"account_id": 1, "conversation_id": 5, "label": "bug"},
            {"account_id": 1, "conversation_id": 6, "label": "bug"},
        ],
    }
    upsert.save(connection, rows)
    kept = {"conversation_labels": [{"account_id": 1, "conversation_id": 5, "label": "bug"}]}
    upsert.replace_children(connection, 1, {"conversation_labels": [5]}, kept)
    assert stored(connection, "conversation_id, label", "conversation_labels") == [(5, "bug"), (6, "bug")]
    upsert.replace_children(connection, 1, {"conversation_labels": [5]}, {})
    assert stored(connection, "conversation_id, label", "conversation_labels") == [(6, "bug")]


def test_attachments_that_a_message_no_longer_has_go(connection: Connection) -> None:
    conversation(connection)
    save(connection, {"account_id": 1, "id": 9, "conversation_id": 5}, table="messages")
    both = [{"account_id": 1, "id": one, "message_id": 9} for one in (1, 2)]
    save(connection, *both, table="attachments")
    upsert.replace_children(connection, 1, {"attachments": [9]}, {"attachments": both[:1]})
    assert stored(connection, "id, message_id", "attachments") == [(1, 9)]


def test_a_state_ends_when_the_next_begins_and_the_same_state_goes_on(connection: Connection) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    for day, status in zip(days, ("open", "open", "resolved"), strict=True):
        conversation(connection, status=status)
        conversations.save_states(connection, 1, [5], day)
    assert stored(connection, "valid_from, valid_to, status", "conversation_states") == [
        (days[0], days[2], "open"),
        (days[2], None, "resolved"),
    ]


def test_the_sender_columns_are_generated_from_type_and_number(connection: Connection) -> None:
    conversation(connection)
    save(connection, contact())
    save(connection, {"account_id": 1, "id": 7, "name": "Noa"}, table="agents")
    message = {"account_id": 1, "conversation_id": 5, "sender_id": 7}
    senders = ("contact", "user", "agent_bot")
    save(connection, *(message | {"id": at, "sender_type": one} for at, one in enumerate(senders)), table="messages")
    assert stored(connection, "id, contact_id, agent_id", "messages") == [(0, 7, None), (1, None, 7), (2, None, None)]
