"""Names and survey responses: what is read of them, what is left out, and what a run does without them."""

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.account import Account, CsatResponse, Label
from etl.demo.server import Answer, Request, json_answer
from etl.errors import DatabaseError
from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, notes_of, walking_job

LISTS = ("inboxes", "agents", "teams", "labels", "custom_attribute_definitions", "csat_survey_responses")
WITHOUT = {
    "inboxes": "the names and working hours of inboxes (conversations tell their numbers and channels)",
    "agents": "agents without a conversation (conversations and messages tell the others)",
    "teams": "teams without a conversation (conversations tell the others)",
    "labels": "descriptions and colours of labels (conversations tell their titles)",
    "custom_attribute_definitions": (
        "names and types of custom attributes (conversations and contacts tell keys and values)"
    ),
    "csat_survey_responses": "the survey responses (messages tell their ratings)",
    "profile": "the account's name, and whether this token sees everything (it is believed)",
}
GONE = json_answer({"error": "Resource could not be found"}, 404)
REFUSED = json_answer({"error": "You are not authorized to do this action"}, 401)
NO_ROUTE = Answer(404, b"<!DOCTYPE html><html></html>", "text/html")
# The vendor says neither: what stands between says it.
BLOCKED = Answer(403, b"<html>blocked</html>", "text/html")
LOGIN = Answer(401, b"<html>sign in</html>", "text/html")


def definition(number: int, key: str, kind: str = "text", model: str = "conversation_attribute") -> dict[str, Any]:
    return {
        "id": number, "attribute_key": key, "attribute_display_type": kind, "attribute_model": model,
        "attribute_display_name": f"The {key}", "attribute_description": f"About {key}", "attribute_values": ["a", "b"],
        "regex_pattern": None, "created_at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


HOURS = [{"day_of_week": 0, "open_hour": 8, "open_minutes": 0, "close_hour": 16, "close_minutes": 30}]


def furnished(conversations: int = 2) -> Account:
    account = account_of(conversations)
    inbox = account.inboxes[1]
    inbox.channel = {"website_token": "s3cret-website", "hmac_token": "s3cret-hmac", "imap_password": "s3cret-imap"}
    inbox.timezone, inbox.working_hours_enabled = "Asia/Jerusalem", True
    inbox.working_hours = HOURS
    account.labels = [Label(7, "vip", "Important", "#ff0000", show_on_sidebar=False)]
    account.custom_attribute_definitions = [definition(1, "order")]
    account.csat_responses = [response(1)]
    return account


def response(number: int, conversation_id: int = 1, rating: int = 5) -> CsatResponse:
    return CsatResponse(number, rating, "תודה", conversation_id, 3, 1, 2, LONG_AGO + number)


def answers(path: str, answer: Answer) -> Change:
    return lambda request, given: answer if request.path.endswith(f"/{path}") else given


# What a run notes of itself in the account.
NOTED = ["events_listed_until", "names_read_at", "walked_at", "walked_as"]


def contents(etl: Job) -> list[str]:
    """Every row of every table, but for those of the journal; of accounts all but up to when events are known."""
    names = etl.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk' ORDER BY 1")
    of_runs = {"sync_runs", "account_counts", "api_contract", "figures_computed", "vendor_counts"}
    kept = [name for (name,) in names if name not in of_runs]
    shown = dict.fromkeys(kept, "xmin || t::text") | {"accounts": f"(to_jsonb(t) - ARRAY{NOTED})::text"}
    return [row for name in kept for (row,) in etl.rows(f"SELECT {shown[name]} FROM {name} AS t ORDER BY 1")]


def everything(etl: Job) -> str:
    """Every row of every table as text, the journal's too."""
    names = etl.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk'")
    return "\n".join(row for (name,) in names for (row,) in etl.rows(f"SELECT t::text FROM {name} AS t"))


def asked(etl: Job) -> list[str]:
    names = [request.path.rpartition("/")[2] for request in etl.vendor.requests]
    return sorted(name for name in names if name in {*LISTS, "profile"})


@pytest.mark.long
def test_names_are_read_and_a_second_run_of_the_same_writes_nothing(engine: Engine) -> None:
    with job(furnished(), engine) as etl:
        run = etl.run()
        assert (run.outcome, notes_of(run)) == ("complete", [])
        assert asked(etl) == sorted([*LISTS, "csat_survey_responses", "profile"])
        assert etl.rows("SELECT name, time_zone FROM accounts") == [("Account 1", "UTC")]
        assert etl.rows(
            "SELECT id, name, timezone, working_hours_enabled, working_hours, csat_survey_enabled,"
            " enable_auto_assignment, extra FROM inboxes WHERE id = 1"
        ) == [
            (
                1, "Website", "Asia/Jerusalem", True,
                HOURS, False, True, None,
            )
        ]  # fmt: skip
        assert etl.rows("SELECT id, title, description, color, show_on_sidebar FROM labels") == [
            (7, "vip", "Important", "#ff0000", False)
        ]
        assert etl.rows(
            "SELECT id, attribute_key, attribute_model, attribute_display_name, attribute_display_type,"
            " attribute_description, attribute_values, extra FROM custom_attribute_definitions"
        ) == [(1, "order", "conversation_attribute", "The order", "text", "About order", ["a", "b"], None)]
        assert etl.rows(
            "SELECT id, conversation_id, contact_id, assigned_agent_id, message_id, rating, feedback_message,"
            " created_at, extra FROM csat_responses"
        ) == [(1, 1, 1, 2, 3, 5, "תודה", datetime.fromtimestamp(LONG_AGO + 1, UTC), None)]
        before = contents(etl)
        assert etl.run().outcome == "complete"
        assert contents(etl) == before


def test_no_secret_of_a_channel_is_stored_whether_the_inbox_can_be_read_or_not(engine: Engine) -> None:
    account = furnished()

    def broken(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/inboxes"):
            return answer
        value = orjson.loads(answer.body)
        value["payload"][0]["id"] = "seven"
        return json_answer({"payload": [*value["payload"], "s3cret-item", ["s3cret-items"]]})

    with job(account, engine, token="s3cret-token") as etl:
        etl.run(api_token="s3cret-token")
        assert "s3cret" not in everything(etl)
    with job(account, engine, change=broken, token="s3cret-token") as etl:
        run = etl.run(api_token="s3cret-token")
        assert (run.outcome, run.tally.rejected) == ("incomplete", 3)
        assert etl.rows("SELECT entity_id, reason, payload->>'name' FROM rejected_records ORDER BY 2") == [
            ("seven", "id: expected a whole number, got the text 'seven'", "Website"),
            (None, "inbox: expected an object, got list", None),
            (None, "inbox: expected an object, got str", None),
        ]
        assert "s3cret" not in everything(etl)
        assert "s3cret" not in json.dumps([run.notes, run.problems])


@pytest.mark.long
def test_a_rejected_inbox_is_read_well_when_it_can_be_and_not_because_a_conversation_names_it(engine: Engine) -> None:
    account = furnished()
    wrong = {"on": True}

    def change(request: Request, answer: Answer) -> Answer:
        if not (wrong["on"] and request.path.endswith("/inboxes")):
            return answer
        value = orjson.loads(answer.body)
        for _ in range(400):  # so deep that not even `extra` can keep it
            value["payload"][0]["working_hours"] = [value["payload"][0]["working_hours"]]
        return Answer(body=json.dumps(value).encode())

    waiting = "SELECT count(*) FROM rejected_records WHERE resolved_at IS NULL"
    with job(account, engine, change=change) as etl:
        assert etl.run().outcome == "incomplete"
        assert etl.rows(waiting) == [(1,)]
        wrong["on"] = False
        assert etl.run().outcome == "complete"
        assert etl.rows(waiting) == [(0,)]


WHY = [
    (GONE, "this server does not have it"),
    (REFUSED, "it takes an administrator's token"),
    (json_answer({"error": "Account is suspended"}, 401), "the account is suspended"),
    (NO_ROUTE, "this server does not have it"),
    (json_answer({"payload": {"no": "list"}}), "the server failed: the answer is no list"),
]


# Each of them that is gone, and each answer for one list and for the profile, which is read in another way; else long.
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "answer", "why"),
    [
        pytest.param(
            *(name, answer, why), marks=[] if answer is GONE or name in {"labels", "profile"} else pytest.mark.long
        )
        for name in WITHOUT
        for answer, why in WHY
    ],
)
def test_without_a_list_the_run_is_complete_and_says_what_is_unknown(
    engine: Engine, name: str, answer: Answer, why: str
) -> None:
    with job(furnished(), engine, change=answers(name, answer)) as etl:
        run = etl.run(books="off")
        unreadable_profile = name == "profile" and answer.status == 200  # one without accounts says nothing of ours
        assert notes_of(run) == ([] if unreadable_profile else [f"Not read: {WITHOUT[name]}. Why: {why}."])
        assert (run.outcome, run.problems) == ("complete", [])
        assert etl.rows("SELECT count(*) FROM messages") == [(6,)]


@pytest.mark.long
@pytest.mark.parametrize("answer", [BLOCKED, LOGIN, json_answer({"error": "Forbidden"}, 403)], ids=range(3))
def test_what_the_vendor_does_not_say_is_quoted_and_not_taken_for_a_word_about_the_token(
    engine: Engine, answer: Answer
) -> None:
    with job(furnished(), engine, change=answers("teams", answer)) as etl:
        run = etl.run()
        said = f"{etl.url}/api/v1/accounts/1/teams: the server answered {answer.status}: {answer.body.decode()}"
        assert notes_of(run) == [f"Not read: {WITHOUT['teams']}. Why: the server failed: {said}."]


@pytest.mark.long
def test_without_any_list_there_is_a_note_a_reason_and_what_was_known_stays(engine: Engine) -> None:
    down = {"on": False}

    def change(request: Request, answer: Answer) -> Answer:
        return GONE if down["on"] and request.path.rpartition("/")[2] in LISTS else answer

    with walking_job(furnished(), engine, change=change) as etl:
        etl.run()
        before = contents(etl)
        down["on"] = True
        run = etl.run()
        assert (run.outcome, len(notes_of(run))) == ("complete", 2)
        assert contents(etl) == before


MIXED_UP = [
    ("custom_attribute_definitions", "labels"),
    ("teams", "agents"),
    ("csat_survey_responses", "custom_attribute_definitions"),
    pytest.param("labels", "inboxes", marks=pytest.mark.long),
    pytest.param("inboxes", "teams", marks=pytest.mark.long),
    pytest.param("agents", "inboxes", marks=pytest.mark.long),
]


@pytest.mark.long
@pytest.mark.parametrize(("asked_for", "given"), MIXED_UP)
def test_a_list_that_is_answered_with_another_one_overwrites_nothing_and_is_as_one_that_cannot_be_read(
    engine: Engine, asked_for: str, given: str
) -> None:
    mixes, others = [False], {}

    def change(request: Request, answer: Answer) -> Answer:
        name = request.path.rpartition("/")[2]
        others[name] = others.get(name, answer)
        return others[given] if mixes[0] and name == asked_for else answer

    with walking_job(furnished(), engine, change=change) as etl:
        assert etl.run().outcome == "complete"
        before = contents(etl)
        mixes[0] = True
        run = etl.run()
        (said,) = notes_of(run)
        assert said.startswith(f"Not read: {WITHOUT[asked_for]}. Why: the server failed: {etl.url}/")
        assert said.endswith(f": the answer is another list's: not each of its records is one of {asked_for}.")
        assert (run.problems, contents(etl)) == ([], before)


def test_an_agents_token_gets_what_agents_see_and_the_run_says_so(engine: Engine) -> None:
    with job(furnished(4), engine, hidden_inboxes=frozenset({2})) as etl:
        run = etl.run()
        assert run.outcome == "complete"
        surveys, definitions = WITHOUT["csat_survey_responses"], WITHOUT["custom_attribute_definitions"]
        assert notes_of(run) == [
            f"Not read: {definitions}; the campaigns (messages tell the numbers of theirs). Why: it takes an"
            " administrator's token.",
            "This token does not see everything: it is not an administrator's.",
            f"Not read: {surveys}. Why: it takes an administrator's token.",
        ]
        assert etl.rows("SELECT id, name FROM inboxes ORDER BY id") == [(1, "Website")]


@pytest.mark.long
def test_a_run_of_less_than_everything_asks_for_no_names(engine: Engine) -> None:
    with job(furnished(), engine) as etl:
        etl.run(Selection(kind="backfill", conversations=(1,)))
        assert asked(etl) == []
        etl.run()
        etl.run(Selection(recent=True))
        assert asked(etl) == []


@pytest.mark.long
def test_what_is_no_longer_listed_stays_but_for_the_definitions_of_attributes(engine: Engine) -> None:
    account = furnished()
    with walking_job([account, account_of(0, number=2)], engine) as etl:
        account.custom_attribute_definitions.append(definition(2, "plan"))
        etl.run()
        etl.vendor.accounts[1].custom_attribute_definitions = [definition(9, "size")]
        etl.run(account_id=2)
        del account.custom_attribute_definitions[0]
        del account.teams[1], account.labels[0]
        etl.run()
        keys = "SELECT account_id, attribute_key FROM custom_attribute_definitions ORDER BY id"
        assert etl.rows(keys) == [(1, "plan"), (2, "size")]
        assert etl.rows("SELECT count(*) FROM teams WHERE account_id = 1") == [(1,)]
        assert etl.rows("SELECT title FROM labels WHERE account_id = 1 AND color IS NOT NULL") == [("vip",)]


@pytest.mark.long
def test_a_survey_response_keeps_the_number_of_a_conversation_that_is_not_there(engine: Engine) -> None:
    account = furnished()
    account.csat_responses = [response(1, conversation_id=99)]
    account.contacts[50] = account.contacts.pop(2)
    account.contacts[50].id, account.contacts[50].name = 50, "Only rated"
    account.csat_responses[0].contact_id = 50
    account.conversations.pop(2)
    with job(account, engine) as etl:
        assert etl.run().outcome == "complete"
        look = (
            "SELECT r.conversation_id, r.extra, c.name FROM csat_responses AS r JOIN contacts AS c ON c.id = contact_id"
        )
        assert etl.rows(look) == [(None, {"conversation_id": 99}, "Only rated")]
        before = contents(etl)
        etl.run()
        assert contents(etl) == before


def test_survey_responses_are_read_to_the_last_page_and_changed_ones_again(engine: Engine) -> None:
    account = furnished()
    account.csat_responses = [response(number) for number in range(1, 61)]
    with job(account, engine) as etl:
        etl.run()
        assert asked(etl).count("csat_survey_responses") == 4
        assert etl.rows("SELECT count(*), min(rating) FROM csat_responses") == [(60, 5)]
        account.csat_responses[0].rating = 1
        etl.run()
        assert etl.rows("SELECT id FROM csat_responses WHERE rating = 1") == [(1,)]


def test_a_server_that_gives_the_same_page_of_survey_responses_again_ends_the_walk(engine: Engine) -> None:
    page = json_answer([{"id": 1, "rating": 4, "conversation_id": 1, "created_at": LONG_AGO}])
    with job(furnished(), engine, change=answers("csat_survey_responses", page)) as etl:
        run = etl.run(books="off")
        assert asked(etl).count("csat_survey_responses") == 2
        assert notes_of(run) == [
            "The server gave survey responses again instead of page 2: if there are more than 1, the others are known"
            " as far as messages tell them."
        ]
        assert etl.rows("SELECT id, rating, contact_id FROM csat_responses") == [(1, 4, None)]


def test_a_survey_response_that_cannot_be_read_is_kept_aside_and_the_others_are_saved(engine: Engine) -> None:
    bad = [{"id": 1, "rating": "good", "conversation_id": 1}, {"id": 2, "rating": 3, "conversation_id": 1}]

    def change(request: Request, answer: Answer) -> Answer:
        is_first = request.path.endswith("/csat_survey_responses") and request.first("page") == "1"
        return json_answer(bad) if is_first else answer

    with job(furnished(), engine, change=change) as etl:
        run = etl.run(books="off")
        assert (run.outcome, run.tally.rejected) == ("incomplete", 1)
        assert etl.rows("SELECT id, rating FROM csat_responses") == [(2, 3)]
        assert etl.rows("SELECT entity, reason FROM rejected_records") == [
            ("survey response", "rating: expected a whole number, got the text 'good'")
        ]


def test_a_label_with_a_title_too_long_for_a_key_is_rejected(engine: Engine) -> None:
    account = furnished()
    account.labels.append(Label(8, "x" * 3_000))
    with job(account, engine) as etl:
        assert etl.run().tally.rejected == 1
        assert etl.rows("SELECT reason FROM rejected_records") == [("title: expected text of at most 500 characters",)]


@pytest.mark.long
def test_the_time_zone_is_that_of_the_last_run(engine: Engine) -> None:
    with job(furnished(), engine) as etl:
        etl.run(timezone="Asia/Jerusalem")
        assert etl.rows("SELECT time_zone FROM accounts") == [("Asia/Jerusalem",)]
        etl.run(Selection(kind="backfill"), timezone="Europe/Berlin")
        assert etl.rows("SELECT time_zone, name FROM accounts") == [("Europe/Berlin", "Account 1")]


def test_a_time_zone_that_postgresql_does_not_know_is_refused_before_anything_is_read(engine: Engine) -> None:
    with job(furnished(), engine) as etl:
        known = Settings(base_url=etl.url, account_id=1, api_token="demo-token")
        # Not by its name: which zones Python knows and PostgreSQL does not is another question on every machine.
        unknown = known.model_copy(update={"timezone": "Asia/Atlantis"})
        with pytest.raises(DatabaseError, match='time zone "Asia/Atlantis" not recognized'):
            sync.run(unknown, engine, Selection(), sync.Hooks())
        assert etl.vendor.requests == []
