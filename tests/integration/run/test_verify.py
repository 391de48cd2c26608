"""Verifying: what is stored is read again from the vendor and compared field by field, and what is wrong is found."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account, Attachment
from etl.demo.events import (
    add_conversation,
    add_message,
    change_conversation,
    delete_conversation,
    edit_message,
    remove_agent,
    see,
)
from etl.demo.server import Answer, Request
from etl.errors import AnotherRun, Denied, SettingsError
from etl.load import run_lock
from etl.monitoring import run_history
from etl.monitoring.status import judge
from etl.privacy import redact, removal
from etl.privacy.rules import way_of
from etl.run import verify
from etl.run.sampling import Wanted
from etl.run.verify import Verification
from etl.settings.settings import Settings
from tests.personal_data import KEY, whole_tables
from tests.scripted_account import LONG_AGO, Job, account_of, change_messages, empty_account, job, now, server_fault

ALL = Wanted(sample=None)
PARTIAL = "Messages known from the vendor's search only: 1. None of them was drawn."
NEWEST, OLD = "2026", "2.14"


def verified(etl: Job, wanted: Wanted = ALL, *, repair: bool = False, **settings: Any) -> Verification:
    values = {"base_url": etl.url, "api_token": "demo-token", "retry_attempts": 1, "account_id": 1} | settings
    etl.vendor.requests.clear()
    return verify.verify(Settings(**values), etl.engine, wanted, repair=repair)


def falsify(etl: Job, *statements: str) -> None:
    """Change what is stored, behind the job's back."""
    with etl.engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path TO helpdesk"))
        for statement in statements:
            connection.execute(text(statement))


def told(found: Verification) -> list[tuple[Any, ...]]:
    return [tuple(difference) for difference in found.findings.differences]


def rich_account() -> Account:
    """Return an account of twelve conversations, of which the first has everything that one can have."""
    account = account_of(12)
    first = account.conversations[1]
    first.labels, first.priority, first.custom_attributes = ("vip", "bug"), "high", {"plan": "gold", "seats": 2**60 + 1}
    first.assignee_id, first.team_id = 2, 1
    first.messages[1].attachments = [
        Attachment(1, "image", "https://example.com/1.png?signed=1", width=640, height=480),
        Attachment(2, "location", coordinates_lat=32.0853, coordinates_long=34.78176),
    ]
    return account


@pytest.mark.parametrize("behaviour", ["2.14", "4.7", "2026"])
def test_after_a_run_everything_is_equal(engine: Engine, behaviour: str) -> None:
    with job(rich_account(), engine, behaviour=behaviour) as etl:
        assert etl.run().outcome == "complete"
        found = verified(etl)
        assert (told(found), found.outcome, found.findings.failures) == ([], "complete", [])
        assert (found.messages.compared, found.conversations.compared) == (36, 12)
        assert (found.messages.bound, found.conversations.bound) == (0, 0)
        # An old server misreads the window: until it has shown that, some histories are asked for twice or thrice.
        assert found.requests == len(etl.vendor.requests) <= 1 + 2 * 12 + 2 * (12 if behaviour == OLD else 0)


WRONG: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "a text": (
        "UPDATE messages SET content = 'invented' WHERE id = 5",
        [("messages", 5, "content", "invented", "message 1 of 2 🙂")],
    ),
    "a time, by a second": (
        "UPDATE messages SET created_at = created_at + interval '1 second' WHERE id = 5",
        [("messages", 5, "created_at", "2023-11-14 23:14:21+00", "2023-11-14 23:14:20+00")],
    ),
    "a status": (
        "UPDATE conversations SET status = 'resolved' WHERE id = 7",
        [("conversations", 7, "status", "resolved", "open")],
    ),
    "a value that is not there": (
        "UPDATE conversations SET assignee_id = NULL, assignee_type = NULL WHERE id = 1",
        [("conversations", 1, "assignee_id", None, "2"), ("conversations", 1, "assignee_type", None, "user")],
    ),
    "a value that should not be there": (
        "UPDATE conversations SET team_id = 1 WHERE id = 2",
        [("conversations", 2, "team_id", "1", None)],
    ),
    "a clock": (
        "UPDATE conversations SET last_activity_at = last_activity_at + interval '1 hour' WHERE id = 2",
        [("conversations", 2, "last_activity_at", "2023-11-15 00:15:20+00", "2023-11-14 23:15:20+00")],
    ),
    "a number within JSON": (
        """UPDATE conversations SET custom_attributes = '{"plan": "gold", "seats": 1152921504606846978}'
        WHERE id = 1""",
        [
            (
                *("conversations", 1, "custom_attributes"),
                '{"plan": "gold", "seats": 1152921504606846978}',
                '{"plan": "gold", "seats": 1152921504606846977}',
            )
        ],
    ),
    "a label that is lost": (
        "DELETE FROM conversation_labels WHERE label = 'bug'",
        [("conversations", 1, "labels", "vip", "bug, vip")],
    ),
    "a label that nobody gave": (
        "INSERT INTO conversation_labels (account_id, conversation_id, label) VALUES (1, 3, 'bug')",
        [("conversations", 3, "labels", "bug", None)],
    ),
    "an attachment that is lost": (
        "DELETE FROM attachments WHERE id = 2",
        [("attachments", 2, "the record", "missing", "there")],
    ),
    "an attachment that nobody sent": (
        "INSERT INTO attachments (account_id, id, message_id, file_type) VALUES (1, 9, 4, 'image')",
        [("attachments", 9, "the record", "there", "missing")],
    ),
    "an attachment's width": (
        "UPDATE attachments SET width = 641 WHERE id = 1",
        [("attachments", 1, "width", "641", "640")],
    ),
    "a message that is lost": (
        "DELETE FROM messages WHERE id = 8",
        [("messages", 8, "the record", "missing", "there")],
    ),
    "the newest message that is lost": (
        "DELETE FROM messages WHERE id = 36",
        [("messages", 36, "the record", "missing", "there")],
    ),
    "a message that nobody wrote": (
        """INSERT INTO messages (account_id, id, conversation_id, message_type, created_at)
        VALUES (1, 99, 4, 'incoming', '2023-11-15')""",
        [("messages", 99, "the record", "there", "missing")],
    ),
    "a message that is said to be removed": (
        "UPDATE messages SET removed_at = '2024-01-01' WHERE id = 23",
        [("messages", 23, "removed_at", "2024-01-01 00:00:00+00", None)],
    ),
    "a message of which only a part is stored": (
        "UPDATE messages SET partial = true WHERE id = 26",
        [("messages", 26, "partial", "true", "false")],
    ),
    "a conversation that is said to be deleted": (
        "UPDATE conversations SET deleted_at = '2024-01-01' WHERE id = 10",
        [("conversations", 10, "deleted_at", "2024-01-01 00:00:00+00", None)],
    ),
}


def test_whatever_is_wrong_is_found_by_name_and_repaired(engine: Engine) -> None:
    with job(rich_account(), engine) as etl:
        etl.run()
        before = whole_tables(engine)
        falsify(etl, *(statement for statement, _ in WRONG.values()))
        found = verified(etl, repair=True)
        assert sorted(told(found), key=str) == sorted((one for _, all_ in WRONG.values() for one in all_), key=str)
        assert (found.repaired, found.faults, found.remarks) == (len(found.findings.to_repair), [], [PARTIAL])
        assert found.outcome == "complete"  # all was compared, and is equal by now
        again = verified(etl)
        assert (told(again), again.outcome) == ([], "complete")
        after = whole_tables(engine)
        for table in ("conversation_labels", "attachments"):
            assert after[table] == before[table]
        # What nobody wrote stays, marked, and the next run reads that conversation once more.
        assert [row["id"] for row in after["messages"] if row not in before["messages"]] == [99]


@pytest.mark.long
def test_a_message_that_is_in_another_conversation_is_wrong_in_both(engine: Engine) -> None:
    with job(account_of(6), engine) as etl:
        etl.run()
        falsify(etl, "UPDATE messages SET conversation_id = 4 WHERE id = 17")
        found = verified(etl)
        assert told(found) == [
            ("messages", 17, "the record", "there", "missing"),
            ("messages", 17, "conversation_id", "4", "6"),
        ]
        assert set(found.findings.to_repair) == {4, 6}


@pytest.mark.long
@pytest.mark.parametrize("number", [4, 12])
def test_a_conversation_of_which_every_row_is_lost_is_found(engine: Engine, number: int) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        removal.remove(engine, 1, [number])
        found = verified(etl, repair=True)
        assert told(found)[0] == ("conversations", number, "the record", "missing", "there")
        assert (set(found.findings.to_repair), found.repaired, found.outcome) == ({number}, 1, "complete")
        assert etl.rows("SELECT count(*) FROM messages WHERE conversation_id = :number", number=number) == [(3,)]


def test_it_writes_nothing_but_its_own_row_unless_it_is_told_to_repair(engine: Engine) -> None:
    with job(rich_account(), engine) as etl:
        etl.run()
        falsify(etl, WRONG["a text"][0], WRONG["a label that is lost"][0])
        before = whole_tables(engine)
        found = verified(etl, Wanted(sample=30, seed=4711))
        after = whole_tables(engine)
        assert (before.pop("verifications"), len(after.pop("verifications"))) == ([], 1)
        assert after == before
        columns = "selection, sample, seed, conversations, messages, conversations_differing, messages_differing"
        assert etl.rows(f"SELECT {columns}, unreadable, repaired, confidence FROM verifications") == [
            (None, 30, 4711, 12, 30, 2, found.findings.messages.differing, 0, 0, 0.95)
        ]
        assert etl.rows("SELECT messages_bound, fields FROM verifications") == [
            (found.messages.bound, found.findings.fields)
        ]
        assert found.outcome == "incomplete"


def test_the_same_seed_draws_the_same_and_another_one_another(engine: Engine) -> None:
    with job(account_of(30), engine) as etl:
        etl.run()
        asked = []
        for seed in (7, 7, 8):
            found = verified(etl, Wanted(sample=9, seed=seed))
            assert (found.messages.drawn, found.conversations.drawn, found.outcome) == (9, 9, "complete")
            asked.append(sorted(request.path for request in etl.vendor.requests))
        assert asked[0] == asked[1] != asked[2]


Event = Callable[[Account], object]


@pytest.mark.parametrize(
    ("behaviour", "event"),
    [
        (NEWEST, lambda account: add_message(account, 3, "new", now())),
        (OLD, lambda account: add_message(account, 3, "new", now())),
        (NEWEST, lambda account: change_conversation(account, 3, now(), None, priority="high")),
        (OLD, lambda account: change_conversation(account, 3, now(), 1, status="resolved")),
        (NEWEST, lambda account: add_message(account, 3, "imported", now(), created_at=LONG_AGO)),
        (NEWEST, lambda account: add_conversation(account, 1, 1, now())),
    ],
)
def test_what_changed_since_it_was_read_is_no_difference(engine: Engine, behaviour: str, event: Event) -> None:
    account = account_of(12)
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run()
        event(account)
        found = verified(etl)
        changed = found.findings.conversations.changed
        assert (told(found), found.outcome) == ([], "complete")
        assert changed == (0 if 13 in account.conversations else 1)
        assert found.conversations.compared == 12 - changed


@pytest.mark.parametrize(
    ("behaviour", "event", "expected"),
    [
        (
            NEWEST,
            lambda account: edit_message(account, 3, 8, now(), content="edited"),
            [("messages", 8, "content", "message 1 of 3 🙂", "edited")],
        ),
        (
            OLD,
            lambda account: add_message(account, 3, "imported", now(), created_at=LONG_AGO + 7_300),
            [
                ("conversations", 3, "last_activity_at", "2023-11-15 00:15:20+00", "2023-11-15 00:15:00+00"),
                ("conversations", 3, "last_non_activity_message_id", "9", "37"),
                ("messages", 37, "the record", "missing", "there"),
            ],
        ),
        (
            NEWEST,
            lambda account: delete_conversation(account, 3),
            [("conversations", 3, "the record", "there", "missing")],
        ),
    ],
)
def test_what_changed_and_no_clock_tells_is_one(
    engine: Engine, behaviour: str, event: Event, expected: list[tuple[Any, ...]]
) -> None:
    account = account_of(12)
    with job(account, engine, behaviour=behaviour) as etl:
        etl.run()
        event(account)
        found = verified(etl)
        assert (told(found), found.outcome) == (expected, "incomplete")


@pytest.mark.long
def test_what_moves_without_anything_changing_is_not_compared(engine: Engine) -> None:
    account = account_of(12)
    with job(account, engine, behaviour=NEWEST) as etl:
        etl.run()
        see(account, 3, now())
        account.conversations[4].can_reply = False
        account.agents[1].availability_status = "busy"
        assert (told(found := verified(etl)), found.outcome) == ([], "complete")


@pytest.mark.long
def test_an_owner_who_left_is_told_of_no_clock(engine: Engine) -> None:
    account = rich_account()
    with job(account, engine) as etl:
        etl.run()
        remove_agent(account, 2)
        assert told(verified(etl)) == [
            ("conversations", 1, "assignee_id", "2", None),
            ("conversations", 1, "assignee_type", "user", None),
        ]


def test_what_cannot_be_read_is_not_equal(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()

    def broken(request: Request, answer: Answer) -> Answer:
        return server_fault() if request.path.endswith(("/5/messages", "conversations/7")) else answer

    with job(account_of(12), engine, change=broken) as etl:
        found = verified(etl)
        assert (told(found), found.outcome, found.findings.unreadable) == ([], "incomplete", 2)
        assert (found.messages.drawn, found.messages.compared) == (36, 30)
        # Nothing is known of six messages: all of them may be wrong.
        assert found.messages.bound == pytest.approx(6 / 36)


@pytest.mark.long
def test_what_cannot_be_stored_is_not_equal_either(engine: Engine) -> None:
    def spoiled(message: dict[str, Any]) -> None:
        message["created_at"] = "never" if message["id"] == 8 else message["created_at"]

    with job(account_of(6), engine, change=change_messages(spoiled)) as etl:
        assert etl.run().tally.rejected == 1
        found = verified(etl)
        assert (told(found), found.outcome, found.conversations.compared) == ([], "incomplete", 5)
        assert found.findings.failures == ["Conversation 3: 1 messages could not be read again."]


def test_a_dead_token_fails_at_once(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        with pytest.raises(Denied):
            verified(etl, api_token="dead")
        assert len(etl.vendor.requests) == 1


@pytest.mark.long
def test_while_a_run_goes_on_nothing_is_compared(engine: Engine) -> None:
    with job(account_of(2), engine) as etl:
        etl.run()
        falsify(etl, "UPDATE sync_runs SET outcome = 'running'")
        with run_lock.hold(engine, 1):
            falsify(etl, "UPDATE sync_runs SET outcome = 'running'")
            with pytest.raises(AnotherRun):
                verified(etl)


def test_an_account_of_which_nothing_is_stored_cannot_be_verified(engine: Engine) -> None:
    with job(account_of(2), engine) as etl, pytest.raises(SettingsError, match="Nothing of account 1 is stored"):
        verified(etl)


def test_tables_that_are_empty_are_not_equal_to_anything(engine: Engine) -> None:
    with job(empty_account(), engine) as etl:
        etl.run()
        found = verified(etl)
        assert (found.outcome, found.messages.bound) == ("incomplete", None)


@pytest.mark.parametrize("settings", [{"pii": "hash", "pii_key": KEY}, {"pii": "drop"}])
def test_where_personal_data_are_not_kept_what_is_stored_instead_is_compared(
    engine: Engine, settings: dict[str, Any]
) -> None:
    with job(rich_account(), engine) as etl:
        etl.run(**settings)
        assert (told(found := verified(etl, **settings)), found.outcome) == ([], "complete")
        with pytest.raises(SettingsError, match="ETL_PII"):
            verified(etl)
        falsify(etl, "UPDATE messages SET content_digest = content_digest || '0' WHERE id = 5")
        assert [one[:3] for one in told(verified(etl, **settings))] == [("messages", 5, "content_digest")]


NO_DIGEST = (
    "The texts of {} messages were not compared: no digest of them is stored that was made with the key of now"
    " (ETL_PII)."
)


@pytest.mark.long
def test_digests_of_another_token_are_no_difference_and_it_is_said_of_how_many_texts(engine: Engine) -> None:
    account = rich_account()
    with job(account, engine) as etl:
        etl.run(pii="drop")
    with job(account, engine, token="another-token") as etl:
        settings = {"pii": "drop", "api_token": "another-token"}
        for untold in (36, 24):  # the list of conversations carries the last message of each
            found = verified(etl, **settings)
            assert (told(found), found.outcome, found.remarks) == ([], "complete", [NO_DIGEST.format(untold)])
            etl.run(**settings)
        falsify(etl, "UPDATE messages SET status = 'failed' WHERE id = 5")
        falsify(etl, """UPDATE conversations SET digests = '{"custom_attributes": {}}' WHERE id = 1""")
        assert [one[:3] for one in told(verified(etl, **settings))] == [
            ("conversations", 1, "digests"),
            ("messages", 5, "status"),
        ]


def test_after_hashes_were_dropped_what_is_equal_stays_equal(engine: Engine) -> None:
    with job(rich_account(), engine) as etl:
        etl.run(pii="hash", pii_key=KEY)
        dropped = Settings(base_url=etl.url, api_token="demo-token", account_id=1, pii="drop")
        redact.redact(engine, 1, way_of(dropped), lambda *_: None)
        for untold in (36, 24):
            found = verified(etl, pii="drop")
            assert (told(found), found.outcome, found.remarks) == ([], "complete", [NO_DIGEST.format(untold)])
            etl.run(pii="drop")


@pytest.mark.long
@pytest.mark.parametrize("wanted", [ALL, Wanted(sample=30, seed=5), Wanted(sample=None, conversations=(2, 3))])
def test_of_what_was_repaired_no_row_is_left_for_the_status_to_warn_of(engine: Engine, wanted: Wanted) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        falsify(etl, "UPDATE messages SET content = 'invented' WHERE conversation_id IN (2, 3)")
        found = verified(etl, wanted, repair=True)
        assert found.repaired == 2
        assert found.messages.differing + found.conversations.differing > 2
        assert etl.rows("SELECT rows_found_differing FROM bi.sync_health") == [(0,)]
        (standing,) = run_history.standings(engine, [1])
        assert "the last verification found" not in judge(standing, datetime.now(UTC), timedelta(days=1)).said


@pytest.mark.long
def test_what_one_conversation_was_found_to_be_says_nothing_of_all_messages(engine: Engine) -> None:
    shown = "SELECT messages_differing_at_most > 0, rows_found_differing FROM bi.sync_health"

    def said() -> str:
        (standing,) = run_history.standings(engine, [1])
        return judge(standing, datetime.now(UTC), timedelta(days=1)).said

    with job(account_of(12), engine) as etl:
        etl.run()
        verified(etl, Wanted(sample=None, conversations=(2,)))
        assert etl.rows(shown) == [(None, 0)]
        assert "verified" not in said()
        verified(etl, Wanted(sample=6, seed=1))
        assert (etl.rows(shown), "with 95% confidence" in said()) == ([(True, 0)], True)
        falsify(etl, "UPDATE messages SET content = 'invented' WHERE conversation_id IN (2, 3)")
        verified(etl, Wanted(sample=None, conversations=(2,)))
        assert (etl.rows(shown), "with 95% confidence" in said()) == ([(True, 4)], True)
        assert "the last verification found 4 rows that differ" in said()
        verified(etl)
        verified(etl, Wanted(sample=None, conversations=(2,)), repair=True)
        assert etl.rows(shown) == [(True, 8)]
        verified(etl, repair=True)
        assert etl.rows(shown) == [(False, 0)]  # all of it was compared, and nothing differs any more


def test_of_a_range_only_what_was_going_on_then_is_compared(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        ((since, until),) = etl.rows(
            "SELECT (SELECT created_at FROM conversations WHERE id = 3), created_at FROM conversations WHERE id = 6"
        )
        found = verified(etl, Wanted(sample=None, since=since, until=until))
        assert (found.conversations.compared, found.messages.compared) == (3, 9)
        drawn = verified(etl, Wanted(sample=4, seed=1, since=since, until=until))
        assert (drawn.messages.population, drawn.conversations.population) == (9, 3)


def test_a_conversation_by_its_number_is_compared_whole(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        falsify(etl, WRONG["a text"][0])
        assert told(verified(etl, Wanted(None, conversations=(3,)))) == []
        assert told(verified(etl, Wanted(None, conversations=(2, 3)))) == WRONG["a text"][1]
