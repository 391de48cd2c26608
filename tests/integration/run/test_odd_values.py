"""An unimportant field never costs the record: what is plainly meant is read, the rest costs its own value alone."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Attachment
from etl.selection import Selection
from tests.integration.run.test_bad_records import change_conversations
from tests.scripted_account import LONG_AGO, account_of, change_messages, job, notes_of

NOTE = "values were of another kind than their columns, which are NULL; `extra` has them."


def test_numbers_times_and_objects_of_another_kind_are_what_they_plainly_mean(engine: Engine) -> None:
    account = account_of(1)
    file = Attachment(1, "video", data_url="https://files.example/v.mp4")
    events.add_message(account, 1, "a video", LONG_AGO + 600, attachments=[file])

    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        one["unread_count"], one["inbox_id"], one["created_at"] = 2.0, "1", str(LONG_AGO)
        one["custom_attributes"] = '{"plan": "gold"}'

    def messages(one: dict[str, Any]) -> None:
        one["source_id"], one["message_type"] = 123456789012345678, str(one["message_type"])
        one["created_at"] = "2023-11-14 22:13:20 UTC"
        one["content_attributes"] = '{"in_reply_to": 7, "deleted": true}'
        for sent in one.get("attachments", ()):
            sent["width"], sent["height"], sent["file_size"] = 640.0, "480", 12345.0

    def change(request: Any, answer: Any) -> Any:
        return change_messages(messages)(request, conversations(request, answer))

    with job(account, engine, change=change) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected, notes_of(run), run.problems) == ("complete", 0, [], [])
        assert etl.rows("SELECT unread_count, inbox_id, extract(epoch FROM created_at)::bigint FROM conversations") == [
            (2, 1, LONG_AGO)
        ]
        assert etl.rows("SELECT custom_attributes FROM conversations") == [({"plan": "gold"},)]
        assert etl.rows(
            "SELECT DISTINCT source_id, message_type, extract(epoch FROM created_at)::bigint, content_attributes,"
            " deleted FROM messages"
        ) == [("123456789012345678", "incoming", LONG_AGO, {"in_reply_to": 7, "deleted": True}, True)]
        assert etl.rows("SELECT width, height, file_size FROM attachments") == [(640, 480, 12345)]
        assert etl.asked()[1] == [1]
        assert etl.run().outcome == "complete"
        assert etl.asked()[1] == []  # its history is closed


UNREADABLE = [
    ("conversations", "muted", "no"),
    ("conversations", "unread_count", "many"),
    ("conversations", "inbox_id", [1]),
    ("conversations", "snoozed_until", "soon"),
    ("conversations", "waiting_since", {"at": 1}),
    ("messages", "status", 7),
    ("messages", "source_id", {"wamid": "x"}),
    ("messages", "content_type", 3),
    ("messages", "inbox_id", True),
]


@pytest.mark.parametrize(("table", "name", "value"), UNREADABLE)
def test_what_cannot_be_read_costs_its_own_value_which_is_kept_in_extra_and_counted(
    engine: Engine, table: str, name: str, value: Any
) -> None:
    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        if table == "conversations" and one["id"] == 2:
            one[name] = value

    def messages(one: dict[str, Any]) -> None:
        if table == "messages" and one["id"] == 5:
            one[name] = value

    def change(request: Any, answer: Any) -> Any:
        return change_messages(messages)(request, conversations(request, answer))

    with job(account_of(3), engine, change=change) as etl:
        run = etl.run()
        assert (run.outcome, run.tally.rejected, run.problems, notes_of(run)) == ("complete", 0, [], [f"1 {NOTE}"])
        which = 2 if table == "conversations" else 5
        assert etl.rows(f"SELECT {name}, extra->'{name}' FROM {table} WHERE id = {which}") == [(None, value)]
        assert etl.rows("SELECT (SELECT count(*) FROM conversations), (SELECT count(*) FROM messages)") == [(3, 9)]
        assert etl.run().outcome == "complete"
        assert etl.asked()[1] == []


ODD_FOR_A_WHILE = [
    ("conversations", "muted", "no", False),
    ("conversations", "meta.hmac_verified", "perhaps", None),
    pytest.param("conversations", "unread_count", "many", 2, marks=pytest.mark.long),
    ("messages", "content_type", 3, "text"),
    pytest.param("messages", "source_id", {"wamid": "x"}, None, marks=pytest.mark.long),
]


@pytest.mark.long
@pytest.mark.parametrize(("table", "path", "value", "readable"), ODD_FOR_A_WHILE)
def test_what_can_be_read_again_is_no_longer_kept_in_extra_beside_its_column(
    engine: Engine, table: str, path: str, value: Any, readable: Any
) -> None:
    sent, (outer, _, name) = [value], path.rpartition(".")

    def put(one: dict[str, Any]) -> None:
        (one[outer] if outer else one)[name] = sent[0]
        one["colour"] = "red"  # which no column holds, and which stays

    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        if table == "conversations":
            put(one)

    def change(request: Any, answer: Any) -> Any:
        changed = conversations(request, answer)
        return change_messages(put)(request, changed) if table == "messages" else changed

    look = f"SELECT DISTINCT {name}, extra - '{{sentiment,conversation}}'::text[] FROM {table}"
    backfill = Selection(kind="backfill")
    with job(account_of(1), engine, change=change) as etl:
        etl.run()
        assert etl.rows(look) == [(None, {path: value, "colour": "red"})]
        sent[0] = readable
        assert etl.run(backfill).outcome == "complete"
        assert etl.rows(look) == [(readable, {"colour": "red"})]
        sent[0] = value
        # One conversation is odd; that none of three messages can be read is a change, by which nothing is overwritten.
        told = ("complete", None) if table == "conversations" else ("incomplete", readable)
        assert (etl.run(backfill).outcome, etl.rows(look)) == (told[0], [(told[1], {path: value, "colour": "red"})])


def test_half_a_pixel_costs_the_width_and_not_the_attachment(engine: Engine) -> None:
    account = account_of(1)
    events.add_message(
        account, 1, "x", LONG_AGO + 600, attachments=[Attachment(1, "image", data_url="https://x.example")]
    )

    def halves(one: dict[str, Any]) -> None:
        for sent in one.get("attachments", ()):
            sent["width"] = 640.5

    with job(account, engine, change=change_messages(halves)) as etl:
        run = etl.run()
        assert (run.outcome, notes_of(run)) == ("complete", [f"1 {NOTE}"])
        assert etl.rows("SELECT width, extra FROM attachments") == [(None, {"width": 640.5})]


FACTS = [
    ("conversations", "status", 7),
    ("conversations", "created_at", "yesterday"),
    ("messages", "message_type", {"type": 1}),
    ("messages", "created_at", {"at": 1}),
    ("messages", "private", "no"),
]


@pytest.mark.long
@pytest.mark.parametrize(("table", "name", "value"), FACTS)
def test_what_figures_rest_on_costs_the_record_so_that_no_figure_is_wrong_under_a_green_status(
    engine: Engine, table: str, name: str, value: Any
) -> None:
    wrong = {"on": False}

    @change_conversations
    def conversations(one: dict[str, Any]) -> None:
        if wrong["on"] and table == "conversations" and one["id"] == 2:
            one[name] = value

    def messages(one: dict[str, Any]) -> None:
        if wrong["on"] and table == "messages" and one["id"] == 5:
            one[name] = value

    def change(request: Any, answer: Any) -> Any:
        return change_messages(messages)(request, conversations(request, answer))

    account = account_of(3)
    with job(account, engine, change=change) as etl:
        etl.run()
        held = f"SELECT {name} FROM {table} WHERE id = {2 if table == 'conversations' else 5}"
        before = etl.rows(held)
        wrong["on"] = True
        events.add_message(account, 2, "one more", LONG_AGO + 40_000)
        for _ in range(2):  # nor is it forgotten the second night
            assert etl.run().outcome == "incomplete"
            assert etl.rows(held) == before
        wrong["on"] = False
        assert (etl.run().outcome, etl.rows(held)) == ("complete", before)
