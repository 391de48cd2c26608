"""Records that cannot be stored, and contents that nobody expects: kept, said, and never in the way of the others."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Attachment
from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from tests.etl_process import RunEtl
from tests.scripted_account import LONG_AGO, Change, account_of, change_messages, empty_account, job, notes_of

REJECTED = "SELECT entity, entity_id, reason FROM rejected_records WHERE resolved_at IS NULL ORDER BY 1, 2, 3"
PAYLOADS = "SELECT run_id, payload FROM rejected_records ORDER BY entity, entity_id"

TOO_MUCH = 2**70
ABSENT = object()


def change_conversations(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change every conversation of a page, and each that is asked for by itself, on its way out."""

    def changed(request: Request, answer: Answer) -> Answer:
        holder, last = request.path.split("/")[-2:]
        if answer.status != 200 or not (last == "conversations" or (holder == "conversations" and last.isdigit())):
            return answer
        value = orjson.loads(answer.body)
        for one in value["data"]["payload"] if last == "conversations" else [value]:
            change(one)
        return as_json(value)

    return changed


def as_json(value: Any) -> Answer:
    """Return an answer with numbers, surrogates and depths that orjson refuses."""
    import json

    return Answer(body=json.dumps(value).encode())


def both(first: Change, second: Change) -> Change:
    return lambda request, answer: second(request, first(request, answer))


def put(record: dict[str, Any], name: str, value: Any) -> None:
    if value is ABSENT:
        del record[name]
    else:
        record[name] = value


NO_IDS = [
    (ABSENT, None, "id: is missing"),
    (None, None, "id: is missing"),
    ("seven", "seven", "id: expected a whole number, got the text 'seven'"),
    (1.5, "1.5", "id: expected a whole number, got 1.5"),
    (True, "True", "id: expected a whole number, got True"),
    (TOO_MUCH, str(TOO_MUCH), f"id: is beyond range, got {TOO_MUCH}"),
    (0, "0", "id: expected the number of a record, which is at least 1, got 0"),
    (-7, "-7", "id: expected the number of a record, which is at least 1, got -7"),
]


@pytest.mark.long
@pytest.mark.parametrize(("value", "shown", "reason"), NO_IDS)
def test_a_conversation_without_a_number_is_rejected_and_the_rest_of_the_page_is_saved(
    engine: Engine, value: Any, shown: str | None, reason: str
) -> None:
    @change_conversations
    def change(one: dict[str, Any]) -> None:
        if one["id"] == 3:
            put(one, "id", value)

    with job(account_of(5), engine, change=change) as etl:
        run = etl.run()
        assert etl.rows("SELECT id FROM conversations ORDER BY id") == [(1,), (2,), (4,), (5,)]
        # The page has it, and the ledger, which asks for number 3 by itself, is given the same record.
        assert set(etl.rows(REJECTED)) == {("conversation", shown, reason)}
        for run_id, payload in etl.rows(PAYLOADS):
            assert run_id == run.run_id
            assert payload["uuid"]
            assert payload.get("id") == (None if value is ABSENT else value)
    assert run.outcome == "incomplete"
    assert "records could not be stored: see the table rejected_records." in run.problems[-1]
    assert run.tally.counts["conversations"]["inserted"] == 4


@pytest.mark.long
@pytest.mark.parametrize(("value", "shown", "reason"), NO_IDS)
def test_a_message_without_a_number_is_rejected_and_the_rest_of_its_history_is_saved(
    engine: Engine, value: Any, shown: str | None, reason: str
) -> None:
    def change(one: dict[str, Any]) -> None:
        if one["id"] == 5:
            put(one, "id", value)

    with job(account_of(3), engine, change=change_messages_of_any_kind(change)) as etl:
        run = etl.run()
        assert etl.rows("SELECT id FROM messages ORDER BY id") == [(one,) for one in (1, 2, 3, 4, 6, 7, 8, 9)]
        assert etl.rows(REJECTED) == [("message", shown, reason)]
        assert [payload["content"] for _, payload in etl.rows(PAYLOADS)] == ["message 1 of 2 🙂"]
        assert (run.outcome, run.tally.rejected) == ("incomplete", 1)
        # Its mark stays open: the next run meets it again, and the table still has it once.
        assert etl.run().tally.rejected == 1
        assert len(etl.rows(REJECTED)) == 1


def change_messages_of_any_kind(change: Callable[[dict[str, Any]], None]) -> Change:
    """Change every message of every history, into what orjson could not write either."""
    return change_messages(change, as_json)


def test_a_contact_and_an_attachment_without_a_number_are_rejected_and_their_conversation_is_saved(
    engine: Engine,
) -> None:
    account = account_of(2)
    files = [Attachment(one, "file", data_url=f"https://example.com/{one}") for one in (1, 2, 3)]
    events.add_message(account, 1, "files", LONG_AGO + 600, attachments=files)

    @change_conversations
    def contacts(one: dict[str, Any]) -> None:
        if one["id"] == 2:
            one["meta"]["sender"]["id"] = "nobody"

    def attachments(one: dict[str, Any]) -> None:
        for file in one.get("attachments", []):
            if file["id"] == 2:
                file["id"] = TOO_MUCH

    change = both(contacts, change_messages_of_any_kind(attachments))
    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert etl.rows(REJECTED) == [
            ("attachment", str(TOO_MUCH), f"id: is beyond range, got {TOO_MUCH}"),
            ("contact", "nobody", "id: expected a whole number, got the text 'nobody'"),
        ]
        assert etl.rows("SELECT id, contact_id FROM conversations ORDER BY id") == [(1, 1), (2, None)]
        assert {one for (one,) in etl.rows("SELECT id FROM attachments")} >= {1, 3}
        assert etl.rows("SELECT count(*) FROM messages") == [(7,)]
    assert run.outcome == "incomplete"


WRONG = [
    ("created_at", "yesterday", "created_at: expected a time, got the text 'yesterday'"),
    ("created_at", {"at": 1}, "created_at: expected a time, got an object"),
]


@pytest.mark.long
@pytest.mark.parametrize(("name", "value", "reason"), [*WRONG, ("status", 7, "status: expected text, got 7")])
def test_a_conversation_with_an_impossible_value_is_rejected_by_its_number_and_field(
    engine: Engine, name: str, value: Any, reason: str
) -> None:
    wrong = {"on": True}

    @change_conversations
    def change(one: dict[str, Any]) -> None:
        if one["id"] == 3 and wrong["on"]:
            one[name] = value

    with job(account_of(5), engine, change=change) as etl:
        run = etl.run()
        assert etl.rows(REJECTED) == [("conversation", "3", reason)]
        assert [payload[name] for _, payload in etl.rows(PAYLOADS)] == [value]
        assert (run.outcome, etl.rows("SELECT count(*) FROM conversations")) == ("incomplete", [(4,)])
        wrong["on"] = False
        run = etl.run()
        assert (run.outcome, etl.rows("SELECT count(*) FROM conversations")) == ("complete", [(5,)])
        assert etl.rows(REJECTED) == []
        assert etl.rows("SELECT resolved_at > first_rejected_at, run_id FROM rejected_records") == [(True, 1)]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "value", "reason"), [*WRONG, ("private", 0, "private: expected true or false, got 0")]
)
def test_a_message_with_an_impossible_value_is_rejected_until_it_is_read_well(
    engine: Engine, name: str, value: Any, reason: str
) -> None:
    wrong = {"on": True}

    def change(one: dict[str, Any]) -> None:
        if one["id"] == 5 and wrong["on"]:
            one[name] = value

    with job(account_of(3), engine, change=change_messages(change)) as etl:
        run = etl.run()
        assert etl.rows(REJECTED) == [("message", "5", reason)]
        assert [payload[name] for _, payload in etl.rows(PAYLOADS)] == [value]
        assert (run.outcome, etl.rows("SELECT count(*) FROM messages")) == ("incomplete", [(8,)])
        wrong["on"] = False
        run = etl.run()
        assert (run.outcome, etl.rows("SELECT count(*) FROM messages")) == ("complete", [(9,)])
        assert etl.rows(REJECTED) == []


@pytest.mark.long
def test_contacts_and_attachments_that_cannot_be_kept_are_rejected_until_they_are_read_well(engine: Engine) -> None:
    account = account_of(2)
    events.add_message(account, 1, "a file", LONG_AGO + 600, attachments=[Attachment(4, "file", file_size=3)])
    wrong = {"on": True}

    @change_conversations
    def contacts(one: dict[str, Any]) -> None:
        if wrong["on"] and one["id"] == 2:
            one["meta"]["sender"]["created_at"] = nested(200)

    def attachments(one: dict[str, Any]) -> None:
        if wrong["on"]:
            for file in one.get("attachments", []):
                file["file_size"] = nested(200)

    change = both(contacts, change_messages_of_any_kind(attachments))
    with job(account, engine, change=change) as etl:
        assert etl.run().outcome == "incomplete"
        assert set(etl.rows(REJECTED)) == {
            ("attachment", "4", "file_size: expected a whole number, got an object"),
            ("contact", "2", "created_at: expected a time, got an object"),
        }
        wrong["on"] = False
        assert etl.run().outcome == "complete"
        assert etl.rows(REJECTED) == []
        assert etl.rows("SELECT file_size FROM attachments") == [(3,)]
        assert etl.rows("SELECT created_at IS NULL FROM contacts ORDER BY id") == [(False,), (False,)]


def test_harmless_values_beyond_range_become_null_and_are_kept_in_extra_and_counted(engine: Engine) -> None:
    @change_conversations
    def change(one: dict[str, Any]) -> None:
        if one["id"] == 2:
            one["waiting_since"] = 10**15
            one["unread_count"] = TOO_MUCH

    with job(account_of(3), engine, change=change) as etl:
        run = etl.run()
        assert etl.rows(
            "SELECT waiting_since, unread_count, extra->'waiting_since', extra->'unread_count'"
            " FROM conversations WHERE id = 2"
        ) == [(None, None, 10**15, TOO_MUCH)]
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = 2") == [(3,)]
    assert (run.outcome, run.tally.rejected) == ("complete", 0)
    assert notes_of(run) == ["2 values were beyond what PostgreSQL holds; `extra` has them."]


def test_what_postgresql_cannot_store_in_text_becomes_the_replacement_character_everywhere(engine: Engine) -> None:
    bad, good = "a\x00b\ud83dc", "a\ufffdb\ufffdc"

    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        one["custom_attributes"] = {bad: [bad, {bad: bad}]}
        one["labels"] = [bad]
        one["brand_new"] = bad
        one[bad] = 1
        one["meta"]["sender"]["name"] = bad
        for message in [*one["messages"], one["last_non_activity_message"]]:
            messages(message)

    def messages(one: dict[str, Any]) -> None:
        one["content"] = one["sender"]["name"] = bad
        one["content_attributes"] = {bad: bad}

    with job(account_of(1), engine, change=both(conversations, change_messages_of_any_kind(messages))) as etl:
        run = etl.run(contacts="seen")
        assert (run.outcome, run.tally.rejected) == ("complete", 0)
        # Five of the conversation, and three of each message: two in the list, three in the history.
        assert notes_of(run) == ["20 texts held characters that PostgreSQL does not store; they became U+FFFD."]
        assert etl.rows("SELECT custom_attributes, extra->>'brand_new', extra ? :key FROM conversations", key=good) == [
            ({good: [good, {good: good}]}, good, True)
        ]
        assert etl.rows("SELECT name FROM contacts WHERE id = 1") == [(good,)]
        assert etl.rows("SELECT label FROM conversation_labels") == [(good,)]
        assert etl.rows("SELECT DISTINCT content, content_attributes FROM messages") == [(good, {good: good})]
        assert etl.run().tally.counts["messages"]["updated"] == 0


def nested(levels: int) -> Any:
    value: Any = "the bottom"
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.long
def test_huge_long_and_deep_values_are_stored_whole(engine: Engine) -> None:
    account = empty_account()
    events.add_conversation(account, 1, 1, LONG_AGO)
    ten_megabytes = "עברית🙂" * 1_000_000
    files = [Attachment(one, "image", data_url=f"https://example.com/{one}") for one in range(1, 201)]
    events.add_message(account, 1, "files", LONG_AGO, attachments=files)
    events.add_message(account, 1, "deep", LONG_AGO + 1)
    events.add_message(account, 1, ten_megabytes, LONG_AGO + 2)
    events.add_message(account, 1, "newest", LONG_AGO + 3)

    def deep(one: dict[str, Any]) -> None:
        if one["id"] == 2:
            one["content_attributes"] = nested(150)

    with job(account, engine, change=change_messages_of_any_kind(deep)) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected) == ("complete", 0)
        assert etl.rows("SELECT content FROM messages WHERE id = 3") == [(ten_megabytes,)]
        assert etl.rows("SELECT content_attributes FROM messages WHERE id = 2") == [(nested(150),)]
        assert etl.rows("SELECT count(*), min(id), max(id) FROM attachments WHERE message_id = 1") == [(200, 1, 200)]
        assert etl.run().outcome == "complete"


def test_a_conversation_that_a_page_shows_twice_is_one_row_and_one_history(engine: Engine) -> None:
    def twice(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith(("/conversations", "/messages")):
            return answer
        value = orjson.loads(answer.body)
        value.get("data", value)["payload"] *= 2
        return json_answer(value)

    with job(account_of(30), engine, change=twice) as etl:
        run = etl.run()
        assert etl.asked()[1] == list(range(1, 31))
        assert etl.rows("SELECT count(*) FROM conversations") == [(30,)]
        assert etl.rows("SELECT count(*) FROM messages") == [(90,)]
    assert (run.outcome, run.tally.rejected, run.tally.counts["messages"]["inserted"]) == ("complete", 0, 90)


@pytest.mark.long
def test_a_number_that_becomes_a_text_of_digits_is_the_same_record(engine: Engine) -> None:
    texts = {"on": False}

    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        if texts["on"]:
            one["id"] = str(one["id"])
            one["meta"]["sender"]["id"] = str(one["meta"]["sender"]["id"])

    def messages(one: dict[str, Any]) -> None:
        if texts["on"]:
            one["id"] = str(one["id"])

    with job(account_of(7), engine, change=both(conversations, change_messages(messages))) as etl:
        etl.run()
        versions = "SELECT id, changed_at FROM conversations ORDER BY id"
        before = etl.rows(versions)
        texts["on"] = True
        run = etl.run()
        assert (run.outcome, run.tally.rejected, run.problems) == ("complete", 0, [])
        assert (run.ledger and run.ledger["loaded"], etl.rows(versions)) == (7, before)


HOSTILE = [
    "'); DROP TABLE helpdesk.messages; --",
    "<script>alert('x')</script><img src=x onerror=alert(1)>",
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "=HYPERLINK(\"http://evil\",\"x\")",
    "+1+1", "@SUM(A1)", "-2+3", "\\N", "\\.", "a\tb\\tc\r\nd\\", "%s %(x)s {} {0} $1 :name", "[bold red]x[/]",
    "\u202etxt.exe", "\ufeff", "",
]  # fmt: skip


def test_contents_that_look_like_code_are_stored_as_they_are(engine: Engine) -> None:
    account = account_of(1, messages=0)
    for at, content in enumerate(HOSTILE):
        events.add_message(account, 1, content, LONG_AGO + at)
    account.conversations[1].labels = ("'; DROP TABLE x; --", "\x1b[31m", "=1+1")
    account.contacts[1].name = "Robert'); DROP TABLE contacts;--\x1b[0m"
    events.set_custom_attributes(account, 1, {"\x1b[2J' OR 1=1": "\\u0041 \\x00"}, LONG_AGO)
    with job(account, engine) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected) == ("complete", 0)
        assert [one for (one,) in etl.rows("SELECT content FROM messages ORDER BY id")] == HOSTILE
        assert etl.rows("SELECT name FROM contacts WHERE id = 1") == [("Robert'); DROP TABLE contacts;--\x1b[0m",)]
        assert {one for (one,) in etl.rows("SELECT label FROM conversation_labels")} == set(
            account.conversations[1].labels
        )
        assert etl.rows("SELECT custom_attributes FROM conversations") == [({"\x1b[2J' OR 1=1": "\\u0041 \\x00"},)]


@pytest.mark.long
@pytest.mark.parametrize("arguments", [("sync",), ("sync", "--json")])
def test_escapes_for_the_terminal_reach_neither_the_summary_nor_the_log(
    etl: RunEtl, database_url: str, arguments: tuple[str, ...]
) -> None:
    escape = "\x1b[31m\x1b]0;owned\x07\x9b[2J[bold]"
    account = account_of(3)
    account.conversations[2].custom_attributes = {"x": escape}
    app = Vendor(account)

    @change_conversations
    def change(one: dict[str, Any]) -> None:
        one[f"new{escape}"] = escape  # an unknown field is named in the summary
        if one["id"] == 3:
            one["created_at"] = escape

    def answer(request: Request) -> Answer:
        given = app(request)
        if request.path.endswith("/conversations/1/messages"):
            return Answer(500, f"it broke: {escape}".encode(), "text/plain")
        if request.path.endswith("/profile"):
            return Answer(302, headers={"Location": "https://evil.example/\x9b31m"})
        return change(request, given)

    with serve(answer) as url:
        variables = {"ETL_BASE_URL": url, "ETL_ACCOUNT_ID": "1", "ETL_API_TOKEN": "demo-token"}
        done = etl(*arguments, DATABASE_URL=database_url, ETL_RETRY_ATTEMPTS="2", **variables)
    assert done.returncode == 3
    assert "it broke:" in done.stdout
    assert "it broke:" in done.stderr
    for said in (done.stdout, done.stderr):
        assert not {one for one in said if (ord(one) < 32 and one != "\n") or 127 <= ord(one) < 160}
