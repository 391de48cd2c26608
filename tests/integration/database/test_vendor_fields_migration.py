"""What lay in `extra` for want of a column is moved into it, as histories that do not change are not read again."""

import pytest
from sqlalchemy import Engine

from etl.database import migrate
from tests.integration.database.test_owners_migration import put, rows

BEFORE = "0003_owners"


@pytest.mark.long
def test_values_move_from_extra_into_their_columns_and_others_stay(engine: Engine) -> None:
    migrate.migrate(engine, BEFORE)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://x.example')"
        )
    put(engine, "contacts", {"id": 1, "extra": {"company_id": 12, "conversations_count": "seven", "mood": 1}})
    put(engine, "contacts", {"id": 2, "extra": {"company_id": None, "conversations_count": 1.5}}, {"id": 3})
    put(engine, "agents", {"id": 1, "extra": {"see_all_conversations": False}})
    sla = {"applied_sla": {"sla_status": "hit"}, "sla_events": [{"event_type": "frt"}]}
    put(engine, "conversations", {"id": 1, "extra": sla})
    put(
        engine,
        "messages",
        {"id": 1, "conversation_id": 1, "extra": {"call": {"status": "completed", "duration_seconds": 63}}},
        {"id": 2, "conversation_id": 1, "extra": {"call": {"status": {"a": 1}, "provider": "twilio"}, "mood": 1}},
    )
    put(engine, "attachments", {"id": 1, "message_id": 1, "extra": {"content_type": "video/mp4"}})
    put(engine, "csat_responses", {"id": 1, "extra": {"csat_review_notes": "call back"}})
    migrate.migrate(engine)
    assert rows(engine, "SELECT company_id, conversations_count, extra FROM contacts ORDER BY id") == [
        (12, None, {"conversations_count": "seven", "mood": 1}),
        (None, None, {"conversations_count": 1.5}),
        (None, None, None),
    ]
    assert rows(engine, "SELECT see_all_conversations, extra FROM agents") == [(False, None)]
    assert rows(engine, "SELECT applied_sla, sla_events, extra FROM conversations") == [(*sla.values(), None)]
    columns = "call_status, call_provider, call_duration_seconds, extra"
    assert rows(engine, f"SELECT {columns} FROM messages ORDER BY id") == [
        ("completed", None, 63, None),
        (None, "twilio", None, {"call": {"status": {"a": 1}}, "mood": 1}),
    ]
    assert rows(engine, "SELECT content_type, extra FROM attachments") == [("video/mp4", None)]
    assert rows(engine, "SELECT csat_review_notes, extra FROM csat_responses") == [("call back", None)]
    migrate.migrate(engine, BEFORE)
    migrate.migrate(engine)
