"""The fields that this vendor, and newer servers, send beside the documented ones: a column each, in every mode."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Attachment
from etl.demo.server import Answer, Request, json_answer
from etl.privacy import redact
from etl.privacy.forget import forget
from etl.privacy.rules import way_of
from etl.settings.settings import Settings
from tests.personal_data import KEY, everything_stored
from tests.recorded_vendor import recording
from tests.scripted_account import LONG_AGO, Job, account_of, job

CASES = recording("cases")
NOTES = "call her back on Sunday"
SURVEY = {
    "id": 1,
    "rating": 4.0,
    "conversation_id": 1,
    "message_id": None,
    "contact": {"id": 1},
    "csat_review_notes": NOTES,
    "review_notes_updated_at": 1760000900,
    "review_notes_updated_by": {"id": 2, "name": CASES["agent_of_this_vendor"]["name"]},
}
DEFINITION = {
    "id": 1,
    "attribute_key": "order",
    "attribute_model": "contact_attribute",
    "regex_pattern": "^[0-9]+$",
    "regex_cue": "digits only",
    "default_value": 5,
}


def tell_more(message: dict[str, Any]) -> None:
    if message["id"] == 1:
        message["call"] = CASES["voice_call"]["call"] | {"recording_url": "x"}
    for file in message.get("attachments", ()):
        file["content_type"] = CASES["video_with_fractions"]["content_type"]


def vendor(request: Request, answer: Answer) -> Answer:
    """Answer as this vendor does: its inbox is WhatsApp, its contacts are counted, its calls are told."""
    name = request.path.rpartition("/")[2]
    if name == "csat_survey_responses":
        return json_answer([SURVEY] if request.first("page") == "1" else [])
    if name == "custom_attribute_definitions":
        return json_answer([DEFINITION])
    if answer.status != 200 or name not in {"conversations", "messages", "inboxes", "agents"}:
        return answer
    value = orjson.loads(answer.body)
    if name == "inboxes":
        value["payload"][0] |= CASES["inbox_of_this_vendor"] | {"id": 1}
    elif name == "agents":
        value[1] |= CASES["agent_of_this_vendor"] | {"id": 2}
    elif name == "messages":
        for message in value["payload"]:
            tell_more(message)
    else:
        for one in value["data"]["payload"]:
            one.update(CASES["service_level"] | {"id": one["id"]})
            one["meta"]["sender"] |= {"company_id": 12, "conversations_count": 7}
    return json_answer(value)


@pytest.fixture
def etl(engine: Engine):
    account = account_of(2)
    account.inboxes[1].channel_type = "Channel::Api"
    events.add_message(
        account, 1, "a video", LONG_AGO + 600, attachments=[Attachment(9, "video", data_url="https://x.example/v")]
    )
    with job(account, engine, change=vendor) as one:
        yield one


def facts(etl: Job) -> list[tuple[Any, ...]]:
    """Return what no mode leaves out."""
    return [
        *etl.rows("SELECT api_type, channel_type FROM inboxes WHERE id = 1"),
        *etl.rows("SELECT see_all_conversations FROM agents WHERE id = 2"),
        *etl.rows("SELECT company_id, conversations_count FROM contacts WHERE id = 1"),
        *etl.rows("SELECT content_type FROM attachments"),
        *etl.rows(
            "SELECT call_provider, call_direction, call_status, call_duration_seconds, call_end_reason"
            " FROM messages WHERE id = 1"
        ),
        *etl.rows("SELECT applied_sla->>'sla_name', applied_sla->>'sla_status' FROM conversations WHERE id = 1"),
        *etl.rows("SELECT sla_events->0->>'event_type' FROM conversations WHERE id = 1"),
        *etl.rows("SELECT regex_pattern, regex_cue, default_value FROM custom_attribute_definitions"),
        *etl.rows(
            "SELECT rating, extract(epoch FROM review_notes_updated_at)::int, review_notes_updated_by_id"
            " FROM csat_responses"
        ),
    ]


FACTS = [
    ("wa_v2", "Channel::Api"),
    (False,),
    (12, 7),
    ("video/mp4",),
    ("twilio", "incoming", "completed", 63, None),
    ("Gold", "active_with_misses"),
    ("frt",),
    ("^[0-9]+$", "digits only", "5"),
    (4, 1760000900, 2),
]


@pytest.mark.long
def test_each_fact_has_its_column_and_nothing_is_written_twice(etl: Job) -> None:
    run = etl.run()
    assert (run.outcome, run.tally.rejected) == ("complete", 0)
    assert facts(etl) == FACTS
    assert etl.rows("SELECT csat_review_notes FROM csat_responses") == [(NOTES,)]
    assert etl.rows("SELECT extra FROM messages WHERE id = 1") == [({"call": {"recording_url": "x"}},)]
    tables = ("conversations", "contacts", "agents", "inboxes", "messages", "attachments", "csat_responses")
    versions = " UNION ALL ".join(f"SELECT '{table}', id, xmin::text FROM {table}" for table in tables)
    before = sorted(etl.rows(versions))
    etl.run()
    assert sorted(etl.rows(versions)) == before


@pytest.mark.long
def test_whatsapp_of_this_vendor_is_called_whatsapp_in_every_view(etl: Job) -> None:
    etl.run()
    for view in ("conversations", "csat", "first_responses", "reply_times", "resolutions", "daily_volume"):
        named = {channel for (channel,) in etl.rows(f"SELECT DISTINCT channel FROM bi.{view} WHERE inbox_id = 1")}
        assert named <= {"WhatsApp"}, view
    assert etl.rows("SELECT channel FROM bi.conversations ORDER BY conversation_id") == [("WhatsApp",), ("E-mail",)]
    for api_type, expected in (("wa", "WhatsApp"), ("wave", "API (wave)"), ("sms_v1", "API (sms_v1)"), (None, "API")):
        with etl.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE helpdesk.inboxes SET api_type = %s WHERE id = 1", (api_type,))
        assert etl.rows("SELECT channel FROM bi.conversations WHERE inbox_id = 1") == [(expected,)]


@pytest.mark.long
@pytest.mark.parametrize("mode", [{"pii": "hash", "pii_key": KEY}, {"pii": "drop"}], ids=["hash", "drop"])
def test_where_personal_data_are_not_kept_the_notes_are_not_and_the_facts_are(etl: Job, mode: dict[str, Any]) -> None:
    etl.run(**mode)
    assert facts(etl) == FACTS
    assert NOTES not in everything_stored(etl.engine)


@pytest.mark.long
def test_redacting_takes_the_notes_away_and_leaves_the_facts(etl: Job) -> None:
    etl.run()
    way = way_of(Settings(account_id=1, api_token="demo-token", pii="drop"))
    redact.redact(etl.engine, 1, way, lambda *_: None)
    assert facts(etl) == FACTS
    assert NOTES not in everything_stored(etl.engine)


@pytest.mark.long
def test_forgetting_a_contact_takes_the_notes_about_the_answer_away(etl: Job) -> None:
    etl.run()
    forget(etl.engine, 1, {1})
    assert NOTES not in everything_stored(etl.engine)
    etl.run()
    assert NOTES not in everything_stored(etl.engine)
    assert facts(etl) == FACTS
