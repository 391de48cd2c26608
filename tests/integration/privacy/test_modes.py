"""Personal data kept, hashed and dropped: every value of every table is searched for every value that is personal."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account, Attachment, CsatResponse
from etl.demo.events import add_message, reply
from etl.demo.generate import generate
from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from etl.errors import SettingsError
from etl.selection import Selection
from tests.etl_process import RunEtl, settings
from tests.examples import in_the_long_run
from tests.integration.run.test_bad_records import both, change_conversations
from tests.personal_data import (
    ANOTHER_KEY,
    KEY,
    OF_AGENTS,
    everything_stored,
    identities_of,
    personal_in_recording,
    texts_of,
)
from tests.recorded_vendor import RECORDED_4_7, Recorded
from tests.scripted_account import LONG_AGO, Change, Job, account_of, change_messages, empty_account, job

MODES: dict[str, dict[str, Any]] = {"hash": {"pii": "hash", "pii_key": KEY}, "drop": {"pii": "drop"}}
both_modes = pytest.mark.parametrize("mode", MODES)

# Dana, as she may be hidden in every place that people and machines write to.
DANA = {"name": "Dana Levi-Cohen", "email": "dana.levi@example.com", "phone_number": "+972501234567"}
PIECES = ["Levi-Cohen", "dana.levi", "972501234567", "501234567", "customer-4711", "face-of-dana", "secret words"]


def hashed(value: str, key: str = KEY) -> str:
    return hmac.digest(key.encode(), value.encode(), "sha256").hex()


@contextmanager
def recorded_job(engine: Engine) -> Iterator[Job]:
    vendor = Recorded(*RECORDED_4_7)
    with serve(vendor) as url:
        yield Job(vendor, url, engine)


def hostile() -> Account:
    """Return an account in which one person's data is wherever it can be."""
    account = account_of(2)
    dana = account.contacts[1]
    dana.name, dana.email, dana.phone_number = DANA["name"], DANA["email"], DANA["phone_number"]
    dana.identifier, dana.thumbnail = "customer-4711", "https://example.com/face-of-dana.png"
    dana.additional_attributes = {"city": "Levi-Cohen street", "description": "dana.levi", "country_code": "IL"}
    dana.custom_attributes = {
        "whatsapp": 972501234567,
        "plan": "Levi-Cohen",
        "vip": True,
        "seats": 43,
        "since": "2025-01-02",
        "nested": {"deep": [{"mail": "dana.levi@example.com"}]},
        "dana.levi@example.com": 1,
        "customer_id": 4711,
    }
    first = account.conversations[1]
    first.custom_attributes = {"asked_by": "Dana Levi-Cohen", "amount": 12.5, "call": 972501234567}
    first.additional_attributes = {
        "mail_subject": "from Levi-Cohen",
        "referer": "https://example.com/?mail=dana.levi@example.com",
        "browser": {"browser_name": "Chrome", "device_name": "dana.levi@example.com"},
        "browser_language": "he",
    }
    email = {"from": ["dana.levi@example.com"], "subject": "secret words", "text_content": {"full": "secret words"}}
    add_message(
        account,
        1,
        "secret words of Dana Levi-Cohen",
        LONG_AGO + 500,
        content_attributes={
            "email": email,
            "submitted_email": "dana.levi@example.com",
            "in_reply_to": 1,
            "submitted_values": {"csat_survey_response": {"rating": 5, "feedback_message": "secret words"}},
        },
        additional_attributes={"campaign_id": 3, "template_params": {"processed_params": {"1": "Levi-Cohen"}}},
        source_id="wamid.972501234567",
        attachments=[
            Attachment(1, "contact", fallback_title="+972501234567", meta={"firstName": "Dana Levi-Cohen"}),
            Attachment(2, "location", coordinates_lat=32.1, coordinates_long=34.8, fallback_title="Levi-Cohen street"),
            Attachment(3, "audio", data_url="https://example.com/dana.levi.ogg", transcribed_text="secret words"),
        ],
    )
    reply(account, 1, "Dear Dana Levi-Cohen", LONG_AGO + 600, by=1)
    account.csat_responses.append(CsatResponse(1, 5, "secret words", 1, 1, 1, 1, LONG_AGO + 700))
    return account


def spoiled() -> Change:
    """Put into every record what no column holds, and into some what cannot be stored, and have it quoted."""

    def conversation(one: dict[str, Any]) -> None:
        one |= {"new_field": "Levi-Cohen", "dana.levi@example.com": "x", "attachments": ["dana.levi"]}
        one["meta"]["sender"] |= {"nickname": "Levi-Cohen", "created_at": 10**17}
        if one["id"] == 2:
            one["meta"]["assignee"] = {"id": 5, "name": 972501234567, "email": "dana.levi@example.com"}
            one["labels"] = [{"title": "secret words"}]

    def message(one: dict[str, Any]) -> None:
        one["heard"] = {"secret words": "secret words"}
        if one.get("sender", {}).get("type") == "contact":
            one["sender"]["nickname"] = "Levi-Cohen"
        if one["conversation_id"] == 2:
            one |= {"content": {"secret words": 1}, "sender": {"type": "Lead", "id": 9, "name": "Levi-Cohen"}}

    return both(change_conversations(conversation), change_messages(message))


@both_modes
def test_nothing_personal_of_the_recorded_account_is_anywhere(engine: Engine, mode: str) -> None:
    with recorded_job(engine) as recorded:
        run = recorded.run(reread_days=0, **MODES[mode])
    assert (run.outcome, run.ledger and run.ledger["loaded"]) == ("complete", 120)
    people, written = personal_in_recording(*RECORDED_4_7[:3])
    stored = everything_stored(engine, without=OF_AGENTS)
    assert (len(people) > 100, len(written) > 150) == (True, True)
    assert [one for one in people | written if one in stored] == []


@pytest.mark.long
def test_everything_of_the_recorded_account_is_there_when_it_is_kept(recorded_4_7_tables: Engine) -> None:
    people, written = personal_in_recording(*RECORDED_4_7[:3])
    stored = everything_stored(recorded_4_7_tables)
    clean = {one.replace("\x00", "\ufffd") for one in people | written}
    missing = [one for one in clean if one not in stored]
    assert len(missing) < 10, missing


@pytest.mark.long
@both_modes
def test_nothing_personal_of_a_generated_account_is_anywhere(engine: Engine, mode: str) -> None:
    account = generate(70, ties=0.2)
    with job(account, engine) as demo:
        assert demo.run(Selection(audit=True), **MODES[mode]).outcome == "complete"
    people, written = identities_of(account), texts_of(account)
    assert (len(people) > 50, len(written) > 150) == (True, True)
    stored = everything_stored(engine, without=OF_AGENTS)
    assert [one for one in people | written if one in stored] == []


@pytest.mark.long
def test_everything_of_a_generated_account_is_there_when_it_is_kept(engine: Engine) -> None:
    account = generate(70, ties=0.2)
    with job(account, engine) as demo:
        demo.run()
    stored = everything_stored(engine)
    assert [one for one in identities_of(account) | texts_of(account) if one not in stored] == []


@both_modes
def test_a_person_is_in_no_hidden_place(engine: Engine, mode: str) -> None:
    with job(hostile(), engine, spoiled()) as scripted:
        run = scripted.run(Selection(audit=True), **MODES[mode])
        assert run.tally.rejected > 0
        scripted.run(Selection("backfill", search="dana.levi@example.com"), **MODES[mode])
        said = "\n".join([*run.notes, *run.problems, *run.tally.unknown_fields])
    stored = everything_stored(engine, without=frozenset({"agents"}))
    assert [one for one in PIECES if one in stored + said] == []


def test_with_keep_the_person_is_in_all_of_these_places(engine: Engine) -> None:
    with job(hostile(), engine, spoiled()) as scripted:
        scripted.run(Selection(audit=True))
    stored = everything_stored(engine)
    assert [one for one in PIECES if one not in stored] == []


def test_hashes_join_and_what_is_harmless_stays(engine: Engine) -> None:
    with job(hostile(), engine) as scripted:
        assert scripted.run(**MODES["hash"]).outcome == "complete"
        contact = "name, email, phone_number, identifier, thumbnail, additional_attributes, custom_attributes"
        ((*identity, additional, custom),) = scripted.rows(f"SELECT {contact} FROM contacts WHERE id = 1")
        conversations = scripted.rows(
            "SELECT status, additional_attributes, custom_attributes FROM conversations WHERE id = 1"
        )
        messages = scripted.rows(
            "SELECT content, source_id, content_attributes, additional_attributes, extra FROM messages"
            " WHERE source_id IS NOT NULL"
        )
        attachments = scripted.rows("SELECT id, file_type, data_url, fallback_title, meta FROM attachments ORDER BY 1")
        agents = scripted.rows("SELECT name FROM agents ORDER BY id")
    values = (*DANA.values(), "customer-4711", "https://example.com/face-of-dana.png")
    assert identity == [hashed(one) for one in values]
    assert additional == {"country_code": "IL"}
    assert custom == {
        "whatsapp": hashed("972501234567"),
        "plan": hashed("Levi-Cohen"),
        "vip": True,
        "seats": 43,
        "since": "2025-01-02",
        "nested": hashed('{"deep": [{"mail": "dana.levi@example.com"}]}'),
        "customer_id": hashed("4711"),
    }
    assert conversations == [
        (
            "open",
            {"browser": {"browser_name": "Chrome"}, "browser_language": "he"},
            {"asked_by": hashed("Dana Levi-Cohen"), "amount": 12.5, "call": hashed("972501234567")},
        )
    ]
    assert messages == [
        (
            None,
            hashed("wamid.972501234567"),
            {"in_reply_to": 1, "submitted_values": {"csat_survey_response": {"rating": 5}}},
            None,  # `/messages` does not send it
            None,
        )
    ]
    assert attachments == [
        (1, "contact", None, None, {}),
        (2, "location", None, None, None),
        (3, "audio", None, None, None),
    ]
    assert agents == [("Alice Admin",), ("Bob",)]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_a_second_run_writes_nothing(engine: Engine, mode: str) -> None:
    chosen = MODES.get(mode, {})
    with job(hostile(), engine) as scripted:
        scripted.run(**chosen)
        again = scripted.run(**chosen)
        counts = {table: (one["inserted"], one["updated"]) for table, one in again.tally.counts.items()}
        assert scripted.asked()[1] == []
    assert set(counts.values()) == {(0, 0)}


@pytest.mark.long
def test_a_digest_is_of_mode_and_key_too(engine: Engine) -> None:
    """Whatever became of the tables, a conversation is not left alone that was taken in under other rules."""
    with job(account_of(1), engine) as scripted:
        digests = []
        for chosen in ({}, *MODES.values(), MODES["hash"] | {"pii_key": ANOTHER_KEY}, {"api_token": "another"}):
            with engine.begin() as connection:
                connection.execute(text("TRUNCATE helpdesk.accounts CASCADE"))
            scripted.vendor.token = chosen.get("api_token", "demo-token")
            scripted.run(**chosen)
            digests += scripted.rows("SELECT payload_digest FROM conversations")
        scripted.vendor.token = "demo-token"
    assert digests[4] == digests[0]  # with keep a new token changes nothing
    assert len(set(digests)) == 4


@pytest.mark.long
def test_a_rejected_record_says_what_is_wrong_and_not_what_was_there(engine: Engine) -> None:
    def spoil(message: dict[str, Any]) -> None:
        if message["id"] == 1:
            message["private"] = "dana.levi@example.com"

    with job(account_of(1), engine, change_messages(spoil)) as scripted:
        assert scripted.run(**MODES["hash"]).tally.rejected == 1
        found = scripted.rows("SELECT entity, entity_id, conversation_id, reason, payload FROM rejected_records")
        assert found == [("message", "1", 1, "private: expected true or false", None)]
        scripted.run(**MODES["hash"])
        assert scripted.rows("SELECT count(*) FROM rejected_records") == [(1,)]


@both_modes
def test_every_view_answers_and_shows_nothing_personal(engine: Engine, mode: str) -> None:
    account = generate(60)
    with job(account, engine) as demo:
        demo.run(**MODES[mode])
        views = [row[0] for row in demo.rows("SELECT viewname FROM pg_views WHERE schemaname = 'bi'")]
        shown = [str(demo.rows(f"SELECT * FROM bi.{view}")) for view in views]
        found = demo.rows(
            "SELECT count(*), count(contact_email), count(DISTINCT csat_rating) > 1 FROM bi.conversations"
        )
    names = {one.name for one in account.agents.values()}
    people = {one for one in identities_of(account) | texts_of(account) if not any(one in name for name in names)}
    assert len(views) > 15
    assert [one for one in people for said in shown if one in said] == []
    assert (found[0][0], found[0][1] > 0, found[0][2]) == (60, mode == "hash", True)


@pytest.mark.long
@pytest.mark.parametrize("mode", ["hash", *in_the_long_run("drop")])
def test_what_a_server_answers_is_not_quoted_by_anything(etl: RunEtl, engine: Engine, mode: str) -> None:
    """The server repeats what it was asked, and shows a record in its error."""
    vendor = Vendor(hostile(), token="t" * 20)

    def quoting(request: Request) -> Answer:
        if request.path.endswith(("/messages", "/2")) or dict(request.query).get("page") == "2":
            return json_answer({"error": "no such column", "record": DANA, "asked": str(request.query)}, 500)
        return vendor(request)

    url = engine.url.render_as_string(hide_password=False)
    chosen = {f"ETL_{name.upper()}": value for name, value in MODES[mode].items()}
    with serve(quoting) as base_url:
        variables = settings(base_url, url, ETL_API_TOKEN="t" * 20, ETL_RETRY_ATTEMPTS="2") | chosen
        done = [
            etl("sync", "--json", **variables),
            etl("sync", **variables, ETL_LOG_FORMAT="json"),
            etl("backfill", "--search", "dana.levi@example.com", **variables),
        ]
    said = "".join(one.stdout + one.stderr for one in done)
    assert "the server answered 500." in said
    stored = everything_stored(engine)
    for piece in (*PIECES, "dana.levi%40example.com", "no such column"):
        assert piece not in said
        assert piece not in stored
    assert KEY not in said + stored


@pytest.mark.parametrize(
    ("first", "then", "said"),
    [
        ({}, MODES["hash"], "ETL_PII is hash, and in the tables of account 1 it is keep."),
        ({}, MODES["drop"], "ETL_PII is drop, and in the tables of account 1 it is keep."),
        (MODES["hash"], {}, "ETL_PII is keep, and in the tables of account 1 it is hash."),
        (MODES["drop"], MODES["hash"], "ETL_PII is hash, and in the tables of account 1 it is drop."),
        (MODES["hash"], MODES["hash"] | {"pii_key": ANOTHER_KEY}, "ETL_PII_KEY is not the key by which"),
    ],
)
@pytest.mark.parametrize("selection", [Selection(), *in_the_long_run(Selection("backfill"))], ids=["sync", "backfill"])
def test_a_run_refuses_another_mode_or_key(
    engine: Engine, first: dict[str, Any], then: dict[str, Any], said: str, selection: Selection
) -> None:
    with job(account_of(1), engine) as scripted:
        scripted.run(**first)
        with pytest.raises(SettingsError, match=said):
            scripted.run(selection, **then)
        assert scripted.asked() == (0, [])
        assert scripted.rows("SELECT count(*) FROM sync_runs") == [(1,)]
        assert scripted.run(**first).outcome == "complete"


@pytest.mark.long
def test_the_command_refuses_with_2(etl: RunEtl, database_url: str) -> None:
    vendor = Vendor(account_of(1), token="t" * 20)
    with serve(vendor) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN="t" * 20)
        assert etl("sync", **variables).returncode == 0
        refused = etl("sync", ETL_PII="drop", **variables)
    assert (refused.returncode, "run `etl redact`" in refused.stderr.replace("\n", " ")) == (2, True)


@pytest.mark.long
def test_another_account_may_be_stored_in_another_way(engine: Engine) -> None:
    with job([account_of(1), account_of(1, number=2)], engine) as scripted:
        scripted.run()
        scripted.run(account_id=2, **MODES["drop"])
        assert scripted.rows(
            "SELECT account_id, personal_data, contacts.name FROM contacts JOIN accounts USING (account_id)"
        ) == [
            (1, "keep", "Dana"),
            (2, "drop", None),
        ]


def test_an_absent_key_erases_nothing_and_null_erases(engine: Engine) -> None:
    def without(message: dict[str, Any]) -> None:
        if "sender" in message:
            message["sender"] = {"id": message["sender"]["id"], "type": "contact", "identifier": None}

    account = empty_account()
    account.contacts[1].identifier = "customer-4711"
    with job(account, engine, change_messages(without)) as scripted:
        account.conversations |= account_of(1).conversations
        scripted.run(**MODES["hash"], contacts="seen")
        assert scripted.rows("SELECT name, email, identifier FROM contacts WHERE id = 1") == [
            (hashed("Dana"), hashed("dana@example.com"), None)
        ]
